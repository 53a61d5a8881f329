"""Boxes around an object: from a file written by hand, or around what a mask marks."""

import json
import math
from collections.abc import Iterable, Mapping
from numbers import Real
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from dcgan.errors import DCGANError
from dcgan.sample import LARGEST_SEED
from dcgan.size import Size

FORM = 'It must look like {"12": [[left, top, right, bottom], ...], ...}: boxes in pixels by seed.'


class Box(NamedTuple):
    """A part of a picture in pixels from its upper left corner; right and bottom lie outside."""

    left: float
    top: float
    right: float
    bottom: float


Boxes: TypeAlias = Mapping[int, tuple[Box, ...]]
"""The boxes in the pictures of seeds."""


def read_boxes(path: str | Path, size: Size) -> dict[int, tuple[Box, ...]]:
    """Boxes that somebody drew by hand, from a JSON file: {"12": [[20, 8, 44, 29]], ...}.

    The names are seeds; a box is [left, top, right, bottom] in pixels of the model's pictures.

    Raises:
        DCGANError: the file cannot be read, or as `checked_boxes`.
    """
    path = Path(path).expanduser()
    try:
        # A dictionary would keep the last of two equal names alone, and say nothing.
        content = json.loads(path.read_text(encoding="utf8"), object_pairs_hook=Members)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DCGANError(f"Cannot read the boxes in {path}: {reason}.") from error
    except (ValueError, RecursionError) as error:
        raise DCGANError(f"{path} is no JSON file: {error}. {FORM}") from error
    if not isinstance(content, Members):
        raise DCGANError(f"{path} holds something else than boxes. {FORM}")
    return checked_boxes(content, size, str(path))


class Members(tuple[tuple[str, Any], ...]):
    """Names and values of an object in a JSON file, in their order."""


def given_boxes(boxes: Any, size: Size) -> dict[int, tuple[Box, ...]]:
    """Boxes as a function is given them: the place of a JSON file, or boxes by seed.

    Raises:
        DCGANError: as `read_boxes`.
    """
    if isinstance(boxes, str | Path):
        return read_boxes(boxes, size)
    if not isinstance(boxes, Mapping):
        raise DCGANError(f"`boxes` holds something else than boxes. {FORM}")
    return checked_boxes(boxes.items(), size, "`boxes`")


def checked_boxes(
    given: Iterable[tuple[Any, Any]], size: Size, where: str
) -> dict[int, tuple[Box, ...]]:
    """Seeds and their boxes, each a number and a list of four numbers, in the order of the seeds.

    Args:
        given: seeds, as numbers or in words, each with its boxes.
        size: of the pictures.
        where: where they were given, for errors.

    Raises:
        DCGANError: these are no seeds or no boxes, a seed is there twice, there is no box, or one
            reaches out of the pictures.
    """
    boxes: dict[int, tuple[Box, ...]] = {}
    for name, values in given:
        seed = seed_of(name, where)
        if seed in boxes:
            raise DCGANError(
                f"{where}: seed {seed} is there twice; put all of its boxes into one list."
            )
        if not is_list(values):
            raise DCGANError(f"{where} holds something else than boxes. {FORM}")
        boxes[seed] = tuple(box_of(value, size, f"{where}, seed {seed}") for value in values)
    if not any(boxes.values()):
        raise DCGANError(f"{where} holds no boxes. {FORM}")
    return {seed: boxes[seed] for seed in sorted(boxes)}


def seed_of(name: Any, where: str) -> int:
    """The seed that a name means.

    Raises:
        DCGANError: it is none.
    """
    text = str(name)
    is_seed = text.isascii() and text.isdecimal() and len(text) < 20
    if not is_seed or int(text) > LARGEST_SEED:
        raise DCGANError(f"{where}: {name!r} is no seed. {FORM}")
    return int(text)


def box_of(value: Any, size: Size, where: str) -> Box:
    """The box that a value means.

    Raises:
        DCGANError: it is none, or reaches out of pictures of this size.
    """
    if not is_list(value) or len(value) != 4 or not all(map(is_number, value)):
        raise DCGANError(
            f"{where}: {shown(value)} is no box; each must be four numbers, left, top, right, "
            "bottom, as in [[20, 8, 44, 29]]."
        )
    box = Box(*map(float, value))
    if not (0 <= box.left < box.right <= size.width and 0 <= box.top < box.bottom <= size.height):
        raise DCGANError(
            f"{where}: the box {shown(value)} must lie within the picture, with "
            f"0 <= left < right <= {size.width} and 0 <= top < bottom <= {size.height}."
        )
    return box


def is_list(value: Any) -> bool:
    """Whether a value is a list of others, in whatever kind of list."""
    if isinstance(value, np.ndarray):
        return value.ndim > 0
    return isinstance(value, list | tuple) and not isinstance(value, Members)


def is_number(value: Any) -> bool:
    """Whether a value is a finite number."""
    try:
        return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # a whole number that is too large for a float
        return False


def shown(value: Any) -> str:
    """A value in an error, as JSON has it where it can."""
    return json.dumps(value, default=str)


def covered(boxes: tuple[Box, ...], size: Size, grid: Size) -> NDArray[np.bool_]:
    """Which positions of a layer lie in boxes: those whose middle, in the picture, does.

    Args:
        boxes: in pixels.
        size: of the picture.
        grid: of the layer.

    Returns:
        (grid.height, grid.width).
    """
    y = (np.arange(grid.height)[:, None] + 0.5) * size.height / grid.height
    x = (np.arange(grid.width)[None] + 0.5) * size.width / grid.width
    inside = np.zeros(grid, np.bool_)
    for box in boxes:
        inside |= (box.left <= x) & (x < box.right) & (box.top <= y) & (y < box.bottom)
    return inside


def boxes_around(masks: Tensor, least: int) -> list[tuple[Box, ...]]:
    """The boxes around the connected regions of masks (N, H, W) that have so many pixels."""
    return [_boxes_around(mask, least) for mask in regions(masks).numpy()]


def _boxes_around(numbers: NDArray[np.int64], least: int) -> tuple[Box, ...]:
    boxes = []
    for number, count in zip(*np.unique(numbers, return_counts=True), strict=True):
        if number and count >= least:
            rows, columns = np.nonzero(numbers == number)
            sides = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
            boxes.append(Box(*map(int, sides)))
    return tuple(boxes)


def regions(masks: Tensor) -> Tensor:
    """A number above 0 for each region of pixels that touch, also at their corners; 0 outside.

    Args:
        masks: (N, H, W) bool.

    Returns:
        (N, H, W) int64. A region's number is its own in its picture alone.
    """
    height, width = masks.shape[1:]
    # float64 holds every number exactly, and pooling knows no integers.
    numbers = torch.arange(1.0, height * width + 1, dtype=torch.float64).view(1, height, width)
    numbers = numbers * masks
    while True:  # the largest number of a region spreads by a pixel at a time
        spread = F.max_pool2d(numbers, 3, 1, 1) * masks
        if torch.equal(spread, numbers):
            return numbers.long()
        numbers = spread
