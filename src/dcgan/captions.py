"""Sheets with words: a title, captions of rows, columns and tiles, and boxes around tiles."""

import math
import textwrap
import unicodedata
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dcgan.files import make_folder
from dcgan.images import (
    SHEET_GAP,
    WRITABLE,
    Picture,
    require_writable_picture,
    save_picture,
    sheet,
    to_array,
)
from dcgan.tensors import Pixels

T = TypeVar("T")

TEXT_SIZE = 13
LEAST_WIDTH = 64
"""Pixels; narrower pictures are enlarged, so that a word fits below them."""
LONGEST_LINE = 20
"""Letters in a line beside a row; longer ones are broken."""
LONGEST_NAME = 16
"""Letters of a file's name in a caption."""
MARGIN = 3
"""Pixels around a caption."""
BOX_COLOUR = (230, 20, 20)

Tiles = Pixels | Sequence[Picture | None]
"""(N, H, W, C) uint8, or as many pictures of one size; None leaves a place empty."""


def captioned(
    tiles: Tiles,
    columns: int | None = None,
    *,
    title: str = "",
    above: Sequence[str] = (),
    left: Sequence[str] = (),
    below: Sequence[str] = (),
    boxed: Collection[int] = (),
    least_width: int = LEAST_WIDTH,
) -> Picture:
    """Pictures in rows on a white sheet, as `images.sheet`, with words that say what they are.

    All are enlarged by the same whole factor, so that they are wide enough, and no caption above or
    below is wider than its picture. A caption may have several lines; one to the left is broken
    into lines of 20 letters, and its row is high enough for them.

    Args:
        tiles: pictures of one size, one at least, row by row.
        columns: in a row; by default as near to a square as N lets.
        title: sentences above all, in as many lines as the sheet's width asks for.
        above: a caption for each column, or none.
        left: a caption for each row, or none.
        below: a caption for each tile, or none.
        boxed: numbers of tiles to draw a box around.
        least_width: of a tile, in pixels.

    Returns:
        (H, W, 3) uint8; (H, W, 4) of pictures with transparency.
    """
    columns = columns or math.ceil(math.sqrt(len(tiles)))
    pictures = [None if tile is None else in_colour(np.asarray(tile)) for tile in tiles]
    shape = next(picture.shape for picture in pictures if picture is not None)
    factor = factor_for(shape[1], [*above, *below], least_width)
    height, width = factor * shape[0], factor * shape[1]
    left = [broken(words) for words in left]
    (side, high), top = text_size(left), text_size(above)[1]
    cell = (max(height + text_size(below)[1], high), width, shape[2])
    cells = [_cell(picture, cell, factor) for picture in pictures]
    grid = sheet(cells, columns)
    canvas = np.pad(grid, ((top, 0), (side, 0), (0, 0)), constant_values=255)
    image = Image.fromarray(canvas)
    draw = ImageDraw.Draw(image)

    def corner(number: int) -> tuple[int, int]:
        row, column = divmod(number, columns)
        x = side + SHEET_GAP + column * (cell[1] + SHEET_GAP)
        return x, top + SHEET_GAP + row * (cell[0] + SHEET_GAP)

    for number, words in enumerate(above):
        _write(draw, words, corner(number)[0] + width / 2, top - MARGIN, "md")
    for number, words in enumerate(left):
        _write(draw, words, MARGIN, corner(number * columns)[1] + max(height, high) / 2, "lm")
    for number, words in enumerate(below):
        x, y = corner(number)
        _write(draw, words, x + width / 2, y + height + MARGIN, "ma")
    for number in boxed:
        x, y = corner(number)
        edges = (x - SHEET_GAP, y - SHEET_GAP, x + width + 1, y + height + 1)
        draw.rectangle(edges, outline=BOX_COLOUR, width=SHEET_GAP)
    return titled(np.asarray(image), title)


def titled(picture: Picture, title: str) -> Picture:
    """A sheet (H, W, 3 or 4) with a title above it, in lines as wide as the sheet."""
    if not title:
        return picture
    lines = "\n".join(filled(title, picture.shape[1]))
    wide, high = text_size([lines])
    more = max(0, wide - picture.shape[1])  # a single word may be wider than the sheet
    canvas = np.pad(picture, ((high + MARGIN, 0), (0, more), (0, 0)), constant_values=255)
    image = Image.fromarray(canvas)
    _write(ImageDraw.Draw(image), lines, MARGIN, MARGIN, "la")
    return np.asarray(image)


