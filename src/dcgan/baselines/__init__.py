"""The other rows of the paper's tables, each an estimator of its own."""
