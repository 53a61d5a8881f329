"""A source decoded once: uint8 pictures of one size in memory-mapped shards, with their labels.

images-00000.npy   (N, H, W, C) uint8, one file for every so many pictures of the source
labels.npy         (N, columns) float32, where the source has labels
skipped.csv        what could not be read, with the reasons
pack.json          size, channels, count, columns, and the digest of it all
"""

import csv
import dataclasses
import errno
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dcgan.config import PackConfig
from dcgan.data.readers.items import Columns
from dcgan.errors import DCGANError, did_you_mean
from dcgan.files import replacing, write_table, writing_behind
from dcgan.size import Size

FORMAT = "dcgan pack 1"
INFO_FILE, LABELS_FILE, SKIPPED_FILE = "pack.json", "labels.npy", "skipped.csv"


class Reading(NamedTuple):
    """How pictures are read, so that they are all of one kind; as `PackConfig` has it."""

    size: Size
    channels: int
    crop: str = PackConfig.crop
    background: str = PackConfig.background


@dataclass(frozen=True, kw_only=True)
class PackInfo:
    """What `pack.json` holds."""

    name: str
    """The name of the source."""
    size: Size
    channels: int
    shards: tuple[int, ...]
    """Pictures in each shard."""
    skipped: int
    """Pictures of the source that could not be read."""
    columns: Columns
    """The label columns: their class names, or None for a number."""
    crop: str = PackConfig.crop
    background: str = PackConfig.background
    """As `PackConfig` has them."""
    key: str
    """A digest of the source's state and of the options; other content has another key."""
    whole: str = ""
    """For a slice, the key that the whole source's pack would have."""
    slice: str = ""
    """Which part of the source this is, as `3/64`; empty for all of it."""
    digest: str
    """SHA-256 over all pictures and labels: the same for the same content."""
    format: str = FORMAT

    @property
    def reading(self) -> Reading:
        """How the pictures were read."""
        return Reading(self.size, self.channels, self.crop, self.background)

    def write(self, folder: Path) -> None:
        """Writes `pack.json`, with which a folder becomes a pack."""
        with replacing(folder / INFO_FILE) as file:
            text = json.dumps(dataclasses.asdict(self) | {"size": str(self.size)}, indent=2)
            file.write(text.encode() + b"\n")

    @classmethod
    def read(cls, folder: Path) -> "PackInfo":
        """Reads `pack.json`.

        Raises:
            DCGANError: it is missing, damaged or of another format.
        """
        file = folder / INFO_FILE
        if not folder.is_dir():
            raise DCGANError(f"There is no pack {folder}.")
        try:
            values: dict[str, Any] = json.loads(file.read_text(encoding="utf8"))
            if values["format"] != FORMAT:
                raise DCGANError(f"{folder} is a pack of another format. {REMAKE}")
            values["size"] = Size.of(values["size"])
            values["shards"] = tuple(map(int, values["shards"]))
            values["skipped"] = int(values["skipped"])
            values["columns"] = {
                str(name): None if names is None else tuple(map(str, names))
                for name, names in values["columns"].items()
            }
            info = cls(**values)
        except DCGANError:
            raise
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise DCGANError(f"{file} is missing or damaged: {error}. {REMAKE}") from error
        if min(info.shards, default=-1) < 0 or not (sum(info.shards) or info.slice):
            raise DCGANError(f"{file} speaks of no pictures. {REMAKE}")
        return info


REMAKE = "Delete the pack; it is made anew from its source."


