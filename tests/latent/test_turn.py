"""Samples along directions."""

from pathlib import Path

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
    with pytest.raises(DCGANError, match="give --from too"):
        dcgan.turn(model, end="2")
    with pytest.raises(DCGANError, match=r"`steps` \(=4\) must be an odd number, 3 or more"):
        dcgan.turn(model, start="1", end="2", steps=4)
    for reach in (0.0, float("nan"), float("inf")):
        with pytest.raises(DCGANError, match=rf"`reach` \(={reach}\) must be a number above 0"):
            dcgan.turn(model, start="1", end="2", reach=reach)
    with pytest.raises(DCGANError, match=r"'up' has the shape \(7,\), not \(6,\) as latents of"):
        dcgan.turn(model, along={"up": torch.zeros(7)})
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
