"""The paper's claims about meaning (Section 6), put to a number on models of the drawn worlds.

    python benchmarks/claims.py claims.jsonl --faces runs/faces --rooms runs/rooms
    python benchmarks/claims.py claims.jsonl --faces runs/faces --only arithmetic,turn

What a generated picture shows is said by a judge: a small network that learns all label columns of
a drawn world at once, on drawings that are worn as generated pictures are. It is taught once for
each world and size, and kept beside the results, with a sheet of samples and what it says of them.
Its accuracy on drawings held out is printed with every table. Claims that stand in the results for
a model and a judge already are not measured again. All of a world's tables are printed at the end.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from itertools import permutations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from dcgan.captions import captioned
from dcgan.data.packing import matching_pack
from dcgan.devices import keep_freed_memory
from dcgan.errors import DCGANError, did_you_mean
from dcgan.images import save_picture
from dcgan.inside.boxes import Box, covered
from dcgan.inside.dropping import draw_without
from dcgan.inside.field import Field
from dcgan.inside.filters import filters
from dcgan.inside.forget import by_lot, forget
from dcgan.inside.guided import shares_within
from dcgan.inside.responses import Seen
from dcgan.latent.arithmetic import in_bytes, signed
from dcgan.latent.axes import as_long
from dcgan.latent.boundary import boundary
from dcgan.latent.judging import eyes_of, judges_for, parse_wishes, scores
from dcgan.latent.points import pictures_of
from dcgan.latent.smoothness import pixel_neighbours, pixel_steps
from dcgan.latent.turn import turned
from dcgan.latent.walk import chain
from dcgan.log import logger, progress, show_messages
from dcgan.metrics.neighbours import overlap, radii
from dcgan.model import Model, load
from dcgan.networks import pyramid
from dcgan.sample import SAMPLE_BATCH, draw_latents, latents_of
from dcgan.size import Size
from dcgan.tensors import Features, Latents, Pixels
from dcgan.weights import digest_of, tensors_of
from world_judge import SURE, Judge, Said, accuracy_text, judge_for, words_for

SAMPLES = 4_000
"""Of the seeds from 0 on, among which exemplars are chosen."""
LOOKED_AT = 1_000
"""Samples of which a second opinion is asked, and among which results are to lie."""
LEFT, RIGHT = -0.6, 0.6
"""The judged turn of exemplars that look left and right."""
STEPS, TURN_STEPS, WAYS = 10, 11, 100
"""Pictures of a walk from one latent to the next, and along a direction; directions."""
JUMP = 4.0
"""A step this much larger than the median one is a jump: one of nine that alone covers a third of
the way, if all others are even."""
NEIGHBOURS, KNOWN = 1_000, 2_000
MEANINGS = {
    "faces": (("smile", "hair"), ("glasses", "hair")),
    "rooms": (("window", "wall"), ("bed", "wall")),
}
"""For the arithmetic of each world: what is wanted, and what is to stay."""
FACE_COLUMNS = ("smile", "glasses", "hair", "skin")
ROOM_COLUMNS = ("bed", "lamp", "wall")
WINDOW = ("window_left", "window_top", "window_right", "window_bottom")
SETTINGS: tuple[tuple[str | None, float], ...] = ((None, 1.0), (None, 1e-4), ("8x8", 1e-4))
"""Layer and C to forget with."""
LOTS = 30
"""Choices of random maps to compare with."""
PICTURES_OF_A_MAP, LEAST_SEEN = 5, 0.05
"""Pictures for each map of D; the least share that a window has of what its unit sees."""

Row = dict[str, Any]
"""Of a table: words, and figures as (mean, standard error, count)."""


class Pool(NamedTuple):
    """Samples of a model, and what they show."""

    z: Latents
    pixels: Pixels
    said: Said

    def those(self, **wanted: float) -> NDArray[np.int64]:
        """The numbers of the samples that surely are so."""
        chosen = np.ones(len(self.z), np.bool_)
        for name, value in wanted.items():
            chosen &= (self.said.values[name] == value) & (self.said.sure[name] >= SURE)
        return np.flatnonzero(chosen)


class Subject(NamedTuple):
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


def subject_of(world: str, model: Model, results: Path, trials: int) -> Subject:
    """A model with its judge, looked at, and a sheet of what the judge says of samples."""
    judge = judge_for(world, model, results)
    z = latents_of(range(SAMPLES), model.config)
    pixels = pictures_of(model, z)
    pool = Pool(z, pixels, judge.says(pixels))
    path = results.with_name(f"{results.stem}-{world}-{model.digest()[:8]}.png")
    save_picture(captioned(pixels[:40], 10, below=words_for(pool.said, judge.columns)[:40]), path)
    return Subject(model, judge, pool, trials)


def mean(values: Any) -> tuple[float, float, int]:
    """Mean, its standard error, and the count of values that are not NaN."""
    known = np.asarray(values, np.float64)
    known = known[np.isfinite(known)]
    error = known.std(ddof=1) / len(known) ** 0.5
    return float(known.mean()), float(error), len(known)


def percent(values: Any) -> tuple[float, float, int]:
    """As `mean`, of shares, in percent."""
    return mean(100 * np.asarray(values, np.float64))


def second_opinion(subject: Subject) -> list[Row]:
    """How often the classifiers of `dcgan find`, on D's features, agree with the judge."""
    model, world, rows = subject.model, subject.judge.world, []
    eyes, seeds = eyes_of(model, "cpu"), range(LOOKED_AT)
    wishes = parse_wishes(",".join(f"{wanted}=yes" for wanted, _ in MEANINGS[world]))
    others = judges_for(eyes, model, world, wishes)
    for wish, yes in zip(others, scores(eyes, others, model, seeds).T > 0, strict=True):
        column = wish.wish.column
        same = yes == (subject.pool.said.values[column][:LOOKED_AT] == 1)
        sure = subject.pool.said.sure[column][:LOOKED_AT] >= SURE
        rows.append(
            {"asked for": column, "classifier on drawings held out": f"{wish.accuracy:.1%}"}
            | {"agrees on samples, %": percent(same), "judge sure of, %": percent(sure)}
            | {"agrees on these, %": percent(same[sure])}
        )
    return rows


