"""Threads that share the pictures of a source among the cores."""

import os
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager


@contextmanager
def workers() -> Iterator[ThreadPoolExecutor]:
    """A thread for each core; decoding runs in C, outside of Python's lock.

    Within, Pillow does not warn of odd metadata: the pixels are what counts. When the block ends,
    also by Ctrl-C, work that was not begun is dropped.
    """
    with warnings.catch_warnings(), ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        warnings.simplefilter("ignore")
        try:
            yield pool
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
