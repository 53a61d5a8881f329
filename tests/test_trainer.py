"""What a run makes of what it sees: the best model, an early end, going back."""

import json
import logging
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

import dcgan
from dcgan import step
from dcgan.checkpoint import Run, read_checkpoint
from dcgan.config import NetworkConfig, PackConfig
from dcgan.data.loader import loader_of
from dcgan.data.pack import Pack, Reading
from dcgan.data.packing import open_pack
from dcgan.errors import DCGANError, Stopped
from dcgan.health import Distance, Finding, Health
from dcgan.looks import Look
from dcgan.losses import generator_loss
from dcgan.model import Model
from dcgan.presets import preset
from dcgan.size import Size
from dcgan.step import TrainState
from tests.conftest import TINY, drawn_picture
from tests.test_train import assert_same_run, lines, state_of, stop_at

OFTEN = {"log_interval": 8, "watch_interval": 8, "sheet_interval": 16, "checkpoint_interval": 8}


def run(place: Path, folder: Path, **options: Any) -> Model:
    return dcgan.train(place, folder, **{**TINY, **OFTEN, **options})


class Given:
    """A distance whose values are given for each moment."""

    def __init__(self, values: dict[int, float], described: str = "given") -> None:
        self.values, self.described = values, described
        self.asked: list[int] = []

    def __call__(self, pack: Pack, network: NetworkConfig) -> Distance:
        assert len(pack)
        assert network.size == Size(16, 16)
        return Distance(self.described, self.measure)

    def measure(self, model: Model) -> float:
        self.asked.append(model.images_seen)
        return self.values[model.images_seen]


VALUES = {8: 9.0, 16: 5.0, 24: 7.0, 32: 6.0, 40: 5.5}


def test_the_best_model_is_kept(photos: Path, tmp_path: Path) -> None:
    model = run(photos, tmp_path / "run", images=40, distance=Given(VALUES))
    assert model.images_seen == 16
    assert dcgan.load(tmp_path / "run").images_seen == 16
    assert dcgan.load(tmp_path / "run" / "model.safetensors").images_seen == 40
    measured = [line for line in lines(tmp_path / "run") if "distance" in line]
    assert {line["images_seen"]: line["distance"] for line in measured} == VALUES
    assert [line["best_distance"] for line in measured] == [9.0, 5.0, 5.0, 5.0, 5.0]
    assert {line["measured_by"] for line in measured} == {"given"}


def test_a_run_without_a_distance_gives_its_last_model(photos: Path, tmp_path: Path) -> None:
    assert run(photos, tmp_path / "run", images=16).images_seen == 16
    assert dcgan.load(tmp_path / "run").images_seen == 16
    assert not (tmp_path / "run" / "best.safetensors").exists()


def test_a_model_knows_how_its_pictures_were_read(photos: Path, tmp_path: Path) -> None:
    short = {"images": 8, "batch": 8, "crop": "none", "background": "black"}
    made = run(photos, tmp_path / "run", **short)
    assert made.reading == Reading(Size(16, 16), 3, "none", "black")
    assert dcgan.load(tmp_path / "run").reading == made.reading
    # A pack's pictures were read when it was made.
    squeezed = dcgan.pack(photos, tmp_path / "pack", PackConfig(size=Size(16, 16), crop="none"))
    of_pack = run(squeezed.path, tmp_path / "other", images=8, batch=8)
    assert of_pack.reading == Reading(Size(16, 16), 3, "none", "white")


def test_the_best_is_known_after_a_stop(photos: Path, tmp_path: Path) -> None:
    options = {**TINY, **OFTEN, "images": 40, "distance": Given(VALUES)}
    stop_at(28, photos, tmp_path / "parts", options)
    assert 28 not in options["distance"].asked  # a stop is not held up
    assert run(photos, tmp_path / "parts", images=40, distance=Given(VALUES)).images_seen == 16
    run(photos, tmp_path / "whole", images=40, distance=Given(VALUES))
    assert_same_run(tmp_path / "whole", tmp_path / "parts")


