"""The strongest responses of the discriminator's maps, and the pixels that speak for them."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dcgan.data.given import in_floats, pixels_at
from dcgan.data.loader import derive, shuffled
from dcgan.data.pack import Pack
from dcgan.images import to_floats
from dcgan.inside.field import receptive_fields
from dcgan.inside.guided import concentration, guided, guided_gradients
from dcgan.networks import Discriminator
from dcgan.tensors import Images

BATCH = 128
MEASURED_PICTURES = 2_048
"""Pictures, chosen by lot, over which batch norm's statistics are measured."""
SEED = 42
"""Of that lot."""


class Responses(NamedTuple):
    """The strongest responses of some maps, each in another picture, the strongest first."""

    values: Tensor
    """(maps, count) float32."""
    pictures: Tensor
    """(maps, count) the numbers of the pictures."""
    positions: Tensor
    """(maps, count, 2) row and column of the unit in its map."""


class Seen(NamedTuple):
    """What some maps of one discriminator answer to."""

    responses: Responses
    pixels: NDArray[np.uint8]
    """(maps, count, H, W, C) the pictures of the strongest responses."""
    gradients: NDArray[np.float32]
    """(maps, count, C, H, W) the guided gradients, in the coordinates of the whole picture."""
    concentration: NDArray[np.float64]
    """(maps, count) as `guided.concentration`; NaN where a map is nowhere above 0."""


def measured_on(count: int) -> NDArray[np.int64]:
    """The numbers of the pictures that statistics are measured on, by lot."""
    return shuffled(np.arange(min(count, MEASURED_PICTURES)), count, derive(SEED, "statistics", 0))


def look(
    discriminator: Discriminator,
    pictures: Pack | NDArray[np.uint8],
    layer: str,
    maps: Sequence[int],
    count: int,
    words: str,
) -> Seen:
    """What maps answer to most in pictures, and through which pixels."""
    device = next(discriminator.parameters()).device
    batches = in_floats(pictures, np.arange(len(pictures)), BATCH, device, words)
    responses = strongest(discriminator, batches, layer, maps, count)
    pixels = pixels_at(pictures, responses.pictures.flatten().numpy())
    positions = responses.positions.flatten(0, 1)
    gradients = guided_gradients(
        guided(discriminator),
        to_floats(torch.from_numpy(pixels)),
        layer,
        torch.tensor(maps).repeat_interleave(count),
        positions,
    )
    field = receptive_fields(discriminator.config)[layer]
    shares = concentration(gradients, field, positions)
    shape = (len(maps), count)
    return Seen(
        responses,
        pixels.reshape(*shape, *pixels.shape[1:]),
        gradients.numpy().reshape(*shape, *gradients.shape[1:]),
        shares.numpy().reshape(shape),
    )


@torch.no_grad()
def strongest(
    discriminator: Discriminator,
    batches: Iterable[Images],
    layer: str,
    maps: Sequence[int],
    count: int,
) -> Responses:
    """The strongest responses of maps over a stream of pictures, each in another picture.

    Of a picture only the strongest unit of each map counts; of equal ones the first. Nothing is
    kept but the best so far.

    Args:
        discriminator: in evaluation mode, without classes.
        batches: pictures (N, C, H, W) in [-1, 1].
        layer: a convolution's name.
        maps: numbers of its maps.
        count: how many responses of each map; there must be as many pictures.
    """
    values = torch.empty(len(maps), 0)
    numbers = places = torch.empty(len(maps), 0, dtype=torch.long)
    width, seen = 1, 0
    for images in batches:
        found = discriminator.features(images)[layer][:, list(maps)].float().cpu()
        width = found.shape[3]
        best, place = found.flatten(2).max(dim=2)  # (N, maps)
        number = torch.arange(seen, seen + len(found)).expand(len(maps), -1)
        values = torch.cat([values, best.T], dim=1)
        order = values.sort(dim=1, descending=True, stable=True).indices[:, :count]
        values = values.gather(1, order)
        numbers = torch.cat([numbers, number], dim=1).gather(1, order)
        places = torch.cat([places, place.T], dim=1).gather(1, order)
        seen += len(found)
    return Responses(values, numbers, torch.stack([places // width, places % width], dim=-1))
