"""Sheets with words: where tiles, captions and boxes stand."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dcgan.captions import (
    BOX_COLOUR,
    captioned,
    counted,
    enlarged,
    factor_for,
    filled,
    in_blocks,
    plain_letters,
    save_sheet,
    sheet_path,
    shortened,
    text_size,
    to_image,
)
from dcgan.errors import DCGANError
from dcgan.images import SHEET_GAP, Picture, sheet


def tiles(count: int, channels: int = 3, side: int = 64) -> list[Picture]:
    shape = (count, side, side, channels)
    return [*np.random.default_rng(0).integers(0, 200, shape, dtype=np.uint8)]


def test_letters_that_the_font_lacks() -> None:
    assert plain_letters("class=Käse, früh") == "class=Kase, fruh"
    assert plain_letters("日本 a") == "?? a"


def test_without_words_it_is_the_plain_sheet() -> None:
    assert np.array_equal(captioned(tiles(5), 3), sheet(tiles(5), 3))
    assert np.array_equal(captioned(torch.from_numpy(np.stack(tiles(4)))), sheet(tiles(4)))


@pytest.mark.parametrize(("channels", "shown"), [(1, 3), (3, 3), (4, 4)])
def test_small_pictures_are_enlarged_by_a_whole_factor(channels: int, shown: int) -> None:
    found = captioned(tiles(1, channels, side=28))
    assert found.shape == (3 * 28 + 2 * SHEET_GAP, 3 * 28 + 2 * SHEET_GAP, shown)
    picture = tiles(1, channels, side=28)[0]
    wanted = enlarged(picture, 3)
    assert np.array_equal(found[2:-2, 2:-2, :channels], wanted)
    assert np.array_equal(wanted[::3, ::3], picture)
    assert np.array_equal(wanted[2::3, 2::3], picture)


def test_pictures_are_as_wide_as_their_captions() -> None:
    words = "a caption that is much wider than 64 pixels"
    width = text_size([words])[0]
    assert 64 < width <= 64 * factor_for(64, [words]) < width + 64
    assert captioned(tiles(2), 2, below=["", words]).shape[1] > 2 * width


def test_captions_stand_around_the_tiles() -> None:
    plain = captioned(tiles(6), 3)
    found = captioned(tiles(6), 3, above=["a", "b", "c"], left=["first", "second\nrow"])
    top, side = (found.shape[axis] - plain.shape[axis] for axis in (0, 1))
    assert np.array_equal(found[top:, side:], plain)
    assert (found[:top, side:].min(axis=2) < 100).any(axis=0).sum() > 9  # three letters
    for row in range(2):
        start = top + row * (64 + SHEET_GAP)
        assert found[start : start + 64, :side].min() < 100
    assert (found[:top, :side] == 255).all()


def test_captions_below_make_room_under_each_row() -> None:
    found = captioned(tiles(4), 2, below=["one", "two", "", "four"])
    high = text_size(["one"])[1]
    assert found.shape[0] == 2 * (64 + high) + 3 * SHEET_GAP
    words = found[SHEET_GAP + 64 : SHEET_GAP + 64 + high]
    assert words.min() < 100
    third = found[-SHEET_GAP - high :, : 64 + SHEET_GAP]
    assert (third == 255).all()


def test_boxes_and_empty_places() -> None:
    pictures = tiles(4)
    found = captioned([pictures[0], None, pictures[2], pictures[3]], 2, boxed=[2])
    assert (found[:66, 68:] == 255).all()
    is_red = (found == BOX_COLOUR).all(axis=2)
    rows, columns = np.nonzero(is_red)
    assert (rows.min(), rows.max()) == (66, 133)
    assert (columns.min(), columns.max()) == (0, 67)
    assert np.array_equal(found[68:132, 2:66], pictures[2])


def test_long_words_beside_a_row_are_broken_and_have_room() -> None:
    long = "a name of a direction that is far too long " + 60 * "x" + "\nseed 1"
    plain, found = captioned(tiles(2), 1), captioned(tiles(2), 1, left=[long, long])
    side = found.shape[1] - plain.shape[1]
    assert side <= text_size([20 * "x"])[0]
    high = (found.shape[0] - SHEET_GAP) // 2
    first, second = (found[SHEET_GAP + row * high :][: high - SHEET_GAP, :side] for row in (0, 1))
    assert high > 64 + SHEET_GAP
    assert np.array_equal(first, second)
    dark = np.flatnonzero(first.min(axis=(1, 2)) < 100)
    assert 0 < dark[0] <= dark[-1] < high - SHEET_GAP - 1


def test_counted() -> None:
    assert [counted(n, "row") for n in (0, 1, 2_000)] == ["0 rows", "1 row", "2,000 rows"]


def test_where_a_sheet_is_written(tmp_path: Path) -> None:
    assert sheet_path(None, 3) is None
    out = tmp_path / "new" / "folder" / "sheet.png"
    assert sheet_path(str(out), 3) == out
    assert [*out.parent.iterdir()] == []
    with pytest.raises(DCGANError, match="sheet.txt must end in one of"):
        sheet_path(tmp_path / "other" / "sheet.txt", 3)
    assert not (tmp_path / "other").exists()
    (tmp_path / "file").touch()
    with pytest.raises(DCGANError, match="Cannot write .*file: "):
        sheet_path(tmp_path / "file" / "sheet.png", 3)
    with pytest.raises(DCGANError, match="JPEG keeps no transparency"):
        sheet_path(tmp_path / "sheet.jpg", 4)


def test_a_title_stands_above_in_lines_of_the_sheets_width() -> None:
    words = "In the box the result, around it its neighbours; and so on and so forth."
    plain, found = captioned(tiles(4), 2), captioned(tiles(4), 2, title=words)
    top = found.shape[0] - plain.shape[0]
    assert np.array_equal(found[top:], plain)
    assert found[:top].min() < 100
    lines = filled(words, plain.shape[1])
    assert " ".join(lines) == words
    assert len(lines) > 2
    assert all(text_size([line])[0] <= plain.shape[1] for line in lines)
    assert (found[:top, -2:] == 255).all()


def test_a_word_that_is_wider_than_the_sheet_has_room() -> None:
    plain, found = captioned(tiles(1)), captioned(tiles(1), title=30 * "m")
    assert found.shape[1] == text_size([30 * "m"])[0] > plain.shape[1]
    assert (found[-5:, plain.shape[1] :] == 255).all()


def test_tiles_can_be_larger() -> None:
    assert captioned(tiles(1), least_width=129).shape[1] == 3 * 64 + 2 * SHEET_GAP


def test_rows_that_belong_together_stand_in_blocks() -> None:
    rows = [[1, 2, 3], [4, 5, 6]]
    assert in_blocks(rows, 3, 0) == [1, 2, 3, 4, 5, 6]
    assert in_blocks(rows, 2, 0) == [1, 2, 4, 5, 3, 0, 6, 0]


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_sheet_for_notebooks_is_written_as_it_is(channels: int, tmp_path: Path) -> None:
    made = to_image(captioned(tiles(1, channels)))
    save_sheet(made, tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as read:
        assert np.array_equal(np.asarray(read), np.asarray(made))


def test_long_names() -> None:
    assert shortened("short.png") == "short.png"
    assert shortened("a-very-long-name-of-a-picture.jpeg") == "a-very-...re.jpeg"
