"""What a source is, pictures by number with names and labels, and what all readers share."""

import errno
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from dcgan.errors import DCGANError, NoSplitError, did_you_mean
from dcgan.size import Size

SPLITS = {"train", "training", "test", "val", "valid", "validation", "extra"}
"""Names that say which part of a set something is, and nothing of what it shows."""

Columns = dict[str, tuple[str, ...] | None]
"""Label columns by name: the names of the classes, or None for a number."""
SYSTEM_FAULTS = {errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ESTALE}
"""What may pass, so that a picture must not be left out for it."""
NO_DAMAGE = SYSTEM_FAULTS | {
    errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG,
}  # fmt: skip
"""What may keep a sound file from being read."""
LARGEST_FILE = 1 << 30
"""Bytes; what is longer, or claims to unpack to more, is no picture but a bomb, or a mistake."""
Labels = NDArray[np.float32]
"""(N, columns); a class is given by its index."""


class Item(NamedTuple):
    """A picture as a source gives it, with its labels.

    The content is a file's bytes, pixels (H, W, C), or why neither can be had. There is one label
    for each of the source's columns; a class is given by its index.
    """

    content: bytes | NDArray[np.uint8] | OSError
    labels: tuple[float, ...]


class Source(Protocol):
    """Pictures by number, each with a name and its labels. Never changed by us."""

    name: str
    """What a run on it is called."""
    description: str
    """What was found, in a few words."""
    columns: Columns
    """The label columns: their class names, or None for a number."""

    def __len__(self) -> int: ...

    def fingerprint(self, times: bool = True) -> str:
        """A text that changes when the content does; cheap, so that it can be asked each time.

        Without times of change it is the same for copies of the source on other machines.
        """

    def read(self, indices: Sequence[int], size: Size) -> Iterator[Item]:
        """The pictures of these numbers; drawn ones in this size, others in their own.

        May be called from several threads at once.
        """

    def picture_name(self, index: int) -> str:
        """Names a picture for people."""


def choose_split(where: object, asked: str, splits: Collection[str]) -> str:
    """The split of a set to take: what was asked for, else `train`, else the only one.

    Raises:
        NoSplitError: there is no such split.
        DCGANError: none was named where several are equally good.
    """
    if asked:
        if asked not in splits:
            words = did_you_mean(asked, splits) if splits else "It has no splits."
            raise NoSplitError(f"{where} has no split {asked!r}. {words}")
        return asked
    if "train" in splits or len(splits) == 1:
        return "train" if "train" in splits else next(iter(splits))
    parts = sorted(splits)
    raise DCGANError(f"{where} has the splits {', '.join(parts)}; name one: {where}:{parts[0]}")


def other_splits(chosen: str, splits: Collection[str]) -> str:
    """Words that say which split was taken and which were left."""
    left = sorted(set(splits) - {chosen})
    return f", split {chosen} (there are also: {', '.join(left)})" if left else ""


@contextmanager
def reading(path: object) -> Iterator[None]:
    """Within, whatever a library raises on a damaged file becomes a sentence that names the file.

    Raises:
        DCGANError: the file cannot be read.
    """
    try:
        yield
    except (DCGANError, NameError):
        raise
    except Exception as error:  # readers of many formats: no list of what they raise is ever whole
        raise unreadable(path, error) from error


def unreadable(path: object, error: BaseException) -> DCGANError:
    """The sentence for a file or an archive that cannot be read."""
    if isinstance(error, MemoryError):
        return DCGANError(f"Cannot read {path}: there is not enough memory for it.")
    if isinstance(error, OSError) and error.errno in NO_DAMAGE:
        return DCGANError(f"Cannot read {path}: {(error.strerror or '').lower()}.")
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return DCGANError(f"{path} is damaged or cut short ({reason}). Get it again.")


def items_of(
    content: Callable[[int], bytes], labels: Labels, indices: Sequence[int]
) -> Iterator[Item]:
    """What a source reads: contents by their numbers, or why one cannot be had, and the labels.

    Raises:
        OSError: the disk or the system is at fault, not the file; to go on would lose pictures.
    """
    for index in indices:
        found: bytes | OSError
        try:
            found = content(index)
        except OSError as error:
            if error.errno in SYSTEM_FAULTS:
                raise
            found = error
        yield Item(found, tuple(labels[index].tolist()))


def require_length(length: int) -> None:
    """Raises an OSError if a file of so many bytes is none that should be read at once."""
    if length > LARGEST_FILE:
        raise OSError(f"{length:,} bytes long, which is too much for a picture")


def stamp(*files: Path, times: bool = True) -> str:
    """The lengths of files, and their times of change if asked for, as a text."""
    parts = []
    for file in files:
        try:
            status = file.stat()
            changed = f" {status.st_mtime_ns}" * times
            parts.append(f"{file.name} {status.st_size}{changed}")
        except OSError as error:
            parts.append(f"{file.name} {error.strerror}")
    return "\n".join(parts)
