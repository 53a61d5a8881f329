"""A model under test: its samples, what a judge says of them, and figures with their errors."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dcgan.captions import captioned
from dcgan.features.extractor import DiscriminatorFeatures
from dcgan.images import save_picture
from dcgan.latent.judging import eyes_of
from dcgan.latent.points import pictures_of
from dcgan.metrics.neighbours import NEIGHBOURS, distance_blocks, radii
from dcgan.model import Model
from dcgan.sample import draw_latents, latents_of
from dcgan.tensors import Features, Latents, Pixels
from world_judge import SURE, Judge, Said, words_for

SAMPLES = 4_000
"""Of the seeds from 0 on, among which exemplars are chosen."""
LOOKED_AT = 1_000
"""Samples of which a second opinion is asked, and among which results are to lie."""
SHOWN = 40
"""Samples on the sheet of what the judge says."""

Row = dict[str, Any]
"""Of a table: words, and figures."""


class Figure(NamedTuple):
    """A mean, NaN without values; its standard error; and of how many values it is."""

    value: float
    error: float
    behind: int


class Pool(NamedTuple):
    """Samples of a model, and what they show."""

    z: Latents
    pixels: Pixels
    said: Said


@dataclass(frozen=True)
class Subject:
    """A model, its judge, its samples and how many trials there are to be."""

    model: Model
    judge: Judge
    pool: Pool
    trials: int

    def shows(self, z: Latents) -> Said:
        """What the pictures of latents show."""
        return self.judge.says(pictures_of(self.model, z))

    def others(self, count: int, seed: int) -> Latents:
        """Latents by lot."""
        return draw_latents(count, self.model.config, torch.Generator().manual_seed(seed))

    @property
    def deviation(self) -> float:
        """Of each number of a latent."""
        return 3**-0.5 if self.model.config.prior == "uniform" else 1.0

    @cached_property
    def eyes(self) -> DiscriminatorFeatures:
        """D's features, with the statistics of the model."""
        return eyes_of(self.model, "cpu")

    def seen(self, pixels: Pixels) -> Features:
        """Pictures (N, H, W, C) in D's features, (N, D)."""
        return torch.from_numpy(self.eyes.transform(pixels.numpy()))

    @cached_property
    def neighbourhoods(self) -> tuple[Features, Tensor]:
        """The last samples in D's features, and how far it is to the fifth nearest of each."""
        samples = self.seen(self.pool.pixels[-LOOKED_AT:])
        return samples, radii(samples, NEIGHBOURS)

    def among(self, pixels: Pixels) -> NDArray[np.bool_]:
        """Which pictures (N,) D cannot tell from samples: those that lie among them."""
        samples, reach = self.neighbourhoods
        blocks = distance_blocks(self.seen(pixels), samples)
        return torch.cat([(far < reach).any(dim=1) for _, far in blocks]).numpy()


def subject_of(model: Model, judge: Judge, results: Path, trials: int) -> Subject:
    """A model looked at by a judge; writes a sheet of what is said of samples."""
    z = latents_of(range(SAMPLES), model.config)
    pixels = pictures_of(model, z)
    pool = Pool(z, pixels, judge.says(pixels))
    path = results.with_name(f"{results.stem}-{judge.world}-{model.digest()[:8]}.png")
    words = words_for(pool.said, judge.columns)[:SHOWN]
    save_picture(captioned(pixels[:SHOWN], 10, below=words), path)
    return Subject(model, judge, pool, trials)


def kinds(said: Said, columns: Sequence[str]) -> dict[tuple[int, ...], NDArray[np.int64]]:
    """The numbers of the pictures of each kind: all that surely have these classes."""
    sure = np.all([said.sure[name] >= SURE for name in columns], axis=0)
    table = np.stack([said.values[name] for name in columns], axis=1).astype(int)
    return {
        tuple(kind.tolist()): np.flatnonzero(sure & (table == kind).all(axis=1))
        for kind in np.unique(table[sure], axis=0)
    }


def mean(values: Any) -> Figure:
    """Of the values that are not NaN, with its standard error."""
    known = np.asarray(values, np.float64)
    known = known[np.isfinite(known)]
    value = known.mean() if len(known) else np.nan
    error = known.std(ddof=1) / len(known) ** 0.5 if len(known) > 1 else np.nan
    return Figure(float(value), float(error), len(known))


def percent(values: Any) -> Figure:
    """As `mean`, of shares, in percent."""
    return mean(100 * np.asarray(values, np.float64))
