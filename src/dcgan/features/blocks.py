"""The L2-SVM block by block, where rows and columns are many: up to a gap that is measured."""

import numpy as np
import torch
from torch import Tensor

from dcgan.features.newton import cholesky
from dcgan.features.objective import Solution, dual_objective, objective
from dcgan.features.tables import Table, kind_of, outputs_of, rows_of
from dcgan.log import progress

BLOCK = 64
"""Rows that are solved at once."""
MOST_STEPS = 10


class BlockSolver:
    """Blocks of rows solved in turn, the duals of all others as they are.

    Coordinate ascent on the dual (Hsieh et al. 2008), in blocks that fit into memory (Yu et al.
    2010), each of which is solved to its end. Each pass draws the blocks anew; with the same ones
    in every pass it takes many times as many.

    Args:
        table: the rows.
        device: to compute on.
        tolerance: the gap at which it ends.
        most: passes at most.
    """

    def __init__(self, table: Table, device: torch.device, tolerance: float, most: int) -> None:
        self.table, self.device, self.tolerance, self.most = table, device, tolerance, most

    def solve(self, labels: Tensor, costs: Tensor, start: Solution | None = None) -> Solution:
        """The minimum for labels (N, K), each 1 or -1, and costs (N, K), each 0 or more."""
        labels, costs = (part.to(self.device, torch.float64) for part in (labels, costs))
        duals = start.duals.clone() if start else torch.zeros_like(labels)
        shape, kind = (self.table.shape[1] + 1, labels.shape[1]), kind_of(self.table)
        weights = torch.zeros(shape, dtype=kind, device=self.device)
        if start:
            weights.copy_(start.weights)
        lots, low = np.random.default_rng(0), _low(weights, labels, costs, duals)
        with progress("SVM, at most", self.most, unit="passes") as bar:
            for number in range(1, self.most + 1):
                self._pass(labels, costs, weights, duals, lots.permutation(len(self.table)))
                before, low = low, _low(weights, labels, costs, duals)
                rise = float(((low - before) / low).max())
                bar.update(number, f"the last one gained {rise:.2%}")
                # How large the gap is takes a look at all rows; so only when it may be small.
                if number < self.most and rise > self.tolerance:
                    continue
                outputs = outputs_of(self.table, weights).double()
                gap = 1 - low / objective(_square(weights), labels, costs, outputs)
                if (gap <= self.tolerance).all():
                    break
        return Solution(weights.double(), outputs, duals, number, gap)

    def _pass(
        self,
        labels: Tensor,
        costs: Tensor,
        weights: Tensor,
        duals: Tensor,
        order: np.ndarray[tuple[int], np.dtype[np.int64]],
    ) -> None:
        """Solves every block once; changes weights and duals."""
        for start in range(0, len(order), BLOCK):
            chosen = np.sort(order[start : start + BLOCK])
            part, rows = rows_of(self.table, chosen, self.device), torch.from_numpy(chosen)
            outputs = torch.addmm(weights[-1], part, weights[:-1]).double()
            products = (part @ part.T).double() + 1
            found = solve_block(products, labels[rows], costs[rows], duals[rows], outputs)
            change = (found - duals[rows]).to(part)
            weights[:-1].addmm_(part.T, change)
            weights[-1] += change.sum(0)
            duals[rows] = found


def _square(weights: Tensor) -> Tensor:
    return (weights.double() ** 2).sum(0)


def _low(weights: Tensor, labels: Tensor, costs: Tensor, duals: Tensor) -> Tensor:
    return dual_objective(_square(weights), labels, costs, duals)


def solve_block(
    products: Tensor, labels: Tensor, costs: Tensor, duals: Tensor, outputs: Tensor
) -> Tensor:
    """The best duals (B, K) of some rows, those of all others staying as they are.

    Newton's steps, of all classes at once.

    Args:
        products: (B, B), of the rows with each other.
        labels: (B, K), 1 or -1.
        costs: (B, K).
        duals: (B, K), as they are now.
        outputs: (B, K), as they are now.
    """
    outside = outputs - products @ duals
    diagonal = (0.5 / costs).T
    for _ in range(MOST_STEPS):
        within = (labels * outputs < 1) & (costs > 0)
        mask = within.T.double()
        # Rows outside the margin get the dual 0: 1 on their diagonal, 0 elsewhere.
        system = products * mask[:, :, None] * mask[:, None, :]
        system += torch.diag_embed(torch.where(mask > 0, diagonal, 1))
        targets = (mask * (labels - outside).T)[:, :, None]
        found = torch.cholesky_solve(targets, cholesky(system))[:, :, 0].T
        outputs = outside + products @ found
        if torch.equal(within, (labels * outputs < 1) & (costs > 0)):
            break
    # Had the steps not ended, a dual might have the wrong sign.
    return labels * (labels * found).clamp_min(0)
