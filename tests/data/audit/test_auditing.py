"""Audits of sources of every kind and of odd ones; what they advise; what is refused."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dcgan.config import PackConfig
from dcgan.data.audit import auditing
from dcgan.data.audit.auditing import audit, judge
from dcgan.data.packing import pack
from dcgan.data.readers.items import Item
from dcgan.errors import DCGANError
from dcgan.files import TEMPORARY
from dcgan.size import Size
from tests.conftest import drawn_picture
from tests.data.audit.conftest import Made, blurred, pixels
from tests.data.test_kinds import CLASSES, KINDS


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.mark.parametrize(("made", "classes"), KINDS)
def test_sources_of_every_kind(
    made: Callable[[Path], Path | str], classes: tuple[str, ...] | None, tmp_path: Path
) -> None:
    place = made(tmp_path)
    found = audit(place, tmp_path / "out")
    assert (found.summary.pictures, found.summary.readable) == (12, 12)
    assert found.size == found.summary.sizes[0] == Size(32, 32)
    assert [finding.name for finding in found.findings] == ["few pictures"]
    assert found.summary.classes.get("class") == (classes and dict.fromkeys(classes, 4))
    assert (tmp_path / "out" / "audit.html").is_file()


def test_nothing_changes_in_the_source(flawed: Path, tmp_path: Path) -> None:
    before = {path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*")}
    audit(flawed)
    assert {path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_an_audit_twice_is_the_same(flawed: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        audit(flawed, tmp_path / name)
    for file in ("audit.json", "audit.html"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_one_picture(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    drawn_picture(1).save(tmp_path / "one" / "one.png")
    made = audit(tmp_path / "one")
    assert made.verdict == "Mend first: few pictures (1)."
    assert made.reasons[0] == "Size 24x24: that of the pictures."
    assert made.command == f"dcgan train {tmp_path / 'one'}"


def test_nothing_that_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    for number in range(3):
        (tmp_path / "bad" / f"{number}.jpg").write_text("words")
    made = audit(tmp_path / "bad")
    assert made.verdict == "Nothing to train on: none of the 3 pictures can be read."
    assert (made.command, made.reasons) == ("", ())
    assert made.is_weighty
    assert [finding.name for finding in made.findings] == ["unreadable"]


def test_fine_pictures() -> None:
    config = PackConfig(size=Size(8, 8), channels=3)
    random = np.random.default_rng(0)
    many = [Item(p, ()) for p in random.integers(0, 256, (1_000, 8, 8, 3), np.uint8)]
    made = judge(Made(many, {}), "made", config, asked=False)
    assert made.verdict == "Fine to train on; nothing was found to mend."
    assert not made.is_weighty
    made = judge(Made([*many, many[0]], {}), "made", config, asked=False)
    assert made.verdict == "Fine to train on; what was found can wait."


@pytest.mark.parametrize(("side", "size"), [(24, 24), (33, 32), (64, 64), (90, 64)])
def test_the_size_is_that_which_training_would_choose(tmp_path: Path, side: int, size: int) -> None:
    (tmp_path / "folder").mkdir()
    for number in range(3):
        blurred(number, side, side).save(tmp_path / "folder" / f"{number}.png")
    made = audit(tmp_path / "folder")
    assert made.size == Size(size, size)
    assert "--size" not in made.command
    words = "that of the pictures" if side == size else "the largest possible square up to 64"
    assert made.reasons[0].startswith(f"Size {size}x{size}: {words}")
    assert pack(tmp_path / "folder", tmp_path / "pack").info.size == made.size


def test_another_size(photos: Path) -> None:
    made = audit(photos, size="16x32")
    assert made.size == Size(16, 32)
    assert made.command == f"dcgan train {photos} --size 16x32"
    assert made.reasons[0] == "Size 16x32: as asked for."


def test_labels(classes: Path) -> None:
    made = audit(classes)
    assert made.summary.classes == {"class": {"ant": 4, "bee": 4, "cat": 4}}
    assert "With --labels class the model can draw each class by name." in made.reasons


def test_pictures_like_mnist(tmp_path: Path) -> None:
    for number in range(4):
        (tmp_path / "digits" / CLASSES[number % 2]).mkdir(parents=True, exist_ok=True)
        picture = blurred(number, 28, 28).convert("L")
        picture.save(tmp_path / "digits" / CLASSES[number % 2] / f"{number}.png")
    made = audit(tmp_path / "digits")
    assert made.command.endswith("--preset mnist")
    assert "Section 8.1" in made.reasons[-1]
    Image.fromarray(pixels(1)).resize((28, 28)).save(tmp_path / "digits" / "ant" / "colour.png")
    assert "--preset" not in audit(tmp_path / "digits").command


def test_a_place_with_spaces_can_be_pasted(tmp_path: Path) -> None:
    (tmp_path / "my photos").mkdir()
    drawn_picture(1).save(tmp_path / "my photos" / "one.png")
    assert audit(tmp_path / "my photos").command == f"dcgan train '{tmp_path}/my photos'"


def test_a_pack(photos: Path, tmp_path: Path) -> None:
    pack(photos, tmp_path / "pack")
    with pytest.raises(DCGANError, match="pack is a pack: .* Give the source that it was made of"):
        audit(tmp_path / "pack")


def test_a_run(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    (tmp_path / "run" / "config.json").touch()
    with pytest.raises(
        DCGANError, match="run is a run, not pictures .its model is .*model.safetensors"
    ):
        audit(tmp_path / "run")


@pytest.mark.parametrize("out", [".", "audit", "more/audit"])
def test_a_folder_within_the_source(photos: Path, out: str) -> None:
    with pytest.raises(DCGANError, match="lies within the source .*; give one elsewhere"):
        audit(photos, photos / out)
    assert not list(photos.rglob("audit*"))


def test_a_folder_that_cannot_be_written(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DCGANError, match="Cannot write .*file"):
        audit(photos, tmp_path / "file" / "out")


def test_no_such_source_and_no_such_size(tmp_path: Path, photos: Path) -> None:
    with pytest.raises(DCGANError, match="There is no folder or archive .*none"):
        audit(tmp_path / "none", tmp_path / "out")
    with pytest.raises(DCGANError, match="`size` .=50. is impossible.*Nearest possible: 48, 56"):
        audit(photos, tmp_path / "out", size=50)
    assert not (tmp_path / "out").exists()


def test_what_is_broken_off_leaves_nothing(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    audit(photos, tmp_path / "out")
    before = (tmp_path / "out" / "audit.html").read_bytes()
    drawn_picture(20).save(photos / "another.png")
    monkeypatch.setattr("dcgan.data.audit.page._figure", interrupted)
    monkeypatch.setattr("dcgan.data.audit.page.summary_rows", interrupted)
    with pytest.raises(KeyboardInterrupt):
        auditing.audit(photos, tmp_path / "out")
    assert (tmp_path / "out" / "audit.html").read_bytes() == before
    assert not list((tmp_path / "out").glob(f"*{TEMPORARY}"))
