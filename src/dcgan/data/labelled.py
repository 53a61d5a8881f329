"""Labelled pictures in two parts, one to learn from and one to be tested on."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dcgan.config import PackConfig
from dcgan.data.loader import derive, shuffled
from dcgan.data.pack import Pack, PackPart, Reading, class_names, first_classes, is_pack
from dcgan.data.packing import matching_pack, open_pack
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
    column = column or first_classes(whole.info.columns) or ""
    if not column:
        raise DCGANError(
            f"{place} has no classes: put the pictures of each into a folder of its own."
        )
    classes = class_names(whole.info.columns, column, whole.info.name)
    if len(classes) < 2:
        raise DCGANError(
            f"{place} has one class alone, {', '.join(classes)}; to tell classes apart takes two."
        )
    order = shuffled(np.arange(len(whole)), len(whole), derive(seed, "labelled", 0))
    if not has_test:
        cut = max(1, round(TEST_SHARE * len(whole)))
        words = f"{len(whole) - cut:,} pictures to learn from; the test are {cut:,} others by lot"
        train, test = PackPart(whole, order[cut:]), PackPart(whole, order[:cut])
        return Labelled(train, test, column, classes, words)
    other = matching_pack(f"{place}:test", whole.info.reading)
    others = class_names(other.info.columns, column, other.info.name)
    if others != classes:
        only = ", ".join(sorted(set(classes) ^ set(others))[:5])
        raise DCGANError(
            f"{place}:train and {place}:test must have the same classes; in one of them alone: "
            f"{only}."
        )
    words = f"{len(whole):,} pictures to learn from; its test split of {len(other):,}"
    return Labelled(PackPart(whole, order), other, column, classes, words)


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
