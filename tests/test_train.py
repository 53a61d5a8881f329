"""Whole runs: exact to resume after any kind of stop, and clear about contradictions."""

import json
import logging
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import dcgan
from dcgan import step
from dcgan.checkpoint import Run, read_checkpoint
from dcgan.config import Config, PackConfig
from dcgan.errors import DCGANError, Stopped
from dcgan.size import Size
from dcgan.train import preview
from dcgan.trainer import Trainer
from tests.conftest import TINY, drawn_picture

OFTEN = {"log_interval": 8, "sheet_interval": 16, "checkpoint_interval": 8}


def run(place: Path | str, folder: Path, **options: Any) -> dcgan.Model:
    return dcgan.train(place, folder, **{**TINY, **OFTEN, **options})


def state_of(folder: Path) -> dict[str, Any]:
    return read_checkpoint(sorted((folder / "checkpoints").glob("*.pt"))[-1])


def assert_equal(one: Any, other: Any, where: str = "") -> None:
    """Compares nested dicts, lists and tensors bit for bit."""
    if isinstance(one, torch.Tensor):
        assert torch.allclose(one, other, rtol=0, atol=0, equal_nan=True), where
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            assert_equal(one[key], other[key], f"{where}/{key}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), where
        for number, pair in enumerate(zip(one, other, strict=True)):
            assert_equal(*pair, f"{where}/{number}")
    else:
        assert one == other or (one != one and other != other), where  # NaN is NaN


def assert_same_run(one: Path, other: Path) -> None:
    assert_equal(state_of(one), state_of(other))
    assert_equal(load_file(one / "model.safetensors"), load_file(other / "model.safetensors"))


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_what_a_run_leaves(photos: Path, tmp_path: Path) -> None:
    model = run(photos, tmp_path / "run", images=32)
    folder = tmp_path / "run"
    assert model.images_seen == 32
    assert model.config.channels == 3
    assert model.notes["source"] == "photos"
    assert model.notes["weights"] == "averaged, half-life 100,000 pictures"
    sheets = sorted(path.name for path in (folder / "samples").iterdir())
    assert sheets == ["000000000.png", "000000016.png", "000000032.png"]
    with Image.open(folder / "samples" / sheets[0]) as sheet:
        assert sheet.size == (8 * 18 + 2, 8 * 18 + 2)
    assert sorted(p.name for p in (folder / "checkpoints").iterdir()) == [
        "000000016.pt",
        "000000024.pt",
        "000000032.pt",
    ]
    log = lines(folder)
    assert [line["images_seen"] for line in log] == [8, 16, 24, 32]
    for line in log:
        assert 0 < line["d_loss"] < 20
        assert 0 <= line["d_real"] <= 1
        assert line["images_per_second"] > 0
    config = json.loads((folder / "config.json").read_text())
    assert config["train"]["images"] == 32
    assert config["network"]["size"] == "16"


def test_a_rate_is_known_from_the_first_step_on(photos: Path, tmp_path: Path) -> None:
    for images in (16, 32):
        run(photos, tmp_path / "run", images=images, batch=8, log_interval=8)
    rates = [line["images_per_second"] for line in lines(tmp_path / "run")]
    assert len(rates) == 4
    assert min(rates) > 0


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"schedule": "alternate", "flip": True, "l2": 1e-3},
        {"precision": "bfloat16", "images": 64, "decay_share": 0.5},
        {"average_half_life": 0, "convolutions": 2, "kernel_size": 3},
        {"labels": "class", "hidden_units": 8, "prior": "normal"},
    ],
)
def test_n_plus_m_steps_are_n_then_m(
    classes: Path, tmp_path: Path, options: dict[str, Any]
) -> None:
    whole = {"images": 64, **options}
    run(classes, tmp_path / "whole", **whole)
    for images_seen in (12, 28, 64):
        stop_at(images_seen, classes, tmp_path / "parts", whole)
    assert_same_run(tmp_path / "whole", tmp_path / "parts")


