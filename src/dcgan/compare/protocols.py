"""The paper's three tables: their rows, its numbers, and how they are measured."""

from collections.abc import Iterable
from typing import NamedTuple

from dcgan.errors import DCGANError, did_you_mean
from dcgan.presets import DEFAULT

FEW = (
    "Labels per class: {per_class}; the mean over {draws} draws, or as many as a row says, ± "
    "{deviations:g} times their standard deviation. For choosing settings are kept, by lot, "
    "{validation:,} of the pictures to learn from."
)
NEAREST = "A test picture gets the label of the nearest of {known:,} known ones."


class Row(NamedTuple):
    """A system that is compared with the others."""

    title: str
    system: str = ""
    """Its name here; empty for a system that is not here yet."""
    paper: str = "-"
    """What the paper says of it."""


class Protocol(NamedTuple):
    """How systems are compared."""

    title: str
    rows: tuple[Row, ...]
    per_class: int
    """Labels of each class in a draw."""
    draws: int
    """Draws of so few labels; the results' mean and spread are reported."""
    deviations: float
    """Standard deviations that make up the spread."""
    with_all: bool
    """Whether all labels are used too."""
    as_error: bool
    """Whether shares of wrong answers are reported, or of right ones."""
    preset: str
    """Of the networks where no model gives their shape."""
    facts: str = FEW
    """How the results came about, in words."""


NEED_MODELS = ("dcgan", "conditional", "gan")
CONTROLS = (
    Row("Pixels + L2-SVM", "pixels"),
    Row("Discriminator of random weights + L2-SVM", "random"),
)
"""Rows of our own, which show what is owed to the training."""

PROTOCOLS = {
    "cifar10": Protocol(
        title="Table 1: CIFAR-10, accuracy ({per_class} labels per class) [maps]",
        rows=(
            Row("1 Layer K-means", "kmeans", "80.6% (63.7% ±0.7%) [4,800]"),
            Row("3 Layer K-means Learned RF", paper="82.0% (70.7% ±0.7%) [3,200]"),
            Row("View Invariant K-means", paper="81.9% (72.6% ±0.7%) [6,400]"),
            Row("Exemplar CNN", paper="84.3% (77.4% ±0.2%) [1,024]"),
            Row("DCGAN + L2-SVM", "dcgan", "82.8% (73.8% ±0.4%) [512]"),
            *CONTROLS,
        ),
        per_class=400,
        draws=10,
        deviations=1.0,
        with_all=True,
        as_error=False,
        preset="imagenet32",
    ),
    "svhn": Protocol(
        title="Table 2: SVHN, error with {per_class} labels per class",
        rows=(
            Row("KNN", "knn", "77.93%"),
            Row("TSVM", "tsvm", "66.55%"),
            Row("M1+KNN", paper="65.63%"),
            Row("M1+TSVM", paper="54.33%"),
            Row("M1+M2", paper="36.02%"),
            Row("SWWAE without dropout", paper="27.83%"),
            Row("SWWAE with dropout", paper="23.56%"),
            Row("DCGAN + L2-SVM", "dcgan", "22.48%"),
            Row("Supervised CNN with the same architecture", "cnn", "28.87% (validation)"),
            *CONTROLS,
            Row("1 Layer K-means", "kmeans"),
        ),
        per_class=100,
        draws=100,
        deviations=1.96,
        with_all=False,
        as_error=True,
        preset="svhn",
    ),
    "mnist": Protocol(
        title="Table 3: MNIST, error by the nearest of {per_class:,} pictures per class",
        rows=(
            Row("Real data", "real", "3.1%"),
            Row("GAN", "gan", "6.28%"),
            Row("DCGAN", "conditional", "2.98%"),
        ),
        per_class=5_000,
        draws=1,
        deviations=0.0,
        with_all=False,
        as_error=True,
        preset="mnist",
        facts=NEAREST,
    ),
}
OWN = Protocol(
    title="Accuracy ({per_class} labels per class) [maps]",
    rows=(
        Row("DCGAN + L2-SVM", "dcgan"),
        Row("1 Layer K-means", "kmeans"),
        Row("KNN", "knn"),
        Row("TSVM", "tsvm"),
        Row("Supervised CNN with the same architecture", "cnn"),
        *CONTROLS,
    ),
    per_class=100,
    draws=10,
    deviations=1.0,
    with_all=True,
    as_error=False,
    preset=DEFAULT,
)
"""The same on anybody's pictures."""


def chosen_systems(protocol: Protocol, names: Iterable[str], *, has_models: bool) -> set[str]:
    """The systems of these names; if there is none, all that can be measured.

    Raises:
        DCGANError: there is no such row, or one was named that needs a model.
    """
    known = [row.system for row in protocol.rows if row.system]
    wanted = [name.strip() for name in names if name.strip()]
    for name in wanted:
        if name not in known:
            raise DCGANError(f"There is no row {name!r}. {did_you_mean(name, known)}")
        if name in NEED_MODELS and not has_models:
            raise DCGANError(f"The row {name!r} needs a model; give one with --model.")
    return {name for name in wanted or known if has_models or name not in NEED_MODELS}
