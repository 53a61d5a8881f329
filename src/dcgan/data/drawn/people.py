"""Who the drawn faces are: every number that decides one portrait."""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from dcgan.data.drawn.drawing import Array, colours, mix
from dcgan.data.drawn.numbers import Draws

NUMBERS_PER_FACE = 64  # drawn for each seed; more than are used, to leave room

HAIR = ("black", "brown", "blond", "red", "grey")
HAIR_COLOURS = colours("2b2630", "6f4329", "e2b25c", "b9502b", "b4b4bd")
SKIN = ("tone1", "tone2", "tone3", "tone4", "tone5")
SKIN_COLOURS = colours("fbdcc6", "f0bf98", "d09a6b", "a06a43", "704529")
BACKGROUND = ("sky", "mint", "sand", "coral", "lilac", "slate")
BACKGROUND_COLOURS = colours("8fc7ea", "96d6b8", "f3d58f", "f2a28c", "bda9e6", "76879f")
EYE_COLOURS = colours("4a2c1c", "2f5f8f", "3f7550", "6e4a2a", "4d5b66")
CLOTHES_COLOURS = colours(
    "e4573d", "2f6f9f", "f4f1ea", "31384f", "f0b13a", "4b9a7b", "8a4f8f", "dd8aa0"
)
FRAME_COLOURS = colours("1d1d25", "2a2340", "4a2517")
HAIR_STYLES = ("short", "quiff", "bob", "long", "curly", "bun")
NECKLINES = ("round", "v", "collar", "rollneck")

LARGEST_SINE_OF_TURN = 0.52


class Face(NamedTuple):
    """N portraits; every field has the picture as its last axis.

    Lengths and places are in head coordinates, where the head is about 1.1 high and its middle
    is the origin. Colours are (3, N), all else is (N,).
    """

    smile: Array  # 0 or 1
    glasses: Array  # 0 or 1
    hair: NDArray[np.int64]
    skin: NDArray[np.int64]
    turn: Array  # in [-1, 1], negative looks to the picture's left
    background: NDArray[np.int64]

    hair_style: NDArray[np.int64]
    neckline: NDArray[np.int64]
    parting: Array  # -1 or 1, the side
    hair_volume: Array
    hair_length: Array
    fringe: Array  # 0 or 1

    x: Array
    y: Array
    scale: Array
    tilt: Array  # sine of the angle
    width: Array  # half of the head's
    height: Array  # half of the head's
    jaw: Array  # how much narrower the head becomes towards the chin
    light: Array  # -1 or 1, the side it comes from
    contrast: Array

    eye_size: Array
    eye_height: Array
    eye_spacing: Array
    brow_height: Array
    brow_arch: Array
    brow_thickness: Array
    nose_length: Array
    nose_width: Array
    ear_size: Array
    mouth_width: Array
    mouth_openness: Array
    lip_fullness: Array
    blush: Array
    round_lenses: Array  # 0 or 1
    stripes: Array  # 0 or 1

    skin_colour: Array
    hair_colour: Array
    background_colour: Array
    eye_colour: Array
    lip_colour: Array
    clothes_colour: Array
    trim_colour: Array
    frame_colour: Array

    def only(self, wanted: NDArray[np.bool_]) -> Self:
        """The wanted portraits."""
        return self._replace(**{name: n[..., wanted] for name, n in self._asdict().items()})

    @property
    def sine(self) -> Array:
        """Of the angle by which the head is turned."""
        return LARGEST_SINE_OF_TURN * self.turn

    def across(self, side: float | Array) -> Array:
        """X of the point on the turned head that is at `side` * width on the straight head."""
        depth = np.sqrt(1.0 - np.float32(1.0) * side * side)
        cosine = np.sqrt(1.0 - self.sine * self.sine)
        return self.width * (side * cosine + depth * self.sine)

    def narrowing(self, side: float | Array) -> Array:
        """How much of the width of things remains there as they turn away, 1 when straight."""
        depth = np.sqrt(1.0 - np.float32(1.0) * side * side)
        cosine = np.sqrt(1.0 - self.sine * self.sine)
        return np.minimum(np.maximum(cosine - side / depth * self.sine, 0.5), 1.08)


def cast(seeds: NDArray[np.int64]) -> Face:
    """The portraits of the seeds."""
    draws = Draws(0xFACE, seeds, NUMBERS_PER_FACE)
    between, chance, choice = draws.between, draws.chance, draws.choice
    smile, glasses = chance(0.5), chance(0.4)
    hair, skin, turn = choice(len(HAIR)), choice(len(SKIN)), between(-1, 1)
    background = choice(len(BACKGROUND))
    skin_colour = mix(SKIN_COLOURS[:, skin], colours("f08a5a"), between(0, 0.12))
    hair_colour = mix(HAIR_COLOURS[:, hair], colours("4a2a1c"), between(0, 0.18))
    background_colour = mix(BACKGROUND_COLOURS[:, background], colours("ffffff"), between(0, 0.2))
    return Face(
        smile=smile,
        glasses=glasses,
        hair=hair,
        skin=skin,
        turn=turn,
        background=background,
        hair_style=choice(len(HAIR_STYLES)),
        neckline=choice(len(NECKLINES)),
        parting=draws.sign(),
        hair_volume=between(0.0, 1.0),
        hair_length=between(0.0, 1.0),
        fringe=chance(0.5),
        x=between(-0.07, 0.07),
        y=between(-0.08, 0.0),
        scale=between(0.98, 1.12),
        tilt=between(-0.1, 0.1),
        width=between(0.44, 0.51),
        height=between(0.54, 0.6),
        jaw=between(0.08, 0.26),
        light=draws.sign(),
        contrast=between(0.6, 1.0),
        eye_size=between(0.9, 1.15),
        eye_height=between(0.0, 0.05),
        eye_spacing=between(0.41, 0.47),
        brow_height=between(0.14, 0.18),
        brow_arch=between(0.025, 0.06),
        brow_thickness=between(0.016, 0.03),
        nose_length=between(0.15, 0.2),
        nose_width=between(0.055, 0.08),
        ear_size=between(0.85, 1.15),
        mouth_width=between(0.17, 0.22),
        mouth_openness=between(0.11, 0.16),
        lip_fullness=between(0.0, 1.0),
        blush=between(0.15, 0.6),
        round_lenses=chance(0.5),
        stripes=chance(0.3),
        skin_colour=skin_colour,
        hair_colour=hair_colour,
        background_colour=background_colour,
        eye_colour=EYE_COLOURS[:, choice(EYE_COLOURS.shape[1])],
        lip_colour=mix(skin_colour, colours("b5303f"), between(0.35, 0.7)),
        clothes_colour=CLOTHES_COLOURS[:, choice(CLOTHES_COLOURS.shape[1])],
        trim_colour=CLOTHES_COLOURS[:, choice(CLOTHES_COLOURS.shape[1])],
        frame_colour=FRAME_COLOURS[:, choice(FRAME_COLOURS.shape[1])],
    )
