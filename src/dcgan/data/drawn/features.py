"""Eyes, brows, nose, mouth and glasses of the drawn faces."""

import numpy as np

from dcgan.data.drawn.drawing import Array, Canvas, Gradient, Shape, colours, mix
from dcgan.data.drawn.people import Face
from dcgan.data.drawn.shapes import (
    bow,
    box,
    capsule,
    circle,
    ellipse,
    halo,
    intersect,
    leaf,
    outline,
    slope,
    unite,
)

WHITE = colours("ffffff")
EYE_WHITE = colours("fdfaf6")
DARK = colours("241c22")
BLUSH = colours("ee6a6a")
MOUTH_INSIDE = colours("7a2130")
TONGUE = colours("e0707a")
LENS = colours("e8f4ff")
SIDES = (-1.0, 1.0)

MOUTH_Y = 0.3  # where the mouth begins, in head coordinates
LENS_HALF_WIDTH, LENS_HALF_HEIGHT = 0.165, 0.14


def draw_cheeks(canvas: Canvas, face: Face) -> None:
    """A soft blush on both cheeks."""
    for side in SIDES:
        x, narrow = face.across(side * 0.56), face.narrowing(side * 0.56)
        spot = ellipse(x, face.eye_height + 0.19, 0.14 * narrow, 0.11)
        field = halo(x, face.eye_height + 0.19, 0.14 * narrow, 0.11)
        blushing = mix(face.skin_colour, BLUSH, 0.6)
        canvas.fill_softly(spot, blushing, field, opacity=face.blush)


def draw_eyes(canvas: Canvas, face: Face) -> None:
    """Two open eyes that look where the head looks."""
    for side in SIDES:
        _draw_eye(canvas, face, side)


def _draw_eye(canvas: Canvas, face: Face, side: float) -> None:
    place = side * face.eye_spacing
    x, y, narrow = face.across(place), face.eye_height, face.narrowing(place)
    half_width, half_height = 0.112 * face.eye_size * narrow, 0.088 * face.eye_size
    opening = ellipse(x, y, half_width, half_height)
    iris_x = x + 0.028 * face.turn
    radius = 0.068 * face.eye_size
    canvas.fill(opening, EYE_WHITE)
    iris = ellipse(iris_x, y + 0.004, radius * (0.35 + 0.65 * narrow), radius * 1.06)
    pupil = ellipse(iris_x, y + 0.004, 0.55 * radius * (0.35 + 0.65 * narrow), 0.6 * radius)
    rim = mix(face.eye_colour, DARK, 0.45)
    lit = mix(face.eye_colour, WHITE, 0.15)
    colour = Gradient(rim, lit, slope(iris_x, y - radius, iris_x, y + radius))
    canvas.fill(intersect(iris, opening), colour)
    canvas.fill(pupil, DARK)
    canvas.fill(circle(iris_x + 0.024 * face.light, y - 0.026, 0.022), WHITE)
    lid = bow(x, y - 0.3 * half_height, 1.06 * half_width, -0.78 * half_height, 0.02)
    canvas.fill(lid, DARK)


def draw_brows(canvas: Canvas, face: Face) -> None:
    """Two brows, a little darker than the hair."""
    colour = mix(face.hair_colour, DARK, 0.35)
    for side in SIDES:
        place = side * (face.eye_spacing + 0.015)
        x, narrow = face.across(place), face.narrowing(place)
        y = face.eye_height - face.brow_height + 0.03
        brow = bow(x, y, 0.115 * narrow, -face.brow_arch, face.brow_thickness)
        canvas.fill(brow, colour)


def draw_nose(canvas: Canvas, face: Face) -> None:
    """A nose that points where the head looks: a shaded side, a tip, and a light on the ridge."""
    tip_x, tip_y = 1.22 * face.width * face.sine, face.eye_height + face.nose_length
    root_x = face.across(0.0) * 0.95
    shade = mix(face.skin_colour, colours("8a3a2a"), 0.3)
    light = mix(face.skin_colour, WHITE, 0.3)
    canvas.fill(bow(tip_x, tip_y, face.nose_width, 0.035, 0.02), shade)
    away = np.where(np.abs(face.turn) > 0.25, np.sign(face.turn), -face.light)
    edge = capsule(root_x + 0.04 * away, 0.02, tip_x + 0.035 * away, tip_y - 0.03, 0.014)
    canvas.fill(edge, shade, opacity=0.3 + 0.5 * np.abs(face.turn), softness=0.03)
    ridge = capsule(root_x, 0.06, tip_x, tip_y - 0.03, 0.018)
    canvas.fill(ridge, light, opacity=0.6, softness=0.03)


