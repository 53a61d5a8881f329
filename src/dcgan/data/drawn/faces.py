"""The world of faces: portraits of friendly people, drawn from their numbers."""

import numpy as np

from dcgan.data.drawn.drawing import FAR, Array, Canvas, Gradient, Shape, colours, mix
from dcgan.data.drawn.features import (
    draw_arms_of_glasses,
    draw_brows,
    draw_cheeks,
    draw_eyes,
    draw_glasses,
    draw_mouth,
    draw_nose,
)
from dcgan.data.drawn.hair import draw_back_hair, draw_hair
from dcgan.data.drawn.people import NECKLINES, Face
from dcgan.data.drawn.shapes import (
    EVERYWHERE,
    bow,
    box,
    capsule,
    cut,
    ellipse,
    halo,
    intersect,
    polygon,
    rectangle,
    slope,
    unite,
)

WHITE = colours("ffffff")
BLACK = colours("1c1626")
SHADOW = colours("7a2f33")  # skin in the shade goes towards this, which keeps it warm
ROUND, V, COLLAR, ROLLNECK = range(len(NECKLINES))
SHOULDER_Y = 0.63  # top of the clothes
HEAD_Y = -0.02


def label(face: Face, canvas: Canvas) -> Array:
    """The rows of the label table, (N, 6); they are the same on every canvas."""
    columns = (face.smile, face.glasses, face.hair, face.skin, face.turn, face.background)
    return np.stack(columns, axis=1).astype(np.float32)


def paint(canvas: Canvas, face: Face) -> None:
    """Paints the portraits, back to front."""
    draw_background(canvas, face)
    torso = canvas.framed(face.x, face.y, scale=face.scale)
    head = canvas.framed(face.x, face.y + HEAD_Y, sine=face.tilt, scale=face.scale)
    draw_back_hair(head, face)
    draw_neck(torso, face)
    draw_clothes(torso, face)
    draw_ears(head, face, near=False)
    draw_head(head, face)
    draw_ears(head, face, near=True)
    draw_cheeks(head, face)
    draw_nose(head, face)
    draw_mouth(head, face)
    draw_eyes(head, face)
    draw_brows(head, face)
    draw_arms_of_glasses(head, face)
    draw_hair(head, face)
    wearing = face.glasses > 0
    with head.only(wearing) as part:
        draw_glasses(part, face.only(wearing))


def draw_background(canvas: Canvas, face: Face) -> None:
    """A wall with a soft light behind the head and darker corners."""
    middle = mix(face.background_colour, WHITE, 0.3)
    edge = mix(face.background_colour, BLACK, 0.22)
    canvas.wash(Gradient(edge, middle, halo(0.35 * face.light, -0.3, 1.9, 1.9)))


def draw_neck(canvas: Canvas, face: Face) -> None:
    """The neck, and the shadow that the chin throws on it."""
    half = 0.4 * face.width
    x = 0.05 * face.turn
    # The chest lies within the shoulders, or it would show beside a narrow collar.
    chest = intersect(ellipse(0.0, 0.74, 1.7 * half, 0.16), _body(face))
    neck = unite(capsule(x, 0.3, 0.0, 0.62, half), chest)
    shade = mix(face.skin_colour, SHADOW, 0.42)
    light = mix(face.skin_colour, SHADOW, 0.1)
    canvas.fill(neck, Gradient(shade, light, slope(0.0, 0.58, 0.0, 0.76)))


def draw_clothes(canvas: Canvas, face: Face) -> None:
    """Shoulders and what is worn on them."""
    cloth = cut(_body(face), _neck_opening(face))
    light = mix(face.clothes_colour, WHITE, 0.12)
    dark = mix(face.clothes_colour, BLACK, 0.3)
    side = 0.62 * face.light
    canvas.fill(cloth, Gradient(light, dark, slope(0.5 * side, 0.6, -side, 1.0)))
    _draw_stripes(canvas, face, cloth)
    _draw_neckline(canvas, face)


def _body(face: Face) -> Shape:
    """Shoulders and all below them."""
    half, middle = 0.62 + 0.4 * (face.width - 0.44), 1.12
    shoulders = ellipse(0.0, middle, half, middle - SHOULDER_Y)
    return unite(shoulders, rectangle(-half, middle, half, FAR))


