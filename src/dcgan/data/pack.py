"""A source decoded once: uint8 pictures of one size in memory-mapped shards, with their labels.

images-00000.npy   (N, H, W, C) uint8, one file for every so many pictures of the source
labels.npy         (N, columns) float32, where the source has labels
skipped.csv        what could not be read, with the reasons
pack.json          size, channels, count, columns, and the digest of it all
"""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dcgan.data.worlds import Columns
from dcgan.errors import DCGANError, did_you_mean
from dcgan.files import replacing
from dcgan.size import Size

FORMAT = "dcgan pack 1"
INFO_FILE, LABELS_FILE, SKIPPED_FILE = "pack.json", "labels.npy", "skipped.csv"


@dataclass(frozen=True)
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
    key: str
    """A digest of the source's state and of the options; other content has another key."""
    digest: str
    """SHA-256 over all pictures and labels: the same for the same content."""
    format: str = FORMAT

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
        if min(info.shards, default=0) < 0 or not sum(info.shards):
            raise DCGANError(f"{file} speaks of no pictures. {REMAKE}")
        return info


REMAKE = "Delete the pack; it is made anew from its source."


class Pack:
    """A pack, open for reading. Pictures come from the disk as they are asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.info = info = PackInfo.read(path)
        self._starts = np.cumsum([0, *info.shards])
        self._shards = []
        for number, count in enumerate(info.shards):
            file = shard_file(path, number)
            try:
                shard = np.load(file, mmap_mode="r", allow_pickle=False)
            except (OSError, ValueError) as error:
                raise DCGANError(f"{file} is missing or damaged: {error}. {REMAKE}") from error
            if shard.shape != (count, *info.size, info.channels) or shard.dtype != np.uint8:
                raise DCGANError(f"{file} is not what {INFO_FILE} says it is. {REMAKE}")
            self._shards.append(shard)

    def __len__(self) -> int:
        return int(self._starts[-1])

    def pictures(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """The pictures (N, H, W, C) of these numbers in [0, len)."""
        found = np.empty((len(indices), *self.info.size, self.info.channels), np.uint8)
        shards = np.searchsorted(self._starts, indices, side="right") - 1
        for shard in np.unique(shards):
            chosen = shards == shard
            found[chosen] = self._shards[shard][indices[chosen] - self._starts[shard]]
        return found

    def labels(self, column: str) -> NDArray[np.float32]:
        """The labels (len,) of a column; classes as their index.

        Raises:
            DCGANError: there is no such column, or the labels are damaged.
        """
        require_column(self.info.columns, column, self.info.name)
        file = self.path / LABELS_FILE
        try:
            rows: NDArray[np.float32] = np.load(file, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise DCGANError(f"{file} is missing or damaged: {error}. {REMAKE}") from error
        if rows.shape != (len(self), len(self.info.columns)):
            raise DCGANError(f"{file} is not what {INFO_FILE} says it is. {REMAKE}")
        return rows[:, list(self.info.columns).index(column)]

    def class_names(self, column: str) -> tuple[str, ...]:
        """The names of a column's classes.

        Raises:
            DCGANError: there is no such column, or it holds numbers.
        """
        return class_names(self.info.columns, column, self.info.name)


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
