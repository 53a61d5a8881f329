"""Two built-in sets of drawn pictures with known content, faces and rooms."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from dcgan.data.drawn import faces, homes, people, rooms
from dcgan.data.drawn.drawing import Canvas
from dcgan.data.readers.items import Columns
from dcgan.errors import DCGANError

Seeds = NDArray[np.int64]
Pictures = NDArray[np.uint8]
Labels = NDArray[np.float32]

SMALLEST_SIDE = 16  # pixels; under that an eye is less than a pixel
PIXELS_AT_ONCE = 2**18  # of all pictures together; bounds the memory to a few dozen megabytes
MOST_AT_ONCE = 128
NO_YES = ("no", "yes")

Scene = TypeVar("Scene")


@dataclass(frozen=True)
class World:
    """A set of drawn pictures without end: each seed names one, whatever its size.

    Attributes:
        name: the word it is asked for by.
        description: one sentence.
        columns: of the label table, in order.
        draw: (seeds (N,), height, width) -> pictures (N, height, width, 3) RGB and labels
            (N, len(columns)). Class numbers count from 0 in the order of the names. A picture
            depends on its seed and size alone; the same seed in another size is the same scene.
    """

    name: str
    description: str
    columns: Columns
    draw: Callable[[Seeds, int, int], tuple[Pictures, Labels]]


def _draw(
    cast: Callable[[Seeds], Scene],
    paint: Callable[[Canvas, Scene], None],
    label: Callable[[Scene, Canvas], Labels],
    seeds: Seeds,
    height: int,
    width: int,
) -> tuple[Pictures, Labels]:
    """Pictures and labels, a bounded number of pixels at a time."""
    if min(height, width) < SMALLEST_SIDE:
        raise DCGANError(
            f"Drawn pictures must be at least {SMALLEST_SIDE}x{SMALLEST_SIDE} pixels, "
            f"not {height}x{width}."
        )
    pictures = np.empty((len(seeds), height, width, 3), np.uint8)
    labels = []
    count = max(1, min(PIXELS_AT_ONCE // (height * width), MOST_AT_ONCE))
    for start in range(0, max(len(seeds), 1), count):
        scene = cast(seeds[start : start + count])
        canvas = Canvas(len(seeds[start : start + count]), height, width)
        paint(canvas, scene)
        pictures[start : start + count] = canvas.to_bytes()
        labels.append(label(scene, canvas))
    return pictures, np.concatenate(labels)


FACES = World(
    name="faces",
    description="portraits of friendly people, who smile or not, with or without glasses",
    columns={
        "smile": NO_YES,
        "glasses": NO_YES,
        "hair": people.HAIR,
        "skin": people.SKIN,
        "turn": None,  # from -1, looking to the picture's left, to 1
        "background": people.BACKGROUND,
    },
    draw=partial(_draw, people.cast, faces.paint, faces.label),
)

ROOMS = World(
    name="rooms",
    description="bedrooms in perspective, most with a bed and a window, by day, dusk or night",
    columns={
        "bed": NO_YES,
        "window": NO_YES,
        # The box of all that belongs to the window, in fractions of the picture's width and
        # height; 0 where there is no window.
        "window_left": None,
        "window_top": None,
        "window_right": None,
        "window_bottom": None,
        "lamp": NO_YES,
        "wall": homes.WALL,
        "bedding": homes.BEDDING,  # the first where there is no bed
        # The box of what is seen of the bed, without its shadow; 0 where there is no bed.
        "bed_left": None,
        "bed_top": None,
        "bed_right": None,
        "bed_bottom": None,
    },
    draw=partial(_draw, homes.cast, rooms.paint, rooms.label),
)

WORLDS = {world.name: world for world in (FACES, ROOMS)}
