"""The baselines keep scikit-learn's contract, as far as it is not about tables of numbers."""

from typing import Any

import pytest
from sklearn.utils import estimator_checks

import dcgan
from tests.features.conftest import CHECKS


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize(
    "estimator", [dcgan.KMeansFeatures(), dcgan.PixelFeatures(), dcgan.SupervisedCNN()], ids=repr
)
def test_scikit_learns_checks(estimator: Any, name: str) -> None:
    check = getattr(estimator_checks, name)
    check(type(estimator).__name__, estimator)
