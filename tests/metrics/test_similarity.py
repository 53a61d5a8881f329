"""MS-SSIM against SciPy, and the laws of diversity."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import signal
from torch import Tensor

from dcgan.data.worlds import WORLDS
from dcgan.images import to_floats
from dcgan.metrics.similarity import SCALE_WEIGHTS, mean_similarity, scales_of, similarity

Array = NDArray[np.float64]


def faces(count: int, side: int) -> Tensor:
    pixels, _ = WORLDS["faces"].draw(np.arange(count), side, side)
    return torch.from_numpy(pixels)


def test_scales() -> None:
    assert [scales_of(side) for side in (11, 21, 22, 32, 43, 44, 64, 128, 176, 512)] == [
        1, 1, 2, 2, 2, 3, 3, 4, 5, 5,
    ]  # fmt: skip


def by_scipy(x: Array, y: Array, scales: int) -> float:
    """MS-SSIM of two pictures (H, W, 3) in [0, 1], written out window by window."""
    offsets = np.arange(11) - 5
    window = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * 1.5**2))
    window /= window.sum()

    def means(z: Array) -> Array:
        return np.stack([signal.convolve2d(z[..., c], window, "valid") for c in range(3)])

    weights = np.array(SCALE_WEIGHTS[:scales]) / sum(SCALE_WEIGHTS[:scales])
    product = 1.0
    for scale, weight in enumerate(weights):
        side = len(x) // 2 * 2
        mean_x, mean_y = means(x), means(y)
        both = 2 * (means(x * y) - mean_x * mean_y) + 0.03**2
        contrast = both / (means(x * x) - mean_x**2 + means(y * y) - mean_y**2 + 0.03**2)
        luminance = (2 * mean_x * mean_y + 0.01**2) / (mean_x**2 + mean_y**2 + 0.01**2)
        is_last = scale == scales - 1
        value = (luminance * contrast if is_last else contrast).mean()
        product *= max(value, 0) ** weight
        x, y = (
            z[:side, :side].reshape(side // 2, 2, side // 2, 2, 3).mean(axis=(1, 3)) for z in (x, y)
        )
    return float(product)


@pytest.mark.parametrize("side", [16, 32, 64, 176])
def test_equals_scipy(side: int) -> None:
    images = to_floats(faces(3, side))
    noisy = (images + 0.2 * torch.randn(images.shape, generator=rng())).clamp(-1, 1)
    for other in (noisy, images.flip(0)):
        x, y = ((z.double().permute(0, 2, 3, 1).numpy() + 1) / 2 for z in (images, other))
        wanted = [by_scipy(a, b, scales_of(side)) for a, b in zip(x, y, strict=True)]
        assert similarity(images, other).tolist() == pytest.approx(wanted, abs=1e-7)


def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_laws() -> None:
    pixels = faces(40, 32)
    images = to_floats(pixels)
    torch.testing.assert_close(similarity(images, images), torch.ones(40).double())
    torch.testing.assert_close(
        similarity(images, images.flip(0)), similarity(images.flip(0), images)
    )
    same = mean_similarity(pixels[:1].expand(10, -1, -1, -1), rng(), 50)
    assert same == pytest.approx(1)
    assert mean_similarity(pixels, rng(), 200) < 0.7


def test_pairs_are_of_two_different_pictures() -> None:
    two = torch.stack([torch.zeros(32, 32, 3), torch.full((32, 32, 3), 255)]).to(torch.uint8)
    assert mean_similarity(two, rng(), 50) == pytest.approx(float(similarity(
        to_floats(two[:1]), to_floats(two[1:])
    )))  # fmt: skip
