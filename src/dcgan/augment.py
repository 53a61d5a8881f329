"""Pictures moved at random on their way into the discriminator; gradients pass through.

Both real and generated pictures are moved, so that the discriminator cannot learn few pictures by
heart and the generator does not learn the moves (Zhao et al. 2020).
"""

from typing import Any

import torch
from torch import Tensor

from dcgan.tensors import Images

SHIFT_SHARE = 0.125
"""Pictures are moved by up to this share of their sides."""


def shifted(images: Images, rng: torch.Generator) -> Images:
    """Pictures moved by up to an eighth of their sides, each otherwise.

    Args:
        images: (N, C, H, W) in [-1, 1].
        rng: on the pictures' device.

    Returns:
        (N, C, H, W) in [-1, 1], with zeros where nothing was.
    """
    height, width = images.shape[2:]
    down = _steps(images, int(height * SHIFT_SHARE + 0.5), rng)
    right = _steps(images, int(width * SHIFT_SHARE + 0.5), rng)
    found: Images = _Shift.apply(images, down, right)  # type: ignore[no-untyped-call]
    return found


class _Shift(torch.autograd.Function):
    """Moves pictures; its gradient is moved back, where PyTorch's would add pixel by pixel."""

    @staticmethod
    def forward(ctx: Any, images: Images, down: Tensor, right: Tensor) -> Images:
        ctx.save_for_backward(down, right)
        return moved(images, down, right)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        down, right = ctx.saved_tensors
        return _Shift.apply(gradient, -down, -right), None, None  # type: ignore[no-untyped-call]


def moved(images: Images, down: Tensor, right: Tensor) -> Images:
    """Pictures (N, C, H, W), each moved by so many pixels (N, 1), with zeros where nothing was."""
    count, channels, height, width = images.shape
    rows = torch.arange(height, device=images.device) - down  # (N, H): where each row comes from
    columns = torch.arange(width, device=images.device) - right
    inside = _within(rows, height)[:, :, None] & _within(columns, width)[:, None, :]
    first_rows = torch.arange(0, count * height, height, device=images.device)[:, None]
    places = (first_rows + rows)[:, :, None] * width + columns[:, None, :]
    # Whole pixels are picked from a list of all, at whose end stands an empty one.
    pixels = images.permute(0, 2, 3, 1).reshape(-1, channels)
    pixels = torch.cat([pixels, pixels.new_zeros(1, channels)])
    chosen = torch.where(inside, places, len(pixels) - 1).flatten()
    return pixels.index_select(0, chosen).view(count, height, width, channels).permute(0, 3, 1, 2)


def _steps(images: Images, most: int, rng: torch.Generator) -> Tensor:
    return torch.randint(-most, most + 1, (len(images), 1), device=images.device, generator=rng)


def _within(places: Tensor, end: int) -> Tensor:
    return (places >= 0) & (places < end)
