"""The furniture of the drawn rooms, in perspective."""

import numpy as np

from dcgan.data.drawn.drawing import Array, Bounds, Canvas, Gradient, Number, Shape, colours, mix
from dcgan.data.drawn.homes import BACK, LAMPS, Home
from dcgan.data.drawn.shapes import (
    box,
    capsule,
    circle,
    ellipse,
    halo,
    intersect,
    leaf,
    polygon,
    rectangle,
    slope,
)

WHITE = colours("ffffff")
BLACK = colours("1c1626")
LINEN = colours("f7f3ec")
BRASS = colours("c79a4b")
GLOW = colours("ffdf9a")
LEAF_COLOURS = colours("4f8a52", "3c6f4a", "6aa563")
POT = colours("c9704a")
TABLE, FLOOR, PENDANT = range(len(LAMPS))


def block(
    canvas: Canvas,
    home: Home,
    colour: Array,
    *,
    across: tuple[Number, Number],
    down: tuple[Number, Number],
    depth: tuple[Number, Number],
    opacity: Number = 1.0,
) -> None:
    """A box of one colour: its side, its front and its top, each in its own light.

    Args:
        canvas: unframed.
        home: where the eye is.
        colour: of the top.
        across, down, depth: from left to right, from top to bottom, from near to far.
        opacity: 0 where there is none.
    """
    (left, right), (top, bottom), (near, far) = across, down, depth
    side = mix(colour, BLACK, 0.3)
    front = mix(colour, BLACK, 0.16)
    for edge, facing in ((left, 1.0), (right, -1.0)):
        corners = [home.seen(edge, top, far), home.seen(edge, top, near)]
        corners += [home.seen(edge, bottom, near), home.seen(edge, bottom, far)]
        shown = (facing * edge > 0) * np.float32(1.0)
        quad = polygon(*(corners if facing > 0 else corners[::-1]))
        canvas.fill(quad, side, opacity=opacity * shown)
    canvas.fill(top_of(home, across, top, depth), colour, opacity=opacity)
    canvas.fill(front_of(home, across, down, near), front, opacity=opacity)


def top_of(
    home: Home, across: tuple[Number, Number], down: Number, depth: tuple[Number, Number]
) -> Shape:
    """A level rectangle in the room as it is seen."""
    (left, right), (near, far) = across, depth
    return polygon(
        home.seen(left, down, far),
        home.seen(right, down, far),
        home.seen(right, down, near),
        home.seen(left, down, near),
    )


def front_of(
    home: Home, across: tuple[Number, Number], down: tuple[Number, Number], depth: Number
) -> Shape:
    """An upright rectangle that faces the eye, as it is seen."""
    left, top = home.seen(across[0], down[0], depth)
    right, bottom = home.seen(across[1], down[1], depth)
    return rectangle(left, top, right, bottom)


def draw_shadow(
    canvas: Canvas,
    home: Home,
    across: tuple[Number, Number],
    depth: tuple[Number, Number],
    opacity: Number = 1.0,
) -> None:
    """The soft shadow on the floor under a piece of furniture."""
    ground = top_of(home, across, home.floor_down, depth)
    canvas.fill(ground, BLACK, opacity=0.45 * opacity, softness=0.12)


def draw_bed(canvas: Canvas, home: Home) -> None:
    """A bed with its head to the back wall, or with one side along it."""
    for along, draw in ((0.0, _draw_bed_to_the_wall), (1.0, _draw_bed_along_the_wall)):
        wanted = (home.bed > 0) & (home.along == along)
        with canvas.only(wanted) as part:
            draw(part, home.only(wanted))


def bed_bounds(home: Home) -> Bounds:
    """What just holds the bed in the picture, without its shadow, whether there is one or not."""
    along, right_side = home.along > 0, home.side > 0
    near = home.bed_near + np.where(along, np.float32(0.06), np.float32(-0.012))
    back = home.bed_top - 0.8 * home.headboard
    # How far the headboard and the blanket reach over the mattress, at the head and at the foot.
    head, foot = np.where(along, np.float32(0.05), np.float32(0.015)), np.float32(0.015)
    left, right = home.bed_span
    left = left - np.where(right_side, foot, head)
    right = right + np.where(right_side, head, foot)
    board = np.where(along, np.float32(0.0), np.float32(0.015))  # wider than the blanket
    top = np.where(along, home.eye_y + np.minimum(back, back / near), _headboard_y(home))
    depth = np.where(along, 0.5 * (home.bed_near + 0.08 + BACK), np.float32(0.93))
    pillow = (
        home.eye_y + home.bed_top / depth - np.where(along, np.float32(0.165), np.float32(0.14))
    )
    return Bounds(
        home.eye_x + np.minimum(left - board, left / near),
        np.minimum(top, pillow),
        home.eye_x + np.maximum(right + board, right / near),
        home.eye_y + home.floor_down / np.where(along, near, home.bed_near),
    )


