"""Sheets with words: captions of rows, columns and single tiles, and boxes around tiles."""

import math
import textwrap
import unicodedata
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dcgan.files import make_folder
from dcgan.images import SHEET_GAP, WRITABLE, Picture, require_writable_picture, sheet
from dcgan.tensors import Pixels

TEXT_SIZE = 13
LEAST_WIDTH = 64
"""Pixels; narrower pictures are enlarged, so that a word fits below them."""
LONGEST_LINE = 20
"""Letters in a line beside a row; longer ones are broken."""
MARGIN = 3
"""Pixels around a caption."""
BOX_COLOUR = (230, 20, 20)

Tiles = Pixels | Sequence[Picture | None]
"""(N, H, W, C) uint8, or as many pictures of one size; None leaves a place empty."""


def captioned(
    tiles: Tiles,
    columns: int | None = None,
    *,
    above: Sequence[str] = (),
    left: Sequence[str] = (),
    below: Sequence[str] = (),
    boxed: Collection[int] = (),
) -> Picture:
    """Pictures in rows on a white sheet, as `images.sheet`, with words that say what they are.

    All are enlarged by the same whole factor, so that they are 64 pixels wide at least and no
    caption above or below is wider than its picture. A caption may have several lines; one to the
    left is broken into lines of 20 letters, and its row is high enough for them.

    Args:
        tiles: pictures of one size, one at least, row by row.
        columns: in a row; by default as near to a square as N lets.
        above: a caption for each column, or none.
        left: a caption for each row, or none.
        below: a caption for each tile, or none.
        boxed: numbers of tiles to draw a box around.

    Returns:
        (H, W, 3) uint8; (H, W, 4) of pictures with transparency.
    """
    columns = columns or math.ceil(math.sqrt(len(tiles)))
    pictures = [None if tile is None else in_colour(np.asarray(tile)) for tile in tiles]
    shape = next(picture.shape for picture in pictures if picture is not None)
    factor = factor_for(shape[1], [*above, *below])
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
    return np.asarray(image)


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


def factor_for(width: int, captions: Sequence[str] = ()) -> int:
    """The least whole factor that makes pictures wide enough to see, and for their captions."""
    return math.ceil(max(LEAST_WIDTH, text_size(captions)[0]) / width)


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
