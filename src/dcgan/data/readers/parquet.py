"""Pictures in Parquet files, as the Hugging Face hub stores them."""

import json
import os
import re
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dcgan.data.readers.items import (
    Columns,
    Item,
    Labels,
    choose_split,
    items_of,
    other_splits,
    reading,
    stamp,
)
from dcgan.data.readers.labels import columns_of, require_classes
from dcgan.errors import DCGANError
from dcgan.images import file_size
from dcgan.size import Size

LABEL_COLUMNS = ("label", "labels", "class", "fine_label", "coarse_label")
"""Columns that are taken for classes; those that the file itself declares as such come first."""
PROBES = 20
"""Rows of which one must hold a picture file."""
BLOCK_BYTES = 16 << 20
"""Rows are read in blocks of about so many bytes, and one such is held for each processor."""


class Parquet:
    """The pictures in the rows of Parquet files."""

    def __init__(self, paths: Sequence[Path], name: str, split: str) -> None:
        by_split = _by_split(paths)
        named = by_split.keys() - {""}
        chosen = choose_split(paths[0].parent, split, named) if named or split else ""
        self.paths, self.name = by_split[chosen], name
        groups = [group for path in self.paths for group in _groups(path)]
        if not groups:
            raise DCGANError(f"{self.paths[0]} holds no rows.")
        column = _picture_column(groups[0].path)
        self._rows = Rows(groups, column)
        self.columns, self._labels = _read_labels(self.paths, column)
        self.description = (
            f"{len(self):,} pictures in {len(self.paths)} Parquet file{'s'[: len(self.paths) > 1]} "
            f"{self.paths[0]}{other_splits(chosen, by_split)}"
        )

    def __len__(self) -> int:
        return len(self._labels)

    def fingerprint(self, times: bool = True) -> str:
        """The files' lengths and times of change."""
        return stamp(*self.paths, times=times)

    def read(self, indices: Sequence[int], size: Size) -> Iterator[Item]:
        """The bytes in the rows."""
        block = Block(0, ())

        def content(index: int) -> bytes:
            nonlocal block
            if index not in block:
                block = self._rows.block(index)
            return block.content(index)

        return items_of(content, self._labels, indices)

    def picture_name(self, index: int) -> str:
        """The number of the row."""
        return f"row {index}"


class Group(NamedTuple):
    """A group of rows in a file."""

    path: Path
    number: int
    rows: int
    length: int
    """In bytes."""


class Block(NamedTuple):
    """Some rows that follow one another."""

    start: int
    rows: Any
    """Their values, as an array of PyArrow's."""

    def __contains__(self, index: object) -> bool:
        return isinstance(index, int) and self.start <= index < self.start + len(self.rows)

    def content(self, index: int) -> bytes:
        """The bytes in a row.

        Raises:
            OSError: it holds none.
        """
        content = _bytes(self.rows[index - self.start].as_py())
        if not content:
            raise OSError("the row holds no bytes")
        return content


