"""What the discriminator's maps answer to, beside random filters (Section 6.2, Figure 5)."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from dcgan.captions import captioned, counted, save_sheet, sheet_path, to_image
from dcgan.data.given import Pictures, in_floats, pictures_for
from dcgan.data.loader import derive
from dcgan.data.pack import Pack
from dcgan.errors import DCGANError
from dcgan.features.vectors import chosen_steps, store_statistics
from dcgan.images import Picture, refit
from dcgan.inside.dropping import require_layer, require_maps
from dcgan.inside.field import OUTSIDE, Field, patch, receptive_fields
from dcgan.inside.responses import BATCH, Responses, Seen, look, measured_on
from dcgan.log import logger
from dcgan.model import Model, opened
from dcgan.networks import Discriminator, initialise
from dcgan.size import Size

FIRST_MAPS, COUNT = 6, 5
"""Maps, and pictures for each, in Figure 5."""
SHEET_CHANNELS = 3
TITLES = "random\nfilters", "trained\nfilters", "what they\nsaw"


@dataclass(frozen=True)
class Filters:
    """What a trained discriminator's maps answer to, and those of one with random filters."""

    layer: str
    field: Field
    maps: tuple[int, ...]
    trained: Seen
    random: Seen

    @property
    def sheet(self) -> Image.Image:
        """Figure 5: a row for each map, blocks of random filters, trained ones, pictures.

        A tile is what the unit sees. The gradients are scaled by their own largest number, and grey
        where they are 0; the response stands below. The pictures are those of the trained filters.
        """
        return to_image(sheet_of(self))


def filters(
    model: str | Path | Model,
    pictures: Pictures,
    out: str | Path | None = None,
    *,
    layer: str | None = None,
    maps: Sequence[int] | None = None,
    count: int = COUNT,
    stored_statistics: bool = False,
    seed: int = 42,
    device: str = "auto",
) -> Filters:
    """Looks for the pictures that maps of the discriminator answer to most, and why they do.

    Guided backpropagation from the maximal responses over a source (Section 6.2, Figure 5), once
    through the model's filters and once through random ones of the same shape. The memory it takes
    does not grow with the number of pictures.

    Args:
        model: a model without classes, its file, or a run's folder.
        pictures: a source; or a pack or an array (N, H, W, C), of the model's size and channels.
        out: a picture file for the sheet; none by default.
        layer: a convolution's name, such as "8x8"; by default the last (paper).
        maps: numbers of its maps; by default the first six (paper).
        count: pictures for each map, those with its strongest responses (paper: 5).
        stored_statistics: batch norm's statistics of the trained discriminator as they stand in the
            model; by default measured on the pictures, as those of the random one always are.
        seed: of the random filters, which are drawn as before a training.
        device: cpu, cuda, mps or xpu; auto: the best there is.

    Raises:
        DCGANError: there is no such model, source, layer, map or device; or there are fewer
            pictures than asked for; or the sheet cannot be written.
    """
    loaded = opened(model, device)
    name, numbers = chosen_maps(loaded.discriminator, layer, maps)
    path = sheet_path(out, SHEET_CHANNELS)
    given = pictures_for(pictures, loaded.reading)
    if not 1 <= count <= len(given):
        raise DCGANError(f"`count` (={count}) must be 1 to {len(given)}, as many as are there.")
    trained = copy.deepcopy(loaded.discriminator)  # its statistics may be measured anew
    random = random_filters(trained, seed)
    for network in [random] if stored_statistics else [random, trained]:
        measure(network, given)
    made = Filters(
        layer=name,
        field=receptive_fields(loaded.config)[name],
        maps=numbers,
        trained=look(trained, given, name, numbers, count, "Trained filters"),
        random=look(random, given, name, numbers, count, "Random filters"),
    )
    for number, row in zip(numbers, made.trained.responses.values.tolist(), strict=True):
        if row[0] <= 0:
            logger.warning(f"Map {number} is nowhere above 0 in these pictures: no gradient.")
    if path:
        save_sheet(made.sheet, path)
    return made


def measure(network: Discriminator, pictures: Pack | NDArray[np.uint8]) -> None:
    """Stores batch norm's statistics, measured on some of the pictures."""
    device = next(network.parameters()).device
    numbers = measured_on(len(pictures))
    batches = in_floats(pictures, numbers, BATCH, device, "Measuring statistics")
    store_statistics(network, batches)


def mean_concentration(seen: Seen) -> float:
    """The mean over all responses that have a gradient, in [0, 1]; NaN if none has one."""
    known = seen.concentration[np.isfinite(seen.concentration)]
    return float(known.mean()) if len(known) else float("nan")


