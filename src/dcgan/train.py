"""The main job: a source in, a trained model out; the loop around the step, and what it writes."""

import copy
import dataclasses
import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from dcgan import config as configs
from dcgan.checkpoint import Run
from dcgan.config import Config
from dcgan.data.loader import Loader, derive
from dcgan.data.pack import Pack, is_pack
from dcgan.data.packing import choose_size, open_pack
from dcgan.data.sources import open_source
from dcgan.devices import choose_device, keep_freed_memory
from dcgan.errors import DCGANError, Stopped
from dcgan.images import save_picture, sheet, to_floats
from dcgan.log import RunLog, logger, progress
from dcgan.model import Model, calibrate, load
from dcgan.networks import plan_text
from dcgan.sample import draw, draw_latents, labels_of, latents_of
from dcgan.step import StepLosses, TrainState, train_step
from dcgan.tensors import Images, Labels, Latents

SHEET_SEEDS = range(64)
CALIBRATION_BATCHES, CALIBRATION_BATCH = 16, 128
BAD_STEPS_IN_A_ROW = 3
FEW_PICTURES = 1_000


def resolve(run: Run, preset: str | None, options: dict[str, Any]) -> Config:
    """The config of a run to begin or to go on with.

    Raises:
        DCGANError: an option is unknown or not allowed, or contradicts the run in the folder.
    """
    saved = run.config()
    if saved is None:
        return configs.preset(preset or "default", **options)
    config = configs.preset(preset, **options) if preset else saved.replaced(**options)
    changes = configs.differences(saved, config)
    if changes:
        raise DCGANError(
            f"{run.path} holds a run with other options: {', '.join(changes)}. "
            "Leave these out to go on with it, or begin another with --run FOLDER."
        )
    return config


def train(
    place: str | Path,
    run: str | Path | None = None,
    *,
    preset: str | None = None,
    **options: Any,
) -> Model:
    """Trains a DCGAN on a source; the same call again goes on where it stopped.

    Args:
        place: a folder of pictures, a pack, or a drawn world: `faces` or `rooms`.
        run: the folder of the run; `runs/<name of the source>` if not given.
        preset: a row of `config.PRESETS`.
        **options: any of `config.OPTIONS`, as `size=64` or `images=500_000`.

    Returns:
        The model, as it stands in `model.safetensors` in the run's folder.

    Raises:
        DCGANError: a mistake in what was given, or training that cannot go on.
        Stopped: SIGINT or SIGTERM came; a checkpoint and the model are written.
    """
    folder = Run(run or default_run(place))
    config = resolve(folder, preset, options)
    device = choose_device(config.train.device)
    if device.type == "cpu":
        keep_freed_memory()
    folder.require_writable()
    pack = open_pack(place, config.pack)
    config = fit_to_pack(config, pack)
    with folder.opened():
        state = TrainState(config, device)
        introduce(state, pack, folder)
        trainer = Trainer(state, pack, folder)
        trainer.begin()
        trainer.go_on()
    model = folder.model_file
    logger.info(f"The model is {model}. Draw from it: dcgan sample {model} sheet.png --seeds 0-63")
    return load(model)


def preview(
    place: str | Path, run: str | Path | None = None, *, preset: str | None = None, **options: Any
) -> Config:
    """The config with which `train` would begin or go on, as far as can be said without decoding.

    Raises:
        DCGANError: as `train`.
    """
    config = resolve(Run(run or default_run(place)), preset, options)
    if is_pack(Path(place)):
        config = fit_to_pack(config, open_pack(place, config.pack))
    elif not config.pack.size:
        network = config.network
        size = choose_size(open_source(place))
        config = config.fitted(size, network.channels, network.classes)
    logger.info("%s", plan_text(config.network))
    return config


def default_run(place: str | Path) -> Path:
    """Where the run on a source stands if nobody says: `runs/<its name>`."""
    return Path("runs") / (Path(place).expanduser().resolve().name or "pictures")


