"""The numbers that decide a drawn picture, from its seed alone."""

import numpy as np
from numpy.typing import NDArray

from dcgan.data.drawn.drawing import Array


class Draws:
    """Random numbers for N pictures; each call takes the next of every picture's own row.

    The rows depend on the world and the seed alone, so a picture does not change with the
    batch it is drawn in. The order of the calls is part of what a seed means.
    """

    def __init__(self, world: int, seeds: NDArray[np.int64], count: int) -> None:
        rows = [np.random.default_rng([world, int(seed)]).random(count) for seed in seeds]
        self._columns = iter(np.array(rows).reshape(len(seeds), count).T)

    def between(self, low: float, high: float) -> Array:
        """Numbers spread evenly from `low` to `high`, (N,)."""
        return (low + (high - low) * next(self._columns)).astype(np.float32)

    def chance(self, probability: float) -> Array:
        """1 with the given probability, else 0, (N,)."""
        return (next(self._columns) < probability).astype(np.float32)

    def sign(self) -> Array:
        """-1 or 1, (N,)."""
        return 2.0 * self.chance(0.5) - 1.0

    def choice(self, classes: int) -> NDArray[np.int64]:
        """Class numbers from 0 to classes - 1, all as likely, (N,)."""
        return (classes * next(self._columns)).astype(np.int64)
