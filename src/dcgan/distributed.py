"""Many processes that share one work: how they find each other, and all that they tell each other.

To train, each process holds the same networks and works on its share of every batch; the gradients'
mean makes the same step in all of them. Other work goes through many pictures, of which each
process takes a part. `torchrun` starts the processes and says who is who in the environment. The
first of them, of rank 0, alone decides; it tells the others.
"""

import math
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor

from dcgan import __version__
from dcgan.devices import choose_device, choose_own_device
from dcgan.errors import DCGANError, Stopped
from dcgan.log import console, duration, logger

T = TypeVar("T")
Channel = Any
"""A `dist.ProcessGroup`, which PyTorch has only where it was built with it; None: none."""

VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
HOW = "torchrun --standalone --nproc-per-node N -m dcgan -- COMMAND ..."
VERSIONS = {"version": __version__, "PyTorch": torch.__version__}
START_TIMEOUT = timedelta(minutes=5)
"""How long a process waits at the start for the others."""
STEP_TIMEOUT = timedelta(minutes=10)
"""How long it waits for their part of a step."""
WORK_TIMEOUT = timedelta(days=1)
"""How long it waits for one that packs pictures or measures a distance."""


class ToldError(DCGANError):
    """The failure of another process, which says it itself."""


class ToldStop(Stopped):
    """The stop of a process among many, of which the first says it."""


