"""Generated pictures are found again; what is read, written and refused."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import dcgan
from dcgan.captions import shortened
from dcgan.errors import DCGANError
from dcgan.images import SHEET_GAP, Picture, to_floats
from dcgan.latent.invert import (
    Inversion,
    clip_by_lot,
    loss_towards,
    nearest_draws,
    psnr,
    read,
    sheet_of,
)
from dcgan.model import Model
from dcgan.sample import latents_of
from tests.conftest import drawn_picture
from tests.latent.conftest import random_model


def test_generated_pictures_are_found_again(model: Model, tmp_path: Path) -> None:
    pixels = [*model.sample([7, 8]).numpy()]
    found = dcgan.invert(model, pixels, tmp_path / "found.png", steps=150, device="cpu")
    assert (found.psnr > 30).all()
    assert torch.allclose(found.latents, latents_of([7, 8], model.config), atol=0.1)
    assert torch.equal(found.psnr, psnr(found.targets, found.pictures))
    alone = dcgan.invert(model, pixels[1:], steps=150, device="cpu")
    assert torch.allclose(alone.latents[0], found.latents[1], atol=1e-5)
    walk = dcgan.walk(model, seeds=tmp_path / "found.npz", steps=2)
    assert torch.equal(walk.latents, found.latents)
    assert walk.ways == ("picture 0 to\npicture 1",)
    with Image.open(tmp_path / "found.png") as picture:
        assert np.array_equal(np.asarray(picture), np.asarray(found.sheet))
    other = random_model(model.config, seed=1)
    with pytest.raises(DCGANError, match="found.npz holds latents of another model"):
        dcgan.walk(other, seeds=tmp_path / "found.npz")


def test_with_a_normal_prior(normal_model: Model) -> None:
    found = dcgan.invert(normal_model, [*normal_model.sample([7]).numpy()], steps=200, device="cpu")
    assert (found.psnr > 30).all()


def test_with_classes(conditional: Model) -> None:
    pixels = [*conditional.sample([7], label="cat").numpy()]
    found = dcgan.invert(conditional, pixels, steps=150, label="cat", device="cpu")
    assert (found.psnr > 30).all()
    with pytest.raises(DCGANError, match="name it with --class or `label`"):
        dcgan.invert(conditional, pixels)


def test_numbers_that_leave_the_range_are_drawn_anew() -> None:
    z = torch.tensor([[0.5, 1.5, -2.0, 1.0]] * 300)
    clip_by_lot(z, torch.Generator().manual_seed(0))
    assert torch.equal(z[:, [0, 3]], torch.tensor([[0.5, 1.0]] * 300))
    drawn = z[:, 1:3]
    assert -1 <= drawn.min() < -0.95 < 0.95 < drawn.max() <= 1
    assert abs(drawn.mean()) < 0.1


def test_psnr() -> None:
    a = torch.zeros(2, 4, 4, 3, dtype=torch.uint8)
    b = torch.stack([a[0], a[1] + 51])
    assert psnr(a, b).tolist() == [float("inf"), pytest.approx(20 * np.log10(5))]


@pytest.mark.parametrize(
    ("crop", "words"),
    [
        ("centre", "its middle was"),
        ("none", "all of it was"),
        ("20", "a square of 20 in its middle was"),
    ],
)
def test_pictures_are_read_as_for_training(
    model: Model, tmp_path: Path, caplog: pytest.LogCaptureFixture, crop: str, words: str
) -> None:
    file = tmp_path / "in" / "wide.png"
    file.parent.mkdir()
    drawn_picture(3, 40, 60).save(file)
    reading = model.reading._replace(crop=crop)
    with caplog.at_level("INFO", logger="dcgan"):
        found = read(file, "wide.png", reading)
    assert f"wide.png has 40x60 pixels; {words} resized to 16x16, as in training" in caplog.text
    options = dcgan.PackConfig(size=model.config.size, crop=crop)
    pack = dcgan.pack(file.parent, tmp_path / "pack", options)
    assert np.array_equal(found, pack.pictures(np.array([0]))[0])
    caplog.clear()
    Image.fromarray(found).save(file)
    if crop == "20":
        return
    assert np.array_equal(read(file, "wide.png", reading), found)
    assert not caplog.text


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_in_memory_are_read_as_files_are(
    model: Model, tmp_path: Path, caplog: pytest.LogCaptureFixture, channels: int
) -> None:
    reading = model.reading._replace(channels=channels)
    picture = drawn_picture(3, 40, 60)
    picture.save(tmp_path / "wide.png")
    wanted = read(tmp_path / "wide.png", "", reading)
    caplog.clear()
    with caplog.at_level("INFO", logger="dcgan"):
        for given in (picture, np.asarray(picture)):
            assert np.array_equal(read(given, "picture 7", reading), wanted)
    said = "picture 7 has 40x60 pixels; its middle was resized to 16x16, as in training"
    assert caplog.text.count(said) == 2
    grey = picture.convert("L")
    assert np.array_equal(
        read(np.asarray(grey), "", reading), read(np.asarray(grey)[..., None], "", reading)
    )
    own = np.zeros((16, 16, channels), np.uint8)
    assert read(own, "", reading._replace(crop="8")) is own


def test_a_damaged_picture_of_pillows(model: Model, tmp_path: Path) -> None:
    drawn_picture(3, 400, 600).save(tmp_path / "whole.png")
    data = (tmp_path / "whole.png").read_bytes()
    (tmp_path / "half.png").write_bytes(data[: len(data) // 2])
    with (
        Image.open(tmp_path / "half.png") as picture,
        pytest.raises(DCGANError, match="Cannot read picture 0: .*; give another picture"),
    ):
        dcgan.invert(model, [picture])
    values = Image.fromarray(np.array([[-1.0, 7.0]], np.float32))
    with pytest.raises(DCGANError, match="its values reach from -1 to 7, not 0 to 65535"):
        dcgan.invert(model, [values])


def test_refused(model: Model, tmp_path: Path) -> None:
    words = tmp_path / "words.png"
    words.write_text("no picture")
    with pytest.raises(DCGANError, match=r"words.png: not a picture of a known kind. Give a JPEG"):
        dcgan.invert(model, [words])
    with pytest.raises(DCGANError, match="nowhere.png: no such file or directory"):
        dcgan.invert(model, ["nowhere.png"])
    with pytest.raises(DCGANError, match="No picture was given"):
        dcgan.invert(model, [])
    wrong: list[Any] = [np.zeros((8, 8, 3), np.float32), np.zeros((8, 8, 2), np.uint8)]
    for pixels in wrong:
        given = re.escape(f"; {pixels.dtype} {pixels.shape} was given")
        with pytest.raises(DCGANError, match=r"are uint8 \(H, W, C\) with 1, 3 or 4 ch.*" + given):
            dcgan.invert(model, [pixels])
    with pytest.raises(DCGANError, match="words.png is one of the given pictures"):
        dcgan.invert(model, [words], words)
    with pytest.raises(DCGANError, match=r"`steps` \(=0\) must be 1 or more"):
        dcgan.invert(model, [words], steps=0)


def test_only_latents_of_its_own_are_replaced(model: Model, tmp_path: Path) -> None:
    pixels, mine = [*model.sample([7]).numpy()], tmp_path / "mine.npz"
    np.savez(mine, z=np.zeros((3, 6), np.float32))
    before = mine.read_bytes()
    with pytest.raises(DCGANError, match="mine.npz, where the latents .* not made by `dcgan inver"):
        dcgan.invert(model, pixels, tmp_path / "mine.png", steps=1)
    dcgan.directions(model, tmp_path / "d.npz", weights=1)
    with pytest.raises(DCGANError, match="d.npz, where the latents shall stand, is there already"):
        dcgan.invert(model, pixels, tmp_path / "d.png", steps=1)
    assert mine.read_bytes() == before
    other = random_model(model.config, seed=1)
    for chosen in (other, model):
        dcgan.invert(chosen, pixels, tmp_path / "found.png", steps=1)
    assert dcgan.turn(model, seeds=tmp_path / "found.npz", start="1", end="2").rows == (
        "picture 0",
    )


def test_many_pictures_stand_in_rows_of_eight() -> None:
    rng = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (2, 10, 16, 16, 3), dtype=torch.uint8, generator=rng)

    def sheet(first: int, last: int) -> Picture:
        given, drawn = pixels[:, first:last]
        numbers = torch.full((last - first,), 20.0)
        names = [f"{number}.png" for number in range(first, last)]
        return sheet_of(
            Inversion(torch.zeros(last - first, 6), given, drawn, numbers, numbers, names)
        )

    eight, two, ten = sheet(0, 8), sheet(8, 10), sheet(0, 10)
    assert ten.shape[1] == eight.shape[1]
    assert ten.shape[0] == 2 * eight.shape[0] - SHEET_GAP
    assert np.array_equal(ten[: len(eight)], eight)
    assert np.array_equal(ten[-len(two) :, : two.shape[1]], two)
    assert (ten[-len(two) :, two.shape[1] :] == 255).all()


def test_the_last_step_counts(model: Model) -> None:
    pixels = [*model.sample([7]).numpy()]
    losses = [
        float(dcgan.invert(model, pixels, starts=1, steps=steps, device="cpu").losses)
        for steps in (1, 2)
    ]
    assert losses[1] <= losses[0]
    start = nearest_draws(
        model.config, loss_towards(model, to_floats(model.sample([7])), None), 1,
        torch.Generator().manual_seed(42), torch.device("cpu"),
    )  # fmt: skip
    one = dcgan.invert(model, pixels, starts=1, steps=1, device="cpu").latents
    assert not torch.equal(one, start)


def test_names_are_kept_whole(model: Model, tmp_path: Path) -> None:
    """The sheet shortens them; in the file two long ones stay apart."""
    paths = [tmp_path / f"a-long-name-of-a-picture-{n}-with-the-same-end.png" for n in (1, 2)]
    for path, pixels in zip(paths, model.sample([7, 8]).numpy(), strict=True):
        Image.fromarray(pixels).save(path)
    found = dcgan.invert(model, paths, tmp_path / "found.png", starts=1, steps=1)
    assert found.names == [path.name for path in paths]
    assert np.load(tmp_path / "found.npz")["names"].tolist() == found.names
    rows = dcgan.turn(model, seeds=tmp_path / "found.npz", start="1", end="2").rows
    assert rows == tuple(map(shortened, found.names))
