"""Hair of the drawn faces: what falls behind the head, and what lies on it."""

from dcgan.data.drawn.drawing import Array, Canvas, Gradient, Number, Shape, colours, mix
from dcgan.data.drawn.people import HAIR_STYLES, Face
from dcgan.data.drawn.shapes import (
    bow,
    box,
    circle,
    cut,
    ellipse,
    intersect,
    rectangle,
    slope,
    unite,
)

SHADE = colours("1a1220")
LIGHT = colours("fff2dc")
SHORT, QUIFF, BOB, LONG, CURLY, BUN = range(len(HAIR_STYLES))


def draw_back_hair(canvas: Canvas, face: Face) -> None:
    """The hair that is seen behind the neck and over the head."""
    for style, shape_of in ((BOB, _bob), (LONG, _long), (CURLY, _curls_behind), (BUN, _bun)):
        wanted = face.hair_style == style
        with canvas.only(wanted) as part:
            some = face.only(wanted)
            dark = mix(some.hair_colour, SHADE, 0.35)
            darker = mix(some.hair_colour, SHADE, 0.55)
            paint = Gradient(dark, darker, slope(0.0, -0.5, 0.0, 0.7))
            if style == BUN:
                paint = _shine(some)
            part.fill(shape_of(some), paint)


def _behind(face: Face) -> Array:
    """X of the back of the head, which swings away from where the face looks."""
    return -0.16 * face.width * face.turn


def _bob(face: Face) -> Shape:
    half = face.width + 0.1 + 0.05 * face.hair_volume
    bottom = 0.4 + 0.14 * face.hair_length
    x = _behind(face)
    crown = ellipse(x, -0.06, half, face.height + 0.1)
    return unite(crown, box(x - half, -0.25, x + half, bottom, 0.18))


def _long(face: Face) -> Shape:
    half = face.width + 0.1 + 0.06 * face.hair_volume
    bottom = 0.72 + 0.25 * face.hair_length
    x = _behind(face)
    crown = ellipse(x, -0.06, half, face.height + 0.1)
    return unite(crown, box(x - half, -0.25, x + half, bottom, 0.22))


def _curls_behind(face: Face) -> Shape:
    x, size = _behind(face), 0.17 + 0.04 * face.hair_volume
    reach = face.width + 0.04
    low = 0.12 + 0.3 * face.hair_length
    return unite(
        *(
            circle(x + side * reach * out, y, size)
            for side in (-1.0, 1.0)
            for out, y in ((1.0, low), (1.1, low - 0.22), (1.05, low - 0.45))
        )
    )


def _bun(face: Face) -> Shape:
    x = -0.5 * face.width * face.turn + 0.05 * face.parting
    radius = 0.2 + 0.05 * face.hair_volume
    return circle(x, -face.height - 0.13 - 0.03 * face.hair_volume, radius)


def draw_hair(canvas: Canvas, face: Face) -> None:
    """The hair on the head, with its shine."""
    shapes = (_short_cap, _quiff_cap, _bob_cap, _long_cap, _curly_cap, _bun_cap)
    for style, shape_of in enumerate(shapes):
        wanted = face.hair_style == style
        with canvas.only(wanted) as part:
            some = face.only(wanted)
            hair = shape_of(some)
            part.fill(hair, _shine(some))
            if style != CURLY:
                _draw_band_of_light(part, some, hair)


def _shine(face: Face) -> Gradient:
    dark = mix(face.hair_colour, SHADE, 0.28 * face.contrast)
    light = mix(face.hair_colour, LIGHT, 0.14)
    side = face.light * face.width
    return Gradient(light, dark, slope(0.6 * side, -0.75, -0.7 * side, 0.15))


def _draw_band_of_light(canvas: Canvas, face: Face, hair: Shape) -> None:
    x = 0.4 * face.width * face.light + _behind(face)
    band = bow(x, -0.77 * face.height, 0.5 * face.width, -0.09, 0.035)
    light = mix(face.hair_colour, LIGHT, 0.4)
    canvas.fill(intersect(band, hair), light, opacity=0.55, softness=0.03)


def _skull(face: Face, extra: Number) -> Shape:
    """The head and `extra` more, a little further back than the face."""
    return ellipse(
        0.4 * _behind(face), -0.05, face.width + 0.03 + extra, face.height + 0.03 + extra
    )


