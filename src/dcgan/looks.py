"""What a look at a run finds, in numbers.

A look changes nothing of the training: it draws from latents of its own, and leaves the networks as
they were.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate, pairwise
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dcgan.data.loader import derive, shuffled
from dcgan.sample import draw_latents, in_batches, labels_of
from dcgan.step import TrainState, seen
from dcgan.tensors import Images, Labels, Latents, Logits

LOOKED_AT = 256
"""Pictures of each kind in a look."""
SHRUNK_TO = 16
"""Side to which pictures are shrunk before their differences are taken."""
FOLLOWED, POSITIONS = 16, 4
"""Latents whose activations are followed from look to look, and places on each side of a map."""
DEAD = 1e-3
"""Variance over latents up to which a map is dead, as a share of the mean of its layer."""
RETURNED, SWING = 0.5, 0.3
"""Correlation with two looks ago at which a map is back there, and by how much it is above that
with the last look."""


class Look(NamedTuple):
    """What one look found."""

    images_seen: int
    answer_on_real: float
    """D's mean answer in [0, 1] on pictures it is trained on; 1 means "real"."""
    answer_on_held_out: float
    """On real pictures that no step shows; NaN if there are none."""
    answer_on_generated: float
    told_apart: float
    """How often D's answer on a real picture is above that on a generated one, in [0, 1]."""
    by_heart: float
    """How often it is above that on one held out; 0.5 where D knows none by heart, NaN as above."""
    diversity: float
    """How far a generated picture is from the one most like it, over the same of real pictures."""
    most_diverse: float
    """The largest diversity so far."""
    contrast: float
    """Deviation of the generated pictures' values over that of the real ones'."""
    company: float
    """How far the same latent's pictures in other batches are apart, over those of other latents.
    NaN where a look is one batch."""
    overshot: float
    """D's loss times G's since the last look. At most about 1.75 for a D that is right as often as
    it is sure of itself: one of them is small then. NaN if there was no step since."""
    maps: dict[str, int]
    """How many maps each of G's grids has."""
    dead: dict[str, int]
    """How many of them hardly follow the latent."""
    swinging: dict[str, int]
    """How many are more like two looks ago than like the last look."""

    def numbers(self) -> dict[str, float]:
        """All of them by name, those that are known."""
        flat = {
            f"{name} {grid}": count
            for name in ("dead", "swinging")
            for grid, count in getattr(self, name).items()
        }
        rest = {n: v for n, v in self._asdict().items() if not isinstance(v, dict)}
        return {n: v for n, v in (rest | flat).items() if math.isfinite(v)}


Maps = dict[str, Tensor]
"""Activations of G by grid, (N, maps, places); or what is kept of them, (maps, numbers)."""


def latents_to_look_at(state: TrainState) -> tuple[Latents, Labels | None]:
    """The same latents in each look, and their classes."""
    network = state.config.network
    rng = torch.Generator(state.device).manual_seed(derive(state.config.train.seed, "looks", 0))
    labels = labels_of(range(LOOKED_AT), network)
    z = draw_latents(LOOKED_AT, network, rng)
    return z, None if labels is None else labels.to(state.device)


def in_other_company(parts: Sequence[Sequence[int]]) -> list[list[int]]:
    """Parts of the same lengths, each with as few as can be that stood in one part together."""
    places = [(place, number) for part in parts for place, number in enumerate(part)]
    order = [number for _, number in sorted(places)]
    ends = [0, *accumulate(len(part) for part in parts)]
    return [order[start:end] for start, end in pairwise(ends)]


def drawn(
    state: TrainState, z: Latents, labels: Labels | None, parts: Sequence[Sequence[int]]
) -> tuple[Images, Maps]:
    """The generator's pictures of latents that pass in these parts, with batch statistics.

    Returns:
        The pictures (N, C, H, W), and their maps at `POSITIONS` x `POSITIONS` places by grid, (N,
        maps, places); both in the order of the latents.
    """
    images, maps = [], []
    for part in parts:
        rows = torch.tensor(part)
        chosen = None if labels is None else labels[rows]
        features = state.generator.features(z[rows], chosen)
        *_, (last, values) = features.items()
        images.append(state.generator.from_features(last, values, chosen).float())
        maps.append({grid: at_places(values) for grid, values in features.items()})
    back = torch.tensor([number for part in parts for number in part]).argsort()
    together = {grid: torch.cat([found[grid] for found in maps])[back] for grid in maps[0]}
    return torch.cat(images)[back], together


