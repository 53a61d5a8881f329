"""What parameters of the estimators may be: numbers of some range."""

import math

import numpy as np

from dcgan.errors import DCGANError


def require_positive(name: str, value: object) -> None:
    """Raises a DCGANError unless a parameter is a number above 0."""
    if not isinstance(value, int | float | np.number) or not 0 < value < math.inf:
        raise DCGANError(f"`{name}` (={value!r}) must be a number above 0.")


def require_whole(name: str, value: object) -> None:
    """Raises a DCGANError unless a parameter is a whole number of 1 or more."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 1:
        raise DCGANError(f"`{name}` (={value!r}) must be a whole number, 1 or more.")


def require_from_0(name: str, value: object, below: float = math.inf) -> None:
    """Raises a DCGANError unless a parameter is a number of 0 or more, and below a limit."""
    if not isinstance(value, int | float | np.number) or not 0 <= value < below:
        words = f" and below {below:g}" if below < math.inf else ""
        raise DCGANError(f"`{name}` (={value!r}) must be a number, 0 or more{words}.")
