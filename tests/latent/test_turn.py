"""Samples along directions."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import dcgan
from dcgan.captions import BOX_COLOUR
from dcgan.errors import DCGANError
from dcgan.model import Model
from dcgan.sample import draw, latents_of


def test_multiples_are_added(model: Model, tmp_path: Path) -> None:
    out = tmp_path / "turn.png"
    found = dcgan.turn(model, out, seeds="0-4", start="10-13", end="20-23", reach=2)
    assert found.pictures.shape == (5, 11, 16, 16, 3)
    z = latents_of(range(5), model.config)
    ends = [latents_of(range(first, first + 4), model.config).mean(dim=0) for first in (10, 20)]
    for step in range(11):
        wanted = z + 2 * (step - 5) / 5 * (ends[1] - ends[0])
        assert torch.allclose(found.latents[:, step], wanted, atol=1e-5)
        assert torch.equal(found.pictures[:, step], draw(model.generator, found.latents[:, step]))
    assert torch.equal(found.pictures[:, 5], model.sample(range(5)))
    assert found.multiples[5] == 0
    with Image.open(out) as picture:
        assert np.array_equal(np.asarray(picture), np.asarray(found.sheet))
        is_red = (np.asarray(picture) == BOX_COLOUR).all(axis=2)
    columns = np.flatnonzero(is_red.any(axis=0))
    assert columns[-1] - columns[0] == 67  # one column is boxed, the middle one
    assert is_red.shape[1] - columns[-1] == 5 * 66 + 1


def test_several_directions(model: Model, tmp_path: Path) -> None:
    file = tmp_path / "d.npz"
    dcgan.directions(model, file, weights=2)
    every = dcgan.turn(model, seeds="3,4", along=file, steps=3)
    one = dcgan.turn(model, tmp_path / "turn.png", seeds="3,4", along=f"{file}:weights2", steps=3)
    assert every.pictures.shape == (4, 3, 16, 16, 3)
    assert torch.equal(every.pictures[2:], one.pictures)
    assert every.rows == tuple(f"weights{k}\nseed {seed}" for k in (1, 2) for seed in (3, 4))
    assert every.title.endswith("as many times as stands above, a direction.")
    assert one.rows == ("seed 3", "seed 4")
    assert one.title.endswith("as stands above, the direction weights2.")


def test_the_title_says_from_where_to_where(model: Model) -> None:
    few = dcgan.turn(model, seeds="0", start="1,2", end="7")
    words = "the direction from 2 exemplars (seed 1, seed 2) to 1 other (seed 7)."
    assert few.title.endswith(words)
    many = dcgan.turn(model, seeds="0", start="1-20", end="30-49")
    assert many.title.endswith("the direction from 20 exemplars to 20 others.")


def test_directions_as_numbers_of_any_kind(model: Model) -> None:
    numbers = [0.5, -1.0, 0.25, 0.0, 2.0, 1.0]
    kinds: list[Any] = [torch.tensor(numbers), numbers, np.array(numbers), tuple(numbers)]
    for direction in kinds:
        found = dcgan.turn(model, seeds="3", along={"up": direction}, steps=3)
        z = latents_of([3], model.config)
        assert torch.equal(found.latents[0, 2:], z + torch.tensor(numbers))
    whole = dcgan.turn(model, seeds="3", along={"up": [1, 0, 0, 0, 0, 0]}, steps=3)
    assert whole.latents.dtype == torch.float32


@pytest.mark.parametrize(
    ("along", "words"),
    [
        ({}, "or directions by their names, such as .*; an empty one was given"),
        ([0.0] * 6, "`along` must be the file of `dcgan directions`, or .*; list was given"),
        ({"up": torch.zeros(7)}, r"'up' must be 6 numbers, .*; float32 of the shape \(7,\) was"),
        ({"up": np.zeros((1, 6))}, r"'up' must be 6 numbers, .*; float64 of the shape \(1, 6\)"),
        ({"up": ["a"] * 6}, "'up' must be 6 numbers, as latents of this model; <U1 of"),
        ({"up": [[1], [2, 3]]}, "The direction 'up' has rows of unequal lengths"),
        ({"up": [float("nan")] * 6}, "'up' holds numbers that are not finite"),
        ({"up": [1e300] * 6}, "'up' holds numbers that are not finite"),
    ],
)
def test_directions_that_are_none(model: Model, along: Any, words: str) -> None:
    with pytest.raises(DCGANError, match=words):
        dcgan.turn(model, along=along)


def test_there_and_back(model: Model) -> None:
    there = dcgan.turn(model, seeds="0", start="1", end="2")
    back = dcgan.turn(model, seeds="0", start="2", end="1")
    assert torch.allclose(there.latents, back.latents.flip(1), atol=1e-6)


def test_a_class(conditional: Model) -> None:
    found = dcgan.turn(conditional, seeds="0,1", start="1", end="2", label="bee")
    assert torch.equal(found.pictures[:, 5], conditional.sample([0, 1], label="bee"))


def test_refused(model: Model, tmp_path: Path) -> None:
    with pytest.raises(DCGANError, match="or one in a file .*; neither was given"):
        dcgan.turn(model)
    with pytest.raises(DCGANError, match="or one in a file .*; both were given"):
        dcgan.turn(model, start="1", end="2", along={})
    with pytest.raises(DCGANError, match="give --from or `start` too"):
        dcgan.turn(model, end="2")
    with pytest.raises(DCGANError, match=r"`steps` \(=4\) must be an odd number, 3 or more"):
        dcgan.turn(model, start="1", end="2", steps=4)
    for reach in (0.0, float("nan"), float("inf")):
        with pytest.raises(DCGANError, match=rf"`reach` \(={reach}\) must be a number above 0"):
            dcgan.turn(model, start="1", end="2", reach=reach)
    with pytest.raises(DCGANError, match="turn.txt must end in one of"):
        dcgan.turn(model, tmp_path / "turn.txt", start="1", end="2")


def test_errors_name_the_group(model: Model) -> None:
    with pytest.raises(DCGANError, match=r"^--from or `start` \(=1-\) must look like 0-63"):
        dcgan.turn(model, start="1-", end="2")
    with pytest.raises(DCGANError, match=r"^--to or `end` holds float64 \(2, 7\), but latents"):
        dcgan.turn(model, start="1", end=np.zeros((2, 7)))


def test_groups_of_one_mean_are_refused(model: Model) -> None:
    with pytest.raises(DCGANError, match="Both groups of exemplars have one mean"):
        dcgan.turn(model, start=[1, 2], end=[2, 1])
