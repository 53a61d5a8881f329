"""Pictures in zip and tar archives, read where they lie; nothing is ever unpacked into a folder."""

import os
import re
import tarfile
import zipfile
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from functools import lru_cache
from mmap import mmap
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from dcgan.data.readers.items import Item, items_of, reading, require_length, stamp
from dcgan.data.readers.labels import columns_of, folder_labels
from dcgan.data.readers.listing import listing
from dcgan.data.readers.unpacked import is_compressed, unpacked
from dcgan.errors import DCGANError
from dcgan.files import append, mapped, nameless_file
from dcgan.log import progress
from dcgan.size import Size

BLOCK = 1 << 20
Places = NDArray[np.int64]
"""(..., 3): the number of an archive, where in it a member begins, and its length in bytes."""
UNPACKED = -1
"""The number of the file into which all compressed archives are unpacked, one behind another."""


class Zip:
    """The pictures in a zip archive."""

    def __init__(self, path: Path, name: str, split: str = "") -> None:
        self.path, self.name = path, name
        with reading(path):
            self._archive = zipfile.ZipFile(path)
        members = [info for info in self._archive.infolist() if not info.is_dir()]
        if any(info.flag_bits & 1 for info in members):
            raise DCGANError(f"{path} is locked by a password. Unpack it and give the folder.")
        self._members = {safe(info.filename, path): info for info in members}
        self._listing = listing(self._members, self._content, path, split)
        self.columns = self._listing.columns
        self.description = self._listing.description(path)

    def __len__(self) -> int:
        return len(self._listing.files)

    def fingerprint(self, times: bool = True) -> str:
        """The archive's length and time of change."""
        return stamp(self.path, times=times)

    def _content(self, file: str) -> bytes:
        info = self._members[file]
        require_length(info.file_size)
        try:
            with self._archive.open(info) as member:  # what is longer than it claims is cut there
                return member.read(info.file_size)
        except OSError:
            raise
        except Exception as error:  # each way of packing has errors of its own
            raise OSError(f"damaged in the archive: {error}") from error

    def read(self, indices: Sequence[int], size: Size) -> Iterator[Item]:
        """The members' bytes."""
        files, labels = self._listing.files, self._listing.labels
        return items_of(lambda index: self._content(files[index]), labels, indices)

    def picture_name(self, index: int) -> str:
        """The member's path in the archive."""
        return self._listing.files[index]


class Tar:
    """The pictures in one tar archive or in many (WebDataset's shards), compressed or not.

    Of each archive it is noted once where its members lie. One that is compressed cannot be read
    from the middle; it is unpacked into a nameless temporary file first.
    """

    def __init__(self, paths: Sequence[Path], name: str, split: str = "") -> None:
        self.paths, self.name = paths, name
        where = paths[0] if len(paths) == 1 else f"{len(paths)} archives from {paths[0]} on"
        rows, places, self._unpacked = _indexed(paths)
        with self._reader() as read:

            def content(member: str) -> bytes:
                return read(places[rows[member]])

            found = listing(rows, content, where, split)
            self._names, self.columns, self._labels = found.files, found.columns, found.labels
            sides = [str(PurePosixPath(name).with_suffix(".cls")) for name in self._names]
            if all(side in rows for side in sides):  # WebDataset's classes
                with reading(where):
                    texts = [content(side).decode(errors="replace") for side in sides]
                self.columns, self._labels = columns_of(["class"], [texts])
                del found.others[".cls"]
            elif len(paths) > 1:  # the shards' own names are no classes
                depth = _prefixes(paths)[0].count("/")
                inside = [name.split("/", depth)[depth] for name in self._names]
                self.columns, self._labels = folder_labels(inside)
        self._places = places[[rows[name] for name in self._names]]
        self.description = found._replace(columns=self.columns).description(where)

    def __len__(self) -> int:
        return len(self._names)

    def fingerprint(self, times: bool = True) -> str:
        """The archives' lengths and times of change."""
        return stamp(*self.paths, times=times)

    def read(self, indices: Sequence[int], size: Size) -> Iterator[Item]:
        """The members' bytes."""
        with self._reader() as read:
            yield from items_of(lambda index: read(self._places[index]), self._labels, indices)

    @contextmanager
    def _reader(self) -> Iterator[Callable[[Places], bytes]]:
        """Within, what reads a member at its place (3,).

        Of thousands of archives only the one that was read last is open.
        """
        with ExitStack() as last:

            @lru_cache(maxsize=1)
            def opened(number: int) -> BinaryIO:
                last.close()
                return last.enter_context(_opened(self.paths[number]))

            def read(place: Places) -> bytes:
                number, offset, length = map(int, place)
                require_length(length)
                if number == UNPACKED:
                    content = self._unpacked[offset : offset + length]
                else:
                    opened(number).seek(offset)
                    content = opened(number).read(length)
                if len(content) < length:
                    raise OSError("cut off with the archive")
                return content

            yield read

    def picture_name(self, index: int) -> str:
        """The member's path in the archive; bytes that are no text are shown as such."""
        return os.fsencode(self._names[index]).decode(errors="backslashreplace")


