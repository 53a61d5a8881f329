"""How good a model's pictures are: every number beside the protocol that gave it."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Group as Lines
from rich.table import Table
from rich.text import Text

from dcgan.config import NetworkConfig
from dcgan.data.loader import derive, shuffled
from dcgan.data.pack import Pack
from dcgan.data.packing import matching_pack
from dcgan.distributed import Group, joined
from dcgan.errors import DCGANError
from dcgan.files import make_folder, replacing
from dcgan.images import save_picture, sheet, to_floats
from dcgan.log import logger, progress
from dcgan.metrics.encoder import Encoder, load_encoder
from dcgan.metrics.inception import DIGEST_START, Inception, load_inception
from dcgan.metrics.kernel import SUBSET_SIZE, SUBSETS
from dcgan.metrics.measures import (
    INCEPTION_NAMES,
    OWN_NAMES,
    Measure,
    Names,
    copies,
    distances,
    on_pixels,
    shares,
)
from dcgan.metrics.neighbours import NEIGHBOURS, nearest
from dcgan.model import Model, opened
from dcgan.tensors import Features, Pixels

LEAST, ENOUGH = 100, 10_000
"""Pictures of each kind below which nothing is measured, or a warning is given."""
MOST_REAL = 50_000
"""Real pictures that are compared; of more a part is drawn by lot."""
MOST_FOR_PIXELS = 4_096
"""Pictures of each kind for what is measured on pixels."""
BATCH = 250
JSON_FILE, SHEET_FILE = "evaluation.json", "closest.png"
PAIRS_SHOWN = 32


@dataclass(frozen=True)
class Evaluation:
    """What was measured, and how."""

    measures: tuple[Measure, ...]
    protocol: dict[str, str]
    closest: Pixels = field(repr=False)
    """(2P, H, W, C): generated pictures, the nearest first, each before its training picture."""

    def __getitem__(self, name: str) -> float:
        """The value of the measure of this name."""
        return {measure.name: measure.value for measure in self.measures}[name]


class Yardstick(NamedTuple):
    """An encoder, how its distances are called, and what is to be said of it."""

    encoder: Encoder | Inception
    names: Names
    described: str


class Sets(NamedTuple):
    """The features of what is compared."""

    fake: Features
    real: Features
    held_out: Features | None


def evaluate(
    model: str | Path | Model,
    place: str | Path,
    out: str | Path | None = None,
    *,
    encoder: str | Path | None = None,
    inception: str | Path | None = None,
    held_out: str | Path | None = None,
    count: int = ENOUGH,
    batch_statistics: bool = False,
    seed: int = 42,
    device: str = "auto",
) -> Evaluation:
    """Measures a model's pictures against real ones.

    Processes that `torchrun` started share the drawing and the encoding, in the same batches as a
    single one has; the first measures. Each makes this call, and gets the evaluation.

    Args:
        model: the model, or its file.
        place: the source of the real pictures, best those that the model was trained on.
        out: the folder for `evaluation.json` and `closest.png`, generated pictures beside the
            training pictures they are nearest to; without it nothing is written.
        encoder: the file that `dcgan encoder` made.
        inception: the file of Inception's published weights, in place of an encoder.
        held_out: a source of real pictures that the model was not trained on, to know copies by.
        count: how many pictures to generate, at least 100: those of the seeds from 0 on.
        batch_statistics: draw them with batch statistics, as the paper does.
        seed: of what is drawn by lot: real pictures, pairs, patches.
        device: cpu, cuda, mps or xpu; auto: the best there is.

    Raises:
        DCGANError: there is no such model, source, encoder or device, they do not fit together, or
            there are too few pictures.
    """
    with joined() as group:
        chosen = group.device(device)
        loaded = group.all_do(lambda: opened(model, chosen))
        yardstick = group.all_do(lambda: choose_yardstick(encoder, inception))
        group.told(lambda: require_fitting(yardstick.encoder, loaded.config))
        real = group.in_turn(lambda: matching_pack(place, loaded.reading))
        other = group.in_turn(
            lambda: None if held_out is None else matching_pack(held_out, loaded.reading)
        )
        protocol = protocol_of(loaded, yardstick, real, other, count, batch_statistics, seed)
        group.require_alike(protocol)
        group.told(lambda: require_enough(count, real, other))
        group.told(lambda: require_company(count, batch_statistics))
        folder = group.first(lambda: None if out is None else make_folder(Path(out).expanduser()))
        group.announce()
        own = group.rows(count, BATCH)
        fake = group.all_do(lambda: generated(loaded, own, batch_statistics))
        yardstick.encoder.to(chosen)
        sets = encoded(yardstick, fake, real, other, count, seed, chosen, group)
        fake = group.joined_rows(fake)
        measures, closest = group.told(lambda: measured(sets, yardstick.names, fake, real, seed))
        evaluation = Evaluation(measures, protocol, closest)
        group.first(lambda: write(evaluation, folder) if folder else None)
        return evaluation


def choose_yardstick(encoder: str | Path | None, inception: str | Path | None) -> Yardstick:
    """The encoder that was asked for.

    Raises:
        DCGANError: none or two were, or it cannot be read.
    """
    if inception is not None and encoder is None:
        described = (
            "Inception-v3 of 2015-12-05, pictures resized to 299x299 bilinearly; "
            f"SHA-256 {DIGEST_START}"
        )
        return Yardstick(load_inception(inception), INCEPTION_NAMES, described)
    if encoder is None or inception is not None:
        given = "none was given" if encoder is None else "two were given"
        raise DCGANError(
            f"Distances are measured in the features of one encoder, and {given}: give --encoder "
            "FILE, made by `dcgan encoder`, or --inception FILE, the published weights."
        )
    own = load_encoder(encoder)
    task = own.task
    digest = hashlib.sha256(Path(encoder).expanduser().read_bytes()).hexdigest()
    described = (
        f"own, taught {task.subject} ({len(task.classes)} kinds) on {task.source}: "
        f"{task.accuracy:.1%} right; SHA-256 {digest[:8]}"
    )
    return Yardstick(own, OWN_NAMES, described)


def require_fitting(encoder: Encoder | Inception, network: NetworkConfig) -> None:
    """Raises a DCGANError if an encoder knows other pictures than these networks draw."""
    if isinstance(encoder, Inception):
        return
    task = encoder.task
    if (task.size, task.channels) != (network.size, network.channels):
        raise DCGANError(
            f"The encoder knows pictures of {task.size.grid} (channels: {task.channels}); the "
            f"model draws {network.size.grid} (channels: {network.channels}). Make another: "
            f"dcgan encoder SOURCE FILE --size {network.size} --channels {network.channels}"
        )


def protocol_of(
    model: Model,
    yardstick: Yardstick,
    real: Pack,
    other: Pack | None,
    count: int,
    batch_statistics: bool,
    seed: int,
) -> dict[str, str]:
    """How the numbers come about."""
    names = yardstick.names
    return {
        "model": f"digest {model.digest()[:8]}; weights {model.notes.get('weights', 'as given')}",
        "encoder": yardstick.described,
        "real pictures": f"{min(len(real), MOST_REAL):,} of {described_pack(real)}",
        "read": f"{real.info.size.grid}, channels: {real.info.channels}, crop {real.info.crop}",
        "trained on": trained_on(model, real),
        "held out": described_pack(other) if other else "none; give --held-out to know copies by",
        "generated": f"{count:,}, seeds 0-{count - 1}, rounded to 8 bits",
        "statistics": "of batches of up to 125" if batch_statistics else "stored",
        "measured": (
            f"precision to coverage by the {NEIGHBOURS} nearest; the {names.kernel} of {SUBSETS} "
            f"subsets of {SUBSET_SIZE:,}; pixels of up to {MOST_FOR_PIXELS:,} of each kind"
        ),
        "images seen": f"{model.images_seen:,}",
        "seed": str(seed),
    }


def trained_on(model: Model, real: Pack) -> str:
    """Whether a model was trained on these pictures, in a few words."""
    if model.notes.get("digest") != real.info.digest:
        return f"not these very pictures, but on {model.notes.get('source', 'others')}"
    held_out = model.notes.get("held_out", "0")
    return "these very pictures" + f", but for {held_out} held out" * (held_out != "0")


def described_pack(pack: Pack) -> str:
    """A pack in a few words."""
    return f"{len(pack):,} pictures of {pack.info.name}, digest {pack.info.digest[:8]}"


def require_enough(count: int, real: Pack, other: Pack | None) -> None:
    """Warns of sets that are small.

    Raises:
        DCGANError: they are too small to say anything, or what was held out is not apart.
    """
    if min(count, len(real), len(other) if other else LEAST) < LEAST:
        held_out = f", {len(other):,} held out" if other else ""
        raise DCGANError(
            f"{count:,} generated and {len(real):,} real pictures{held_out} were to be compared; "
            f"with fewer than {LEAST} of each no number means anything."
        )
    if other and other.info.digest == real.info.digest:
        raise DCGANError(
            f"The pictures held out are the real ones themselves ({described_pack(real)}); give "
            "such as the model was not trained on."
        )
    if min(count, len(real)) < ENOUGH:
        logger.warning(
            "From fewer than %s pictures the Fréchet distance comes out too large: see its floor, "
            "and compare it only with those from as many pictures.",
            f"{ENOUGH:,}",
        )


def require_company(count: int, batch_statistics: bool) -> None:
    """Raises a DCGANError if one picture would be left over, which has no batch statistics."""
    if batch_statistics and count % BATCH == 1:
        raise DCGANError(
            f"Pictures are drawn {BATCH} at a time, and of {count:,} the last would be alone, "
            f"without batch statistics; give --count {count - 1} or --count {count + 1}."
        )


def generated(model: Model, seeds: range, batch_statistics: bool) -> Pixels:
    """The model's pictures of some seeds, as files would hold them."""
    parts = []
    with progress("Drawing", len(seeds), unit="pictures") as bar:
        for start in range(0, len(seeds), BATCH):
            batch = seeds[start : start + BATCH]
            parts.append(model.sample(batch, batch_statistics=batch_statistics))
            bar.update(start + len(batch))
    return torch.cat(parts) if parts else torch.empty(0, dtype=torch.uint8)