def _neck_opening(face: Face) -> Shape:
    """The skin that the clothes leave free, wide or pointed."""
    depth = np.where(face.neckline == V, 0.3, 0.2).astype(np.float32)
    depth = np.where(face.neckline >= COLLAR, np.float32(0.12), depth)
    half = np.where(face.neckline == ROUND, 0.3, 0.22).astype(np.float32)
    half = np.where(face.neckline == ROLLNECK, np.float32(0.15), half)
    rounded = ellipse(0.0, 0.58, half, depth)
    pointed = polygon((-half, 0.55), (half, 0.55), (0.0 * half, 0.58 + depth))
    is_v = face.neckline == V

    def distance(x: Array, y: Array) -> Array:
        return np.where(is_v, pointed.distance(x, y), rounded.distance(x, y))

    return Shape(rounded.bounds, distance)


def _draw_stripes(canvas: Canvas, face: Face, cloth: Shape) -> None:
    def distance(x: Array, y: Array) -> Array:
        row = y * 7.0 + x * x
        away: Array = np.abs(row - np.floor(row) - 0.5) - 0.2
        return away / 7.0

    stripes = intersect(cloth, Shape(EVERYWHERE, distance))
    canvas.fill(stripes, face.trim_colour, opacity=0.8 * face.stripes)


def _draw_neckline(canvas: Canvas, face: Face) -> None:
    trim = mix(face.clothes_colour, BLACK, 0.25)
    is_round = (face.neckline == ROUND) * np.float32(1.0)
    canvas.fill(bow(0.0, 0.66, 0.24, 0.13, 0.03), trim, opacity=is_round)
    is_collar = (face.neckline == COLLAR) * np.float32(1.0)
    collar = mix(face.clothes_colour, WHITE, 0.45)
    for side in (-1.0, 1.0):
        corners = ((0.0, 0.72), (side * 0.23, 0.56), (side * 0.29, 0.7), (side * 0.13, 0.88))
        ordered = corners if side > 0 else corners[::-1]
        canvas.fill(polygon(*ordered), collar, opacity=is_collar)
    is_rollneck = (face.neckline == ROLLNECK) * np.float32(1.0)
    half = 0.4 * face.width + 0.045
    roll = box(-half, 0.53, half, 0.71, 0.07)
    canvas.fill(roll, mix(face.clothes_colour, BLACK, 0.12), opacity=is_rollneck)


def draw_ears(canvas: Canvas, face: Face, *, near: bool) -> None:
    """The ears that are in front of the head (`near`), or those behind it."""
    dark = mix(face.skin_colour, SHADOW, 0.22)
    inner = mix(face.skin_colour, SHADOW, 0.42)
    for side in (-1.0, 1.0):
        # The face turned to one side shows the ear of the other.
        toward = -side * face.turn
        shown = ((toward > 0.3) == near) * np.float32(1.0)
        x = side * face.width * (1.02 - 0.3 * np.abs(face.sine))
        size = face.ear_size * (1.0 + 0.25 * toward)
        ear = ellipse(x, 0.06, 0.085 * size, 0.13 * face.ear_size)
        canvas.fill(ear, dark, opacity=shown)
        hollow = ellipse(x + 0.015 * side, 0.06, 0.045 * size, 0.08 * face.ear_size)
        canvas.fill(hollow, inner, opacity=shown)


def head_shape(face: Face) -> Shape:
    """The outline of the head: an egg whose chin swings with the turn."""
    egg = ellipse(0.0, 0.0, face.width, face.height)

    def distance(x: Array, y: Array) -> Array:
        down = y / face.height
        below = np.maximum(down, 0.0)
        x = x - 0.09 * face.turn * down
        return egg.distance(x * (1.0 + face.jaw * below * below), y)

    return Shape(egg.bounds.grown(0.1), distance)


def draw_head(canvas: Canvas, face: Face) -> None:
    """The head, lit from one side."""
    light = mix(face.skin_colour, WHITE, 0.08)
    dark = mix(face.skin_colour, SHADOW, 0.34 * face.contrast)
    side = face.light * face.width
    paint_of_skin = Gradient(light, dark, slope(0.0, -0.1, -1.15 * side, 0.3))
    canvas.fill(head_shape(face), paint_of_skin)