def arithmetic(subject: Subject) -> list[Row]:
    """A - B + C: has it what A has more than B, and does it keep what C has?"""
    return [
        row
        for wanted, kept in MEANINGS[subject.judge.world]
        for exemplars in (1, 3)
        for row in arithmetic_with(subject, wanted, kept, exemplars)
    ]


def arithmetic_with(subject: Subject, wanted: str, kept: str, exemplars: int) -> list[Row]:
    """All rows of one meaning and one number of exemplars."""
    pool = subject.pool
    numbers, values = trials_of(subject, wanted, kept, exemplars)
    means = pool.z[numbers].mean(dim=2).transpose(0, 1)  # (3, T, D)
    result = signed(means)
    expected = subject.deviation * result.shape[1] ** 0.5
    lots = subject.others(2 * subject.trials * exemplars, 42)
    one, other = lots.view(2, subject.trials, exemplars, -1).mean(dim=2)
    blends = pool.pixels[numbers].float().mean(dim=2).transpose(0, 1)
    latents = {
        "A - B + C": result,
        "the same, as long as a sample": expected * F.normalize(result),  # of single ones √3 longer
        "C alone": means[2],
        "C + difference of samples by lot": means[2] + one - other,
        "samples by lot": lots[: subject.trials],
    }
    ways = {way: pictures_of(subject.model, z) for way, z in latents.items()}
    ways["A - B + C on pixels"] = torch.from_numpy(in_bytes(signed(blends)))
    rows = []
    for way, pictures in ways.items():
        said = subject.judge.says(pictures)
        has, stays = said.values[wanted] == 1, said.values[kept] == values
        rows.append(
            {"wanted": f"{wanted}, C's {kept}", "exemplars": str(exemplars), "drawn": way}
            | {"has both, %": percent(has & stays), "has it, %": percent(has)}
            | {"keeps C's, %": percent(stays), "among samples, %": among(subject, pictures)}
        )
    return rows


def among(subject: Subject, pictures: Pixels) -> tuple[float, float, int]:
    """How many pictures D cannot tell from samples: they lie among these in its features."""
    eyes = eyes_of(subject.model, "cpu")
    samples, others = (
        torch.from_numpy(eyes.transform(those.numpy()))
        for those in (subject.pool.pixels[-LOOKED_AT:], pictures)
    )
    share, count = 100 * overlap(samples, others).precision, len(pictures)
    return share, (share * (100 - share) / count) ** 0.5, count


