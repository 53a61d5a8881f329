"""What the paper says of latents, put to a number: arithmetic, turning and walks (Section 6)."""

from collections.abc import Sequence
from itertools import permutations
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from dcgan.data.packing import matching_pack
from dcgan.errors import DCGANError
from dcgan.latent.arithmetic import in_bytes, signed
from dcgan.latent.axes import as_long
from dcgan.latent.boundary import boundary
from dcgan.latent.judging import judges_for, parse_wishes, scores
from dcgan.latent.points import pictures_of
from dcgan.latent.smoothness import pixel_neighbours, pixel_steps
from dcgan.latent.turn import turned
from dcgan.latent.walk import chain
from dcgan.log import logger
from dcgan.metrics.neighbours import radii
from dcgan.tensors import Features, Latents
from subject import LOOKED_AT, Row, Subject, kinds, mean, percent
from world_judge import SURE, Judge, Said

MEANINGS = {
    "faces": (("smile", "hair"), ("glasses", "hair")),
    "rooms": (("window", "wall"), ("bed", "wall")),
}
"""For the arithmetic of each world: what is wanted, and the colour that is to stay."""
ATTRIBUTES = {
    "faces": ("smile", "glasses", "hair", "skin"),
    "rooms": ("window", "bed", "wall", "lamp"),
}
"""All that is to stay, but for what is wanted. Exemplars of C are alike in these."""
LEFT, RIGHT = -0.6, 0.6
"""The judged turn of exemplars that look left and right."""
FOUR, WAYS = 4, 100
"""Exemplars of either end of a direction, and directions."""
STEPS, TURN_STEPS = 10, 11
"""Pictures of a walk from one latent to the next, and along a direction."""
JUMP = 4.0
"""A step this much larger than the median one is a jump: one of nine that alone covers a third of
the way, if all others are even."""
NEIGHBOURS, KNOWN = 1_000, 2_000


def second_opinion(subject: Subject) -> list[Row]:
    """How often the classifiers of `dcgan find`, on D's features, agree with the judge."""
    model, said, rows = subject.model, subject.pool.said, []
    world, seeds = subject.judge.world, range(LOOKED_AT)
    wishes = parse_wishes(",".join(f"{wanted}=yes" for wanted, _ in MEANINGS[world]))
    others = judges_for(subject.eyes, model, world, wishes)
    answers = scores(subject.eyes, others, model, seeds).T > 0
    for wish, yes in zip(others, answers, strict=True):
        column = wish.wish.column
        same = yes == (said.values[column][:LOOKED_AT] == 1)
        sure = said.sure[column][:LOOKED_AT] >= SURE
        rows.append(
            {"asked for": subject.judge.named(column)}
            | {"classifier on drawings held out": f"{wish.accuracy:.1%}"}
            | {"agrees on samples, %": percent(same), "judge sure of, %": percent(sure)}
            | {"agrees on these, %": percent(same[sure])}
        )
    return rows


class Trials(NamedTuple):
    """Exemplars for A - B + C."""

    numbers: NDArray[np.int64]
    """(T, 3, n) of the samples."""
    of_c: dict[str, NDArray[np.float32]]
    """The class (T,) in which all exemplars of C are alike, for each attribute."""


def arithmetic(subject: Subject, wanted: str, kept: str, exemplars: int) -> list[Row]:
    """A - B + C: has it what A has more than B, and does it keep what C has?"""
    pool, judge = subject.pool, subject.judge
    attributes = ATTRIBUTES[judge.world]
    trials = trials_of(pool.said, attributes, wanted, kept, exemplars, subject.trials)
    means = pool.z[trials.numbers].mean(dim=2).transpose(0, 1)  # (3, T, D)
    result = signed(means)
    expected = subject.deviation * result.shape[1] ** 0.5
    lots = subject.others(2 * subject.trials * exemplars, 42)
    one, other = lots.view(2, subject.trials, exemplars, -1).mean(dim=2)
    blends = pool.pixels[trials.numbers].float().mean(dim=2).transpose(0, 1)
    latents = {
        "A - B + C": result,
        "the same, as long as a sample": expected * F.normalize(result),  # of single ones √3 longer
        "C alone": means[2],
        "C + difference of samples by lot": means[2] + one - other,
        "samples by lot": lots[: subject.trials],
    }
    ways = {way: pictures_of(subject.model, z) for way, z in latents.items()}
    ways["A - B + C on pixels"] = torch.from_numpy(in_bytes(signed(blends)))
    return [
        {"drawn": way}
        | kept_row(judge, judge.says(pictures), trials.of_c, wanted, kept)
        | {"among samples, %": percent(subject.among(pictures))}
        for way, pictures in ways.items()
    ]


