"""Choosing C: the same errors as fitting each value by itself, the draws, bad input."""

from functools import partial

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from dcgan.errors import DCGANError
from dcgan.features import choosing, svm
from dcgan.features.choosing import choose_c, draw, rising
from dcgan.features.classifiers import L2SVM
from dcgan.log import Bar
from tests.features.test_svm import drawn

VALUES = (1e-3, 1e-1, 1e-4)


def test_errors_are_those_of_single_fits() -> None:
    table, labels = drawn(400, 60, 3)
    pool, rest = slice(0, 250), slice(250, None)
    found = choose_c(
        table[pool], labels[pool], table[rest], labels[rest],
        values=VALUES, per_class=20, draws=3, seed=7, device="cpu",
    )  # fmt: skip
    assert list(found.errors) == sorted(VALUES)
    for number in range(3):
        rows = draw(labels[pool], 20, 7, number)
        for value in VALUES:
            machine = L2SVM(value, device="cpu").fit(table[pool][rows], labels[pool][rows])
            wanted = 1 - machine.score(table[rest], labels[rest])
            assert found.errors[value][number] == pytest.approx(wanted)
    means = {value: errors.mean() for value, errors in found.errors.items()}
    assert means[found.C] == min(means.values())


def test_all_rows_once() -> None:
    table, labels = drawn(200, 10, 2)
    found = choose_c(table, labels, table, labels, values=VALUES, device="cpu")
    assert {len(errors) for errors in found.errors.values()} == {1}
    wanted = 1 - L2SVM(0.1, device="cpu").fit(table, labels).score(table, labels)
    assert found.errors[0.1][0] == pytest.approx(wanted)


def test_large_values_are_left_where_two_are_worse() -> None:
    # Of 40 rows of noise and 30 columns the smallest C tells most; larger ones learn by heart.
    table, labels = drawn(140, 30, 2)
    rows, rest = slice(0, 40), slice(40, None)
    values = (1e-3, 1e-1, 1e1, 1e3, 1e5)
    given = table[rows], labels[rows], table[rest], labels[rest]
    found = choose_c(*given, values=values, device="cpu")
    tried = list(found.errors)
    assert tried == list(values[: len(tried)])
    assert len(tried) < len(values)
    errors = [float(errors[0]) for errors in found.errors.values()]
    assert min(errors[-2:]) > min(errors) == found.errors[found.C][0]
    # What was left would not have been chosen.
    for value in values:
        machine = L2SVM(value, device="cpu").fit(*given[:2])
        assert 1 - machine.score(*given[2:]) >= found.errors[found.C][0] - 1e-12


def test_the_progress_comes_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the largest values are left out, too."""
    seen: list[tuple[int, str | None]] = []
    monkeypatch.setattr(Bar, "update", lambda _, done, text=None: seen.append((done, text)))
    errors = {1: 0.5, 2: 0.4, 3: 0.45, 4: 0.6, 5: 0.1}
    assert rising(list(errors), lambda value: errors[int(value)]) == [0.5, 0.4, 0.45, 0.6]
    assert seen[-2:] == [(4, None), (5, "larger ones are left out")]
    assert rising([3, 5], lambda value: errors[int(value)]) == [0.45, 0.1]
    assert seen[-1] == (2, None)


def test_says_once_when_fits_end_too_early(monkeypatch: pytest.MonkeyPatch) -> None:
    table, labels = drawn(500, 100, 3)
    monkeypatch.setattr(svm, "FEW_ROWS", {"cpu": 1})
    monkeypatch.setattr(svm, "FEW_COLUMNS", 1)
    monkeypatch.setattr(choosing, "L2SVM", partial(L2SVM, max_iter=2))
    given = table[:300], labels[:300], table[300:], labels[300:]
    with pytest.warns(ConvergenceWarning, match="Up to .*% of the SVM's objective") as said:
        found = choose_c(*given, values=(1, 10), device="cpu")
    assert len(said) == 1
    assert said[0].filename == __file__
    assert found.gap > 1e-3


def test_draws() -> None:
    labels = np.arange(300) % 3
    rows = draw(labels, 20, 42, 0)
    assert labels[rows].tolist() == [0] * 20 + [1] * 20 + [2] * 20
    assert len(set(rows.tolist())) == 60
    assert rows.tolist() == draw(labels, 20, 42, 0).tolist()
    assert rows.tolist() != draw(labels, 20, 42, 1).tolist()
    assert rows.tolist() != draw(labels, 20, 43, 0).tolist()


def test_bad_input() -> None:
    table, labels = drawn(60, 5, 2)
    first = np.bincount(labels)[0]
    with pytest.raises(DCGANError, match=f"`per_class` .=50. must be 1 to {first}, the rows of"):
        choose_c(table, labels, table, labels, per_class=50, device="cpu")
    with pytest.raises(DCGANError, match="C is chosen among one value or more; `values` holds no"):
        choose_c(table, labels, table, labels, values=(), device="cpu")
    for options, words in (
        ({"draws": 0}, "`draws` .=0. must be a whole number, 1 or more"),
        ({"draws": 1.5}, "`draws` .=1.5. must be a whole number, 1 or more"),
        ({"per_class": 2.5}, "`per_class` .=2.5. must be a whole number, 1 or more"),
    ):
        with pytest.raises(DCGANError, match=words):
            choose_c(table, labels, table, labels, **{"per_class": 5, **options}, device="cpu")  # type: ignore[arg-type]
    with pytest.raises(DCGANError, match="`C` .=0. must be a number above 0"):
        choose_c(table, labels, table, labels, values=(0, 1), device="cpu")
    with pytest.raises(DCGANError, match="learn from have 5 numbers, those to validate on 4; they"):
        choose_c(table, labels, table[:, :4], labels, device="cpu")
    with pytest.raises(DCGANError, match="There are 60 rows and 59 labels"):
        choose_c(table, labels[1:], table, labels, per_class=5, device="cpu")
