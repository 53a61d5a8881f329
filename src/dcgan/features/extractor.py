"""The discriminator as a scikit-learn transformer: pictures in, vectors out (Section 5)."""

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dcgan.data.given import Pictures, in_floats, pictures_for
from dcgan.data.loader import derive, shuffled
from dcgan.data.pack import Pack
from dcgan.devices import choose_device
from dcgan.distributed import ALONE, Group
from dcgan.errors import DCGANError, did_you_mean
from dcgan.features.contract import check_is_fitted
from dcgan.features.pictures import PictureFeatures
from dcgan.features.vectors import chosen_steps, feature_names, store_statistics, vectors
from dcgan.model import Model, load
from dcgan.networks import Discriminator, Step
from dcgan.tensors import Features, Images

STATISTICS_BATCH = 128
"""Pictures in a batch over which statistics are measured (authors' SVHN script)."""
SEED = 42
"""Of the order by lot in which a pack's pictures are measured."""
STATISTICS = ("pictures", "stored")


class DiscriminatorFeatures(PictureFeatures):
    """Vectors of pictures from a discriminator that never saw a label.

    The activations of the chosen convolutions after batch norm and LeakyReLU, each map max-pooled
    to grid x grid, flattened and joined: 28,672 numbers from the network of Section 5.1, 7,168 from
    that of Section 5.2. Where a map's side is no multiple of the grid, windows overlap. Batch
    norm's statistics are fixed, so that a picture has the same vector in any batch.

    Args:
        model: a model without classes, its file, or a run's folder.
        layers: such as ["16x16", "8x8"]; None: all convolutions.
        grid: side of the grid, at most that of the smallest map.
        statistics: "pictures": `fit` measures them on its pictures, as the authors' SVHN script
            does, in batches of 128, each of the same weight: arrays in their order, sources and
            packs, which mostly lie by class, in one by lot; "stored": as they stand in the model,
            and `fit` measures nothing.
        dtype: of the vectors, "float32" or "float16".
        batch_size: pictures that pass at once; the vectors do not depend on it.
        device: cpu, cuda, mps or xpu; auto: the best there is.

    Attributes:
        discriminator_: a copy of the model's, with its statistics fixed.
        steps_: the chosen convolutions by their names, from the picture inwards.
        reading_: how pictures are read that the model sees.
    """

    discriminator_: Discriminator
    steps_: dict[str, Step]

    def __init__(
        self,
        model: str | Path | Model,
        *,
        layers: Sequence[str] | None = None,
        grid: int = 4,
        statistics: str = "pictures",
        dtype: Any = "float32",
        batch_size: int = 128,
        device: str = "auto",
    ) -> None:
        self.model = model
        self.layers = layers
        self.grid = grid
        self.statistics = statistics
        self.dtype = dtype
        self.batch_size = batch_size
        self.device = device

    def fit(self, X: Pictures, y: object = None) -> "DiscriminatorFeatures":
        """Takes a copy of the discriminator, and measures its statistics if it shall.

        Args:
            X: pictures, one at least; not looked at if the statistics are the stored ones.
            y: not looked at.

        Raises:
            DCGANError: there is no such model, layer or device, a parameter is not allowed, or the
                pictures are not such as the model sees.
        """
        return self.fit_together(X, ALONE)

    def fit_together(self, X: Pictures, group: Group) -> "DiscriminatorFeatures":
        """Measures the statistics with other processes, of which each sees some of the batches.

        Raises:
            DCGANError: as `fit`.
        """
        chosen = choose_device(self.device)
        model = self.model if isinstance(self.model, Model) else load(self.model)
        network = copy.deepcopy(model.discriminator).requires_grad_(False).eval()
        steps = chosen_steps(network, self.layers)
        self._require_allowed(network, steps)
        network.to(chosen, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if self.statistics == "pictures":
            pictures = pictures_for(X, model.reading)
            if not len(pictures):
                raise DCGANError("Statistics are measured on one picture at least; none was given.")
            order, words = statistics_order(pictures), "Measuring statistics"
            own = order[group.turns(len(order), STATISTICS_BATCH)]
            batches = in_floats(pictures, own, STATISTICS_BATCH, chosen, words)
            store_statistics(network, batches, group)
        self.discriminator_, self.steps_ = network, steps
        self.reading_ = model.reading
        self.width_ = self.grid**2 * sum(step.inner_maps for step in steps.values())
        return self

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:
        """A name (D,) for each number: `16x16_3_0_2` is map 3 of 16x16 at row 0, column 2."""
        check_is_fitted(self)
        return np.array(feature_names(self.steps_, self.grid), object)

    def _vectors(self, images: Images) -> Features:
        return vectors(self.discriminator_, images, self.steps_, self.grid)

    def _device(self) -> torch.device:
        return next(self.discriminator_.parameters()).device

    def _named(self) -> str:
        return "The model" if isinstance(self.model, Model) else f"The model {self.model}"

    def _require_allowed(self, network: Discriminator, steps: dict[str, Step]) -> None:
        if network.config.classes:
            raise DCGANError(
                "This model's discriminator is told the class of a picture (of "
                f"{network.config.classes}); unsupervised features need a model without classes."
            )
        smallest = min(min(step.inner) for step in steps.values())
        if self.grid not in range(1, smallest + 1):
            raise DCGANError(
                f"`grid` (={self.grid}) must be 1 to {smallest}, the smallest map's side."
            )
        if self.statistics not in STATISTICS:
            words = did_you_mean(self.statistics, STATISTICS)
            raise DCGANError(f"There are no `statistics` {self.statistics!r}. {words}")
        self._require_type_and_batch()


def statistics_order(pictures: "Pack | NDArray[np.uint8]") -> NDArray[np.int64]:
    """The order in which pictures go into batches: that of an array; in a pack, one by lot.

    The authors shuffled their pictures first. Those of a source mostly lie by class, and batches of
    one class have other variances than mixed ones.
    """
    order = np.arange(len(pictures))
    if isinstance(pictures, Pack):
        return shuffled(order, len(order), derive(SEED, "statistics", 0))
    return order