class Pack:
    """A pack, open for reading. Pictures come from the disk as they are asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.info = info = PackInfo.read(path)
        self._starts = np.cumsum([0, *info.shards])
        # Each open shard takes one of the few files that a process may hold.
        self._shard = lru_cache(maxsize=most_open_files() // 2)(self._open_shard)
        for number in range(len(info.shards)):
            self._open_shard(number)

    def __len__(self) -> int:
        return int(self._starts[-1])

    def pictures(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """The pictures (N, H, W, C) of these numbers in [0, len)."""
        found = np.empty((len(indices), *self.info.size, self.info.channels), np.uint8)
        shards = np.searchsorted(self._starts, indices, side="right") - 1
        for shard in np.unique(shards):
            chosen = shards == shard
            found[chosen] = self._shard(int(shard))[indices[chosen] - self._starts[shard]]
        return found

    def _open_shard(self, number: int) -> NDArray[np.uint8]:
        info, file = self.info, shard_file(self.path, number)
        shard: NDArray[np.uint8] = load_array(file)
        shape = (info.shards[number], *info.size, info.channels)
        if shard.shape != shape or shard.dtype != np.uint8:
            raise DCGANError(f"{file} is not what {INFO_FILE} says it is. {REMAKE}")
        return shard

    def labels(self, column: str) -> NDArray[np.float32]:
        """The labels (len,) of a column; classes as their index.

        Raises:
            DCGANError: there is no such column, or the labels are damaged.
        """
        require_column(self.info.columns, column, self.info.name)
        return self.all_labels()[:, list(self.info.columns).index(column)]

    def all_labels(self) -> NDArray[np.float32]:
        """The labels (len, columns) of all columns, of which there must be one.

        Raises:
            DCGANError: they are damaged.
        """
        file = self.path / LABELS_FILE
        rows: NDArray[np.float32] = load_array(file)
        if rows.shape != (len(self), len(self.info.columns)):
            raise DCGANError(f"{file} is not what {INFO_FILE} says it is. {REMAKE}")
        return rows

    def skipped(self) -> list[tuple[str, str]]:
        """Name and reason of each picture of the source that could not be read.

        Raises:
            DCGANError: the list of them is damaged.
        """
        file = self.path / SKIPPED_FILE
        try:
            with file.open(encoding="utf8", newline="") as table:
                _, *rows = csv.reader(table)
            return [(name, reason) for name, reason in rows]
        except (OSError, ValueError, csv.Error) as error:
            raise DCGANError(f"{file} is missing or damaged: {error}. {REMAKE}") from error

    def class_names(self, column: str) -> tuple[str, ...]:
        """The names of a column's classes.

        Raises:
            DCGANError: there is no such column, or it holds numbers.
        """
        return class_names(self.info.columns, column, self.info.name)


class PackPart(Pack):
    """Some pictures of a pack, in an order of their own, read as a pack is.

    Args:
        whole: the pack.
        rows: (N,) the numbers of the pictures in it.
    """

    def __init__(self, whole: Pack, rows: NDArray[np.int64]) -> None:
        self.whole, self.rows = whole, rows
        self.path, self.info = whole.path, whole.info

    def __len__(self) -> int:
        return len(self.rows)

    def pictures(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """The pictures (N, H, W, C) of these numbers in [0, len)."""
        return self.whole.pictures(self.rows[indices])

    def all_labels(self) -> NDArray[np.float32]:
        """The labels (len, columns) of all columns, of which there must be one; as `Pack`."""
        return self.whole.all_labels()[self.rows]


def class_names(columns: Columns, column: str, source: str) -> tuple[str, ...]:
    """The names of the classes in a label column of a source.

    Raises:
        DCGANError: there is no such column, or it holds numbers.
    """
    require_column(columns, column, source)
    names = columns[column]
    if names is None:
        classes = [name for name, known in columns.items() if known]
        words = did_you_mean(column, classes)
        raise DCGANError(f"The label column {column!r} holds numbers, not classes. {words}")
    return names


def first_classes(columns: Columns) -> str | None:
    """The first label column with several classes, if there is one."""
    return next((name for name, names in columns.items() if names and len(names) > 1), None)


def require_column(columns: Columns, column: str, source: str) -> None:
    """Raises a DCGANError unless the source has this label column."""
    if column not in columns:
        words = did_you_mean(column, columns) if columns else "It has none."
        raise DCGANError(f"{source} has no label column {column!r}. {words}")


def is_pack(path: str | Path) -> bool:
    """Whether a pack stands at this path."""
    return (Path(path).expanduser() / INFO_FILE).is_file()


def shard_file(folder: Path, number: int) -> Path:
    """Where the pictures of a shard stand."""
    return folder / f"images-{number:05}.npy"


def digest_of(shards: Iterable[NDArray[Any]], labels: NDArray[np.float32] | None) -> str:
    """SHA-256 over the pictures of all shards, in order, and the labels."""
    digest = hashlib.sha256()
    for shard in shards:
        digest.update(np.ascontiguousarray(shard).data)
    if labels is not None:
        digest.update(labels.data)
    return digest.hexdigest()


def load_array(file: Path) -> NDArray[Any]:
    """Maps an array of a pack into memory.

    Raises:
        DCGANError: it cannot be read.
    """
    try:
        array: NDArray[Any] = np.load(file, mmap_mode="r", allow_pickle=False)
        return array
    except (OSError, ValueError, EOFError) as error:
        if isinstance(error, OSError) and error.errno not in (None, errno.ENOENT):
            raise DCGANError(f"Cannot read {file}: {error.strerror}.") from error
        raise DCGANError(f"{file} is missing or damaged: {error}. {REMAKE}") from error


def most_open_files() -> int:
    """How many files a process may have open here."""
    try:
        import resource
    except ImportError:  # Windows
        return 512
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return min(limit, 65_536) if limit > 0 else 65_536


def save_array(path: Path, *parts: NDArray[Any]) -> None:
    """Writes arrays that differ in their first length alone as one `.npy` file, or none at all.

    Raises:
        DCGANError: it cannot be written.
    """
    with replacing(path) as file:
        write_array(file, (sum(map(len, parts)), *parts[0].shape[1:]), parts[0].dtype, parts)


def write_array(
    file: BinaryIO, shape: tuple[int, ...], dtype: Any, parts: Iterable[NDArray[Any]]
) -> None:
    """Writes an array as `.npy` to an open file, in parts that make up its first length."""
    kind = np.lib.format.header_data_from_array_1_0(np.empty(0, dtype))
    # Not by np.save, which hides what the system says of a full disk.
    np.lib.format.write_array_header_1_0(file, {**kind, "shape": shape})
    with writing_behind(file) as write:
        for part in parts:
            write(np.ascontiguousarray(part).data)


def write_skipped(folder: Path, skipped: Sequence[tuple[str, str]]) -> None:
    """Writes `skipped.csv`: the names of the pictures that could not be read, and the reasons."""
    write_table(folder / SKIPPED_FILE, [("picture", "reason"), *skipped])
