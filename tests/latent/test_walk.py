"""Walks: where they begin and end, how long steps are, and what is written."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import dcgan
from dcgan.errors import DCGANError
from dcgan.latent.animation import save_animation
from dcgan.latent.smoothness import smoothness
from dcgan.latent.walk import chain, slerp
from dcgan.model import Model
from dcgan.sample import latents_of


def test_a_straight_chain_is_evenly_spaced() -> None:
    corners = torch.tensor([[0.0, 0.0], [1.0, 2.0], [3.0, 2.0]])
    found = chain(corners, 4)
    assert found.shape == (8, 2)
    assert torch.equal(found[0], corners[0])
    assert torch.equal(found[-1], corners[-1])
    way = [0, 1 / 4, 2 / 4, 3 / 4, 1, 4 / 3, 5 / 3, 2]  # every corner is on it
    wanted = [np.interp(way, [0, 1, 2], column) for column in corners.T.numpy()]
    assert np.allclose(found.numpy(), np.stack(wanted, axis=1), atol=1e-6)


def test_a_loop_closes() -> None:
    corners = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]])
    found = chain(corners, 5, loop=True)
    assert found.shape == (15, 2)
    assert torch.allclose(found[::5], corners)  # each row begins in one
    steps = (torch.cat([found, found[:1]])[1:] - found).norm(dim=1)
    assert torch.allclose(steps[:10], torch.full((10,), 0.2))
    assert torch.allclose(steps[10:], torch.full((5,), 0.2 * 2**0.5))


def test_slerp_is_a_rotation_at_even_angles() -> None:
    a, b = torch.tensor([[1.0, 0.0, 0.0]]), torch.tensor([[0.0, 0.0, 3.0]])
    for t in (0.0, 0.25, 0.5, 1.0):
        found = slerp(a, b, torch.tensor([[t]]))[0]
        angle, length = torch.pi / 2 * torch.tensor(t), 1 + 2 * t
        wanted = length * torch.stack([angle.cos(), torch.tensor(0.0), angle.sin()])
        assert torch.allclose(found, wanted, atol=1e-6)


def test_slerp_keeps_the_length_in_between() -> None:
    rng = torch.Generator().manual_seed(0)
    a, b = (torch.randn(50, 100, generator=rng) for _ in range(2))
    middle = torch.full((50, 1), 0.5)
    lengths = slerp(a, b, middle).norm(dim=1)
    assert torch.allclose(lengths, (a.norm(dim=1) + b.norm(dim=1)) / 2, rtol=1e-5)
    assert torch.lerp(a, b, middle).norm(dim=1).mean() < 0.75 * lengths.mean()


@pytest.mark.parametrize("factor", [1.0, 2.0, -1.0])
def test_slerp_where_there_is_no_single_circle(factor: float) -> None:
    a = torch.ones(1, 4)
    found = slerp(a, factor * a, torch.tensor([[0.5]]))
    assert torch.allclose(found, (1 + factor) / 2 * a, atol=1e-6)


def test_great_circles_near_their_ends() -> None:
    a, half = torch.tensor([[2.0, 0.0, 0.0]]), torch.tensor([[0.5]])
    for angle in (1e-4, math.pi - 1e-3, math.pi - 1e-4):
        b = 2 * torch.tensor([[math.cos(angle), math.sin(angle), 0.0]])
        assert slerp(a, b, half).norm().item() == pytest.approx(2, abs=1e-2)
    assert torch.allclose(slerp(torch.zeros(1, 3), a, half), a / 2)
    assert torch.allclose(slerp(a, torch.zeros(1, 3), half), a / 2)


def test_the_prior_decides_the_way(model: Model, normal_model: Model) -> None:
    corners = latents_of([0, 1], model.config)
    found = dcgan.walk(model, seeds=[0, 1], steps=5).latents
    assert torch.equal(found, chain(corners, 5))
    corners = latents_of([0, 1], normal_model.config)
    found = dcgan.walk(normal_model, seeds=[0, 1], steps=5).latents
    assert torch.equal(found, chain(corners, 5, spherical=True))


def test_a_sheet(model: Model, tmp_path: Path) -> None:
    found = dcgan.walk(model, tmp_path / "walk.png", seeds="3-5", steps=4)
    assert found.pictures.shape == (8, 16, 16, 3)
    assert torch.equal(found.pictures[[0, -1]], model.sample([3, 5]))
    with Image.open(tmp_path / "walk.png") as picture:
        assert picture.height == 2 * 66 + 2
        assert picture.width > 4 * 66 + 2  # to the left it says from where to where
        assert np.array_equal(np.asarray(picture), np.asarray(found.sheet))
    assert found.ways == ("seed 3 to\nseed 4", "seed 4 to\nseed 5")
    closed = dcgan.walk(model, seeds="3-5", steps=4, loop=True)
    assert closed.ways[-1] == "seed 5 to\nseed 3"
    assert closed.sheet.height == 3 * 66 + 2


@pytest.mark.parametrize("name", ["walk.gif", "walk.webp"])
def test_an_animation(model: Model, normal_model: Model, tmp_path: Path, name: str) -> None:
    for chosen in (model, normal_model):
        found = dcgan.walk(chosen, tmp_path / name, seeds="0-2", steps=4, loop=True)
        with Image.open(tmp_path / name) as picture:
            assert picture.n_frames == len(found.pictures) == 12  # type: ignore[attr-defined]
            assert picture.size == (128, 128)
            assert picture.info["loop"] == 0
            first = np.asarray(picture.convert("RGB").resize((16, 16), Image.Resampling.BOX))
        assert np.abs(first.astype(float) - found.pictures[0].numpy()).mean() < 12


def test_transparent_pictures_do_not_pile_up(tmp_path: Path) -> None:
    pictures = torch.zeros(3, 16, 16, 4, dtype=torch.uint8)
    for number in range(3):
        pictures[number, 5 * number : 5 * number + 4] = torch.tensor([200, 10, 10, 255])
    save_animation(pictures, tmp_path / "walk.gif")
    with Image.open(tmp_path / "walk.gif") as animation:
        for number in range(3):
            animation.seek(number)
            small = animation.convert("RGBA").resize((16, 16), Image.Resampling.NEAREST)
            alpha = np.asarray(small)[..., 3]
            assert np.array_equal(alpha > 127, pictures[number, ..., 3].numpy() > 127)


@pytest.mark.parametrize("loop", [True, False])
def test_the_step_that_closes_a_loop_is_measured(model: Model, loop: bool) -> None:
    found = dcgan.walk(model, seeds="0-3", steps=2, loop=loop)
    closed = [*found.pictures, found.pictures[0]] if loop else [*found.pictures]
    assert len(closed) == (9 if loop else 6)
    assert found.smoothness == smoothness(torch.stack(closed))


@pytest.mark.parametrize("side", [16, 17])
def test_a_video(side: int, tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    pictures = torch.zeros(6, side, side, 3, dtype=torch.uint8)
    pictures[3:, :, side // 2 :] = 200
    save_animation(pictures, tmp_path / "walk.mp4")
    with av.open(str(tmp_path / "walk.mp4")) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        assert container.streams.video[0].average_rate == 20
    assert [frame.shape for frame in frames] == [(side * 8 // 2 * 2, side * 8 // 2 * 2, 3)] * 6
    assert frames[0].max() < 20
    assert abs(frames[5][:, -40:].astype(float).mean() - 200) < 10


def test_a_video_without_its_library(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(DCGANError, match=r"Videos need PyAV: pip install .dcgan\[video\]"):
        dcgan.walk(model, tmp_path / "walk.mp4")
    assert list(tmp_path.iterdir()) == []


def test_a_class(conditional: Model) -> None:
    found = dcgan.walk(conditional, seeds=[0, 1], steps=2, label="cat")
    assert torch.equal(found.pictures, conditional.sample([0, 1], label="cat"))


def test_refused(model: Model, tmp_path: Path) -> None:
    with pytest.raises(DCGANError, match="A walk needs two latents at least, and one was given"):
        dcgan.walk(model, seeds="7")
    with pytest.raises(DCGANError, match=r"`steps` \(=1\) must be 2 or more"):
        dcgan.walk(model, steps=1)
    with pytest.raises(DCGANError, match=r"walk.avi must end in .*\.png.* for a sheet, or \.gif"):
        dcgan.walk(model, tmp_path / "walk.avi")
    (tmp_path / "folder.gif").mkdir()
    with pytest.raises(DCGANError, match=r"folder.gif: it is a folder"):
        dcgan.walk(model, tmp_path / "folder.gif")
    with pytest.raises(DCGANError, match=r"`seeds` \(=0-x\) must look like"):
        dcgan.walk(model, seeds="0-x")
