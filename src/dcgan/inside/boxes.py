"""Boxes around an object: from a file written by hand, or around what a mask marks."""

import json
import math
from collections.abc import Mapping
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
        DCGANError: the file cannot be read, is of another form or holds no box, or a box is no box
            or reaches out of the pictures.
    """
    path = Path(path).expanduser()
    try:
        content = json.loads(path.read_text(encoding="utf8"))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DCGANError(f"Cannot read the boxes in {path}: {reason}.") from error
    except (ValueError, RecursionError) as error:
        raise DCGANError(f"{path} is no JSON file: {error}. {FORM}") from error
    if not isinstance(content, dict) or not all(isinstance(v, list) for v in content.values()):
        raise DCGANError(f"{path} holds something else than boxes. {FORM}")
    wrong = next((seed for seed in content if not is_seed(seed)), None)
    if wrong is not None:
        raise DCGANError(f"{path}: {wrong!r} is no seed. {FORM}")
    boxes = {
        int(seed): tuple(box_of(value, size, f"{path}, seed {seed}") for value in values)
        for seed, values in content.items()
    }
    if not any(boxes.values()):
        raise DCGANError(f"{path} holds no boxes. {FORM}")
    return {seed: boxes[seed] for seed in sorted(boxes)}


def is_seed(text: str) -> bool:
    """Whether a text is a seed's number."""
    return text.isascii() and text.isdecimal() and len(text) < 20 and int(text) <= LARGEST_SEED


def box_of(value: Any, size: Size, where: str) -> Box:
    """The box that a value from a file means.

    Raises:
        DCGANError: it is none, or reaches out of pictures of this size.
    """
    numbers = isinstance(value, list) and all(type(side) in (int, float) for side in value)
    if not numbers or len(value) != 4 or not all(math.isfinite(side) for side in value):
        raise DCGANError(
            f"{where}: {json.dumps(value)} is no box; it must be four numbers, left, top, right, "
            "bottom."
        )
    box = Box(*value)
    if not (0 <= box.left < box.right <= size.width and 0 <= box.top < box.bottom <= size.height):
        raise DCGANError(
            f"{where}: the box {json.dumps(value)} must lie within the picture, with "
            f"0 <= left < right <= {size.width} and 0 <= top < bottom <= {size.height}."
        )
    return box


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
