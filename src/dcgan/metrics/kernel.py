"""The kernel distance of two sets of feature vectors, whose estimate has no bias."""

from typing import NamedTuple

import torch
from torch import Tensor

from dcgan.tensors import Features

SUBSETS, SUBSET_SIZE = 100, 1_000


class KernelDistance(NamedTuple):
    """The squared distance, and how much it differs between subsets."""

    mean: float
    deviation: float


def kernel_distance(
    real: Features,
    fake: Features,
    rng: torch.Generator,
    subsets: int = SUBSETS,
    subset_size: int = SUBSET_SIZE,
) -> KernelDistance:
    """The squared maximum mean discrepancy, a mean over random subsets (Binkowski et al. 2018).

    Its expectation does not depend on how many pictures there are; it can come out below 0.

    Args:
        real: (N, D).
        fake: (M, D).
        rng: draws the subsets, on the CPU.
        subsets: how many.
        subset_size: of each; smaller where there are fewer vectors.
    """
    size = min(subset_size, len(real), len(fake))
    values = torch.stack([
        squared_discrepancy(_subset(real, size, rng), _subset(fake, size, rng))
        for _ in range(subsets)
    ])  # fmt: skip
    return KernelDistance(float(values.mean()), float(values.std(unbiased=False)))


def squared_discrepancy(x: Features, y: Features) -> Tensor:
    """The unbiased estimate of the squared discrepancy of two sets of at least two vectors each."""
    n, m = len(x), len(y)
    within_x, within_y, between = kernel(x, x), kernel(y, y), kernel(x, y)
    return (
        (within_x.sum() - within_x.trace()) / (n * (n - 1))
        + (within_y.sum() - within_y.trace()) / (m * (m - 1))
        - 2 * between.mean()
    )


def kernel(x: Features, y: Features) -> Tensor:
    """(x·y / D + 1)³ of all pairs: (N, M), float64."""
    return (x.double() @ y.double().T / x.shape[1] + 1) ** 3


def _subset(features: Features, size: int, rng: torch.Generator) -> Features:
    return features[torch.randperm(len(features), generator=rng)[:size].to(features.device)]
