"""Pictures as a function is given them: a source, a pack or an array."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from dcgan.config import PackConfig
from dcgan.data.pack import Pack, Reading
from dcgan.data.packing import matching_pack, open_pack
from dcgan.errors import DCGANError
from dcgan.images import to_floats
from dcgan.log import progress
from dcgan.size import Size
from dcgan.tensors import Images

Pictures: TypeAlias = Any
"""A source's place; a pack; or uint8 pixels (N, H, W, C), as an array, a tensor or a list."""


def reading_of(pictures: Pack | NDArray[np.uint8]) -> Reading:
    """How pictures are read that shall be of the same kind as these."""
    if isinstance(pictures, Pack):
        return pictures.info.reading
    height, width, channels = pictures.shape[1:]
    return Reading(Size(height, width), channels)


def pictures_for(given: Pictures, reading: Reading) -> Pack | NDArray[np.uint8]:
    """Pictures to read by number, of one size and so many channels.

    Raises:
        DCGANError: there is no such source, or its pictures are of another kind.
    """
    wanted = (*reading.size, reading.channels)
    if isinstance(given, str | Path):
        return matching_pack(given, reading)
    if isinstance(given, Pack):
        if (*given.info.size, given.info.channels) != wanted:
            raise _unfit(wanted, f"a pack of {given.info.size.grid}x{given.info.channels}")
        return given
    pixels = pixels_of(given, wanted)
    if pixels.shape[1:] != wanted:
        raise _unfit(wanted, f"uint8 {shape_text(pixels.shape)}")
    return pixels


def own_pictures(given: Pictures) -> Pack | NDArray[np.uint8]:
    """Pictures to read by number, in their own size and channels; one at least.

    Raises:
        DCGANError: there is no such source, or these are no pictures.
    """
    if isinstance(given, str | Path):
        return open_pack(given, PackConfig())
    if isinstance(given, Pack):
        return given
    pixels = pixels_of(given, ("height", "width", "channels"))
    if pixels.ndim != 4 or not len(pixels):
        raise _unfit(("height", "width", "channels"), f"uint8 {shape_text(pixels.shape)}")
    return pixels


def pixels_of(given: Any, wanted: tuple[object, ...]) -> NDArray[np.uint8]:
    """An array of bytes, of whatever shape.

    Raises:
        DCGANError: it is no such array.
    """
    try:
        pixels = np.asarray(given)
    except (TypeError, ValueError) as error:
        raise _unfit(wanted, f"{type(given).__name__} of unequal parts") from error
    if pixels.dtype != np.uint8:
        raise _unfit(wanted, f"{pixels.dtype} {shape_text(pixels.shape)}")
    return pixels


def shape_text(shape: tuple[object, ...]) -> str:
    """A shape as `(2, 3)`."""
    return f"({', '.join(map(str, shape))})"


def _unfit(wanted: tuple[object, ...], given: str) -> DCGANError:
    return DCGANError(
        f"Pictures must be uint8 (N, {', '.join(map(str, wanted))}), height x width x channels, "
        f"or a source of pictures; {given} was given."
    )


def pixels_at(pictures: Pack | NDArray[np.uint8], numbers: NDArray[np.int64]) -> NDArray[np.uint8]:
    """The pictures (N, H, W, C) of these numbers."""
    return pictures.pictures(numbers) if isinstance(pictures, Pack) else pictures[numbers]


def in_floats(
    pictures: Pack | NDArray[np.uint8],
    order: NDArray[np.int64],
    batch: int,
    device: torch.device,
    words: str,
) -> Iterator[Images]:
    """Pictures in some order, in batches on a device, with progress."""
    with progress(words, len(order), unit="pictures") as bar:
        for start in range(0, len(order), batch):
            numbers = order[start : start + batch]
            yield to_floats(torch.from_numpy(pixels_at(pictures, numbers)).to(device))
            bar.update(start + len(numbers))
