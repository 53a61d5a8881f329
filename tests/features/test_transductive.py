"""The transductive SVM: what unlabelled rows add, the laws of trading, scikit-learn's checks."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.utils.estimator_checks import parametrize_with_checks

from dcgan.errors import DCGANError
from dcgan.features.classifiers import L2SVM
from dcgan.features.svm import solver_for
from dcgan.features.transductive import TransductiveSVM, first_signs, trades, transduce
from tests.features.test_svm import drawn

NO_LABEL = "-1 names no class here, but rows without a label"


@parametrize_with_checks(  # type: ignore[untyped-decorator]
    [TransductiveSVM(device="cpu")],
    expected_failed_checks=lambda _: {"check_classifiers_classes": NO_LABEL},
)
def test_scikit_learns_checks(estimator: Any, check: Any) -> None:
    check(estimator)


def clusters(classes: int, per_class: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Round clusters in 50 dimensions, a few of whose rows have labels."""
    random = np.random.default_rng(classes)
    labels = np.arange(600) % classes
    rows = 0.4 * random.normal(size=(classes, 50))[labels] + random.normal(size=(600, 50))
    known = np.arange(600) < classes * per_class
    return rows, labels, known


@pytest.mark.parametrize("classes", [2, 3])
def test_unlabelled_rows_help(classes: int) -> None:
    rows, labels, known = clusters(classes, 4)
    inductive = L2SVM(0.1, device="cpu").fit(rows[known], labels[known])
    found = TransductiveSVM(0.1, device="cpu").fit(rows, np.where(known, labels, -1))
    before = np.mean(inductive.predict(rows[~known]) == labels[~known])
    after = np.mean(found.transduction_[~known] == labels[~known])
    assert after > before + 0.05
    assert np.array_equal(found.transduction_[known], labels[known])
    assert np.array_equal(found.predict(rows[~known]), found.transduction_[~known])


@pytest.mark.parametrize("solver", ["rows", "columns"])
def test_the_objective_falls_with_each_trade(solver: str) -> None:
    rows, labels, known = clusters(2, 3)
    machine = TransductiveSVM(0.5, C_unlabelled=0.1, solver=solver, device="cpu")
    (path,) = machine.fit(rows, np.where(known, labels, -1)).paths_
    at_one_cost = [pair for pair in pairwise(path) if pair[0].cost == pair[1].cost]
    assert len(at_one_cost) > 3
    assert all(
        before.trades and after.objective < before.objective for before, after in at_one_cost
    )
    assert path[0].cost == pytest.approx(0.1 / 1024)
    assert path[-1].cost >= 0.1
    assert path[-1].trades == 0


def test_no_pair_is_left_that_would_trade() -> None:
    """At the end the labels are such that no single trade makes the objective smaller."""
    rows, labels, known = clusters(2, 3)
    sign = torch.from_numpy(np.where(labels == 1, 1.0, -1.0))
    solver = solver_for(rows, "auto", 1e-3, 100, "cpu")
    solution, _ = transduce(solver, sign, torch.from_numpy(known), 0.1, 0.1)
    outputs = solution.outputs[:, 0]
    given = (solution.duals[:, 0] + 1e-9 * outputs).sign()
    assert not len(trades(given, outputs, torch.from_numpy(known)))


def test_without_unlabelled_rows_it_is_the_l2_svm() -> None:
    table, labels = drawn(80, 9, 3)
    found, wanted = (
        kind(0.1, device="cpu").fit(table, labels) for kind in (TransductiveSVM, L2SVM)
    )
    np.testing.assert_allclose(found.coef_, wanted.coef_, atol=1e-9)
    assert np.array_equal(found.transduction_, labels)


def test_first_signs_keep_the_share() -> None:
    known = torch.arange(12) < 4
    sign = torch.tensor([1.0, -1, -1, -1] + 8 * [-1.0])
    outputs = torch.arange(12).double()
    found = first_signs(outputs, sign, known)
    assert found[4:].tolist() == [-1] * 6 + [1] * 2
    one_side = first_signs(outputs, torch.ones(12), known)
    assert one_side[4:].tolist() == [-1] + [1] * 7


def test_who_trades() -> None:
    sign = torch.tensor([1.0, 1, 1, -1, -1, -1, 1])
    outputs = torch.tensor([-2.0, 0.5, -0.5, 1.0, -0.8, 2.0, -9])
    known = torch.arange(7) == 6
    # Slack 3, 0.5, 1.5 against 2, 0.2, 3: the largest with the largest, then 1.5 with 2.
    assert trades(sign, outputs, known).tolist() == [0, 2, 5, 3]


def test_bad_input() -> None:
    table, labels = drawn(30, 4, 2)
    with pytest.raises(DCGANError, match="two classes or more apart; the labels name no class at"):
        TransductiveSVM(device="cpu").fit(table, np.full(30, -1))
    with pytest.raises(DCGANError, match="the labels name one class alone, 3"):
        TransductiveSVM(device="cpu").fit(table, np.where(np.arange(30) < 3, 3, -1))
    with pytest.raises(DCGANError, match="`C_unlabelled` .=0. must be a number above 0"):
        TransductiveSVM(C_unlabelled=0, device="cpu").fit(table, labels)
