"""Which pixels a unit sees: its receptive field, from the kernels, strides and paddings."""

from typing import NamedTuple

import numpy as np

from dcgan.config import NetworkConfig
from dcgan.images import Picture
from dcgan.networks import grid_names, pyramid
from dcgan.size import Size

OUTSIDE = 128
"""The grey of what a unit sees outside of the picture; also that of no gradient."""


class Field(NamedTuple):
    """The receptive field of a layer's units: a square that moves by `stride` pixels.

    The unit in row r and column c sees the pixels from row `start + r * stride` and column
    `start + c * stride` on, `side` of them each way. Some may lie outside of the picture.
    """

    side: int
    stride: int
    start: int

    def corner(self, row: int, column: int) -> tuple[int, int]:
        """The first row and column of pixels that a unit sees; may be less than 0."""
        return self.start + row * self.stride, self.start + column * self.stride

    def within(self, row: int, column: int, size: Size) -> tuple[slice, slice]:
        """The rows and columns that a unit sees of a picture of this size."""
        top, left = self.corner(row, column)
        return (
            slice(max(top, 0), min(top + self.side, size.height)),
            slice(max(left, 0), min(left + self.side, size.width)),
        )


def receptive_fields(config: NetworkConfig) -> dict[str, Field]:
    """The receptive field of each of the discriminator's convolutions, from the picture inwards.

    In the network of Section 4.1 a unit of the last one, `4x4`, sees 61x61 pixels, the side of the
    tiles in Figure 5.
    """
    steps = pyramid(config)
    side, stride, start, fields = 1, 1, 0, []
    for step in steps:
        side += (config.kernel_size - 1) * stride
        start -= (config.kernel_size - 1) // 2 * stride
        stride *= step.stride
        fields.append(Field(side, stride, start))
    return dict(zip(grid_names([step.inner for step in steps]), fields, strict=True))


def patch(picture: Picture, field: Field, row: int, column: int) -> Picture:
    """What a unit sees of a picture (H, W, C), as (side, side, C); grey outside of the picture."""
    top, left = field.corner(row, column)
    rows, columns = field.within(row, column, Size(*picture.shape[:2]))
    found = np.full((field.side, field.side, picture.shape[2]), OUTSIDE, np.uint8)
    found[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left] = picture[
        rows, columns
    ]
    return found