def trials_of(
    subject: Subject, wanted: str, kept: str, exemplars: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Exemplars (T, 3, n) of A, B and C by lot, and the values (T,) of C that are to be kept."""
    values = range(len(subject.judge.columns[kept] or ()))
    those = {
        (has, value): subject.pool.those(**{wanted: has, kept: value})
        for has in (0, 1)
        for value in values
    }
    pairs = [
        ((1, of_both), (0, of_both), (0, of_c))
        for of_both, of_c in permutations(values, 2)
        if min(len(those[1, of_both]), len(those[0, of_both]), len(those[0, of_c])) >= exemplars
    ]
    if not pairs:
        raise DCGANError(
            f"Too few of {SAMPLES:,} samples surely have {wanted}, or surely lack it, for "
            f"arithmetic that keeps {kept}; this model draws too little that is clear."
        )
    rng = np.random.default_rng(42)
    chosen = [pairs[number] for number in rng.integers(len(pairs), size=subject.trials)]
    groups = [[rng.choice(those[of], exemplars, replace=False) for of in pair] for pair in chosen]
    return np.array(groups), np.array([of_c for *_, (_, of_c) in chosen])


def turn(subject: Subject) -> list[Row]:
    """Directions that turn a face: does the step tell the turn, and what else changes?"""
    pool, rng = subject.pool, np.random.default_rng(42)
    turns = pool.said.values["turn"]
    left, right = (np.flatnonzero(chosen) for chosen in (turns < LEFT, turns > RIGHT))
    fours = [[rng.choice(group, 4, replace=False) for group in (left, right)] for _ in range(WAYS)]
    of_four = torch.stack([pool.z[b].mean(dim=0) - pool.z[a].mean(dim=0) for a, b in fours])
    normal, accuracy = boundary(pool.z.numpy(), turns.astype(np.float64))
    logger.info(f"The boundary is right for {accuracy:.1%} of the latents held out.")
    of_labels = as_long(torch.from_numpy(normal)[None], subject.model.config).expand(WAYS, -1)
    rng_of_lots = torch.Generator().manual_seed(42)
    lots = F.normalize(torch.randn(of_four.shape, generator=rng_of_lots))
    long, short = (ways.norm(dim=1, keepdim=True) for ways in (of_four, of_labels))
    kinds = {
        "4 and 4 exemplars": of_four,
        "by lot, as long as these": long * lots,
        "across the labels' boundary": of_labels,
        "4 and 4 exemplars, as long as this one": short * F.normalize(of_four),
        "by lot, as long as this one": short * lots,
    }
    return [turn_row(subject, name, directions) for name, directions in kinds.items()]


def turn_row(subject: Subject, name: str, directions: Latents) -> Row:
    """What so many directions (N, D) do, each to samples of its own."""
    each = max(1, subject.trials // len(directions))
    z = subject.others(len(directions) * each, 7).view(len(directions), each, -1)
    multiples = torch.linspace(-1, 1, TURN_STEPS)
    latents = torch.stack([turned(a, way, multiples) for a, way in zip(z, directions, strict=True)])
    said = subject.shows(latents.flatten(0, 2))
    shape = (len(directions), each, TURN_STEPS)
    turns = said.values["turn"].reshape(shape)
    away = turns - turns.mean(axis=2, keepdims=True)
    step = (multiples / multiples.norm()).numpy()
    follows = (away @ step) / np.sqrt((away**2).sum(axis=2))
    row: Row = {"direction": name, "length": f"{directions.norm(dim=1).mean():.2f}"}
    row["correlation"] = mean(follows.mean(axis=1))
    row["turn from -1 to +1"] = mean((turns[:, :, -1] - turns[:, :, 0]).mean(axis=1))
    for column in FACE_COLUMNS:
        values = said.values[column].reshape(shape)
        middle = values[:, :, TURN_STEPS // 2, None]
        flips = values[:, :, [0, -1]] != middle
        row[f"{column} flips, %"] = percent(flips.mean(axis=(1, 2)))
    return row


def walk(subject: Subject) -> list[Row]:
    """Steps between latents: how uneven they are, beside walks of a model that only remembers."""
    spherical = subject.model.config.prior == "normal"
    corners = subject.others(2 * subject.trials, 21).view(subject.trials, 2, -1)
    ways = torch.cat([chain(pair, STEPS, spherical=spherical) for pair in corners])
    pixels = pictures_of(subject.model, ways)
    known = torch.from_numpy(
        matching_pack(subject.judge.world, subject.model.reading).pictures(np.arange(KNOWN))
    )
    flat = known.flatten(1).float()
    nearest = torch.cat(
        [torch.cdist(p.flatten(1).float(), flat).argmin(1) for p in torch.split(pixels, 500)]
    )
    says = subject.judge.says
    real = known[:NEIGHBOURS]
    apart = {"pixels": pixel_neighbours(real), "features": radii(says(real).features, 1)}
    rows = []
    for name, pictures in (
        ("of the model", pixels),
        ("each picture's nearest drawing of 2,000", known[nearest]),
    ):
        said = says(pictures)
        ways_on = {"pixels": pixel_steps(pictures), "features": feature_steps(said.features)}
        flips = chains(thing_steps(said, subject.judge.world), subject.trials).numpy()
        for measure, found in ways_on.items():
            steps = chains(found, subject.trials).numpy()
            largest = flips[np.arange(len(steps)), steps.argmax(axis=1)]
            rows.append(
                {"walk": name, "measure": measure}
                | jumps(steps)
                | {"drawings to their nearest": f"{apart[measure].median():.3g}"}
                | {"things change in a step, %": percent(flips.mean(axis=1))}
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
    return {
        "median step": mean(medians),
        "largest over median": f"{np.median(ratios):.2f} (at most {ratios.max():.1f})",
        "largest, % of the way": percent(largest / steps.sum(axis=1)),
        f"with a jump above {JUMP:g}, %": percent(ratios > JUMP),
    }


def gradients(subject: Subject) -> list[Row]:
    """Guided gradients of D's last convolution: how much of them lies on windows?"""
    model, config = subject.model, subject.model.config
    pack = matching_pack(subject.judge.world, model.reading)
    maps = pyramid(config, config.d_width or config.width)[-1].inner_maps
    made = filters(model, pack, maps=range(maps), count=PICTURES_OF_A_MAP, device="cpu")
    boxes = np.stack([pack.labels(name) for name in WINDOW], axis=1)
    rows = []
    for name, seen in (("trained", made.trained), ("random", made.random)):
        numbers = seen.responses.pictures.flatten()
        own = torch.stack([mask_of(box, config.size) for box in boxes[numbers]])
        others = own[torch.randperm(len(own), generator=torch.Generator().manual_seed(42))]
        rows += [
            {"filters": name, "window": whose} | row
            for whose, row in zip(
                ("its own", "another picture's"),
                on_windows(seen, made.field, (own, others)),
                strict=True,
            )
        ]
    return rows


def mask_of(box: NDArray[np.float32], size: Size) -> Tensor:
    """The pixels (H, W) in a box that is given in shares of the picture."""
    height, width = size
    pixels = Box(*(box * (width, height, width, height)).tolist())
    return torch.from_numpy(covered((pixels,), size, size))


def on_windows(seen: Seen, field: Field, masks: Sequence[Tensor]) -> list[Row]:
    """How much of the gradients lies on each kind of masks, where the units see all kinds."""
    maps, count = seen.responses.values.shape
    found = torch.from_numpy(seen.gradients).flatten(0, 1)
    positions = seen.responses.positions.flatten(0, 1)
    shares = [shares_within(found, these, field, positions) for these in masks]
    counts = torch.stack([pixels >= LEAST_SEEN for _, pixels in shares]).all(dim=0)

    def of_maps(values: Tensor) -> Tensor:
        return values.where(counts, torch.nan).view(maps, count).nanmean(dim=1)

    return [
        {"gradients": f"{int((counts & energy.isfinite()).sum())}"}
        | {"pixels on it, %": percent(of_maps(pixels)), "energy on it, %": percent(of_maps(energy))}
        | {"energy over pixels": mean(of_maps(energy / pixels))}
        for energy, pixels in shares
    ]


def forgetting(subject: Subject) -> list[Row]:
    """Without the maps that draw windows: how many rooms have one, and what else changes?"""
    model, rows = subject.model, []
    z = latents_of(range(SAMPLES, SAMPLES + max(subject.trials, 500)), model.config)
    before = subject.shows(z)
    rows.append({"layer": "", "C": "", "maps dropped": "none"} | changes(before, [before]))
    for layer, cost in SETTINGS:
        made = forget(model, detector="rooms", layer=layer, C=cost, drawn=[0], device="cpu")
        count, total = len(made.maps), len(made.weights)
        lots = [by_lot(total, count, 42, number) for number in range(LOTS)]
        said = []
        with progress("Drawing without maps", 1 + LOTS, unit="choices") as bar:
            for maps in [made.maps, *lots]:
                parts = [
                    draw_without(model.generator, part, made.layer, maps)
                    for part in torch.split(z, SAMPLE_BATCH)
                ]
                said.append(subject.judge.says(torch.cat(parts)))
                bar.update(len(said))
        title = {"layer": made.layer, "C": f"{cost:g}"}
        for words, these in ((f"{count} of {total}", said[:1]), (f"{count} by lot", said[1:])):
            rows.append(title | {"maps dropped": words} | changes(before, these))
    return rows


def changes(before: Said, after: Sequence[Said]) -> Row:
    """What is there after maps were dropped; of several choices of maps the mean over these."""

    def figure(flags: list[NDArray[np.bool_]]) -> tuple[float, float, int]:
        return percent(flags[0] if len(flags) == 1 else [each.mean() for each in flags])

    row: Row = {"with a window, %": figure([said.values["window"] == 1 for said in after])}
    for name in ROOM_COLUMNS:
        flags = [said.values[name] != before.values[name] for said in after]
        row[f"{name} changed, %"] = figure(flags)
    for name in ("bed", "lamp"):
        row[f"with a {name}, %"] = figure([said.values[name] == 1 for said in after])
    return row


CLAIMS: dict[str, dict[str, Callable[[Subject], list[Row]]]] = {
    "faces": {"judge": second_opinion, "arithmetic": arithmetic, "turn": turn, "walk": walk},
    "rooms": {"judge": second_opinion, "arithmetic": arithmetic, "walk": walk}
    | {"filters": gradients, "forget": forgetting},
}


def table(rows: Sequence[Row]) -> str:
    """Rows as a table in Markdown: figures with their standard errors, and how many are behind."""
    lines = [f"| {' | '.join(rows[0])} | n |", f"|{'---|' * (len(rows[0]) + 1)}"]
    for row in rows:
        cells = [cell if isinstance(cell, str) else text(name, *cell) for name, cell in row.items()]
        counts = {cell[2] for cell in row.values() if not isinstance(cell, str)}
        lines.append(f"| {' | '.join(cells)} | {max(counts)} |")
    return "\n".join(lines)


def text(name: str, value: float, error: float, _: int) -> str:
    """A figure with its standard error."""
    digits = 1 if name.endswith("%") else 2
    return f"{value:.{digits}f} ± {error:.{digits}f}"


def measure(
    world: str, path: str, arguments: argparse.Namespace, results: list[dict[str, Any]]
) -> str:
    """Measures what is not in the results yet, and gives all tables of a world's model."""
    model = load(path)
    subject = subject_of(world, model, arguments.results, arguments.trials)
    judge = digest_of(tensors_of({"judge": subject.judge}))
    pages = [accuracy_text(subject.judge.accuracies)]
    for claim, measured in CLAIMS[world].items():
        key = {"claim": claim, "world": world, "model": model.digest(), "judge": judge}
        key |= {"trials": arguments.trials}
        found = next((line for line in results if key.items() <= line.items()), None)
        if found is None and claim in arguments.only:
            start = time.perf_counter()
            facts = {"images_seen": model.images_seen, "rows": measured(subject)}
            found = key | facts | {"seconds": round(time.perf_counter() - start, 1)}
            with arguments.results.open("a") as file:
                file.write(json.dumps(found) + "\n")
        if found:
            pages.append(f"### {claim} of {world}, {path}\n\n{table(found['rows'])}")
    return "\n\n".join(pages)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("results", type=Path)
    for world in CLAIMS:
        parser.add_argument(f"--{world}", help=f"a model of the drawn {world}, or its run")
    parser.add_argument("--trials", type=int, default=400)
    names = list(dict.fromkeys(claim for claims in CLAIMS.values() for claim in claims))
    parser.add_argument("--only", default=",".join(names), help="claims, with commas")
    arguments = parser.parse_args()
    arguments.only = [name.strip() for name in arguments.only.split(",")]
    for name in arguments.only:
        if name not in names:
            parser.error(f"There is no claim {name!r}. {did_you_mean(name, names)}")
    lines = arguments.results.read_text().splitlines() if arguments.results.exists() else []
    results = [json.loads(line) for line in lines]
    keep_freed_memory()
    with show_messages():
        pages = [
            measure(world, path, arguments, results)
            for world in CLAIMS
            if (path := getattr(arguments, world))
        ]
    print("\n\n".join(pages))


if __name__ == "__main__":
    main()