def _headboard_y(home: Home) -> Array:
    """The top of a headboard at the back wall, which leaves the window free."""
    above = home.eye_y + home.bed_top - home.headboard
    under: Array = np.maximum(above, home.window_bounds[3] + 0.03)
    return under


def _draw_bed_to_the_wall(canvas: Canvas, home: Home) -> None:
    (left, right), near = home.bed_span, home.bed_near
    top, floor = home.bed_top, home.floor_down
    draw_shadow(canvas, home, (left - 0.04, right + 0.04), (near - 0.03, BACK))
    board_y = _headboard_y(home)
    board = box(home.eye_x + left - 0.03, board_y, home.eye_x + right + 0.03, home.floor_y, 0.05)
    wood = mix(home.wood_colour, BLACK, 0.12)
    canvas.fill(board, Gradient(home.wood_colour, wood, slope(0.0, board_y, 0.0, home.floor_y)))
    body = (floor - 0.1, floor)
    block(canvas, home, home.wood_colour, across=(left, right), down=body, depth=(near, BACK))
    mattress = (top, floor - 0.09)
    block(canvas, home, LINEN, across=(left, right), down=mattress, depth=(near, 0.99))
    half = (right - left) / 2
    for middle in (left + 0.52 * half, right - 0.52 * half):
        x, y = home.seen(middle, top, 0.93)
        _draw_pillow(canvas, x, y - 0.055, 0.5 * half, 0.085)
    _draw_blanket(canvas, home, (left - 0.015, right + 0.015), (near - 0.012, 0.86))
    fold = top_of(home, (left - 0.015, right + 0.015), top - 0.016, (0.82, 0.875))
    canvas.fill(fold, mix(home.bedding_colour, WHITE, 0.55))


def _draw_bed_along_the_wall(canvas: Canvas, home: Home) -> None:
    left, right = home.bed_span
    top, floor, near = home.bed_top, home.floor_down, home.bed_near + 0.08
    side = home.side
    draw_shadow(canvas, home, (left - 0.04, right + 0.04), (near - 0.03, BACK))
    across, depth = (left, right), (near, np.float32(BACK))
    block(canvas, home, home.wood_colour, across=across, down=(floor - 0.1, floor), depth=depth)
    block(canvas, home, LINEN, across=across, down=(top, floor - 0.09), depth=depth)
    outer = np.where(side > 0, right, left)
    x, y = home.seen(outer - 0.17 * side, top, 0.5 * (near + BACK))
    _draw_pillow(canvas, x, y - 0.055, 0.15, 0.11)
    length = 0.68 * (right - left)
    cover = (
        np.where(side > 0, left - 0.015, right - length),
        np.where(side > 0, left + length, right + 0.015),
    )
    _draw_blanket(canvas, home, cover, (near - 0.012, 0.985))
    inner = np.where(side > 0, cover[1], cover[0])
    fold = (np.minimum(inner, inner + 0.07 * side), np.maximum(inner, inner + 0.07 * side))
    pale = mix(home.bedding_colour, WHITE, 0.55)
    canvas.fill(top_of(home, fold, top - 0.015, (near - 0.012, 0.985)), pale)
    hang = front_of(home, fold, (top - 0.015, floor - 0.07), near - 0.012)
    canvas.fill(hang, mix(pale, BLACK, 0.16))
    ends = (np.minimum(outer, outer + 0.05 * side), np.maximum(outer, outer + 0.05 * side))
    board = (top - 0.8 * home.headboard, floor)
    block(canvas, home, home.wood_colour, across=ends, down=board, depth=(near - 0.02, BACK))


def _draw_pillow(
    canvas: Canvas, x: Number, y: Number, half_width: Number, half_height: Number
) -> None:
    pillow = box(x - half_width, y - half_height, x + half_width, y + half_height, 0.06)
    shade = mix(LINEN, colours("8f8aa5"), 0.45)
    paint = Gradient(WHITE, shade, slope(0.0, y - 0.4 * half_height, 0.0, y + 1.2 * half_height))
    canvas.fill(pillow, paint)


