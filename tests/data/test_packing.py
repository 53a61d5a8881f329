"""A pack holds what the decoder gives, whole or not at all, and is read without being loaded."""

import csv
import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dcgan.config import PackConfig
from dcgan.data import packing
from dcgan.data.pack import Pack, PackInfo, Reading, save_array, shard_file
from dcgan.data.packing import Part, choose_size, matching_pack, open_pack, pack
from dcgan.data.readers.folder import Folder
from dcgan.data.readers.items import Source
from dcgan.data.sources import open_source
from dcgan.errors import DCGANError
from dcgan.images import decode
from dcgan.size import Size
from tests.conftest import drawn_picture

SIXTEEN = PackConfig(size=Size(16, 16))


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards of five pictures of 16x16, read in chunks of two."""
    monkeypatch.setattr(packing, "SHARD_BYTES", 5 * 16 * 16 * 3)
    monkeypatch.setattr(packing, "CHUNK", 2)


def test_holds_what_the_decoder_gives(photos: Path, tmp_path: Path, small_shards: None) -> None:
    made = pack(photos, tmp_path / "pack", SIXTEEN)
    files = Folder(photos, "photos").files
    wanted = np.stack([decode((photos / f).read_bytes(), Size(16, 16)) for f in files])
    assert len(made) == 12
    assert made.info.shards == (5, 5, 2)
    indices = np.array([11, 0, 5, 4, 5, 9])
    assert np.array_equal(made.pictures(indices), wanted[indices])
    assert sorted(p.name for p in made.path.iterdir()) == [
        "images-00000.npy",
        "images-00001.npy",
        "images-00002.npy",
        "pack.json",
        "skipped.csv",
    ]
    assert np.load(made.path / "images-00001.npy").shape == (5, 16, 16, 3)


def test_unreadable_pictures_are_listed(photos: Path, tmp_path: Path, small_shards: None) -> None:
    (photos / "bad, really.png").write_bytes(b"words")
    drawn_picture(1, 200, 200).save(photos / "more" / "cut.png")
    (photos / "more" / "cut.png").write_bytes((photos / "more" / "cut.png").read_bytes()[:-150])
    made = pack(photos, tmp_path / "pack", SIXTEEN)
    assert len(made) == 12
    assert made.info.skipped == 2
    with (made.path / "skipped.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["picture", "reason"]
    assert rows[1] == ["bad, really.png", "not a picture of a known kind"]
    assert rows[2][0] == "more/cut.png"
    assert rows[2][1].startswith("damaged")


def test_labels(classes: Path, tmp_path: Path, small_shards: None) -> None:
    (classes / "bee" / "bad.png").write_bytes(b"words")
    made = pack(classes, tmp_path / "pack", SIXTEEN)
    assert made.labels("class").tolist() == [0.0] * 4 + [1.0] * 4 + [2.0] * 4
    assert made.class_names("class") == ("ant", "bee", "cat")
    with pytest.raises(DCGANError, match=r"no label column 'clas'. Did you mean 'class'\?"):
        made.labels("clas")


def test_labels_of_a_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dcgan.data.sources.WORLD_PICTURES", 20)
    made = open_pack("faces", SIXTEEN)
    assert made.class_names("smile") == ("no", "yes")
    assert set(made.labels("smile").tolist()) <= {0.0, 1.0}
    with pytest.raises(DCGANError, match="'turn' holds numbers, not classes"):
        made.class_names("turn")


def test_no_labels(photos: Path) -> None:
    with pytest.raises(DCGANError, match="photos has no label column 'class'. It has none"):
        open_pack(photos, SIXTEEN).labels("class")


def test_channels_are_found(tmp_path: Path, small_shards: None) -> None:
    folder = tmp_path / "grey"
    folder.mkdir()
    for number in range(7):
        drawn_picture(number).convert("L").convert("RGB").save(folder / f"{number}.png")
    made = open_pack(folder, SIXTEEN)
    assert made.info.channels == 1
    wanted = decode((folder / "3.png").read_bytes(), Size(16, 16), 1)
    assert np.array_equal(made.pictures(np.array([3]))[0], wanted)
    assert open_pack(folder, PackConfig(size=Size(16, 16), channels=3)).info.channels == 3
    drawn_picture(1).save(folder / "colour.png")
    assert open_pack(folder, SIXTEEN).info.channels == 3


def test_alpha_is_kept_when_asked_for(tmp_path: Path) -> None:
    Image.new("RGBA", (16, 16), (1, 2, 3, 4)).save(tmp_path / "clear.png")
    made = open_pack(tmp_path, PackConfig(size=Size(16, 16), channels=4))
    assert made.pictures(np.array([0]))[0, 0, 0].tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("sizes", "chosen"),
    [
        ([(32, 32)] * 3, "32"),
        ([(80, 48)] * 3, "48"),
        ([(60, 40)] * 3, "40"),
        ([(40, 24)] * 3, "24x40"),
        ([(300, 400), (50, 900)], "64"),
        ([(50, 50), (52, 60), (90, 53)], "48"),
        ([(5, 5)], "8"),
    ],
)
def test_size_is_the_source_s_own_up_to_64(
    tmp_path: Path, sizes: list[tuple[int, int]], chosen: str
) -> None:
    for number, size in enumerate(sizes):
        Image.new("RGB", size).save(tmp_path / f"{number}.png")
    assert choose_size(open_source(tmp_path)) == Size.of(chosen)


def test_same_content_same_digest(photos: Path, tmp_path: Path, small_shards: None) -> None:
    first = pack(photos, tmp_path / "one", SIXTEEN)
    copy = tmp_path / "copy"
    photos.rename(copy)
    again = pack(copy, tmp_path / "two", SIXTEEN)
    assert first.info.digest == again.info.digest
    drawn_picture(30).save(copy / "00.bmp")
    assert pack(copy, tmp_path / "three", SIXTEEN).info.digest != first.info.digest


def test_cache_is_used_until_the_source_changes(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = open_pack(photos, SIXTEEN)
    with monkeypatch.context() as patch:
        patch.setattr(packing, "read_part", lambda *_, **__: pytest.fail("decoded again"))
        assert open_pack(photos, SIXTEEN).path == first.path
        assert open_pack(first.path, SIXTEEN).path == first.path
    drawn_picture(9).save(photos / "new.png")
    assert len(open_pack(photos, SIXTEEN)) == 13


def test_goes_on_behind_the_last_whole_shard(
    photos: Path, tmp_path: Path, small_shards: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = pack(photos, tmp_path / "wanted", SIXTEEN)
    read = packing.read_part
    asked: list[int] = []

    def interrupted(source: Source, indices: Sequence[int], config: PackConfig) -> Part:
        if indices[0] >= 10:
            raise KeyboardInterrupt
        return read(source, indices, config)

    def watched(source: Source, indices: Sequence[int], config: PackConfig) -> Part:
        asked.extend(indices)
        return read(source, indices, config)

    monkeypatch.setattr(packing, "read_part", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pack(photos, tmp_path / "pack", SIXTEEN)
    assert not (tmp_path / "pack").exists()
    monkeypatch.setattr(packing, "read_part", watched)
    assert pack(photos, tmp_path / "pack", SIXTEEN).info == wanted.info
    assert asked == [10, 11]


PACK_SLOWLY = """
import sys, time
from dcgan.config import PackConfig
from dcgan.data import packing
from dcgan.size import Size

