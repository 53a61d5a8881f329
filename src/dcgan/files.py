"""Files that are whole or not there at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from dcgan.errors import DCGANError

TEMPORARY = ".tmp"


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Opens a file for writing that takes the place of `path` when the block ends well.

    It is written under a temporary name in the same folder, flushed to the disk, then renamed, so
    that a full disk, an error or a power cut leaves what stood at `path` as it was.

    Raises:
        DCGANError: the file cannot be written (no space, no permission, no such folder).
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}{TEMPORARY}")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def make_folder(path: Path) -> Path:
    """Makes a folder and those above it, and proves that files can be written in it.

    Raises:
        DCGANError: it cannot be made, or nothing can be written in it.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / f".probe.{os.getpid()}{TEMPORARY}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise unwritable(path, error) from error
    return path


def unwritable(path: Path, error: OSError) -> DCGANError:
    """The sentence for a file or folder that the system would not let us write."""
    reason = (error.strerror or str(error)).lower()
    return DCGANError(
        f"Cannot write {path}: {reason}. What was written before is whole; "
        "make room or choose a folder you may write to, then give the same command again."
    )
