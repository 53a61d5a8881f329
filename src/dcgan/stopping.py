"""How a run is asked to stop: by signals, and in many processes after the same step."""

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from dcgan.distributed import Group


class Stop:
    """Lets all processes stop after the same step, whichever of them was asked to.

    What they say at one step is counted at the next, so that nobody waits for it.

    Args:
        group: the processes.
        signals: those that came to this one so far.
    """

    def __init__(self, group: Group, signals: Sequence[int]) -> None:
        self.group, self._signals = group, signals
        self.signal = 0
        """The signal with which they stop; 0 while they go on."""
        self._said: Tensor | None = None
        self._count: Any = None

    def asked(self) -> bool:
        """Whether it is time; all processes must ask as often."""
        own = self._signals[0] if self._signals else 0
        if self.group.count == 1:
            self.signal = own
            return bool(own)
        self.close()
        if not self.signal:
            with self.group.in_touch():
                self._said = torch.tensor(own)
                self._count = dist.all_reduce(
                    self._said, dist.ReduceOp.MAX, group=self.group.votes, async_op=True
                )
        return bool(self.signal)

    def close(self) -> None:
        """Hears the last of what was said."""
        if self._said is not None:
            with self.group.in_touch():
                self._count.wait()
            self.signal, self._said = int(self._said), None


@contextmanager
def stop_signals(are_repeated: bool = False) -> Iterator[list[int]]:
    """Collects SIGINT and SIGTERM, so that a step is finished first; a second one stops at once.

    Outside of the main thread Python cannot catch signals; there the list stays empty.

    Args:
        are_repeated: whether a second one means nothing, as `torchrun` repeats what the terminal
            has sent already; it ends processes that are still there half a minute later.
    """
    received: list[int] = []

    def receive(number: int, _: FrameType | None) -> None:
        if received and not are_repeated:
            raise KeyboardInterrupt
        received.append(number)

    if threading.current_thread() is not threading.main_thread():
        yield received
        return
    before = {number: signal.signal(number, receive) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
