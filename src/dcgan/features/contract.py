"""What is taken from scikit-learn, whose contract the estimators here keep."""

from dcgan.errors import DCGANError

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
except ImportError as error:
    raise DCGANError(
        'Features and classifiers need scikit-learn 1.6 or newer: pip install "dcgan[features]"'
    ) from error

__all__ = [
    "BaseEstimator",
    "ClassifierMixin",
    "ConvergenceWarning",
    "TransformerMixin",
    "_check_sample_weight",
    "check_classification_targets",
    "check_is_fitted",
    "validate_data",
]
