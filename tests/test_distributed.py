"""Many processes: the same step as one, replicas equal to the bit, and an end that all hear of."""

import hashlib
import io
import logging
import multiprocessing
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
import torch

import dcgan
from dcgan import devices, distributed, step
from dcgan.config import Config
from dcgan.data import packing
from dcgan.devices import choose_own_device
from dcgan.distributed import Group, join, places, require_shares
from dcgan.errors import DCGANError, Stopped
from dcgan.health import Distance, Finding, Health
from dcgan.networks import Discriminator
from dcgan.presets import preset
from dcgan.size import Size
from dcgan.step import TrainState, train_step
from dcgan.sync_batch_norm import SyncBatchNorm, synchronise
from dcgan.train import for_processes
from dcgan.trainer import Trainer
from tests.conftest import TINY
from tests.test_train import assert_same_run, lines, newest, state_of

CPU = torch.device("cpu")
EIGHT: dict[str, Any] = {
    **TINY,
    "batch": 8,
    "grow_batch": False,
    "precision": "float32",
    "augment": "none",
    "g_updates": 1,
    "gradient_penalty": 0.0,
}
"""Each process moves its pictures by lots of its own; without that one step is like another."""
OFTEN = {"log_interval": 24, "sheet_interval": 48, "checkpoint_interval": 24}
VARIABLES = distributed.VARIABLES
PRELOADED = [
    "dcgan.train", "torch._dynamo", "dcgan.features.writing", "dcgan.metrics.evaluation",
    "tests.test_distributed",
]  # fmt: skip
"""Imported once, not by each process; the optimisers import the second when they first step."""


def in_processes(count: int, work: Callable[..., Any], *given: Any) -> list[Any]:
    """What work gives in each of so many processes, or the error it raised, in order."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    pipes, children = [], []
    port, cache = free_port(), os.environ["DCGAN_CACHE"]
    for rank in range(count):
        ours, theirs = context.Pipe(duplex=False)
        place = dict(zip(VARIABLES, map(str, (rank, count, rank, "localhost", port)), strict=True))
        named = {**place, "DCGAN_CACHE": cache, "OMP_NUM_THREADS": "1"}
        child = context.Process(target=serve, args=(theirs, named, work, given), daemon=True)
        child.start()
        theirs.close()
        pipes.append(ours)
        children.append(child)
    try:
        found = [pipe.recv() if pipe.poll(120) else "no answer" for pipe in pipes]
    finally:
        for child in children:
            child.join(10)
            child.kill()
            child.join()
    assert "no answer" not in found
    return found


def serve(pipe: Connection, place: dict[str, str], work: Callable[..., Any], given: Any) -> None:
    """A process: does the work, and sends what it gives or raises."""
    os.environ.update(place)
    try:
        found = work(*given)
    except (DCGANError, Stopped) as error:
        found = error
    pipe.send(found if not isinstance(found, BaseException) else (type(found).__name__, str(found)))


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("localhost", 0))
        return int(found.getsockname()[1])


def whole_batch(number: int = 0) -> torch.Tensor:
    return torch.rand(8, 3, 16, 16, generator=torch.Generator().manual_seed(number)) * 2 - 1


def eight(options: dict[str, Any]) -> Config:
    classes = 3 if "labels" in options else 0
    return preset(**{**EIGHT, **options}).fitted(Size(16, 16), 3, classes)


def joined_state(options: dict[str, Any]) -> TrainState:
    group = join()
    group.connect(CPU)
    return TrainState(eight(options), CPU, group=group)


def step_of(state: TrainState, number: int) -> None:
    """One step on this process's share of a batch, with classes where the networks have some."""
    labels = torch.arange(8) % 3 if state.config.network.classes else None
    own = None if labels is None else state.group.share(labels)
    train_step(state, state.group.share(whole_batch(number)), own)


def gradients_of(state: TrainState) -> list[torch.Tensor]:
    return [p.grad for net in (state.generator, state.discriminator) for p in net.parameters()
            if p.grad is not None]  # fmt: skip


def gradients_in_processes(options: dict[str, Any], steps: int) -> list[list[Any]]:
    """The mean gradients of each step, as lists, which pass through a pipe."""
    state, found = joined_state(options), []
    for number in range(steps):
        step_of(state, number)
        found.append([gradient.numpy().copy() for gradient in gradients_of(state)])
    assert state.images_seen == 8 * steps
    return found


