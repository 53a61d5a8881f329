"""How even steps are, beside the formulas written out."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

import dcgan
from dcgan.errors import DCGANError
from dcgan.images import to_floats
from dcgan.latent.smoothness import (
    Smoothness,
    pixel_neighbours,
    pixel_steps,
    smoothness,
    training,
)
from dcgan.metrics.encoder import Encoder, Task
from dcgan.model import Model
from dcgan.size import Size


def test_steps_in_pixels(model: Model) -> None:
    pixels = model.sample(range(6))
    flat = pixels.numpy().astype(float).reshape(6, -1)
    wanted = [np.abs(b - a).mean() for a, b in pairwise(flat)]
    assert np.allclose(pixel_steps(pixels), wanted)
    far = np.abs(flat[:, None] - flat[None]).mean(axis=2) + np.diag([np.inf] * 6)
    assert np.allclose(pixel_neighbours(pixels), far.min(axis=1), rtol=1e-5)


def test_a_jump_is_seen(model: Model) -> None:
    smooth = dcgan.walk(model, seeds=[0, 1], steps=20).pictures
    jumping = torch.cat([smooth[:5], smooth[15:]])
    even, uneven = (smoothness(pixels)[0] for pixels in (smooth, jumping))
    assert uneven.jump > 4 * even.jump


def test_in_features_and_beside_training_pictures(
    model: Model, photos: Path, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    encoder = Encoder(Task(Size(16, 16), 3, "class", ("a", "b"))).eval()
    encoder.save(tmp_path / "encoder.safetensors")
    found = dcgan.walk(
        model, seeds=[0, 1], steps=6, encoder=tmp_path / "encoder.safetensors", source=photos
    )
    pixels, features = found.smoothness
    real = training(photos, model.reading)
    assert (pixels.measure, features.measure) == ("pixels", "features")
    assert pixels.neighbours == pytest.approx(float(pixel_neighbours(real).median()))
    with torch.no_grad():
        z, x = (encoder.features(to_floats(batch)) for batch in (found.pictures, real))
    assert features.largest == pytest.approx(float((z[1:] - z[:-1]).norm(dim=1).max()), rel=1e-4)
    far = torch.cdist(x, x).fill_diagonal_(torch.inf).min(dim=1).values.median()
    assert features.neighbours == pytest.approx(float(far), rel=1e-3)


def test_in_words() -> None:
    plain = Smoothness("pixels", 2.0, 5.0, None)
    assert str(plain) == "Steps in pixels: median 2, largest 5 (2.50 times)"
    beside = str(Smoothness("features", 0.0, 5.0, 7.25))
    assert beside.endswith("largest 5; training pictures to their nearest: 7.25")


def test_a_single_training_picture(model: Model, photos: Path) -> None:
    for file in sorted(photos.rglob("*.*"))[1:]:
        file.unlink()
    with pytest.raises(DCGANError, match="has one picture, which has no neighbours"):
        dcgan.walk(model, seeds="0-1", source=photos)