def chosen_maps(
    discriminator: Discriminator, layer: str | None, maps: Sequence[int] | None
) -> tuple[str, tuple[int, ...]]:
    """The layer and the numbers of its maps, the last layer and the first six maps by default.

    Raises:
        DCGANError: the discriminator has no such layer or maps, or these are told the classes.
    """
    if discriminator.config.joined_classes:
        raise DCGANError(
            "Each layer of this model's discriminator is told the class of a picture (of "
            f"{discriminator.config.classes}); maps can only be looked at in a model without "
            "classes, or of --conditioning projection."
        )
    steps = chosen_steps(discriminator, None)
    name = list(steps)[-1] if layer is None else layer
    require_layer(name, list(steps), "discriminator has no layer")
    total = steps[name].inner_maps
    numbers = tuple(range(min(FIRST_MAPS, total)) if maps is None else maps)
    if not numbers:
        raise DCGANError(f"`maps` names none; layer {name} has the maps 0 to {total - 1}.")
    require_maps(numbers, total, name)
    return name, numbers


def random_filters(discriminator: Discriminator, seed: int) -> Discriminator:
    """A discriminator of the same shape with the weights of a training's beginning."""
    network = copy.deepcopy(discriminator).cpu().eval()
    initialise(network, torch.Generator().manual_seed(derive(seed, "random filters", 0)))
    return network.to(next(discriminator.parameters()).device)


def sheet_of(made: Filters) -> Picture:
    """The sheet of `Filters` as pixels (H, W, 3)."""
    blocks = [
        patches(made.random.responses, drawn_gradients(made.random.gradients), made.field),
        patches(made.trained.responses, drawn_gradients(made.trained.gradients), made.field),
        patches(made.trained.responses, in_rgb(made.trained.pixels), made.field),
    ]
    count = made.trained.responses.values.shape[1]
    tiles, below = [], []
    for row in range(len(made.maps)):
        tiles += [*blocks[0][row], None, *blocks[1][row], None, *blocks[2][row]]
        for responses in (made.random.responses, made.trained.responses):
            below += [*(f"{value:.2f}" for value in responses.values[row].tolist()), ""]
        below += [f"#{number}" for number in made.trained.responses.pictures[row].tolist()]
    above = [words for title in TITLES for words in centred(title, count)][:-1]
    left = [f"map {number}" for number in made.maps]
    return captioned(tiles, len(above), title=title_of(made), above=above, left=left, below=below)


def title_of(made: Filters) -> str:
    """What the blocks and the numbers on the sheet are."""
    side = made.field.side
    return (
        f"The strongest responses of {counted(len(made.maps), 'map')} of the discriminator's layer "
        f"{made.layer}. A tile is what a unit sees, {side}x{side} pixels, grey outside of the "
        "picture. Left: which pixels speak for the response, by guided gradients, with random "
        "filters, the weights of a training's beginning; middle: with the trained ones; below each "
        "the response. Right: the pictures that the trained ones saw, with their numbers in the "
        "source."
    )


def centred(title: str, count: int) -> list[str]:
    """Captions for so many columns and an empty one, of which the middle one has the title."""
    return [title if number == (count - 1) // 2 else "" for number in range(count + 1)]


def patches(responses: Responses, pixels: NDArray[np.uint8], field: Field) -> list[list[Picture]]:
    """For each map and response what the unit sees of its picture (maps, count, H, W, C)."""
    return [
        [patch(picture, field, *place) for picture, place in zip(row, positions, strict=True)]
        for row, positions in zip(pixels, responses.positions.tolist(), strict=True)
    ]


def drawn_gradients(gradients: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Gradients (..., C, H, W) as pixels (..., H, W, 1 or 3): grey is 0, the largest 0 or 255.

    Of a picture with transparency the colours' alone.
    """
    colours = gradients[..., : 3 if gradients.shape[-3] > 1 else 1, :, :]
    largest = np.abs(colours).max(axis=(-3, -2, -1), keepdims=True)
    scaled = OUTSIDE + 127 * colours / np.maximum(largest, np.finfo(np.float32).tiny)
    return np.moveaxis(scaled.round().astype(np.uint8), -3, -1)


def in_rgb(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pictures (..., H, W, C), those with transparency laid on white."""
    if pixels.shape[-1] != 4:
        return pixels
    *outer, height, width, _ = pixels.shape
    flat = [refit(one, Size(height, width)) for one in pixels.reshape(-1, height, width, 4)]
    return np.stack(flat).reshape(*outer, height, width, 3)