@pytest.mark.parametrize(
    ("count", "options"),
    [
        (2, {}),
        (4, {"schedule": "alternate", "hidden_units": 8, "affine": False}),
        (2, {"gradient_penalty": 10.0}),
        (2, {"g_updates": 2}),
        (2, {"labels": "class", "gradient_penalty": 10.0}),
        (2, {"labels": "class", "conditioning": "joined"}),
    ],
    ids=str,
)
def test_the_mean_gradient_is_that_of_one_process_on_the_whole_batch(
    count: int, options: dict[str, Any]
) -> None:
    """With batch norm over all processes nothing differs; the step size 0 keeps the weights."""
    options = {**options, "sync_batch_norm": True, "learning_rate": 0.0}
    alone = TrainState(eight(options), CPU)
    found = in_processes(count, gradients_in_processes, options, 2)
    for number in range(2):
        step_of(alone, number)
        for rank in range(count):
            there = [torch.from_numpy(gradient) for gradient in found[rank][number]]
            for ours, theirs in zip(gradients_of(alone), there, strict=True):
                # Rounding is as large as the largest terms of the sums are, whatever comes out.
                largest = float(ours.abs().max())
                torch.testing.assert_close(theirs, ours, rtol=0, atol=5e-6 * largest)


class Part(Group):
    """A process that hears nothing of the others."""

    def average(self, tensors: Sequence[torch.Tensor]) -> None:
        pass


def test_by_default_it_is_the_mean_over_shares_that_know_nothing_of_each_other() -> None:
    options = {"learning_rate": 0.0}
    found = in_processes(2, gradients_in_processes, options, 1)
    parts = []
    for rank in range(2):
        group = Part(rank, 2)
        state = TrainState(eight(options), CPU, group=group)
        step_of(state, 0)
        parts.append(gradients_of(state))
    for one, other, there in zip(*parts, found[0][0], strict=True):
        torch.testing.assert_close(torch.from_numpy(there), (one + other) / 2, rtol=1e-5, atol=1e-7)
    assert not torch.allclose(parts[0][0], parts[1][0])


def digest(state: dict[str, Any]) -> str:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return hashlib.sha256(buffer.getvalue()).hexdigest()


class Kept(Trainer):
    """Trainers as they are, of which the last stays at hand."""

    last: Trainer

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        Kept.last = self


def trained(
    place: Path, folder: Path, options: dict[str, Any], stop: tuple[int, int] = (0, 0)
) -> tuple[str, int, int, int]:
    """Trains, in one process asked to stop at a moment; gives the digest of what it holds then."""
    packed = []
    module = sys.modules["dcgan.train"]
    real_step, write_shards = step.train_step, packing._write_shards

    def watched(state: TrainState, *batch: Any) -> step.StepLosses:
        losses = real_step(state, *batch)
        if (state.group.rank, state.images_seen) == stop:
            os.kill(os.getpid(), signal.SIGINT)
        return losses

    def noted(*given: Any) -> None:
        packed.append(given)
        write_shards(*given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "Trainer", Kept)
        patch.setattr(sys.modules["dcgan.trainer"], "train_step", watched)
        patch.setattr(packing, "_write_shards", noted)
        model = dcgan.train(place, folder, **{**EIGHT, **OFTEN, **options})
    state = Kept.last.state
    return digest(state.state_dict()), state.attempt, len(packed), model.images_seen


@pytest.mark.parametrize("batch", [{"batch": 12}, {"batch": 24, "grow_batch": True}], ids=str)
def test_replicas_stay_equal_and_a_stop_changes_nothing(
    photos: Path, tmp_path: Path, batch: dict[str, Any]
) -> None:
    options = {**batch, "images": 96, "flip": True, "augment": "shift"}
    whole = in_processes(3, trained, photos, tmp_path / "whole", options)
    assert len({found[0] for found in whole}) == 1
    assert [found[2] for found in whole] == [1, 0, 0], "one process packs for all"
    assert [found[3] for found in whole] == [96, 96, 96]
    assert [line["images_seen"] for line in lines(tmp_path / "whole")] == [24, 48, 72, 96]
    for stopped in in_processes(3, trained, photos, tmp_path / "parts", options, (2, 36)):
        assert stopped[0] in ("Stopped", "ToldStop"), stopped
        assert re.match("Stopped after (36|42|48) pictures; all is saved in", stopped[1])
    parts = in_processes(3, trained, photos, tmp_path / "parts", options)
    assert parts[0][0] == whole[0][0]
    assert_same_run(tmp_path / "whole", tmp_path / "parts")


