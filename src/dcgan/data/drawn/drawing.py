"""Anti-aliased shapes on a batch of canvases."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

# The picture is the last axis of every array, so that a number per picture, (N,), meets a grid,
# (H, W, N), without reshaping, and so that any tile of the grid is made of long contiguous rows.
# Grids see only + - * / sqrt min max, which IEEE 754 rounds exactly: the same scene gives the
# same bytes whatever the batch, the tile and the machine.
# All arrays are float32, in which a Python number leaves them; its type hints do not know that.
Array = NDArray[np.floating[Any]]
Scalar = float | np.floating[Any]
Number = Array | Scalar  # (N,), or one value for all pictures
Field = Callable[[Array, Array], Array]  # x, y -> values, (H, W, N) after broadcasting

FAR = 99.0  # beyond every canvas of a sensible shape; finite, so that no 0 * inf arises
TINY = 1e-6


class Bounds(NamedTuple):
    """A rectangle that holds all of a shape."""

    left: Number
    top: Number
    right: Number
    bottom: Number

    def distance(self, x: Array, y: Array) -> Array:
        """How far points lie outside, or less than 0."""
        across: Array = np.maximum(self.left - x, x - self.right)
        down: Array = np.maximum(self.top - y, y - self.bottom)
        return np.maximum(across, down)

    def grown(self, margin: Number) -> "Bounds":
        """The rectangle with `margin` more on each side."""
        return Bounds(
            self.left - margin, self.top - margin, self.right + margin, self.bottom + margin
        )


class Shape(NamedTuple):
    """A region of the plane: its signed distance (negative inside) and where it can be."""

    bounds: Bounds
    distance: Field


class Gradient(NamedTuple):
    """A paint that goes from one colour to another as `field` goes from 0 to 1."""

    start: Array
    end: Array
    field: Field


Paint = Array | Gradient  # a colour is (3, N) or (3, 1), in [0, 1]


def clip01(values: Array) -> Array:
    """The values limited to [0, 1], in place."""
    np.maximum(values, 0.0, out=values)
    return np.minimum(values, 1.0, out=values)


def colours(*codes: str) -> Array:
    """A palette, (3, len(codes)) in [0, 1], from codes such as "d94f3d"."""
    rows = [[int(code[i : i + 2], 16) / 255 for i in (0, 2, 4)] for code in codes]
    return np.array(rows, dtype=np.float32).T


def mix(start: Array, end: Array, amount: Number) -> Array:
    """The colour a fraction `amount` of the way from `start` to `end`."""
    return start + (end - start) * amount


def length(x: Array, y: Array) -> Array:
    """Of the vectors (x, y)."""
    squares: Array = x * x + y * y
    return np.sqrt(squares, out=squares)


def smooth(values: Array) -> Array:
    """A soft step: 0 below 0, 1 above 1, without a kink between."""
    t = clip01(values)
    return t * t * (3.0 - 2.0 * t)


class Canvas:
    """N pictures to paint on, back to front, in coordinates where the shorter side is [-1, 1].

    x runs to the right and y runs down. A `framed` canvas paints on the same pictures in
    coordinates that were moved, turned and scaled picture by picture.
    """

    def __init__(self, pictures: int, height: int, width: int) -> None:
        short = min(height, width)
        self.planes: Array = np.zeros((3, height, width, pictures), np.float32)
        self.pixel = np.float32(2.0 / short)
        self.half_width, self.half_height = width / short, height / short
        self._x = ((2 * np.arange(width, dtype=np.float32) + 1 - width) / short)[:, None]
        self._y = ((2 * np.arange(height, dtype=np.float32) + 1 - height) / short)[:, None, None]
        self._frame: tuple[Number, ...] = (0.0, 0.0, 1.0, 0.0, 1.0)

    def _sharing(self, planes: Array) -> Self:
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__, planes=planes)
        return other

    def framed(self, x: Number, y: Number, *, sine: Number = 0.0, scale: Number = 1.0) -> Self:
        """The same pictures in coordinates with their origin at (x, y), turned and scaled.

        Args:
            x, y: where the new origin lies on the unframed canvas.
            sine: of the angle, clockwise as seen.
            scale: how much larger things become.
        """
        cosine: Number = np.sqrt(np.float32(1.0) - sine * np.float32(1.0) * sine)
        other = self._sharing(self.planes)
        other._frame = (x, y, cosine, sine, scale)
        return other

    @contextmanager
    def only(self, wanted: NDArray[np.bool_]) -> Iterator[Self]:
        """A canvas of just the wanted pictures; what is painted on it is put back at the end.

        Args:
            wanted: (N,); the frame of the canvas is kept.
        """
        part = self._sharing(self.planes[..., wanted])
        part._frame = tuple(n[wanted] if isinstance(n, np.ndarray) else n for n in self._frame)
        yield part
        self.planes[..., wanted] = part.planes

    def fill(
        self, shape: Shape, paint: Paint, *, opacity: Number = 1.0, softness: Number = 0.0
    ) -> None:
        """Paints a shape over what is there.

        Args:
            shape: where.
            paint: which colour.
            opacity: in [0, 1]; 0 for the pictures that do without it.
            softness: width of the edge, where that is more than a pixel.
        """
        edge = np.maximum(self.pixel / self._frame[4], softness)
        tile = self._tile(shape.bounds.grown(edge), np.asarray(opacity) > 0)
        if tile is None:
            return
        rows, columns = tile
        x, y = self._coordinates(rows, columns)
        # Distances are of first order, and the bounds keep a shape from reaching out of its tile.
        distance = np.maximum(shape.distance(x, y), shape.bounds.distance(x, y))
        cover = clip01(0.5 - distance * (1.0 / edge))
        if np.ndim(opacity) or opacity != 1.0:
            cover = cover * opacity
        self._blend(rows, columns, cover, paint, x, y)

    def fill_softly(
        self, shape: Shape, paint: Paint, field: Field, *, opacity: Number = 1.0
    ) -> None:
        """Paints inside the bounds of a shape, as strongly as `field` says (0 at the bounds)."""
        tile = self._tile(shape.bounds, np.asarray(opacity) > 0)
        if tile is None:
            return
        x, y = self._coordinates(*tile)
        self._blend(*tile, field(x, y) * opacity, paint, x, y)

    def wash(self, paint: Paint, field: Field | None = None) -> None:
        """Paints over everything, as strongly as `field` says (in [0, 1])."""
        rows, columns = slice(None), slice(None)
        x, y = self._coordinates(rows, columns)
        cover = np.ones((1, 1, 1), np.float32) if field is None else field(x, y)
        self._blend(rows, columns, cover, paint, x, y)

    def _blend(
        self, rows: slice, columns: slice, cover: Array, paint: Paint, x: Array, y: Array
    ) -> None:
        amount = paint.field(x, y) if isinstance(paint, Gradient) else None
        for channel in range(3):
            plane = self.planes[channel, rows, columns]
            if isinstance(paint, Gradient):
                start = paint.start[channel]
                change = amount * (paint.end[channel] - start)
                change += start
                change = change - plane
            else:
                change = paint[channel] - plane
            change *= cover
            plane += change

    def _coordinates(self, rows: slice, columns: slice) -> tuple[Array, Array]:
        """Framed x and y of the pixel centres of a tile, of shapes that broadcast to (h, w, N)."""
        left, top, cosine, sine, scale = self._frame
        x = (self._x[columns] - left) / scale
        y = (self._y[rows] - top) / scale
        if isinstance(sine, float):
            return x, y
        return x * cosine + y * sine, y * cosine - x * sine

    def _tile(self, bounds: Bounds, wanted: NDArray[np.bool_]) -> tuple[slice, slice] | None:
        """Rows and columns that hold the bounds in every picture that wants the shape.

        Leaving out the rest changes nothing: no pixel there would be covered.
        """
        if self.planes.size == 0 or not wanted.any():
            return None
        left, top, cosine, sine, scale = self._frame
        middle_x, middle_y = (bounds.left + bounds.right) / 2, (bounds.top + bounds.bottom) / 2
        half_x, half_y = (bounds.right - bounds.left) / 2, (bounds.bottom - bounds.top) / 2
        x = left + scale * (cosine * middle_x - sine * middle_y)
        y = top + scale * (sine * middle_x + cosine * middle_y)
        reach_x = scale * (cosine * half_x + np.abs(sine) * half_y)
        reach_y = scale * (np.abs(sine) * half_x + cosine * half_y)
        columns = self._span(x - reach_x, x + reach_x, wanted, self.planes.shape[2])
        rows = self._span(y - reach_y, y + reach_y, wanted, self.planes.shape[1])
        return None if columns is None or rows is None else (rows, columns)

    def _span(
        self, low: Number, high: Number, wanted: NDArray[np.bool_], length: int
    ) -> slice | None:
        lows, highs, wanted = np.broadcast_arrays(low, high, wanted)
        middle = (length - 1) / 2
        first = max(0, int(np.floor(lows[wanted].min() / self.pixel + middle)))
        last = min(length, int(np.ceil(highs[wanted].max() / self.pixel + middle)) + 1)
        return slice(first, last) if first < last else None

    def to_bytes(self) -> NDArray[np.uint8]:
        """The pictures, (N, H, W, 3) RGB."""
        levels = np.clip(self.planes, 0.0, 1.0) * 255.0 + 0.5
        return np.ascontiguousarray(levels.astype(np.uint8).transpose(3, 1, 2, 0))