def _above(y: Number) -> Shape:
    return rectangle(-2.0, -2.0, 2.0, y)


def _above_ears(face: Face, y: float) -> Shape:
    """All above an arc that is lowest, at y, beside the face."""
    return ellipse(0.0, y - 1.0, face.width + 0.34, 1.0)


def _opening(face: Face, top: Number, *, narrow: float = 0.84) -> Shape:
    """The part of the head that the hair leaves free, an oval that turns with the face."""
    bottom = 0.9
    x = 0.9 * face.width * face.sine
    return ellipse(x, (top + bottom) / 2, narrow * face.width, (bottom - top) / 2)


def _short_cap(face: Face) -> Shape:
    cap = intersect(_skull(face, 0.035 + 0.03 * face.hair_volume), _above_ears(face, 0.13))
    side = face.parting
    hairline = -0.3 - 0.06 * face.hair_length
    free = _opening(face, hairline)
    lock_x = face.across(0.0) + 0.16 * side
    lock = ellipse(lock_x, hairline - 0.06, 0.75 * face.width, 0.14)
    tuft = ellipse(0.3 * face.width * side, -face.height - 0.02, 0.6 * face.width, 0.1)
    return unite(cut(cap, free), intersect(lock, cap), tuft)


def _quiff_cap(face: Face) -> Shape:
    cap = intersect(_skull(face, 0.015), _above_ears(face, 0.08))
    side = face.parting
    x = 0.35 * face.width * face.turn
    top = -face.height - 0.03 - 0.06 * face.hair_volume
    return unite(
        cut(cap, _opening(face, -0.36, narrow=0.88)),
        ellipse(x + 0.1 * side, top + 0.12, 0.78 * face.width, 0.2),
        ellipse(x - 0.2 * side, top + 0.07, 0.5 * face.width, 0.16),
    )


def _bob_cap(face: Face) -> Shape:
    cap = intersect(_skull(face, 0.07 + 0.03 * face.hair_volume), _above(0.38))
    # A straight fringe: the opening is a rounded window instead of an oval.
    x, half = face.width * face.sine, 0.84 * face.width
    window = box(x - half, -0.17 - 0.08 * (1.0 - face.fringe), x + half, 1.2, 0.17)
    return cut(cap, window)


def _long_cap(face: Face) -> Shape:
    cap = intersect(_skull(face, 0.07 + 0.03 * face.hair_volume), _above(0.5))
    # Two wide ovals that meet under the parting make the hair fall to both sides.
    x, apart = face.width * face.sine + 0.08 * face.parting, 0.2
    half, top = 0.86 * face.width + apart, -0.62
    left = ellipse(x - apart, 0.6, half, 0.6 - top)
    right = ellipse(x + apart, 0.6, half, 0.6 - top)
    return cut(cap, intersect(left, right))


def _curly_cap(face: Face) -> Shape:
    size = 0.13 + 0.03 * face.hair_volume
    x, reach, top = _behind(face), face.width, face.height
    spots = [(-1.02, -0.1), (-0.95, 0.42), (-0.55, 0.82), (0.0, 0.97), (0.55, 0.82)]
    spots += [(0.95, 0.42), (1.02, -0.1)]
    curls = [circle(x + out * reach, -up * top, size) for out, up in spots]
    shift = 0.6 * face.width * face.sine
    front = ((-0.64, 0.68), (-0.22, 0.74), (0.22, 0.74), (0.64, 0.68))
    curls += [circle(shift + out * reach, -up * top, size) for out, up in front]
    cap = cut(_skull(face, 0.05), _opening(face, -0.34, narrow=0.9))
    eyes = ellipse(0.95 * face.width * face.sine, 0.12, 0.82 * face.width, 0.36)
    return cut(unite(intersect(cap, _above(0.05)), *curls), eyes)


def _bun_cap(face: Face) -> Shape:
    cap = intersect(_skull(face, 0.03), _above_ears(face, 0.08))
    free = _opening(face, -0.36)
    swept = ellipse(
        face.across(0.0) + 0.25 * face.parting, -0.42, 0.7 * face.width, 0.14 * face.fringe + 0.01
    )
    return unite(cut(cap, free), intersect(swept, cap))
