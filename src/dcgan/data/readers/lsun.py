"""LSUN's layout: an LMDB database whose values are picture files.

The database is read by its pages, without LMDB's own library: that maps the file into memory and
trusts it, so that a damaged or shortened one ends the whole process. Here nothing is read but by
place and length, and whatever leads astray is a sentence.

The format (LMDB 0.9, 64 bits, little endian: `mdb.c`, "Page headers" and on). Pages of one size,
4096 bytes as a rule. The first two each describe a state of the database; that of the later
transaction holds. From the root, branch pages lead to leaf pages, in the order of the keys. A value
lies in its leaf, or if it is long, as pictures are, in pages of its own.
"""

import os
import struct
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dcgan.data.readers.items import (
    Columns,
    Item,
    choose_split,
    items_of,
    reading,
    require_length,
    stamp,
)
from dcgan.errors import DCGANError
from dcgan.images import file_size
from dcgan.log import progress
from dcgan.size import Size

DATABASE = "data.mdb"
PROBES = 20
"""Values of which one must be a picture file."""
MAGIC, VERSION = 0xBEEFC0DE, 1
PAGE_SIZES = range(512, 65_537)
PAGE_HEADER, NODE_HEADER = 16, 8
BRANCH, LEAF = 0x01, 0x02
"""Flags of a page."""
LONG, NO_VALUE = 0x01, 0x06
"""Flags of a node: its value lies in pages of its own; it holds a database or several values."""


def is_lmdb(path: Path) -> bool:
    """Whether a folder holds an LMDB database."""
    return (path / DATABASE).is_file()


class Lmdb:
    """The pictures of an LMDB database, in the order of their keys."""

    def __init__(self, path: Path, name: str, split: str = "") -> None:
        if split:
            choose_split(path, split, ())
        self.path, self.name = path, name
        self.columns: Columns = {}
        with reading(path), (path / DATABASE).open("rb") as file:
            self._values = _values(file, path)
        probes = self.read(range(min(PROBES, len(self))), Size(1, 1))
        if not any(isinstance(item.content, bytes) and file_size(item.content) for item in probes):
            raise DCGANError(
                f"The values in {path} are no picture files (first: {self.picture_name(0)}); "
                "LSUN's layout has a WebP or JPEG file under each key. Unpack it into a folder."
            )
        self.description = f"{len(self):,} pictures in the LMDB database {path}"

    def __len__(self) -> int:
        return len(self._values.places)

    def fingerprint(self, times: bool = True) -> str:
        """The database's length and time of change."""
        return stamp(self.path / DATABASE, times=times)

    def read(self, indices: Sequence[int], size: Size) -> Iterator[Item]:
        """The values' bytes."""
        places, labels = self._values.places, np.zeros((len(self), 0), np.float32)
        with (self.path / DATABASE).open("rb") as file:
            yield from items_of(lambda i: _value(file, *places[i].tolist()), labels, indices)

    def picture_name(self, index: int) -> str:
        """The key, as text."""
        ends = self._values.ends
        key = self._values.keys[ends[index - 1] if index else 0 : ends[index]]
        return key.decode(errors="backslashreplace")


class State(NamedTuple):
    """What a database says of itself."""

    page_size: int
    depth: int
    entries: int
    root: int
    """The page from which all others are reached."""
    last: int
    """The last page that is in use."""
    transaction: int


class Values(NamedTuple):
    """Where everything lies; 24 bytes for each value, and its key."""

    keys: bytes
    """All of them, one behind the other."""
    ends: NDArray[np.int64]
    """(N,): where each key ends among them."""
    places: NDArray[np.int64]
    """(N, 2): where each value lies in the file, and its length."""


