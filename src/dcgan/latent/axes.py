"""Directions that a model has without labels: between exemplars, and those of its first layer.

Of exemplars: the difference of two groups' means (Section 6.3.2, Figure 8). Of the activations of
the generator's first grid: their principal components (Härkönen et al. 2020). Of the first layer's
weights: the inputs that it stretches most (Shen and Zhou 2021).
"""

from typing import TypeAlias

import torch
from torch import Tensor, nn

from dcgan.config import NetworkConfig
from dcgan.errors import DCGANError
from dcgan.latent.points import Given, Points, class_of, labels_for, points
from dcgan.log import progress
from dcgan.model import Model
from dcgan.sample import SAMPLE_BATCH, latents_of
from dcgan.tensors import Latents

Directions: TypeAlias = dict[str, Tensor]
"""Directions (latent_dim,) float32 by their names."""

SAMPLES = 2_000
"""Latents, of the seeds from 0 on, whose activations or pictures are looked at."""
START, END = "--from or `start`", "--to or `end`"
"""What a user calls the groups of exemplars."""
DEVIATIONS = 3.0
"""Length of a direction whose length says nothing, in standard deviations of the prior."""


def of_groups(model: Model, start: Given | None, end: Given | None) -> Tensor:
    """From the mean of a group of exemplars to that of another (Figure 8 takes four and four).

    Raises:
        DCGANError: as `groups` and `between`.
    """
    return between(*groups(model, start, end))


def between(first: Points, last: Points) -> Tensor:
    """From the mean of some latents to that of others.

    Raises:
        DCGANError: both have one mean.
    """
    way = last.z.mean(dim=0) - first.z.mean(dim=0)
    if not way.any():
        raise DCGANError("Both groups of exemplars have one mean; no direction leads to itself.")
    return way


def groups(model: Model, start: Given | None, end: Given | None) -> tuple[Points, Points]:
    """The exemplars from which a direction leads, and those to which.

    Raises:
        DCGANError: a group is missing, or as `points`.
    """
    if start is None or end is None:
        missing = START if start is None else END
        raise DCGANError(f"A direction leads from one group to another; give {missing} too.")
    return points(start, model, START), points(end, model, END)


def of_weights(model: Model, count: int) -> Latents:
    """The inputs (count, latent_dim) that the generator's first layer stretches most (SeFa).

    They are the eigenvectors of AᵀA, where A are the layer's weights with batch norm's scale: with
    the weights alone it would be by chance how much a unit counts.

    Raises:
        DCGANError: there are not so many.
    """
    require_count(model.config, count, "weights")
    layer = model.generator.hidden if len(model.generator.hidden) else model.generator.project
    linear, norm = layer[0], layer[1]
    assert isinstance(linear, nn.Linear)
    assert isinstance(norm, nn.BatchNorm1d)
    assert norm.running_var is not None
    gains = (norm.running_var + norm.eps).rsqrt() * (1 if norm.weight is None else norm.weight)
    matrix = (linear.weight[:, : model.config.latent_dim] * gains[:, None]).cpu().double()
    _, vectors = torch.linalg.eigh(matrix.T @ matrix)  # the least first
    return as_long(one_way(vectors.T.flip(0)[:count]), model.config)


@torch.no_grad()
def of_activations(model: Model, count: int, label: str | int | None = None) -> Latents:
    """What moves the generator's first grid along its principal components (GANSpace).

    The components of the activations over 2,000 latents; for each the latents' regression on it.

    Returns:
        (count, latent_dim)

    Raises:
        DCGANError: there are not so many, or as `class_of`.
    """
    require_count(model.config, count, "pca")
    chosen = class_of(model, label)
    device = next(model.generator.parameters()).device
    z = latents_of(range(SAMPLES), model.config)
    rows = []
    with progress("Looking at activations", SAMPLES, unit="latents") as bar:
        for batch in torch.split(z, SAMPLE_BATCH):
            labels = labels_for(chosen, len(batch), device)
            grid = next(iter(model.generator.features(batch.to(device), labels).values()))
            rows.append(grid.flatten(1).cpu())
            bar.update(bar.done + len(batch))
    return as_long(one_way(regression(torch.cat(rows), z, count)), model.config)


def regression(activations: Tensor, z: Latents, count: int) -> Tensor:
    """The change of z (N, D) with each principal component of activations (N, U): (count, D)."""
    centred = activations - activations.mean(dim=0)
    if centred.shape[0] <= centred.shape[1]:
        _, vectors = torch.linalg.eigh((centred @ centred.T).double())  # the least first
    else:
        vectors = centred.double() @ torch.linalg.eigh((centred.T @ centred).double()).eigenvectors
    change: Tensor = vectors.T.flip(0)[:count] @ (z - z.mean(dim=0)).double()
    return change


def as_long(rows: Tensor, config: NetworkConfig) -> Latents:
    """Directions (K, latent_dim) with a length of three standard deviations of the prior."""
    deviation = 3**-0.5 if config.prior == "uniform" else 1.0
    return (DEVIATIONS * deviation * nn.functional.normalize(rows)).float()


def one_way(rows: Tensor) -> Tensor:
    """Of each direction's two ways, which are alike, the one whose sum is positive."""
    return torch.where(rows.sum(dim=1, keepdim=True) < 0, -rows, rows)


def numbered(kind: str, rows: Latents, place: str = "") -> Directions:
    """Directions by their kind and number, from 1 on, and the place where they hold."""
    return {f"{kind}{number}{place}": row for number, row in enumerate(rows, 1)}


def require_count(config: NetworkConfig, count: int, name: str) -> None:
    """Raises a DCGANError unless there are so many directions."""
    if not 1 <= count <= config.latent_dim:
        raise DCGANError(
            f"`{name}` (={count}) must be 1 to {config.latent_dim}, the length of a latent."
        )