def _draw_blanket(
    canvas: Canvas, home: Home, across: tuple[Number, Number], depth: tuple[Number, Number]
) -> None:
    top, hem = home.bed_top - 0.012, home.floor_down - 0.07
    block(canvas, home, home.bedding_colour, across=across, down=(top, hem), depth=depth)
    stripe = mix(home.bedding_colour, home.trim_colour, 0.7)
    width = across[1] - across[0]
    for begin in (0.18, 0.46, 0.74):
        band = (across[0] + begin * width, across[0] + (begin + 0.1) * width)
        canvas.fill(top_of(home, band, top, depth), stripe, opacity=home.striped)
        front = front_of(home, band, (top, hem), depth[0])
        canvas.fill(front, mix(stripe, BLACK, 0.16), opacity=home.striped)


def draw_chest(canvas: Canvas, home: Home) -> None:
    """A chest of drawers where the bed would be."""
    (left, right), floor = home.bed_span, home.floor_down
    middle, none = (left + right) / 2, 1.0 - home.bed
    across, down = (middle - 0.3, middle + 0.3), (floor - 0.46, floor)
    draw_shadow(canvas, home, across, (0.82, BACK), none)
    _draw_drawers(canvas, home, across=across, down=down, rows=3, opacity=none)


def draw_table(canvas: Canvas, home: Home) -> None:
    """The bedside table."""
    middle, floor = home.table_x - home.eye_x, home.floor_down
    across, down = (middle - 0.13, middle + 0.13), (floor - 0.26, floor)
    draw_shadow(canvas, home, across, (0.84, BACK))
    _draw_drawers(canvas, home, across=across, down=down, rows=2, opacity=1.0)


def _draw_drawers(
    canvas: Canvas,
    home: Home,
    *,
    across: tuple[Array, Array],
    down: tuple[Array, Array],
    rows: int,
    opacity: Number,
) -> None:
    near = 0.86
    block(
        canvas,
        home,
        home.wood_colour,
        across=across,
        down=down,
        depth=(near, BACK),
        opacity=opacity,
    )
    height = (down[1] - down[0]) / rows
    middle = (across[0] + across[1]) / 2
    face = mix(home.wood_colour, BLACK, 0.04)
    for row in range(rows):
        top = down[0] + row * height
        span = (top + 0.12 * height, top + 0.9 * height)
        drawer = front_of(home, (across[0] + 0.025, across[1] - 0.025), span, near)
        canvas.fill(drawer, face, opacity=opacity)
        x, y = home.seen(middle, top + 0.5 * height, near)
        canvas.fill(circle(x, y, 0.02), BRASS, opacity=opacity)


def draw_lamp(canvas: Canvas, home: Home) -> None:
    """A lit lamp on the table, on the floor or under the ceiling."""
    kinds = ((TABLE, _draw_table_lamp), (FLOOR, _draw_floor_lamp), (PENDANT, _draw_pendant))
    for kind, draw in kinds:
        wanted = (home.lamp > 0) & (home.lamp_kind == kind)
        with canvas.only(wanted) as part:
            draw(part, home.only(wanted))


def _draw_table_lamp(canvas: Canvas, home: Home) -> None:
    x, foot = home.seen(home.table_x - home.eye_x, home.floor_down - 0.26, 0.92)
    height = 0.34 * home.lamp_height
    canvas.fill(ellipse(x, foot - 0.01, 0.065, 0.02), mix(BRASS, BLACK, 0.3))
    canvas.fill(ellipse(x, foot - 0.09, 0.05, 0.08), home.art_colour)
    canvas.fill(capsule(x, foot - 0.1, x, foot - 0.5 * height, 0.014), BRASS)
    _draw_shade(canvas, home, x, foot - height, 0.075, 0.13, 0.19)


def _draw_floor_lamp(canvas: Canvas, home: Home) -> None:
    place = -home.side * 0.66 - home.eye_x
    x, foot = home.seen(place, home.floor_down, 0.93)
    top = foot - 0.9 * home.lamp_height
    canvas.fill(ellipse(x, foot, 0.1, 0.03), mix(BRASS, BLACK, 0.45))
    canvas.fill(capsule(x, top, x, foot - 0.01, 0.016), mix(BRASS, BLACK, 0.3))
    _draw_shade(canvas, home, x, top - 0.02, 0.085, 0.15, 0.22)


