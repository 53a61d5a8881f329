"""What all systems of a comparison share: the pictures, the draws of labels, and the notebook."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from dcgan.compare.notebook import Notebook, digest_of
from dcgan.compare.protocols import Protocol
from dcgan.config import NetworkConfig, plain
from dcgan.data.labelled import Labelled, labelled
from dcgan.data.pack import Pack, PackPart
from dcgan.data.sources import source_name
from dcgan.errors import DCGANError
from dcgan.features.choosing import draw
from dcgan.features.pictures import PictureFeatures, Vectors
from dcgan.log import progress
from dcgan.model import Model
from dcgan.presets import preset

METHOD = 3
"""Raised whenever something is measured in another way, so that no older answer is taken."""
MOST_VALIDATION, VALIDATION_SHARE = 10_000, 0.2
"""Training pictures that settings are chosen by, at most, and their share at most."""
OF_THE_SHAPE = ("cnn", "random")
"""Systems whose networks are of the first model's shape."""
TAUGHT = {"draws end": "by validation"}
"""How the supervised network's draws are trained, a fact of the questions about these alone: so
answers of before about draws of a fixed length are not taken, and those about trials are."""
TEST_SEED = 1
"""Added to the seed for the draws that are tested, so that they are others than those for C."""


Setting = TypeVar("Setting", int, float)


class Result(NamedTuple):
    """What was measured of a system: shares of wrong answers on the test pictures."""

    title: str
    all_labels: float | None
    few_labels: tuple[float, ...]
    """One for each draw."""
    maps: int | None
    """Of the widest layer."""
    validation: float | None
    """On the pictures that settings were chosen by, where the paper reports that."""
    note: str
    """What differs from the paper, and how settings were chosen."""


class Part(NamedTuple):
    """Some pictures to a classifier: their vectors (N, D), and their classes (N,)."""

    vectors: Vectors
    labels: NDArray[np.int64]

    def of(self, rows: slice | NDArray[np.int64]) -> "Part":
        """Some of them."""
        return Part(self.vectors[rows], self.labels[rows])


class Vectored(NamedTuple):
    """All pictures to a classifier."""

    name: str
    """It stands for the transformer and the pictures."""
    train: Part
    """All to learn from: those for validation, and the pool."""
    validation: Part
    """What settings are chosen by."""
    pool: Part
    """What labels are drawn from."""
    test: Part


