"""Slices that were packed apart become one pack; what does not fit together is refused."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from dcgan.config import PackConfig
from dcgan.data.joining import join
from dcgan.data.pack import Pack
from dcgan.data.packing import open_pack, pack
from dcgan.errors import DCGANError
from dcgan.size import Size
from tests.conftest import drawn_picture

SIXTEEN = PackConfig(size=Size(16, 16))


def slices_of(source: Path, folder: Path, count: int) -> list[Path]:
    parts = [folder / f"part-{number}" for number in range(1, count + 1)]
    for number, part in enumerate(parts, 1):
        pack(source, part, SIXTEEN, slice=f"{number}/{count}")
    return parts


@pytest.mark.parametrize("count", [1, 2, 5])
def test_slices_add_up_to_the_whole(classes: Path, tmp_path: Path, count: int) -> None:
    (classes / "bee" / "bad.png").write_bytes(b"words")
    whole = pack(classes, tmp_path / "whole", SIXTEEN)
    parts = [tmp_path / f"part-{number}" for number in range(1, count + 1)]
    for number, part in enumerate(parts, 1):
        pack(classes, part, SIXTEEN, slice=f"{number}/{count}")
    joined = join(tmp_path / "joined", list(reversed(parts)))
    assert joined.info.digest == whole.info.digest
    assert joined.info.skipped == 1
    assert np.array_equal(joined.pictures(np.arange(12)), whole.pictures(np.arange(12)))
    assert np.array_equal(joined.labels("class"), whole.labels("class"))
    skipped = (tmp_path / "joined" / "skipped.csv").read_text()
    assert skipped == (tmp_path / "whole" / "skipped.csv").read_text()
    # The source may be packed to where the joined pack stands: it is the same, and there already.
    assert pack(classes, tmp_path / "joined", SIXTEEN).info == joined.info
    assert not list(tmp_path.glob("*.partial"))


def test_a_grey_slice_among_colourful_ones(tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    folder.mkdir()
    for number in range(6):
        picture = drawn_picture(number)
        (picture.convert("L") if number < 3 else picture).save(folder / f"{number}.png")
    whole = pack(folder, tmp_path / "whole", SIXTEEN)
    parts = [tmp_path / "a", tmp_path / "b"]
    made = [pack(folder, part, SIXTEEN, slice=f"{n}/2") for n, part in enumerate(parts, 1)]
    assert [part.info.channels for part in made] == [1, 3]
    assert join(tmp_path / "joined", parts).info.digest == whole.info.digest


def test_slices_that_do_not_fit(photos: Path, tmp_path: Path) -> None:
    parts = [pack(photos, tmp_path / f"{n}", SIXTEEN, slice=f"{n}/3").path for n in (1, 2, 3)]
    whole = pack(photos, tmp_path / "whole", SIXTEEN).path
    other = pack(photos, tmp_path / "other", PackConfig(size=Size(32, 32)), slice="1/3").path

    def refused(slices: list[Path], sentence: str) -> None:
        with pytest.raises(DCGANError, match=sentence):
            join(tmp_path / "joined", slices)
        assert not (tmp_path / "joined").exists()

    refused(parts[:1], r"2 of 3 slices are missing: 2/3, 3/3\. Pack them")
    refused([*parts, parts[0]], "are both 1/3")
    refused([*parts[1:], other], "are not of the same source, options and number of slices")
    refused([whole], "is a whole pack, no slice")
    refused([tmp_path / "nothing"], "There is no pack .*nothing")
    (tmp_path / "nothing").mkdir()
    refused([tmp_path / "nothing"], r"pack\.json is missing or damaged")
    with pytest.raises(DCGANError, match="is no pack and not empty; give the name of a new folder"):
        join(photos, parts)


def test_slices_of_copies_on_many_machines(classes: Path, tmp_path: Path) -> None:
    """The copies differ in their times of change, and in where the table of duplicates lies."""
    parts = []
    for number in (1, 2):
        machine = tmp_path / f"machine-{number}"
        copy = shutil.copytree(classes, machine / "animals")
        for file in copy.rglob("*.png"):
            os.utime(file, (number * 1_000, number * 1_000))
        (machine / "table.csv").write_text("dropped\nbee/01.png\n")
        config = PackConfig(size=Size(16, 16), without=str(machine / "table.csv"))
        parts.append(pack(copy, machine / "part", config, slice=f"{number}/2").path)
    joined = join(tmp_path / "joined", parts)
    (tmp_path / "table.csv").write_text("dropped\nbee/01.png\n")
    config = PackConfig(size=Size(16, 16), without=str(tmp_path / "table.csv"))
    assert joined.info.digest == pack(classes, tmp_path / "whole", config).info.digest
    assert len(joined) == 11


def test_a_slice_without_any_readable_picture(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for number in range(3):
        drawn_picture(number).save(folder / f"{number}.png")
    (folder / "1.png").write_text("words")
    parts = slices_of(folder, tmp_path, 3)
    assert [len(Pack(part)) for part in parts] == [1, 0, 1]
    joined = join(tmp_path / "joined", parts)
    assert joined.info.digest == pack(folder, tmp_path / "whole", SIXTEEN).info.digest
    assert [name for name, _ in joined.skipped()] == ["1.png"]
    with pytest.raises(DCGANError, match="is a slice without any picture that could be read"):
        open_pack(parts[1], SIXTEEN)


def test_nothing_readable_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for number in range(2):
        (folder / f"{number}.png").write_text("words")
    parts = slices_of(folder, tmp_path, 2)
    with pytest.raises(DCGANError, match="None of the pictures of folder could be read"):
        join(tmp_path / "joined", parts)
    assert not (tmp_path / "joined").exists()


@pytest.mark.parametrize("name", ["labels.npy", "skipped.csv", "images-00000.npy"])
@pytest.mark.parametrize("damage", ["cut", "empty", "gone"])
def test_damaged_slices(classes: Path, tmp_path: Path, name: str, damage: str) -> None:
    parts = slices_of(classes, tmp_path, 2)
    file = parts[1] / name
    if damage == "gone":
        file.unlink()
    elif name == "skipped.csv":
        file.write_text("" if damage == "empty" else 'picture,reason\n"a')
    else:
        file.write_bytes(file.read_bytes()[: 20 if damage == "cut" else 0])
    with pytest.raises(DCGANError, match=rf"{name} is missing or damaged"):
        join(tmp_path / "joined", parts)
    assert not list(tmp_path.glob("joined*"))


def test_folders_of_others_are_left_alone(classes: Path, tmp_path: Path) -> None:
    (tmp_path / "joined.partial").mkdir()
    (tmp_path / "joined.partial" / "mine").touch()
    join(tmp_path / "joined", slices_of(classes, tmp_path, 2))
    assert (tmp_path / "joined.partial" / "mine").exists()


def test_a_pack_is_not_joined_over(classes: Path, tmp_path: Path) -> None:
    parts = slices_of(classes, tmp_path, 2)
    before = join(tmp_path / "joined", parts).pictures(np.arange(12))
    with pytest.raises(DCGANError, match="joined is a pack already; give the name of a new folder"):
        join(tmp_path / "joined", parts)
    with pytest.raises(DCGANError, match="is no name for a pack"):
        join(Path(), parts)
    assert np.array_equal(Pack(tmp_path / "joined").pictures(np.arange(12)), before)
