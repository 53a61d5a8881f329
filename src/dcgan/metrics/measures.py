"""The numbers of an evaluation, each with what it says."""

from typing import NamedTuple

import torch

from dcgan.metrics.frechet import frechet_distance, joined, moments
from dcgan.metrics.kernel import kernel_distance
from dcgan.metrics.neighbours import Nearest, copying, overlap
from dcgan.metrics.similarity import WINDOW, mean_similarity
from dcgan.metrics.wasserstein import sliced_wasserstein
from dcgan.tensors import Features, Pixels


class Measure(NamedTuple):
    """One number, and what it says."""

    name: str
    value: float
    meaning: str


class Names(NamedTuple):
    """What the distances are called: FID and KID are those of Inception alone."""

    frechet: str
    kernel: str


BATCH = 4_096
"""Feature vectors that are in float64 at once."""
INCEPTION_NAMES = Names("FID", "KID")
OWN_NAMES = Names("Fréchet distance", "kernel distance")


def distances(
    real: Features, fake: Features, names: Names, rng: torch.Generator
) -> tuple[Measure, ...]:
    """Fréchet and kernel distance, and the floor of the first: what real pictures would get."""
    half = min(len(fake), len(real) // 2)
    parts = [moments(torch.split(part, BATCH)) for part in (real[:half], real[half:])]
    counts = f"{half:,} real pictures against the other {len(real) - half:,}"
    if half < len(fake):
        counts += f"; of {len(fake):,} it would be smaller"
    kernel = kernel_distance(real, fake, rng)
    return (
        Measure(
            names.frechet,
            frechet_distance(joined(*parts), moments(torch.split(fake, BATCH))),
            "less is better",
        ),
        Measure(
            f"{names.frechet}, floor",
            frechet_distance(*parts),
            counts,
        ),
        Measure(names.kernel, kernel.mean, f"less is better; ± {kernel.deviation:.2g}"),
    )


def shares(real: Features, fake: Features) -> tuple[Measure, ...]:
    """Precision, recall, density and coverage, from as many pictures of each kind."""
    count = min(len(real), len(fake))
    found = overlap(real[:count], fake[:count])
    return (
        Measure("precision", found.precision, "share of the generated among the real"),
        Measure("recall", found.recall, "share of the real among the generated"),
        Measure("density", found.density, "how deep the generated lie among the real; real: 1"),
        Measure("coverage", found.coverage, "share of the real with a generated one near"),
    )


def copies(fake: Nearest, held_out: Nearest) -> Measure:
    """How much nearer to the training pictures generated ones are than new real ones."""
    return Measure(
        "copying",
        copying(fake.distances, held_out.distances),
        "0.5: as far from the training pictures as new pictures are; 1: copies",
    )


def on_pixels(real: Pixels, fake: Pixels, rng: torch.Generator) -> tuple[Measure, ...]:
    """What needs no encoder: diversity, and the sliced Wasserstein distance at each scale.

    The first where pictures have room for its window.
    """
    slices = sliced_wasserstein(real, fake, rng).items()
    found = tuple(
        Measure(f"sliced Wasserstein {n}", value, "less is better") for n, value in slices
    )
    if min(fake.shape[1:3]) < WINDOW:
        return found
    return (
        Measure("similarity", mean_similarity(fake, rng), "MS-SSIM of pairs; 1: all the same"),
        Measure("similarity, real", mean_similarity(real, rng), "the same of real pictures"),
        *found,
    )
