"""The one kind of error that is the user's to mend, and the search for the word they meant."""

import difflib
from collections.abc import Iterable

MANY = 40


class DCGANError(ValueError):
    """A mistake or mishap the user can mend; its text is one clear sentence for them.

    The text says what was given, what is allowed, where, and what to do. Errors of Python's own
    kinds mean a fault of this package.
    """


def did_you_mean(word: object, possible: Iterable[str]) -> str:
    """A clause to end an error with: the nearest of the words, or all if they are not many.

    They are named in the order in which they are given. A word may be anything that was given in
    its place.
    """
    words = list(possible)
    near = difflib.get_close_matches(str(word), words, n=1)
    if near or len(words) > MANY:
        return f"Did you mean {near[0]!r}?" if near else ""
    return f"Possible: {', '.join(words) or 'none'}."


class NoSplitError(DCGANError):
    """A set has no split of the name that was asked for."""


class NotFiniteError(DCGANError):
    """Numbers that came out are no numbers, infinite, or too large for their type."""


class Stopped(KeyboardInterrupt):
    """Somebody asked to stop, and all is saved; the text says where it goes on.

    Attributes:
        signal: the number of the signal that asked.
    """

    def __init__(self, text: str, signal: int) -> None:
        super().__init__(text)
        self.signal = signal
