"""Which samples of a model are as one wishes: exemplars for arithmetic and turning."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from dcgan.captions import captioned, counted, save_sheet, sheet_path, to_image
from dcgan.errors import DCGANError
from dcgan.latent.judging import eyes_of, judges_for, parse_wishes, scores
from dcgan.log import logger
from dcgan.model import Model, opened
from dcgan.sample import in_batches, parse_seeds
from dcgan.tensors import Pixels

COUNT = 3
"""Exemplars of a concept in the paper's arithmetic."""
ONE_ROW = 6
"""Pictures that stand in a single row; more make a square."""


@dataclass(frozen=True)
class Found:
    """The samples that are most as wished, the best first."""

    seeds: list[int]
    pictures: Pixels
    """(N, H, W, C) of these."""
    values: NDArray[np.float64]
    """(N,) as `scores` has them, of several wishes the smallest; positive means yes."""
    accuracies: dict[str, float]
    """For each wish, how often its classifier is right on pictures held out, in [0, 1]."""
    candidates: int
    """How many samples they were chosen from."""

    @property
    def sheet(self) -> Image.Image:
        """The pictures, each with its seed and value."""
        title = (
            f"Most like {', '.join(self.accuracies)} of {counted(self.candidates, 'sample')}; "
            "above 0: yes."
        )
        values = zip(self.seeds, self.values, strict=True)
        below = [f"seed {seed}\n{value:+.2f}" for seed, value in values]
        columns = len(below) if len(below) <= ONE_ROW else None
        return to_image(captioned(self.pictures, columns, title=title, below=below))


def find(
    model: str | Path | Model,
    source: str | Path,
    wanted: str,
    out: str | Path | None = None,
    *,
    count: int = COUNT,
    seeds: str | Sequence[int] = "0-1999",
    device: str = "auto",
) -> Found:
    """Finds the samples of a model that are most like the pictures of a source with some labels.

    For each wish an L2-SVM on the discriminator's features learns from up to 1,000 pictures of
    either kind; samples are ranked by their decision values, each in units of its spread over
    pictures that were held out, of several the smallest.

    Args:
        model: a model without classes, its file, or a run's folder.
        source: labelled pictures.
        wanted: values of label columns: `smile=yes,glasses=no`; of class folders `class=cat`; of a
            column of numbers its lowest or highest quarter, `turn=low` or `turn=high`.
        out: a picture file for a sheet of the best; without it nothing is written.
        count: how many to find (paper: 3).
        seeds: the samples to choose from.
        device: cpu, cuda, mps or xpu; auto: the best there is.

    Raises:
        DCGANError: there is no such model, source, column, value or device, too few pictures have
            the value, or `out` cannot be written.
    """
    loaded = opened(model, device)
    candidates = parse_seeds(seeds) if isinstance(seeds, str) else list(seeds)
    if count < 1:
        raise DCGANError(f"`count` (={count}) must be 1 or more.")
    if not candidates:
        raise DCGANError("No seed was given to choose from; the more, the better those found.")
    wishes = parse_wishes(wanted)
    eyes = eyes_of(loaded, device)
    path = sheet_path(out, loaded.config.channels)
    judges = judges_for(eyes, loaded, source, wishes)
    smallest = scores(eyes, judges, loaded, candidates).min(axis=1)
    best = np.argsort(-smallest, kind="stable")[:count]
    hits = int((smallest[best] > 0).sum())
    if hits < count:
        logger.warning(
            f"As wished, by the classifiers: only {hits} of {counted(len(candidates), 'sample')}; "
            "choose from more `seeds`, or wish for less."
        )
    chosen = [candidates[number] for number in best]
    pictures = torch.cat([loaded.sample(batch) for batch in in_batches(chosen)])
    accuracies = {str(judge.wish): judge.accuracy for judge in judges}
    found = Found(chosen, pictures, smallest[best], accuracies, len(candidates))
    if path:
        save_sheet(found.sheet, path)
    return found
