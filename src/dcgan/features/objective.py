"""The objective of the linear L2-SVM, one against the rest, and what a solution of it is.

For each class

    0.5 |w|² + sum over rows of cost * max(0, 1 - y f)²,    f = x w,

with y = 1 for rows of the class and -1 for the rest. The intercept is the weight of a constant
feature 1, and so in |w| too (Section 5, and the authors' SVHN script).
"""

from typing import NamedTuple, Protocol

import torch
from torch import Tensor


class Solution(NamedTuple):
    """Where the objectives of K classes are smallest; also a start for a problem like it."""

    weights: Tensor
    """(D + 1, K) float64; the intercept is last."""
    outputs: Tensor
    """(N, K), f of every row."""
    duals: Tensor
    """(N, K); the weights are the sum of the rows times these."""
    iterations: int
    """Newton's steps for the class that took most, or passes over all blocks."""
    gap: Tensor
    """(K,): at most this share of the objective lies above the minimum."""


class Solver(Protocol):
    """Solves problems on the same rows, which may differ in labels and costs."""

    def solve(self, labels: Tensor, costs: Tensor, start: Solution | None = None) -> Solution:
        """The minimum for labels (N, K), each 1 or -1, and costs (N, K), each 0 or more."""


def objective(square: Tensor, labels: Tensor, costs: Tensor, outputs: Tensor) -> Tensor:
    """The objectives (K,) of weights whose squared lengths are (K,)."""
    slack = (1 - labels * outputs).clamp_min(0)
    return square / 2 + (costs * slack**2).sum(0)


def duals_of(labels: Tensor, costs: Tensor, outputs: Tensor) -> Tensor:
    """The duals (N, K) that belong to outputs: at the minimum, those that make up the weights.

    The objective lies above its minimum by at most half the squared length of the weights less
    those that these duals make up.
    """
    return 2 * costs * labels * (1 - labels * outputs).clamp_min(0)


def dual_objective(square: Tensor, labels: Tensor, costs: Tensor, duals: Tensor) -> Tensor:
    """What never lies above the minimum (K,), for duals (N, K) of the labels' signs."""
    free = torch.where(costs > 0, labels * duals - duals**2 / (4 * costs), 0)
    return free.sum(0) - square / 2