packing.SHARD_BYTES, packing.CHUNK = 2 * 16 * 16 * 3, 1
read = packing.read_part
def slow(*arguments, **options):
    time.sleep(0.02)
    return read(*arguments, **options)
packing.read_part = slow
print("begins", flush=True)
packing.pack(sys.argv[1], sys.argv[2], PackConfig(size=Size(16, 16)))
"""


def test_killed_at_random_moments(classes: Path, tmp_path: Path) -> None:
    """No picture is lost or doubled, however often it is killed."""
    command = [sys.executable, "-c", PACK_SLOWLY, str(classes), str(tmp_path / "pack")]
    killed = 0
    for _ in range(4):
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(random.uniform(0, 0.15))
            killed += process.poll() is None
            process.kill()
    assert killed > 0
    subprocess.run(command, check=True, capture_output=True)
    made, wanted = Pack(tmp_path / "pack"), pack(classes, tmp_path / "wanted", SIXTEEN)
    assert made.info.digest == wanted.info.digest
    assert made.labels("class").tolist() == wanted.labels("class").tolist()
    assert not list(tmp_path.glob("*.partial"))


@pytest.mark.parametrize("moment", ["before its facts", "before its name"])
def test_killed_while_finishing(
    classes: Path, tmp_path: Path, small_shards: None, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    wanted = pack(classes, tmp_path / "wanted", SIXTEEN)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if moment == "before its facts":
            patch.setattr(PackInfo, "write", killed)
        else:
            patch.setattr(Path, "rmdir", killed)
            (tmp_path / "pack").mkdir()
        with pytest.raises(KeyboardInterrupt):
            pack(classes, tmp_path / "pack", SIXTEEN)
    made = pack(classes, tmp_path / "pack", SIXTEEN)
    assert made.info == wanted.info
    assert made.labels("class").tolist() == wanted.labels("class").tolist()
    assert {p.name for p in made.path.iterdir()} == {p.name for p in wanted.path.iterdir()}
    assert not list(tmp_path.glob("*.partial"))


def test_folders_of_others_are_left_alone(photos: Path, tmp_path: Path) -> None:
    """Only what a broken pack for this very place left is cleared away."""
    key = "0123456789abcdef"
    for name in ("pack.old.partial", f"pack.64.{key}.partial", f"pack.{key}.partial"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "mine").touch()
    (tmp_path / f"pack.{key[::-1]}.partial").touch()
    pack(photos, tmp_path / "pack", SIXTEEN)
    left = {path.name for path in tmp_path.iterdir()} - {"photos", "pack"}
    assert left == {"pack.old.partial", f"pack.64.{key}.partial", f"pack.{key[::-1]}.partial"}


@pytest.mark.parametrize("path", [".", "..", "here/.."])
def test_a_pack_needs_a_name(photos: Path, path: str) -> None:
    with pytest.raises(DCGANError, match="is no name for a pack; give that of a new folder"):
        pack(photos, path, SIXTEEN)


def test_odd_names_are_listed_whole(photos: Path, tmp_path: Path) -> None:
    names = ["c\rd.png", "line\nbreak.png", 'quo"te,.png']
    for name in names:
        (photos / name).write_text("words")
    made = pack(photos, tmp_path / "pack", SIXTEEN)
    assert sorted(name for name, _ in made.skipped()) == sorted(names)


def test_only_one_makes_a_pack_and_the_other_waits(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    begun, made = threading.Event(), []
    read = packing.read_part

    def slow(source: Source, indices: Sequence[int], config: PackConfig) -> Part:
        made.append(indices)
        begun.set()
        time.sleep(0.5)
        return read(source, indices, config)

    monkeypatch.setattr(packing, "read_part", slow)
    first = threading.Thread(target=pack, args=(photos, tmp_path / "pack", SIXTEEN))
    first.start()
    begun.wait()
    found = pack(photos, tmp_path / "pack", SIXTEEN)
    first.join()
    assert len(found) == 12
    assert len(made) == 1
    assert "Waiting for another process that is packing into" in caplog.text
    assert {path.name for path in tmp_path.iterdir()} == {"photos", "pack"}


MANY_SHARDS = """
import resource, sys
import numpy as np
from pathlib import Path
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
from dcgan.data.pack import Pack
made = Pack(Path(sys.argv[1]))
print(made.pictures(np.arange(len(made)))[:, 0, 0, 0].tolist())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit")
def test_more_shards_than_a_process_may_open(tmp_path: Path) -> None:
    count = 100
    for number in range(count):
        save_array(shard_file(tmp_path, number), np.full((1, 8, 8, 1), number, np.uint8))
    PackInfo(
        name="many", size=Size(8, 8), channels=1, shards=(1,) * count, skipped=0, columns={},
        key="", digest="",
    ).write(tmp_path)  # fmt: skip
    command = [sys.executable, "-c", MANY_SHARDS, str(tmp_path)]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert json.loads(found) == list(range(count))