def stop_at(images_seen: int, photos: Path, folder: Path, options: dict[str, Any]) -> None:
    """Trains on, and asks the run to stop, as Ctrl-C does, after so many pictures."""
    real_step = step.train_step

    def watched(state: step.TrainState, *batch: Any) -> step.StepLosses:
        losses = real_step(state, *batch)
        if state.images_seen == images_seen and images_seen < options["images"]:
            os.kill(os.getpid(), signal.SIGINT)
        return losses

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules["dcgan.trainer"], "train_step", watched)
        if images_seen < options["images"]:
            with pytest.raises(
                Stopped, match=f"Stopped after {images_seen} pictures; all is saved"
            ):
                run(photos, folder, **options)
        else:
            run(photos, folder, **options)


def test_a_batch_that_grows(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for module in ("dcgan.config", "dcgan.train"):
        monkeypatch.setattr(sys.modules[module], "GROWTH", {0: 4, 12: 2, 32: 1})
    real_step, sizes = step.train_step, []

    def counted(state: step.TrainState, real: Any, *labels: Any) -> step.StepLosses:
        sizes.append(len(real))
        return real_step(state, real, *labels)

    options: dict[str, Any] = {**TINY, "batch": 8, "grow_batch": True, "flip": True}
    options |= {"images": 56, "checkpoint_interval": 4, "watch_interval": 4, "log_interval": 4}
    with monkeypatch.context() as patch, caplog.at_level(logging.INFO):
        patch.setattr(sys.modules["dcgan.trainer"], "train_step", counted)
        run(photos, tmp_path / "whole", **options)
    assert sizes == [2] * 6 + [4] * 5 + [8] * 3
    assert "in colour, 2 a step, 4 from 12 pictures on, 8 from 32 pictures on, moved" in caplog.text
    for images_seen in (10, 12, 40):
        stop_at(images_seen, photos, tmp_path / "parts", options)
    run(photos, tmp_path / "parts", **options)
    assert_same_run(tmp_path / "whole", tmp_path / "parts")
    due = [4, 8, 12, 16, 20, 24, 28, 32, 40, 48, 56]
    assert [line["images_seen"] for line in lines(tmp_path / "whole") if "d_loss" in line] == due


@pytest.mark.parametrize("writing", ["write_sheet", "write_log", "write_checkpoint"])
def test_asked_to_stop_while_writing(photos: Path, tmp_path: Path, writing: str) -> None:
    options = {"images": 32, "log_interval": 8, "sheet_interval": 8, "checkpoint_interval": 8}
    run(photos, tmp_path / "whole", **options)
    write = getattr(Trainer, writing)

    def asked_to_stop(self: Trainer, *rest: Any) -> Any:
        written = write(self, *rest)
        if self.state.images_seen == 8:
            os.kill(os.getpid(), signal.SIGTERM)
        return written

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, writing, asked_to_stop)
        with pytest.raises(Stopped, match="Stopped after 8 pictures; all is saved"):
            run(photos, tmp_path / "parts", **options)
    assert state_of(tmp_path / "parts")["images_seen"] == 8
    assert dcgan.load(tmp_path / "parts" / "model.safetensors").images_seen == 8
    assert [line["images_seen"] for line in lines(tmp_path / "parts")] == [8]
    assert (tmp_path / "parts" / "samples" / "000000008.png").exists()
    run(photos, tmp_path / "parts", **options)
    assert_same_run(tmp_path / "whole", tmp_path / "parts")


def test_a_longer_run_begins_as_the_shorter(photos: Path, tmp_path: Path) -> None:
    run(photos, tmp_path / "whole", images=48)
    run(photos, tmp_path / "parts", images=20)
    run(photos, tmp_path / "parts", images=48)
    assert_same_run(tmp_path / "whole", tmp_path / "parts")
    run(photos, tmp_path / "parts", images=48)
    assert_same_run(tmp_path / "whole", tmp_path / "parts")


