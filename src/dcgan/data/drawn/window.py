"""The window of the drawn rooms: the view, the frame and the curtains."""

import numpy as np

from dcgan.data.drawn.drawing import (
    Array,
    Bounds,
    Canvas,
    Field,
    Gradient,
    Number,
    Shape,
    colours,
    mix,
)
from dcgan.data.drawn.homes import HILLS, SKY_HORIZONS, SKY_TOPS, TIMES, Home
from dcgan.data.drawn.shapes import circle, cut, ellipse, intersect, rectangle, slope

FRAME = colours("fbf8f2")
FRAME_SHADE = colours("cfc8bd")
ROD = colours("5a4636")
SUN = colours("fff6d0", "ffe0a0", "f4f1e0")
CLOUD = colours("ffffff")
BLACK = colours("1c1626")
NIGHT = TIMES.index("night")

CURTAIN = 0.24  # width of each curtain, as a part of the window's
FRAME_WIDTH = 0.035


def draw_window(canvas: Canvas, home: Home) -> None:
    """The window. Nothing of it, and no light from it, lies outside of its bounds."""
    left, top, right, bottom = home.window_bounds
    inset = home.curtains * 0.4 * CURTAIN * (right - left)
    frame_top = top + 0.03 * home.curtains
    frame = rectangle(left + inset, frame_top, right - inset, bottom)
    canvas.fill(frame, Gradient(FRAME, FRAME_SHADE, slope(left, top, right, bottom)))
    glass = Bounds(
        left + inset + FRAME_WIDTH,
        frame_top + FRAME_WIDTH,
        right - inset - FRAME_WIDTH,
        bottom - 0.06,
    )
    _draw_view(canvas, home, glass)
    _draw_bars(canvas, glass)
    sill = rectangle(left + inset, bottom - 0.035, right - inset, bottom)
    canvas.fill(sill, FRAME_SHADE)
    _draw_curtains(canvas, home)


def _draw_view(canvas: Canvas, home: Home, glass: Bounds) -> None:
    left, top, right, bottom = glass
    pane = rectangle(left, top, right, bottom)
    sky = Gradient(
        SKY_TOPS[:, home.time], SKY_HORIZONS[:, home.time], slope(0.0, top, 0.0, bottom - 0.08)
    )
    canvas.fill(pane, sky)
    width, height = right - left, bottom - top
    x = left + home.sun * width
    # The dusk sun stands low, the sun of the day and the moon stand high.
    low = np.where(home.time == 1, np.float32(0.55), np.float32(0.28))
    disc = circle(x, top + low * height, 0.065)
    moon = cut(disc, circle(x + 0.035, top + low * height - 0.02, 0.055))
    is_night = (home.time == NIGHT) * np.float32(1.0)
    colour = SUN[:, home.time]
    canvas.fill(intersect(disc, pane), colour, opacity=1.0 - is_night)
    canvas.fill(intersect(moon, pane), colour, opacity=is_night)
    for across, down in ((0.15, 0.15), (0.35, 0.4), (0.62, 0.12), (0.85, 0.35)):
        star = circle(left + across * width, top + down * height, 0.011)
        canvas.fill(star, colour, opacity=is_night)
    _draw_cloud(canvas, home, pane, left + (1.0 - home.sun) * width, top + 0.32 * height)
    _draw_hills(canvas, home, pane, glass)


def _draw_cloud(canvas: Canvas, home: Home, pane: Shape, x: Number, y: Number) -> None:
    opacity = np.where(home.time == NIGHT, np.float32(0.08), np.float32(0.75))
    for shift, drop, half_width, half_height in ((0, 0, 0.12, 0.035), (0.02, -0.025, 0.06, 0.04)):
        puff = ellipse(x + shift, y + drop, half_width, half_height)
        canvas.fill(intersect(puff, pane), CLOUD, opacity=opacity)


def _draw_hills(canvas: Canvas, home: Home, pane: Shape, glass: Bounds) -> None:
    left, top, right, bottom = glass
    width, height = right - left, bottom - top
    colour = HILLS[:, home.time]
    far = ellipse(left + 0.85 * width, bottom, 0.65 * width, 0.9 * home.hill * height)
    near = ellipse(left + 0.2 * width, bottom + 0.05, 0.75 * width, home.hill * height)
    pale = mix(colour, SKY_HORIZONS[:, home.time], 0.35)
    canvas.fill(intersect(far, pane), pale)
    canvas.fill(intersect(near, pane), colour)


def _draw_bars(canvas: Canvas, glass: Bounds) -> None:
    left, top, right, bottom = glass
    middle, across = (left + right) / 2, top + 0.45 * (bottom - top)
    canvas.fill(rectangle(middle - 0.015, top, middle + 0.015, bottom), FRAME)
    canvas.fill(rectangle(left, across - 0.013, right, across + 0.013), FRAME)


def _draw_curtains(canvas: Canvas, home: Home) -> None:
    left, top, right, bottom = home.window_bounds
    width = CURTAIN * (right - left)
    light, dark = home.curtain_colour, mix(home.curtain_colour, BLACK, 0.25)
    for outer, inner in ((left, left + width), (right, right - width)):
        start, end = np.minimum(outer, inner), np.maximum(outer, inner)
        cloth = rectangle(start, top + 0.03, end, bottom)
        folds = Gradient(light, dark, _folds(start, width))
        canvas.fill(cloth, folds, opacity=home.curtains)
    canvas.fill(rectangle(left, top, right, top + 0.03), ROD, opacity=home.curtains)


def _folds(start: Array, width: Array) -> Field:
    """Where the cloth of a curtain turns away, from 0 to 1."""

    def field(x: Array, y: Array) -> Array:
        turns = (x - start) / width * 2.5
        rise: Array = np.abs(turns - np.floor(turns) - 0.5) * 2.0
        return rise * rise * (3.0 - 2.0 * rise)

    return field