def encoded(
    yardstick: Yardstick,
    fake: Pixels,
    real: Pack,
    other: Pack | None,
    count: int,
    seed: int,
    device: torch.device,
    group: Group,
) -> Sets:
    """The features of all pictures, in the first process; each encodes a part of them.

    Args:
        yardstick: holds the encoder, on the device.
        fake: the generated pictures of this process.
        real: the real ones, all of them.
        other: those held out, all of them.
        count: of generated pictures in all processes.
        seed: of the lot.
        device: to encode on.
        group: the processes.
    """

    def encode(kind: str, total: int, batches: Iterable[Pixels]) -> Features:
        parts = []
        with torch.no_grad(), progress(f"Encoding {kind}", total, unit="pictures") as bar:
            for pixels in batches:
                # To the CPU, as what follows is in float64, which not all accelerators know.
                parts.append(yardstick.encoder.features(to_floats(pixels.to(device))).cpu())
                bar.update(bar.done + len(pixels))
        return torch.cat(parts) if parts else torch.empty(0)

    def part(kind: str, pack: Pack, most: int) -> Features:
        own = group.rows(min(most, len(pack)), BATCH)
        numbers = lot(pack, most, seed)[own.start : own.stop]
        found = group.all_do(lambda: encode(kind, len(own), pictures(pack, numbers)))
        return group.joined_rows(found)

    drawn = (fake[start : start + BATCH] for start in range(0, len(fake), BATCH))
    own = group.all_do(lambda: encode("generated pictures", len(fake), drawn))
    return Sets(
        group.joined_rows(own),
        part("real pictures", real, MOST_REAL),
        part("held-out pictures", other, count) if other else None,
    )