FULL_DISK = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, 5_000))
from dcgan.config import PackConfig
from dcgan.data.packing import pack
from dcgan.errors import DCGANError
from dcgan.size import Size
try:
    pack(sys.argv[1], sys.argv[2], PackConfig(size=Size(32, 32)))
except DCGANError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit")
def test_what_the_system_says_of_a_full_disk(photos: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", FULL_DISK, str(photos), str(tmp_path / "pack")]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "Cannot write" in found
    assert "file too large" in found.lower()
    assert not (tmp_path / "pack").exists()


def test_nothing_readable(tmp_path: Path) -> None:
    (tmp_path / "words").mkdir()
    for number in range(3):
        (tmp_path / "words" / f"{number}.jpg").write_text("words")
    with pytest.raises(DCGANError, match=r"None of the 3 pictures of words can be read \(first: 0"):
        pack(tmp_path / "words", tmp_path / "pack")
    assert [path.name for path in tmp_path.iterdir()] == ["words"]


def test_a_pack_is_not_overwritten(photos: Path, tmp_path: Path) -> None:
    made = pack(photos, tmp_path / "pack", SIXTEEN)
    assert pack(photos, tmp_path / "pack", SIXTEEN).info == made.info
    with pytest.raises(
        DCGANError, match=r"holds a pack of other pictures .*12 of 16x16 from photos"
    ):
        pack(photos, tmp_path / "pack", PackConfig(size=Size(32, 32)))
    with pytest.raises(DCGANError, match="lies within the source"):
        pack(photos, photos, SIXTEEN)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    with pytest.raises(DCGANError, match="is no pack and not empty"):
        pack(photos, tmp_path / "full", SIXTEEN)
    with pytest.raises(DCGANError, match=r"`size` 32 was asked for, but the pack .* has 16"):
        open_pack(tmp_path / "pack", PackConfig(size=Size(32, 32)))


def test_damaged_packs(photos: Path, tmp_path: Path) -> None:
    made = pack(photos, tmp_path / "pack", SIXTEEN)
    shard = shard_file(made.path, 0)
    shard.write_bytes(shard.read_bytes()[:-1])
    with pytest.raises(DCGANError, match="images-00000.npy is missing or damaged.*Delete the pack"):
        Pack(made.path)
    np.save(shard, np.zeros((3, 16, 16, 3), np.uint8))
    with pytest.raises(DCGANError, match=r"is not what pack\.json says"):
        Pack(made.path)
    info = json.loads((made.path / "pack.json").read_text())
    (made.path / "pack.json").write_text(json.dumps(info | {"format": "dcgan pack 99"}))
    with pytest.raises(DCGANError, match="is a pack of another format. Delete the pack"):
        Pack(made.path)
    (made.path / "pack.json").write_text("{")
    with pytest.raises(DCGANError, match=r"pack\.json is missing or damaged"):
        Pack(made.path)


def test_pickled_arrays_are_refused(photos: Path, tmp_path: Path) -> None:
    made = pack(photos, tmp_path / "pack", SIXTEEN)
    np.save(shard_file(made.path, 0), np.array([{"a": 1}], object), allow_pickle=True)
    with pytest.raises(DCGANError, match="images-00000.npy is missing or damaged"):
        Pack(made.path)


def test_bad_background(photos: Path) -> None:
    with pytest.raises(DCGANError, match="`background`"):
        open_pack(photos, PackConfig(background="nocolour"))


MEASURE = """
import sys
import numpy as np
from pathlib import Path
from dcgan.data.pack import Pack

pack = Pack(Path(sys.argv[1]))
def anonymous():
    lines = open("/proc/self/status").read().splitlines()
    return sum(int(l.split()[1]) for l in lines if l.startswith("RssAnon"))
before = anonymous()
for start in range(0, len(pack), 64):
    pack.pictures(np.arange(start, start + 64) % len(pack))
print(anonymous() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_does_not_grow_with_the_pack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Going through a pack of 60 MB takes no more than a few batches of memory of its own."""
    monkeypatch.setattr("dcgan.data.sources.WORLD_PICTURES", 64)
    made = pack("faces", tmp_path / "pack", SIXTEEN)
    shard = np.lib.format.open_memmap(
        shard_file(made.path, 0), mode="w+", dtype=np.uint8, shape=(80_000, 16, 16, 3)
    )
    shard[:] = 7
    del shard
    info = json.loads((made.path / "pack.json").read_text())
    (made.path / "pack.json").write_text(json.dumps(info | {"shards": [80_000]}))
    command = [sys.executable, "-c", MEASURE, str(made.path)]
    grown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert int(grown) < 10_000


def test_a_pack_knows_how_its_pictures_were_read(tmp_path: Path) -> None:
    (tmp_path / "wide").mkdir()
    drawn_picture(3, 40, 60).save(tmp_path / "wide" / "a.png")
    squeezed = PackConfig(size=Size(16, 16), crop="none", background="black")
    made = pack(tmp_path / "wide", tmp_path / "pack", squeezed)
    assert made.info.reading == Reading(Size(16, 16), 3, "none", "black")
    again = matching_pack(tmp_path / "wide", made.info.reading)
    assert again.info.digest == made.info.digest
    assert matching_pack(tmp_path / "wide", Reading(Size(16, 16), 3)).info.digest != (
        made.info.digest
    )


def test_the_pack_of_a_training_serves_a_model(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = open_pack(photos, SIXTEEN)
    monkeypatch.setattr(packing, "_build", None)  # nothing is packed again
    assert matching_pack(photos, made.info.reading).path == made.path
    assert matching_pack(made.path, made.info.reading).path == made.path


def test_pictures_are_packed_once_in_other_channels(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: list[str] = []
    whole = packing._build

    def build(source: Source, *rest: Any) -> None:
        names.append(source.name)
        whole(source, *rest)

    monkeypatch.setattr(packing, "_build", build)
    assert matching_pack(photos, Reading(Size(16, 16), 1)).info.channels == 1
    assert names == ["photos"]
