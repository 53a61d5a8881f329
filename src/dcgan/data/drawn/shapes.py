"""The shapes that the drawn worlds are made of, as signed distances."""

import numpy as np

from dcgan.data.drawn.drawing import FAR, TINY, Array, Bounds, Field, Number, Shape, length, smooth

EVERYWHERE = Bounds(-FAR, -FAR, FAR, FAR)


def ellipse(x: Number, y: Number, half_width: Number, half_height: Number) -> Shape:
    """An ellipse around (x, y)."""

    def distance(px: Array, py: Array) -> Array:
        # With q = (dx / a, dy / b) the ellipse is |q| = 1; |q| (|q| - 1) over the length of
        # (dx / a^2, dy / b^2) is the distance to first order, and exact for a circle.
        u, v = (px - x) / half_width, (py - y) / half_height
        radius = length(u, v)
        slant = length(u / half_width, v / half_height) + TINY
        distance_to_edge: Array = radius * (radius - 1.0) / slant
        return distance_to_edge

    return Shape(Bounds(x - half_width, y - half_height, x + half_width, y + half_height), distance)


def circle(x: Number, y: Number, radius: Number) -> Shape:
    """A disc around (x, y)."""

    def distance(px: Array, py: Array) -> Array:
        return length(px - x, py - y) - radius

    return Shape(Bounds(x - radius, y - radius, x + radius, y + radius), distance)


def box(left: Number, top: Number, right: Number, bottom: Number, radius: Number = 0.0) -> Shape:
    """An upright rectangle, with rounded corners where `radius` is more than 0."""
    x, y = (left + right) / 2, (top + bottom) / 2
    half_width, half_height = (right - left) / 2 - radius, (bottom - top) / 2 - radius

    def distance(px: Array, py: Array) -> Array:
        dx, dy = np.abs(px - x) - half_width, np.abs(py - y) - half_height
        inside: Array = np.minimum(np.maximum(dx, dy), 0.0)
        return length(np.maximum(dx, 0.0), np.maximum(dy, 0.0)) + (inside - radius)

    return Shape(Bounds(left, top, right, bottom), distance)


def rectangle(left: Number, top: Number, right: Number, bottom: Number) -> Shape:
    """An upright rectangle with sharp corners; quicker than `box`."""
    bounds = Bounds(left, top, right, bottom)
    return Shape(bounds, bounds.distance)


def capsule(x0: Number, y0: Number, x1: Number, y1: Number, radius: Number) -> Shape:
    """A stroke with round ends from one point to another."""
    dx, dy = x1 - x0, y1 - y0
    scale = 1.0 / (dx * dx + dy * dy + TINY)

    def distance(px: Array, py: Array) -> Array:
        ax, ay = px - x0, py - y0
        along = np.minimum(np.maximum((ax * dx + ay * dy) * scale, 0.0), 1.0)
        return length(ax - along * dx, ay - along * dy) - radius

    low_x, high_x = np.minimum(x0, x1), np.maximum(x0, x1)
    low_y, high_y = np.minimum(y0, y1), np.maximum(y0, y1)
    return Shape(Bounds(low_x, low_y, high_x, high_y).grown(radius), distance)


def polygon(*corners: tuple[Number, Number]) -> Shape:
    """A convex polygon; its corners run clockwise as seen."""

    def distance(px: Array, py: Array) -> Array:
        sides = []
        for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True):
            dx, dy = x1 - x0, y1 - y0
            size = np.sqrt(np.float32(1.0) * (dx * dx + dy * dy + TINY * TINY))
            sides.append((px - x0) * (dy / size) - (py - y0) * (dx / size))
        nearest = sides[0]
        for side in sides[1:]:
            nearest = np.maximum(nearest, side)
        return nearest

    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    left, right, top, bottom = xs[0], xs[0], ys[0], ys[0]
    for x, y in corners[1:]:
        left, right = np.minimum(left, x), np.maximum(right, x)
        top, bottom = np.minimum(top, y), np.maximum(bottom, y)
    return Shape(Bounds(left, top, right, bottom), distance)


