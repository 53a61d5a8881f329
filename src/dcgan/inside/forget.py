"""Forgetting an object: which maps of the generator draw it, and pictures without (Figure 6)."""

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from rich.table import Table
from torch import Tensor

from dcgan.captions import captioned, counted, in_blocks, save_sheet, sheet_path, to_image
from dcgan.config import NetworkConfig
from dcgan.data.loader import derive
from dcgan.errors import DCGANError
from dcgan.images import Picture, to_floats
from dcgan.inside.boxes import Box, Boxes, given_boxes
from dcgan.inside.detector import Detector, detector_for, windows_of
from dcgan.inside.dropping import activations_of, chosen_layer, drawn_without
from dcgan.inside.evidence import Evidence, find_boxes, gather, latents_in_batches
from dcgan.inside.regression import held_out_accuracy, weights_of
from dcgan.log import logger
from dcgan.model import Model, opened
from dcgan.networks import Generator
from dcgan.sample import LARGEST_SEED
from dcgan.tensors import Pixels

SEEDS, DRAWN = range(150), 500
"""Samples that boxes are looked for in (paper: 150), and samples drawn afterwards."""
LOTS = 10
"""Choices of random maps to compare with; they differ much."""
SHOWN = 10
"""Samples on the sheet (paper: 10)."""
COLUMNS, LEAST_WIDTH = 5, 160
"""Samples in a row of the sheet, and the pixels that each is wide, so that an object is seen."""


class Row(NamedTuple):
    """The same samples, drawn with all maps or without some."""

    pictures: Pixels
    """(shown, H, W, C) the first of them."""
    windows: int
    """In how many of all samples the detector finds a window; 0 without a detector."""
    left: int
    """How many of the windows that all maps draw are still seen at their place, likewise."""


@dataclass(frozen=True)
class Forgotten:
    """Which maps draw an object, and what is drawn without them."""

    layer: str
    weights: NDArray[np.float64]
    """(maps,) of the logistic regression, as `weights_of` has them; above 0 where a map speaks for
    the object."""
    maps: tuple[int, ...]
    """Those with a weight above 0, which are dropped."""
    random_maps: tuple[tuple[int, ...], ...]
    """As many by lot, for comparison; with a detector several lots."""
    boxes: int
    positions: int
    """Inside of the boxes."""
    right: float | None
    """Share of the positions in every fifth sample with boxes that a regression fitted to the
    others tells right, in [0, 1]; None with fewer than five such samples."""
    seeds: tuple[int, ...]
    """Of the samples drawn."""
    rows: list[Row]
    """With all maps, without those that draw the object, and without those of each lot."""
    detector: Detector | None

    @property
    def sheet(self) -> Image.Image:
        """Figure 6: samples as they are, without the object's maps, and without random ones."""
        return to_image(sheet_of(self))


