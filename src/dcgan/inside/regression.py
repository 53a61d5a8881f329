"""Which maps speak for an object: a logistic regression on their activations (Section 6.3.1)."""

import warnings

import numpy as np
from numpy.typing import NDArray

from dcgan.errors import DCGANError

try:
    from scipy.linalg import LinAlgWarning
    from sklearn.linear_model import LogisticRegression
except ImportError as error:
    raise DCGANError(
        'To forget an object needs scikit-learn 1.6 or newer: pip install "dcgan[features]"'
    ) from error


HELD_OUT = 5
"""One sample in so many is held out."""


def weights_of(
    vectors: NDArray[np.float32], inside: NDArray[np.bool_], C: float
) -> NDArray[np.float64]:
    """The weights that tell positions inside of boxes from those outside.

    Activations are taken as they are, after batch norm and ReLU, and not standardised: to the same
    end a map of small numbers needs a large weight, and is held back the more.

    Args:
        vectors: (N, maps) activations.
        inside: (N,) both answers must be there.
        C: of the sum of the losses, beside half the squared length of the weights.

    Returns:
        (maps,) weights: by how much the logarithm of the odds for "inside" grows when a map's
        activation grows by 1; above 0 where a map speaks for the object.
    """
    weights: NDArray[np.float64] = _fitted(vectors, inside, C).coef_[0]
    return weights


def held_out_accuracy(
    vectors: NDArray[np.float32],
    inside: NDArray[np.bool_],
    seeds: NDArray[np.int64],
    C: float,
) -> float | None:
    """How often a regression is right on positions of samples that it was not fitted to.

    Every fifth sample is held out whole, as the positions of one are much alike.

    Args:
        vectors: (N, maps) activations.
        inside: (N,) the right answers.
        seeds: (N,) of the samples.
        C: as for `weights_of`.

    Returns:
        The share of right answers, in [0, 1]; None if there are fewer than five samples, or all
        positions inside, or all outside, are in samples of one part.
    """
    held_out = np.isin(seeds, np.unique(seeds)[HELD_OUT - 1 :: HELD_OUT])
    if any(len(np.unique(inside[part])) < 2 for part in (held_out, ~held_out)):
        return None
    machine = _fitted(vectors[~held_out], inside[~held_out], C)
    return float(machine.score(vectors[held_out], inside[held_out]))


def _fitted(
    vectors: NDArray[np.float32], inside: NDArray[np.bool_], C: float
) -> LogisticRegression:
    # Few columns and many rows: Newton's method ends at the minimum itself.
    machine = LogisticRegression(C=C, solver="newton-cholesky")
    with warnings.catch_warnings():
        # Where C is tiny its steps fail, and a slower method takes over, as it should.
        warnings.simplefilter("ignore", LinAlgWarning)
        return machine.fit(vectors.astype(np.float64), inside)