class Group:
    """The processes that work together, as one of them sees them; a single one by default.

    Args:
        rank: which of them this is, in [0, count).
        count: how many there are.
        local_rank: which of those on this machine this is.
        words: carries what they tell each other.
    """

    def __init__(
        self, rank: int = 0, count: int = 1, local_rank: int = 0, words: Channel = None
    ) -> None:
        self.rank, self.count, self.local_rank = rank, count, local_rank
        self.words = self.numbers = self.votes = words
        """What gradients travel on, and whether to stop; see `connect`."""

    @property
    def is_first(self) -> bool:
        """Whether this is the one that writes and decides."""
        return self.rank == 0

    def device(self, name: str) -> torch.device:
        """The device of this process; all have one of the same kind.

        Raises:
            DCGANError: there is no such device, or none for each process.
        """
        is_single, place = self.count == 1, self.local_rank
        device = self.all_do(
            lambda: choose_device(name) if is_single else choose_own_device(name, place)
        )
        self.require_alike({"device": device.type})
        return device

    def connect(self, device: torch.device) -> None:
        """Opens what the steps need, for tensors on this device."""
        if self.count > 1:
            backend = "nccl" if device.type == "cuda" else "gloo"
            with self.in_touch():
                self.numbers = dist.new_group(timeout=STEP_TIMEOUT, backend=backend)
                self.votes = dist.new_group(timeout=STEP_TIMEOUT, backend="gloo")

    def close(self) -> None:
        """Closes what was opened, where all went well."""
        for channel in {self.words, self.numbers, self.votes} - {None}:
            dist.destroy_process_group(channel)

    def share(self, whole: Tensor) -> Tensor:
        """This process's equal part of the rows of a whole batch."""
        size = len(whole) // self.count
        return whole[self.rank * size : (self.rank + 1) * size]

    def rows(self, count: int, batch: int = 1) -> range:
        """This process's part of so many rows, in order of rank; the first has no less than others.

        Args:
            count: of rows.
            batch: rows that stay together, so that whole batches are the same in any company.
        """
        batches = math.ceil(count / batch)
        edges = (math.ceil(batches * rank / self.count) for rank in (self.rank, self.rank + 1))
        return range(*(min(edge * batch, count) for edge in edges))

    def turns(self, count: int, batch: int) -> NDArray[np.bool_]:
        """Which of so many rows (count,) are this process's, if they take batches in turns."""
        own: NDArray[np.bool_] = np.arange(count) // batch % self.count == self.rank
        return own

    def joined_rows(self, own: Tensor) -> Tensor:
        """The rows of all processes, in order of rank, in the first; none in the others.

        Args:
            own: as many rows as this process has; one at least in the first, unless nobody has any.
        """
        if self.count == 1:
            return own
        lengths = self._gathered(len(own))
        if not self.is_first:
            if len(own):
                with self.in_touch():
                    dist.send(own.cpu().contiguous(), 0, self.words)
            return own[:0]
        found = own.new_empty(sum(lengths), *own.shape[1:], device="cpu")
        found[: len(own)] = own
        for rank, part in enumerate(torch.split(found, lengths)):
            if rank and len(part):
                with self.in_touch():
                    dist.recv(part, rank, self.words)
        return found.to(own.device)

    def average(self, tensors: Sequence[Tensor]) -> None:
        """Puts the means over all processes in the place of tensors, in a single message."""
        if self.count == 1:
            return
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        self.add(flat)
        parts = torch.split(flat.div_(self.count), [tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view_as(tensor))

    def add(self, numbers: Tensor) -> Tensor:
        """Puts the sum over all processes in the place of a tensor."""
        if self.count == 1:
            return numbers
        with self.in_touch():
            dist.all_reduce(numbers, group=self.numbers)
        return numbers

    def told(self, work: Callable[[], T]) -> T:
        """What the first process finds, told to all, however long it takes; others do not work.

        Raises:
            DCGANError: the work failed.
            OSError: the same, in the first.
        """
        if self.count == 1:
            return work()
        found: list[Any] = [None, None]
        failure: DCGANError | OSError | None = None
        if self.is_first:
            try:
                found[0] = work()
            except (DCGANError, OSError) as error:
                failure, found[1] = error, str(error)
        with self.in_touch():
            dist.broadcast_object_list(found, src=0, group=self.words)
        if found[1] is not None:
            raise failure or ToldError(found[1])
        result: T = found[0]
        return result

    def first(self, work: Callable[[], T]) -> T | None:
        """What the first process finds, kept to itself; None in the others, which wait for it.

        Raises:
            DCGANError: the work failed.
        """
        kept: list[T] = []
        self.told(lambda: kept.append(work()))
        return kept[0] if kept else None

    def all_do(self, work: Callable[[], T]) -> T:
        """What this process finds, as soon as all have found theirs.

        Raises:
            DCGANError: the work failed in one of them.
        """
        if self.count == 1:
            return work()
        found: list[T] = []
        failure = None
        try:
            found.append(work())
        except DCGANError as error:
            failure = str(error)
        for rank, text in enumerate(self._gathered(failure)):
            if text is not None:
                where = f"In process {rank} of {self.count}: " if rank else ""
                raise self._failure(where + text, rank)
        return found[0]

    def in_turn(self, work: Callable[[], T]) -> T:
        """What this process finds; the first on each machine works before the others there.

        So the others find done what is done once and for all, as pictures packed in a cache.

        Raises:
            DCGANError: the work failed in one of them.
        """
        kept: list[T] = []
        self.all_do(lambda: None if self.local_rank else kept.append(work()))
        return self.all_do(lambda: kept[0] if kept else work())

    def require_alike(self, facts: Mapping[str, object]) -> None:
        """Refuses to work with processes of which something differs that must not.

        Raises:
            DCGANError: a fact is another one, or missing, in some process.
        """
        if self.count == 1:
            return
        rows = self._gathered({**VERSIONS, **facts})
        for rank, row in enumerate(rows):
            for name in sorted(rows[0] | row):
                here, there = rows[0].get(name, "not given"), row.get(name, "not given")
                if here != there:
                    raise self._failure(
                        f"The processes differ in {name}: {here} in process 0, {there} in process "
                        f"{rank}. Start all with one command, on the same pictures."
                    )

    def means(self, numbers: Tensor) -> list[float]:
        """The means over all processes of a few numbers, without those that are not a number."""
        rows = [numbers.tolist()] if self.count == 1 else self._gathered(numbers.tolist())
        found: list[float] = torch.tensor(rows).nanmean(0).tolist()
        return found

    def announce(self) -> None:
        """Says, where there are many, that they share the work."""
        if self.count > 1:
            logger.info(f"{self.count} processes share the work; progress is shown of the first.")

    def _gathered(self, value: T) -> list[T]:
        values: list[Any] = [None] * self.count
        with self.in_touch():
            dist.all_gather_object(values, value, group=self.words)
        return values

    def _failure(self, text: str, rank: int = 0) -> DCGANError:
        return DCGANError(text) if rank == self.rank else ToldError(text)

    @contextmanager
    def in_touch(self) -> Iterator[None]:
        """Within, an error of the connection becomes a sentence.

        Raises:
            DCGANError: another process is gone.
        """
        try:
            yield
        except RuntimeError as error:
            reason = str(error).splitlines()[0].rpartition("] ")[2].rstrip(".")
            raise DCGANError(
                f"Process {self.rank} of {self.count} lost touch with the others ({reason}). The "
                "one that failed first says why; then give the same command again."
            ) from error


ALONE = Group()


@contextmanager
def joined() -> Iterator[Group]:
    """The processes that `torchrun` started this one with; within, only the first is heard.

    Raises:
        DCGANError: the environment does not say who they are, or they do not come.
    """
    group = join()
    if group.is_first:
        yield group
        group.close()
        return
    before = console.quiet, logger.disabled
    console.quiet = logger.disabled = True
    try:
        yield group
        group.close()
    except KeyboardInterrupt as stop:
        raise ToldStop(str(stop), getattr(stop, "signal", signal.SIGINT)) from None
    finally:
        console.quiet, logger.disabled = before


def join() -> Group:
    """Waits for the other processes that the environment speaks of, if it speaks of any.

    Raises:
        DCGANError: it does not say who they are, or they do not come.
    """
    rank, count, local_rank = places(os.environ)
    if count == 1:
        return ALONE
    try:
        if not dist.is_initialized():
            dist.init_process_group("gloo", timeout=START_TIMEOUT)
        words = dist.new_group(timeout=WORK_TIMEOUT, backend="gloo")
    except (RuntimeError, ValueError) as error:
        address = f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
        raise DCGANError(
            f"Process {rank} of {count} waited {duration(START_TIMEOUT.total_seconds())} at "
            f"{address} (MASTER_ADDR, MASTER_PORT) for the others, and not all of them came "
            f"({str(error).splitlines()[0]}). Start them all: {HOW}"
        ) from error
    return Group(rank, count, local_rank, words)


def places(environment: Mapping[str, str]) -> tuple[int, int, int]:
    """Rank, number of processes, and rank on this machine, as `torchrun` writes them.

    Raises:
        DCGANError: some of it is missing, or not as it must be.
    """
    given = {name: environment[name] for name in VARIABLES if environment.get(name)}
    if not given.keys() & {"RANK", "WORLD_SIZE"} or given.get("WORLD_SIZE") == "1":
        return 0, 1, 0
    missing = [name for name in VARIABLES if name not in given]
    if missing:
        there = ", ".join(f"{name}={value}" for name, value in given.items())
        raise DCGANError(
            f"The environment speaks of many processes ({there}), but {', '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} missing. Start with {HOW} to have all set."
        )
    numbers = [given[name] for name in VARIABLES[:3]]
    if not all(number.isdecimal() for number in numbers) or int(numbers[0]) >= int(numbers[1]):
        raise DCGANError(
            f"RANK={numbers[0]}, WORLD_SIZE={numbers[1]} and LOCAL_RANK={numbers[2]} must be whole "
            f"numbers, RANK below WORLD_SIZE. Start with {HOW} to have them set."
        )
    rank, count, local_rank = map(int, numbers)
    return rank, count, local_rank


def require_shares(batch: int, count: int, least: int, parts: int = 1) -> None:
    """Refuses a batch that the processes cannot share.

    Args:
        batch: pictures per step.
        count: of processes.
        least: pictures that each must have.
        parts: of a batch, one of which is all there is at first, where it grows.

    Raises:
        DCGANError: the shares would not be equal, or too small.
    """
    unit = count * parts
    if batch % unit == 0 and batch >= least * unit:
        return
    smaller = batch // unit * unit
    near = [str(size) for size in (smaller, smaller + unit) if size >= least * unit]
    grows = f", at first {batch // parts}, as it grows" if parts > 1 else ""
    steady = ", or --no-grow-batch in a new run" if parts > 1 else ""
    raise DCGANError(
        f"`batch` (={batch}{grows}) cannot be shared by {count} processes, in equal parts of at "
        f"least {least}. Give {' or '.join(near or [str(least * unit)])}{steady}, or start fewer "
        "processes."
    )
