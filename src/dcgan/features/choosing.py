"""Choosing C by validation, as the authors' SVHN script does (Section 5.2)."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from dcgan.data.loader import derive
from dcgan.errors import DCGANError
from dcgan.features.allowed import require_positive, require_whole
from dcgan.features.classifiers import L2SVM, checked, classes_of, named, signs_of
from dcgan.features.objective import Solution
from dcgan.features.tables import Table, kind_of, outputs_of
from dcgan.log import progress

VALUES = (1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2)
"""Those that the authors' SVHN script tries."""
WORSE = 2
"""Values in a row that are worse than the best, after which no larger ones are tried on all rows:
the larger C, the longer a fit takes."""


class Choice(NamedTuple):
    """A value of C, and what it was chosen by."""

    C: float
    errors: dict[float, NDArray[np.float64]]
    """For each value tried, the shares (draws,) of wrong answers on the validation rows."""
    gap: float
    """At most this share of its objective a fit ended above its minimum."""


def choose_c(
    X: ArrayLike,
    y: ArrayLike,
    X_validation: ArrayLike,
    y_validation: ArrayLike,
    *,
    values: Sequence[float] = VALUES,
    per_class: int | None = None,
    draws: int = 10,
    seed: int = 42,
    device: str = "auto",
) -> Choice:
    """The C of `L2SVM` with the smallest mean error on validation rows, over draws of few labels.

    In the authors' SVHN script each of 10 draws has 100 labels of each class. Each value begins
    where the one before it ended, and all are validated in one pass. On all rows, where a fit takes
    minutes, they are tried from the smallest upwards, until two in a row are worse than the best.

    Args:
        X: (N, D) rows to draw from, in memory or mapped from a file.
        y: (N,) their labels.
        X_validation: (M, D).
        y_validation: (M,).
        values: of C, to choose from.
        per_class: labels of each class in a draw; None: all rows, once.
        draws: how often to draw.
        seed: of the draws.
        device: cpu, cuda, mps or xpu; auto: the best there is.

    Returns:
        The best value, the smaller of equals, and the errors of all that were tried.

    Raises:
        DCGANError: there are too few rows of a class, rows of other lengths, no values, or what
            `L2SVM` does not allow.
    """
    machine, labels, rows = L2SVM(device=device), np.asarray(y), np.asanyarray(X)
    for value in values:
        require_positive("C", value)
    tried = sorted(set(values))
    if not tried:
        raise DCGANError("C is chosen among one value or more; `values` holds none.")
    require_whole("draws", draws)
    if per_class is not None:
        require_whole("per_class", per_class)
    table, answers = checked(machine, X_validation, y_validation)
    if len(rows) != len(labels):
        raise DCGANError(f"There are {len(rows):,} rows and {len(labels):,} labels.")
    if per_class is None:
        fits = Fits(machine, rows, labels, table)
        errors, gap = [rising(tried, lambda value: fits.errors([value], answers)[0])], fits.gap
    else:
        errors, gap = [], 0.0
        with progress("Choosing C", draws * len(tried), unit="fits") as bar:
            for number in range(draws):
                chosen = draw(labels, per_class, seed, number)
                fits = Fits(machine, rows[chosen], labels[chosen], table)
                errors.append(fits.errors(tried, answers))
                gap = max(gap, fits.gap)
                bar.update(len(errors) * len(tried))
    machine._warn_of(gap, level=3)
    by_value = np.array(errors).T
    best = tried[int(by_value.mean(axis=1).argmin())]
    return Choice(best, dict(zip(tried, by_value, strict=False)), gap)


def rising(values: Sequence[float], error: Callable[[float], float]) -> list[float]:
    """The errors of values of C, from the smallest upwards, until two in a row are worse.

    Args:
        values: sorted.
        error: of a value.

    Returns:
        Those that were tried; the others would hardly be better, and take longest.
    """
    found: list[float] = []
    with progress("Choosing C", len(values), unit="fits") as bar:
        for value in values:
            found.append(error(value))
            bar.update(len(found))
            if len(found) > WORSE and min(found[-WORSE:]) > min(found):
                bar.update(len(values), "larger ones are left out")
                break
    return found


class Fits:
    """Fits of an SVM to the same rows, each begun where the one before it ended.

    Args:
        machine: the SVM, for all but C.
        X: (N, D) rows to learn from.
        y: (N,) their labels.
        asked: (M, D), others to answer.

    Attributes:
        gap: at most this share of its objective any fit ended above its minimum.

    Raises:
        DCGANError: the rows are of different lengths, or what `L2SVM` does not allow.
    """

    def __init__(self, machine: L2SVM, X: ArrayLike, y: ArrayLike, asked: Table) -> None:
        table, labels = checked(machine, X, y)
        if table.shape[1] != asked.shape[1]:
            raise DCGANError(
                f"Rows to learn from have {table.shape[1]:,} numbers, those to validate on "
                f"{asked.shape[1]:,}; they must be vectors of one kind."
            )
        self.machine, self.asked, self.classes = machine, asked, classes_of(labels)
        self.signs, self.solver = signs_of(labels, self.classes), machine._solver(table)
        self.last: Solution | None = None
        self.gap = 0.0

    def answers(self, values: Sequence[float]) -> list[NDArray[Any]]:
        """For each value of C what is answered to the others (M,), all in one pass over these."""
        weights = []
        for value in values:
            costs = torch.full_like(self.signs, value)
            self.last = self.solver.solve(self.signs, costs, self.last)
            self.gap = max(self.gap, float(self.last.gap.max()))
            weights.append(self.last.weights)
        together = torch.cat(weights, dim=1).to(kind_of(self.asked))
        outputs = outputs_of(self.asked, together).cpu().numpy()
        return [named(part, self.classes) for part in np.split(outputs, len(values), axis=1)]

    def errors(self, values: Sequence[float], right: NDArray[Any]) -> list[float]:
        """For each value of C the share of the others whose answer is not the right one (M,)."""
        return [float((answers != right).mean()) for answers in self.answers(values)]


def draw(labels: NDArray[Any], per_class: int, seed: int, number: int) -> NDArray[np.int64]:
    """The rows of a draw: so many of each class by lot, in the order of the classes.

    Args:
        labels: (N,).
        per_class: of each class.
        seed: of all draws.
        number: of this one.

    Raises:
        DCGANError: a class has fewer.
    """
    lots, rows = np.random.default_rng(derive(seed, "labels", number)), []
    for name in np.unique(labels):
        found = np.flatnonzero(labels == name)
        if not 1 <= per_class <= len(found):
            raise DCGANError(
                f"`per_class` (={per_class}) must be 1 to {len(found):,}, the rows of class {name}."
            )
        rows.append(lots.choice(found, per_class, replace=False))
    return np.concatenate(rows)