def forget(
    model: str | Path | Model,
    out: str | Path | None = None,
    *,
    boxes: str | Path | Mapping[int, Sequence[Sequence[float]]] | None = None,
    detector: str | Path | Detector | None = None,
    layer: str | None = None,
    seeds: Sequence[int] | None = None,
    drawn: Sequence[int] | None = None,
    C: float = 1e-4,
    seed: int = 42,
    device: str = "auto",
) -> Forgotten:
    """Finds the maps of the generator that draw an object, and draws samples without them.

    Section 6.3.1 and Figure 6: a logistic regression on the activations of a hidden layer tells
    positions inside of boxes around the object from positions outside in the same samples; the maps
    with a weight above 0 are dropped. The weights are of all samples; how often they are right is
    measured by a second regression, without every fifth sample. Needs scikit-learn.

    Args:
        model: the model, its file, or a run's folder.
        out: a picture file for the sheet; none by default.
        boxes: drawn by hand: {seed: [(left, top, right, bottom), ...]} in pixels, or a JSON file as
            `read_boxes` has it.
        detector: finds the boxes where none are given, and counts the objects in what is drawn:
            "rooms", which finds windows of drawn rooms; or a detector's file.
        layer: a hidden layer's name, such as "16x16"; by default the last but one.
        seeds: of the samples in which the detector looks for boxes; by default 0-149 (paper: 150).
        drawn: seeds of the samples to draw; by default those that follow the last one looked
            at: 500 to count with a detector, else 10.
        C: how little the regression's weights are held back, as in scikit-learn, whose own is 1.
            The smaller, the more maps are dropped, as each then counts by itself: about two thirds
            by default. The paper gives no number, and dropped 200 of 256.
        seed: of the positions outside of boxes and of the random maps.
        device: cpu, cuda, mps or xpu; auto: the best there is.

    Raises:
        DCGANError: neither boxes nor a detector are given, or seeds to look for boxes beside boxes;
            there is no such model, file, layer or device; the boxes are not such, or too few; no
            map speaks for the object; no seed is to be drawn; or the sheet cannot be written.
    """
    require_sense(boxes, detector, seeds, drawn, C)
    loaded = opened(model, device)
    generator, config = loaded.generator, loaded.config
    name = chosen_layer(generator, layer)
    given: Boxes | None = None if boxes is None else given_boxes(boxes, config.size)
    path = sheet_path(out, config.channels)
    finder = finder_for(detector, config, device, next(generator.parameters()).device)
    if given is None:
        assert finder is not None
        given = find_boxes(generator, finder, SEEDS if seeds is None else seeds)
    shown = following(given, DRAWN if finder else SHOWN) if drawn is None else tuple(drawn)
    evidence = gather(generator, given, name, seed)
    warn_of_few(evidence)
    weights = weights_of(evidence.vectors, evidence.inside, C)
    maps = speaking(weights, name, C)
    lots = by_lots(len(weights), len(maps), seed, LOTS if finder else 1)
    made = Forgotten(
        layer=name,
        weights=weights,
        maps=maps,
        random_maps=lots,
        boxes=sum(map(len, given.values())),
        positions=int(evidence.inside.sum()),
        right=held_out_accuracy(*evidence, C),
        seeds=shown,
        rows=draw_rows(generator, name, [(), maps, *lots], shown, finder),
        detector=finder,
    )
    if path:
        save_sheet(made.sheet, path)
    return made


def require_sense(
    boxes: Any, detector: Any, seeds: Sequence[int] | None, drawn: Sequence[int] | None, C: float
) -> None:
    """Raises a DCGANError for options that mean nothing, alone or together."""
    if boxes is None and detector is None:
        raise DCGANError("Give boxes around the object, or a detector that finds them.")
    if boxes is not None and seeds is not None:
        raise DCGANError(
            "`seeds` are the samples in which a detector looks for boxes, and `boxes` were given; "
            "leave one of the two out, or name the samples to draw as `drawn`."
        )
    if not (math.isfinite(C) and C > 0):
        raise DCGANError(f"`C` (={C}) must be a number above 0.")
    if drawn is not None and not len(drawn):
        raise DCGANError("No samples to draw: `drawn` names no seed.")


def finder_for(
    choice: str | Path | Detector | None,
    config: NetworkConfig,
    device: str,
    chosen: torch.device,
) -> Detector | None:
    """The detector that was asked for, on a device, or none; one that is given itself is copied.

    Raises:
        DCGANError: as `detector_for`.
    """
    return (
        None if choice is None else copy.deepcopy(detector_for(choice, config, device)).to(chosen)
    )


def following(boxes: Boxes, count: int) -> tuple[int, ...]:
    """So many seeds behind the last one that has boxes.

    Raises:
        DCGANError: there are not so many.
    """
    last = max(boxes)
    if last + count > LARGEST_SEED:
        raise DCGANError(
            f"There are no {count} seeds behind {last}, the last with boxes, to draw samples of; "
            "name others as `drawn`."
        )
    return tuple(range(last + 1, last + 1 + count))


def speaking(weights: NDArray[np.float64], layer: str, C: float) -> tuple[int, ...]:
    """The numbers of the maps with a weight above 0.

    Raises:
        DCGANError: there is none.
    """
    maps = tuple(np.flatnonzero(weights > 0).tolist())
    if not maps:
        raise DCGANError(
            f"No map of layer {layer} has a weight above 0 with `C` (={C:g}), so that none would "
            "be dropped; take a larger one, or another layer."
        )
    return maps


def warn_of_few(evidence: Evidence) -> None:
    """Says so if there are fewer positions than maps."""
    positions, maps = evidence.vectors.shape
    if positions < maps:
        logger.warning(
            f"There are fewer positions ({positions}) than maps ({maps}), so that almost any split "
            "of them can be learnt, and which maps speak for the object is arbitrary; take boxes "
            "in more samples."
        )