def leaf(x: Number, y: Number, half_width: Number, above: Number, below: Number) -> Shape:
    """The region between two parabolas that meet at (x - half_width, y) and (x + half_width, y).

    Args:
        x, y: the middle between the ends.
        half_width: of the line between the ends.
        above, below: heights of the upper and the lower parabola over and under that line; a
            negative height bends the parabola across the line.
    """

    def distance(px: Array, py: Array) -> Array:
        u = (px - x) / half_width
        rise = 1.0 - u * u
        v = py - y
        # |v - f| / sqrt(1 + f'^2), the distance to the curve f to first order.
        up = (-above * rise - v) / np.sqrt(1.0 + (2.0 * above / half_width * u) ** 2)
        down = (v - below * rise) / np.sqrt(1.0 + (2.0 * below / half_width * u) ** 2)
        return np.maximum(up, down)

    top = y - np.maximum(np.maximum(above, -below), 0.0)
    bottom = y + np.maximum(np.maximum(below, -above), 0.0)
    return Shape(Bounds(x - half_width, top, x + half_width, bottom), distance)


def bow(x: Number, y: Number, half_width: Number, sag: Number, thickness: Number) -> Shape:
    """A stroke along a parabola, thick in the middle and thin at the ends.

    Args:
        x, y: the middle between the ends.
        half_width: of the line between the ends.
        sag: how far the middle hangs below the ends; negative arches it above.
        thickness: half of the stroke's, in the middle.
    """

    def distance(px: Array, py: Array) -> Array:
        u = (px - x) / half_width
        rise = 1.0 - u * u
        slope = 2.0 * sag / half_width * u
        off = np.abs(py - y - sag * rise) / np.sqrt(1.0 + slope * slope)
        taper = thickness * (0.35 + 0.65 * np.maximum(rise, 0.0))
        # Past its ends the stroke is cut off round.
        over = np.maximum(np.abs(px - x) - half_width, 0.0)
        return length(off, over) - taper

    low, high = y + np.minimum(sag, 0.0), y + np.maximum(sag, 0.0)
    return Shape(Bounds(x - half_width, low, x + half_width, high).grown(thickness), distance)


def half_plane(x: Number, y: Number, normal_x: Number, normal_y: Number) -> Shape:
    """All on the far side of a line through (x, y), whose unit normal points out of the shape."""

    def distance(px: Array, py: Array) -> Array:
        return (px - x) * normal_x + (py - y) * normal_y

    return Shape(EVERYWHERE, distance)


def outline(shape: Shape, thickness: Number) -> Shape:
    """A stroke along the edge of a shape, `thickness` to either side of it."""
    return Shape(
        shape.bounds.grown(thickness),
        lambda px, py: np.abs(shape.distance(px, py)) - thickness,
    )


def intersect(a: Shape, b: Shape) -> Shape:
    """What lies in both shapes."""
    bounds = Bounds(
        np.maximum(a.bounds.left, b.bounds.left),
        np.maximum(a.bounds.top, b.bounds.top),
        np.minimum(a.bounds.right, b.bounds.right),
        np.minimum(a.bounds.bottom, b.bounds.bottom),
    )
    return Shape(bounds, lambda px, py: np.maximum(a.distance(px, py), b.distance(px, py)))


def unite(*shapes: Shape) -> Shape:
    """What lies in any of the shapes."""
    left, top, right, bottom = shapes[0].bounds
    for shape in shapes[1:]:
        left, top = np.minimum(left, shape.bounds.left), np.minimum(top, shape.bounds.top)
        right = np.maximum(right, shape.bounds.right)
        bottom = np.maximum(bottom, shape.bounds.bottom)

    def distance(px: Array, py: Array) -> Array:
        nearest = shapes[0].distance(px, py)
        for shape in shapes[1:]:
            nearest = np.minimum(nearest, shape.distance(px, py))
        return nearest

    return Shape(Bounds(left, top, right, bottom), distance)


def cut(shape: Shape, away: Shape) -> Shape:
    """What lies in `shape` and not in `away`."""
    return Shape(
        shape.bounds, lambda px, py: np.maximum(shape.distance(px, py), -away.distance(px, py))
    )


def slope(x0: Number, y0: Number, x1: Number, y1: Number) -> Field:
    """A field that goes smoothly from 0 at the first point to 1 at the second."""
    dx, dy = x1 - x0, y1 - y0
    scale = 1.0 / (dx * dx + dy * dy + TINY)

    def field(px: Array, py: Array) -> Array:
        return smooth((px - x0) * (dx * scale) + (py - y0) * (dy * scale))

    return field


def halo(x: Number, y: Number, half_width: Number, half_height: Number) -> Field:
    """A field that is 1 at (x, y) and fades smoothly to 0 at the ellipse around it."""

    def field(px: Array, py: Array) -> Array:
        u, v = (px - x) / half_width, (py - y) / half_height
        return smooth(1.0 - length(u, v))

    return field
