"""Pixels as vectors, as they are or as principal components: what KNN and TSVM see in Table 2."""

import math
from typing import Any

import numpy as np
import torch
from sklearn.decomposition import PCA

from dcgan.data.given import Pictures, in_floats, own_pictures
from dcgan.data.loader import derive
from dcgan.errors import DCGANError
from dcgan.features.allowed import require_whole
from dcgan.features.pictures import PictureFeatures
from dcgan.tensors import Features, Images

LEAST_VARIANCE = 1e-7
"""Of a component, as a share of the first one's; with less it counts as none."""
FITTED = 10_000
"""Pictures that the principal components are found in, as Kingma et al. (2014) did on SVHN."""


class PixelFeatures(PictureFeatures):
    """A picture's pixels, (height x width x channels) numbers in [-1, 1], channels first.

    With `components` they are projected to so many principal components, each of variance 1, found
    in up to 10,000 pictures: what Kingma et al. (2014), from whom Table 2 takes its rows for KNN
    and TSVM, gave to their models on SVHN (600 components).

    Args:
        components: None: the pixels as they are.
        seed: of the lot that draws the pictures.
        dtype: of the vectors, "float32" or "float16".
        batch_size: pictures that pass at once.
    """

    device = "cpu"

    def __init__(
        self,
        components: int | None = None,
        *,
        seed: int = 42,
        dtype: Any = "float32",
        batch_size: int = 1_000,
    ) -> None:
        self.components = components
        self.seed = seed
        self.dtype = dtype
        self.batch_size = batch_size

    def fit(self, X: Pictures, y: object = None) -> "PixelFeatures":
        """Finds the principal components, if it shall.

        Args:
            X: pictures.
            y: not looked at.

        Raises:
            DCGANError: these are no pictures, or too few for so many components.
        """
        self._require_type_and_batch()
        if self.components is not None:
            require_whole("components", self.components)
        pictures = own_pictures(X)
        self._keep_kind(pictures)
        pixels = math.prod(self.reading_.size) * self.reading_.channels
        self.width_ = pixels if self.components is None else self.components
        self.pca_ = None
        if self.components is not None:
            chosen = some(pictures, FITTED, self.seed)
            most = min(pixels, len(chosen) - 1)
            if self.components > most:
                raise DCGANError(
                    f"`components` (={self.components}) must be 1 to {most:,}: there are "
                    f"{len(chosen):,} pictures of {pixels:,} numbers."
                )
            parts = in_floats(pictures, chosen, self.batch_size, torch.device("cpu"), "Pixels")
            rows = np.concatenate([images.flatten(1).numpy() for images in parts])
            self.pca_ = PCA(self.components, random_state=self.seed).fit(rows)
            # What never varied, as a border of one colour, must not be made to vary.
            variances = self.pca_.explained_variance_
            varied = variances > LEAST_VARIANCE * variances[0]
            self.scale_ = np.where(varied, variances, np.inf) ** -0.5
        return self

    def _vectors(self, images: Images) -> Features:
        rows = images.flatten(1)
        if self.pca_ is None:
            return rows
        return torch.from_numpy(self.pca_.transform(rows.numpy()) * self.scale_)

    def _device(self) -> torch.device:
        return torch.device("cpu")


def some(pictures: Pictures, most: int, seed: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The numbers of some pictures, drawn by lot, in rising order."""
    lots = np.random.default_rng(derive(seed, "some pictures", 0))
    return np.sort(lots.choice(len(pictures), min(most, len(pictures)), replace=False))
