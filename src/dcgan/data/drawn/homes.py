"""What the drawn rooms are like: every number that decides one bedroom."""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from dcgan.data.drawn.drawing import Array, Number, colours, mix
from dcgan.data.drawn.numbers import Draws

NUMBERS_PER_ROOM = 64  # drawn for each seed; more than are used, to leave room

WALL = ("cream", "sage", "blue", "rose", "lilac", "teal")
WALL_COLOURS = colours("f0e0bd", "b3c69b", "a3c4e2", "eab3ab", "c3b2e0", "5a9a9c")
BEDDING = ("white", "red", "mustard", "green", "navy", "pink")
BEDDING_COLOURS = colours("f1eee8", "cf4339", "e5a92e", "4f8f5b", "32477c", "df83a4")
WOOD_COLOURS = colours("a86f42", "c99a63", "6b4630", "e6ddd0")
FLOOR_COLOURS = colours("b98a5c", "d1a878", "8a6244", "a89a8c")
ACCENT_COLOURS = colours("d9634a", "3f7f8c", "e8c15a", "7d5a94", "f0ece2", "567a52")
FABRIC_COLOURS = colours("f5efe6", "e8b9a6", "8fb0c9", "c9d3a5", "d98f5f")
# Sky at the top and at the horizon, and the hills: day, dusk, night.
SKY_TOPS = colours("4f9fe0", "5a5fa8", "141b3f")
SKY_HORIZONS = colours("d8eefb", "ffb27a", "3a4a86")
HILLS = colours("7fb069", "5d4a73", "1f2b4a")
TIMES = ("day", "dusk", "night")
LAMPS = ("table", "floor", "pendant")

BACK = 1.0  # depth of the back wall, where one unit of the room is one unit of the picture


class Home(NamedTuple):
    """N bedrooms; every field has the picture as its last axis.

    The room is measured in right, down and depth; a point at depth z appears at
    (eye_x + right / z, eye_y + down / z). Colours are (3, N), all else is (N,).
    """

    bed: Array  # 0 or 1
    window: Array  # 0 or 1
    lamp: Array  # 0 or 1
    wall: NDArray[np.int64]
    bedding: NDArray[np.int64]

    time: NDArray[np.int64]
    lamp_kind: NDArray[np.int64]
    side: Array  # -1 or 1: the side of the picture where the bed stands
    window_side: Array  # -1 or 1
    along: Array  # 0 or 1: the bed stands with its long side to the wall
    picture: Array  # 0 or 1
    plant: Array  # 0 or 1
    rug: Array  # 0 or 1
    curtains: Array  # 0 or 1
    panelling: Array  # 0 or 1
    striped: Array  # 0 or 1: the blanket

    eye_x: Array
    eye_y: Array
    floor_y: Array  # where the floor meets the back wall
    ceiling_y: Array
    wall_side: Array  # -1 or 1: where the side wall is seen
    wall_x: Array  # where it meets the back wall

    bed_width: Array
    bed_height: Array
    bed_near: Array  # depth of the near end of the bed
    bed_shift: Array
    headboard: Array  # its height over the bed
    window_width: Array
    window_height: Array
    window_shift: Array
    window_top: Array
    sun: Array  # where in the window, 0 to 1
    hill: Array
    lamp_height: Array
    art_size: Array
    plank: Array  # width of the floor boards
    rug_size: Array

    wall_colour: Array
    bedding_colour: Array
    wood_colour: Array
    floor_colour: Array
    rug_colour: Array
    trim_colour: Array
    curtain_colour: Array
    lamp_colour: Array
    art_colour: Array
    other_art_colour: Array

    def only(self, wanted: NDArray[np.bool_]) -> Self:
        """The wanted bedrooms."""
        return self._replace(**{name: n[..., wanted] for name, n in self._asdict().items()})

    def seen(self, right: Number, down: Number, depth: Number) -> tuple[Number, Number]:
        """Where a point of the room appears in the picture.

        Args:
            right: from the eye; places on the back wall are picture x - `eye_x`.
            down: from the eye.
            depth: 1 at the back wall, less nearer by.
        """
        return self.eye_x + right / depth, self.eye_y + down / depth

    @property
    def floor_down(self) -> Array:
        """How far the floor lies under the eye."""
        return self.floor_y - self.eye_y

    def reach(self, side: Array) -> Array:
        """How far from the middle things may stand at the back wall on the side given, -1 or 1."""
        walled = side == self.wall_side
        return np.where(walled, np.minimum(self.wall_x, np.float32(0.97)), np.float32(0.97))

    @property
    def bed_span(self) -> tuple[Array, Array]:
        """Left and right of the bed in the room, measured from the eye."""
        half = np.where(self.along > 0, np.float32(0.55), self.bed_width)
        middle = self.side * (self.reach(self.side) - half - self.bed_shift) - self.eye_x
        return middle - half, middle + half

    @property
    def bed_top(self) -> Array:
        """How far the top of the mattress lies under the eye."""
        return self.floor_down - self.bed_height

    @property
    def table_x(self) -> Array:
        """Middle of the bedside table, on the back wall."""
        left, right = self.bed_span
        inner = np.where(self.side > 0, left, right) + self.eye_x
        return inner - self.side * 0.2

    @property
    def window_bounds(self) -> tuple[Array, Array, Array, Array]:
        """Left, top, right and bottom of all that belongs to the window, in the picture."""
        half = self.window_width / 2
        out = np.minimum(0.48 + self.window_shift, self.reach(self.window_side) - half - 0.06)
        middle = self.window_side * out
        top = self.window_top
        return middle - half, top, middle + half, top + self.window_height