def fit_to_pack(config: Config, pack: Pack) -> Config:
    """The config with the facts of the pictures filled in: size, channels, classes, length."""
    train, info = config.train, pack.info
    classes = len(pack.class_names(train.labels)) if train.labels else 0
    if train.passes:
        images = max(1, math.ceil(train.passes * len(pack)))
        train = dataclasses.replace(train, images=images, passes=0.0)
        config = dataclasses.replace(config, train=train)
    return config.fitted(info.size, info.channels, classes)


class Trainer:
    """A run in progress: the state, the pictures it learns from, the folder it writes to."""

    def __init__(self, state: TrainState, pack: Pack, folder: Run) -> None:
        self.state, self.pack, self.folder = state, pack, folder
        self.options = state.config.train
        self.loader = Loader(pack, self.options.batch, self.options.seed, self.options.labels)

    def begin(self) -> None:
        """Goes back to the newest sound checkpoint, or writes the first sheet of a new run.

        Raises:
            DCGANError: the checkpoint is of other pictures.
        """
        state, folder, pack = self.state, self.folder, self.pack
        saved = folder.latest()
        if saved and saved["digest"] != pack.info.digest:
            raise DCGANError(
                f"{folder.path} was trained on other pictures: {saved['pictures']:,} then, "
                f"{len(pack):,} now, or their content differs. Begin another with --run FOLDER."
            )
        folder.write_config(state.config)
        if saved:
            state.load_state_dict(saved["training"])
            logger.info(f"Going on from {state.images_seen:,} pictures.")
            if not folder.model_file.exists():
                self.write_model()
            if state.images_seen >= self.options.images:
                logger.info(
                    f"{folder.path} has seen all its {self.options.images:,} pictures; "
                    "train on with a larger --images."
                )
        else:
            self.write_sheet()

    def go_on(self) -> None:
        """Trains to the end and writes what is due on the way.

        Raises:
            Stopped: a signal came; all is saved.
            DCGANError: steps keep failing, or something cannot be written.
        """
        state, options = self.state, self.options
        log = RunLog(self.folder.path, state.images_seen)
        begun, first = time.monotonic(), state.images_seen
        recent: list[StepLosses] = []
        with (
            closing(log),
            stop_signals() as signals,
            progress("Training", options.images, done=first, unit="pictures") as bar,
        ):
            while state.images_seen < options.images and not signals:
                recent.append(train_step(state, *self.next_batch()))
                bar.update(state.images_seen)
                last = bool(signals) or state.images_seen >= options.images
                if last or self.is_due(options.log_interval):
                    rate = (state.images_seen - first) / (time.monotonic() - begun)
                    values = self.summary(recent, rate)
                    log.write(values)
                    bar.update(state.images_seen, describe(values))
                    recent.clear()
                if last or self.is_due(options.sheet_interval):
                    self.write_sheet()
                if last or self.is_due(options.checkpoint_interval):
                    self.write_checkpoint()
        if signals and state.images_seen < options.images:
            raise Stopped(
                f"Stopped after {state.images_seen:,} pictures; all is saved in "
                f"{self.folder.path}, and the same command goes on from there.",
                signals[0],
            )

    def next_batch(self) -> tuple[Images, Labels | None]:
        """Pictures and labels of the next step, on the device; mirrored at random if asked for."""
        state = self.state
        pixels, labels = self.loader.batch(state.images_seen)
        real = to_floats(pixels.to(state.device, non_blocking=True))
        if self.options.flip:
            rng = state.rng("flip")
            mirrored = torch.rand(len(real), 1, 1, 1, device=rng.device, generator=rng) < 0.5
            real = torch.where(mirrored, real.flip(3), real)
        return real, None if labels is None else labels.to(state.device)

    def is_due(self, interval: int) -> bool:
        """Whether the last step crossed a multiple of so many pictures."""
        seen = self.state.images_seen
        return seen // interval > (seen - self.options.batch) // interval

    def summary(self, recent: list[StepLosses], rate: float) -> dict[str, float]:
        """The means over the last steps; the one place that waits for the device.

        Raises:
            DCGANError: three steps in a row were not finite.
        """
        if self.state.most_bad_in_a_row.item() >= BAD_STEPS_IN_A_ROW:
            raise DCGANError(
                f"Around {self.state.images_seen:,} pictures, {BAD_STEPS_IN_A_ROW} steps in a row "
                "gave losses or gradients that are not finite. None of them entered the weights, "
                f"and the last checkpoint in {self.folder.checkpoints} is sound. "
                "Try --precision float32, or another run with a smaller --learning-rate."
            )
        means = torch.stack([torch.stack(losses) for losses in recent]).nanmean(0).tolist()
        values = dict(zip(StepLosses._fields, means, strict=True))
        return {"images_seen": self.state.images_seen, **values, "images_per_second": rate}

    def write_sheet(self) -> None:
        """Draws the same latents as ever, with batch statistics as the paper does."""
        network, average = self.state.config.network, self.state.average
        z, labels = latents_of(SHEET_SEEDS, network), labels_of(SHEET_SEEDS, network)
        pixels = draw(average, z, labels)
        save_picture(sheet(pixels), self.folder.sheet_file(self.state.images_seen))

    def write_checkpoint(self) -> None:
        """Writes the model as it is now, then everything needed to go on.

        In this order, so that a run killed in between writes both anew when it goes on.
        """
        state, info = self.state, self.pack.info
        self.write_model()
        saved = {"training": state.state_dict(), "digest": info.digest, "pictures": len(self.pack)}
        self.folder.save(saved, state.images_seen, self.options.keep_interval)

    def write_model(self) -> None:
        """Writes the model as it is now."""
        build_model(self.state, self.pack).save(self.folder.model_file)


