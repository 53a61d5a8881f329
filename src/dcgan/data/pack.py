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
        try:
            values: dict[str, Any] = json.loads((folder / INFO_FILE).read_text(encoding="utf8"))
            values["size"] = Size.of(values["size"])
            values["shards"] = tuple(values["shards"])
            values["columns"] = {
                name: None if names is None else tuple(names)
                for name, names in values["columns"].items()
            }
            info = cls(**values)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise DCGANError(f"{folder} is no pack that can be read: {error}.") from error
        if info.format != FORMAT:
            raise DCGANError(f"{folder} is a pack of another format ({info.format}); make it anew.")
        return info


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
            DCGANError: there is no such column.
        """
        if column not in self.info.columns:
            words = did_you_mean(column, self.info.columns) if self.info.columns else "It has none."
            raise DCGANError(f"{self.info.name} has no label column {column!r}. {words}")
        rows: NDArray[np.float32] = np.load(self.path / LABELS_FILE, mmap_mode="r")
        return rows[:, list(self.info.columns).index(column)]

    def class_names(self, column: str) -> tuple[str, ...]:
        """The names of a column's classes.

        Raises:
            DCGANError: there is no such column, or it holds numbers.
        """
        names = self.info.columns[column] if len(self.labels(column)) else ()
        if names is None:
            classes = [name for name, known in self.info.columns.items() if known]
            words = did_you_mean(column, classes)
            raise DCGANError(f"The label column {column!r} holds numbers, not classes. {words}")
        return names


REMAKE = "Delete the pack; it is made anew from its source."


def is_pack(path: Path) -> bool:
    """Whether a pack stands at this path."""
    return (path / INFO_FILE).is_file()


def shard_file(folder: Path, number: int) -> Path:
    """Where the pictures of a shard stand."""
    return folder / f"images-{number:05}.npy"
