"""What a source's labels say of generated pictures: a linear classifier on D's features."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from dcgan.data.loader import derive, shuffled
from dcgan.data.pack import Pack
from dcgan.data.packing import matching_pack
from dcgan.errors import DCGANError, did_you_mean
from dcgan.features.classifiers import L2SVM
from dcgan.features.extractor import DiscriminatorFeatures
from dcgan.features.vectors import vectors
from dcgan.images import to_floats
from dcgan.log import logger, progress
from dcgan.model import Model
from dcgan.sample import draw, in_batches, latents_of
from dcgan.tensors import Latents

MOST, LEAST = 1_000, 10
"""Pictures of either kind that a classifier learns from and is tried on: at most, at least."""
HELD_OUT = 5
"""One in so many is held out."""
COST = 1e-3
SEED = 42
"""Of the lot by which pictures are chosen."""
ENDS = ("low", "high")
"""The values of a column of numbers: its lowest and its highest quarter."""


class Wish(NamedTuple):
    """What is wanted of a picture: a value in a label column of a source."""

    column: str
    value: str

    def __str__(self) -> str:
        return f"{self.column}={self.value}"


class Judge(NamedTuple):
    """Says of pictures how much they are what is wished."""

    wish: Wish
    machine: L2SVM
    accuracy: float
    """Share of right answers on pictures that were held out, half of either kind, in [0, 1]."""
    spread: float
    """Standard deviation of its decision values over these pictures."""


def parse_wishes(text: str) -> list[Wish]:
    """The wishes in a text such as `smile=yes,glasses=no`.

    Raises:
        DCGANError: the text is not of this form.
    """
    wishes = [Wish(*map(str.strip, part.partition("=")[::2])) for part in text.split(",")]
    if not all(map(all, wishes)):
        raise DCGANError(
            f"What is wanted (={text}) must look like smile=yes or smile=yes,glasses=no: label "
            "columns of the source, and their values."
        )
    return wishes


def eyes_of(model: Model, device: str) -> DiscriminatorFeatures:
    """The discriminator's features with the statistics of the model, alike for all pictures.

    Raises:
        DCGANError: the model has classes, or there is no such device.
    """
    return DiscriminatorFeatures(model, statistics="stored", device=device).fit(None)


def judges_for(
    eyes: DiscriminatorFeatures, model: Model, source: str | Path, wishes: Sequence[Wish]
) -> list[Judge]:
    """A classifier for each wish, taught on labelled pictures of a source.

    Raises:
        DCGANError: there is no such source, column or value, or too few pictures have it or lack
            it.
    """
    pack = matching_pack(source, model.reading)
    chosen = [examples(pack, wish) for wish in wishes]
    judges = []
    for wish, (those, others) in zip(wishes, chosen, strict=True):
        judges.append(taught(eyes, pack, wish, those, others))
        logger.info(f"{wish}: {judges[-1].accuracy:.1%} right on pictures that were held out.")
    return judges


def examples(pack: Pack, wish: Wish) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The numbers of pictures that are as wished, and of as many that are not, by lot.

    In a column of numbers the pictures of its two outer quarters are compared.

    Raises:
        DCGANError: there is no such column or value, or too few pictures have it or lack it.
    """
    column, value = wish
    labels = pack.labels(column)
    names = pack.info.columns[column] or ENDS
    if value not in names:
        words = did_you_mean(value, names)
        raise DCGANError(f"The label column {column!r} has no value {value!r}. {words}")
    if pack.info.columns[column]:
        those = labels == names.index(value)
        others = ~those
    else:
        low, high = np.quantile(labels, (0.25, 0.75))
        those, others = (labels <= low) & (low < high), (labels >= high) & (low < high)
        those, others = (others, those) if value == ENDS[1] else (those, others)
    count = min(MOST, int(those.sum()), int(others.sum()))
    if count < LEAST:
        raise DCGANError(
            f"Pictures of {pack.info.name} with {wish}: {int(those.sum())}; others to compare them "
            f"with: {int(others.sum())}; {LEAST} at least of either kind are needed."
        )
    return some(those, count), some(others, count)


def some(chosen: NDArray[np.bool_], count: int) -> NDArray[np.int64]:
    """So many of the numbers that are chosen, by lot."""
    numbers = np.flatnonzero(chosen)
    return numbers[shuffled(np.arange(count), len(numbers), derive(SEED, "examples", 0))]


def taught(
    eyes: DiscriminatorFeatures,
    pack: Pack,
    wish: Wish,
    those: NDArray[np.int64],
    others: NDArray[np.int64],
) -> Judge:
    """A classifier that tells as many pictures of either kind apart."""
    table = eyes.transform(pack.pictures(np.concatenate([those, others])))
    answers = np.repeat([True, False], len(those))
    held_out = np.arange(len(answers)) % len(those) % HELD_OUT == 0
    machine = L2SVM(COST, device=eyes.device).fit(table[~held_out], answers[~held_out])
    values = machine.decision_function(table[held_out])
    right = (values > 0) == answers[held_out]
    return Judge(wish, machine, float(right.mean()), float(values.std()) or 1.0)


def scores(
    eyes: DiscriminatorFeatures, judges: Sequence[Judge], model: Model, seeds: Sequence[int]
) -> NDArray[np.float64]:
    """How much the pictures of seeds are as wished: (N, judges); positive means yes.

    Decision values, each judge's in units of their spread over pictures that were held out: their
    scale is that of the classifier's weights, so that without it they could not be compared.
    """
    rows = []
    with progress("Judging samples", len(seeds), unit="pictures") as bar:
        for batch in in_batches(seeds):
            rows.append(judged(eyes, judges, model, latents_of(batch, model.config)))
            bar.update(bar.done + len(batch))
    return np.concatenate(rows)


@torch.no_grad()
def judged(
    eyes: DiscriminatorFeatures, judges: Sequence[Judge], model: Model, z: Latents
) -> NDArray[np.float64]:
    """As `scores`, of latents that pass at once."""
    device = next(eyes.discriminator_.parameters()).device
    images = to_floats(draw(model.generator, z).to(device))
    table = vectors(eyes.discriminator_, images, eyes.steps_, eyes.grid).cpu().numpy()
    values = [judge.machine.decision_function(table) / judge.spread for judge in judges]
    return np.stack(values, axis=1)
