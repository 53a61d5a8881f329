"""Nearest neighbours among feature vectors: precision, recall, density, coverage, and copies."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from dcgan.tensors import Features

NEIGHBOURS = 5
BLOCK = 1_024
"""Rows of distances that are in memory at once."""


class Overlap(NamedTuple):
    """How far two sets of pictures cover each other."""

    precision: float
    """Share of the generated pictures that lie among the real ones."""
    recall: float
    """Share of the real pictures that lie among the generated ones."""
    density: float
    """How many real neighbourhoods a generated picture lies in, over k; can be above 1."""
    coverage: float
    """Share of the real pictures with a generated one in their neighbourhood."""


def overlap(real: Features, fake: Features, neighbours: int = NEIGHBOURS) -> Overlap:
    """Precision and recall (Kynkäänniemi et al. 2019), density and coverage (Naeem et al. 2020).

    A picture's neighbourhood is the ball that reaches to its k-th nearest of its own set.

    Args:
        real: (N, D), more than k of them.
        fake: (M, D), more than k of them.
        neighbours: k.
    """
    real_radii = radii(real, neighbours)
    fake_radii = radii(fake, neighbours)
    is_covered = torch.zeros(len(real), dtype=torch.bool, device=real.device)
    balls, precise, recalled = 0, 0, torch.zeros_like(is_covered)
    for rows, distances in distance_blocks(fake, real):
        within = distances < real_radii
        balls += int(within.sum())
        precise += int(within.any(dim=1).sum())
        is_covered |= within.any(dim=0)
        recalled |= (distances < fake_radii[rows, None]).any(dim=0)
    return Overlap(
        precision=precise / len(fake),
        recall=float(recalled.double().mean()),
        density=balls / (neighbours * len(fake)),
        coverage=float(is_covered.double().mean()),
    )


def radii(features: Features, neighbours: int) -> Tensor:
    """The distance of each vector to its k-th nearest other one: (N,), float64."""
    found = [
        distances.kthvalue(neighbours + 1).values  # the nearest of all is the vector itself
        for _, distances in distance_blocks(features, features)
    ]
    return torch.cat(found)


def distance_blocks(x: Features, y: Features) -> Iterator[tuple[slice, Tensor]]:
    """Euclidean distances of some rows of x after others to all of y: (rows, y), float64."""
    y = y.double()
    for start in range(0, len(x), BLOCK):
        rows = slice(start, start + BLOCK)
        yield rows, torch.cdist(x[rows].double(), y)


class Nearest(NamedTuple):
    """The nearest training picture of each of some others."""

    distances: Tensor
    """(N,), float64."""
    indices: Tensor
    """(N,), int64."""


def nearest(features: Features, training: Iterable[Features]) -> Nearest:
    """The nearest of the training pictures, which come in batches, to each of the others (N, D)."""
    best = torch.full((len(features),), torch.inf, dtype=torch.float64, device=features.device)
    indices = torch.zeros(len(features), dtype=torch.int64, device=features.device)
    first = 0
    for batch in training:
        for rows, distances in distance_blocks(features, batch):
            values, columns = distances.min(dim=1)
            closer = values < best[rows]
            best[rows] = torch.where(closer, values, best[rows])
            indices[rows] = torch.where(closer, columns + first, indices[rows])
        first += len(batch)
    return Nearest(best, indices)


def copying(fake: Tensor, held_out: Tensor) -> float:
    """How much nearer to the training pictures generated ones lie than other real ones do.

    The chance that a generated picture is nearer to its nearest training picture than a held-out
    picture is to its own, ties counted half: 0.5 for a generator that is as far from its training
    pictures as new pictures are, 1 for one that copies (Meehan et al. 2020, over all at once).

    Args:
        fake: distances (N,) of generated pictures to the nearest training picture.
        held_out: the same of real pictures that were not trained on, (M,).
    """
    ordered = held_out.sort().values
    beyond = len(ordered) - torch.searchsorted(ordered, fake, right=True)
    ties = len(ordered) - torch.searchsorted(ordered, fake, right=False) - beyond
    return float((beyond + 0.5 * ties).double().mean() / len(ordered))
