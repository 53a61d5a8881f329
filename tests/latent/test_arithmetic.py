"""A - B + C: the numbers, the neighbours, the control, the sheet."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

import dcgan
from dcgan.errors import DCGANError
from dcgan.latent.arithmetic import title_of
from dcgan.model import Model
from dcgan.sample import draw, latents_of, parse_seeds


def test_means_and_signs(model: Model) -> None:
    groups = ([1, 2, 3], [4, 5], [6, 7, 8])
    found = dcgan.arithmetic(model, a=groups[0], b=groups[1], c=groups[2])
    a, b, c = (latents_of(group, model.config).mean(dim=0) for group in groups)
    assert torch.allclose(found.latents[4], a - b + c)
    assert torch.equal(found.pictures, draw(model.generator, found.latents))
    pixels = [model.sample(group).numpy().mean(axis=0) for group in groups]
    wanted = (pixels[0] - pixels[1] + pixels[2]).round().clip(0, 255)
    assert np.abs(found.control.astype(float) - wanted).max() <= 1


def test_a_minus_a_plus_c_is_c(model: Model) -> None:
    found = dcgan.arithmetic(model, a="1-3", b="1-3", c="9")
    assert torch.equal(found.pictures[4], model.sample([9])[0])
    assert np.abs(found.control.astype(int) - model.sample([9])[0].numpy()).max() <= 1


def test_neighbours(model: Model) -> None:
    found = dcgan.arithmetic(model, a="1", b="2", c="3", seed=7)
    off = found.latents - found.latents[4]
    others = off[[0, 1, 2, 3, 5, 6, 7, 8]]
    assert others.abs().max() <= 0.25
    assert others.abs().mean() > 0.08
    assert (others != 0).all()
    again = dcgan.arithmetic(model, a="1", b="2", c="3", seed=7)
    assert torch.equal(again.latents, found.latents)


@pytest.mark.parametrize("groups", [("1-3", "4-6", "7-9"), ("1", "2", "3"), ("1-5", "2,3", "9")])
def test_the_sheet(model: Model, tmp_path: Path, groups: tuple[str, str, str]) -> None:
    a, b, c = groups
    found = dcgan.arithmetic(model, tmp_path / "sum.png", a=a, b=b, c=c)
    with Image.open(tmp_path / "sum.png") as picture:
        assert np.array_equal(np.asarray(picture), np.asarray(found.sheet))
    factor, sheet = 4, np.asarray(found.sheet)

    def is_on_sheet(pixels: NDArray[np.uint8]) -> bool:
        tile = pixels.repeat(factor, axis=0).repeat(factor, axis=1)
        height, width = tile.shape[:2]
        corners = np.argwhere((sheet == tile[0, 0]).all(axis=2))
        cuts = (sheet[y : y + height, x : x + width] for y, x in corners)
        return any(np.array_equal(cut, tile) for cut in cuts)

    exemplars = [*model.sample(parse_seeds(a)).numpy()]
    means = [picture for group in found.groups for picture in (group.of_mean.numpy(), group.mean)]
    for wanted in (*exemplars, *means, *found.pictures.numpy(), found.control):
        assert is_on_sheet(wanted)


def test_the_sheet_says_what_it_shows(model: Model) -> None:
    groups: dict[str, Any] = {"a": "1", "b": "2,3", "c": "4"}
    named = dcgan.arithmetic(model, **groups, names=["smiling", "grim", "grim man"])
    assert title_of(named).startswith("A: smiling. B: grim. C: grim man. In the box A - B + C of")
    assert "8 neighbours, which differ by up to 0.25 in each number" in title_of(named)
    plain = dcgan.arithmetic(model, **groups)
    assert title_of(plain).startswith("In the box A - B + C")
    assert [group.names for group in plain.groups] == [["seed 1"], ["seed 2", "seed 3"], ["seed 4"]]
    wrong: tuple[Any, ...] = (["a", "b"], "abc")
    for names in wrong:
        with pytest.raises(DCGANError, match=r"`names` \(=a.?b.*\) must be three, of A, B and C"):
            dcgan.arithmetic(model, **groups, names=names)


def test_latents_of_another_model_are_refused(model: Model, tmp_path: Path) -> None:
    np.save(tmp_path / "other.npy", np.zeros((3, 100), np.float32))
    with pytest.raises(DCGANError, match=r"other.npy holds float32 \(3, 100\), but latents of th"):
        dcgan.arithmetic(model, a="1", b=tmp_path / "other.npy", c="2")
    with pytest.raises(DCGANError, match="sum.gif must end in one of: .png"):
        dcgan.arithmetic(model, tmp_path / "sum.gif", a="1", b="2", c="3")


def test_errors_name_the_group(model: Model) -> None:
    with pytest.raises(DCGANError, match=r"^`b` \(=2-\) must look like 0-63"):
        dcgan.arithmetic(model, a="1", b="2-", c="3")
    with pytest.raises(DCGANError, match="^`c` names no latent"):
        dcgan.arithmetic(model, a="1", b="2", c=[])


def test_a_class(conditional: Model) -> None:
    found = dcgan.arithmetic(conditional, a="1", b="1", c="2", label="ant")
    assert torch.equal(found.pictures[4], conditional.sample([2], label="ant")[0])