def by_lots(total: int, count: int, seed: int, lots: int) -> tuple[tuple[int, ...], ...]:
    """So many choices of some maps of a layer by lot."""
    return tuple(by_lot(total, count, seed, lot) for lot in range(lots))


def by_lot(total: int, count: int, seed: int, lot: int) -> tuple[int, ...]:
    """The numbers of some maps of a layer, chosen by lot, in order."""
    rng = np.random.default_rng(derive(seed, "random maps", lot))
    return tuple(sorted(rng.permutation(total)[:count].tolist()))


def draw_rows(
    generator: Generator,
    layer: str,
    choices: Sequence[Sequence[int]],
    seeds: Sequence[int],
    detector: Detector | None,
) -> list[Row]:
    """The samples of seeds, drawn without each choice of maps, of which the first is none."""
    pictures: list[list[Pixels]] = [[] for _ in choices]
    counts, shown = np.zeros((len(choices), 2), np.int64), SHOWN
    for _, z, labels in latents_in_batches(generator, seeds, "Drawing"):
        boxes: list[tuple[Box, ...]] = []
        activations = activations_of(generator, z, layer, labels)
        for number, maps in enumerate(choices):
            drawn = drawn_without(generator, activations, layer, maps, labels)
            pictures[number].append(drawn[:shown])
            if detector:
                masks = detector.masks(to_floats(drawn))
                found = windows_of(masks)
                boxes = boxes or found
                counts[number] += sum(map(bool, found)), count_left(masks, boxes)
        shown = max(shown - len(z), 0)
    return [
        Row(torch.cat(parts), *row) for parts, row in zip(pictures, counts.tolist(), strict=True)
    ]


def count_left(masks: Tensor, boxes: Sequence[tuple[Box, ...]]) -> int:
    """How many boxes are still marked, half of their pixels at least, in masks (N, H, W)."""
    marked = [
        mask[int(box.top) : int(box.bottom), int(box.left) : int(box.right)].float().mean()
        for mask, those in zip(masks, boxes, strict=True)
        for box in those
    ]
    return sum(bool(share >= 0.5) for share in marked)


def sheet_of(made: Forgotten) -> Picture:
    """The sheet of `Forgotten` as pixels, in blocks of three rows."""
    dropped, random = (counted(len(made.maps), noun) for noun in ("map", "random map"))
    rows: list[list[Picture | None]] = [[*row.pictures.numpy()] for row in made.rows[:3]]
    seeds = [f"seed {seed}" for seed in made.seeds[: len(rows[0])]]
    columns = min(COLUMNS, len(seeds))
    tiles = in_blocks(rows, columns, None)
    return captioned(
        tiles,
        columns,
        title=f"{len(made.maps)} of the {len(made.weights)} maps of the generator's layer "
        f"{made.layer} speak for the object, and are dropped: set to 0 at all positions. Below, "
        "for comparison, as many by lot.",
        left=["as it is", f"{dropped} dropped", f"{random} dropped"] * (len(tiles) // 3 // columns),
        below=in_blocks([[""] * len(seeds), [""] * len(seeds), seeds], columns, ""),
        least_width=LEAST_WIDTH,
    )


def to_table(made: Forgotten) -> Table:
    """What the detector finds with all maps, without those dropped, and on average by lot."""
    as_it_is, without, *lots = made.rows
    count, samples = len(made.maps), len(made.seeds)
    table = Table(
        "maps dropped",
        f"windows left of {as_it_is.left:,}",
        f"samples of {samples:,} with a window",
        box=None,
    )
    for name, rows in (
        ("none", [as_it_is]),
        (f"{count} that draw it", [without]),
        (f"{count} by lot", lots),
    ):
        left = share_text([row.left for row in rows], as_it_is.left)
        table.add_row(name, left, share_text([row.windows for row in rows], samples))
    return table


def share_text(counts: Sequence[int], total: int) -> str:
    """A count with its share; of several their mean, the least and the most."""
    shares = [count / max(total, 1) for count in counts]
    mean = sum(counts) / len(counts)
    if len(counts) == 1:
        return f"{counts[0]:,} ({shares[0]:.1%})"
    return f"{mean:,.1f} ({mean / max(total, 1):.1%}; {min(shares):.1%} to {max(shares):.1%})"
