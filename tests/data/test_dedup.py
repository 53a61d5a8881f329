"""What repeats is found, named and shown, and left out of a pack; the source stays as it is."""

import csv
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import dcgan
from dcgan.config import PackConfig
from dcgan.data import autoencoder
from dcgan.data.dedup import (
    METHODS,
    SHEET_GAP,
    SHEET_SHADE,
    Duplicates,
    dedup,
    find_duplicates,
    on_shelves,
    read_pictures,
    sampled_groups,
)
from dcgan.data.packing import pack
from dcgan.data.sources import open_source
from dcgan.errors import DCGANError
from dcgan.size import Size
from tests.conftest import drawn_picture

BLOCK = np.zeros((10, 30, 3), np.uint8)


@pytest.fixture(autouse=True)
def _short_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autoencoder, "STEPS", 30)
    monkeypatch.setattr(autoencoder, "BATCH", 16)


def brighter(picture: Image.Image) -> Image.Image:
    return picture.point(lambda value: min(255, round(value * 1.03)))


@pytest.fixture
def copied(photos: Path) -> Path:
    """12 pictures, four copies of three of them, and a file that is no picture."""
    drawn_picture(1).save(photos / "x-same.bmp")
    drawn_picture(1).save(photos / "more" / "z-same.png")
    brighter(drawn_picture(2)).save(photos / "x-brighter.png")
    drawn_picture(3).resize((96, 96), Image.Resampling.BICUBIC).save(photos / "x-larger.png")
    (photos / "bad.jpg").write_bytes(b"words")
    return photos


def state_of(folder: Path) -> dict[Path, tuple[int, bytes]]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


SAME = [("more/01.png", "more/z-same.png"), ("more/01.png", "x-same.bmp")]
CHANGED = [("more/still/02.bmp", "x-brighter.png"), ("03.png", "x-larger.png")]


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "duplicates.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("method", METHODS)
def test_copies_are_found(copied: Path, tmp_path: Path, method: str) -> None:
    before = state_of(copied)
    found = dedup(copied, tmp_path / "out", method=method)
    assert state_of(copied) == before
    rows = rows_of(tmp_path / "out")
    assert list(rows[0]) == ["group", "kept", "dropped", "distance"]
    pairs = {(row["kept"], row["dropped"]) for row in rows}
    assert pairs == set(SAME if method == "exact" else SAME + CHANGED)
    assert (found.pictures, found.unreadable) == (16, 1)
    assert len(found) == len(rows) == found.groups + 1
    assert sorted({row["group"] for row in rows}) == [str(n + 1) for n in range(found.groups)]
    distances = {row["dropped"]: int(row["distance"]) for row in rows}
    assert distances["x-same.bmp"] == 0
    assert max(distances.values()) <= 2
    with Image.open(tmp_path / "out" / "duplicates.png") as sheet:
        assert np.asarray(sheet)[0, 0].tolist() == [SHEET_SHADE] * 3


def test_what_repeats_is_left_out_of_a_pack(copied: Path, tmp_path: Path) -> None:
    found = dedup(copied, tmp_path / "out")
    config = PackConfig(size=Size(16, 16), without=str(tmp_path / "out" / "duplicates.csv"))
    made = pack(copied, tmp_path / "less", config)
    source = open_source(copied)
    assert len(source) == 17
    assert len(made) == 12 == found.pictures - len(found)
    whole = pack(copied, tmp_path / "whole", PackConfig(size=Size(16, 16)))
    names = [source.picture_name(i) for i in range(17) if source.picture_name(i) != "bad.jpg"]
    dropped = {source.picture_name(int(i)) for i in found.dropped}
    kept = np.array([i for i, name in enumerate(names) if name not in dropped])
    assert np.array_equal(made.pictures(np.arange(12)), whole.pictures(kept))
    again = dedup(open_less(copied, dropped, tmp_path), tmp_path / "again")
    assert len(again) == 0


def open_less(folder: Path, dropped: set[str], tmp_path: Path) -> Path:
    """A zip of the folder's pictures but for some."""
    with zipfile.ZipFile(tmp_path / "less.zip", "w") as archive:
        for path in sorted(folder.rglob("*.*")):
            name = path.relative_to(folder).as_posix()
            if name not in dropped:
                archive.write(path, name)
    return tmp_path / "less.zip"


@pytest.mark.parametrize("method", METHODS)
def test_arrays_and_drawn_worlds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    pixels = np.stack([np.asarray(drawn_picture(number % 9)) for number in range(12)])
    np.save(tmp_path / "pixels.npy", pixels)
    found = dedup(tmp_path / "pixels.npy", method=method)
    assert (found.kept.tolist(), found.dropped.tolist()) == ([0, 1, 2], [9, 10, 11])
    monkeypatch.setattr("dcgan.data.sources.WORLD_PICTURES", 12)
    assert dedup("faces", method=method).pictures == 12


def test_without_a_folder_nothing_is_written(
    copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.rglob("*"))
    assert len(dcgan.dedup(copied, method="exact")) == 2
    assert set(tmp_path.rglob("*")) == before


def test_nothing_repeats(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "duplicates.png").write_bytes(b"of another time")
    found = dedup(photos, tmp_path, method="exact")
    assert len(found) == found.groups == 0
    assert (tmp_path / "duplicates.csv").read_text() == "group,kept,dropped,distance\n"
    assert not (tmp_path / "duplicates.png").exists()
    config = PackConfig(size=Size(16, 16), without=str(tmp_path / "duplicates.csv"))
    assert len(pack(photos, tmp_path / "all", config)) == 12


