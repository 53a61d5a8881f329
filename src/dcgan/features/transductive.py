"""The transductive SVM of Joachims (1999), a baseline of Table 2, with scikit-learn's contract."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from dcgan.features.allowed import require_positive
from dcgan.features.classifiers import (
    LinearClassifier,
    checked,
    classes_of,
    named,
    signs_of,
)
from dcgan.features.objective import Solution, Solver, objective
from dcgan.log import progress

UNLABELLED = -1
DOUBLINGS = 10
"""How often the cost of unlabelled rows is doubled, on the side of either."""


class Moment(NamedTuple):
    """A moment on the way of a transductive SVM."""

    cost: float
    """Of unlabelled rows on the negative side, were it not cut off at the final one."""
    objective: float
    """The smallest for the labels of that moment."""
    trades: int
    """Pairs of rows that trade labels next."""


class TransductiveSVM(LinearClassifier):
    """A linear SVM that also keeps its margin free of rows without labels.

    As `L2SVM`, one class against the rest, with squared hinge loss. The SVM of the labelled rows
    labels the others first, as many of each class as is its share among the labelled. Then their
    cost is doubled, from a thousandth up to its final value, and at each cost rows on either side
    trade labels in pairs, as long as that makes the objective smaller; many pairs at a time
    (Sindhwani and Keerthi 2006).

    Args:
        C: the cost of a labelled row within the margin, more than 0.
        C_unlabelled: that of an unlabelled row in the end; None: C.
        solver: as for `L2SVM`.
        tol: as for `L2SVM`.
        max_iter: as for `L2SVM`.
        device: as for `L2SVM`.

    Attributes:
        transduction_: (N,) labels of all rows of `fit`.
        paths_: for each class, the way there.
    """

    def __init__(
        self,
        C: float = 1.0,
        *,
        C_unlabelled: float | None = None,
        solver: str = "auto",
        tol: float = 1e-3,
        max_iter: int = 100,
        device: str = "auto",
    ) -> None:
        self.C = C
        self.C_unlabelled = C_unlabelled
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.device = device

    def fit(self, X: ArrayLike, y: ArrayLike) -> "TransductiveSVM":
        """Learns from rows with and without labels.

        Args:
            X: (N, D) float.
            y: (N,) labels; -1 where there is none.

        Raises:
            DCGANError: a parameter is not allowed, a number is not finite, or the labels name
                fewer than two classes.
            ValueError: the shapes are none for this, as scikit-learn says.
        """
        final = self.C if self.C_unlabelled is None else self.C_unlabelled
        require_positive("C", self.C)
        require_positive("C_unlabelled", final)
        table, labels = checked(self, X, y)
        known = np.array([label != UNLABELLED for label in labels.tolist()])
        self.classes_ = classes_of(labels[known])
        signs, solver = signs_of(labels, self.classes_), self._solver(table)
        ways = []
        with progress("Transduction", signs.shape[1], unit="classes") as bar:
            for sign in signs.T:
                ways.append(transduce(solver, sign, torch.from_numpy(known), self.C, final))
                bar.update(len(ways))
        self.paths_ = [path for _, path in ways]
        solution = joined([solution for solution, _ in ways])
        self._keep(solution, table)
        answers = named(solution.outputs.cpu().numpy(), self.classes_)
        self.transduction_ = np.where(known, labels, answers)
        return self


def transduce(
    solver: Solver, sign: Tensor, known: Tensor, labelled_cost: float, final: float
) -> tuple[Solution, list[Moment]]:
    """Joachims' algorithm for one class.

    Args:
        solver: of all rows.
        sign: (N,), 1 or -1; not looked at where there is no label.
        known: (N,), where there is one.
        labelled_cost: of a row with a label.
        final: the cost of a row without one, in the end.
    """
    costs = torch.where(known, labelled_cost, 0.0).double()
    solution, path = solver.solve(sign[:, None], costs[:, None]), list[Moment]()
    if known.all():
        return solution, path
    sign = torch.where(known, sign, first_signs(solution.outputs[:, 0].cpu(), sign, known))
    positives, negatives = (int(((sign == side) & ~known).sum()) for side in (1, -1))
    ratio = max(positives, 1) / max(negatives, 1)
    cost = final / 2**DOUBLINGS / max(ratio, 1)
    while True:
        # Positive and negative rows begin with costs in proportion to their numbers.
        of_sign = torch.where(sign > 0, cost * ratio, cost).clamp_max(final)
        costs = torch.where(known, labelled_cost, of_sign)
        solution = solver.solve(sign[:, None], costs[:, None], solution)
        outputs = solution.outputs[:, 0].cpu()
        square = (solution.weights**2).sum().cpu()
        trading = trades(sign, outputs, known)
        value = float(objective(square, sign, costs, outputs))
        path.append(Moment(cost, value, len(trading) // 2))
        sign[trading] *= -1
        if not len(trading):
            if min(cost, cost * ratio) >= final:
                return solution, path
            cost *= 2


def first_signs(outputs: Tensor, sign: Tensor, known: Tensor) -> Tensor:
    """1 for the unlabelled rows of largest output, as large a share as of the labelled; else -1."""
    count = int((~known).sum())
    share = float((sign[known] > 0).double().mean())
    positives = min(max(round(share * count), 1), max(count - 1, 1))
    order = outputs.masked_fill(known, -torch.inf).argsort(descending=True)
    signs = torch.full_like(sign, -1)
    signs[order[:positives]] = 1
    return signs


def trades(sign: Tensor, outputs: Tensor, known: Tensor) -> Tensor:
    """The numbers of unlabelled rows that trade signs in pairs, one of either side.

    Both lie within or beyond the margin, by more than 2 together: each is punished less with the
    other's sign and cost, so the objective falls even before the weights follow.
    """
    slack = 1 - sign * outputs
    sides = []
    for side in (1, -1):
        rows = (~known & (slack > 0) & (sign == side)).nonzero()[:, 0]
        sides.append(rows[slack[rows].argsort(descending=True)])
    pairs = min(map(len, sides))
    positive, negative = (rows[:pairs] for rows in sides)
    chosen = slack[positive] + slack[negative] > 2
    return torch.cat([positive[chosen], negative[chosen]])


def joined(solutions: list[Solution]) -> Solution:
    """The solutions of single classes as one."""
    weights, outputs, duals, iterations, gaps = zip(*solutions, strict=True)
    return Solution(
        torch.cat(weights, dim=1),
        torch.cat(outputs, dim=1),
        torch.cat(duals, dim=1),
        max(iterations),
        torch.cat(gaps),
    )
