"""Pictures that lie in one array, with their labels."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dcgan.data.readers.items import Columns, Item, Labels, stamp
from dcgan.data.readers.labels import columns_of
from dcgan.errors import DCGANError
from dcgan.size import Size

Pictures = NDArray[np.uint8]
"""(N, H, W, C)."""
FORMS = "pictures are (N, H, W), (N, H, W, C) or (N, C, H, W) with 1, 3 or 4 channels"


class Part(NamedTuple):
    """One part of a set, such as the pictures to train on."""

    pictures: Pictures
    columns: Columns
    labels: Labels


class Arrays:
    """Pictures that lie in one array."""

    def __init__(self, name: str, paths: Sequence[Path], part: Part, about: str = "") -> None:
        self.name, self.paths = name, paths
        self.pictures, self.columns, self.labels = part
        height, width = self.pictures.shape[1:3]
        self.description = f"{len(self):,} pictures of {height}x{width} in {paths[0]}{about}"

    def __len__(self) -> int:
        return len(self.pictures)

    def fingerprint(self, times: bool = True) -> str:
        """The files' lengths and times of change."""
        return f"{stamp(*self.paths, times=times)} {len(self)}"

    def read(self, indices: Sequence[int], size: Size) -> Iterator[Item]:
        """The pixels."""
        for index in indices:
            pixels = np.ascontiguousarray(self.pictures[index])
            yield Item(pixels, tuple(self.labels[index].tolist()))

    def picture_name(self, index: int) -> str:
        """The number of the picture."""
        return str(index)


def as_pictures(array: NDArray[Any], where: object) -> Pictures:
    """An array of pictures as (N, H, W, C), from that, (N, C, H, W) or (N, H, W).

    Raises:
        DCGANError: it is nothing of these, or not of bytes.
    """
    shape = array.shape
    if array.ndim == 3 and shape[2] in (3, 4):
        raise DCGANError(
            f"{where} has the shape {shape}, which looks like one picture in colour; {FORMS}. "
            "Stack the pictures along a new first axis."
        )
    if array.ndim == 3:
        array = array[..., None]
    elif array.ndim == 4 and shape[3] not in (1, 3, 4) and shape[1] in (1, 3, 4):
        array = array.transpose(0, 2, 3, 1)
    if array.ndim != 4 or array.shape[3] not in (1, 3, 4) or 0 in shape:
        raise DCGANError(f"{where} has the shape {shape}; {FORMS}.")
    if array.dtype != np.uint8:
        raise DCGANError(
            f"{where} is of {array.dtype}; pictures are of uint8, 0 to 255. "
            "Scale it and save it again."
        )
    return array


def class_part(pictures: Pictures, classes: Mapping[str, NDArray[Any]], where: object) -> Part:
    """Pictures with label columns (N,) of numbers or texts; one of -1 throughout is none.

    Raises:
        DCGANError: there are not as many labels as pictures, or some are no finite numbers.
    """
    for name, values in classes.items():
        if len(values) != len(pictures):
            raise DCGANError(
                f"{where} has {len(pictures):,} pictures and {len(values):,} labels ({name})."
            )
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            wrong = int(np.argmin(np.isfinite(values)))
            raise DCGANError(
                f"{where}: the label of picture {wrong} in {name!r} is {values[wrong]}; "
                "every picture needs a finite one."
            )
    known = {name: values for name, values in classes.items() if not unlabelled(values)}
    if not known:
        return Part(pictures, {}, np.zeros((len(pictures), 0), np.float32))
    fields = [np.char.decode(v) if v.dtype.kind == "S" else v for v in known.values()]
    return Part(pictures, *columns_of(list(known), [field.tolist() for field in fields]))


def unlabelled(labels: NDArray[Any]) -> bool:
    """Whether all labels are -1, as in the test parts of sets that keep theirs secret."""
    return labels.dtype.kind in "if" and bool((labels == -1).all())