def test_one_picture(tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", np.asarray(drawn_picture(0))[None])
    for method in METHODS:
        assert len(dedup(tmp_path / "one.npy", method=method)) == 0


def test_exact_sees_every_pixel_and_its_transparency(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    picture = drawn_picture(5, 90, 70)
    picture.save(folder / "a.png")
    picture.save(folder / "b.tif")
    picture.save(folder / "c.jpg")
    changed = picture.copy()
    changed.putpixel((69, 89), (1, 2, 3))
    changed.save(folder / "d.png")
    picture.putalpha(128)
    picture.save(folder / "e.png")
    found = dedup(folder, method="exact")
    assert (found.kept.tolist(), found.dropped.tolist()) == ([0], [1])


def test_neighbours_of_neighbours_are_one_group() -> None:
    codes = np.array([[0], [255], [0b1], [0b111], [255]], np.uint8)
    found = find_duplicates(codes, np.array([1, 3, 4, 6, 8]), 2, 9)
    assert found.kept.tolist() == [1, 1, 3]
    assert found.dropped.tolist() == [4, 6, 8]
    assert found.distances.tolist() == [1, 3, 0]
    assert (len(found), found.groups, found.pictures, found.unreadable) == (3, 2, 5, 4)


def duplicates(kept: list[int], dropped: list[int]) -> Duplicates:
    rows = np.array([kept, dropped], np.int64).reshape(2, -1)
    return Duplicates(9_999, 0, rows[0], rows[1], np.zeros(len(kept), np.int64))


def test_a_sheet_shows_some_of_many() -> None:
    assert list(sampled_groups(duplicates([], []))) == []
    few = duplicates([2, 2, 5], [4, 9, 6])
    assert list(sampled_groups(few)) == [[2, 4, 9], [5, 6]]
    large = duplicates([0] * 50, list(range(1, 51)))
    assert list(sampled_groups(large)) == [list(range(8))]
    many = duplicates(list(range(0, 600, 2)), list(range(1, 600, 2)))
    shown = list(sampled_groups(many))
    assert len(shown) == 120
    assert (shown[0], shown[-1]) == ([0, 1], [598, 599])


def test_groups_stand_apart_on_all_sides() -> None:
    width = 3 * 30 + 4 * SHEET_GAP
    canvas = on_shelves([BLOCK] * 7, width)
    assert canvas.shape == (3 * 10 + 4 * SHEET_GAP, width, 3)
    dark = (canvas == 0).all(axis=2)
    assert dark.sum() == 7 * 300
    for row in range(3):
        for column in range(3):
            top, left = (SHEET_GAP + place * step for place, step in ((row, 22), (column, 42)))
            assert dark[top : top + 10, left : left + 30].all() == (row * 3 + column < 7)


def test_a_picture_that_has_vanished_is_white_on_the_sheet(copied: Path) -> None:
    source = open_source(copied)
    (copied / "00.bmp").unlink()
    pictures = read_pictures(source, [0, 1])
    assert (pictures[0] == 255).all()
    assert not (pictures[1] == 255).all()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"method": "exakt"}, "There is no `method` 'exakt'. Did you mean 'exact'?"),
        ({"radius": -1}, r"`radius` \(=-1\) must be 0 to 16 bits"),
        ({"radius": 17}, r"`radius` \(=17\) must be 0 to 16 bits"),
        ({"method": "exact", "radius": 1}, r"`radius` \(=1\) means nothing with `method` exact"),
        ({"seed": -1}, r"`seed` \(=-1\) must be 0 or more"),
        ({"seed": 1 << 63}, r"must be 0 or more, and below"),
        ({"device": "gpu9"}, "There is no `device` 'gpu9' here"),
    ],
)
def test_options_that_are_not_allowed(
    copied: Path, tmp_path: Path, options: dict[str, str | int], sentence: str
) -> None:
    with pytest.raises(DCGANError, match=sentence):
        dedup(copied, tmp_path / "out", **options)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_places_that_do_not_serve(copied: Path, tmp_path: Path) -> None:
    def refused(place: Path, out: Path, sentence: str) -> None:
        with pytest.raises(DCGANError, match=sentence):
            dedup(place, out)

    refused(tmp_path / "none", tmp_path, "There is no folder or archive")
    refused(copied, copied, "lies within the source .*, which is never changed")
    refused(copied, copied / "more" / "out", "lies within the source")
    refused(Path(f"{copied}:more"), copied, "lies within the source")
    (tmp_path / "file").touch()
    refused(copied, tmp_path / "file" / "out", "Cannot write")
    made = pack(copied, tmp_path / "pack", PackConfig(size=Size(16, 16)))
    refused(made.path, tmp_path / "out", "is a pack; give the source that it was made of")
    assert not (copied / "more" / "out").exists()


@pytest.mark.parametrize("method", METHODS)
def test_nothing_can_be_read(tmp_path: Path, method: str) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.png").write_bytes(b"words")
    with pytest.raises(DCGANError, match="None of the 1 pictures of bad can be read"):
        dedup(tmp_path / "bad", method=method)


def test_a_table_that_was_edited_is_kept(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "duplicates.csv").write_text("mine")
    dedup(photos, tmp_path / "out", method="exact")
    assert not (tmp_path / "out" / "duplicates-before.csv").exists()
    (tmp_path / "out" / "duplicates.csv").write_text("mine")
    dedup(photos, tmp_path / "out", method="exact")
    assert (tmp_path / "out" / "duplicates-before.csv").read_text() == "mine"
