"""Newton's method for the L2-SVM: to the minimum itself, where rows or columns are few."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from dcgan.errors import DCGANError
from dcgan.features.objective import Solution, duals_of, objective
from dcgan.features.tables import (
    Table,
    outputs_of,
    products_of,
    weighted_products,
    weights_of,
)

MOST_STEPS = 100
HALVINGS, ROUNDING = 30, 1e-14

Fit = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Rows within their margin, as a mask (N,), to the parameters and outputs (N,) that fit them best.

Rows that come to lie outside are punished there as well, as in least squares.
"""
Inner = Callable[[Tensor, Tensor, Tensor], Tensor]
"""The inner product of two weights: of the one's parameters, and the other's and its outputs."""


class Point(NamedTuple):
    """Parameters and the outputs (N,) they give."""

    parameters: Tensor
    outputs: Tensor


def newton(label: Tensor, cost: Tensor, point: Point, fit: Fit, inner: Inner) -> tuple[Point, int]:
    """The minimum for one class, and the number of steps.

    Each step goes where the rows within the margin fit best. Where these are the same rows still,
    the minimum is reached (Chapelle 2007); else the step ends at the lowest point of the way.
    """
    for number in range(1, MOST_STEPS + 1):
        within = (label * point.outputs < 1) & (cost > 0)
        aim = Point(*fit(within))
        if torch.equal(within, (label * aim.outputs < 1) & (cost > 0)):
            return aim, number
        step = Point(aim.parameters - point.parameters, aim.outputs - point.outputs)
        slope = Slope(
            label * point.outputs,
            label * step.outputs,
            cost,
            inner(point.parameters, *step),
            inner(step.parameters, *step),
        )
        share = slope.lowest()
        point = Point(*(old + share * way for old, way in zip(point, step, strict=True)))
        value = objective(inner(point.parameters, *point), label, cost, point.outputs)
        if -slope.at(0) <= ROUNDING * value:
            break
    return point, number


class Slope(NamedTuple):
    """How fast the objective rises along a step."""

    margins: Tensor
    """(N,), label times output, before the step."""
    changes: Tensor
    """(N,), of these."""
    cost: Tensor
    """(N,)."""
    start: Tensor
    """The inner product of weights and step."""
    growth: Tensor
    """The squared length of the step."""

    def at(self, share: float) -> float:
        """The slope after so much of the step; it only rises."""
        slack = (1 - self.margins - share * self.changes).clamp_min(0)
        pull = 2 * self.cost * self.changes @ slack
        return float(self.start + share * self.growth - pull)

    def lowest(self) -> float:
        """Where in (0, 1] it passes through 0, which is not so at 0 yet; 1 if beyond."""
        low, high = 0.0, 1.0
        if self.at(high) <= 0:
            return high
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            low, high = (low, middle) if self.at(middle) > 0 else (middle, high)
        return high


class Factors:
    """Cholesky factors of matrices that depend on a mask of rows and their costs.

    The one for all rows, with which each class begins, is kept.
    """

    def __init__(self, build: Callable[[Tensor, Tensor], Tensor]) -> None:
        self.build = build
        self._kept: tuple[Tensor, Tensor] | None = None

    def of(self, within: Tensor, cost: Tensor) -> Tensor:
        """The lower factor of the matrix for this mask (N,) and these costs (N,)."""
        if not within.all():
            return cholesky(self.build(within, cost))
        if self._kept is None or not torch.equal(self._kept[0], cost):
            self._kept = cost, cholesky(self.build(within, cost))
        return self._kept[1]


def cholesky(matrices: Tensor) -> Tensor:
    """The lower factors of matrices (..., N, N) that are positive definite, but for rounding.

    Where rounding has made one indefinite, its diagonal is raised until it is not: what the
    solution then lies above the minimum shows in its gap.

    Raises:
        DCGANError: nothing helps, as the numbers are too large for their type.
    """
    factors, failed = torch.linalg.cholesky_ex(matrices)
    share = torch.finfo(torch.float32).eps
    while failed.any():
        if share > 1:
            raise DCGANError(
                "The table's numbers are too large or too unlike to compute with; scale its "
                "columns first, as scikit-learn's StandardScaler does."
            )
        diagonal = matrices.diagonal(dim1=-2, dim2=-1)
        diagonal += share * diagonal.mean(-1, keepdim=True)
        factors, failed = torch.linalg.cholesky_ex(matrices)
        share *= 10
    found: Tensor = factors
    return found


