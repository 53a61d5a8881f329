"""How even a walk's steps are: a jump would say that pictures are known by heart (Section 6.1)."""

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from dcgan.data.pack import Reading
from dcgan.data.packing import matching_pack
from dcgan.errors import DCGANError
from dcgan.images import to_floats
from dcgan.log import progress
from dcgan.metrics.encoder import Encoder
from dcgan.metrics.evaluation import choose_yardstick, lot, require_fitting
from dcgan.metrics.inception import Inception
from dcgan.metrics.neighbours import radii
from dcgan.model import Model
from dcgan.tensors import Features, Pixels

NEIGHBOURS_AMONG = 1_000
"""Training pictures among which each one's nearest is looked for."""
SEED = 42
"""Of the lot by which they are drawn."""
BATCH, ROWS = 100, 50
"""Pictures that an encoder sees at once, and that are compared with all at once."""


class Smoothness(NamedTuple):
    """The distances between neighbours on a walk."""

    measure: str
    """`pixels`: the mean difference of their values, of 255; `features`: Euclidean."""
    median: float
    largest: float
    neighbours: float | None
    """The same distance between training pictures and their nearest of 1,000, the median."""

    @property
    def jump(self) -> float:
        """The largest step over the median one."""
        return self.largest / self.median if self.median else float("inf")

    def __str__(self) -> str:
        text = f"Steps in {self.measure}: median {self.median:.3g}, largest {self.largest:.3g}"
        if self.median:
            text += f" ({self.jump:.2f} times)"
        if self.neighbours is None:
            return text
        return f"{text}; training pictures to their nearest: {self.neighbours:.3g}"


class Ruler(NamedTuple):
    """What steps are measured with, beside their pixels."""

    encoder: Encoder | Inception | None = None
    training: Pixels | None = None
    """(M, H, W, C), to compare the steps with."""


def ruler(model: Model, encoder: str | Path | None, source: str | Path | None) -> Ruler:
    """Opens the file of an encoder, and training pictures from a source, where they are given.

    Raises:
        DCGANError: there is no such encoder or source, or it is for other pictures than the
            model's.
    """
    own = None if encoder is None else choose_yardstick(encoder, None).encoder
    if own:
        require_fitting(own, model.config)
    return Ruler(own, None if source is None else training(source, model.reading))


def smoothness(pictures: Pixels, ruler: Ruler = Ruler()) -> tuple[Smoothness, ...]:  # noqa: B008
    """How even the steps of a walk are, in pixels, and in an encoder's features if there is one.

    Args:
        pictures: (N, H, W, C) in their order.
        ruler: what they are measured with.
    """
    own, real = ruler
    nearest = None if real is None else pixel_neighbours(real)
    found = (measured("pixels", pixel_steps(pictures), nearest),)
    if own is None:
        return found
    features = encoded(own, pictures)
    nearest = None if real is None else radii(encoded(own, real), 1)
    return *found, measured("features", (features[1:] - features[:-1]).norm(dim=1), nearest)


def measured(measure: str, steps: Tensor, neighbours: Tensor | None) -> Smoothness:
    """What distances (N,) between neighbours on a walk, and in a source, say."""
    near = None if neighbours is None else float(neighbours.median())
    return Smoothness(measure, float(steps.median()), float(steps.max()), near)


def pixel_steps(pictures: Pixels) -> Tensor:
    """How far each picture is from the one before: (N - 1,), mean difference of values, of 255."""
    flat = pictures.flatten(1).float()
    return (flat[1:] - flat[:-1]).abs().mean(dim=1)


def pixel_neighbours(pictures: Pixels) -> Tensor:
    """How far each picture is from its nearest other: (N,), as `pixel_steps`."""
    flat, nearest = pictures.flatten(1).float(), []
    with progress("Looking for neighbours", len(flat), unit="pictures") as bar:
        for start in range(0, len(flat), ROWS):
            distances = torch.cdist(flat[start : start + ROWS], flat, p=1) / flat.shape[1]
            own = torch.arange(len(distances))
            distances[own, start + own] = torch.inf
            nearest.append(distances.min(dim=1).values)
            bar.update(start + len(distances))
    return torch.cat(nearest)


def training(source: str | Path, reading: Reading) -> Pixels:
    """Pictures of a source by lot, two at least, to look for neighbours among.

    Raises:
        DCGANError: there is no such source, or it has one picture.
    """
    pack = matching_pack(source, reading)
    if len(pack) < 2:
        raise DCGANError(f"{source} has one picture, which has no neighbours; give more.")
    return torch.from_numpy(pack.pictures(lot(pack, NEIGHBOURS_AMONG, SEED)))


@torch.no_grad()
def encoded(encoder: Encoder | Inception, pictures: Pixels) -> Features:
    """The features (N, D) of pictures."""
    parts = []
    with progress("Encoding", len(pictures), unit="pictures") as bar:
        for batch in torch.split(pictures, BATCH):
            parts.append(encoder.features(to_floats(batch)))
            bar.update(bar.done + len(batch))
    return torch.cat(parts)
