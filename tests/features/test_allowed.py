"""What parameters may be, in Python's numbers and NumPy's."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from dcgan.errors import DCGANError
from dcgan.features.allowed import require_from_0, require_positive, require_whole


@pytest.mark.parametrize(
    ("require", "value"),
    [
        (require_whole, 1),
        (require_whole, np.int64(5)),
        (require_whole, np.uint8(5)),
        (require_positive, 1),
        (require_positive, 1e-9),
        (require_positive, np.float32(0.5)),
        (require_from_0, 0),
        (require_from_0, np.float64(3)),
    ],
)
def test_allowed(require: Callable[..., None], value: Any) -> None:
    require("x", value)


@pytest.mark.parametrize("value", [0, -1, 2.5, "8", None, True, np.float64(2)])
def test_no_whole_number(value: Any) -> None:
    words = re.escape(f"`units` (={value!r}) must be a whole number, 1 or more.")
    with pytest.raises(DCGANError, match=words):
        require_whole("units", value)


@pytest.mark.parametrize("value", [0, -1.0, "x", None, np.inf, np.nan])
def test_not_above_0(value: Any) -> None:
    with pytest.raises(DCGANError, match=re.escape(f"`tol` (={value!r}) must be a number above 0")):
        require_positive("tol", value)


@pytest.mark.parametrize("value", [-0.1, 1, "x", None, np.inf, np.nan])
def test_not_from_0(value: Any) -> None:
    words = f"`dropout` (={value!r}) must be a number, 0 or more and below 1."
    with pytest.raises(DCGANError, match=re.escape(words)):
        require_from_0("dropout", value, below=1)
    with pytest.raises(DCGANError, match=r"`l2` \(=-1\) must be a number, 0 or more\."):
        require_from_0("l2", -1)