def trials_of(
    said: Said,
    attributes: Sequence[str],
    wanted: str,
    kept: str,
    exemplars: int,
    count: int,
) -> Trials:
    """Exemplars by lot: A has what is wanted, B and C lack it; A and B are of one colour, C is not.

    Raises:
        DCGANError: the samples are too few, or too unclear.
    """
    those = kinds(said, (wanted, kept))
    of_c: dict[int, list[NDArray[np.int64]]] = {}
    for kind, numbers in kinds(said, attributes).items():
        classes = dict(zip(attributes, kind, strict=True))
        if not classes[wanted] and len(numbers) >= exemplars:
            of_c.setdefault(classes[kept], []).append(numbers)
    colours = sorted({colour for _, colour in those})
    pairs = [
        (colour, other)
        for colour, other in permutations(colours, 2)
        if other in of_c and all(len(those.get((has, colour), ())) >= exemplars for has in (0, 1))
    ]
    if not pairs:
        raise DCGANError(
            f"Too few of {len(said.features):,} samples surely have {wanted}, or surely lack it, "
            f"for arithmetic that keeps {kept}; this model draws too little that is clear."
        )
    rng, chosen = np.random.default_rng(42), []
    for colour, other in (pairs[number] for number in rng.integers(len(pairs), size=count)):
        sizes = np.array([len(numbers) for numbers in of_c[other]])
        alike = of_c[other][rng.choice(len(sizes), p=sizes / sizes.sum())]
        groups = (those[1, colour], those[0, colour], alike)
        chosen.append([rng.choice(group, exemplars, replace=False) for group in groups])
    numbers = np.array(chosen)
    return Trials(numbers, {name: said.values[name][numbers[:, 2, 0]] for name in attributes})


def kept_row(
    judge: Judge, said: Said, of_c: dict[str, NDArray[np.float32]], wanted: str, kept: str
) -> Row:
    """How many pictures have what is wanted, keep C's colour, and keep all that C has."""
    others = [name for name in of_c if name not in (wanted, kept)]
    has = said.values[wanted] == 1
    stays = {name: said.values[name] == of_c[name] for name in (kept, *others)}
    keeps_all = np.all(list(stays.values()), axis=0)
    return {
        f"{judge.named(wanted)}, %": percent(has),
        f"and C's {judge.named(kept)}, %": percent(has & stays[kept]),
        f"and C's {' and '.join(map(judge.named, others))}, too, %": percent(has & keeps_all),
        f"keeps {kept}, %": percent(stays[kept]),
        "keeps all, %": percent(keeps_all),
    }


