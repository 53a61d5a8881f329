"""What the paper says of maps, put to a number: filters that see objects, and forgetting them."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dcgan.data.drawn import homes, rooms
from dcgan.data.drawn.drawing import Canvas
from dcgan.data.packing import matching_pack
from dcgan.errors import DCGANError
from dcgan.inside.boxes import Box, covered
from dcgan.inside.dropping import activations_of, drawn_without
from dcgan.inside.field import Field
from dcgan.inside.filters import filters
from dcgan.inside.forget import by_lot, forget
from dcgan.inside.guided import shares_within
from dcgan.inside.responses import Seen
from dcgan.log import progress
from dcgan.model import Model
from dcgan.networks import pyramid
from dcgan.sample import SAMPLE_BATCH, latents_of
from dcgan.size import Size
from dcgan.tensors import Latents, Pixels
from subject import SAMPLES, Figure, Row, Subject, mean, percent
from world_judge import Judge, Said

THINGS = ("window", "bed")
SIDES = ("left", "top", "right", "bottom")
PICTURES_OF_A_MAP, LEAST_SEEN = 5, 0.05
"""Pictures for each map of D; the least share that a thing has of what its unit sees."""
LEAST_ROOMS = 500
"""Rooms to forget windows in, at least."""
LOTS = 30
"""Choices of random maps to compare with."""
GAP, STRIP = 1 / 32, 1 / 8
"""Of a picture's width: how far beside a box its wall begins, and how wide a strip is looked at."""
FIRST_ROOM, ROOMS = 1_000_000, 600
"""Drawn rooms that no judge has learnt from, to leave their windows out."""
LEAST_KNOWN = 4
"""Rooms with a window and without, to learn what a bare wall is like."""


class View(NamedTuple):
    """Pictures, and what they show."""

    pixels: Pixels
    said: Said


class BareWall(NamedTuple):
    """What tells a bare wall from a window in the rooms of a model."""

    limit: float
    """A place that is farther from the wall beside it than that, as `off_the_wall`, is no wall."""
    right: float
    """Mean share of right answers in rooms held out with a window and without, in [0, 1]."""

    @property
    def words(self) -> str:
        """The name of a column."""
        return f"as a bare wall (right on {self.right:.1%}), %"


def gradients(subject: Subject) -> list[Row]:
    """Guided gradients of D's last convolution: how much of them lies on windows and on beds?"""
    model, config = subject.model, subject.model.config
    pack = matching_pack(subject.judge.world, model.reading)
    maps = pyramid(config)[-1].inner_maps
    made = filters(model, pack, maps=range(maps), count=PICTURES_OF_A_MAP, device="cpu")
    rows = []
    for thing in THINGS:
        boxes = np.stack([pack.labels(f"{thing}_{side}") for side in SIDES], axis=1)
        for name, seen in (("trained", made.trained), ("random", made.random)):
            numbers = seen.responses.pictures.flatten()
            own = torch.stack([mask_of(box, config.size) for box in boxes[numbers]])
            others = own[torch.randperm(len(own), generator=torch.Generator().manual_seed(42))]
            found = on_things(seen, made.field, (own, others))
            rows += [
                {"filters": name, "box of": f"{whose} {thing}"} | row
                for whose, row in zip(("its own", "another picture's"), found, strict=True)
            ]
    return rows


def mask_of(box: NDArray[np.float32], size: Size) -> Tensor:
    """The pixels (H, W) in a box that is given in shares of the picture."""
    return torch.from_numpy(covered((in_pixels(box, size),), size, size))


def in_pixels(box: NDArray[np.float32], size: Size) -> Box:
    """A box that is given in shares of the picture."""
    height, width = size
    return Box(*(box * (width, height, width, height)).tolist())


def on_things(seen: Seen, field: Field, masks: Sequence[Tensor]) -> list[Row]:
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


def forgetting(subject: Subject, layer: str | None, cost: float) -> list[Row]:
    """Without the maps that draw windows: how many rooms have one, and what is there instead?"""
    model, judge = subject.model, subject.judge
    z = latents_of(range(SAMPLES, SAMPLES + max(subject.trials, LEAST_ROOMS)), model.config)
    made = forget(model, detector="rooms", layer=layer, C=cost, drawn=[0], device="cpu")
    count, total = len(made.maps), len(made.weights)
    lots = [by_lot(total, count, 42, number) for number in range(LOTS)]
    before, without, *by_lots = (
        View(pixels, judge.says(pixels))
        for pixels in drawn_with_each(model, z, made.layer, [(), made.maps, *lots])
    )
    dropped = {f"{count} of {total}": [without], f"{count} by lot": by_lots}
    title = {"layer": made.layer, "C": f"{cost:g}"}
    rows = [
        title | {"maps dropped": words} | changes(judge, before.said, [view.said for view in after])
        for words, after in ({"none": [before]} | dropped).items()
    ]
    wall = bare_wall(before)
    window, bare = painted_rooms(judge)
    places = {"drawn, painted without their window": instead(window, [bare], wall)}
    places |= {f"without {words}": instead(before, after, wall) for words, after in dropped.items()}
    return rows + [{"rooms": words} | row for words, row in places.items()]


def drawn_with_each(
    model: Model, z: Latents, layer: str, choices: Sequence[Sequence[int]]
) -> Iterator[Pixels]:
    """The pictures of latents, once for each choice of maps that are dropped."""
    parts = [activations_of(model.generator, part, layer) for part in torch.split(z, SAMPLE_BATCH)]
    with progress("Drawing without maps", len(choices), unit="choices") as bar:
        for maps in choices:
            yield torch.cat([drawn_without(model.generator, part, layer, maps) for part in parts])
            bar.update(bar.done + 1)


