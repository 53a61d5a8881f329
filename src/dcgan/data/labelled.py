"""Labelled pictures in two parts, one to learn from and one to be tested on."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dcgan.config import PackConfig
from dcgan.data.loader import derive, shuffled
from dcgan.data.pack import (
    Pack,
    PackPart,
    Reading,
    class_names,
    first_classes,
    is_pack,
    require_column,
)
from dcgan.data.packing import matching_pack, open_pack
from dcgan.data.readers.items import Columns
from dcgan.data.sources import open_source, parted
from dcgan.errors import DCGANError, NoSplitError

TEST_SHARE = 0.2
"""Of the pictures of a source that has no test split."""


class Labelled(NamedTuple):
    """The two parts, and how they came about."""

    train: Pack
    """In an order by lot, as sources mostly lie by class."""
    test: Pack
    column: str
    classes: tuple[str, ...]
    description: str

    def labels(self, part: Pack) -> NDArray[np.int64]:
        """The classes (N,) of a part's pictures, as their numbers."""
        return part.labels(self.column).astype(np.int64)


def labelled(
    place: str | Path,
    reading: Reading | None = None,
    *,
    column: str = "",
    seed: int = 42,
) -> Labelled:
    """Opens a labelled source: its splits `train` and `test`, or else a fifth by lot as the test.

    Args:
        place: the source.
        reading: how its pictures are read; by default as training chooses.
        column: the label column; by default the first with classes.
        seed: of the lots.

    Raises:
        DCGANError: there is no such source or column, it has no classes or one alone, or the test
            has other classes.
    """
    has_test = has_test_split(place)
    first = f"{place}:train" if has_test else place
    whole = matching_pack(first, reading) if reading else open_pack(first, PackConfig())
    column = column or chosen_column(whole.info.columns, place)
    classes = classes_in(whole, column)
    order = shuffled(np.arange(len(whole)), len(whole), derive(seed, "labelled", 0))
    if not has_test:
        cut = max(1, round(TEST_SHARE * len(whole)))
        words = f"{len(whole) - cut:,} pictures to learn from; the test are {cut:,} others by lot"
        train, test = PackPart(whole, order[cut:]), PackPart(whole, order[:cut])
        return Labelled(train, test, column, classes, words)
    other = matching_pack(f"{place}:test", whole.info.reading)
    if column not in other.info.columns:
        raise DCGANError(
            f"{place}:train has the labels {column!r}, and {place}:test has not; label its "
            "pictures the same way, as in folders of the same names."
        )
    others = classes_in(other, column)
    if others != classes:
        only = ", ".join(sorted(set(classes) ^ set(others))[:5])
        raise DCGANError(
            f"{place}:train and {place}:test must have the same classes; in one of them alone: "
            f"{only}."
        )
    words = f"{len(whole):,} pictures to learn from; its test split of {len(other):,}"
    return Labelled(PackPart(whole, order), other, column, classes, words)


def chosen_column(columns: Columns, place: str | Path) -> str:
    """The first label column with several classes.

    Raises:
        DCGANError: there is none.
    """
    found = first_classes(columns)
    if found:
        return found
    if not columns:
        raise DCGANError(
            f"{place} has no classes: put the pictures of each into a folder of its own, in two "
            "folders or more."
        )
    if not any(columns.values()):
        raise DCGANError(
            f"The labels of {place} are numbers ({', '.join(columns)}), and classes are to be told "
            "apart; give words or whole numbers in their place."
        )
    name, (only, *_) = next((name, names) for name, names in columns.items() if names)
    raise _one_class(place, name, only)


def classes_in(pack: Pack, column: str) -> tuple[str, ...]:
    """The classes of a label column, two at least.

    Raises:
        DCGANError: there is no such column, it holds numbers, or one class alone.
    """
    columns, source = pack.info.columns, pack.info.name
    require_column(columns, column, source)
    if columns[column] is None:
        possible = [name for name, names in columns.items() if names]
        others = f"one with classes ({', '.join(possible)}), or " if possible else ""
        raise DCGANError(
            f"The label column {column!r} of {source} holds numbers, and classes are to be told "
            f"apart; give {others}words or whole numbers in its place."
        )
    classes = class_names(columns, column, source)
    if len(classes) < 2:
        raise _one_class(source, column, classes[0])
    return classes


def _one_class(place: str | Path, column: str, only: str) -> DCGANError:
    return DCGANError(
        f"All pictures of {place} are of one class, {only!r} ({column}); add pictures of another."
    )


def has_test_split(place: str | Path) -> bool:
    """Whether a source has the splits `train` and `test`, and none was named.

    Raises:
        DCGANError: it has them, and one cannot be read.
    """
    if not str(place) or is_pack(place) or parted(place)[1]:
        return False
    try:
        for split in ("train", "test"):
            open_source(f"{place}:{split}")
    except NoSplitError:
        return False
    return True
