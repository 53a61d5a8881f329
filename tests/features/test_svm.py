"""The three solvers against LinearSVC, and the laws of the objective's minimum."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.svm import LinearSVC
from torch import Tensor

from dcgan.errors import DCGANError
from dcgan.features.blocks import BlockSolver
from dcgan.features.classifiers import signs_of
from dcgan.features.newton import ColumnSolver, RowSolver
from dcgan.features.objective import Solution, objective
from dcgan.features.svm import solver_for
from dcgan.features.tables import outputs_of, products_of, weights_of

Rows = tuple[NDArray[Any], NDArray[np.int64]]
SOLVERS = ("rows", "columns", "blocks")


def drawn(count: int, columns: int, classes: int, kind: Any = np.float64) -> Rows:
    """Rows with correlated columns, off the origin, whose classes overlap."""
    random = np.random.default_rng(count + columns)
    mixing = 0.3 * random.normal(size=(columns, columns))
    table = random.normal(size=(count, columns)) @ mixing + random.normal(size=columns)
    scores = (table - table.mean(axis=0))[:, :classes] + random.normal(size=(count, classes))
    return table.astype(kind), scores.argmax(axis=1)


def solve(rows: Rows, cost: float, name: str, start: Solution | None = None) -> Solution:
    table, labels = rows
    signs = signs_of(labels, np.unique(labels))
    solver = solver_for(table, name, 1e-9, 2_000, "cpu")
    return solver.solve(signs, torch.full_like(signs, cost), start)


@pytest.mark.parametrize("cost", [1e-4, 1e-2, 1.0])
@pytest.mark.parametrize("shape", [(300, 20, 3), (100, 200, 4), (90, 30, 2)])
def test_solvers_equal_linear_svc(shape: tuple[int, int, int], cost: float) -> None:
    table, labels = rows = drawn(*shape)
    wanted = LinearSVC(C=cost, tol=1e-10, max_iter=1_000_000).fit(table, labels)
    weights = np.concatenate([wanted.coef_, wanted.intercept_[:, None]], axis=1).T
    for name in SOLVERS:
        found = solve(rows, cost, name)
        near = 1e-4 * np.abs(weights).max()
        np.testing.assert_allclose(found.weights.numpy(), weights, atol=near, err_msg=name)
        np.testing.assert_allclose(found.outputs, outputs_of(table, found.weights), atol=1e-9)
        assert found.gap.max() < 1e-9
        dual_weights = weights_of(table, found.duals)
        np.testing.assert_allclose(dual_weights, found.weights, atol=1e-5 * np.abs(weights).max())


def test_costs_of_rows_and_classes() -> None:
    """Each class has costs of its own: against a general minimiser."""
    table, labels = drawn(60, 7, 3)
    signs = signs_of(labels, np.unique(labels))
    costs = torch.from_numpy(np.random.default_rng(0).uniform(0, 0.1, signs.shape))
    costs[::5] = 0

    def value(weights: NDArray[np.float64], place: int) -> tuple[float, NDArray[np.float64]]:
        w = torch.from_numpy(weights).requires_grad_()
        outputs = torch.from_numpy(table) @ w[:-1] + w[-1]
        slack = (1 - signs[:, place] * outputs).clamp_min(0)
        found = w @ w / 2 + (costs[:, place] * slack**2).sum()
        found.backward()  # type: ignore[no-untyped-call]
        assert w.grad is not None
        return float(found.detach()), w.grad.numpy()

    for name in SOLVERS:
        found = solver_for(table, name, 1e-10, 2_000, "cpu").solve(signs, costs)
        for place in range(3):
            wanted = minimize(value, np.zeros(8), (place,), jac=True, tol=1e-12).x
            np.testing.assert_allclose(found.weights[:, place], wanted, atol=1e-4, err_msg=name)


@pytest.mark.parametrize("name", SOLVERS)
def test_a_start_changes_the_way_and_not_the_end(name: str) -> None:
    rows = drawn(200, 30, 3)
    start = solve(rows, 5e-3, name)
    cold, warm = solve(rows, 1e-2, name), solve(rows, 1e-2, name, start)
    near = 1e-4 * float(cold.weights.abs().max())
    np.testing.assert_allclose(warm.weights, cold.weights, atol=near)
    assert warm.iterations <= cold.iterations
    again = solve(rows, 1e-2, name, cold)
    assert again.iterations == 1


@pytest.mark.parametrize("kind", [np.float16, np.float32])
def test_half_and_single_precision(kind: Any, tmp_path: Path) -> None:
    """Mapped from a file; the same as of the same numbers in double precision."""
    table, labels = drawn(150, 40, 3, kind)
    np.save(tmp_path / "table.npy", table)
    mapped = np.load(tmp_path / "table.npy", mmap_mode="r")
    for name in SOLVERS:
        found = solve((mapped, labels), 1e-2, name)
        wanted = solve((table.astype(np.float64), labels), 1e-2, "rows")
        np.testing.assert_allclose(found.weights, wanted.weights, atol=2e-4)


def test_any_strides() -> None:
    table, labels = drawn(80, 12, 2)
    wanted = solve((table, labels), 1e-2, "rows").weights
    for same in (np.asfortranarray(table), np.repeat(table, 2, axis=0)[::2]):
        for name in SOLVERS:
            np.testing.assert_allclose(solve((same, labels), 1e-2, name).weights, wanted, atol=1e-5)
    turned = solve((table[::-1], labels[::-1]), 1e-2, "columns").weights
    np.testing.assert_allclose(turned, wanted, atol=1e-9)


def test_products_lose_no_digits_in_long_sums() -> None:
    table = (np.random.default_rng(0).random((20, 30_000)) + 3).astype(np.float32)
    wanted = table.astype(np.float64) @ table.T.astype(np.float64) + 1
    np.testing.assert_allclose(products_of(table, torch.device("cpu")), wanted, rtol=1e-6)


def test_the_gap_bounds_the_distance_from_the_minimum() -> None:
    """Broken off early, a solution says how far it is off at most, and is no farther."""
    table, labels = rows = drawn(500, 100, 3)
    signs = signs_of(labels, np.unique(labels))
    costs = torch.full_like(signs, 1e-2)

    def value(found: Solution) -> Tensor:
        return objective((found.weights**2).sum(0), signs, costs, found.outputs)

    least = value(solve(rows, 1e-2, "rows"))
    gaps = []
    for most in (1, 3, 10):
        broken = BlockSolver(table, torch.device("cpu"), 1e-9, most).solve(signs, costs)
        assert broken.iterations == most
        assert (value(broken) * (1 - broken.gap) <= least * (1 + 1e-12)).all()
        gaps.append(float(broken.gap.max()))
    assert gaps == sorted(gaps, reverse=True)


def test_the_shape_chooses() -> None:
    def kind(rows: int, columns: int) -> type:
        table = np.broadcast_to(np.zeros((1, 1), np.float32), (rows, columns))
        return type(solver_for(table, "auto", 1e-3, 100, "cpu"))

    assert kind(100, 500) is RowSolver
    assert kind(500, 100) is kind(20_000, 600) is ColumnSolver
    assert kind(20_000, 2_000) is kind(5_000, 7_168) is BlockSolver


def test_no_such_solver() -> None:
    with pytest.raises(DCGANError, match="There is no `solver` 'row'. Did you mean 'rows'?"):
        solver_for(np.zeros((2, 2)), "row", 1e-3, 1, "cpu")
    with pytest.raises(DCGANError, match="`tol` .=0. must be a number above 0"):
        solver_for(np.zeros((2, 2)), "auto", 0, 0, "cpu")