def _values(file: BinaryIO, path: Path) -> Values:
    """Lists a database, reading all pages that hold keys; those of long values are left alone.

    Raises:
        DCGANError: it is empty.
        ValueError, struct.error, OverflowError: it is none, or damaged.
    """
    state = _state(file)
    if not state.entries:
        raise DCGANError(f"The LMDB database {path} is empty.")
    keys, ends, places = bytearray(), array("q"), array("q")
    with progress("Listing keys", state.entries, unit="keys") as bar:
        for number, page in _leaves(file, state):
            for key, offset, length in _leaf(page, number, state):
                keys += key
                ends.append(len(keys))
                places.extend((offset, length))
            bar.update(len(ends))
    if len(ends) != state.entries:
        raise ValueError(f"it holds {len(ends):,} values of {state.entries:,}")
    table = np.frombuffer(places, np.int64).reshape(-1, 2)
    beyond = int((table.sum(axis=1) > os.fstat(file.fileno()).st_size).sum())
    if beyond:
        raise ValueError(f"{beyond:,} of {state.entries:,} values lie behind its end")
    return Values(bytes(keys), np.frombuffer(ends, np.int64), table)


def _state(file: BinaryIO) -> State:
    """The later of the two states at the beginning."""
    first = _described(os.pread(file.fileno(), PAGE_SIZES.start, 0))
    second = _described(os.pread(file.fileno(), PAGE_SIZES.start, first.page_size))
    return max(first, second, key=lambda state: state.transaction)


def _described(page: bytes) -> State:
    magic, version = struct.unpack_from("<II", page, PAGE_HEADER)
    if (magic, version) != (MAGIC, VERSION):
        raise ValueError("it does not begin as an LMDB of version 0.9 does")
    (page_size,) = struct.unpack_from("<I", page, PAGE_HEADER + 24)
    if page_size not in PAGE_SIZES:
        raise ValueError(f"its pages are of {page_size} bytes")
    # The record of the values' tree, behind that of free pages.
    _, _, depth, _, _, _, entries, root, last, transaction = struct.unpack_from(
        "<IHH7Q", page, PAGE_HEADER + 72
    )
    return State(page_size, depth, entries, root, last, transaction)


def _leaves(file: BinaryIO, state: State) -> Iterator[tuple[int, bytes]]:
    """The pages that hold the values, in the order of their keys."""
    ahead, seen = [(state.root, state.depth)], 0
    while ahead:
        number, depth = ahead.pop()
        seen += 1
        page = os.pread(file.fileno(), state.page_size, number * state.page_size)
        if len(page) < state.page_size:
            raise ValueError(f"it ends before the end of page {number:,}")
        _, _, flags = struct.unpack_from("<QHH", page)
        if seen > state.last or not flags & (BRANCH if depth > 1 else LEAF):
            raise ValueError(f"page {number} is not what it should be")
        if depth > 1:
            # Of the nodes' fields for length and flags, branches make a page's number.
            children = [low | flags << 32 for low, flags, _, _ in _nodes(page)]
            ahead += [(child, depth - 1) for child in reversed(children)]
        else:
            yield number, page


def _leaf(page: bytes, number: int, state: State) -> Iterator[tuple[bytes, int, int]]:
    """Of each value in a leaf: its key, its place in the file, its length."""
    for length, flags, start, end in _nodes(page):
        place = number * state.page_size + end
        if flags & LONG:
            (far,) = struct.unpack_from("<Q", page, end)
            place = min(far, state.last + 1) * state.page_size + PAGE_HEADER
        yield page[start:end], place, 0 if flags & NO_VALUE else length


def _nodes(page: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Of each node in a page: length and flags of its value, where its key begins and ends."""
    (lower,) = struct.unpack_from("<H", page, 12)
    for (place,) in struct.iter_unpack("<H", page[PAGE_HEADER:lower]):
        length, flags, key_length = struct.unpack_from("<IHH", page, place)
        start = place + NODE_HEADER
        yield length, flags, start, start + key_length


def _value(file: BinaryIO, place: int, length: int) -> bytes:
    """The bytes of a value.

    Raises:
        OSError: the database says of it what cannot be.
    """
    require_length(length)
    content = os.pread(file.fileno(), length, place)
    if len(content) < length:
        raise OSError("it lies behind the end of the database")
    return content
