"""The size of a picture, and which sizes a pyramid of halvings can have."""

import math
from typing import NamedTuple

from dcgan.errors import DCGANError

SMALLEST_SIDE = 8
LARGEST_SIDE = 4096


class Size(NamedTuple):
    """Height and width of a picture or a grid, in pixels or units. Written `64` or `48x80`."""

    height: int
    width: int

    @classmethod
    def of(cls, value: object) -> "Size":
        """The size that a number, a pair or a text like `64` or `48x80` (height x width) names.

        Raises:
            DCGANError: it names none.
        """
        parts = list(value) if isinstance(value, list | tuple) else str(value).lower().split("x")
        try:
            sides = [int(part) for part in parts]
        except (TypeError, ValueError):
            sides = []
        if len(sides) not in (1, 2):
            raise DCGANError(f"`size` (={value}) must be a side like 64, or height x width: 48x80.")
        return cls(sides[0], sides[-1])

    def __str__(self) -> str:
        return str(self.height) if self.height == self.width else f"{self.height}x{self.width}"

    @property
    def grid(self) -> str:
        """Always both sides, `64x64`: the name of a layer with such an output."""
        return f"{self.height}x{self.width}"

    def halved(self, times: int = 1) -> "Size":
        """The size after so many halvings."""
        return Size(self.height >> times, self.width >> times)


def halvings(size: Size) -> int | None:
    """How often a picture is halved down to the base grid, or None if its size is impossible.

    The base grid's shorter side lies between 4 and 7: 64 = 4·2⁴, 28 = 7·2², 96 = 6·2⁴; and
    48x80 = 6x10·2³.
    """
    short = min(size)
    if short < SMALLEST_SIDE or max(size) > LARGEST_SIDE:
        return None
    times = int(math.log2(short / 4))
    return times if all(side % 2**times == 0 for side in size) else None


def nearest_sizes(size: Size, count: int = 3) -> list[Size]:
    """The possible sizes nearest to an impossible one; square ones for a square."""
    size = Size(*(min(max(side, SMALLEST_SIDE), LARGEST_SIDE) for side in size))
    candidates = set()
    for times in range(1, 11):
        unit = 2**times
        rounded = [[side // unit * unit, side // unit * unit + unit] for side in size]
        candidates |= {Size(h, w) for h in rounded[0] for w in rounded[1]}
        candidates |= {Size(4 * unit, 4 * unit), Size(7 * unit, 7 * unit)}
    fitting = [c for c in candidates if halvings(c) and (c[0] == c[1]) == (size[0] == size[1])]
    return sorted(fitting, key=lambda c: (abs(c[0] - size[0]) + abs(c[1] - size[1]), c))[:count]


def require_possible(size: Size) -> None:
    """Raises a DCGANError that names the nearest possible sizes, if this one is impossible."""
    if halvings(size) is None:
        near = ", ".join(map(str, nearest_sizes(size)))
        raise DCGANError(
            f"`size` (={size}) is impossible: halved again and again, the shorter side must reach "
            f"4 to 7 with nothing left over. Nearest possible: {near}."
        )
