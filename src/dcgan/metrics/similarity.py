"""Structural similarity of pictures at several scales, and the diversity that it shows."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from dcgan.images import to_floats
from dcgan.tensors import Images, Pixels

SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
WINDOW, DEVIATION = 11, 1.5
STABILITY = (0.01**2, 0.03**2)
PAIRS, BATCH = 2_000, 250


def mean_similarity(pixels: Pixels, rng: torch.Generator, pairs: int = PAIRS) -> float:
    """The mean MS-SSIM of random pairs of pictures (Odena et al. 2017): 1 where all are the same.

    The lower, the more diverse; compare it with that of real pictures.

    Args:
        pixels: (N, H, W, C), at least two.
        rng: draws the pairs, on the CPU.
        pairs: how many.
    """
    first = torch.randint(len(pixels), (pairs,), generator=rng)
    # Another one than the first, each alike.
    second = (first + torch.randint(1, len(pixels), (pairs,), generator=rng)) % len(pixels)
    total = math.fsum(
        float(similarity(to_floats(pixels[one]), to_floats(pixels[other])).sum())
        for one, other in zip(torch.split(first, BATCH), torch.split(second, BATCH), strict=True)
    )
    return total / pairs


def similarity(x: Images, y: Images) -> Tensor:
    """MS-SSIM of each of N pairs of pictures: (N,), at most 1 (Wang, Simoncelli, Bovik 2003).

    With its windows of 11x11, weighted by a normal law of deviation 1.5, and as many of its five
    scales as pictures of this size have room for, their weights made to sum to 1 again: all from
    sides of 176 pixels on, three at 64, two at 32, one below 22. Negative parts count as 0.
    """
    x, y = (x.double() + 1) / 2, (y.double() + 1) / 2
    scales = scales_of(min(x.shape[2:]))
    weights = torch.tensor(SCALE_WEIGHTS[:scales], dtype=torch.float64, device=x.device)
    weights /= weights.sum()
    parts = []
    for scale in range(scales):
        whole, contrast = _similarity_and_contrast(x, y)
        parts.append(whole if scale == scales - 1 else contrast)
        x, y = F.avg_pool2d(x, 2), F.avg_pool2d(y, 2)
    return torch.stack(parts).clamp(min=0).pow(weights[:, None]).prod(dim=0)


def scales_of(side: int) -> int:
    """How many scales a picture with this shorter side, 11 pixels or more, has room for."""
    return max(1, sum(side >> scale >= WINDOW for scale in range(len(SCALE_WEIGHTS))))


def _similarity_and_contrast(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """SSIM and its part without the means, each averaged over a picture: (N,)."""
    mean_x, mean_y = _blurred(x), _blurred(y)
    variance_x, variance_y = _blurred(x * x) - mean_x**2, _blurred(y * y) - mean_y**2
    covariance = _blurred(x * y) - mean_x * mean_y
    c1, c2 = STABILITY
    contrast = (2 * covariance + c2) / (variance_x + variance_y + c2)
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    return (luminance * contrast).mean(dim=(1, 2, 3)), contrast.mean(dim=(1, 2, 3))


def _blurred(x: Tensor) -> Tensor:
    """Weighted means over all windows that lie in the picture whole."""
    offsets = torch.arange(WINDOW, dtype=x.dtype, device=x.device) - WINDOW // 2
    weights = torch.exp(-(offsets**2) / (2 * DEVIATION**2))
    weights = (weights / weights.sum()).expand(x.shape[1], 1, 1, WINDOW)
    across = F.conv2d(x, weights, groups=x.shape[1])
    return F.conv2d(across, weights.transpose(2, 3), groups=x.shape[1])
