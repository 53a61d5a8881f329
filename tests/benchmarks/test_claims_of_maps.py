"""Filters and forgetting: shares on boxes, changes, and what stands in a window's place."""

import numpy as np
import pytest
import torch

import claims_of_maps as module
from claims_of_maps import (
    BareWall,
    View,
    bare_wall,
    changes,
    divider,
    instead,
    mask_of,
    off_the_wall,
    on_things,
    painted_rooms,
)
from dcgan.data.worlds import WORLDS
from dcgan.errors import DCGANError
from dcgan.inside.field import Field
from dcgan.inside.responses import Responses, Seen
from dcgan.size import Size
from dcgan.tensors import Pixels
from tests.benchmarks.conftest import Guesser, said_of
from world_judge import Said

SIZE = Size(32, 32)
BOX = np.array([0.25, 0.25, 0.75, 0.5], np.float32)
WALL = BareWall(limit=10, right=0.9)
JUDGE = Guesser("rooms", SIZE)


def room(there: int) -> Pixels:
    """A wall of 100 with something in the box, (1, H, W, 3)."""
    pixels = torch.full((1, *SIZE, 3), 100, dtype=torch.uint8)
    pixels[0, 8:16, 8:24] = there
    return pixels


def windows(*there: int) -> Said:
    boxes = {
        f"window_{side}": [place] * len(there)
        for side, place in zip(module.SIDES, BOX, strict=True)
    }
    return said_of(window=there, **boxes)


def test_a_mask_is_the_box_in_pixels() -> None:
    mask = mask_of(BOX, SIZE)
    assert mask.sum() == 8 * 16
    assert mask[8:16, 8:24].all()


def test_shares_on_things() -> None:
    """One map, two pictures: the first unit sees the thing, the second does not."""
    gradients = np.ones((1, 2, 3, 16, 16), np.float32)
    gradients[0, 0, :, :4] = 3
    positions = torch.tensor([[[0, 0], [1, 1]]])
    responses = Responses(torch.ones(1, 2), torch.tensor([[0, 1]]), positions)
    seen = Seen(responses, np.zeros((1, 2, 16, 16, 3), np.uint8), gradients, np.zeros((1, 2)))
    masks = torch.zeros(2, 16, 16, dtype=torch.bool)
    masks[:, :4, :8] = True
    (row,) = on_things(seen, Field(side=8, stride=8, start=0), [masks])
    assert row["gradients"] == "1"
    assert row["pixels on it, %"].value == pytest.approx(50)
    assert row["energy on it, %"].value == pytest.approx(90)
    assert row["energy over pixels"].value == pytest.approx(1.8)


def test_changes() -> None:
    before = said_of(window=[1, 1, 0, 0], bed=[1, 1, 1, 1], lamp=[0, 0, 0, 1], wall=[0, 1, 2, 3])
    after = said_of(window=[0, 0, 0, 1], bed=[1, 1, 1, 0], lamp=[0, 0, 0, 0], wall=[0, 1, 2, 3])
    row = changes(JUDGE, before, [after])
    assert {name: figure.value for name, figure in row.items()} == {
        "with a window (judge 90.0%), %": 25,
        "bed (judge 90.0%) changed, %": 25,
        "lamp (judge 90.0%) changed, %": 25,
        "wall (judge 90.0%) changed, %": 0,
        "with a bed, %": 75,
        "with a lamp, %": 0,
    }
    assert {figure.behind for figure in row.values()} == {4}


def test_changes_of_several_choices_are_their_mean() -> None:
    both = [said_of(window=w, bed=[1, 1], lamp=[1, 1], wall=[0, 0]) for w in ([0, 0], [1, 1])]
    row = changes(JUDGE, both[0], both)
    assert row["with a window (judge 90.0%), %"] == (50, 50, 2)


def test_off_the_wall() -> None:
    pixels = torch.cat([room(100), room(130), room(60)])
    pixels[:, 20:] = 255  # a floor beside no box
    assert off_the_wall(pixels, np.stack([BOX] * 3)).tolist() == [0, 30, 40]


@pytest.mark.parametrize("box", [(0.5, 0.2, 0.4, 0.6), (0, 0.2, 1, 0.6), (-1, -1, -0.5, -0.5)])
def test_a_place_without_a_wall_is_unknown(box: tuple[float, ...]) -> None:
    assert np.isnan(off_the_wall(room(0), np.array([box], np.float32))).all()


def test_what_stands_instead() -> None:
    """Of four windows one stays, one becomes wall, one something near it, one something far."""
    before = View(torch.cat([room(150)] * 5), windows(1, 1, 1, 1, 0))
    now = torch.cat([room(value) for value in (150, 100, 120, 0, 0)])
    row = instead(before, [View(now, windows(1, 0, 0, 0, 0))], WALL)
    assert row["windows gone, %"].value == 75
    assert row["windows gone, %"].behind == 4
    assert row["off the wall before"].value == 50
    assert row["off the wall now"].value == 40
    assert row["nearer to the wall, %"].value == pytest.approx(100 / 3 * 2)
    assert row["as a bare wall before, %"].value == 0
    assert row["as a bare wall (right on 90.0%), %"].value == pytest.approx(100 / 3)


def test_no_window_gone() -> None:
    before = View(room(150), windows(1))
    row = instead(before, [before, before], WALL)
    assert row["windows gone, %"].value == 0
    assert row["off the wall now"].behind == 0


def test_a_bare_wall_is_learnt_from_a_models_own_rooms() -> None:
    """Windows are far from the wall, bare walls near; half of them teach where to divide."""
    values = [150, 160, 105, 101] * 4
    rooms = View(torch.cat([room(value) for value in values]), windows(*[1, 1, 0, 0] * 4))
    assert bare_wall(rooms) == BareWall(limit=5, right=1)


def test_too_few_bare_walls() -> None:
    rooms = View(torch.cat([room(100)] * 7), windows(1, 1, 1, 1, 0, 0, 0))
    with pytest.raises(DCGANError, match="4 rooms with a window and 3 without are too few"):
        bare_wall(rooms)


def test_the_divider_counts_both_kinds_alike() -> None:
    assert divider(np.array([1.0, 2, 3, 9]), np.array([4.0, 5, 6, 7])) == 3
    assert divider(np.array([5.0]), np.array([1.0, *range(6, 12)])) == 5


def test_the_same_rooms_with_and_without_their_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the painter does is what forgetting should do."""
    monkeypatch.setattr(module, "ROOMS", 60)
    window, bare = painted_rooms(JUDGE)
    seeds = np.arange(module.FIRST_ROOM, module.FIRST_ROOM + 60)
    pixels, labels = WORLDS["rooms"].draw(seeds, *SIZE)
    table = dict(zip(WORLDS["rooms"].columns, labels.T, strict=True))
    has = table["window"] == 1
    assert np.array_equal(window.pixels.numpy()[has], pixels[has])
    assert np.array_equal(bare.pixels.numpy()[~has], pixels[~has])
    true = said_of(**table)
    gone = true._replace(values=true.values | {"window": np.zeros(60, np.float32)})
    row = instead(View(window.pixels, true), [View(bare.pixels, gone)], WALL)
    assert row["windows gone, %"].value == 100
    assert row["nearer to the wall, %"].value > 90