def build_model(state: TrainState, pack: Pack) -> Model:
    """The model of this moment: the averaged generator and the discriminator, calibrated.

    The generator's statistics are measured over latents, the discriminator's over real pictures.
    """
    options, network = state.config.train, state.config.network
    rng = torch.Generator(state.device).manual_seed(derive(options.seed, "calibration", 0))
    loader = Loader(pack, CALIBRATION_BATCH, options.seed, options.labels)

    def latents() -> Iterator[tuple[Latents, Labels | None]]:
        for _ in range(CALIBRATION_BATCHES):
            z = draw_latents(CALIBRATION_BATCH, network, rng)
            labels = labels_of(range(CALIBRATION_BATCH), network)
            yield z, None if labels is None else labels.to(state.device)

    def pictures() -> Iterator[tuple[Images, Labels | None]]:
        for number in range(CALIBRATION_BATCHES):
            pixels, labels = loader.batch(number * CALIBRATION_BATCH)
            labels = None if labels is None else labels.to(state.device)
            yield to_floats(pixels.to(state.device)), labels

    generator, discriminator = copy.deepcopy(state.average), copy.deepcopy(state.discriminator)
    calibrate(generator, latents())
    calibrate(discriminator, pictures())
    names = pack.class_names(options.labels) if options.labels else ()
    notes = {"source": pack.info.name, "digest": pack.info.digest}
    return Model(generator, discriminator, names, state.images_seen, notes)


def describe(values: dict[str, float]) -> str:
    """The losses and the discriminator's mean answers, in a few words."""
    return "loss D {d_loss:.2f} G {g_loss:.2f}  D says real {d_real:.0%} fake {d_fake:.0%}".format(
        **values
    )


def introduce(state: TrainState, pack: Pack, folder: Run) -> None:
    """Says what will be trained on what, where."""
    colours = {1: "grey", 3: "colour", 4: "colour with alpha"}[pack.info.channels]
    arithmetic = "bfloat16" if state.bfloat16 else "float32"
    logger.info("%s", plan_text(state.config.network))
    logger.info(
        f"{len(pack):,} pictures of {pack.info.size.grid} in {colours}; "
        f"computing on {state.device} in {arithmetic}; the run is in {folder.path}."
    )
    if len(pack) < FEW_PICTURES:
        logger.warning("So few pictures will be learnt by heart; a thousand or more are better.")


@contextmanager
def stop_signals() -> Iterator[list[int]]:
    """Collects SIGINT and SIGTERM, so that a step is finished first; a second one stops at once.

    Outside of the main thread Python cannot catch signals; there the list stays empty.
    """
    received: list[int] = []

    def receive(number: int, _: FrameType | None) -> None:
        if received:
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