def is_tar(path: Path) -> bool:
    """Whether a file is a tar archive, compressed or not."""
    try:
        with reading(path), tarfile.open(path):
            return True
    except DCGANError:
        return False


def expand(place: str) -> list[Path]:
    """The paths that a text with a range means: `shards-{000..099}.tar`.

    Raises:
        DCGANError: the range is empty.
    """
    match = re.search(r"\{(\d+)\.\.(\d+)\}", place)
    if not match:
        return [Path(place)]
    first, last = match[1], match[2]
    numbers = range(int(first), int(last) + 1)
    if not numbers:
        raise DCGANError(
            f"The range {match[0]} in {place} is empty; it goes from the first number to the last."
        )
    width = len(first)
    return [Path(f"{place[: match.start()]}{n:0{width}}{place[match.end() :]}") for n in numbers]


def safe(member: str, archive: Path) -> str:
    """The path of a member, which must stay within the archive.

    Raises:
        DCGANError: it is absolute or climbs out; no honest archive has such.
    """
    parts = member.replace("\\", "/").split("/")
    if member.startswith(("/", "\\")) or ".." in parts or re.match(r"[A-Za-z]:", member):
        raise DCGANError(
            f"{archive} holds a file under the path {member!r}, outside of the archive itself. "
            "Such archives are made to harm; pack the pictures anew if you trust it."
        )
    return _plain(member)


def _plain(member: str) -> str:
    parts = member.replace("\\", "/").split("/")
    return "/".join(part for part in parts if part not in ("", "."))


def _indexed(paths: Sequence[Path]) -> tuple[dict[str, int], Places, mmap | bytes]:
    """Where the members of tar archives lie.

    A name that stands in an archive twice means the last, as when it is unpacked; a hard link means
    the member that it names.

    Returns:
        The rows of the members' places by their names, the places, and what the compressed
        archives unpack to.

    Raises:
        DCGANError: an archive cannot be read, is damaged or a bomb, or cannot be unpacked.
    """
    rows: dict[str, int] = {}
    places = array("q")
    with ExitStack() as stack:
        content = None
        for number, (path, prefix) in enumerate(zip(paths, _prefixes(paths), strict=True)):
            with reading(path):
                compressed = is_compressed(path)
            if compressed:
                content = content or stack.enter_context(nameless_file())
                content.seek(append(content, _unpacked(path)))
            for info in _members(path, content if compressed else None):
                name = prefix + safe(info.name, path)
                if not info.islnk():
                    rows[name] = len(places) // 3
                    archive = UNPACKED if compressed else number
                    places.extend((archive, info.offset_data, info.size))
                elif (linked := prefix + _plain(info.linkname)) in rows:
                    rows[name] = rows[linked]
        whole = mapped(content) if content else b""
    return rows, np.array(places, np.int64).reshape(-1, 3), whole


def _prefixes(paths: Sequence[Path]) -> list[str]:
    """What stands before the names of each archive's members, as the same may stand in all."""
    if len(paths) == 1:
        return [""]
    root = os.path.commonpath([path.parent for path in paths])
    # What begins with a point would be left out as hidden.
    inside = [[part.lstrip(".") for part in path.relative_to(root).parts] for path in paths]
    return ["/".join(parts) + "/" for parts in inside]


def _members(path: Path, unpacked: BinaryIO | None) -> Iterator[tarfile.TarInfo]:
    """The plain files and hard links in a tar, which is perhaps unpacked from here to an end."""
    with (
        nullcontext(unpacked) if unpacked else _opened(path) as file,
        reading(path),
        tarfile.open(fileobj=file, mode="r:") as tar,
    ):
        while member := tar.next():
            if (member.isreg() and not member.issparse()) or member.islnk():
                yield member
            # The library keeps them all, and they may be millions.
            tar.members = []  # type: ignore[attr-defined]
        # The library takes a cut in the middle of a header for the end.
        file.seek(tar.offset)
        if file.read(tarfile.BLOCKSIZE).strip(b"\0"):
            raise ValueError("it breaks off")


def _opened(path: Path) -> BinaryIO:
    with reading(path):
        return path.open("rb")


def _unpacked(path: Path) -> Iterator[bytes]:
    """What a compressed archive holds, block by block."""
    length, is_empty = path.stat().st_size, True
    with (
        reading(path),
        unpacked(path) as stream,
        progress(f"Unpacking {path.name}", length, unit="bytes") as bar,
    ):
        while block := stream.read(BLOCK):
            is_empty = False
            bar.update(min(length, stream.packed()))
            yield block
        if is_empty:
            raise EOFError("it is empty")