def measured(
    sets: Sets, names: Names, fake: Pixels, real: Pack, seed: int
) -> tuple[tuple[Measure, ...], Pixels]:
    """All measures, and the generated pictures nearest to training pictures beside these."""
    rng = torch.Generator().manual_seed(derive(seed, "evaluation", 0))
    order = lot(real, MOST_REAL, seed)
    closest = nearest(sets.fake, [sets.real])
    measures = distances(sets.real, sets.fake, names, rng) + shares(sets.real, sets.fake)
    if sets.held_out is not None:
        measures += (copies(closest, nearest(sets.held_out, [sets.real])),)
    few = min(MOST_FOR_PIXELS, len(fake), len(order))
    measures += on_pixels(torch.cat(list(pictures(real, order[:few]))), fake[:few], rng)
    shown = closest.distances.argsort()[:PAIRS_SHOWN]
    training = real.pictures(order[closest.indices[shown].cpu().numpy()])
    pairs = torch.stack([fake[shown.cpu()], torch.from_numpy(training)], dim=1)
    return measures, pairs.flatten(0, 1)


def lot(pack: Pack, most: int, seed: int) -> NDArray[np.int64]:
    """The numbers of so many pictures of a pack, or of all, in an order drawn by lot."""
    count = min(most, len(pack))
    return shuffled(np.arange(count), len(pack), derive(seed, "real pictures", 0))


def pictures(pack: Pack, numbers: NDArray[np.int64]) -> Iterator[Pixels]:
    """Pictures of a pack by their numbers, in batches."""
    for start in range(0, len(numbers), BATCH):
        yield torch.from_numpy(pack.pictures(numbers[start : start + BATCH]))


def to_table(evaluation: Evaluation) -> Lines:
    """The evaluation for a terminal: the numbers, then how they came about."""
    numbers, protocol = Table.grid(padding=(0, 2)), Table.grid(padding=(0, 2))
    for name, value, meaning in evaluation.measures:
        numbers.add_row(Text(name, "bold"), Text(f"{value:.4g}", justify="right"), Text(meaning))
    for name, text in evaluation.protocol.items():
        protocol.add_row(Text(name, "dim"), Text(text))
    return Lines(numbers, Text(), protocol)


def write(evaluation: Evaluation, folder: Path) -> None:
    """Writes `evaluation.json` and `closest.png`.

    Raises:
        DCGANError: they cannot be written.
    """
    values = {measure.name: measure.value for measure in evaluation.measures}
    text = json.dumps({"measures": values, "protocol": evaluation.protocol}, indent=2)
    with replacing(folder / JSON_FILE) as file:
        file.write(text.encode() + b"\n")
    save_picture(sheet(evaluation.closest, columns=8), folder / SHEET_FILE)
