"""What transformers of pictures into vectors have in common: how pictures come, and where to."""

import math
from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from dcgan.data.given import Pictures, in_floats, pictures_for, reading_of
from dcgan.data.pack import Pack, Reading, write_array
from dcgan.errors import DCGANError, NotFiniteError
from dcgan.features.allowed import require_whole
from dcgan.features.contract import BaseEstimator, TransformerMixin, check_is_fitted
from dcgan.files import make_folder, replacing
from dcgan.tensors import Features, Images

TYPES = ("float32", "float16")

Vectors: TypeAlias = NDArray[Any]
"""(N, D) float32 or float16."""


class PictureFeatures(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """A scikit-learn transformer whose rows are pictures.

    Attributes:
        reading_: the pictures' size and channels, and how they are read from a source.
        width_: D, how many numbers a vector has.
    """

    reading_: Reading
    width_: int
    dtype: Any
    batch_size: int
    device: str

    @abstractmethod
    def _vectors(self, images: Images) -> Features:
        """The vectors (N, D) of pictures (N, C, H, W) on the device of `_device`."""

    @abstractmethod
    def _device(self) -> torch.device:
        """Where the vectors are computed."""

    def transform(self, X: Pictures) -> Vectors:
        """The vectors (N, D) of pictures.

        Raises:
            NotFiniteError: a number is not finite, or larger than the type holds.
            DCGANError: the pictures are not such as the model sees.
        """
        pictures = self._pictures(X)
        found = np.empty(self._shape(pictures), self.dtype)
        start = 0
        for rows in self.transform_batches(pictures):
            found[start : start + len(rows)] = rows
            start += len(rows)
        return found

    def transform_batches(self, X: Pictures) -> Iterator[Vectors]:
        """The vectors of pictures, batch by batch; else as `transform`."""
        pictures = self._pictures(X)
        device, order = self._device(), np.arange(len(pictures))
        with torch.inference_mode():
            for images in in_floats(pictures, order, self.batch_size, device, "Features"):
                found = self._vectors(images)
                require_sound(found, self.dtype, self._named())
                yield found.cpu().numpy().astype(self.dtype, copy=False)

    def transform_to(self, X: Pictures, file: str | Path) -> Vectors:
        """Writes the vectors of pictures to a `.npy` file, whole or not at all.

        The memory that it takes does not grow with the number of pictures.

        Returns:
            (N, D), mapped from the file.

        Raises:
            NotFiniteError: a number is not finite, or larger than the type holds.
            DCGANError: the pictures are not such as the model sees, or nothing can be written.
        """
        pictures, path = self._pictures(X), Path(file).expanduser()
        make_folder(path.absolute().parent)
        with replacing(path) as opened:
            shape = self._shape(pictures)
            write_array(opened, shape, self.dtype, self.transform_batches(pictures))
        return mapped(path)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False  # pictures have four dimensions, or come as a path
        tags.no_validation = True
        tags.transformer_tags.preserves_dtype = []
        return tags

    def _named(self) -> str:
        """What an error calls it."""
        return type(self).__name__

    def _pictures(self, X: Pictures) -> "Pack | NDArray[np.uint8]":
        check_is_fitted(self)
        return pictures_for(X, self.reading_)

    def _shape(self, pictures: "Pack | NDArray[np.uint8]") -> tuple[int, int]:
        return len(pictures), self.width_

    def _keep_kind(self, pictures: "Pack | NDArray[np.uint8]") -> None:
        """Learns the size and the channels of the pictures that were fitted to."""
        self.reading_ = reading_of(pictures)

    def _require_type_and_batch(self) -> None:
        require_whole("batch_size", self.batch_size)
        if self.dtype not in (*TYPES, np.float32, np.float16):
            raise DCGANError(f"`dtype` (={self.dtype}) must be {' or '.join(TYPES)}.")


def require_sound(found: Features, dtype: Any, named: str) -> None:
    """Refuses features (N, D) that are not finite in the type of the vectors.

    Raises:
        NotFiniteError: there are such; the text calls what made them as named.
    """
    largest = float(torch.linalg.vector_norm(found, torch.inf))  # of magnitudes; NaN if one is
    if not math.isfinite(largest):
        raise NotFiniteError(
            f"{named} gives features that are NaN or infinite, as its weights are damaged or went "
            "astray in training; take another model, or train it anew."
        )
    most = float(np.finfo(dtype).max)
    if largest > most:
        raise NotFiniteError(
            f"{named} gives features up to {largest:.3g}, and {np.dtype(dtype)} holds {most:,.0f} "
            'at most; take float32: leave out --half, or dtype="float16".'
        )


def mapped(path: Path) -> Vectors:
    """The array in a `.npy` file, read from the disk as it is asked for."""
    found: Vectors = np.load(path, mmap_mode="r", allow_pickle=False)
    return found