TRAIN = """
import sys
import dcgan
dcgan.train(sys.argv[1], sys.argv[2], size=16, width=8, batch=4, latent_dim=6, device="cpu",
            images=400, log_interval=8, sheet_interval=16, checkpoint_interval=8)
"""


def started(photos: Path, folder: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", TRAIN, str(photos), str(folder)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def wait_for_checkpoint(folder: Path, process: "subprocess.Popen[str]", after: str = "") -> None:
    """Waits until a checkpoint stands there that is newer than the one of this name."""
    deadline = time.monotonic() + 120
    while newest(folder) <= after:
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        assert time.monotonic() < deadline
        time.sleep(0.01)


def newest(folder: Path) -> str:
    return max((path.name for path in (folder / "checkpoints").glob("*.pt")), default="")


def test_kill_at_a_random_moment_loses_nothing(photos: Path, tmp_path: Path) -> None:
    run(photos, tmp_path / "whole", images=400)
    killed = tmp_path / "killed"
    for _ in range(2):
        before = newest(killed)
        with started(photos, killed) as process:
            wait_for_checkpoint(killed, process, before)
            time.sleep(random.random() / 2)
            process.kill()
    assert newest(killed) < "000000400.pt", "a run that was at its end proves nothing"
    run(photos, killed, images=400)
    assert_same_run(tmp_path / "whole", killed)
    assert [line["images_seen"] for line in lines(killed)] == list(range(8, 401, 8))
    assert not list(killed.rglob("*.tmp"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_save_and_leave(photos: Path, tmp_path: Path, number: signal.Signals) -> None:
    options = "--size 16 --width 8 --batch 4 --images 1000000 --device cpu".split()
    command = [sys.executable, "-m", "dcgan", "train", str(photos), "--run", str(tmp_path / "run")]
    intervals = ["--checkpoint-interval", "8", "--sheet-interval", "100000"]
    with subprocess.Popen(
        command + options + intervals, stderr=subprocess.PIPE, text=True
    ) as process:
        wait_for_checkpoint(tmp_path / "run", process)
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert "all is saved in" in said
    assert "the same command goes on from there" in said
    assert "Traceback" not in said
    model = dcgan.load(tmp_path / "run" / "model.safetensors")
    assert model.images_seen == state_of(tmp_path / "run")["training"]["images_seen"]


def test_damaged_newest_checkpoint(
    photos: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run(photos, tmp_path / "whole", images=32)
    run(photos, tmp_path / "cut", images=24)
    newest = tmp_path / "cut" / "checkpoints" / "000000024.pt"
    newest.write_bytes(newest.read_bytes()[:5000])
    with caplog.at_level(logging.INFO, "dcgan"):
        run(photos, tmp_path / "cut", images=32)
    assert f"The checkpoint {newest} is damaged" in caplog.text
    assert "Going on from 16 pictures" in caplog.text
    assert_same_run(tmp_path / "whole", tmp_path / "cut")
    assert newest.with_suffix(".damaged").exists(), "set aside, so that it never counts again"


def test_all_checkpoints_damaged(photos: Path, tmp_path: Path) -> None:
    run(photos, tmp_path / "run", images=16)
    for path in (tmp_path / "run" / "checkpoints").iterdir():
        path.write_bytes(b"words")
    before = sorted((tmp_path / "run").rglob("*"))
    with pytest.raises(DCGANError, match="None of the 2 checkpoints in .* is sound"):
        run(photos, tmp_path / "run", images=32)
    assert sorted((tmp_path / "run").rglob("*")) == before


def test_a_lost_config_is_no_licence(photos: Path, tmp_path: Path) -> None:
    run(photos, tmp_path / "run", images=16)
    (tmp_path / "run" / "config.json").unlink()
    with pytest.raises(DCGANError, match=r"other options: width 8 -> 16\. Leave"):
        run(photos, tmp_path / "run", images=32, width=16)
    run(photos, tmp_path / "run", images=32)
    run(photos, tmp_path / "whole", images=32)
    assert_same_run(tmp_path / "whole", tmp_path / "run")


def test_the_folder_above_the_runs(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(photos)
    for images in (8, 16):
        model = dcgan.train(".", **{**TINY, **OFTEN, "images": images})
        assert model.images_seen == images
    with pytest.raises(DCGANError, match="is a run, not pictures .its model is"):
        dcgan.train("runs/photos")


def test_a_step_size_that_falls_can_be_given_another_end(
    photos: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run(photos, tmp_path / "run", images=32, decay_share=0.5)
    with caplog.at_level("INFO", logger="dcgan"):
        run(photos, tmp_path / "run", images=80, decay_share=0.5)
    assert "falling towards the end at 32 pictures; now it falls from 40 on." in caplog.text
    caplog.clear()
    stop_at(8, photos, tmp_path / "early", {"images": 32, "decay_share": 0.5})
    with caplog.at_level("INFO", logger="dcgan"):
        run(photos, tmp_path / "early", images=64)
    assert "Going on from 8 pictures." in caplog.text
    run(photos, tmp_path / "constant", images=30)  # ends after 32, a whole number of batches
    with caplog.at_level("INFO", logger="dcgan"):
        run(photos, tmp_path / "constant", images=64)
    assert "Going on from 32 pictures." in caplog.text
    assert "falling" not in caplog.text
    run(photos, tmp_path / "whole", images=64, decay_share=0.5)
    assert_same_run(tmp_path / "whole", tmp_path / "early")


def test_one_length(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(DCGANError, match="Give `images` or `passes`, not both"):
        run(photos, tmp_path / "run", images=32, passes=2.0)
    assert not (tmp_path / "run").exists()


def test_too_large_for_the_memory(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(DCGANError, match="do not fit into memory. Take a smaller --batch, --width"):
        run(photos, tmp_path / "run", images=32, size=512, width=4096)


def test_a_lost_model_is_written_again(photos: Path, tmp_path: Path) -> None:
    run(photos, tmp_path / "run", images=8)
    before = load_file(tmp_path / "run" / "model.safetensors")
    (tmp_path / "run" / "model.safetensors").unlink()
    run(photos, tmp_path / "run", images=8)
    assert_equal(load_file(tmp_path / "run" / "model.safetensors"), before)


def test_options_that_contradict_the_run(photos: Path, tmp_path: Path) -> None:
    run(photos, tmp_path / "run", images=8)
    with pytest.raises(
        DCGANError, match=r"other options: width 8 -> 16, flip False -> True\. Leave"
    ):
        run(photos, tmp_path / "run", images=8, width=16, flip=True)
    with pytest.raises(DCGANError, match=r"other options: .*kernel_size 4 -> 5"):
        dcgan.train(photos, tmp_path / "run", preset="paper")
    dcgan.train(photos, tmp_path / "run", images=12)
    assert state_of(tmp_path / "run")["training"]["images_seen"] == 12


def test_other_pictures(photos: Path, tmp_path: Path) -> None:
    run(photos, tmp_path / "run", images=8)
    drawn_picture(20).save(photos / "new.png")
    with pytest.raises(DCGANError, match=r"other pictures: 12 then, 13 now.*--run FOLDER"):
        run(photos, tmp_path / "run", images=16)


def test_a_run_keeps_what_was_left_to_the_size(photos: Path, tmp_path: Path) -> None:
    options = {"batch": 0, "augment": "auto"}
    run(photos, tmp_path / "run", images=32, **options)
    config = Config.from_json((tmp_path / "run" / "config.json").read_text(), "here")
    train = config.train
    assert (train.batch, train.grow_batch, train.augment) == (64, True, "shift")
    run(photos, tmp_path / "run", images=64, **options)  # the same command goes on
    run(photos, tmp_path / "run", images=96, batch=64, augment="shift")
    with pytest.raises(DCGANError, match="other options: batch 64 -> 32, augment shift -> none"):
        run(photos, tmp_path / "run", images=96, batch=32, augment="none")


def test_a_run_from_before_batches_grew_goes_on(photos: Path, tmp_path: Path) -> None:
    options = {"batch": 0, "grow_batch": False, "images": 64}
    run(photos, tmp_path / "whole", **options)
    stop_at(32, photos, tmp_path / "parts", options)
    folder = Run(tmp_path / "parts")
    earlier = folder.config_file.read_text().replace('    "grow_batch": false,\n', "")
    assert "grow_batch" not in earlier
    folder.config_file.write_text(earlier)
    saved = state_of(folder.path)
    folder.save({**saved, "config": earlier}, 32, keep_interval=1, is_regular=False)
    run(photos, folder.path, batch=0, images=64)
    assert_same_run(tmp_path / "whole", folder.path)


@pytest.mark.parametrize("pack", [{"size": 16}, {}])
def test_a_config_by_hand_leaves_the_rest_to_the_size(
    photos: Path, tmp_path: Path, pack: dict[str, int]
) -> None:
    """Also where it says no size, and the pictures do."""
    source = tmp_path / "pack"
    dcgan.pack(photos, source, PackConfig(size=Size(16, 16)))
    file = tmp_path / "run" / "config.json"
    file.parent.mkdir()
    file.write_text(json.dumps({"pack": pack, "network": {"width": 8}, "train": {"images": 32}}))
    dcgan.train(source, file.parent, device="cpu")
    config = Config.from_json(file.read_text(), "here")
    train = config.train
    assert (train.batch, train.grow_batch, train.augment) == (64, True, "shift")


def test_steps_that_keep_failing_stop_the_run(photos: Path, tmp_path: Path) -> None:
    run(photos, tmp_path / "run", images=8)
    before = state_of(tmp_path / "run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(step, "generator_loss", lambda fake: fake.sum() * float("nan"))
        with pytest.raises(
            DCGANError, match="3 steps in a row gave losses or gradients that are not"
        ):
            run(photos, tmp_path / "run", images=100, log_interval=12, checkpoint_interval=1000)
    after = state_of(tmp_path / "run")
    assert after["training"].pop("attempt") == 3  # it went back as often as it may
    assert before["training"].pop("attempt") == 0
    assert_equal(after["training"], before["training"])


def test_no_room_for_a_checkpoint(photos: Path, tmp_path: Path) -> None:
    """The system's own limit on a file's size stands in for the full disk."""
    run(photos, tmp_path / "run", images=8)
    before = state_of(tmp_path / "run")
    script = (
        "import resource, signal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
        "from dcgan.cli import main\n"
        "main()\n"
    )
    command = [sys.executable, "-c", script, "train", str(photos), "--run", str(tmp_path / "run")]
    result = subprocess.run(
        [*command, "--images", "400"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert "Error: Cannot write" in result.stderr
    assert "file too large" in result.stderr
    assert "Traceback" not in result.stderr
    assert_equal(state_of(tmp_path / "run"), before)
    assert not list((tmp_path / "run" / "checkpoints").glob("*.tmp"))


def test_conditional(classes: Path, tmp_path: Path) -> None:
    model = run(classes, tmp_path / "run", images=16, labels="class", hidden_units=8)
    assert model.config.classes == 3
    assert model.class_names == ("ant", "bee", "cat")
    assert model.sample(range(6), label="bee").shape == (6, 16, 16, 3)


@pytest.mark.parametrize(
    ("options", "is_said"),
    [({}, True), ({"labels": "class"}, False), ({"conditioning": "joined"}, False)],
)
def test_classes_that_nobody_told(
    classes: Path, tmp_path: Path, options: dict[str, Any], is_said: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    with caplog.at_level(logging.INFO, "dcgan"):
        run(classes, tmp_path / "run", images=8, **options)
    assert ("Told their 3 classes (--labels class), the networks" in caplog.text) == is_said


def test_conditional_without_labels(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(DCGANError, match="photos has no label column 'class'"):
        run(photos, tmp_path / "run", labels="class")


def test_mnist_preset_on_class_folders(classes: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {
        "width": 4,
        "hidden_units": 8,
        "images": 8,
        "batch": 4,
        "device": "cpu",
    }
    model = dcgan.train(classes, tmp_path / "run", preset="mnist", **options)
    assert model.config.output == "sigmoid"
    assert (str(model.config.size), model.config.channels, model.config.classes) == ("28", 1, 3)


def test_passes(photos: Path, tmp_path: Path) -> None:
    assert run(photos, tmp_path / "run", passes=2).images_seen == 24
    assert run(photos, tmp_path / "run", passes=2).images_seen == 24
    assert run(photos, tmp_path / "run", images=32).images_seen == 32


@pytest.mark.parametrize("count", [1, 3])
def test_fewer_pictures_than_a_batch(
    tmp_path: Path, count: int, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "few").mkdir()
    for number in range(count):
        drawn_picture(number).save(tmp_path / "few" / f"{number}.png")
    with caplog.at_level(logging.WARNING, "dcgan"):
        model = run(tmp_path / "few", tmp_path / "run", images=8)
    assert model.sample([1]).shape == (1, 16, 16, 3)
    assert "will be learnt by heart" in caplog.text


def test_pictures_by_seed_are_those_of_the_last_sheet_s_networks(
    photos: Path, tmp_path: Path
) -> None:
    model = run(photos, tmp_path / "run", images=32)
    with Image.open(tmp_path / "run" / "samples" / "000000032.png") as sheet:
        shown = np.asarray(sheet)[2:18, 2:18].astype(int)
    drawn = model.sample(range(64), batch_statistics=True)[0].numpy().astype(int)
    assert np.abs(shown - drawn).max() <= 1


def test_preview(photos: Path, tmp_path: Path) -> None:
    config = preview(photos, tmp_path / "run", width=8)
    assert str(config.network.size) == "24"
    assert config.network.width == 8
    assert not (tmp_path / "run").exists()
    run(photos, tmp_path / "run", images=8)
    assert preview(photos, tmp_path / "run").network.width == 8
    (tmp_path / "less.csv").write_text("dropped\nmore/01.png\n")
    options: dict[str, Any] = {
        "without": str(tmp_path / "less.csv"),
        "passes": 100.0,
        "held_out": 0.0,
    }
    assert preview(photos, tmp_path / "less", **options).train.images == 1_100
    with pytest.raises(DCGANError, match=r"Cannot read the table of duplicates none\.csv"):
        preview(photos, tmp_path / "less", without="none.csv")


def test_default_run(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    dcgan.train("photos/", **{**TINY, "images": 8})
    assert (tmp_path / "runs" / "photos" / "model.safetensors").is_file()


def test_tensorboard_events(photos: Path, tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run(photos, tmp_path / "run", images=16)
    events = accumulator.EventAccumulator(str(tmp_path / "run"))
    events.Reload()
    scalars = events.Scalars("d_loss")
    assert [event.step for event in scalars] == [8, 16]
    assert abs(scalars[-1].value - lines(tmp_path / "run")[-1]["d_loss"]) < 1e-6


def test_device(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(DCGANError, match=r"no `device` 'cuda:77' here. Possible: auto, cpu"):
        run(photos, tmp_path / "run", device="cuda:77")
    assert Run(tmp_path / "run").config() is None


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_on_a_gpu(photos: Path, tmp_path: Path, precision: str) -> None:
    """Trained, stopped, gone on with; its model draws the same on a CPU, but for rounding."""
    options = {"device": "cuda", "precision": precision, "width": 16, "size": 32, "flip": True}
    run(photos, tmp_path / "run", images=64, **options)
    model = run(photos, tmp_path / "run", images=160, **options)
    assert model.images_seen == 160
    assert [line["images_seen"] for line in lines(tmp_path / "run")][-1] == 160
    here, there = (dcgan.load(tmp_path / "run", device) for device in ("cpu", "cuda"))
    difference = here.sample(range(8)).int() - there.sample(range(8)).cpu().int()
    assert difference.abs().float().mean() < 1