def draw_mouth(canvas: Canvas, face: Face) -> None:
    """An open smile with teeth, or closed lips whose corners hang a little."""
    x = 0.97 * face.across(0.0)
    _draw_smile(canvas, face, x)
    _draw_closed_mouth(canvas, face, x)


def _draw_smile(canvas: Canvas, face: Face, x: Array) -> None:
    half_width = 1.08 * face.mouth_width * face.narrowing(0.0)
    depth = face.mouth_openness + 0.025
    sag = 0.028
    y = MOUTH_Y - 0.01
    mouth = leaf(x, y, half_width, -sag, depth)
    lips = leaf(x, y - 0.012, half_width + 0.025, -0.012, depth + 0.035)
    canvas.fill(lips, face.lip_colour, opacity=face.smile)
    canvas.fill(mouth, MOUTH_INSIDE, opacity=face.smile)
    tongue = ellipse(x, y + depth, 0.6 * half_width, 0.45 * depth)
    canvas.fill(intersect(tongue, mouth), TONGUE, opacity=face.smile)
    teeth = leaf(x, y, 0.97 * half_width, -sag, 0.62 * depth)
    canvas.fill(teeth, WHITE, opacity=face.smile)
    crease = mix(face.skin_colour, face.lip_colour, 0.7)
    for side in SIDES:
        end = x + side * (half_width + 0.02)
        dimple = capsule(end, y - 0.025, end + side * 0.012, y + 0.015, 0.012)
        canvas.fill(dimple, crease, opacity=face.smile)


def _draw_closed_mouth(canvas: Canvas, face: Face, x: Array) -> None:
    closed = 1.0 - face.smile
    half_width = 0.78 * face.mouth_width * face.narrowing(0.0)
    full = 0.02 + 0.02 * face.lip_fullness
    y = MOUTH_Y + 0.045
    canvas.fill(leaf(x, y, half_width, full, full + 0.025), face.lip_colour, opacity=closed)
    line = mix(face.lip_colour, DARK, 0.6)
    canvas.fill(bow(x, y + 0.004, 1.06 * half_width, 0.0, 0.016), line, opacity=closed)


def draw_glasses(canvas: Canvas, face: Face) -> None:
    """Dark frames with light on the lenses."""
    lenses = _lenses(face)
    y = _lens_y(face)
    for x, half_width, lens in lenses:
        canvas.fill(lens, LENS, opacity=0.16)
        glare = unite(
            capsule(x - 0.45 * half_width, y + 0.07, x + 0.15 * half_width, y - 0.09, 0.018),
            capsule(x - 0.05 * half_width, y + 0.08, x + 0.4 * half_width, y - 0.05, 0.009),
        )
        canvas.fill(intersect(glare, lens), WHITE, opacity=0.6)
        canvas.fill(outline(lens, 0.021), face.frame_colour)
    (left, left_half, _), (right, right_half, _) = lenses
    middle, reach = _between(left + left_half, right - right_half)
    canvas.fill(bow(middle, y - 0.02, reach + 0.01, -0.04, 0.024), face.frame_colour)


def draw_arms_of_glasses(canvas: Canvas, face: Face) -> None:
    """The arms from the lenses to the ears; the side that is turned away hides its own."""
    y = _lens_y(face)
    for side, (x, half_width, _) in zip(SIDES, _lenses(face), strict=True):
        start, end = x + side * half_width, side * face.width * 0.98
        shown = (side * (end - start) > 0.02) * face.glasses
        canvas.fill(
            capsule(start, y - 0.05, end, y - 0.06, 0.022), face.frame_colour, opacity=shown
        )


def _lenses(face: Face) -> list[tuple[Array, Array, Shape]]:
    """x, half of the width and outline of the left and the right lens."""
    lenses = []
    for side in SIDES:
        place = side * (face.eye_spacing + 0.005)
        x = face.across(place)
        half_width = LENS_HALF_WIDTH * (0.12 + 0.88 * face.narrowing(place))
        lenses.append((x, half_width, _lens(x, _lens_y(face), half_width, face.round_lenses)))
    return lenses


def _lens_y(face: Face) -> Array:
    return face.eye_height + 0.01


def _between(left: Array, right: Array) -> tuple[Array, Array]:
    return (left + right) / 2, np.maximum((right - left) / 2, 0.01)


def _lens(x: Array, y: Array, half_width: Array, is_round: Array) -> Shape:
    """A round lens, or one with straight sides."""
    height = LENS_HALF_HEIGHT * (0.88 + 0.12 * is_round)
    radius = 0.07 + 0.065 * is_round
    radius = np.minimum(radius, 0.95 * half_width)
    return box(x - half_width, y - height, x + half_width, y + height, radius)
