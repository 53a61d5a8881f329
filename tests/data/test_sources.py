"""What is found in a folder, and what is said when nothing is."""

import os
from pathlib import Path

import numpy as np
import pytest

from dcgan.data.sources import Drawing, Folder, find_pictures, open_source, source_name
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
    source = Folder(photos)
    assert len(source) == 13
    assert "1 other file left out" in source.description


def test_links_are_followed_and_circles_cut(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    drawn_picture(1).save(tmp_path / "elsewhere" / "linked.png")
    os.symlink(tmp_path / "elsewhere", photos / "link")
    os.symlink(photos, photos / "more" / "circle")
    files, _ = find_pictures(photos)
    assert len(files) == 13
    assert "link/linked.png" in files


def test_class_folders_are_labels(classes: Path) -> None:
    source = Folder(classes)
    assert source.columns == {"class": ("ant", "bee", "cat")}
    items = list(source.read([0, 4, 8], SIXTEEN))
    assert [item.labels for item in items] == [(0.0,), (1.0,), (2.0,)]


def test_mixed_folders_have_no_labels(classes: Path) -> None:
    drawn_picture(0).save(classes / "loose.png")
    assert Folder(classes).columns == {}


def test_unreadable_files_come_as_errors(photos: Path) -> None:
    source = Folder(photos)
    (photos / source.files[3]).unlink()
    kinds = [type(item.content).__name__ for item in source.read(range(5), SIXTEEN)]
    assert kinds == ["bytes"] * 3 + ["FileNotFoundError", "bytes"]


def test_fingerprint_changes_with_the_files(photos: Path) -> None:
    before = Folder(photos).fingerprint()
    assert before == Folder(photos).fingerprint()
    drawn_picture(9).save(photos / "new.png")
    assert before != Folder(photos).fingerprint()


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
    with pytest.raises(DCGANError, match=r"no folder .*photo\. Did you mean 'photos'\?"):
        open_source(photos.parent / "photo")
    with pytest.raises(
        DCGANError, match=r"no folder .*/zzz\. Give a folder of pictures, or one of"
    ):
        open_source(photos.parent / "zzz")
    monkeypatch.chdir(photos.parent)
    with pytest.raises(DCGANError, match=r"no folder facs\. Did you mean 'faces'\?.*faces, rooms"):
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
    source = Folder(photos)
    assert "pipe.png" not in source.files
    (dangling,) = source.read([source.files.index("dangling.png")], SIXTEEN)
    assert isinstance(dangling.content, FileNotFoundError)
    assert len(source.fingerprint()) == 64


def test_names_that_are_no_text(photos: Path) -> None:
    with open(os.fsencode(photos) + b"/caf\xe9.png", "wb") as file:
        drawn_picture(3).save(file, "png")
    source = Folder(photos)
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
    assert len(Folder(photos)) == 12
    with pytest.raises(DCGANError, match=r"is a run; its model is .*model\.safetensors"):
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
