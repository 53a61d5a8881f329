"""The main job: a source in, a trained model out; the loop around the step, and what it writes."""

import dataclasses
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch

from dcgan import presets
from dcgan.checkpoint import Run
from dcgan.config import GROWTH, Config, NetworkConfig, TrainConfig
from dcgan.data.loader import held_out_of
from dcgan.data.pack import Pack, class_names, first_classes, is_pack
from dcgan.data.packing import choose_size, chosen_source, open_pack
from dcgan.data.sources import source_name
from dcgan.devices import prefer_speed
from dcgan.distributed import Group, joined, require_shares
from dcgan.errors import DCGANError
from dcgan.health import Distance
from dcgan.images import COLOURS
from dcgan.log import logger
from dcgan.model import Model, load
from dcgan.networks import plan_text
from dcgan.size import Size
from dcgan.step import TrainState
from dcgan.trainer import Trainer

FEW_PICTURES = 1_000


def resolve(run: Run, preset: str | None, options: dict[str, Any]) -> Config:
    """The config of a run to begin or to go on with.

    Raises:
        DCGANError: an option is unknown or not allowed, or contradicts the run in the folder.
    """
    if options.get("images") and options.get("passes"):
        raise DCGANError("Give `images` or `passes`, not both.")
    fresh = presets.preset(preset or presets.DEFAULT, **options)
    saved = run.config()
    if saved is None:
        return fresh
    row = presets.PRESETS[preset].options if preset else {}
    known = saved.network
    shape = saved.pack.size or known.size, known.channels, known.classes
    config = saved.replaced(**{**row, **options})
    run.require_same(saved.fitted(*shape), config.fitted(*shape))
    return config


def train(
    place: str | Path,
    run: str | Path | None = None,
    *,
    preset: str | None = None,
    distance: Callable[[Pack, NetworkConfig], Distance] | None = None,
    **options: Any,
) -> Model:
    """Trains a DCGAN on a source; the same call again goes on where it stopped.

    Processes that `torchrun` started share the work: each makes this call, and gets the model.

    Args:
        place: a pack, or a source: a folder of pictures, an archive, a hub name such as
            `hf:owner/set`, or a drawn world: `faces` or `rooms`.
        run: the folder of the run; `runs/<name of the source>` if not given.
        preset: a row of `presets.PRESETS`.
        distance: makes the measure by which the run knows its best model, of the pack and the
            networks' shape: `metrics.distance.frechet_in(encoder)`. It is measured at each
            checkpoint; `best.safetensors` is the best.
        **options: any of `config.OPTIONS`, as `size=64` or `images=500_000`.

    Returns:
        The model: the best one if a distance was measured, else the last.

    Raises:
        DCGANError: a mistake in what was given, or training that cannot go on.
        Stopped: SIGINT or SIGTERM came; a checkpoint and the model are written.
    """
    folder = Run(run or default_run(place))
    with joined() as group, ExitStack() as held:
        given = {f"`{name}`": value for name, value in options.items()}
        group.require_alike({"preset": preset} | given)
        config = group.told(lambda: accepted(folder, preset, options, distance is not None, group))
        device = group.device(config.train.device)
        prefer_speed(device)
        group.connect(device)
        pack = group.in_turn(lambda: open_pack(place, config.pack))
        config = group.told(lambda: fit_pack(config, pack, group))
        group.first(lambda: held.enter_context(folder.opened()))
        measured = group.first(lambda: distance(pack, config.network) if distance else None)
        held.enter_context(advice_on_memory())
        state = TrainState(config, device, group=group)
        pictures = f"{len(pack):,} (SHA-256 {pack.info.digest[:16]})"
        group.require_alike({"pictures": pictures, "bfloat16": state.bfloat16})
        introduce(state, pack, folder)
        trainer = Trainer(state, pack, folder, measured)
        trainer.begin()
        trainer.go_on()
        best = f", as it was at {trainer.best.images_seen:,} pictures" if trainer.best else ""
        model = folder.best_file if trainer.best else folder.model_file
        logger.info(f"The model is {model}{best}. Draw from it: dcgan sample {model} sheet.png")
        return group.told(lambda: load(model))


