"""One process at a time in a place."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from dcgan.errors import DCGANError
from dcgan.files import unwritable
from dcgan.log import logger


@contextmanager
def alone(lock: Path, others: str, *, waits: bool = False) -> Iterator[None]:
    """Within, no other process holds this lock, a file in a folder that is there.

    Args:
        lock: the file; it vanishes at the end.
        others: what is said if another process holds it.
        waits: whether to wait for that process then.

    Raises:
        DCGANError: another process holds it, and nobody waits; or it cannot be written.
    """
    held = FileLock(lock)
    try:
        try:
            held.acquire(timeout=0)
        except Timeout:
            if not waits:
                raise DCGANError(others) from None
            logger.info(others)
            held.acquire()
    except OSError as error:
        raise unwritable(lock, error) from error
    try:
        yield
    finally:
        # While it is held: who waits sees that this file is gone, and takes a new one.
        with suppress(OSError):  # Windows keeps a file that is open
            lock.unlink()
        held.release()
