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
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

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
            with self._in_touch():
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
                with self._in_touch():
                    dist.send(own.cpu().contiguous(), 0, self.words)
            return own[:0]
        found = own.new_empty(sum(lengths), *own.shape[1:], device="cpu")
        found[: len(own)] = own
        for rank, part in enumerate(torch.split(found, lengths)):
            if rank and len(part):
                with self._in_touch():
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
        with self._in_touch():
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
        with self._in_touch():
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
        with self._in_touch():
            dist.all_gather_object(values, value, group=self.words)
        return values

    def _failure(self, text: str, rank: int = 0) -> DCGANError:
        return DCGANError(text) if rank == self.rank else ToldError(text)

    @contextmanager
    def _in_touch(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            reason = str(error).splitlines()[0].rpartition("] ")[2].rstrip(".")
            raise DCGANError(
                f"Process {self.rank} of {self.count} lost touch with the others ({reason}). The "
                "one that failed first says why; then give the same command again."
            ) from error


ALONE = Group()


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
            with self.group._in_touch():
                self._said = torch.tensor(own)
                self._count = dist.all_reduce(
                    self._said, dist.ReduceOp.MAX, group=self.group.votes, async_op=True
                )
        return bool(self.signal)

    def close(self) -> None:
        """Hears the last of what was said."""
        if self._said is not None:
            with self.group._in_touch():
                self._count.wait()
            self.signal, self._said = int(self._said), None


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


def require_shares(batch: int, count: int, least: int) -> None:
    """Refuses a batch that the processes cannot share.

    Args:
        batch: pictures per step.
        count: of processes.
        least: pictures that each must have.

    Raises:
        DCGANError: the shares would not be equal, or too small.
    """
    if batch % count == 0 and batch >= least * count:
        return
    smaller = batch // count * count
    near = [str(size) for size in (smaller, smaller + count) if size >= least * count]
    raise DCGANError(
        f"`batch` (={batch}) cannot be shared by {count} processes, in equal parts of at least "
        f"{least}. Give {' or '.join(near or [str(least * count)])}, or start fewer processes."
    )


class SyncBatchNorm(_BatchNorm):
    """Batch norm over the batches of all processes together, as over one batch.

    PyTorch's own runs on CUDA alone, and cannot be differentiated twice, as the gradient penalty
    asks for.
    """

    group = ALONE

    def _check_input_dim(self, x: Tensor) -> None:
        pass

    def forward(self, x: Tensor) -> Tensor:
        """(N, maps) or (N, maps, H, W) to the same shape."""
        if self.group.count == 1 or not self.training:
            return super().forward(x)
        axes = [axis for axis in range(x.dim()) if axis != 1]
        own = torch.stack(torch.var_mean(x.float(), axes, correction=0))
        rank, count = self.group.rank, self.group.count
        mine = torch.arange(count, device=x.device) == rank
        rows: Tensor = summed(self.group, mine[:, None, None] * own)  # (count, 2, maps)
        variances, means = rows.unbind(1)
        mean = means.mean(0)
        variance = (variances + (means - mean).square()).mean(0)
        scale = (variance + self.eps).rsqrt()
        scale = scale if self.weight is None else scale * self.weight
        shift = -mean * scale if self.bias is None else self.bias - mean * scale
        shape = (1, -1, *(1,) * (x.dim() - 2))
        return (x * scale.view(shape) + shift.view(shape)).to(x.dtype)


def summed(group: Group, numbers: Tensor) -> Tensor:
    """The sum over all processes, which can be differentiated: so can its gradient."""
    found: Tensor = _Sum.apply(group, numbers)  # type: ignore[no-untyped-call]
    return found


class _Sum(torch.autograd.Function):
    """A sum over all processes; its gradient is the sum of all their gradients."""

    @staticmethod
    def forward(ctx: Any, group: Group, numbers: Tensor) -> Tensor:
        ctx.group = group
        return group.add(numbers.clone())

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, Tensor]:
        return None, summed(ctx.group, gradient.contiguous())


def synchronise(network: nn.Module) -> None:
    """Puts `SyncBatchNorm` in the place of each batch norm, with its parameters and buffers."""
    for name, child in network.named_children():
        if isinstance(child, _BatchNorm):
            norm = SyncBatchNorm(child.num_features, child.eps, affine=child.affine)
            norm.track_running_stats = child.track_running_stats
            norm.load_state_dict(child.state_dict())
            setattr(network, name, norm)
        else:
            synchronise(child)


@contextmanager
def synchronised(networks: Sequence[nn.Module], group: Group) -> Iterator[None]:
    """Within, batch norm that can takes its statistics over the batches of all processes."""
    norms = [m for net in networks for m in net.modules() if isinstance(m, SyncBatchNorm)]
    for norm in norms:
        norm.group = group
    try:
        yield
    finally:
        for norm in norms:
            norm.group = ALONE
