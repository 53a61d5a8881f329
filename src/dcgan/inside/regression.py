"""Which maps speak for an object: a logistic regression on their activations (Section 6.3.1)."""

import numpy as np
from numpy.typing import NDArray

from dcgan.errors import DCGANError

try:
    from sklearn.linear_model import LogisticRegression
except ImportError as error:
    raise DCGANError(
        'To forget an object needs scikit-learn 1.6 or newer: pip install "dcgan[features]"'
    ) from error


def weights_of(
    vectors: NDArray[np.float32], inside: NDArray[np.bool_], C: float = 1.0
) -> tuple[NDArray[np.float64], float]:
    """The weights that tell positions inside of boxes from those outside.

    Args:
        vectors: (N, maps) activations, in any unit.
        inside: (N,) both answers must be there.
        C: of the sum of the losses, beside half the squared length of the weights.

    Returns:
        (maps,) weights, above 0 where a map speaks for the object; and the share of these same
        positions that are told right, in [0, 1].
    """
    # Few columns and many rows: Newton's method ends at the minimum itself.
    machine = LogisticRegression(C=C, solver="newton-cholesky")
    machine.fit(vectors.astype(np.float64), inside)
    return machine.coef_[0], float(machine.score(vectors, inside))
