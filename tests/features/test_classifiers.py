"""The L2-SVM as an estimator: scikit-learn's checks, LinearSVC's answers, bad input."""

import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.svm import LinearSVC
from sklearn.utils.estimator_checks import parametrize_with_checks

import dcgan
from dcgan.errors import DCGANError
from dcgan.features.classifiers import L2SVM
from tests.features.test_svm import drawn


@parametrize_with_checks(  # type: ignore[untyped-decorator]
    [L2SVM(device="cpu")] + [L2SVM(solver=name, device="cpu") for name in ("rows", "blocks")]
)
def test_scikit_learns_checks(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.parametrize("classes", [2, 3])
def test_equals_linear_svc(classes: int) -> None:
    table, labels = drawn(120, 40, classes)
    names = np.array(["ant", "bee", "cat"])[labels]
    weights = np.random.default_rng(0).integers(1, 4, 120)
    found = L2SVM(0.1, device="cpu").fit(table, names, weights)
    wanted = LinearSVC(C=0.1, tol=1e-9, max_iter=100_000).fit(table, names, weights)
    assert found.coef_.shape == wanted.coef_.shape
    np.testing.assert_allclose(found.coef_, wanted.coef_, atol=1e-6)
    np.testing.assert_allclose(found.intercept_, wanted.intercept_, atol=1e-6)
    np.testing.assert_allclose(
        found.decision_function(table), wanted.decision_function(table), atol=1e-5
    )
    assert found.predict(table).tolist() == wanted.predict(table).tolist()
    assert found.score(table, names) == wanted.score(table, names)


def test_a_mapped_file_of_float16(tmp_path: Path) -> None:
    table, labels = drawn(3_000, 30, 3, np.float16)
    np.save(tmp_path / "table.npy", table)
    mapped = np.load(tmp_path / "table.npy", mmap_mode="r")
    found = L2SVM(1e-2, solver="blocks", tol=1e-6, max_iter=1_000, device="cpu").fit(mapped, labels)
    assert found.coef_.dtype == np.float32
    wanted = L2SVM(1e-2, device="cpu").fit(table.astype(np.float64), labels)
    np.testing.assert_allclose(found.coef_, wanted.coef_, atol=1e-3)
    assert np.mean(found.predict(mapped) == wanted.predict(table)) > 0.999


def test_in_a_grid_search_and_pickled() -> None:
    table, labels = drawn(90, 10, 3)
    search = GridSearchCV(L2SVM(device="cpu"), {"C": [1e-3, 1e-1]}).fit(table, labels)
    copied = pickle.loads(pickle.dumps(search))
    assert copied.predict(table).tolist() == search.predict(table).tolist()


def test_says_when_it_ends_too_early() -> None:
    table, labels = drawn(500, 100, 3)
    with pytest.warns(ConvergenceWarning, match="Up to .*% of the SVM's objective may lie"):
        L2SVM(10, solver="blocks", max_iter=2, device="cpu").fit(table, labels)


@pytest.mark.parametrize("solver", ["rows", "columns", "blocks"])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_numbers_that_nobody_scaled(solver: str, kind: type) -> None:
    """Bytes as they are, more alike than rounding can tell apart: still an answer, and a gap."""
    random = np.random.default_rng(0)
    rows = random.integers(0, 4, 300)
    table = 200 + 20 * random.normal(size=(4, 400))[rows] + random.normal(size=(300, 400))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        machine = L2SVM(1e3, solver=solver, max_iter=5, device="cpu").fit(table.astype(kind), rows)
    assert (machine.predict(table.astype(kind)) == rows).mean() > 0.95
    assert np.isfinite(machine.coef_).all()


def test_numbers_that_are_too_large() -> None:
    table, labels = drawn(50, 5, 2)
    with pytest.raises(DCGANError, match="too large or too unlike to compute with; scale its"):
        L2SVM(device="cpu").fit(table.astype(np.float32) * np.float32(1e30), labels)


def test_bad_input() -> None:
    table, labels = drawn(50, 5, 2)
    for value in (0, -1.0, np.inf, "much"):
        with pytest.raises(DCGANError, match="`C` .* must be a number above 0."):
            L2SVM(value, device="cpu").fit(table, labels)  # type: ignore[arg-type]
    for bad in (np.nan, np.inf):
        spoilt = table.copy()
        spoilt[7, 2] = bad
        with pytest.raises(DCGANError, match="contains NaN or infinity, in rows 0 to 49; every"):
            L2SVM(device="cpu").fit(spoilt, labels)
        with pytest.raises(DCGANError, match="contains NaN or infinity"):
            L2SVM(device="cpu").fit(table, labels).predict(spoilt)
    with pytest.raises(DCGANError, match="apart; the labels name one class alone, 'a'."):
        L2SVM(device="cpu").fit(table, ["a"] * 50)
    with pytest.raises(DCGANError, match="There is no `solver` 'newton'"):
        L2SVM(solver="newton", device="cpu").fit(table, labels)
    for options, words in (
        ({"solver": None}, "There is no `solver` None. Possible: auto, rows, columns, blocks"),
        ({"tol": "x"}, "`tol` .='x'. must be a number above 0"),
        ({"max_iter": 2.5}, "`max_iter` .=2.5. must be a whole number, 1 or more"),
    ):
        with pytest.raises(DCGANError, match=words):
            L2SVM(device="cpu").set_params(**options).fit(table, labels)
    with pytest.raises(NotFittedError):
        L2SVM().predict(table)
    with pytest.raises(ValueError, match="X has 4 features, but L2SVM is expecting 5"):
        L2SVM(device="cpu").fit(table, labels).predict(table[:, :4])


def test_public_names() -> None:
    assert dcgan.L2SVM is L2SVM