def changes(judge: Judge, before: Said, after: Sequence[Said]) -> Row:
    """What is there after maps were dropped; of several choices of maps the mean over these."""

    def figure(flags: Sequence[NDArray[np.bool_]]) -> Figure:
        return percent(by_choice(flags))

    with_one = f"with a {judge.named('window')}, %"
    row: Row = {with_one: figure([said.values["window"] == 1 for said in after])}
    for name in ("bed", "lamp", "wall"):
        flags = [said.values[name] != before.values[name] for said in after]
        row[f"{judge.named(name)} changed, %"] = figure(flags)
    for name in ("bed", "lamp"):
        row[f"with a {name}, %"] = figure([said.values[name] == 1 for said in after])
    return row


def by_choice(values: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """The values of the only choice of maps; of several choices the mean of each."""
    return values[0] if len(values) == 1 else np.array([mean(each).value for each in values])


def instead(before: View, after: Sequence[View], wall: BareWall) -> Row:
    """What stands where the judge saw a window before and sees none in the room afterwards.

    Of several choices of maps the mean over these.
    """
    boxes = boxes_of(before.said)
    far = off_the_wall(before.pixels, boxes)
    had = (before.said.values["window"] == 1) & np.isfinite(far)
    gone = [had & (view.said.values["window"] == 0) for view in after]
    then = [
        off_the_wall(view.pixels[torch.from_numpy(those)], boxes[those])
        for view, those in zip(after, gone, strict=True)
    ]
    nearer = [now < far[those] for now, those in zip(then, gone, strict=True)]
    return {
        "windows gone, %": percent(by_choice([those[had] for those in gone])),
        "off the wall before": mean(by_choice([far[those] for those in gone])),
        "off the wall now": mean(by_choice(then)),
        "nearer to the wall, %": percent(by_choice(nearer)),
        "as a bare wall before, %": percent(
            by_choice([far[those] <= wall.limit for those in gone])
        ),
        wall.words: percent(by_choice([now <= wall.limit for now in then])),
    }


def boxes_of(said: Said) -> NDArray[np.float32]:
    """Where the judge sees windows (N, 4), in shares of the pictures."""
    return np.stack([said.values[f"window_{side}"] for side in SIDES], axis=1)


def off_the_wall(pixels: Pixels, boxes: NDArray[np.float32]) -> NDArray[np.float64]:
    """How far what is in boxes is from the wall beside them.

    The wall's colour is the median one of two upright strips, left and right of the box.

    Args:
        pixels: (N, H, W, C).
        boxes: (N, 4) in shares of the pictures.

    Returns:
        (N,), the mean difference of all values, of 255; NaN where a box has no pixels or no strips.
    """
    size, found = Size(*pixels.shape[1:3]), []
    for picture, box in zip(pixels.numpy().astype(np.float32), boxes, strict=True):
        left, top, right, bottom = in_pixels(box, size)
        gap, reach = GAP * size.width, (GAP + STRIP) * size.width
        strips = (
            Box(left - reach, top, left - gap, bottom),
            Box(right + gap, top, right + reach, bottom),
        )
        inside = picture[covered((Box(left, top, right, bottom),), size, size)]
        beside = picture[covered(strips, size, size)]
        known = len(inside) and len(beside)
        found.append(np.abs(inside - np.median(beside, axis=0)).mean() if known else np.nan)
    return np.array(found, np.float64)


def painted_rooms(judge: Judge) -> tuple[View, View]:
    """The same drawn rooms twice: with a window, and painted without it."""
    home = homes.cast(np.arange(FIRST_ROOM, FIRST_ROOM + ROOMS))
    views = []
    for window in (1.0, 0.0):
        canvas = Canvas(ROOMS, *judge.size)
        rooms.paint(canvas, home._replace(window=np.full(ROOMS, window, np.float32)))
        pixels = torch.from_numpy(canvas.to_bytes())
        views.append(View(pixels, judge.says(pixels)))
    return views[0], views[1]


def bare_wall(rooms: View) -> BareWall:
    """What tells windows from bare walls, learnt from half of the rooms that a judge has seen.

    In a room without a window it is looked at the place where another, by lot, has its own.

    Raises:
        DCGANError: there are too few rooms with a window, or without.
    """
    has, boxes = rooms.said.values["window"] == 1, boxes_of(rooms.said)
    windows, none = np.flatnonzero(has), np.flatnonzero(~has)
    lot = np.random.default_rng(42).permutation(np.resize(windows, len(none)))
    far, bare = (
        those[np.isfinite(those)]
        for those in (
            off_the_wall(rooms.pixels[windows], boxes[windows]),
            off_the_wall(rooms.pixels[none], boxes[lot]),
        )
    )
    if min(len(far), len(bare)) < LEAST_KNOWN:
        raise DCGANError(
            f"{len(far)} rooms with a window and {len(bare)} without are too few to tell a window "
            f"from a bare wall; {LEAST_KNOWN} of each are needed."
        )
    (taught, asked), (bare_taught, bare_asked) = np.array_split(far, 2), np.array_split(bare, 2)
    limit = divider(bare_taught, taught)
    return BareWall(limit, right_of(limit, bare_asked, asked))


def divider(low: NDArray[np.float64], high: NDArray[np.float64]) -> float:
    """The limit up to which values are best taken for low ones; both kinds count alike."""
    limits = np.unique(np.concatenate([low, high]))
    return float(limits[np.argmax([right_of(limit, low, high) for limit in limits])])


def right_of(limit: float, low: NDArray[np.float64], high: NDArray[np.float64]) -> float:
    """The mean of both kinds' shares that are on their side of a limit, in [0, 1]."""
    return float(((low <= limit).mean() + (high > limit).mean()) / 2)