def _draw_pendant(canvas: Canvas, home: Home) -> None:
    x = -0.12 * home.side + 0.3 * home.eye_x
    y = -0.72 + 0.6 * (home.lamp_height - 0.9)
    canvas.fill(rectangle(x - 0.011, -99.0, x + 0.011, y), mix(BRASS, BLACK, 0.5))
    _draw_shade(canvas, home, x, y, 0.05, 0.17, 0.17)


def _draw_shade(
    canvas: Canvas,
    home: Home,
    x: Number,
    top: Number,
    half_top: float,
    half_bottom: float,
    height: float,
) -> None:
    """The shade of a lamp, and the glow around it."""
    bottom = top + height
    shade = polygon(
        (x - half_top, top),
        (x + half_top, top),
        (x + half_bottom, bottom),
        (x - half_bottom, bottom),
    )
    lit = mix(home.lamp_colour, GLOW, 0.55)
    bright = mix(lit, WHITE, 0.55)
    canvas.fill(shade, Gradient(lit, bright, slope(0.0, top, 0.0, bottom)))
    middle = (top + bottom) / 2 + 0.04
    strength = np.where(home.time == 0, np.float32(0.35), np.float32(0.6))
    glow = ellipse(x, middle, 0.62, 0.62)
    canvas.fill_softly(glow, GLOW, halo(x, middle, 0.62, 0.62), opacity=strength)


def draw_plant(canvas: Canvas, home: Home) -> None:
    """A leafy plant in a pot on the floor."""
    x, y = home.seen(-home.side * 0.84 - home.eye_x, home.floor_down, 0.88)
    shown = home.plant
    canvas.fill(ellipse(x, y + 0.01, 0.14, 0.035), BLACK, opacity=0.3 * shown, softness=0.04)
    for index, (lean, rise) in enumerate(
        ((-0.2, 0.36), (0.2, 0.38), (-0.11, 0.5), (0.12, 0.5), (0.0, 0.56))
    ):
        tip_x, tip_y = x + lean, y - rise - 0.1
        stem = capsule(x, y - 0.15, tip_x, tip_y, 0.01)
        canvas.fill(stem, LEAF_COLOURS[:, 1:2], opacity=shown)
        blade = ellipse(tip_x, tip_y + 0.05, 0.065, 0.12)
        canvas.fill(blade, LEAF_COLOURS[:, index % 3, None], opacity=shown)
    pot = polygon((x - 0.11, y - 0.2), (x + 0.11, y - 0.2), (x + 0.08, y), (x - 0.08, y))
    canvas.fill(
        pot, Gradient(POT, mix(POT, BLACK, 0.3), slope(x - 0.1, 0, x + 0.12, 0)), opacity=shown
    )
    rim = rectangle(x - 0.12, y - 0.21, x + 0.12, y - 0.17)
    canvas.fill(rim, mix(POT, WHITE, 0.12), opacity=shown)


def draw_art(canvas: Canvas, home: Home) -> None:
    """A framed picture on the back wall, on the side without the window."""
    half, tall = 0.17 * home.art_size, 0.21 * home.art_size
    out = np.minimum(0.5, home.reach(-home.window_side) - half - 0.06)
    x, y = -home.window_side * out, home.window_top + 0.3
    frame = rectangle(x - half, y - tall, x + half, y + tall)
    canvas.fill(
        rectangle(x - half, y - tall, x + half + 0.02, y + tall + 0.03),
        BLACK,
        opacity=0.25 * home.picture,
        softness=0.04,
    )
    canvas.fill(frame, mix(home.wood_colour, BLACK, 0.2), opacity=home.picture)
    canvas.fill(_inset(frame, 0.025), LINEN, opacity=home.picture)
    inside = _inset(frame, 0.06)
    canvas.fill(inside, mix(home.art_colour, WHITE, 0.35), opacity=home.picture)
    disc = intersect(circle(x + 0.03, y - 0.03, 0.065), inside)
    canvas.fill(disc, home.other_art_colour, opacity=home.picture)
    ground = leaf(x, y + tall, 1.4 * half, 0.9 * tall, 0.0)
    canvas.fill(intersect(ground, inside), mix(home.art_colour, BLACK, 0.25), opacity=home.picture)


def _inset(shape: Shape, margin: float) -> Shape:
    left, top, right, bottom = shape.bounds.grown(-margin)
    return rectangle(left, top, right, bottom)