def cast(seeds: NDArray[np.int64]) -> Home:
    """The bedrooms of the seeds."""
    draws = Draws(0x4003, seeds, NUMBERS_PER_ROOM)
    between, chance, choice = draws.between, draws.chance, draws.choice

    def pick(palette: Array) -> Array:
        return palette[:, choice(palette.shape[1])]

    bed, window, lamp = chance(0.8), chance(0.7), chance(0.55)
    wall, bedding = choice(len(WALL)), choice(len(BEDDING))
    white = colours("ffffff")
    return Home(
        bed=bed,
        window=window,
        lamp=lamp,
        wall=wall,
        bedding=bedding,
        time=choice(len(TIMES)),
        lamp_kind=choice(len(LAMPS)),
        side=draws.sign(),
        window_side=draws.sign(),
        along=chance(0.35),
        picture=chance(0.75),
        plant=chance(0.5),
        rug=chance(0.75),
        curtains=chance(0.75),
        panelling=chance(0.3),
        striped=chance(0.35),
        eye_x=between(-0.3, 0.3),
        eye_y=between(-0.35, -0.15),
        floor_y=between(0.28, 0.4),
        ceiling_y=between(-0.98, -0.88),
        wall_side=draws.sign(),
        wall_x=between(0.74, 0.96),
        bed_width=between(0.32, 0.39),
        bed_height=between(0.23, 0.29),
        bed_near=between(0.65, 0.71),
        bed_shift=between(0.1, 0.22),
        headboard=between(0.14, 0.26),
        window_width=between(0.64, 0.88),
        window_height=between(0.6, 0.68),
        window_shift=between(-0.1, 0.08),
        window_top=between(-0.84, -0.78),
        sun=between(0.2, 0.8),
        hill=between(0.25, 0.45),
        lamp_height=between(0.9, 1.1),
        art_size=between(0.85, 1.15),
        plank=between(0.14, 0.22),
        rug_size=between(0.85, 1.15),
        wall_colour=mix(WALL_COLOURS[:, wall], white, between(0, 0.16)),
        bedding_colour=mix(BEDDING_COLOURS[:, bedding], white, between(0, 0.08)),
        wood_colour=pick(WOOD_COLOURS),
        floor_colour=pick(FLOOR_COLOURS),
        rug_colour=pick(ACCENT_COLOURS),
        trim_colour=pick(FABRIC_COLOURS),
        curtain_colour=pick(FABRIC_COLOURS),
        lamp_colour=pick(FABRIC_COLOURS),
        art_colour=pick(ACCENT_COLOURS),
        other_art_colour=pick(ACCENT_COLOURS),
    )
