"""The Fréchet distance of two sets of feature vectors, seen as normal distributions."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor

from dcgan.tensors import Features


@dataclass(frozen=True)
class Moments:
    """What a normal distribution needs to know of a set of feature vectors; all in float64."""

    count: int
    mean: Tensor
    """(D,)"""
    scatter: Tensor
    """(D, D): the covariance times count - 1."""

    @property
    def covariance(self) -> Tensor:
        """(D, D).

        Raises:
            ValueError: there are fewer than two vectors.
        """
        if self.count < 2:
            raise ValueError(f"A covariance needs at least two feature vectors, not {self.count}.")
        return self.scatter / (self.count - 1)


def moments(batches: Iterable[Features]) -> Moments:
    """Mean and covariance of feature vectors that come in one batch or more; none is kept."""
    return reduce(joined, map(_moments_of, batches))


def _moments_of(batch: Features) -> Moments:
    x = batch.double()
    mean = x.mean(dim=0)
    return Moments(len(x), mean, (x - mean).T @ (x - mean))


def joined(a: Moments, b: Moments) -> Moments:
    """Those of two sets together; nothing is lost where means are large beside deviations.

    The parts are joined as Chan, Golub and LeVeque (1979) do.
    """
    count, step = a.count + b.count, b.mean - a.mean
    between = torch.outer(step, step) * (a.count * b.count / count)
    return Moments(count, a.mean + step * (b.count / count), a.scatter + b.scatter + between)


def frechet_distance(a: Moments, b: Moments) -> float:
    """How far two normal distributions lie apart; 0 where they are equal (Heusel et al. 2017).

    |m_a - m_b|² + tr(A + B - 2 (A B)^½). The trace of the square root is the sum of the roots of
    the eigenvalues of A^½ B A^½, which is symmetric: no complex square root can arise.
    """
    difference = (a.mean - b.mean).square().sum()
    root = square_root(a.covariance)
    eigenvalues = torch.linalg.eigvalsh(root @ b.covariance @ root)
    cross = eigenvalues.clamp(min=0).sqrt().sum()
    distance = difference + a.covariance.trace() + b.covariance.trace() - 2 * cross
    return max(float(distance), 0.0)


def square_root(matrix: Tensor) -> Tensor:
    """The symmetric root of a symmetric matrix (D, D) without negative eigenvalues."""
    values, vectors = torch.linalg.eigh(matrix)
    root: Tensor = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
    return root
