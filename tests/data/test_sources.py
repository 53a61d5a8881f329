"""What is found in a folder, and what is said when nothing is."""

import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from dcgan.data.readers.folder import Folder, find_files
from dcgan.data.sources import Drawing, open_source, source_name
from dcgan.data.worlds import WORLDS
from dcgan.errors import DCGANError
from dcgan.size import Size
from tests.conftest import drawn_picture

SIXTEEN = Size(16, 16)


def test_folder_is_searched_recursively_in_a_fixed_order(photos: Path) -> None:
    source = open_source(photos)
    assert isinstance(source, Folder)
    assert source.name == "photos"
    assert len(source) == 12
    assert source.files == sorted(source.files)
    assert source.picture_name(0) == "00.bmp"
    assert source.columns == {}
    assert "12 picture files" in source.description


def test_hidden_and_other_files_are_left_out(photos: Path) -> None:
    (photos / ".thumbnails").mkdir()
    drawn_picture(0).save(photos / ".thumbnails" / "a.png")
    drawn_picture(0).save(photos / ".hidden.png")
    (photos / "notes.txt").write_text("words")
    (photos / "SHOUT.JPG").write_bytes(b"")
    source = Folder(photos, "name")
    assert len(source) == 13
    assert "1 other file left out" in source.description


