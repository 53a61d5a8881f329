"""Exemplars, and the figures of arithmetic, turning and walks, on made-up judgements."""

import numpy as np
import pytest
import torch

import claims_of_latents as module
from claims_of_latents import (
    chains,
    directions_of_four,
    feature_steps,
    jumps,
    kept_row,
    thing_steps,
    trials_of,
    turn_row,
)
from dcgan.errors import DCGANError
from dcgan.size import Size
from subject import kinds
from tests.benchmarks.conftest import Guesser, said_of
from world_judge import Said

FACE = module.ATTRIBUTES["faces"]
JUDGE = Guesser("faces", Size(16, 16))


def faces_by_lot(count: int) -> Said:
    rng = np.random.default_rng(0)
    classes = {"smile": 2, "glasses": 2, "hair": 3, "skin": 2}
    return said_of(**{name: rng.integers(of, size=count) for name, of in classes.items()})


def test_kinds_are_those_that_are_sure() -> None:
    found = kinds(said_of([1, 1, 0.5, 1], smile=[0, 1, 1, 1], hair=[2, 0, 0, 0]), ("smile", "hair"))
    assert {kind: numbers.tolist() for kind, numbers in found.items()} == {
        (0, 2): [0],
        (1, 0): [1, 3],
    }


@pytest.mark.parametrize("exemplars", [1, 3])
def test_exemplars_are_what_they_shall_be(exemplars: int) -> None:
    said = faces_by_lot(400)
    numbers, of_c = trials_of(said, FACE, "smile", "hair", exemplars, 50)
    assert numbers.shape == (50, 3, exemplars)
    a, b, c = numbers.transpose(1, 0, 2)
    smile, hair = said.values["smile"], said.values["hair"]
    assert (smile[a] == 1).all()
    assert (smile[b] == 0).all()
    assert (smile[c] == 0).all()
    assert (hair[a] == hair[b][:, :1]).all()
    assert (hair[c] != hair[a][:, :1]).all()
    for name in FACE:
        assert (said.values[name][c] == of_c[name][:, None]).all()
    assert all(len(set(group)) == exemplars for trial in numbers for group in trial.tolist())
    assert len(np.unique(hair[c])) == 3


def test_exemplars_are_the_same_each_time() -> None:
    first, again = (trials_of(faces_by_lot(400), FACE, "smile", "hair", 3, 9) for _ in range(2))
    assert np.array_equal(first.numbers, again.numbers)


@pytest.mark.parametrize("smile", [0, 1])
def test_without_exemplars_it_is_said(smile: int) -> None:
    said = faces_by_lot(100)
    said.values["smile"][:] = smile
    with pytest.raises(DCGANError, match="Too few of 100 samples surely have smile"):
        trials_of(said, FACE, "smile", "hair", 1, 5)


def test_what_is_kept() -> None:
    """Of four pictures one lacks the smile, one C's hair, and one C's skin."""
    of_c = {"smile": np.zeros(4), "hair": np.ones(4), "glasses": np.zeros(4), "skin": np.zeros(4)}
    said = said_of(smile=[0, 1, 1, 1], hair=[1, 0, 1, 1], glasses=[0] * 4, skin=[0, 0, 1, 0])
    row = kept_row(JUDGE, said, {k: v.astype(np.float32) for k, v in of_c.items()}, "smile", "hair")
    assert {name: figure.value for name, figure in row.items()} == {
        "smile (judge 90.0%), %": 75,
        "and C's hair (judge 90.0%), %": 50,
        "and C's glasses (judge 90.0%) and skin (judge 90.0%), too, %": 25,
        "keeps hair, %": 75,
        "keeps all, %": 50,
    }


def test_directions_lead_from_left_to_right() -> None:
    turns = np.linspace(-1, 1, 100, dtype=np.float32)
    ways = directions_of_four(torch.from_numpy(turns)[:, None], turns)
    assert ways.shape == (module.WAYS, 1)
    assert (ways > 1.2).all()
    assert len(set(ways.flatten().tolist())) > 50


def test_too_few_that_look_right() -> None:
    turns = np.array([-1, -1, -1, -1, 0, 0.9, 0.9, 0.9], np.float32)
    with pytest.raises(DCGANError, match="4 look left and 3 look right; 4 of each are needed"):
        directions_of_four(torch.zeros(8, 2), turns)


def test_a_row_of_turns() -> None:
    """Two ways of two samples each: one turns evenly, one not at all; smiles flip at one end."""
    even = np.linspace(-0.5, 0.5, module.TURN_STEPS)
    wobble = np.tile([0.1, -0.1], module.TURN_STEPS)[: module.TURN_STEPS]
    turns = np.stack([even, even, wobble, wobble])
    smiles = np.zeros_like(turns)
    smiles[:2, -1] = 1
    none = np.zeros(turns.size)
    said = said_of(turn=turns.flatten(), smile=smiles.flatten(), glasses=none, hair=none, skin=none)
    row = turn_row(JUDGE, said, ways=2)
    follows = row["correlation of step and turn (judge correlation 0.900)"]
    assert follows.value == pytest.approx(0.5)
    assert follows.behind == 2
    assert row["turn from -1 to +1"].value == pytest.approx(0.5)
    assert row["smile (judge 90.0%) flips, %"].value == 25
    assert row["skin (judge 90.0%) flips, %"].value == 0


def test_pictures_that_are_all_alike_follow_nothing() -> None:
    none = np.zeros(2 * module.TURN_STEPS)
    said = said_of(turn=none, smile=none, glasses=none, hair=none, skin=none)
    follows, *_ = turn_row(JUDGE, said, ways=2).values()
    assert follows.behind == 0


def test_steps_within_chains_only() -> None:
    steps = feature_steps(torch.arange(2.0 * module.STEPS)[:, None] ** 2)
    found = chains(steps, 2)
    assert found.shape == (2, module.STEPS - 1)
    assert found[0].tolist() == [2 * number + 1 for number in range(module.STEPS - 1)]
    assert found[1, 0] == 2 * module.STEPS + 1


def test_jumps() -> None:
    """An even walk, one with a jump, and one that stands still, which does not count."""
    jump = [1.0, 1, 1, 1, 12, 1, 1, 1, 1]
    row = jumps(np.array([[2.0] * 9, jump, [0.0] * 9], np.float32))
    assert row["median step"].value == 1.5
    assert row["median step"].behind == 2
    assert row["with a jump above 4, %"].value == 50
    assert row["largest, % of the way"].value == pytest.approx((100 / 9 + 60) / 2)
    assert row["largest over median"] == "6.50 (at most 12.0)"


def test_no_walk_that_moves() -> None:
    row = jumps(np.zeros((3, 9), np.float32))
    assert row["median step"].behind == 0
    assert row["largest over median"] == "-"


def test_things_that_come_and_go() -> None:
    found = thing_steps(said_of(smile=[0, 0, 1, 1, 1], glasses=[1, 1, 0, 0, 1]), "faces")
    assert found.tolist() == [False, True, False, True]
