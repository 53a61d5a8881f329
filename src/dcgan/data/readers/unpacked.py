"""Files that may be compressed, read no further than an honest one goes."""

import bz2
import gzip
import lzma
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from dcgan.errors import DCGANError

MOST_UNPACKED, LEAST_BOMB = 200, 1 << 30
"""A compressed file that grows more times than this, and beyond so many bytes, is a bomb."""
COMPRESSED: dict[bytes, Any] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"\xfd7zXZ\x00": lzma.LZMAFile,
    b"BZh": bz2.BZ2File,
}
"""How a compressed file begins, and what reads it."""


class Bounded:
    """A file's content, unpacked, that ends in a sentence where it grows beyond all measure."""

    def __init__(self, stream: BinaryIO, file: BinaryIO, most: int, path: Path) -> None:
        self._stream, self._file, self._most, self._path = stream, file, most, path

    def read(self, size: int = -1) -> bytes:
        """So many bytes, or all, as of a file.

        Raises:
            DCGANError: there are more than the most that are admitted.
        """
        left = self._most + 1 - self.tell()
        block = self._stream.read(left if size < 0 else min(size, left))
        require_honest(self.tell(), self._most, self._path)
        return block

    def seek(self, place: int) -> int:
        """Goes to a place, as in a file; in a compressed one all up to there is unpacked.

        Raises:
            DCGANError: it lies behind the most that are admitted.
        """
        require_honest(place, self._most, self._path)
        return self._stream.seek(place)

    def tell(self) -> int:
        """The place in the content, in bytes."""
        return self._stream.tell()

    def packed(self) -> int:
        """The place in the file itself, in bytes."""
        return self._file.tell()


@contextmanager
def unpacked(path: Path) -> Iterator[Bounded]:
    """A file's content, unpacked if it is compressed by itself (gzip, xz, bzip2)."""
    with path.open("rb") as file:
        opened = _unpacker(file)
        if opened is None:
            yield Bounded(file, file, path.stat().st_size, path)
            return
        with opened(file) as stream:
            yield Bounded(stream, file, most_unpacked(path), path)


def is_compressed(path: Path) -> bool:
    """Whether a file is compressed by itself."""
    with path.open("rb") as file:
        return _unpacker(file) is not None


def _unpacker(file: BinaryIO) -> Any:
    """What unpacks a file, which is left at its beginning; None if it is not compressed."""
    begin = file.read(6)
    file.seek(0)
    return next((opened for magic, opened in COMPRESSED.items() if begin.startswith(magic)), None)


def most_unpacked(path: Path) -> int:
    """The bytes to which an honest compressed file may unpack."""
    return max(LEAST_BOMB, MOST_UNPACKED * path.stat().st_size)


def require_honest(count: int, most: int, path: Path) -> None:
    """Raises a DCGANError if a compressed file holds more bytes than an honest one may."""
    if count > most:
        raise DCGANError(
            f"{path} unpacks to more than {most:,} bytes from {path.stat().st_size:,}: a bomb, "
            "not pictures. Unpack it by hand if you trust it."
        )