def at_places(maps: Tensor) -> Tensor:
    """Maps (N, maps, H, W) at `POSITIONS`² places, spread evenly: (N, maps, places)."""
    rows, columns = (torch.linspace(0, side - 1, POSITIONS).long() for side in maps.shape[2:])
    return maps[:, :, rows][:, :, :, columns].flatten(2).float()


def answers(state: TrainState, images: Images, labels: Labels | None, purpose: str) -> Logits:
    """D's logits (N,) of pictures of one kind, mixed, in batches and as changed as in training."""
    count = len(images)
    order = shuffled(np.arange(count), count, derive(0, "looks", 1)).tolist()
    logits = torch.empty(count)
    most = max(state.together(state.batch), 3)  # so that no odd count leaves a part of one
    for part in in_batches(order if count > 1 else order * 2, most):
        rows = torch.tensor(part)
        chosen = None if labels is None else labels[rows].to(state.device)
        shown = seen(state, images[rows].to(state.device), purpose)
        logits[rows] = state.discriminator(shown, chosen).float().cpu()
    return logits


@contextmanager
def left_alone(network: nn.Module) -> Iterator[None]:
    """Within, a network may be used; what this changes of its buffers is put back afterwards."""
    before = {name: buffer.clone() for name, buffer in network.named_buffers()}
    try:
        yield
    finally:
        for name, buffer in network.named_buffers():
            buffer.copy_(before[name])


def share_above(a: Tensor, b: Tensor) -> float:
    """How often a value of one set is above one of the other, in [0, 1]; ties count half.

    0.5 for two sets of one law; the area under the curve of a classifier that has these answers.
    NaN if a set is empty.
    """
    return (a[:, None] > b).float().add(0.5 * (a[:, None] == b)).mean().item()


def difference(images: Images) -> float:
    """How far a picture is from the one most like it, on average: of pictures shrunk by area."""
    small = F.adaptive_avg_pool2d(images.cpu(), SHRUNK_TO).flatten(1)
    distances = torch.cdist(small, small)
    return distances.fill_diagonal_(math.inf).amin(1).mean().item()


def ratio(value: float, other: float) -> float:
    """NaN where the other is 0, as of pictures that are all the same."""
    return value / other if other else math.nan


def company(images: Images, again: Images) -> float:
    """How far pictures of the same latents in other batches are apart, over those of others.

    Both as the root of the mean square; 0 where a picture is a matter of its latent alone.
    """
    others = 2 * images.var(0).mean().item()
    return math.sqrt(ratio((images - again).square().mean().item(), others))


def dead(maps: Tensor) -> Tensor:
    """Which maps of (N, maps, places) hardly follow the latent, (maps,) bool."""
    variance = maps.var(0).mean(1)
    # Of the mean, not the median, which is 0 itself where half of a layer is dead.
    found: Tensor = variance <= DEAD * variance.mean()
    return found


def course(maps: Tensor) -> Tensor:
    """What is kept of maps (N, maps, places) for later looks: rows (maps, numbers) of length 1."""
    rows = maps[:FOLLOWED].transpose(0, 1).flatten(1)
    return F.normalize(rows - rows.mean(1, keepdim=True), dim=1).half().cpu()


def swinging(courses: Sequence[Tensor]) -> Tensor:
    """Which maps are like two looks ago, but not like the last look, (maps,) bool.

    A filter that collapsed into one oscillating mode does so (Section 7 of the paper); one that
    learns goes away from where it was.

    Args:
        courses: of the looks so far in order, the last three count; each (maps, numbers).
    """
    if len(courses) < 3:
        return torch.zeros(len(courses[-1]), dtype=torch.bool)
    before, last, now = (rows.float() for rows in courses[-3:])
    back, near = (now * before).sum(1), (now * last).sum(1)
    returned: Tensor = (back > RETURNED) & (back > near + SWING)
    return returned