def test_a_run_goes_on_in_another_number_of_processes(
    photos: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """With batch norm over all of them it stays on its course, but for rounding."""
    options = {"sync_batch_norm": True, "flip": True}
    dcgan.train(photos, tmp_path / "whole", **{**EIGHT, **OFTEN, **options, "images": 48})
    in_processes(2, trained, photos, tmp_path / "parts", {**options, "images": 24})
    with caplog.at_level(logging.INFO):
        dcgan.train(photos, tmp_path / "parts", **{**EIGHT, **OFTEN, **options, "images": 48})
    assert "processes was 2 until here, and is 1 now; batch norm takes 8 pictures" in caplog.text
    one, other = (state_of(tmp_path / name)["training"]["generator"] for name in ("whole", "parts"))
    for name, tensor in one.items():
        if tensor.is_floating_point():
            assert (tensor - other[name]).abs().mean() < 2e-5, name


def twice(place: Path, folder: Path) -> list[int]:
    """Trains two runs, one after the other."""
    options = {**EIGHT, **OFTEN}
    return [
        dcgan.train(place, folder / str(images), images=images, **options).images_seen
        for images in (16, 24)
    ]


def test_a_script_may_train_more_than_once(photos: Path, tmp_path: Path) -> None:
    assert in_processes(2, twice, photos, tmp_path) == [[16, 24], [16, 24]]


def collapsing(place: Path, folder: Path, options: dict[str, Any]) -> tuple[str, int, int, int]:
    """Trains a run whose first process finds once that it collapsed."""
    left = [1]

    def found(health: Health) -> list[Finding]:
        if health.looks[-1].images_seen == 72 and left.pop():
            left.append(0)
            return [Finding("collapsed", is_grave=True)]
        return []

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Health, "findings", found)
        patch.setattr(Health, "look", only_first(Health.look))
        return trained(place, folder, options)


def only_first(look: Any) -> Any:
    def looked(health: Health, state: TrainState) -> Any:
        assert state.group.is_first
        return look(health, state)

    return looked


def test_all_go_back_together(photos: Path, tmp_path: Path) -> None:
    options = {"images": 96, "watch_interval": 24, "sync_batch_norm": True}
    found = in_processes(2, collapsing, photos, tmp_path / "run", options)
    assert [attempt for _, attempt, *_ in found] == [1, 1]
    assert found[0][0] == found[1][0]
    assert [line["images_seen"] for line in lines(tmp_path / "run") if "trouble" in line] == [0]


def patient(place: Path, folder: Path) -> int:
    """Trains until a distance has not become smaller for a while; the first process measures."""
    measured: list[int] = []

    def measure(model: dcgan.Model) -> float:
        measured.append(model.images_seen)
        return float(len(measured))

    options: dict[str, Any] = {**EIGHT, **OFTEN, "images": 400, "patience": 48}
    model = dcgan.train(place, folder, distance=lambda *_: Distance("given", measure), **options)
    return model.images_seen + 1000 * len(measured)


def test_the_first_measures_and_all_end_by_its_word(photos: Path, tmp_path: Path) -> None:
    assert in_processes(2, patient, photos, tmp_path / "run") == [3024, 24]
    assert state_of(tmp_path / "run")["images_seen"] == 72


def differing(place: Path, folder: Path, difference: str) -> None:
    """Trains in processes of which the second was given something else."""
    is_second = os.environ["RANK"] == "1"
    options: dict[str, Any] = {**EIGHT, "images": 16}
    if is_second and difference == "options":
        options["width"] = 16
    if is_second and difference == "pictures":
        os.environ["LOCAL_RANK"] = "0"
        place = place / "more"
    if is_second and difference == "no pictures":
        os.environ["LOCAL_RANK"] = "0"
        place = place / "nowhere"
    if difference == "batch":
        options["batch"] = 9
    if difference == "shares":
        options["batch"] = 2
    if difference == "labels":
        options["labels"] = "kind"
    if difference == "failing":
        options["images"] = 400
        vars(step)["generator_loss"] = lambda fake: fake.sum() * float("nan")
    dcgan.train(place, folder, **options)


