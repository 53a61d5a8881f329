"""The original files of MNIST, CIFAR and SVHN, as their makers give them."""

import math
import re
import struct
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from dcgan.data.readers.arrays import Arrays, Part, as_pictures, class_part, unlabelled
from dcgan.data.readers.items import Columns, choose_split, other_splits, reading
from dcgan.data.readers.labels import require_classes
from dcgan.data.readers.matlab import read_matlab
from dcgan.data.readers.plain_pickle import read_plain_pickle
from dcgan.data.readers.unpacked import unpacked
from dcgan.errors import DCGANError


def open_idx(paths: Sequence[Path], name: str, split: str) -> Arrays:
    """MNIST's files, `train-images-idx3-ubyte` and its like, plain or compressed, with labels.

    Raises:
        DCGANError: there is no such split, or a file is damaged or of another form.
    """
    by_split = {path.name.split("-images")[0].replace("t10k", "test"): path for path in paths}
    chosen = choose_split(paths[0].parent, split, set(by_split))
    path = by_split[chosen]
    pictures = as_pictures(read_idx(path), path)
    plain = re.sub(r"images([-.])idx3", r"labels\1idx1", path.name).removesuffix(".gz")
    beside = [path.with_name(plain), path.with_name(f"{plain}.gz")]
    labels = [file for file in beside if file.exists()][:1]
    classes = {"class": _idx_labels(labels[0])} if labels else {}
    part = class_part(pictures, classes, path)
    return Arrays(name, [path, *labels], part, other_splits(chosen, set(by_split)))


def _idx_labels(path: Path) -> NDArray[np.uint8]:
    labels = read_idx(path)
    if labels.ndim != 1:
        raise DCGANError(f"{path} has the shape {labels.shape}; labels are (N,), one per picture.")
    return labels


def read_idx(path: Path) -> NDArray[np.uint8]:
    """An array of bytes in MNIST's format.

    Raises:
        DCGANError: it is none, or cut short.
    """
    with reading(path), unpacked(path) as file:
        zero, kind, dimensions = struct.unpack(">HBB", file.read(4))
        shape = struct.unpack(f">{dimensions}I", file.read(4 * dimensions))
        if zero or kind != 8:
            raise ValueError("it does not begin as such files of bytes do")
        content = file.read(math.prod(shape))
        if len(content) < math.prod(shape):
            raise ValueError(f"it ends within the array of {shape}")
        file.read(1)  # only at its end is a compressed file compared with its check sum
        return np.frombuffer(content, np.uint8).reshape(shape)


CIFAR_PARTS = {
    "train": re.compile(r"(^|/)(data_batch_\d+|train)$"),
    "test": re.compile(r"(^|/)(test_batch|test)$"),
    "meta": re.compile(r"(^|/)(batches\.meta|meta)$"),
}
"""Which files of CIFAR-10 and CIFAR-100 hold what."""
CIFAR_COLUMNS = (
    ("class", b"labels", b"label_names"),
    ("class", b"fine_labels", b"fine_label_names"),
    ("superclass", b"coarse_labels", b"coarse_label_names"),
)
"""Label columns, and the keys under which the files have the labels and the names."""
CIFAR_MEMBERS = 20
"""The original archives hold a dozen."""


def cifar_files(path: Path) -> dict[str, list[str]]:
    """The files of each split of a CIFAR set, archived or unpacked; empty if it is none."""
    try:
        if path.is_dir():
            names = [entry.name for entry in path.iterdir() if entry.is_file()]
        else:
            with reading(path), _tar(path) as archive:
                members = zip(range(CIFAR_MEMBERS), archive, strict=False)
                names = [member.name for _, member in members if member.isreg()]
    except (OSError, DCGANError):
        return {}
    return cifar_parts(names)