def accepted(
    folder: Run, preset: str | None, options: dict[str, Any], is_measured: bool, group: Group
) -> Config:
    """The config of a run to begin or to go on with, refused where it cannot be trained.

    Raises:
        DCGANError: see `resolve` and `require_enough_for_all`; or nothing is measured that could be
            waited for, or the folder could not be written.
    """
    config = for_processes(resolve(folder, preset, options), group)
    if config.train.patience and not is_measured:
        raise DCGANError(
            f"`patience` (={config.train.patience}) waits for a smaller distance, and none is "
            "measured: give --encoder FILE, made by `dcgan encoder`, or --inception FILE."
        )
    size = config.pack.size
    require_enough_for_all(config.train.fitted(size) if size else config.train, group)
    folder.require_writable()
    return config


def for_processes(config: Config, group: Group) -> Config:
    """The config for so many processes: a quarter of a batch has too few pictures for many."""
    if group.count == 1 or config.train.grow_batch is not None:
        return config
    return config.replaced(grow_batch=False)


def require_enough_for_all(options: TrainConfig, group: Group) -> None:
    """Refuses a batch that the processes cannot share, as soon as it is known.

    Each needs two pictures, unless batch norm takes its statistics over all of them.

    Raises:
        DCGANError: see `require_shares`.
    """
    if options.batch:
        least = 1 if options.sync_batch_norm else 2
        require_shares(options.batch, group.count, least, options.batch // options.batch_at(0))


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
        source = chosen_source(place, config.pack)
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
        shown = count - held_out_of(train.held_out, count)
        images = max(1, math.ceil(train.passes * shown))
        train = dataclasses.replace(train, images=images, passes=0.0)
    return dataclasses.replace(config, train=train).fitted(size, channels, classes)


def fit_pack(config: Config, pack: Pack, group: Group) -> Config:
    """The same, of a pack, for these processes.

    Raises:
        DCGANError: it has no such labels, or see `require_enough_for_all`.
    """
    label = config.train.labels
    classes = len(pack.class_names(label)) if label else 0
    config = fit(config, pack.info.size, pack.info.channels, classes, len(pack))
    require_enough_for_all(config.train, group)
    return config


def introduce(state: TrainState, pack: Pack, folder: Run) -> None:
    """Says what will be trained on what, where."""
    group, options, kind = state.group, state.config.train, state.config.train.augment
    seen = f", moved for D (--augment {kind})" if kind != "none" else ""
    colours, batch = COLOURS[pack.info.channels], options.batch
    arithmetic = "bfloat16" if state.bfloat16 else "float32"
    logger.info("%s", plan_text(state.config.network))
    logger.info(
        f"{len(pack):,} pictures of {pack.info.size.grid} in {colours}, {per_step(options)}{seen}; "
        f"computing on {state.device} in {arithmetic}; the run is in {folder.path}."
    )
    if group.count > 1:
        logger.info(
            f"{group.count} processes, each with {batch // group.count} pictures of every batch of "
            f"{batch}{' (fewer at first)' if options.grow_batch else ''}; batch norm takes "
            f"{state.together(batch)} together."
        )
    column = first_classes(pack.info.columns)
    if column and not options.labels and state.config.network.conditioning == "projection":
        count = len(pack.class_names(column))
        logger.info(
            f"Told their {count:,} classes (--labels {column}), the networks draw the class that "
            "you name, and often better."
        )
    if len(pack) < FEW_PICTURES:
        advice = "" if seen else "; --augment shift helps"
        logger.warning(
            f"So few pictures will be learnt by heart; a thousand or more are better{advice}."
        )


def per_step(options: TrainConfig) -> str:
    """How many pictures a step takes, in words."""
    later = [n for n in GROWTH if 0 < n < options.images] if options.grow_batch else []
    said = [f"{options.batch_at(n)} from {n:,} pictures on" for n in later]
    return ", ".join([f"{options.batch_at(0)} a step", *said])


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