@pytest.mark.parametrize(
    ("difference", "who", "text"),
    [
        ("options", 0, "processes differ in `width`: 8 in process 0, 16 in process 1. Start all"),
        ("pictures", 0, "processes differ in pictures: 12 .SHA-256 .* in process 0, 8 .SHA-256"),
        ("no pictures", 1, "In process 1 of 2: There is no folder or archive .*nowhere"),
        ("batch", 0, "`batch` .=9. cannot be shared by 2 processes.* Give 8 or 10, or start fewer"),
        ("shares", 0, "`batch` .=2. cannot be shared .* at least 2. Give 4, or start fewer"),
        ("labels", 0, "photos has no label column 'kind'"),
        ("failing", 0, "3 steps in a row gave losses or gradients that are not finite"),
    ],
)
def test_what_one_refuses_all_hear_and_one_says(
    photos: Path, tmp_path: Path, difference: str, who: int, text: str
) -> None:
    found = in_processes(2, differing, photos, tmp_path / "run", difference)
    assert [name for name, _ in found] == [
        "DCGANError" if rank == who else "ToldError" for rank in range(2)
    ]
    for _, said in found:
        assert re.search(text, said), said


def left_open(place: Path, folder: Path) -> None:
    dcgan.train(place, folder, **{**EIGHT, "batch": 0, "images": 64})


def test_a_batch_left_open_is_refused_when_it_is_known(photos: Path, tmp_path: Path) -> None:
    found = in_processes(3, left_open, photos, tmp_path / "run")
    assert sorted(name for name, _ in found) == ["DCGANError", "ToldError", "ToldError"]
    assert all(
        re.search("`batch` .=32. cannot be shared by 3 processes", said) for _, said in found
    )
    assert not (tmp_path / "run" / "config.json").exists()


@pytest.mark.parametrize(
    ("batch", "count", "least", "advice"),
    [(64, 3, 2, "63 or 66"), (2, 4, 2, "8"), (4, 4, 2, "8"), (3, 4, 1, "4"), (10, 4, 2, "8 or 12")],
)
def test_batches_that_cannot_be_shared(batch: int, count: int, least: int, advice: str) -> None:
    with pytest.raises(DCGANError, match=f"at least {least}. Give {advice}, or start fewer"):
        require_shares(batch, count, least)


@pytest.mark.parametrize(("batch", "advice"), [(64, "60 or 72"), (8, "24")])
def test_a_batch_that_grows_cannot_be_shared_at_first(batch: int, advice: str) -> None:
    said = (
        f"{batch}, at first {batch // 4}, as it grows. cannot .* Give {advice}, or --no-grow-batch"
    )
    with pytest.raises(DCGANError, match=said):
        require_shares(batch, 3, 2, parts=4)


def test_batches_that_can() -> None:
    for batch, count, least in [(64, 4, 2), (8, 4, 2), (4, 4, 1), (2, 1, 2)]:
        require_shares(batch, count, least)
    require_shares(24, 3, 2, parts=4)


def test_of_many_processes_no_batch_grows_unasked() -> None:
    cases: tuple[tuple[dict[str, Any], bool, bool], ...] = (
        ({}, True, False),
        ({"grow_batch": True}, True, True),
        ({"grow_batch": False}, False, False),
    )
    for options, one, many in cases:
        config = preset(**options)
        for group, expected in ((Group(), one), (Group(count=4), many)):
            fitted = for_processes(config, group).train.fitted(Size(64, 64))
            assert (fitted.batch, fitted.grow_batch) == (64, expected)


PLACE = {
    "RANK": "1",
    "WORLD_SIZE": "4",
    "LOCAL_RANK": "0",
    "MASTER_ADDR": "here",
    "MASTER_PORT": "1",
}


def test_places() -> None:
    assert places({}) == (0, 1, 0)
    assert places({"WORLD_SIZE": "1", "RANK": "0"}) == (0, 1, 0)
    assert places({"MASTER_ADDR": "here"}) == (0, 1, 0)
    assert places(PLACE) == (1, 4, 0)


@pytest.mark.parametrize("missing", VARIABLES[1:])
def test_a_missing_variable(missing: str) -> None:
    there = {name: value for name, value in PLACE.items() if name != missing}
    with pytest.raises(DCGANError, match=rf"many processes \(RANK=1.*but {missing} is missing"):
        places(there)
    with pytest.raises(DCGANError, match="MASTER_ADDR, MASTER_PORT are missing. Start with torchr"):
        places({name: PLACE[name] for name in VARIABLES[:3]})