class RowSolver:
    """Newton's method in the space of the rows' products with each other, for few rows.

    The parameters are the duals.
    """

    def __init__(self, table: Table, device: torch.device) -> None:
        self.table, self.products = table, products_of(table, device)
        self._factors = Factors(self._matrix)

    def solve(self, labels: Tensor, costs: Tensor, start: Solution | None = None) -> Solution:
        """The minimum for labels (N, K), each 1 or -1, and costs (N, K), each 0 or more."""
        labels, costs = labels.to(self.products), costs.to(self.products)
        zero = torch.zeros_like(labels)
        (duals, outputs), steps = _solved(
            labels,
            costs,
            Point(start.duals, start.outputs) if start else Point(zero, zero),
            self._fit,
            lambda dual, _, outputs: dual @ outputs,
        )
        rest = duals - duals_of(labels, costs, outputs)
        values = objective((duals * outputs).sum(0), labels, costs, outputs)
        gap = (rest * (self.products @ rest)).sum(0).clamp_min(0) / 2 / values
        return Solution(weights_of(self.table, duals), outputs, duals, steps, gap)

    def _fit(self, label: Tensor, cost: Tensor, within: Tensor) -> tuple[Tensor, Tensor]:
        dual = torch.zeros_like(label)
        factor = self._factors.of(within, cost)
        dual[within] = torch.cholesky_solve(label[within, None], factor)[:, 0]
        return dual, self.products @ dual

    def _matrix(self, within: Tensor, cost: Tensor) -> Tensor:
        chosen = self.products[within][:, within]
        chosen.diagonal().add_(0.5 / cost[within])
        return chosen


class ColumnSolver:
    """Newton's method in the space of the weights, for few columns."""

    def __init__(self, table: Table, device: torch.device) -> None:
        self.table, self.device = table, device
        self._factors = Factors(self._matrix)

    def solve(self, labels: Tensor, costs: Tensor, start: Solution | None = None) -> Solution:
        """The minimum for labels (N, K), each 1 or -1, and costs (N, K), each 0 or more."""
        labels, costs = (part.to(self.device, torch.float64) for part in (labels, costs))
        zero = labels.new_zeros(self.table.shape[1] + 1, labels.shape[1])
        (weights, outputs), steps = _solved(
            labels,
            costs,
            Point(start.weights, start.outputs) if start else Point(zero, torch.zeros_like(labels)),
            self._fit,
            lambda weight, other, _: weight @ other,
        )
        duals = duals_of(labels, costs, outputs)
        rest = weights - weights_of(self.table, duals)
        values = objective((weights**2).sum(0), labels, costs, outputs)
        return Solution(weights, outputs, duals, steps, (rest**2).sum(0) / 2 / values)

    def _fit(self, label: Tensor, cost: Tensor, within: Tensor) -> tuple[Tensor, Tensor]:
        side = weights_of(self.table, (2 * cost * within * label)[:, None])
        weight = torch.cholesky_solve(side, self._factors.of(within, cost))
        return weight[:, 0], outputs_of(self.table, weight)[:, 0]

    def _matrix(self, within: Tensor, cost: Tensor) -> Tensor:
        """The second derivatives of the objective with these rows within."""
        matrix = weighted_products(self.table, 2 * cost * within)
        matrix.diagonal().add_(1)
        return matrix


def _solved(
    labels: Tensor,
    costs: Tensor,
    start: Point,
    fit: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]],
    inner: Inner,
) -> tuple[Point, int]:
    """The minima of all classes, side by side, and the most steps that one of them took."""
    points, most = [], 0
    for label, cost, *point in zip(labels.T, costs.T, start[0].T, start[1].T, strict=True):
        found, steps = newton(label, cost, Point(*point), partial(fit, label, cost), inner)
        points.append(found)
        most = max(most, steps)
    sides = zip(*points, strict=True)
    return Point(*(torch.stack(side, dim=1) for side in sides)), most
