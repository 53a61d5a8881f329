"""The discriminator as a scikit-learn transformer: pictures in, vectors out (Section 5)."""

import copy
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from dcgan.data.loader import derive, shuffled
from dcgan.data.pack import Pack
from dcgan.devices import choose_device
from dcgan.errors import DCGANError, did_you_mean
from dcgan.features.contract import BaseEstimator, TransformerMixin, check_is_fitted
from dcgan.features.vectors import chosen_steps, feature_names, store_statistics, vectors
from dcgan.files import make_folder, replacing
from dcgan.images import to_floats
from dcgan.log import progress
from dcgan.model import Model, load, matching_pack
from dcgan.networks import Discriminator, Step
from dcgan.tensors import Images

STATISTICS_BATCH = 128
"""Pictures in a batch over which statistics are measured (authors' SVHN script)."""
SEED = 42
"""Of the order by lot in which a pack's pictures are measured."""
STATISTICS, TYPES = ("pictures", "stored"), ("float32", "float16")

Pictures: TypeAlias = Any
"""A source's place; a pack; or uint8 pixels (N, H, W, C), as an array, a tensor or a list."""
Vectors: TypeAlias = NDArray[Any]
"""(N, D) float32 or float16."""


class DiscriminatorFeatures(TransformerMixin, BaseEstimator):  # type: ignore[misc]
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
        width_: D, how many numbers a vector has.
    """

    discriminator_: Discriminator
    steps_: dict[str, Step]
    width_: int

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
        chosen = choose_device(self.device)
        model = self.model if isinstance(self.model, Model) else load(self.model)
        network = copy.deepcopy(model.discriminator).requires_grad_(False).eval()
        steps = chosen_steps(network, self.layers)
        self._require_allowed(network, steps)
        network.to(chosen, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if self.statistics == "pictures":
            pictures = pictures_for(network, X)
            if not len(pictures):
                raise DCGANError("Statistics are measured on one picture at least; none was given.")
            order = statistics_order(pictures)
            words = "Measuring statistics"
            store_statistics(network, in_floats(pictures, order, STATISTICS_BATCH, chosen, words))
        self.discriminator_, self.steps_ = network, steps
        self.width_ = self.grid**2 * sum(step.inner_maps for step in steps.values())
        return self

    def transform(self, X: Pictures) -> Vectors:
        """The vectors (N, D) of pictures.

        Raises:
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
        device, order = next(self.discriminator_.parameters()).device, np.arange(len(pictures))
        with torch.inference_mode():
            for images in in_floats(pictures, order, self.batch_size, device, "Features"):
                found = vectors(self.discriminator_, images, self.steps_, self.grid)
                yield found.cpu().numpy().astype(self.dtype, copy=False)

    def transform_to(self, X: Pictures, file: str | Path) -> Vectors:
        """Writes the vectors of pictures to a `.npy` file, whole or not at all.

        The memory that it takes does not grow with the number of pictures.

        Returns:
            (N, D), mapped from the file.

        Raises:
            DCGANError: the pictures are not such as the model sees, or nothing can be written.
        """
        pictures, path = self._pictures(X), Path(file).expanduser()
        make_folder(path.absolute().parent)
        with replacing(path) as opened:
            self.write(pictures, opened)
        return mapped(path)

    def write(self, X: Pictures, file: BinaryIO) -> None:
        """Writes the vectors of pictures as `.npy` to an open file; else as `transform`."""
        pictures = self._pictures(X)
        write_rows(file, self._shape(pictures), self.dtype, self.transform_batches(pictures))

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:
        """A name (D,) for each number: `16x16_3_0_2` is map 3 of 16x16 at row 0, column 2."""
        check_is_fitted(self)
        return np.array(feature_names(self.steps_, self.grid), object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False  # pictures have four dimensions, or come as a path
        tags.no_validation = True
        tags.transformer_tags.preserves_dtype = []
        return tags

    def _pictures(self, X: Pictures) -> "Pack | NDArray[np.uint8]":
        check_is_fitted(self)
        return pictures_for(self.discriminator_, X)

    def _shape(self, pictures: "Pack | NDArray[np.uint8]") -> tuple[int, int]:
        return len(pictures), self.width_

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
        if not isinstance(self.batch_size, int) or self.batch_size < 1:
            raise DCGANError(f"`batch_size` (={self.batch_size}) must be 1 or more.")
        if self.statistics not in STATISTICS:
            words = did_you_mean(str(self.statistics), STATISTICS)
            raise DCGANError(f"There are no `statistics` {self.statistics!r}. {words}")
        if self.dtype not in (*TYPES, np.float32, np.float16):
            raise DCGANError(f"`dtype` (={self.dtype}) must be {' or '.join(TYPES)}.")


def pictures_for(discriminator: Discriminator, given: Pictures) -> "Pack | NDArray[np.uint8]":
    """Pictures to read by number, of the size and channels that the discriminator sees.

    Raises:
        DCGANError: there is no such source, or its pictures are of another kind.
    """
    if isinstance(given, str | Path):
        return matching_pack(given, discriminator.config)
    config = discriminator.config
    wanted = (*config.size, config.channels)
    if isinstance(given, Pack):
        if (*given.info.size, given.info.channels) != wanted:
            raise _unfit(wanted, f"a pack of {given.info.size.grid}x{given.info.channels}")
        return given
    try:
        pixels = np.asarray(given)
    except (TypeError, ValueError) as error:
        raise _unfit(wanted, f"{type(given).__name__} of unequal parts") from error
    if pixels.dtype != np.uint8 or pixels.shape[1:] != wanted:
        shape = ", ".join(map(str, pixels.shape))
        raise _unfit(wanted, f"{pixels.dtype} ({shape})")
    return pixels


def _unfit(wanted: tuple[int, ...], given: str) -> DCGANError:
    shape = ", ".join(map(str, wanted))
    return DCGANError(
        f"This model sees pictures (N, {shape}) of uint8, height x width x channels, or a source "
        f"of pictures; {given} was given."
    )


def statistics_order(pictures: "Pack | NDArray[np.uint8]") -> NDArray[np.int64]:
    """The order in which pictures go into batches: that of an array; in a pack, one by lot.

    The authors shuffled their pictures first. Those of a source mostly lie by class, and batches of
    one class have other variances than mixed ones.
    """
    order = np.arange(len(pictures))
    if isinstance(pictures, Pack):
        return shuffled(order, len(order), derive(SEED, "statistics", 0))
    return order


def in_floats(
    pictures: "Pack | NDArray[np.uint8]",
    order: NDArray[np.int64],
    batch: int,
    device: torch.device,
    words: str,
) -> Iterator[Images]:
    """Pictures in some order, in batches on a device, with progress."""
    with progress(words, len(order), unit="pictures") as bar:
        for start in range(0, len(order), batch):
            numbers = order[start : start + batch]
            found = pictures.pictures(numbers) if isinstance(pictures, Pack) else pictures[numbers]
            yield to_floats(torch.from_numpy(found).to(device))
            bar.update(start + len(numbers))


def write_rows(
    file: BinaryIO, shape: tuple[int, int], dtype: Any, parts: Iterable[Vectors]
) -> None:
    """Writes an array in parts of some rows each, as `.npy`."""
    kind = np.lib.format.header_data_from_array_1_0(np.empty((0, shape[1]), dtype))
    np.lib.format.write_array_header_1_0(file, {**kind, "shape": shape})
    for rows in parts:
        file.write(np.ascontiguousarray(rows).data)


def mapped(path: Path) -> Vectors:
    """The array in a `.npy` file, read from the disk as it is asked for."""
    found: Vectors = np.load(path, mmap_mode="r", allow_pickle=False)
    return found
