"""The world of rooms: bedrooms in perspective, drawn from their numbers."""

import numpy as np

from dcgan.data.drawn.drawing import (
    FAR,
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
from dcgan.data.drawn.furniture import (
    bed_bounds,
    draw_art,
    draw_bed,
    draw_chest,
    draw_lamp,
    draw_plant,
    draw_table,
)
from dcgan.data.drawn.homes import Home
from dcgan.data.drawn.shapes import (
    EVERYWHERE,
    cut,
    ellipse,
    half_plane,
    halo,
    intersect,
    outline,
)
from dcgan.data.drawn.window import draw_window

WHITE = colours("ffffff")
BLACK = colours("1c1626")
AIR = colours("ffffff", "ff9a5a", "18206a")  # the light in the room by time of day
AIR_STRENGTH = np.array([0.0, 0.08, 0.27], np.float32)
CEILING = colours("faf7f0")
SKIRTING = 0.055


def label(home: Home, canvas: Canvas) -> Array:
    """The rows of the label table, (N, 13).

    Boxes are in fractions of the picture's width and height. Without a window its box is all 0,
    and without a bed so are the bed's and the class of the bedding.
    """
    window = (home.window * side for side in in_fractions(Bounds(*home.window_bounds), canvas))
    bed = (home.bed * side for side in in_fractions(bed_bounds(home), canvas))
    classes = (home.lamp, home.wall, home.bed * home.bedding)
    columns = (home.bed, home.window, *window, *classes, *bed)
    return np.stack(columns, axis=1).astype(np.float32)


def in_fractions(bounds: Bounds, canvas: Canvas) -> tuple[Array, ...]:
    """Left, top, right and bottom of what is seen of a rectangle, each (N,) in [0, 1]."""
    halves = 2 * (canvas.half_width, canvas.half_height)
    return tuple(
        np.clip((place / half + 1) / 2, 0.0, 1.0)
        for place, half in zip(bounds, halves, strict=True)
    )


def paint(canvas: Canvas, home: Home) -> None:
    """Paints the bedrooms, back to front."""
    draw_walls(canvas, home)
    draw_floor(canvas, home)
    draw_rug(canvas, home)
    has_window = home.window > 0
    with canvas.only(has_window) as part:
        draw_window(part, home.only(has_window))
    draw_art(canvas, home)
    draw_chest(canvas, home)
    draw_table(canvas, home)
    draw_bed(canvas, home)
    draw_plant(canvas, home)
    draw_air(canvas, home)
    draw_lamp(canvas, home)


def level(home: Home, down: Number) -> Shape:
    """All that is seen below a line on the walls, `down` (more than 0) under the eye.

    On the back wall the line is level; from the corner on it runs away from the point at which
    the eye looks.
    """
    scale = 1.0 / (home.wall_side * home.wall_x - home.eye_x)

    def distance(x: Array, y: Array) -> Array:
        line: Array = home.eye_y + down * np.maximum((x - home.eye_x) * scale, 1.0)
        return line - y

    return Shape(Bounds(-FAR, home.eye_y + down, FAR, FAR), distance)


def draw_walls(canvas: Canvas, home: Home) -> None:
    """The back wall, the side wall, the ceiling and what runs along them."""
    shade = mix(home.wall_colour, BLACK, 0.14)
    light = mix(home.wall_colour, WHITE, 0.14)
    canvas.wash(Gradient(shade, light, halo(0.3 * home.window_side, -0.35, 1.6, 1.5)))
    side_wall = half_plane(home.wall_side * home.wall_x, 0.0, -home.wall_side, 0.0)
    canvas.fill(side_wall, mix(home.wall_colour, BLACK, 0.2))
    lower = level(home, 0.42 * home.floor_down)
    canvas.fill(lower, WHITE, opacity=0.55 * home.panelling)
    rail = outline(lower, 0.014)
    canvas.fill(rail, WHITE, opacity=0.8 * home.panelling)
    ceiling_down = home.ceiling_y - home.eye_y
    canvas.fill(_above(home, ceiling_down + 0.03), mix(home.wall_colour, WHITE, 0.75))
    canvas.fill(_above(home, ceiling_down), CEILING)


def _above(home: Home, down: Number) -> Shape:
    """All that is seen above such a line that lies over the eye: `down` is less than 0."""
    below = level(home, down)
    bounds = Bounds(-FAR, -FAR, FAR, home.eye_y + down)
    return Shape(bounds, lambda x, y: -below.distance(x, y))


def draw_floor(canvas: Canvas, home: Home) -> None:
    """Boards that run to the point at which the eye looks, and the skirting along the walls."""
    skirting = cut(level(home, home.floor_down - SKIRTING), level(home, home.floor_down))
    canvas.fill(skirting, mix(home.wall_colour, WHITE, 0.7))
    floor = level(home, home.floor_down)
    light, dark = mix(home.floor_colour, WHITE, 0.1), mix(home.floor_colour, BLACK, 0.12)
    canvas.fill(floor, Gradient(light, dark, _boards(home)))
    canvas.fill(intersect(floor, _seams(home)), mix(home.floor_colour, BLACK, 0.5), opacity=0.5)
    under_wall = outline(floor, 0.01)
    canvas.fill(under_wall, BLACK, opacity=0.35, softness=0.06)


def _board_number(home: Home, x: Array, y: Array) -> Array:
    down = np.maximum(y - home.eye_y, 0.3)
    return (x - home.eye_x) / down * (home.floor_down / home.plank) + 50.0


def _boards(home: Home) -> Field:
    """A tone for each board, from 0 to 1."""

    def field(x: Array, y: Array) -> Array:
        # Multiples of the golden ratio, so that neighbours differ and no two rows are alike.
        tone = np.floor(_board_number(home, x, y)) * 0.618034
        return tone - np.floor(tone)

    return field


def _seams(home: Home) -> Shape:
    def distance(x: Array, y: Array) -> Array:
        number = _board_number(home, x, y)
        off: Array = 0.5 - np.abs(number - np.floor(number) - 0.5)
        return off * ((y - home.eye_y) * (home.plank / home.floor_down)) - 0.006

    return Shape(EVERYWHERE, distance)


def draw_rug(canvas: Canvas, home: Home) -> None:
    """A round rug before the bed."""
    x, y = home.seen(-0.28 * home.side - 0.6 * home.eye_x, home.floor_down, 0.68)
    half = 0.5 * home.rug_size
    pale = mix(home.rug_colour, WHITE, 0.5)
    for part, colour in ((1.0, home.rug_colour), (0.84, pale), (0.66, home.rug_colour)):
        rug = ellipse(x, y, part * half, part * 0.36 * half)
        canvas.fill(rug, colour, opacity=home.rug)


def draw_air(canvas: Canvas, home: Home) -> None:
    """The light of the hour on everything, and darker corners."""
    canvas.wash(AIR[:, home.time], lambda x, y: AIR_STRENGTH[home.time])
    vignette = halo(0.0, 0.0, 2.4, 2.4)
    canvas.wash(BLACK, lambda x, y: 0.3 * (1.0 - vignette(x, y)))
