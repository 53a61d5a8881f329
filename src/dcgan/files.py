"""Files that are whole or not there at all."""

import csv
import io
import mmap
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from dcgan.errors import DCGANError

TEMPORARY = ".tmp"


def cache_folder() -> Path:
    """Where packs stand that nobody asked for by name: $DCGAN_CACHE, or ~/.cache/dcgan."""
    return Path(os.environ.get("DCGAN_CACHE") or "~/.cache/dcgan").expanduser()


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


def write_table(path: Path, rows: Iterable[Sequence[object]]) -> None:
    """Writes rows, the names of the columns first, as comma-separated values.

    Names may hold whatever a file's name can.

    Raises:
        DCGANError: it cannot be written.
    """
    with replacing(path) as file:
        text = io.TextIOWrapper(file, "utf8", "backslashreplace", newline="")
        plain = csv.writer(text, lineterminator="\n")
        quoted = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
        for row in rows:
            # The library forgets that a reader takes this for the end of a line.
            (quoted if any("\r" in str(field) for field in row) else plain).writerow(row)
        text.flush()
        text.detach()


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


def nameless_file() -> BinaryIO:
    """A file in the cache folder that vanishes when it is closed, or with this process.

    Raises:
        DCGANError: it cannot be made.
    """
    folder = make_folder(cache_folder())
    try:
        return cast(BinaryIO, tempfile.TemporaryFile(dir=folder))
    except OSError as error:
        raise unwritable(folder, error) from error


@contextmanager
def writing_behind(file: BinaryIO) -> Iterator[Callable[[Any], object]]:
    """Gives what writes blocks of bytes to an open file, each while its caller makes the next.

    What goes wrong with one block is raised when the next is given, or at the end.
    """
    with ThreadPoolExecutor(1, "writer") as writer:
        written = [writer.submit(int)]

        def write(block: Any) -> None:
            written.pop().result()
            written.append(writer.submit(file.write, block))

        yield write
        written.pop().result()


def append(file: BinaryIO, blocks: Iterable[bytes]) -> int:
    """Writes what a stream gives at the end of a nameless file; returns where that begins.

    Raises:
        DCGANError: there is no room for it.
    """
    begin = file.seek(0, os.SEEK_END)
    for block in blocks:
        try:
            file.write(block)
        except OSError as error:
            raise unwritable(cache_folder(), error) from error
    try:
        file.flush()
    except OSError as error:
        raise unwritable(cache_folder(), error) from error
    return begin


def spooled(blocks: Iterable[bytes]) -> mmap.mmap:
    """What a stream gives, in a file in the cache folder that vanishes with this process.

    Raises:
        DCGANError: there is no room for it.
        ValueError: the stream gives nothing.
    """
    with nameless_file() as file:
        append(file, blocks)
        return mapped(file)


def mapped(file: BinaryIO) -> mmap.mmap:
    """An open file's content, read from the disk as it is asked for; the file may be closed.

    Only for nameless files: where somebody else can shorten a file, to read it so may end in a
    bus error.

    Raises:
        ValueError: the file is empty.
    """
    return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
