"""Steps that are recorded and replayed: the same as those that are not."""

import copy
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from dcgan import step
from dcgan.distributed import ALONE, Group
from dcgan.graphs import WARM_UP, Graphs, Recorded, Work, graphs_for, record
from dcgan.step import TrainState, train_step
from tests.conftest import TINY
from tests.test_step import batch, tiny, weights

CPU = torch.device("cpu")
KINDS: list[dict[str, object]] = [
    {},
    {"augment": "shift"},
    {"schedule": "alternate", "decay_share": 0.5, "images": 60},
    {"gradient_penalty": 1.0},
    {"gradient_penalty": 0.0},
    {"g_updates": 2, "augment": "shift"},
]


class Again(Graphs):
    """Recordings for a CPU: the work is done again in the places where it was recorded."""

    def __init__(self) -> None:
        super().__init__()
        self._record = self.recorded
        self.replays = 0

    def recorded(
        self, work: Work, inputs: Sequence[Tensor], chances: Iterable[torch.Generator]
    ) -> Recorded:
        outputs = [torch.empty(()) for _ in range(7)]

        def replay() -> None:
            self.is_recording, self.replays = True, self.replays + 1  # nothing is seeded now
            for place, found in zip(outputs, work(*inputs), strict=True):
                place.copy_(found)
            self.is_recording = False

        return Recorded(inputs, outputs, replay)


@pytest.fixture
def again(monkeypatch: pytest.MonkeyPatch) -> list[Again]:
    """Each state takes recordings for a CPU, which are listed here."""
    made: list[Again] = []

    def make(*_: object) -> Graphs:
        made.append(Again())
        return made[-1]

    monkeypatch.setattr(step, "graphs_for", make)
    return made


def assert_same(one: TrainState, other: TrainState) -> None:
    """But for the rounding of numbers that change with time: 32 bits where steps are recorded."""
    for name in ("generator", "discriminator", "average"):
        for a, b in zip(weights(getattr(one, name)), weights(getattr(other, name)), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("options", KINDS, ids=str)
def test_replayed_steps_are_the_plain_ones(
    options: dict[str, object], again: list[Again], monkeypatch: pytest.MonkeyPatch
) -> None:
    replayed = TrainState(tiny(**options), CPU)
    monkeypatch.setattr(step, "graphs_for", graphs_for)
    plain = TrainState(tiny(**options), CPU)
    for number in range(20):
        found, expected = (train_step(state, batch(number)) for state in (replayed, plain))
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4, equal_nan=True)
    assert again[0].replays >= 8
    assert_same(replayed, plain)


def test_losses_of_a_step_are_not_written_over(again: list[Again]) -> None:
    state = TrainState(tiny(gradient_penalty=0.0), CPU)
    kept = [train_step(state, batch(number)) for number in range(WARM_UP + 4)]
    assert again[0].replays == 4
    assert len({losses.d_loss.item() for losses in kept}) == len(kept)


def test_a_checkpoint_is_gone_on_from(again: list[Again], monkeypatch: pytest.MonkeyPatch) -> None:
    one = TrainState(tiny(), CPU)
    for number in range(6):
        train_step(one, batch(number))
    other = TrainState(tiny(), CPU)
    for number in range(6, 12):
        train_step(other, batch(number))  # recorded before the checkpoint is read
    monkeypatch.setattr(step, "graphs_for", graphs_for)
    plain = TrainState(tiny(), CPU)
    for state in (other, plain):
        state.load_state_dict(copy.deepcopy(one.state_dict()))
    for number in range(6, 16):
        for state in (one, other, plain):
            train_step(state, batch(number))
    assert_same(one, other)
    assert_same(one, plain)


def test_batches_of_another_size_are_recorded_anew(again: list[Again]) -> None:
    state = TrainState(tiny(gradient_penalty=0.0), CPU)
    for number in range(5):
        train_step(state, batch(number))
    for number in range(5, 5 + WARM_UP + 1):
        train_step(state, torch.cat([batch(number), batch(number + 1)]))
    assert again[0].replays == 2 + 1
    train_step(state, batch(5))
    assert again[0].replays == 2 + 1, "the smaller ones' recording is gone"
    assert int(state.failing_since) == -1


def test_what_cannot_be_recorded_runs_as_it_is(
    again: list[Again], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> Recorded:
        raise RuntimeError("operation not permitted\nmore")

    state = TrainState(tiny(), CPU)
    monkeypatch.setattr(again[0], "_record", fail)
    with caplog.at_level("WARNING", logger="dcgan"):
        for number in range(WARM_UP + 3):
            train_step(state, batch(number))
    assert (
        caplog.text.count("cannot be recorded as CUDA graphs here (operation not permitted)") == 1
    )
    monkeypatch.setattr(step, "graphs_for", graphs_for)
    plain = TrainState(tiny(), CPU)
    for number in range(WARM_UP + 3):
        train_step(plain, batch(number))
    assert_same(state, plain)


def test_where_steps_are_recorded() -> None:
    assert graphs_for(CPU, ALONE) is None
    assert graphs_for(torch.device("cuda"), ALONE)
    assert graphs_for(torch.device("cuda"), Group(0, 2)) is None


@pytest.mark.gpu
@pytest.mark.parametrize("options", KINDS, ids=str)
def test_recorded_on_a_gpu(options: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = torch.device("cuda")
    options = {**TINY, "size": 32, "width": 32, "batch": 32, **options, "images": 3_200}
    replayed = TrainState(tiny(**options), gpu)
    monkeypatch.setattr(step, "graphs_for", lambda *_: None)
    plain = TrainState(tiny(**options), gpu)
    assert replayed.graphs
    recordings: list[Recorded] = []

    def watched(*arguments: Any) -> Recorded:
        recordings.append(record(*arguments))
        return recordings[-1]

    monkeypatch.setattr(replayed.graphs, "_record", watched)
    rng = torch.Generator().manual_seed(0)
    courses: list[list[float]] = [[], []]
    for _ in range(100):
        real = (torch.rand(32, 3, 32, 32, generator=rng) * 2 - 1).to(gpu)
        for state, course in zip((replayed, plain), courses, strict=True):
            course.append(train_step(state, real).d_loss.nan_to_num().item())
    assert recordings
    found, expected = torch.tensor(courses)
    torch.testing.assert_close(found[:10], expected[:10], rtol=1e-3, atol=1e-3)
    assert (found - expected).abs().mean() < 0.2 * expected.abs().mean()
