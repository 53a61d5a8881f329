"""The work of a step as a CUDA graph: recorded once, then replayed without Python in between.

On a data-centre GPU the arithmetic of a small step takes less than a millisecond, and its hundreds
of launches from Python take longer. A replay launches all of them at once.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor

from dcgan.distributed import Group
from dcgan.log import logger

WARM_UP = 3
"""How often work of a kind runs as usual, until all that is made only once is there."""

Work: TypeAlias = Callable[..., Sequence[Tensor]]
"""Tensors to tensors: the same launches each time, and no waiting for the device."""


class Recorded(NamedTuple):
    """Work whose inputs and outputs have places that stay."""

    inputs: Sequence[Tensor]
    outputs: Sequence[Tensor]
    replay: Callable[[], None]


def record(work: Work, inputs: Sequence[Tensor], chances: Iterable[torch.Generator]) -> Recorded:
    """Records work as a CUDA graph; nothing of it is done yet.

    Args:
        work: what shall be recorded.
        inputs: the tensors that each replay reads.
        chances: all that the work draws from; a replay draws with the seeds that they have then.

    Raises:
        RuntimeError: the work does something that cannot be recorded.
    """
    graph = torch.cuda.CUDAGraph()
    for rng in chances:
        graph.register_generator_state(rng)
    # Other threads read pictures ahead meanwhile; their calls are no part of the recording.
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        outputs = work(*inputs)
    return Recorded(inputs, outputs, graph.replay)


def aside(work: Work, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
    """Does work on a stream of its own, as it is recorded on one: gradients remember theirs."""
    if inputs[0].device.type != "cuda":
        return work(*inputs)
    here, there = torch.cuda.current_stream(), torch.cuda.Stream()  # type: ignore[no-untyped-call]
    there.wait_stream(here)
    with torch.cuda.stream(there):
        outputs = work(*inputs)
    here.wait_stream(there)
    return outputs


class Graphs:
    """Work of several kinds, each recorded after its warm-up and replayed from then on.

    Whatever the work reads beside its inputs must stay where it is: weights, and numbers that
    change from time to time, as tensors.
    """

    def __init__(self) -> None:
        self.is_recording = False
        """While this holds, nothing may be seeded."""
        self._record: Callable[..., Recorded] | None = record
        self._shape: torch.Size | None = None
        """Of the first input."""
        self._runs: dict[Hashable, int] = {}
        self._recorded: dict[Hashable, Recorded] = {}

    def clear(self) -> None:
        """Forgets all recordings, as what they read has moved."""
        self._runs.clear()
        self._recorded.clear()

    def run(
        self,
        kind: Hashable,
        work: Work,
        inputs: Sequence[Tensor],
        chances: Iterable[torch.Generator],
    ) -> list[Tensor]:
        """What work gives for inputs.

        Args:
            kind: work of one kind has inputs of one shape, and the same launches each time.
            work: done as it is at first, and where it cannot be recorded.
            inputs: on the device.
            chances: all that the work draws from, seeded.
        """
        if inputs[0].shape != self._shape:
            self.clear()  # a smaller batch comes again after going back at most, and holds memory
            self._shape = inputs[0].shape
        if kind not in self._recorded and self._record and self._runs.get(kind, 0) >= WARM_UP:
            self._try_to_record(kind, work, inputs, chances)
        recorded = self._recorded.get(kind)
        if not recorded:
            self._runs[kind] = self._runs.get(kind, 0) + 1
            return list(aside(work, inputs))
        for place, given in zip(recorded.inputs, inputs, strict=True):
            place.copy_(given)
        recorded.replay()
        return [output.clone() for output in recorded.outputs]

    def _try_to_record(
        self,
        kind: Hashable,
        work: Work,
        inputs: Sequence[Tensor],
        chances: Iterable[torch.Generator],
    ) -> None:
        assert self._record
        self.is_recording = True
        try:
            places = [given.clone() for given in inputs]
            self._recorded[kind] = self._record(work, places, chances)
        except RuntimeError as error:
            self._record = None
            reason = str(error).splitlines()[0]
            logger.warning(f"Steps cannot be recorded as CUDA graphs here ({reason}); slower.")
        finally:
            self.is_recording = False


def graphs_for(device: torch.device, group: Group) -> Graphs | None:
    """Where steps of this device are recorded; None: they run as they are.

    Those of many processes do, as they wait for each other within a step.
    """
    return Graphs() if device.type == "cuda" and group.count == 1 else None
