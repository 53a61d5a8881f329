"""Time of the L2-SVM beside scikit-learn's LinearSVC, and how near each comes to the minimum.

    python benchmarks/svm.py [--rows 1000 10000] [--columns 7168] [--costs 0.001] [--repeats 1]

The rows are drawn: not negative, off the origin, and correlated like the pooled maps of a
discriminator (a spectrum that falls as a power, and ten classes of which each shifts it a little).
Both take turns in one process; each figure is the smallest of the repeats. The minimum is bounded
from below by the gap that the L2-SVM measures. With --grid the values of the authors' script are
solved one after the other, where the L2-SVM begins each at the end of the one before.
"""

import argparse
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.svm import LinearSVC

from dcgan.features.choosing import VALUES
from dcgan.features.classifiers import L2SVM, signs_of
from dcgan.features.objective import objective
from dcgan.features.svm import solver_for
from dcgan.features.tables import Table, outputs_of

CLASSES = 10


def drawn(rows: int, columns: int) -> tuple[Table, NDArray[np.int64]]:
    """Rows (N, D) float32 like features, and labels."""
    random = np.random.default_rng(0)
    labels = np.arange(rows) % CLASSES
    factors = min(columns, 2_000)
    shares = np.arange(1, factors + 1, dtype=np.float32) ** -0.6
    hidden = random.normal(size=(rows, factors)).astype(np.float32)
    hidden[:, 20 : 20 + CLASSES] += 1.5 * np.eye(CLASSES, dtype=np.float32)[labels]
    mixing = random.normal(size=(factors, columns)).astype(np.float32)
    table = (hidden * shares) @ mixing
    table /= table.std()
    table += 0.3 * random.normal(size=table.shape).astype(np.float32)
    np.maximum(table, 0.2 * table, out=table)
    return table, labels


def seconds_of(work: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """The shortest time, and what came out."""
    best, found = float("inf"), None
    for _ in range(repeats):
        start = time.perf_counter()
        found = work()
        best = min(best, time.perf_counter() - start)
    return best, found


def above(machine: Any, table: Table, labels: NDArray[np.int64], least: float) -> float:
    """How far an estimator's objective is above a lower bound, as a share of that."""
    weights = np.concatenate([machine.coef_, machine.intercept_[:, None]], axis=1).T
    signs = signs_of(labels, machine.classes_)
    tensor = torch.from_numpy(weights.astype(np.float64))
    outputs = outputs_of(table, tensor.float()).double()
    costs = torch.full_like(signs, machine.C)
    return float(objective((tensor**2).sum(0), signs, costs, outputs).sum() / least) - 1


def compare(rows: int, columns: int, cost: float, repeats: int) -> None:
    table, labels = drawn(rows, columns)
    signs = signs_of(labels, np.unique(labels))
    ours, machine = seconds_of(lambda: L2SVM(cost, device="cpu").fit(table, labels), repeats)
    theirs, other = seconds_of(lambda: LinearSVC(C=cost).fit(table, labels), repeats)
    tight = solver_for(table, "auto", 1e-5, 300, "cpu").solve(signs, torch.full_like(signs, cost))
    values = objective(
        (tight.weights**2).sum(0), signs, torch.full_like(signs, cost), tight.outputs
    )
    least = float((values * (1 - tight.gap)).sum())
    nearness = [above(found, table, labels, least) for found in (machine, other)]
    print(
        f"{rows:8,} x {columns:6,}  C {cost:7}  {ours:8.2f} {theirs:8.2f} {theirs / ours:7.1f}   "
        f"{nearness[0]:9.1e} {nearness[1]:9.1e}",
        flush=True,
    )


def compare_grids(rows: int, columns: int, repeats: int) -> None:
    table, labels = drawn(rows, columns)
    signs = signs_of(labels, np.unique(labels))

    def ours() -> None:
        solver, solution = solver_for(table, "auto", 1e-3, 100, "cpu"), None
        for cost in VALUES:
            solution = solver.solve(signs, torch.full_like(signs, cost), solution)

    def theirs() -> None:
        for cost in VALUES:
            LinearSVC(C=cost).fit(table, labels)

    first, second = (seconds_of(work, repeats)[0] for work in (ours, theirs))
    print(f"{rows:8,} x {columns:6,}  grid       {first:8.2f} {second:8.2f} {second / first:7.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--columns", type=int, default=7_168)
    parser.add_argument("--costs", type=float, nargs="+", default=[1e-3])
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--grid", action="store_true")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    print("                                  ours s  theirs s  times   above minimum: ours, theirs")
    for rows in arguments.rows:
        for cost in arguments.costs:
            compare(rows, arguments.columns, cost, arguments.repeats)
        if arguments.grid:
            compare_grids(rows, arguments.columns, arguments.repeats)


if __name__ == "__main__":
    main()
