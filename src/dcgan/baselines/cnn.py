"""The purely supervised network of the discriminator's shape: the last row of Table 2."""

import math
from collections.abc import Sized
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from dcgan.config import NetworkConfig
from dcgan.data.given import (
    Pictures,
    in_floats,
    own_pictures,
    pictures_for,
    reading_of,
    shape_text,
)
from dcgan.data.loader import batch_indices, derive
from dcgan.devices import choose_device, has_native_bfloat16
from dcgan.errors import DCGANError, did_you_mean
from dcgan.features.allowed import require_from_0, require_positive, require_whole
from dcgan.features.classifiers import classes_of
from dcgan.features.contract import BaseEstimator, ClassifierMixin, check_is_fitted
from dcgan.features.vectors import store_statistics
from dcgan.networks import Discriminator, initialise
from dcgan.presets import preset
from dcgan.size import Size
from dcgan.tensors import Images, Labels

BATCH = 128
"""Pictures that are looked at at once where nothing is learnt."""
LAWS = ("0.02", "he")
PATIENCE = 5
"""Looks at the validation pictures without a better answer, after which the training ends."""


class Trial(NamedTuple):
    """What a trial of the search of Section 5.2 sets."""

    learning_rate: float
    beta1: float
    l2: float
    dropout: float
    batch: int
    init: str


def draw_trial(seed: int, number: int) -> Trial:
    """The setting of a trial.

    The paper says that there were 64 trials, and not of what. Here: step size in 1e-4..1e-2 and L2
    penalty in 1e-6..1e-2, both evenly in their logarithms, Adam's momentum 0.5 or 0.9, dropout in
    0..0.7, batches of 32, 64 or 128, initial weights of deviation 0.02 or He's.
    """
    lots = np.random.default_rng(derive(seed, "trial", number))
    return Trial(
        learning_rate=float(10 ** lots.uniform(-4, -2)),
        beta1=float(lots.choice([0.5, 0.9])),
        l2=float(10 ** lots.uniform(-6, -2)),
        dropout=float(lots.uniform(0, 0.7)),
        batch=int(lots.choice([32, 64, 128])),
        init=str(lots.choice(LAWS)),
    )