def cifar_parts(names: Sequence[str]) -> dict[str, list[str]]:
    """Those of some files that make up each part of a CIFAR set; empty if a part is missing."""
    parts = {
        part: sorted(name for name in names if pattern.search(name))
        for part, pattern in CIFAR_PARTS.items()
    }
    return parts if all(parts.values()) else {}


def open_cifar(path: Path, name: str, split: str) -> Arrays:
    """The original CIFAR-10 or CIFAR-100 for Python, as its archive or unpacked.

    Raises:
        DCGANError: it has no such split, or is damaged or no such set.
    """
    files = cifar_files(path)
    chosen = choose_split(path, split, {"train", "test"})
    members = [*files[chosen], files["meta"][0]]
    with reading(path):
        *batches, meta = [_cifar_file(path, member) for member in members]
        part = _cifar_part(batches, meta, path)
    paths = [path / member for member in members] if path.is_dir() else [path]
    return Arrays(name, paths, part, other_splits(chosen, {"train", "test"}))


def _cifar_part(batches: Sequence[Any], meta: Any, path: Path) -> Part:
    kinds = [(column, key, meta[names]) for column, key, names in CIFAR_COLUMNS if names in meta]
    for batch in batches:
        if any(len(batch[key]) != len(batch[b"data"]) for _, key, _ in kinds):
            raise ValueError("it has not a label for every picture")
    rows = np.concatenate([batch[b"data"] for batch in batches])
    columns: Columns = {}
    labels = []
    for column, key, names in kinds:
        values = np.array([label for batch in batches for label in batch[key]])
        if values.dtype.kind not in "iu":
            raise ValueError(f"its labels are no whole numbers (first: {values[0]})")
        if not unlabelled(values):
            columns[column] = tuple(text.decode() for text in names)
            require_classes(values, names, column, path)
            labels.append(values)
    table = np.array(labels, np.float32).reshape(len(columns), len(rows)).T
    return Part(as_pictures(rows.reshape(-1, 3, 32, 32), path), columns, table)


def _cifar_file(path: Path, member: str) -> Any:
    if path.is_dir():
        return read_plain_pickle((path / member).read_bytes(), path / member)
    with _tar(path) as archive:
        file = archive.extractfile(member)
        assert file is not None, "cifar_files gives plain files only"
        return read_plain_pickle(file.read(), f"{path}: {member}")


@contextmanager
def _tar(path: Path) -> Iterator[tarfile.TarFile]:
    with unpacked(path) as file, tarfile.open(fileobj=cast(BinaryIO, file), mode="r:") as archive:
        yield archive


def open_svhn(paths: Sequence[Path], name: str, split: str) -> Arrays:
    """SVHN's `train_32x32.mat` and its like. Its digit 0 is stored as 10.

    Raises:
        DCGANError: there is no such split, or the file is damaged or no such file.
    """
    by_split = {path.name.split("_")[0]: path for path in paths}
    chosen = choose_split(paths[0].parent, split, set(by_split))
    path = by_split[chosen]
    with reading(path):
        found = read_matlab(path, ("X", "y"))
        shapes = {name: array.shape for name, array in found.items()}
        pictures, digits = found.get("X"), found.get("y")
        if pictures is None or digits is None or not _is_svhn(pictures, digits):
            raise DCGANError(
                f"{path} must hold X (32, 32, 3, N) of uint8 and y (N, 1) of digits from 1 to 10, "
                f"as SVHN's cropped digits do; it holds {shapes or 'neither'}."
            )
    part = class_part(
        pictures.transpose(3, 0, 1, 2), {"class": digits.ravel().astype(np.int64) % 10}, path
    )
    return Arrays(name, [path], part, other_splits(chosen, set(by_split)))


def _is_svhn(pictures: NDArray[Any], digits: NDArray[Any]) -> bool:
    count = pictures.shape[-1]
    return (
        pictures.shape == (32, 32, 3, count)
        and pictures.dtype == np.uint8
        and digits.shape == (count, 1)
        and bool(np.isin(digits, range(11)).all())
    )
