"""The main job: a source in, a trained model out; the loop around the step, and what it writes."""

import copy
import dataclasses
import math
import signal
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from dcgan import config as configs
from dcgan import presets
from dcgan.checkpoint import Run
from dcgan.config import Config
from dcgan.data.loader import Loader, derive
from dcgan.data.pack import Pack, class_names, is_pack
from dcgan.data.packing import choose_size, open_pack
from dcgan.data.sources import open_source, source_name
from dcgan.devices import choose_device, keep_freed_memory
from dcgan.errors import DCGANError, Stopped
from dcgan.images import save_picture, sheet, to_floats
from dcgan.log import RunLog, logger, progress
from dcgan.model import Model, calibrate, load
from dcgan.networks import plan_text
from dcgan.sample import draw, draw_latents, labels_of, latents_of
from dcgan.size import Size
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
    if options.get("images") and options.get("passes"):
        raise DCGANError("Give `images` or `passes`, not both.")
    fresh = presets.preset(preset or "default", **options)
    saved = run.config()
    if saved is None:
        return fresh
    row = presets.PRESETS[preset].options if preset else {}
    config = saved.replaced(**{**row, **options})
    refuse_differences(run, saved, config)
    return config


def refuse_differences(run: Run, old: Config, new: Config) -> None:
    """Raises a DCGANError that shows how the options differ from those of the run so far."""
    changes = configs.differences(old, new)
    if changes:
        raise DCGANError(
            f"{run.path} holds a run with other options: {', '.join(changes)}. "
            "Leave these out to go on with it, or begin another with --run FOLDER."
        )


