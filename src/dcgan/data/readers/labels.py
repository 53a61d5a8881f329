"""Labels: from the folders that pictures lie in, or from a table of texts and numbers."""

import csv
import io
import json
from collections.abc import Collection, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dcgan.data.readers.items import SPLITS, Columns, Labels
from dcgan.errors import DCGANError

LABELS_CSV, DATASET_JSON = "labels.csv", "dataset.json"


def folder_labels(files: Sequence[str]) -> tuple[Columns, Labels]:
    """A class for every file by the first folder that tells them apart; none if some are in none.

    Folders that all share, and those that are named like the parts of a set, tell nothing.
    """
    parts = [path.split("/")[:-1] for path in files]
    depth = 0
    while all(len(part) > depth for part in parts):
        classes = sorted({part[depth] for part in parts})
        if len(classes) > 1 and not {name.lower() for name in classes} <= SPLITS:
            number = {name: index for index, name in enumerate(classes)}
            labels = np.array([[number[part[depth]]] for part in parts], np.float32)
            return {"class": tuple(classes)}, labels
        depth += 1
    return {}, np.zeros((len(files), 0), np.float32)


def table_labels(
    table: str, content: bytes, files: Sequence[str], where: str
) -> tuple[Columns, Labels]:
    """The labels of the files from a table beside them.

    Raises:
        DCGANError: it is not of its form, names files that are not there, or leaves some out.
    """
    root = table.rpartition("/")[0]
    try:
        rows = _csv_rows(content) if table.endswith(".csv") else _json_rows(content)
        header, given = _by_file(rows, root, set(files))
    except (ValueError, KeyError, TypeError, RecursionError, csv.Error) as error:
        raise DCGANError(
            f"{where} is no table of labels ({error}). labels.csv: a line of names, such as "
            "file,class, then one line for each picture, its fields parted by commas; "
            'dataset.json: {"labels": [["a.png", 3], ...]}.'
        ) from error
    missing = sorted(given.keys() - set(files))
    if missing:
        raise DCGANError(
            f"{where} names {len(missing):,} pictures that are not there (first: {missing[0]}). "
            "It must name them as they lie below its own folder."
        )
    unnamed = [file for file in files if file not in given]
    if unnamed:
        raise DCGANError(
            f"{where} has no label for {len(unnamed):,} of {len(files):,} pictures "
            f"(first: {unnamed[0]}). Add them, or take the table away."
        )
    fields = [[given[file][number] for file in files] for number in range(len(header))]
    try:
        return columns_of(header, fields)
    except DCGANError as error:
        raise DCGANError(f"{where}: {error}") from error


def _by_file(
    rows: Iterator[list[str]], root: str, files: Collection[str]
) -> tuple[list[str], dict[str, list[str]]]:
    """The names of a table's label columns, and its rows by the paths of the files."""
    header = next(rows, None)
    if header is None:
        raise ValueError("it is empty")
    first, *names = map(str.strip, header)
    if not names:
        raise ValueError(f"its first line, {first!r}, names no column of labels")
    if len(set(names)) < len(names):
        raise ValueError("two of its columns have the same name")
    if str(PurePosixPath(root, first)) in files:
        raise ValueError("its first line must name the columns")
    given: dict[str, list[str]] = {}
    for file, *fields in rows:
        path = str(PurePosixPath(root, file))
        if path in given:
            raise ValueError(f"it names {file} twice")
        if len(fields) != len(names):
            raise ValueError(f"each line must have {1 + len(names)} fields")
        if not all(map(str.strip, fields)):
            raise ValueError(f"a field of {file} is empty")
        given[path] = fields
    return names, given


def _csv_rows(content: bytes) -> Iterator[list[str]]:
    return (row for row in csv.reader(io.StringIO(content.decode("utf-8-sig"))) if row)


def _json_rows(content: bytes) -> Iterator[list[str]]:
    yield ["file", "class"]
    for name, label in json.loads(content)["labels"] or ():
        if not isinstance(label, int | str):
            raise ValueError(f"the label of {name} is {label!r}")
        yield [name, str(label)]


def columns_of(names: Sequence[str], values: Sequence[Sequence[object]]) -> tuple[Columns, Labels]:
    """Columns and labels from texts or numbers, one sequence for each column.

    Whole numbers and texts are classes; what has fractions is a number.

    Raises:
        DCGANError: there is a nan or an infinity among fractions.
    """
    columns: Columns = {}
    labels = np.zeros((len(values[0]) if values else 0, len(names)), np.float32)
    for place, (name, column) in enumerate(zip(names, values, strict=True)):
        texts = [str(value).strip() for value in column]
        distinct = set(texts)
        if any("." in text for text in distinct) and None not in map(_number, distinct):
            odd = [text for text in texts if not np.isfinite(float(text))]
            if odd:
                raise DCGANError(
                    f"{len(odd):,} of {len(texts):,} labels in {name!r} are no finite numbers "
                    f"(first: {odd[0]}). Give them a number, or take the column away."
                )
            columns[name] = None
            labels[:, place] = [float(text) for text in texts]
        else:
            classes = sorted(distinct, key=_by_number)
            columns[name] = tuple(classes)
            number = {text: index for index, text in enumerate(classes)}
            labels[:, place] = [number[text] for text in texts]
    return columns, labels


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _by_number(text: str) -> tuple[float, str]:
    number = _number(text)
    return (np.inf if number is None or np.isnan(number) else number, text)


def require_classes(labels: NDArray[Any], names: Sequence[str], column: str, where: object) -> None:
    """Raises a DCGANError unless all labels (N,) are indices of these classes."""
    wrong = np.flatnonzero(~((labels >= 0) & (labels < len(names))))
    if len(wrong):
        raise DCGANError(
            f"{where}: {len(wrong):,} of {len(labels):,} labels in {column!r} are none of its "
            f"{len(names)} classes (first: {labels[wrong[0]]} of picture {wrong[0]})."
        )