@dataclass
class Bench:
    """The pictures and options of a comparison."""

    place: str
    protocol: Protocol
    notebook: Notebook
    models: Sequence[tuple[str, Model]] = ()
    column: str = ""
    units: int = 1_600
    coder: str = "triangle"
    trials: int = 64
    seed: int = 42
    device: str = "auto"
    _opened: dict[Any, Labelled] = field(default_factory=dict)

    @cached_property
    def shape(self) -> NetworkConfig:
        """The discriminator's shape: the first model's, or else the protocol's."""
        if self.models:
            return self.models[0][1].config
        info = self.data().train.info
        config = preset(self.protocol.preset).fitted(info.size, info.channels, 0)
        return config.network

    def data(self, model: Model | None = None) -> Labelled:
        """The pictures in both parts, as a model sees them.

        By default as the first model does, so that all rows see the same.
        """
        if model is None and self.models:
            _, model = self.models[0]
        kind = model.reading if model else None
        if kind not in self._opened:
            self._opened[kind] = labelled(self.place, kind, column=self.column, seed=self.seed)
        return self._opened[kind]

    def test_seen_by(self, model: Model) -> str:
        """Words for a model that was trained on the test pictures too, or may have been."""
        data, source = self.data(model), model.notes.get("source")
        if model.notes.get("digest") == data.test.info.digest:
            return ", the test pictures among them"
        whole = source == source_name(self.place) != data.train.info.name
        return f", the test pictures among them if that was all of {source}" * whole

    def key(self, system: str) -> str:
        """Stands for all that a system's row depends on, but for its own options and models."""
        facts: dict[str, Any] = {"few": self.protocol.per_class, "draws": self.protocol.draws}
        if system in OF_THE_SHAPE:
            facts["network"] = plain(self.shape)
        if system == "cnn":
            facts |= TAUGHT
        return digest_of(self.question(self.data(), system=system, **facts))

    def validation(self, data: Labelled) -> int:
        """How many of the training pictures, the first ones, settings are chosen by."""
        return max(1, min(MOST_VALIDATION, round(VALIDATION_SHARE * len(data.train))))

    def pool(self, data: Labelled) -> Pack:
        """The training pictures that labels are drawn from."""
        start = self.validation(data)
        return PackPart(data.train, np.arange(start, len(data.train)))

    def require_labels(self) -> None:
        """Raises a DCGANError unless each class has labels enough for a draw."""
        data = self.data()
        counts = np.bincount(data.labels(self.pool(data)), minlength=len(data.classes))
        if counts.min() < self.protocol.per_class:
            rarest, most = data.classes[int(counts.argmin())], int(counts.min())
            help = f"give --per-class {most} or less" if most else "it needs more pictures"
            raise DCGANError(
                f"{self.protocol.per_class} labels of each class are to be drawn, but of {rarest} "
                f"there are {most} pictures to draw from, as a part of the training pictures is "
                f"kept for choosing settings; {help}."
            )

    def question(self, data: Labelled, **facts: Any) -> dict[str, Any]:
        """All that an answer depends on: these facts, the pictures, and how they are parted."""
        return {
            "method": METHOD,
            "train": data.train.info.digest,
            "test": data.test.info.digest,
            "parts": data.description,
            "column": data.column,
            "seed": self.seed,
            **facts,
        }

    def vectors(self, data: Labelled, transformer: PictureFeatures, **facts: Any) -> Vectored:
        """The vectors of all pictures by a transformer, fitted to those labels are drawn from."""
        name = f"{facts['system']}-{digest_of(self.question(data, **facts))}"
        parts = {"train": data.train, "test": data.test}
        found = self.notebook.vectors(name, transformer, self.pool(data), parts)
        train = Part(found["train"], data.labels(data.train))
        test, start = Part(found["test"], data.labels(data.test)), self.validation(data)
        return Vectored(name, train, train.of(slice(start)), train.of(slice(start, None)), test)

    def best(
        self,
        question: dict[str, Any],
        settings: Sequence[Setting],
        error: Callable[[Setting], float],
    ) -> Setting:
        """The setting with the smallest error, the first among equals.

        Args:
            question: all that the errors depend on, but the setting.
            settings: those that are tried.
            error: of a setting.
        """
        asked = question | {"per class": self.protocol.per_class}
        tried = [
            self.notebook.answer(asked | {"choose": setting}, partial(error, setting))
            for setting in settings
        ]
        return settings[int(np.argmin(tried))]

    def over_draws(
        self,
        title: str,
        question: dict[str, Any],
        labels: NDArray[np.int64],
        error: Callable[[NDArray[np.int64], int], float],
        draws: int | None = None,
    ) -> tuple[float, ...]:
        """An error for each draw of few labels.

        Args:
            title: for the progress.
            question: all that the errors depend on, but the draw.
            labels: (N,) of the rows to draw from.
            error: of the rows that were drawn, and the draw's number.
            draws: how many; by default the protocol's.
        """
        few, count, errors = self.protocol.per_class, draws or self.protocol.draws, []
        with progress(title, count, unit="draws") as bar:
            for number in range(count):
                rows = draw(labels, few, self.seed + TEST_SEED, number)
                asked = question | {"per class": few, "draw": number}
                errors.append(self.notebook.answer(asked, partial(error, rows, number)))
                bar.update(number + 1, f"error {np.mean(errors):.2%}")
        return tuple(errors)
