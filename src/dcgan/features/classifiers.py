"""The paper's classifier of vectors, a linear L2-SVM with scikit-learn's contract (Section 5)."""

import warnings
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from dcgan.errors import DCGANError
from dcgan.features.allowed import require_positive
from dcgan.features.contract import (
    BaseEstimator,
    ClassifierMixin,
    ConvergenceWarning,
    _check_sample_weight,
    check_classification_targets,
    check_is_fitted,
    validate_data,
)
from dcgan.features.objective import Solution, Solver
from dcgan.features.svm import solver_for, solving_device
from dcgan.features.tables import Table, outputs_of, passes

KINDS = [np.float64, np.float32, np.float16]


class LinearClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """What classifiers by one linear function for each class have in common.

    Attributes:
        classes_: (K,) the labels, sorted.
        coef_: (K, D); (1, D) for two classes, for the second against the first.
        intercept_: (K,) or (1,).
        n_iter_: Newton steps, or passes over all blocks of rows.
        gap_: (K,) or (1,): how far the objective is above its minimum at most, as a share of it.
    """

    classes_: NDArray[Any]
    coef_: NDArray[Any]
    intercept_: NDArray[Any]
    solver: str
    tol: float
    max_iter: int
    device: str

    def decision_function(self, X: ArrayLike) -> NDArray[Any]:
        """How far each row is on each class's side: (N, K), or (N,) for two classes.

        Raises:
            DCGANError: a number is not finite.
            ValueError: the rows are of another length than those of `fit`.
        """
        found = self._outputs(X)
        return found[:, 0] if found.shape[1] == 1 else found

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """The class (N,) of each row; else as `decision_function`."""
        return named(self._outputs(X), self.classes_)

    def _outputs(self, X: ArrayLike) -> NDArray[Any]:
        check_is_fitted(self)
        table = validate_data(self, X, dtype=KINDS, ensure_all_finite=False, reset=False)
        require_finite(table)
        weights = np.concatenate([self.coef_, self.intercept_[:, None]], axis=1).T
        found = outputs_of(table, torch.from_numpy(weights).to(solving_device(self.device)))
        return np.asarray(found.cpu().numpy())

    def _solver(self, table: Table) -> Solver:
        return solver_for(table, self.solver, self.tol, self.max_iter, self.device)

    def _keep(self, solution: Solution, table: Table) -> None:
        kind = np.float64 if table.dtype == np.float64 else np.float32
        weights = solution.weights.cpu().numpy().astype(kind)
        self.coef_ = np.ascontiguousarray(weights[:-1].T)
        self.intercept_ = weights[-1].copy()
        self.n_iter_, self.gap_ = solution.iterations, solution.gap.cpu().numpy()
        self._warn_of(float(self.gap_.max()))

    def _warn_of(self, gap: float, level: int = 4) -> None:
        """Says so, so many calls above, if a solution may lie too far above the minimum."""
        if gap > self.tol:
            warnings.warn(
                f"Up to {gap:.2%} of the SVM's objective may lie above its minimum, "
                f"more than `tol` (={self.tol}) allows. It helps to scale the columns, to lower C, "
                "or, where blocks are solved, to raise `max_iter`.",
                ConvergenceWarning,
                stacklevel=level,
            )


class L2SVM(LinearClassifier):
    """The paper's classifier: a linear SVM with squared hinge loss, one class against the rest.

    Its objective is that of scikit-learn's `LinearSVC` as it stands by default. Rows may be mapped
    from a file, as float32 or float16; they are read in parts, and never copied as a whole.

    Args:
        C: the cost of a row within the margin, more than 0.
        solver: "rows" and "columns": Newton's method, for few of either; "blocks": for many of
            both; "auto": by the shape.
        tol: blocks end when the objective is certainly within this share of its minimum.
        max_iter: passes over all blocks at most.
        device: cpu, cuda, mps or xpu; auto: the best there is.
    """

    def __init__(
        self,
        C: float = 1.0,
        *,
        solver: str = "auto",
        tol: float = 1e-3,
        max_iter: int = 100,
        device: str = "auto",
    ) -> None:
        self.C = C
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.device = device

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> "L2SVM":
        """Finds the smallest objective.

        Args:
            X: (N, D) float.
            y: (N,) labels.
            sample_weight: (N,) factors of C; 1 by default.

        Raises:
            DCGANError: a parameter is not allowed, a number is not finite, or there is one class.
            ValueError: the shapes are none for this, as scikit-learn says.
        """
        require_positive("C", self.C)
        table, labels = checked(self, X, y)
        factors = _check_sample_weight(
            sample_weight, table, dtype=np.float64, ensure_non_negative=True
        )
        self.classes_ = classes_of(labels[factors > 0])
        signs = signs_of(labels, self.classes_)
        costs = torch.from_numpy(self.C * factors)[:, None].expand_as(signs)
        self._keep(self._solver(table).solve(signs, costs), table)
        return self


def checked(estimator: LinearClassifier, X: ArrayLike, y: ArrayLike) -> tuple[Table, NDArray[Any]]:
    """Rows and labels to learn from, the rows as they lie; the estimator learns their width.

    Raises:
        DCGANError: a number is not finite.
        ValueError: they are of other shapes, or not of numbers, as scikit-learn says.
    """
    # scikit-learn's own search for what is not finite would take memory for all of a float16 table.
    table, labels = validate_data(estimator, X, y, dtype=KINDS, ensure_all_finite=False)
    check_classification_targets(labels)
    require_finite(table)
    return table, labels


def require_finite(table: Table) -> None:
    """Raises a DCGANError if a number is not finite; the table is read in parts."""
    for rows in passes(len(table)):
        if not np.isfinite(table[rows]).all():
            raise DCGANError(
                f"Input X contains NaN or infinity, in rows {rows.start} to {rows.stop - 1}; every "
                "number must be finite."
            )


def classes_of(labels: NDArray[Any]) -> NDArray[Any]:
    """The classes there are, sorted.

    Raises:
        DCGANError: they are fewer than two.
    """
    classes: NDArray[Any] = np.unique(labels)
    if len(classes) < 2:
        only = f"one class alone, {classes.tolist()[0]!r}" if len(classes) else "no class at all"
        raise DCGANError(f"An SVM tells two classes or more apart; the labels name {only}.")
    return classes


def signs_of(labels: NDArray[Any], classes: NDArray[Any]) -> Tensor:
    """(N, K): 1 for a row's own class, else -1; for two classes the second's column alone."""
    own = labels[:, None] == (classes[1:] if len(classes) == 2 else classes)
    return torch.from_numpy(np.where(own, 1.0, -1.0))


def named(outputs: NDArray[Any], classes: NDArray[Any]) -> NDArray[Any]:
    """The class (N,) that outputs (N, K), or (N, 1) for two classes, speak for."""
    if outputs.shape[1] == 1:
        return np.asarray(classes[(outputs[:, 0] > 0).astype(int)])
    return np.asarray(classes[outputs.argmax(axis=1)])