class Rows:
    """One column in groups of rows, read onwards; what was read last is held for all threads.

    Groups can be as large as their file and be read from their beginning only, so they are cut
    into blocks. Threads that read near one another find each other's blocks.
    """

    def __init__(self, groups: Sequence[Group], column: str) -> None:
        self._groups, self._column = groups, column
        self._starts = np.cumsum([0, *(group.rows for group in groups)])
        self._held: deque[Block] = deque()
        self._lock = threading.Lock()
        self._group, self._next = -1, 0
        self._ahead: Iterator[Any] = iter(())

    def block(self, index: int) -> Block:
        """A block with the row of this number.

        Raises:
            DCGANError: the file is damaged there.
        """
        with self._lock:
            for block in self._held:
                if index in block:
                    return block
            return self._read_to(index)

    def _read_to(self, index: int) -> Block:
        group = int(np.searchsorted(self._starts, index, side="right")) - 1
        if group != self._group or index < self._next:
            self._ahead, self._group = self._blocks(self._groups[group]), group
            self._next = int(self._starts[group])
        while True:
            with reading(self._groups[group].path):
                block = Block(self._next, next(self._ahead))
            self._next += len(block.rows)
            self._hold(block)
            if index in block:
                return block

    def _hold(self, block: Block) -> None:
        self._held.append(block)
        most = BLOCK_BYTES * (os.cpu_count() or 1)
        while len(self._held) > 1 and sum(block.rows.nbytes for block in self._held) > most:
            self._held.popleft()

    def _blocks(self, group: Group) -> Iterator[Any]:
        count = max(1, min(group.rows, BLOCK_BYTES * group.rows // max(group.length, 1)))
        with _open(group.path) as file:
            columns = [self._column]
            for batch in file.iter_batches(count, row_groups=[group.number], columns=columns):
                yield batch[0]
        raise ValueError(f"group {group.number} has not all of its rows")


def _open(path: Path) -> Any:
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise DCGANError('Parquet files need PyArrow: pip install "dcgan[parquet]".') from error
    with reading(path):
        # A buffer of its own makes it read a group piece by piece, not at once.
        return parquet.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False)


def _groups(path: Path) -> list[Group]:
    """The groups of rows in a file; nothing stays open, as there may be thousands of files."""
    with _open(path) as file, reading(path):
        groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
        if sum(group.num_rows for group in groups) != file.metadata.num_rows:
            raise ValueError("its groups have not all of its rows")
        return [
            Group(path, number, group.num_rows, group.total_byte_size)
            for number, group in enumerate(groups)
            if group.num_rows
        ]


def _by_split(paths: Sequence[Path]) -> dict[str, list[Path]]:
    """The files by the part in their names, as in `train-00000-of-00004.parquet`."""
    found: dict[str, list[Path]] = {}
    for path in sorted(paths):
        match = re.match(r"([a-z]+)-\d+-of-\d+", path.name)
        found.setdefault(match[1] if match else "", []).append(path)
    return found


def _picture_column(path: Path) -> str:
    """The column that has a picture file in one of its first rows.

    Raises:
        DCGANError: there is none.
    """
    with _open(path) as file, reading(path):
        names = list(file.schema_arrow.names)
        for name in names:
            rows = next(file.iter_batches(PROBES, columns=[name]))[0].to_pylist()
            if any(file_size(content) for content in map(_bytes, rows) if content):
                return str(name)
    raise DCGANError(
        f"No column of {path} holds picture files; it has {', '.join(names)}. "
        "A column must hold the bytes of JPEG, PNG or the like, or {bytes, path} as the hub has it."
    )


def _bytes(value: Any) -> bytes:
    """The bytes in a value, if it is of bytes or has a field of them; else none."""
    content = value.get("bytes") if isinstance(value, dict) else value
    return content if isinstance(content, bytes) else b""


def _read_labels(paths: Sequence[Path], pictures: str) -> tuple[Columns, Labels]:
    """The columns of classes in all files; one that is null or -1 throughout is none.

    Raises:
        DCGANError: a file lacks a column that the first one has, or labels are missing or none of
            the declared classes.
    """
    with _open(paths[0]) as file, reading(paths[0]):
        schema = file.schema_arrow
    declared = _declared_classes(schema.metadata or {})
    wanted = declared or LABEL_COLUMNS
    names = [field.name for field in schema if field.name in wanted and not field.type.num_fields]
    count, values = _values(paths, pictures, names)
    known = {name: column for name, column in values.items() if set(column) - {None, -1}}
    columns: Columns = {}
    labels = np.empty((count, len(known)), np.float32)
    for place, (name, column) in enumerate(known.items()):
        title = "class" if len(known) == 1 else name
        where = f"{paths[0]}{' and its like' * (len(paths) > 1)}"
        columns[title], labels[:, place] = _classes(name, column, declared.get(name), where)
    return columns, labels


def _values(
    paths: Sequence[Path], pictures: str, names: Sequence[str]
) -> tuple[int, dict[str, list[Any]]]:
    """How many rows there are in all files, and what the columns of labels hold."""
    count, values = 0, {name: list[Any]() for name in names}
    for path in paths:
        with _open(path) as file, reading(path):
            lacking = {pictures, *names} - set(file.schema_arrow.names)
            if lacking:
                raise DCGANError(
                    f"{path} has no column {min(lacking)!r}, as others beside it have; it has "
                    f"{', '.join(file.schema_arrow.names)}. Give one set of files by itself."
                )
            count += file.metadata.num_rows
            for name in names:
                values[name] += file.read(columns=[name])[0].to_pylist()
            if any(len(column) != count for column in values.values()):
                raise ValueError("its columns are not of one length")
    return count, values


def _classes(
    name: str, column: Sequence[Any], declared: tuple[str, ...] | None, where: str
) -> tuple[tuple[str, ...] | None, Labels]:
    """The class names of a column, and its labels (N,).

    Raises:
        DCGANError: some are missing, or none of the declared classes.
    """
    if declared and all(isinstance(label, int) for label in column if label is not None):
        indices = np.array([-1 if label is None else label for label in column])
        require_classes(indices, declared, name, where)
        return declared, indices.astype(np.float32)
    missing = [row for row, label in enumerate(column) if label is None or label != label]
    if missing:
        raise DCGANError(
            f"{where}: {len(missing):,} of {len(column):,} labels in {name!r} are missing "
            f"(first: of row {missing[0]}). Fill them in, or leave the column out."
        )
    columns, labels = columns_of([name], [column])
    return columns[name], labels[:, 0]


def _declared_classes(metadata: dict[bytes, bytes]) -> dict[str, tuple[str, ...]]:
    """The class names that the `datasets` library wrote into a file."""
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        return {
            name: tuple(map(str, feature["names"]))
            for name, feature in features.items()
            if feature.get("_type") == "ClassLabel" and feature.get("names")
        }
    except (KeyError, ValueError, TypeError, AttributeError):
        return {}