def test_patience_ends_a_run(
    photos: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    options = {"images": 400, "patience": 16, "distance": Given(VALUES)}
    with caplog.at_level(logging.INFO):
        assert run(photos, tmp_path / "run", **options).images_seen == 16
    assert "not become smaller since 16 pictures (5.00): stopped after 32." in caplog.text
    assert state_of(tmp_path / "run")["images_seen"] == 32
    caplog.clear()
    with caplog.at_level(logging.INFO):
        run(photos, tmp_path / "run", **options)
    assert "Train on with more --patience." in caplog.text
    assert state_of(tmp_path / "run")["images_seen"] == 32
    run(photos, tmp_path / "run", images=40, patience=400, distance=Given(VALUES))
    assert state_of(tmp_path / "run")["images_seen"] == 40


@pytest.mark.parametrize("patience", [4, 12, 20])
def test_patience_waits_for_a_measurement(photos: Path, tmp_path: Path, patience: int) -> None:
    falling = Given({at: 100.0 / at for at in range(8, 49, 8)})
    assert run(photos, tmp_path / "run", images=44, patience=patience, distance=Given(
        {**falling.values, 44: 0.5}
    )).images_seen == 44  # fmt: skip


def test_patience_needs_a_distance(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(DCGANError, match=r"`patience` \(=16\) waits .* give --encoder FILE"):
        run(photos, tmp_path / "run", images=40, patience=16)
    assert not (tmp_path / "run").exists()


def test_what_an_earlier_run_left_is_not_the_best(photos: Path, tmp_path: Path) -> None:
    run(photos, tmp_path / "run", images=24, distance=Given(VALUES))
    for path in (tmp_path / "run" / "checkpoints").iterdir():
        path.unlink()
    (tmp_path / "run" / "config.json").unlink()
    (tmp_path / "run" / "model.safetensors").unlink()
    assert run(photos, tmp_path / "run", images=24, width=4).config.width == 4
    assert dcgan.load(tmp_path / "run").config.width == 4


def test_another_encoder_is_refused(photos: Path, tmp_path: Path) -> None:
    run(photos, tmp_path / "run", images=16, distance=Given(VALUES))
    with pytest.raises(DCGANError, match=r"another encoder \(given, not other\)"):
        run(photos, tmp_path / "run", images=24, distance=Given(VALUES, "other"))


def test_a_best_model_that_is_not_measured_any_more_is_named(
    photos: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run(photos, tmp_path / "run", images=16, distance=Given(VALUES))
    with caplog.at_level(logging.WARNING, "dcgan"):
        model = run(photos, tmp_path / "run", images=24)
    assert "was measured with given until now" in caplog.text
    assert "as it was at 16 pictures" in caplog.text
    assert model.images_seen == 16


@pytest.mark.parametrize(("count", "held_out"), [(12, 0), (16, 8), (100, 8), (400, 20)])
def test_a_share_is_held_out(tmp_path: Path, count: int, held_out: int) -> None:
    class Counted:
        def __len__(self) -> int:
            return count

    config = preset(**TINY)
    assert loader_of(config, Counted(), 4).held_out == held_out  # type: ignore[arg-type]
    none = preset(**TINY, held_out=0)
    assert loader_of(none, Counted(), 4).held_out == 0  # type: ignore[arg-type]


def test_no_more_than_a_thousand_are_held_out() -> None:
    class Counted:
        def __len__(self) -> int:
            return 3_000_000

    config = preset(**TINY)
    assert loader_of(config, Counted(), 4).held_out == 1_000  # type: ignore[arg-type]


@pytest.fixture
def collapsing(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Runs collapse at 48 pictures, as often as the list says."""
    left = [1]
    real = Health.findings

    def found(health: Health) -> list[Finding]:
        assert not real(health)
        if health.looks[-1].images_seen == 48 and left[0]:
            left[0] -= 1
            return [Finding("swinging"), Finding("collapsed", is_grave=True)]
        return []

    monkeypatch.setattr(Health, "findings", found)
    return left


def test_a_collapsed_run_goes_back(
    photos: Path, tmp_path: Path, collapsing: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        model = run(photos, tmp_path / "run", images=64)
    # The three looks that showed it were at 32, 40 and 48; the last checkpoint before at 24.
    assert (
        "Around 48 pictures: collapsed. Going back to 24, with half the step size and other noise, "
        "time 1 of at most 3." in caplog.text
    )
    assert model.images_seen == 64
    saved = state_of(tmp_path / "run")["training"]
    assert saved["attempt"] == 1
    assert saved["g_optimizer"]["param_groups"][0]["lr"] == pytest.approx(1e-4)
    log = lines(tmp_path / "run")
    assert [line["images_seen"] for line in log] == sorted(line["images_seen"] for line in log)
    (event,) = [line for line in log if "trouble" in line]
    assert event == {"images_seen": 24, "attempt": 1, "trouble": "collapsed"}
    before = [json.loads(x) for x in (tmp_path / "run" / "log-1.jsonl").read_text().splitlines()]
    assert before[-1]["health"] == ["swinging", "collapsed"]


def test_what_follows_is_another_course(
    photos: Path, tmp_path: Path, collapsing: list[int]
) -> None:
    run(photos, tmp_path / "back", images=64)
    collapsing[0] = 0
    run(photos, tmp_path / "straight", images=64)
    back, straight = (state_of(tmp_path / name)["training"] for name in ("back", "straight"))
    assert not torch.equal(
        back["generator"]["to_image.weight"], straight["generator"]["to_image.weight"]
    )


def test_a_run_that_went_back_can_be_stopped(
    photos: Path, tmp_path: Path, collapsing: list[int]
) -> None:
    run(photos, tmp_path / "whole", images=64)
    collapsing[0] = 1
    options = {**TINY, **OFTEN, "images": 64}
    real = TrainState.state_dict
    stopped: list[int] = []

    def interrupt(
        state: TrainState,
    ) -> dict[str, Any]:  # right after the checkpoint it went back to
        if state.attempt and not stopped:
            stopped.append(state.images_seen)
            os.kill(os.getpid(), signal.SIGINT)
        return real(state)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainState, "state_dict", interrupt)
        with pytest.raises(Stopped):
            dcgan.train(photos, tmp_path / "parts", **options)
    assert stopped == [24]
    dcgan.train(photos, tmp_path / "parts", **options)
    assert_same_run(tmp_path / "whole", tmp_path / "parts")


@pytest.mark.parametrize("stops", [(28,), (28, 36), (12, 44, 60)])
@pytest.mark.parametrize("interval", [4, 8])
def test_a_run_goes_back_to_the_same_place_however_often_it_was_stopped(
    photos: Path, tmp_path: Path, collapsing: list[int], stops: tuple[int, ...], interval: int
) -> None:
    options: dict[str, Any] = {**TINY, **OFTEN, "checkpoint_interval": interval, "images": 64}
    dcgan.train(photos, tmp_path / "whole", **options)
    collapsing[0] = 1
    for images_seen in stops:
        stop_at(images_seen, photos, tmp_path / "parts", options)
    dcgan.train(photos, tmp_path / "parts", **options)
    assert state_of(tmp_path / "whole")["training"]["attempt"] == 1
    assert_same_run(tmp_path / "whole", tmp_path / "parts")


def test_steps_that_fail_are_known_after_a_stop(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = generator_loss
    failed: list[float] = []

    def failing(fake: torch.Tensor) -> torch.Tensor:
        failed.append(1.0)
        turn = (len(failed) + 1) // 2  # G is updated twice in each
        return real(fake) * (float("nan") if 5 < turn < 9 else 1.0)

    monkeypatch.setattr(step, "generator_loss", failing)
    options: dict[str, Any] = {**TINY, **OFTEN, "log_interval": 48, "images": 64}
    dcgan.train(photos, tmp_path / "whole", **options)
    failed.clear()
    stop_at(36, photos, tmp_path / "parts", options)
    dcgan.train(photos, tmp_path / "parts", **options)
    assert_same_run(tmp_path / "whole", tmp_path / "parts")
    (event,) = [line for line in lines(tmp_path / "whole") if "trouble" in line]
    assert event["images_seen"] == 16  # the steps from 20 to 32 failed
    assert "not finite" in event["trouble"]


@pytest.mark.parametrize("grows", [False, True])
def test_a_run_goes_back_to_its_start_if_need_be(
    photos: Path, tmp_path: Path, collapsing: list[int], grows: bool
) -> None:
    batch: dict[str, Any] = {"batch": 16, "grow_batch": True} if grows else {}
    run(photos, tmp_path / "run", images=64, checkpoint_interval=1_000, **batch)
    assert state_of(tmp_path / "run")["training"]["attempt"] == 1
    assert [line["images_seen"] for line in lines(tmp_path / "run") if "trouble" in line] == [0]


@pytest.mark.parametrize(("dead", "place"), [(4, 24), (5, 16)])
def test_a_collapsed_run_does_not_go_back_to_dead_maps(
    photos: Path,
    tmp_path: Path,
    collapsing: list[int],
    monkeypatch: pytest.MonkeyPatch,
    dead: int,
    place: int,
) -> None:
    """From the checkpoint at 24, of whose eight maps of 8x8 so many are dead, or the one before."""
    real = Health.look

    def look(health: Health, state: TrainState) -> Look:
        found = real(health, state)
        if found.images_seen == 24:
            found = found._replace(dead={**found.dead, "8x8": dead})
            health.looks[-1] = found
        return found

    monkeypatch.setattr(Health, "look", look)
    run(photos, tmp_path / "run", images=64, keep_interval=8)
    assert [line["images_seen"] for line in lines(tmp_path / "run") if "trouble" in line] == [place]


@pytest.mark.parametrize("rollbacks", [0, 2])
def test_a_run_goes_back_only_so_often(
    photos: Path, tmp_path: Path, collapsing: list[int], rollbacks: int
) -> None:
    collapsing[0] = 10
    run(photos, tmp_path / "run", images=64, rollbacks=rollbacks)
    assert state_of(tmp_path / "run")["training"]["attempt"] == rollbacks
    assert collapsing[0] == 10 - rollbacks - 1  # then it goes on all the same, and says so
    assert [line["health"] for line in lines(tmp_path / "run") if line.get("health")] == [
        ["swinging", "collapsed"]
    ]


def test_checkpoints_after_the_trouble_are_gone(
    photos: Path, tmp_path: Path, collapsing: list[int]
) -> None:
    run(photos, tmp_path / "run", images=52, checkpoint_interval=8)
    moments = sorted(path.stem for path in (tmp_path / "run" / "checkpoints").glob("*.pt"))
    assert moments == ["000000024", "000000032", "000000040", "000000048", "000000052-stopped"]
    for path in (tmp_path / "run" / "checkpoints").glob("*.pt"):
        assert read_checkpoint(path)["training"]["attempt"] == 1


def test_looks_are_logged(photos: Path, tmp_path: Path) -> None:
    run(photos, tmp_path / "run", images=32, watch_interval=16)
    looks = [line for line in lines(tmp_path / "run") if "health" in line]
    assert [look["images_seen"] for look in looks] == [16, 32]
    for look in looks:
        assert 0 <= look["told_apart"] <= 1
        assert look["dead 8x8"] >= 0
    losses = [line for line in lines(tmp_path / "run") if "d_loss" in line]
    assert all(line["d_gradient"] > 0 and line["g_gradient"] > 0 for line in losses)


def encoder_file(folder: Path) -> tuple[Path, Path]:
    """A hundred pictures in two classes, and an encoder that hardly learnt them."""
    classes, file = folder / "animals", folder / "encoder.safetensors"
    for number in range(100):
        place = classes / ("ant", "bee")[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        drawn_picture(number).save(place / f"{number:02}.png")
    dcgan.encoder(classes, file, size=Size(16, 16), images=64)
    return classes, file


def test_too_few_pictures_for_a_distance(photos: Path, tmp_path: Path) -> None:
    _, file = encoder_file(tmp_path)
    with pytest.raises(DCGANError, match="photos has 12 pictures; a distance to fewer than 100"):
        run(photos, tmp_path / "run", images=8, distance=dcgan.frechet_in(file))


def test_a_wrong_encoder_is_known_before_anything_is_packed(tmp_path: Path) -> None:
    with pytest.raises(DCGANError, match="There is no encoder"):
        dcgan.frechet_in(tmp_path / "none")
    with pytest.raises(DCGANError, match="nonsense"):
        dcgan.frechet_in(encoder_file(tmp_path)[1], device="nonsense")


def test_real_pictures_are_encoded_where_the_training_goes_on(photos: Path, tmp_path: Path) -> None:
    prepared: list[int] = []

    def distance(*_: Any) -> Distance:
        return Distance("given", lambda model: 1.0, lambda: prepared.append(1))

    run(photos, tmp_path / "run", images=8, distance=distance)
    assert len(prepared) == 1
    run(photos, tmp_path / "run", images=8, distance=distance)  # which is at its end
    assert len(prepared) == 1
    run(photos, tmp_path / "run", images=16, distance=distance)
    assert len(prepared) == 2


def test_a_run_without_checkpoints_is_not_begun_over(photos: Path, tmp_path: Path) -> None:
    run(photos, tmp_path / "run", images=16, distance=Given(VALUES))
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    before = (tmp_path / "run" / "model.safetensors").read_bytes()
    with pytest.raises(DCGANError, match=r"holds a model, and no checkpoints .* or delete"):
        run(photos, tmp_path / "run", images=32)
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == before
    assert (tmp_path / "run" / "best.safetensors").exists()


@pytest.mark.parametrize("interval", [4, 16])
def test_a_run_that_went_back_has_the_checkpoint(
    photos: Path, tmp_path: Path, collapsing: list[int], interval: int
) -> None:
    """Wherever it is killed; and it goes back no further than it must."""
    real = Run.delete_after

    def killed(folder: Run, images_seen: int) -> None:
        real(folder, images_seen)
        raise KeyboardInterrupt

    options: dict[str, Any] = {**TINY, **OFTEN, "watch_interval": 16}
    options["checkpoint_interval"] = interval
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Run, "delete_after", killed)
        dcgan.train(photos, tmp_path / "run", **options, images=64)
    saved = Run(tmp_path / "run").latest()
    assert saved
    assert saved["images_seen"] == (12 if interval == 4 else 0)
    assert saved["training"]["attempt"] == 1
    dcgan.train(photos, tmp_path / "run", **options, images=64)
    assert state_of(tmp_path / "run")["training"]["attempt"] == 1


def test_the_distance_in_an_encoder(tmp_path: Path) -> None:
    classes, file = encoder_file(tmp_path)
    distance = dcgan.frechet_in(file, device="cpu")
    pack = open_pack(classes, PackConfig(size=Size(16, 16)))
    measured = distance(pack, preset(**TINY).fitted(Size(16, 16), 3, 0).network)
    model = run(classes, tmp_path / "run", images=8, distance=distance)
    assert measured.measure(model) == pytest.approx(measured.measure(model), rel=1e-9)
    assert measured.measure(model) > 0
    (line,) = [line for line in lines(tmp_path / "run") if "distance" in line]
    assert line["distance"] == pytest.approx(measured.measure(model), rel=1e-6)
    assert "class" in measured.described
