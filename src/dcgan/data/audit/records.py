"""What an audit found: the facts of a source in sum, and what is wrong with which pictures."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dcgan.data.hashes import Groups
from dcgan.data.readers.items import Source
from dcgan.size import Size

Numbers = NDArray[np.int64]
"""(N,): numbers of pictures in their source, ascending."""


def _nothing(_: int) -> str:
    return ""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or worth knowing, with the pictures that it is about."""

    name: str
    """In a few words, such as `unreadable`."""
    text: str
    """A sentence: how many, what happens to them, what to do."""
    count: int
    """How many pictures it is about, as the sentence says."""
    weighs: bool
    """Whether it should be mended before training."""
    pictures: Numbers = field(default_factory=lambda: np.zeros(0, np.int64))
    """All of them; of copies, the first ones too."""
    same_as: Groups | None = None
    """Of copies: for each of `pictures` the number of the first of its group."""
    remark: Callable[[int], str] = _nothing
    """A few words on one of the pictures, by its number."""


@dataclass(frozen=True)
class Summary:
    """The facts of a source in sum; of the pictures that can be read."""

    pictures: int
    """In the source, the unreadable ones included."""
    readable: int
    grey: int
    """Those without colour to speak of."""
    kinds: dict[str, int]
    modes: dict[str, int]
    """How the files store their pixels."""
    distinct_sizes: int
    sizes: tuple[Size, ...]
    """The smallest, the median and the largest by area; none if nothing can be read."""
    shapes: tuple[float, ...]
    """Width / height: the smallest, the median, the largest."""
    classes: dict[str, dict[str, int]]
    """How many pictures each class has, for every label column with classes."""


@dataclass(frozen=True)
class Audit:
    """What was found in a source, and what to do about it."""

    source: Source
    place: str
    """As it was given."""
    size: Size
    """Training at this size was looked at."""
    summary: Summary
    findings: tuple[Finding, ...]
    """What should be mended first comes first."""
    command: str
    """How to train on the source; empty if nothing can be read."""
    reasons: tuple[str, ...]
    """Why this command: sentences."""
    verdict: str
    """In a sentence: fine, or what to mend first."""

    @property
    def is_weighty(self) -> bool:
        """Whether something should be mended before training."""
        return not self.summary.readable or any(finding.weighs for finding in self.findings)


def many(count: int, one: str = "", more: str = "") -> str:
    """`1 picture is` or `1,200 pictures are`, with these verbs."""
    words = f"{count:,} picture{'s'[: count != 1]} {one if count == 1 else more}"
    return words.rstrip()


def printable(text: str) -> str:
    """The text with all that is no visible character or space escaped."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text
    )