def filled(words: str, width: int) -> list[str]:
    """Words in lines of so many pixels at most, where a single word is not longer."""
    lines = [""]
    for word in words.split():
        longer = f"{lines[-1]} {word}".strip()
        if not lines[-1] or text_size([longer])[0] <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def in_blocks(rows: Sequence[Sequence[T]], columns: int, empty: T) -> list[T]:
    """Tiles of rows that belong together, in blocks of so many columns, one below the other.

    Args:
        rows: of one length, one at least.
        columns: of a block.
        empty: what fills up the last block.
    """
    tiles: list[T] = []
    for start in range(0, len(rows[0]), columns):
        for row in rows:
            part = row[start : start + columns]
            tiles += [*part, *[empty] * (columns - len(part))]
    return tiles


def to_image(picture: Picture) -> Image.Image:
    """Pixels (H, W, C) for Pillow, which notebooks show."""
    return Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture)


def save_sheet(sheet: Image.Image, path: Path) -> None:
    """Writes a sheet in the format that the file's name ends with.

    Raises:
        DCGANError: as `images.save_picture`.
    """
    save_picture(to_array(sheet), path)


def sheet_path(out: str | Path | None, channels: int) -> Path | None:
    """Where a sheet shall be written, in a folder that is made if need be; None for nowhere.

    Raises:
        DCGANError: no picture with these channels can be written there.
    """
    if out is None:
        return None
    path = Path(out).expanduser()
    if path.suffix.lower() in WRITABLE:
        make_folder(path.absolute().parent)
    require_writable_picture(path, channels)
    return path


def counted(count: int, noun: str) -> str:
    """A number of things in words, such as `1 row` or `2,000 rows`."""
    return f"{count:,} {noun}{'s' * (count != 1)}"


def shortened(name: str) -> str:
    """A name with its middle left out if it is long."""
    half = LONGEST_NAME // 2 - 1
    return name if len(name) <= LONGEST_NAME else f"{name[:half]}...{name[-half:]}"


def broken(words: str) -> str:
    """Words in lines that are not too long."""
    return "\n".join(
        part for line in words.split("\n") for part in textwrap.wrap(line, LONGEST_LINE)
    )


def in_colour(picture: Picture) -> Picture:
    """Grey pixels (H, W, 1) as (H, W, 3); others as they are."""
    return np.repeat(picture, 3, axis=2) if picture.shape[2] == 1 else picture


def enlarged(picture: Picture, factor: int) -> Picture:
    """Each pixel as a square of factor x factor."""
    return picture.repeat(factor, axis=0).repeat(factor, axis=1)


def factor_for(width: int, captions: Sequence[str] = (), least_width: int = LEAST_WIDTH) -> int:
    """The least whole factor that makes pictures wide enough to see, and for their captions."""
    return math.ceil(max(least_width, text_size(captions)[0]) / width)


def text_size(captions: Sequence[str]) -> tuple[int, int]:
    """Width and height in pixels of the place that the largest of some captions takes; or 0, 0."""
    draw = ImageDraw.Draw(Image.new("L", (1, 1)))
    boxes = [
        draw.textbbox((0, 0), plain_letters(words), font=_font(), align="center")
        for words in captions
    ]
    if not any(captions):
        return 0, 0
    width = max(math.ceil(right) for _, _, right, _ in boxes)
    return width + 2 * MARGIN, max(math.ceil(bottom) for *_, bottom in boxes) + 2 * MARGIN


def plain_letters(words: str) -> str:
    """Words in the letters that Pillow's own font has: accents are dropped, others become `?`."""
    parts = unicodedata.normalize("NFKD", words)
    bare = "".join(letter for letter in parts if not unicodedata.combining(letter))
    return bare.encode("ascii", "replace").decode()


def _cell(picture: Picture | None, shape: tuple[int, int, int], factor: int) -> Picture:
    cell = np.full(shape, 255, np.uint8)
    if picture is not None:
        larger = enlarged(picture, factor)
        cell[: larger.shape[0]] = larger
    return cell


def _write(draw: ImageDraw.ImageDraw, words: str, x: float, y: float, anchor: str) -> None:
    align = "left" if anchor.startswith("l") else "center"
    draw.text((x, y), plain_letters(words), "black", _font(), anchor, align=align)


def _font() -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(TEXT_SIZE)
