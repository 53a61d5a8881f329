"""Pictures in NumPy's own files: `.npy`, and `.npz` with labels and several splits."""

import math
import re
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from dcgan.data.readers.arrays import Arrays, as_pictures, class_part
from dcgan.data.readers.items import choose_split, other_splits, reading
from dcgan.data.readers.unpacked import most_unpacked, require_honest
from dcgan.errors import DCGANError

SPLIT = re.compile(r"(?:^|_)(train|test|val|valid|validation|extra)(?:_|$)")
LABELS = re.compile(r"(?:^|_)(y|labels?|targets?)(?:_|$)")
"""Names of arrays that can only be meant as labels."""


class Header(NamedTuple):
    """What an array says of itself."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


def open_npy(path: Path, name: str, split: str) -> Arrays:
    """A `.npy` file, mapped into memory.

    It must not be cut or lie on a disk that fails while it is read: the system ends a process that
    reads behind the end of a mapped file.

    Raises:
        DCGANError: it is damaged, or holds no pictures.
    """
    if split:
        choose_split(path, split, ())
    with reading(path):
        with path.open("rb") as file:
            read_header(file, path)
        array = as_pictures(np.load(path, mmap_mode="r", allow_pickle=False), path)
    return Arrays(name, [path], class_part(array, {}, path))


def open_npz(path: Path, name: str, split: str) -> Arrays:
    """A `.npz` file: one array of pictures, perhaps with labels; or x_train, y_train and so on.

    Labels are the arrays with one number or word for each picture. The headers alone are read of
    whatever is not taken.

    Raises:
        DCGANError: it is damaged or a bomb, or it holds no pictures, or several arrays of them and
            no split that tells which.
    """
    with reading(path), zipfile.ZipFile(path) as archive:
        members = _members(archive, path)
        headers = {key: _member_header(archive, info, path) for key, info in members.items()}
        pictures, beside, about = _in_split(headers, path, split)
        array = as_pictures(_array(archive, members[pictures]), f"{path} ({pictures})")
        keys = [key for key, header in beside.items() if _fits(key, header, len(array), path)]
        labels = {
            "class" if len(keys) == 1 else key: _array(archive, members[key]).ravel()
            for key in keys
        }
    left = _named({key: header for key, header in beside.items() if key not in keys})
    about += f"; left out: {left}" if left else ""
    return Arrays(name, [path], class_part(array, labels, path), about)


def _in_split(
    headers: dict[str, Header], path: Path, split: str
) -> tuple[str, dict[str, Header], str]:
    """The array of pictures in a split, the arrays beside it, and words about other splits.

    Raises:
        DCGANError: there is no such split, or not one array of pictures in it.
    """
    several = [key for key, header in headers.items() if len(header.shape) > 2]
    splits = {_split_of(key) for key in several} - {""}
    chosen = choose_split(path, split, splits) if splits or split else ""
    pictures = [key for key in several if _split_of(key) == chosen]
    if len(pictures) != 1:
        raise DCGANError(
            f"{path} must hold one array of pictures, (N, H, W, C), and may hold one of "
            f"labels, (N,); it holds {_named(headers) or 'nothing'}."
        )
    beside = {key: header for key, header in headers.items() if _split_of(key) == chosen}
    del beside[pictures[0]]
    return pictures[0], beside, other_splits(chosen, splits)


def _members(archive: zipfile.ZipFile, path: Path) -> dict[str, zipfile.ZipInfo]:
    """The arrays in an archive, by their names."""
    found = [info for info in archive.infolist() if info.filename.endswith(".npy")]
    if any(info.flag_bits & 1 for info in found):
        raise DCGANError(f"{path} is locked by a password. Save it again without one.")
    require_honest(sum(info.file_size for info in found), most_unpacked(path), path)
    return {info.filename.removesuffix(".npy"): info for info in found}


def _member_header(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> Header:
    with archive.open(info) as file:
        header = read_header(file, f"{path} ({info.filename.removesuffix('.npy')})")
    if math.prod(header.shape) * header.dtype.itemsize > info.file_size:
        raise ValueError(f"{info.filename} is shorter than its shape {header.shape}")
    return header


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> NDArray[Any]:
    with archive.open(info) as file:
        array: NDArray[Any] = npy.read_array(file, allow_pickle=False)
        file.read(1)  # only at its end is a member compared with its check sum
        return array


def read_header(file: Any, where: object) -> Header:
    """The header of an array in NumPy's format.

    Raises:
        DCGANError: it is of Python's objects, which are stored as pickles.
        ValueError: it is no such header, or damaged.
    """
    version = npy.read_magic(file)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read(file)
    if dtype.hasobject:
        raise DCGANError(
            f"{where} is of Python objects, which are read by running code; save it as plain "
            "numbers or texts: pictures of one size, uint8."
        )
    return Header(shape, dtype)


def _fits(key: str, header: Header, count: int, path: Path) -> bool:
    """Whether an array has one label for each picture.

    Raises:
        DCGANError: it has not, though its name says that it holds labels.
    """
    if header.shape in ((count,), (count, 1)):
        return True
    if LABELS.search(key.lower()):
        rows = header.shape[0] if header.shape else 0
        advice = f" Of one-hot labels save {key}.argmax(1)." if rows == count else ""
        raise DCGANError(
            f"{path} has {count:,} pictures and labels of the shape {header.shape} ({key}); "
            f"labels are ({count},), one number or word for each picture.{advice}"
        )
    return False


def _split_of(key: str) -> str:
    match = SPLIT.search(key.lower())
    return match[1] if match else ""


def _named(headers: dict[str, Header]) -> str:
    return ", ".join(f"{key} {header.shape}" for key, header in headers.items())