class SupervisedCNN(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier of pictures: the discriminator's convolutions, and a dense unit for each class.

    With validation pictures the training ends when they are answered no better any more, and the
    weights are those of the best moment. Batch norm's statistics are then fixed, measured on the
    pictures it learnt from.

    Args:
        network: the discriminator's shape, by default the preset `svhn`'s; its size and channels
            are those of the pictures.
        learning_rate: of Adam.
        beta1: of Adam.
        l2: penalty, added to the gradient.
        dropout: share of the last maps' numbers that are left out in training.
        batch: pictures in a step.
        init: "0.02": normal weights of this deviation, as in the paper's networks; "he": He's.
        epochs: passes over the pictures at most.
        interval: passes between looks at the validation pictures.
        seed: of all randomness.
        device: cpu, cuda, mps or xpu; auto: the best there is.

    Attributes:
        classes_: (K,) the labels, sorted.
        epochs_: passes over the pictures until the best moment.
    """

    def __init__(
        self,
        network: NetworkConfig | None = None,
        *,
        learning_rate: float = 1e-3,
        beta1: float = 0.9,
        l2: float = 1e-4,
        dropout: float = 0.5,
        batch: int = 64,
        init: str = "he",
        epochs: int = 150,
        interval: int = 3,
        seed: int = 42,
        device: str = "auto",
    ) -> None:
        self.network = network
        self.learning_rate = learning_rate
        self.beta1 = beta1
        self.l2 = l2
        self.dropout = dropout
        self.batch = batch
        self.init = init
        self.epochs = epochs
        self.interval = interval
        self.seed = seed
        self.device = device

    def fit(
        self,
        X: Pictures,
        y: ArrayLike,
        X_validation: Pictures = None,
        y_validation: ArrayLike | None = None,
    ) -> "SupervisedCNN":
        """Trains the network.

        Args:
            X: pictures.
            y: (N,) labels.
            X_validation: pictures that say when to end; None: after all passes.
            y_validation: (M,) their labels.

        Raises:
            DCGANError: these are no pictures, there is not one label for each, or one class alone;
                or a parameter is not allowed.
        """
        self._require_allowed()
        pictures, labels = own_pictures(X), np.asarray(y)
        require_as_many(pictures, labels, "")
        if X_validation is not None:
            require_as_many(own_pictures(X_validation), y_validation, " to validate on")
        self.classes_, self.epochs_ = classes_of(labels), self.epochs
        self.reading_ = reading_of(pictures)
        device, order = choose_device(self.device), np.arange(len(pictures))
        images = torch.cat(list(in_floats(pictures, order, BATCH, device, "Reading")))
        targets = torch.from_numpy(np.searchsorted(self.classes_, labels)).to(device)
        self.network_ = self._build(Size(*images.shape[2:]), images.shape[1])
        with torch.random.fork_rng():
            torch.manual_seed(derive(self.seed, "dropout", 0))
            self._train(images, targets, X_validation, y_validation)
        return self

    def predict(self, X: Pictures) -> NDArray[Any]:
        """The class (N,) of each picture.

        Raises:
            DCGANError: the pictures are of another kind than those of `fit`.
        """
        check_is_fitted(self)
        self.network_.eval()
        pictures = pictures_for(X, self.reading_)
        device, order = next(self.network_.parameters()).device, np.arange(len(pictures))
        with torch.no_grad(), quick_arithmetic(device):
            parts = in_floats(pictures, order, 4 * BATCH, device, "Classifying")
            answers = [self.network_(images).argmax(1).cpu() for images in parts]
        return np.asarray(self.classes_[np.concatenate([np.empty(0, np.int64), *answers])])

    def error(self, X: Pictures, y: ArrayLike) -> float:
        """The share of wrong answers.

        Raises:
            DCGANError: there are not as many labels as pictures, or as `predict`.
        """
        answers = self.predict(X)
        require_as_many(answers, y, "")
        return float((answers != np.asarray(y)).mean())

    def _require_allowed(self) -> None:
        for name in ("batch", "epochs", "interval"):
            require_whole(name, getattr(self, name))
        require_positive("learning_rate", self.learning_rate)
        require_from_0("l2", self.l2)
        require_from_0("beta1", self.beta1, below=1)
        require_from_0("dropout", self.dropout, below=1)
        if self.init not in LAWS:
            raise DCGANError(f"There is no `init` {self.init!r}. {did_you_mean(self.init, LAWS)}")

    def _build(self, size: Size, channels: int) -> "Classifier":
        shape = self.network or preset("svhn").network
        config = replace(shape, size=size, channels=channels, classes=0, hidden_units=0)
        network = Classifier(config, len(self.classes_), self.dropout)
        rng = torch.Generator().manual_seed(derive(self.seed, "weights", 0))
        network.initialise(self.init, rng)
        device = choose_device(self.device)
        return network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]

    def _train(self, images: Images, targets: Labels, others: Pictures, answers: Any) -> None:
        """Trains to the best moment by the other pictures, or to the end where there are none."""
        network, optimizer, best, waited = self.network_, self._optimizer(), math.inf, 0
        for epoch in range(1, self.epochs + 1):
            self._pass(images, targets, optimizer, epoch)
            if others is None or epoch % self.interval:
                continue
            self._store_statistics(images)
            error, waited = self.error(others, answers), waited + 1
            if error < best:
                best, waited, self.epochs_ = error, 0, epoch
                weights = {name: part.clone() for name, part in network.state_dict().items()}
            if waited == PATIENCE:
                break
        if math.isfinite(best):
            network.load_state_dict(weights)
        self._store_statistics(images)

    def _store_statistics(self, images: Images) -> None:
        with quick_arithmetic(images.device):
            store_statistics(self.network_.trunk, torch.split(images, BATCH))
        self.network_.eval()

    def _pass(
        self, images: Images, targets: Labels, optimizer: torch.optim.Optimizer, epoch: int
    ) -> None:
        """One pass over all pictures, in whole batches."""
        self.network_.train()
        for start in range(0, len(images), self.batch):
            seen = (epoch - 1) * len(images) + start
            rows = torch.from_numpy(batch_indices(seen, self.batch, len(images), self.seed))
            with quick_arithmetic(images.device):
                logits = self.network_(images[rows])
            loss = F.cross_entropy(logits.float(), targets[rows])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()

    def _optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(
            self.network_.parameters(),
            self.learning_rate,
            (self.beta1, 0.999),
            weight_decay=self.l2,
            fused=True,
        )


def quick_arithmetic(device: torch.device) -> torch.autocast:
    """Convolutions in bfloat16, where the device has it."""
    return torch.autocast(device.type, torch.bfloat16, enabled=has_native_bfloat16(device))


def require_as_many(pictures: Sized, labels: Any, words: str) -> None:
    """Raises a DCGANError unless each picture has a label."""
    shape = (0,) if labels is None else np.shape(labels)
    if len(shape) != 1:
        raise DCGANError(
            f"Labels{words} must be one for each picture, (N,); {shape_text(shape)} was given."
        )
    if len(pictures) != shape[0]:
        raise DCGANError(f"There are {len(pictures):,} pictures{words} and {shape[0]:,} labels.")


class Classifier(nn.Module):
    """The discriminator's convolutions, dropout, and a dense unit for each class."""

    def __init__(self, config: NetworkConfig, classes: int, dropout: float) -> None:
        super().__init__()
        self.trunk = Discriminator(config)
        self.dropout = nn.Dropout(dropout)
        self.to_logits = nn.Linear(self.trunk.to_logit.in_features, classes)
        self.trunk.to_logit = nn.Identity()  # type: ignore[assignment]

    def initialise(self, law: str, rng: torch.Generator) -> None:
        """Draws the weights anew: of deviation 0.02, or by He's law for LeakyReLU of slope 0.2."""
        initialise(self, rng)
        if law == "he":
            for module in self.modules():
                if isinstance(module, nn.Linear | nn.Conv2d):
                    nn.init.kaiming_normal_(module.weight, a=0.2, generator=rng)

    def forward(self, images: Images) -> Tensor:
        """Logits (N, classes) of pictures (N, channels, H, W) in [-1, 1]."""
        *_, maps = self.trunk.features(images).values()
        logits: Tensor = self.to_logits(self.dropout(maps.flatten(1)))
        return logits