def train(
    place: str | Path,
    run: str | Path | None = None,
    *,
    preset: str | None = None,
    **options: Any,
) -> Model:
    """Trains a DCGAN on a source; the same call again goes on where it stopped.

    Args:
        place: a pack, or a source: a folder of pictures, an archive, a hub name such as
            `hf:owner/set`, or a drawn world: `faces` or `rooms`.
        run: the folder of the run; `runs/<name of the source>` if not given.
        preset: a row of `presets.PRESETS`.
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
    classes = len(pack.class_names(config.train.labels)) if config.train.labels else 0
    config = fit(config, pack.info.size, pack.info.channels, classes, len(pack))
    with folder.opened(), advice_on_memory():
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
    if is_pack(place):
        info = open_pack(place, config.pack).info
        size, channels, columns, count = info.size, info.channels, info.columns, sum(info.shards)
    else:
        source = open_source(place)
        size, channels = config.pack.size or choose_size(source), config.network.channels
        columns, count = source.columns, len(source)
    label = config.train.labels
    classes = len(class_names(columns, label, str(place))) if label else 0
    config = fit(config, size, channels, classes, count)
    logger.info("%s", plan_text(config.network))
    return config


def default_run(place: str | Path) -> Path:
    """Where the run on a source stands if nobody says: `runs/<its name>`."""
    return Path("runs") / source_name(place)


def fit(config: Config, size: Size, channels: int, classes: int, count: int) -> Config:
    """The config with the facts of the pictures filled in, `count` of them."""
    train = config.train
    if train.passes:
        images = max(1, math.ceil(train.passes * count))
        train = dataclasses.replace(train, images=images, passes=0.0)
    return dataclasses.replace(config, train=train).fitted(size, channels, classes)


class Trainer:
    """A run in progress: the state, the pictures it learns from, the folder it writes to."""

    def __init__(self, state: TrainState, pack: Pack, folder: Run) -> None:
        self.state, self.pack, self.folder = state, pack, folder
        self.options = state.config.train
        self.loader = Loader(pack, self.options.batch, self.options.seed, self.options.labels)
        self.written = 0
        """The moment of the last checkpoint."""

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
        if saved:
            self.require_same(Config.from_json(saved["config"], "the checkpoint"), saved)
        folder.write_config(state.config)
        if not saved:
            self.write_sheet()
            return
        state.load_state_dict(saved["training"])
        self.written = state.images_seen
        folder.set_aside_after(state.images_seen)
        if state.images_seen < self.options.images:
            logger.info(f"Going on from {state.images_seen:,} pictures.")
        else:
            self.write_model()
            logger.info(
                f"{folder.path} has seen all its {self.options.images:,} pictures; "
                "train on with more --images or --passes."
            )

    def require_same(self, then: Config, saved: dict[str, Any]) -> None:
        """Refuses options that would not go on where the checkpoint stands.

        Raises:
            DCGANError: they differ, or the step size has begun to fall towards another end.
        """
        refuse_differences(self.folder, then, self.state.config)
        before, now = then.train, self.options
        fall = min(before.images, now.images) * (1 - before.decay_share)
        if before.decay_share and before.images != now.images and saved["images_seen"] > fall:
            raise DCGANError(
                f"{self.folder.path} has begun to let its step size fall towards its end at "
                f"{before.images:,} pictures; its length cannot be changed any more."
            )

    def go_on(self) -> None:
        """Trains to the end and writes what is due on the way.

        Raises:
            Stopped: a signal came; all is saved.
            DCGANError: steps keep failing, or something cannot be written.
        """
        state, options = self.state, self.options
        log = RunLog(self.folder.path, state.images_seen)
        recent: list[StepLosses] = []
        with (
            closing(log),
            stop_signals() as signals,
            progress("Training", options.images, done=state.images_seen, unit="pictures") as bar,
        ):
            while state.images_seen < options.images and not signals:
                recent.append(train_step(state, *self.next_batch()))
                bar.update(state.images_seen)
                if self.is_due(options.log_interval):
                    bar.update(state.images_seen, self.write_log(log, recent, bar.rate()))
                if self.is_due(options.sheet_interval):
                    self.write_sheet()
                if self.is_due(options.checkpoint_interval):
                    self.write_checkpoint()
            # At the end, or when asked to stop at whatever moment: what is not written yet.
            if recent:
                self.write_log(log, recent, bar.rate())
            if self.written != state.images_seen:
                self.write_sheet()
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

    def write_log(self, log: RunLog, recent: list[StepLosses], rate: float) -> str:
        """Logs the means over the last steps, and forgets these; waits for the device.

        Returns:
            The means in a few words.

        Raises:
            DCGANError: three steps in a row were not finite, or the log cannot be written.
        """
        if self.state.most_bad_in_a_row.item() >= BAD_STEPS_IN_A_ROW:
            raise DCGANError(
                f"Around {self.state.images_seen:,} pictures, {BAD_STEPS_IN_A_ROW} steps in a row "
                "gave losses or gradients that are not finite. None of them entered the weights, "
                f"and the last checkpoint in {self.folder.checkpoints} is sound. "
                "Try --precision float32, or another run with a smaller --learning-rate."
            )
        means = torch.stack([torch.stack(losses) for losses in recent]).nanmean(0).tolist()
        recent.clear()
        # A network that had no turn in these steps has no loss.
        known = {n: v for n, v in zip(StepLosses._fields, means, strict=True) if math.isfinite(v)}
        log.write({"images_seen": self.state.images_seen, **known, "images_per_second": rate})
        return describe(known)

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
        saved = {
            "training": state.state_dict(),
            "config": state.config.to_json(),
            "digest": info.digest,
            "pictures": len(self.pack),
            "images_seen": state.images_seen,
        }
        self.folder.save(saved, state.images_seen, self.options.keep_interval)
        self.written = state.images_seen

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
    """The losses and the discriminator's mean answers, in a few words; a dash where unknown."""
    d_loss, g_loss = (f"{values[n]:.2f}" if n in values else "-" for n in ("d_loss", "g_loss"))
    real, fake = (f"{values[n]:.0%}" if n in values else "-" for n in ("d_real", "d_fake"))
    return f"loss D {d_loss} G {g_loss}  D says real {real} fake {fake}"


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
def advice_on_memory() -> Iterator[None]:
    """Within, running out of memory becomes a sentence that says what to make smaller.

    Raises:
        DCGANError: there was not enough memory.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        text = str(error).lower()
        full = isinstance(error, MemoryError | torch.OutOfMemoryError)
        if not full and "allocate memory" not in text and "storage size" not in text:
            raise
        raise DCGANError(
            "The networks and a batch do not fit into memory. "
            "Take a smaller --batch, --width or --size."
        ) from error


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