def test_links_are_followed_and_circles_cut(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    drawn_picture(1).save(tmp_path / "elsewhere" / "linked.png")
    os.symlink(tmp_path / "elsewhere", photos / "link")
    os.symlink(photos, photos / "more" / "circle")
    files = list(find_files(photos))
    assert len(files) == 13
    assert "link/linked.png" in files


def test_class_folders_are_labels(classes: Path) -> None:
    source = Folder(classes, "name")
    assert source.columns == {"class": ("ant", "bee", "cat")}
    items = list(source.read([0, 4, 8], SIXTEEN))
    assert [item.labels for item in items] == [(0.0,), (1.0,), (2.0,)]


def test_mixed_folders_have_no_labels(classes: Path) -> None:
    drawn_picture(0).save(classes / "loose.png")
    assert Folder(classes, "name").columns == {}


def test_files_are_not_asked_one_by_one(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look at each file of a large folder takes seconds, on a network disk minutes."""
    for number in range(200):
        (photos / f"note-{number}.txt").touch()
    asked = []

    def stat(path: str, **options: bool) -> os.stat_result:
        asked.append(path)
        return usual(path, **options)

    usual = os.stat
    monkeypatch.setattr(os, "stat", stat)
    assert len(open_source(photos)) == 12
    assert len(asked) < 30


def test_a_folder_that_may_not_be_read(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def scandir(path: Path) -> Iterator[os.DirEntry[str]]:
        if Path(path).name == closed:
            raise OSError(fault, os.strerror(fault), str(path))
        return usual(path)

    usual, closed, fault = os.scandir, "photos", errno.EACCES
    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(DCGANError, match=r"Cannot read .*photos: permission denied\."):
        open_source(photos)
    closed = "still"
    assert len(open_source(photos)) == 8
    fault = errno.EIO
    with pytest.raises(DCGANError, match=r"Cannot read .*photos/more/still: input/output error\."):
        open_source(photos)


def test_a_place_that_may_not_be_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    def stat(path: Path, **_: bool) -> os.stat_result:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, "stat", stat)
    with pytest.raises(DCGANError, match=r"Cannot read closed/photos: permission denied\."):
        open_source("closed/photos")


def test_a_name_too_long_for_the_disk() -> None:
    with pytest.raises(DCGANError, match=r"Cannot read a+: file name too long\."):
        open_source("a" * 300)


def test_unreadable_files_come_as_errors(photos: Path) -> None:
    source = Folder(photos, "name")
    (photos / source.files[3]).unlink()
    kinds = [type(item.content).__name__ for item in source.read(range(5), SIXTEEN)]
    assert kinds == ["bytes"] * 3 + ["FileNotFoundError", "bytes"]


def test_fingerprint_changes_with_the_files(photos: Path) -> None:
    before = Folder(photos, "name").fingerprint()
    copy = Path(shutil.copytree(photos, photos.with_name("copy"), copy_function=shutil.copyfile))
    assert before != Folder(copy, "name").fingerprint()
    assert Folder(photos, "n").fingerprint(times=False) == Folder(copy, "n").fingerprint(
        times=False
    )
    assert before == Folder(photos, "name").fingerprint()
    drawn_picture(9).save(photos / "new.png")
    assert before != Folder(photos, "name").fingerprint()


@pytest.mark.parametrize("name", WORLDS)
def test_worlds_are_sources(name: str) -> None:
    source = open_source(name)
    assert isinstance(source, Drawing)
    first, second = source.read([5, 9], SIXTEEN)
    assert isinstance(first.content, np.ndarray)
    assert first.content.shape == (16, 16, 3)
    assert len(first.labels) == len(source.columns)
    alone = next(iter(source.read([9], SIXTEEN)))
    assert np.array_equal(alone.content, second.content)  # type: ignore[arg-type]
    assert alone.labels == second.labels
    assert source.fingerprint() == open_source(name).fingerprint()


def test_a_folder_wins_over_a_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "faces").mkdir()
    drawn_picture(1).save(tmp_path / "faces" / "me.png")
    monkeypatch.chdir(tmp_path)
    assert isinstance(open_source("faces"), Folder)
    assert isinstance(open_source("rooms"), Drawing)


def test_wrong_paths(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DCGANError, match=r"no folder or archive .*photo\. Did you mean 'photos'\?"):
        open_source(photos.parent / "photo")
    with pytest.raises(
        DCGANError, match=r"no folder or archive .*/zzz\. Give a folder of pictures, an archive, or"
    ):
        open_source(photos.parent / "zzz")
    monkeypatch.chdir(photos.parent)
    with pytest.raises(DCGANError, match=r"archive facs\. Did you mean .faces.\?.*faces, rooms"):
        open_source("facs")
    with pytest.raises(DCGANError, match=r"00.bmp is a single file; give the folder .*photos"):
        open_source(photos / "00.bmp")


def test_folders_without_pictures(tmp_path: Path) -> None:
    with pytest.raises(
        DCGANError, match="holds no pictures, no files at all.*Pictures end in .jpg"
    ):
        open_source(tmp_path)
    for number in range(3):
        (tmp_path / f"{number}.txt").write_text("words")
    (tmp_path / "README").write_text("words")
    with pytest.raises(DCGANError, match=r"only other files \(3 \.txt, 1 without ending\)"):
        open_source(tmp_path)


def test_what_is_no_file_is_left_out(photos: Path) -> None:
    os.mkfifo(photos / "pipe.png")
    os.symlink(photos / "gone.png", photos / "dangling.png")
    os.symlink(photos / "itself.txt", photos / "itself.txt")
    source = open_source(photos)
    assert isinstance(source, Folder)
    assert "pipe.png" not in source.files
    (dangling,) = source.read([source.files.index("dangling.png")], SIXTEEN)
    assert isinstance(dangling.content, FileNotFoundError)
    assert len(source.fingerprint()) == 64


def test_names_that_are_no_text(photos: Path) -> None:
    with open(os.fsencode(photos) + b"/caf\xe9.png", "wb") as file:
        drawn_picture(3).save(file, "png")
    source = Folder(photos, "name")
    number = next(i for i, name in enumerate(source.files) if name.startswith("caf"))
    assert source.picture_name(number) == r"caf\xe9.png"
    assert isinstance(next(iter(source.read([number], SIXTEEN))).content, bytes)
    assert len(source.fingerprint()) == 64


def test_runs_are_no_sources(photos: Path) -> None:
    run = photos / "runs" / "photos"
    (run / "checkpoints").mkdir(parents=True)
    (run / "samples").mkdir()
    (run / "config.json").write_text("{}")
    drawn_picture(1).save(run / "samples" / "000000000.png")
    assert len(Folder(photos, "name")) == 12
    with pytest.raises(
        DCGANError, match=r"is a run, not pictures .its model is .*model\.safetensors"
    ):
        open_source(run)


@pytest.mark.parametrize(
    ("place", "name"),
    [("photos", "photos"), ("mnist/train", "mnist-train"), ("a/b/Images/", "b-Images")],
)
def test_names(tmp_path: Path, place: str, name: str) -> None:
    assert source_name(tmp_path / place) == name


def test_an_empty_name() -> None:
    with pytest.raises(DCGANError, match="name of the source is empty"):
        open_source("")
