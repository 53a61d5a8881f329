"""A part of a source: one slice of many, or all but what is to be left out."""

import csv
import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dcgan.data.readers.items import Item, Source
from dcgan.errors import DCGANError
from dcgan.size import Size

DROPPED = "dropped"
"""The column of a table of duplicates that names what is left out."""


class Selection:
    """Some of a source's pictures, in its order."""

    def __init__(self, source: Source, indices: NDArray[np.int64], description: str) -> None:
        self.source, self.indices = source, indices
        self.name, self.columns, self.description = source.name, source.columns, description

    def __len__(self) -> int:
        return len(self.indices)

    def fingerprint(self, times: bool = True) -> str:
        """That of the source, and which of its pictures were chosen."""
        chosen = hashlib.sha256(self.indices.tobytes()).hexdigest()
        return f"{self.source.fingerprint(times)} {chosen}"

    def read(self, indices: Sequence[int], size: Size) -> Iterator[Item]:
        """The pictures of these numbers among the chosen."""
        return self.source.read(self.indices[list(indices)].tolist(), size)

    def picture_name(self, index: int) -> str:
        """The picture's name in the source."""
        return self.source.picture_name(int(self.indices[index]))


def without(source: Source, table: Path) -> Selection:
    """A source less the pictures in the column `dropped` of a table, as `dcgan dedup` writes it.

    Raises:
        DCGANError: there is no such table, or it names pictures that the source does not have.
    """
    dropped = read_dropped(table)
    names = [source.picture_name(index) for index in range(len(source))]
    unknown = sorted(dropped - set(names))
    if unknown:
        raise DCGANError(
            f"{table} names {len(unknown):,} pictures that {source.name} does not have "
            f"(first: {unknown[0]}). Was it made of another source?"
        )
    indices = np.array([i for i, name in enumerate(names) if name not in dropped], np.int64)
    if not len(indices):
        raise DCGANError(f"{table} leaves none of the {len(source):,} pictures of {source.name}.")
    left_out = len(source) - len(indices)
    return Selection(source, indices, f"{source.description}; {left_out:,} left out by {table}")


def read_dropped(table: Path) -> set[str]:
    """The names in the column `dropped`.

    Raises:
        DCGANError: there is no such table or no such column in it.
    """
    try:
        with table.expanduser().open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file, strict=True)
            header = rows.fieldnames or ()
            dropped = {row.get(DROPPED) for row in rows}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = (error.strerror or "") if isinstance(error, OSError) else "it is no table"
        raise DCGANError(
            f"Cannot read the table of duplicates {table}: {reason.lower()}."
        ) from error
    if DROPPED not in header:
        raise DCGANError(
            f"{table} has no column {DROPPED!r}, only {', '.join(header) or 'nothing'}; "
            "`dcgan dedup` writes such tables."
        )
    return {name for name in dropped if name}


def slice_of(source: Source, text: str) -> Selection:
    """One of several parts of nearly one length, such as `3/64`: what one machine of 64 packs.

    Raises:
        DCGANError: the text is not of this form, or there are fewer pictures than slices.
    """
    number, count = parse_slice(text)
    first, end = (len(source) * n // count for n in (number - 1, number))
    if first == end:
        raise DCGANError(
            f"`slice` (={text}) is empty: {source.name} has only {len(source):,} pictures."
        )
    indices = np.arange(first, end, dtype=np.int64)
    return Selection(source, indices, f"{source.description}; of these slice {text}")


def parse_slice(text: str) -> tuple[int, int]:
    """Number and count of a slice such as `3/64`, counted from 1.

    Raises:
        DCGANError: the text is not of this form.
    """
    match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
    number, count = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= number <= count:
        raise DCGANError(f"`slice` (={text}) must look like 3/64: the third of 64, from 1/64 on.")
    return number, count