def turn(subject: Subject) -> list[Row]:
    """Directions that turn a face: does the step tell the turn, and what else changes?"""
    pool, config = subject.pool, subject.model.config
    turns = pool.said.values["turn"]
    of_four = directions_of_four(pool.z, turns)
    normal, accuracy = boundary(pool.z.numpy(), turns.astype(np.float64))
    logger.info(f"The boundary is right for {accuracy:.1%} of the latents held out.")
    of_labels = as_long(torch.from_numpy(normal)[None], config).expand(WAYS, -1)
    rng = torch.Generator().manual_seed(42)
    lots = F.normalize(torch.randn(of_four.shape, generator=rng))
    long, short = (ways.norm(dim=1, keepdim=True) for ways in (of_four, of_labels))
    directions = {
        "4 and 4 exemplars": of_four,
        "by lot, as long as these": long * lots,
        "across the labels' boundary": of_labels,
        "4 and 4 exemplars, as long as this one": short * F.normalize(of_four),
        "by lot, as long as this one": short * lots,
    }
    each = max(1, subject.trials // WAYS)
    z = subject.others(WAYS * each, 7).view(WAYS, each, -1)
    multiples = torch.linspace(-1, 1, TURN_STEPS)
    rows = []
    for name, ways in directions.items():
        latents = torch.stack([turned(a, way, multiples) for a, way in zip(z, ways, strict=True)])
        said = subject.shows(latents.flatten(0, 2))
        title = {"direction": name, "length": f"{ways.norm(dim=1).mean():.2f}"}
        rows.append(title | turn_row(subject.judge, said, WAYS))
    return rows


def directions_of_four(z: Latents, turns: NDArray[np.float32]) -> Latents:
    """Directions (WAYS, D), each from 4 latents that look left to 4 that look right, by lot.

    Raises:
        DCGANError: too few look left or right.
    """
    left, right = (np.flatnonzero(chosen) for chosen in (turns < LEFT, turns > RIGHT))
    if min(len(left), len(right)) < FOUR:
        raise DCGANError(
            f"Of {len(turns):,} samples {len(left)} look left and {len(right)} look right; "
            f"{FOUR} of each are needed."
        )
    rng = np.random.default_rng(42)
    ways = []
    for _ in range(WAYS):
        a, b = (z[rng.choice(group, FOUR, replace=False)].mean(dim=0) for group in (left, right))
        ways.append(b - a)
    return torch.stack(ways)


def turn_row(judge: Judge, said: Said, ways: int) -> Row:
    """What directions do, by what is said of pictures along them.

    Args:
        judge: that said it.
        said: of the pictures along each way from -1 to +1, for each sample of a direction, for each
            direction.
        ways: directions, of which the errors are.
    """
    shape = (ways, -1, TURN_STEPS)
    turns = said.values["turn"].reshape(shape)
    away = turns - turns.mean(axis=2, keepdims=True)
    multiples = np.linspace(-1, 1, TURN_STEPS)
    step = multiples / np.linalg.norm(multiples)
    with np.errstate(invalid="ignore"):  # pictures that are all alike do not follow anything
        follows = (away @ step) / np.sqrt((away**2).sum(axis=2))
    row: Row = {f"correlation of step and {judge.named('turn')}": mean(follows.mean(axis=1))}
    row["turn from -1 to +1"] = mean((turns[:, :, -1] - turns[:, :, 0]).mean(axis=1))
    for column in ATTRIBUTES["faces"]:
        values = said.values[column].reshape(shape)
        flips = values[:, :, [0, -1]] != values[:, :, TURN_STEPS // 2, None]
        row[f"{judge.named(column)} flips, %"] = percent(flips.mean(axis=(1, 2)))
    return row


def walk(subject: Subject) -> list[Row]:
    """Steps between latents: how uneven they are, beside walks of a model that only remembers."""
    world, says = subject.judge.world, subject.judge.says
    spherical = subject.model.config.prior == "normal"
    corners = subject.others(2 * subject.trials, 21).view(subject.trials, 2, -1)
    ways = torch.cat([chain(pair, STEPS, spherical=spherical) for pair in corners])
    pixels = pictures_of(subject.model, ways)
    pack = matching_pack(world, subject.model.reading)
    known = torch.from_numpy(pack.pictures(np.arange(KNOWN)))
    flat = known.flatten(1).float()
    nearest = torch.cat(
        [torch.cdist(p.flatten(1).float(), flat).argmin(1) for p in torch.split(pixels, 500)]
    )
    real = known[:NEIGHBOURS]
    apart = {"pixels": pixel_neighbours(real), "features": radii(says(real).features, 1)}
    things = " or ".join(subject.judge.named(wanted) for wanted, _ in MEANINGS[world])
    rows = []
    for name, pictures in (
        ("of the model", pixels),
        ("each picture's nearest drawing of 2,000", known[nearest]),
    ):
        said = says(pictures)
        ways_on = {"pixels": pixel_steps(pictures), "features": feature_steps(said.features)}
        changes = chains(thing_steps(said, world), subject.trials).numpy()
        for measure, found in ways_on.items():
            steps = chains(found, subject.trials).numpy()
            largest = changes[np.arange(len(steps)), steps.argmax(axis=1)]
            rows.append(
                {"walk": name, "measure": measure}
                | jumps(steps)
                | {"drawings to their nearest": f"{apart[measure].median():.3g}"}
                | {f"{things} changes in a step, %": percent(changes.mean(axis=1))}
                | {"in the largest, %": percent(largest)}
            )
    return rows


def thing_steps(said: Said, world: str) -> Tensor:
    """Whether a thing, such as glasses, comes or goes from each picture to the next, (N - 1,)."""
    things = np.stack([said.values[wanted] for wanted, _ in MEANINGS[world]])
    return torch.from_numpy((things[:, 1:] != things[:, :-1]).any(axis=0))


def feature_steps(features: Features) -> Tensor:
    """How far each picture is from the one before, (N - 1,)."""
    away: Tensor = features[1:] - features[:-1]
    return away.square().sum(dim=1).sqrt()


def chains(steps: Tensor, count: int) -> Tensor:
    """The steps (count, STEPS - 1) within chains, without those from one chain to the next."""
    return F.pad(steps, (0, 1)).view(count, STEPS)[:, :-1]


def jumps(steps: NDArray[np.float32]) -> Row:
    """How uneven the steps (chains, steps) are, of the chains that move at all."""
    steps = steps[steps.sum(axis=1) > 0]
    medians, largest = np.median(steps, axis=1), steps.max(axis=1)
    with np.errstate(divide="ignore"):
        ratios = largest / medians
    moves = f"{np.median(ratios):.2f} (at most {ratios.max():.1f})" if len(ratios) else "-"
    return {
        "median step": mean(medians),
        "largest over median": moves,
        "largest, % of the way": percent(largest / steps.sum(axis=1)),
        f"with a jump above {JUMP:g}, %": percent(ratios > JUMP),
    }
