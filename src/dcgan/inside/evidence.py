"""Activations of the generator inside and outside of boxes around an object (Section 6.3.1)."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dcgan.captions import counted
from dcgan.data.loader import derive
from dcgan.errors import DCGANError
from dcgan.images import to_floats
from dcgan.inside.boxes import Box, Boxes, covered
from dcgan.inside.detector import Detector
from dcgan.inside.dropping import activations_of
from dcgan.log import progress
from dcgan.networks import Generator
from dcgan.sample import draw, in_batches, labels_of, latents_of
from dcgan.size import Size
from dcgan.tensors import Labels, Latents

LEAST_POSITIONS = 20
"""Positions inside and outside of boxes, each, that a regression needs."""


class Evidence(NamedTuple):
    """Vectors of a layer's maps at positions inside and outside of boxes."""

    vectors: NDArray[np.float32]
    """(N, maps)."""
    inside: NDArray[np.bool_]
    """(N,)."""
    seeds: NDArray[np.int64]
    """(N,) of the samples that they are in."""


def find_boxes(
    generator: Generator, detector: Detector, seeds: Sequence[int]
) -> dict[int, tuple[Box, ...]]:
    """The boxes that a detector finds in the samples of seeds.

    Raises:
        DCGANError: it finds none.
    """
    boxes: dict[int, tuple[Box, ...]] = {}
    for batch, z, labels in latents_in_batches(generator, seeds, "Looking for boxes"):
        boxes |= zip(batch, detector.windows(to_floats(draw(generator, z, labels))), strict=True)
    if not any(boxes.values()):
        raise DCGANError(
            f"The detector finds nothing in {counted(len(seeds), 'sample')} of this model; try "
            "more of them, or give boxes."
        )
    return boxes


def latents_in_batches(
    generator: Generator, seeds: Sequence[int], words: str
) -> Iterator[tuple[Sequence[int], Latents, Labels | None]]:
    """Seeds in batches, with their latents and their labels in turn, with progress."""
    with progress(words, len(seeds), unit="samples") as bar:
        for batch in in_batches(seeds):
            yield batch, latents_of(batch, generator.config), labels_of(batch, generator.config)
            bar.update(bar.done + len(batch))


def gather(generator: Generator, boxes: Boxes, layer: str, seed: int = 42) -> Evidence:
    """The vectors at all positions inside of boxes, and at as many by lot outside.

    Of each sample as many outside as inside, if it has so many.

    Raises:
        DCGANError: there are too few positions.
    """
    size, vectors, inside, samples = generator.config.size, [], [], []
    seeds = [number for number, found in boxes.items() if found]
    if not seeds:
        raise DCGANError("No boxes are given.")
    for batch, z, labels in latents_in_batches(generator, seeds, "Gathering evidence"):
        maps = activations_of(generator, z, layer, labels).permute(0, 2, 3, 1).cpu().numpy()
        for number, sample in zip(batch, maps, strict=True):
            covers = covered(boxes[number], size, Size(*sample.shape[:2]))
            others = outside(covers, derive(seed, "outside", number))
            vectors += [sample[covers], sample[others]]
            inside += [np.full(covers.sum(), True), np.full(others.sum(), False)]
            samples.append(np.full(covers.sum() + others.sum(), number))
    found = Evidence(*map(np.concatenate, (vectors, inside, samples)))
    require_enough(found, layer)
    return found


def outside(covers: NDArray[np.bool_], key: int) -> NDArray[np.bool_]:
    """As many positions that are not covered as are, by lot; all if there are fewer."""
    free = np.flatnonzero(~covers)
    count = min(int(covers.sum()), len(free))
    chosen = np.zeros(covers.size, np.bool_)
    chosen[np.random.default_rng(key).permutation(free)[:count]] = True
    return chosen.reshape(covers.shape)


def require_enough(evidence: Evidence, layer: str) -> None:
    """Raises a DCGANError if there are too few positions inside or outside of boxes."""
    inside = int(evidence.inside.sum())
    counts = {"inside": inside, "outside": len(evidence.inside) - inside}
    for where, count in counts.items():
        if count < LEAST_POSITIONS:
            raise DCGANError(
                f"Layer {layer} has too few positions {where} of the boxes: {count}, and at least "
                f"{LEAST_POSITIONS} are needed; take boxes in more samples (the paper: 52 in 150), "
                "or a layer nearer to the picture."
            )