@pytest.mark.parametrize(("name", "value"), [("RANK", "4"), ("RANK", "x"), ("LOCAL_RANK", "-1")])
def test_places_that_cannot_be(name: str, value: str) -> None:
    with pytest.raises(DCGANError, match=f"{name}={value}.*must be whole numbers, RANK below"):
        places({**PLACE, name: value})


def forsaken() -> None:
    """Waits for a process that never comes."""
    distributed.START_TIMEOUT = timedelta(seconds=2)
    os.environ["WORLD_SIZE"] = "2"
    join()


def test_a_process_that_nobody_joins() -> None:
    ((name, text),) = in_processes(1, forsaken)
    assert name == "DCGANError"
    assert re.search(r"Process 0 of 2 waited 0:02 at localhost:\d+ .* not all of them came", text)
    assert "torchrun" in text


def test_each_process_has_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[int] = []
    monkeypatch.setattr(devices, "choose_device", lambda _: torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    assert choose_own_device("auto", 1) == torch.device("cuda", 1)
    assert chosen == [1]
    with pytest.raises(DCGANError, match="has 2 GPUs, and more processes .*--nproc-per-node 2"):
        choose_own_device("auto", 2)
    for kind in ("cuda:1", "mps"):
        monkeypatch.setattr(devices, "choose_device", torch.device)
        with pytest.raises(DCGANError, match=f"{kind}: {kind}. cannot be shared by many processes"):
            choose_own_device(kind, 0)
    assert choose_own_device("cpu", 7) == CPU


def test_batch_norm_over_one_process_is_batch_norm() -> None:
    network = preset(**EIGHT, hidden_units=8).network
    plain = Discriminator(network)
    other = Discriminator(network)
    synchronise(other)
    other.load_state_dict(plain.state_dict())
    assert list(other.state_dict()) == list(plain.state_dict())
    assert sum(isinstance(module, SyncBatchNorm) for module in other.modules()) == 2
    images = whole_batch()
    assert torch.equal(other(images), plain(images))
    assert torch.equal(other.eval()(images), plain.eval()(images))


TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
COMMAND = (
    "--size 16 --width 8 --batch 8 --latent-dim 6 --device cpu "
    "--checkpoint-interval 40 --images 10000000"
)


@contextmanager
def started(photos: Path, folder: Path) -> Iterator["subprocess.Popen[str]"]:
    """Starts a run in two processes, as a user does; none is left at the end."""
    words = ["-m", "dcgan", "--", "train", str(photos), "--run", str(folder), *COMMAND.split()]
    process = subprocess.Popen([*TORCHRUN, *words], stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        left = [process.pid, *workers_of(process)] if process.poll() is None else []
        for number in left:
            os.kill(number, signal.SIGKILL)
        process.communicate()


def workers_of(process: "subprocess.Popen[str]") -> list[int]:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [int(child) for child in children]


def wait_for_newer(name: str, folder: Path, process: "subprocess.Popen[str]") -> list[int]:
    """Waits until there is a newer checkpoint than this; gives the processes that train."""
    deadline = time.monotonic() + 120
    while newest(folder) <= name:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return workers_of(process)


def ended(worker: int) -> bool:
    try:
        return Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_the_end_of_one_is_the_end_of_all(photos: Path, tmp_path: Path) -> None:
    """Killed, then taken up by the same command, then asked to stop."""
    folder = tmp_path / "run"
    with started(photos, folder) as process:
        workers = wait_for_newer("", folder, process)
        assert len(workers) == 2
        os.kill(workers[1], signal.SIGKILL)
        _, said = process.communicate(timeout=60)
    assert process.returncode != 0
    assert all(map(ended, workers))
    assert said.count("12 pictures of 16x16 in colour, 8 a step") == 1
    assert "lost touch with the others" in said
    killed_at = state_of(folder)["images_seen"]
    with started(photos, folder) as process:
        workers = wait_for_newer(newest(folder), folder, process)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    assert process.returncode != 0
    assert all(map(ended, workers))
    assert said.count(f"Going on from {killed_at:,} pictures.") == 1
    assert said.count("all is saved in") == 1
    stopped_at = state_of(folder)["images_seen"]
    assert killed_at < stopped_at == dcgan.load(folder).images_seen
    assert lines(folder)[-1]["images_seen"] == stopped_at
