"""Threads that share the pictures of a source among the cores."""

import os
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Given = TypeVar("Given")
Found = TypeVar("Found")
AHEAD = 8
"""Pieces of work for each core that are begun or done before their results are asked for."""


@contextmanager
def workers() -> Iterator["Workers"]:
    """A thread for each core; decoding runs in C, outside of Python's lock.

    Within, Pillow does not warn of odd metadata: the pixels are what counts. When the block ends,
    also by Ctrl-C, work that was not begun is dropped.
    """
    cores = os.cpu_count() or 1
    with warnings.catch_warnings(), ThreadPoolExecutor(cores) as pool:
        warnings.simplefilter("ignore")
        try:
            yield Workers(pool, AHEAD * cores)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


class Workers:
    """Threads that work ahead of who asks for their results, but not far."""

    def __init__(self, pool: ThreadPoolExecutor, ahead: int) -> None:
        self._pool, self._ahead = pool, ahead

    def map(self, work: Callable[[Given], Found], pieces: Iterable[Given]) -> Iterator[Found]:
        """The results of all pieces, in order."""
        begun: deque[Future[Found]] = deque()
        for piece in pieces:
            begun.append(self._pool.submit(work, piece))
            if len(begun) > self._ahead:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()
