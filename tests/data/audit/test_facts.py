"""What is written down of a picture is what an independent look at it finds."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from dcgan.config import PackConfig
from dcgan.data.audit import facts
from dcgan.data.audit.facts import (
    FACT,
    Content,
    class_columns,
    collect,
    examine,
    header_of_pixels,
    tones,
)
from dcgan.data.hashes import pixel_digest
from dcgan.data.packing import pack
from dcgan.data.readers.items import Columns, Item
from dcgan.data.sources import open_source
from dcgan.images import Picture
from dcgan.size import Size
from tests.data.audit.conftest import Made, blurred, jpeg, pixels

CONFIG = PackConfig(size=Size(32, 32), channels=3)
SHAPES = st.tuples(st.integers(1, 20), st.integers(1, 20), st.just(3))


@given(arrays.arrays(np.uint8, SHAPES))
def test_tones_are_those_of_the_sorted_values(picture: Picture) -> None:
    rows = [sorted(row) for row in picture.reshape(-1, 3).T.astype(int).tolist()]
    cut = len(rows[0]) // 100
    kept = [row[cut : len(row) - cut] for row in rows]
    found = tones(picture)
    assert found.darkest == min(row[0] for row in kept)
    assert found.brightest == max(row[-1] for row in kept)
    assert found.spread == max(row[-1] - row[0] for row in kept)
    colours = sorted(np.ptp(picture.reshape(-1, 3).astype(int), axis=1).tolist())
    assert found.colour == colours[len(colours) - 1 - cut]


def test_a_speck_does_not_count() -> None:
    picture = np.full((32, 32, 3), 7, np.uint8)
    picture[3, :5] = (255, 0, 100)
    assert tones(picture) == (7, 7, 0, 0)


def test_pixels_are_those_that_packing_makes(photos: Path) -> None:
    source = open_source(photos)
    made = pack(photos, photos.parent / "pack", CONFIG)
    table = collect(source, CONFIG).table
    digests = [pixel_digest(picture) for picture in made.pictures(np.arange(12))]
    assert [fact["pixels"].tobytes() for fact in table] == digests


def test_threads_and_chunks_change_nothing(flawed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = open_source(flawed)
    whole = examine(source, range(len(source)), CONFIG)
    monkeypatch.setattr(facts, "CHUNK", 3)
    monkeypatch.setattr(facts, "BLOCK", 12)
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    parts = collect(source, CONFIG)
    assert parts.table.tobytes() == whole.table.tobytes()
    assert parts[2:] == whole[2:]


def test_little_is_kept_of_each_picture() -> None:
    assert FACT.itemsize <= 64


def test_what_files_say_of_themselves() -> None:
    exif = Image.Exif()
    exif[274] = 6
    contents: list[Content] = [
        jpeg(blurred(1, 60, 45), exif=exif),
        jpeg(blurred(2).convert("CMYK")),
        pixels(3),
        pixels(4)[..., :1],
        OSError("the row holds no bytes"),
        OSError(5, "Input/output error"),
        b"words",
    ]
    source = Made([Item(content, ()) for content in contents], {})
    found = collect(source, CONFIG)
    sizes = [(int(fact["height"]), int(fact["width"])) for fact in found.table[:4]]
    assert sizes == [(45, 60), (40, 40), (40, 40), (40, 40)]
    assert found.kinds == {"JPEG": 2, "pixels": 2}
    assert found.modes == {"colour": 2, "CMYK": 1, "grey": 1}
    assert found.table["is_file"].tolist() == [True, True, False, False, False, False, False]
    assert found.table["readable"].tolist() == [True] * 4 + [False] * 3
    assert found.reasons == {
        4: "the row holds no bytes",
        5: "input/output error",
        6: "not a picture of a known kind",
    }


def test_pixels_with_alpha() -> None:
    header = header_of_pixels(np.zeros((3, 5, 4), np.uint8))
    assert header == (Size(3, 5), "pixels", "colour with alpha", True, False)


def test_second_frames(tmp_path: Path) -> None:
    frames = [blurred(number) for number in range(3)]
    for ending in ("gif", "webp", "png", "tif"):
        file = tmp_path / f"moving.{ending}"
        frames[0].save(file, save_all=True, append_images=frames[1:])
        frames[0].save(tmp_path / f"still.{ending}")
    damaged = (tmp_path / "moving.gif").read_bytes()
    (tmp_path / "damaged.gif").write_bytes(damaged[: len(damaged) // 2])
    source = open_source(tmp_path)
    names = [source.picture_name(number) for number in range(len(source))]
    found = dict(zip(names, collect(source, CONFIG).table, strict=True))
    assert {name for name in names if found[name]["has_more"]} >= {
        f"moving.{ending}" for ending in ("gif", "webp", "png", "tif")
    }
    assert not any(found[f"still.{ending}"]["has_more"] for ending in ("gif", "webp", "png", "tif"))
    assert found["damaged.gif"]["readable"]  # its first frame is whole


def test_the_further_pictures_of_an_mpo_do_not_count() -> None:
    file = io.BytesIO()
    blurred(1).save(file, "MPO", save_all=True, append_images=[blurred(2)])
    found = collect(Made([Item(file.getvalue(), ())], {}), CONFIG)
    assert found.kinds == {"MPO": 1}
    assert not found.table["has_more"].any()


def test_classes() -> None:
    columns: Columns = {"age": None, "kind": ("cat", "dog"), "none": (), "place": ("in", "out")}
    labels = [(0.5, 1.0, np.nan, 0.0), (0.7, np.nan, np.nan, 1.0), (0.1, 0.0, np.nan, -1.0)]
    source = Made([Item(pixels(i), row) for i, row in enumerate(labels)], columns)
    assert class_columns(source) == {"kind": 1, "place": 3}
    assert collect(source, CONFIG).classes.tolist() == [[1, 0], [-1, 1], [0, -1]]
