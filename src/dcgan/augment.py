"""Changes to pictures on their way into the discriminator, which gradients pass through.

Both real and generated pictures are changed, so that the discriminator cannot learn few pictures by
heart and the generator does not learn the changes (Zhao et al. 2020).
"""

import torch
from torch import Tensor

from dcgan.tensors import Images

SHIFT_SHARE = 0.125
"""Pictures are moved by up to this share of their sides."""
HOLE_SHARE = 0.5
"""A hole has this share of their sides."""


def augment(images: Images, kind: str, rng: torch.Generator) -> Images:
    """Pictures changed at random, each otherwise.

    Args:
        images: (N, C, H, W) in [-1, 1].
        kind: `none`; `shift`: moved; `all`: other colours, moved, with a hole.
        rng: on the pictures' device.

    Returns:
        (N, C, H, W), which may leave [-1, 1] with other colours; nothing is 0.
    """
    if kind == "all":
        images = recoloured(images, rng)
    if kind in ("shift", "all"):
        images = shifted(images, rng)
    return with_hole(images, rng) if kind == "all" else images


def recoloured(images: Images, rng: torch.Generator) -> Images:
    """With another brightness (± 0.5), saturation (0 to 2 times) and contrast (0.5 to 1.5)."""
    brightness, saturation, contrast = (_uniform(images, rng) for _ in range(3))
    images = images + (brightness - 0.5)
    grey = images.mean(dim=1, keepdim=True)
    images = grey + (images - grey) * (2 * saturation)
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    return mean + (images - mean) * (contrast + 0.5)


def shifted(images: Images, rng: torch.Generator) -> Images:
    """Moved by up to an eighth of the sides, with zeros where nothing was."""
    height, width = images.shape[2:]
    down = _steps(images, int(height * SHIFT_SHARE + 0.5), rng)
    right = _steps(images, int(width * SHIFT_SHARE + 0.5), rng)
    rows = torch.arange(height, device=images.device) - down  # (N, H): where each row comes from
    columns = torch.arange(width, device=images.device) - right
    inside = _within(rows, height)[:, None, :, None] & _within(columns, width)[:, None, None, :]
    numbers = torch.arange(len(images), device=images.device)[:, None, None]
    moved = images.permute(0, 2, 3, 1)[
        numbers, rows.clamp(0, height - 1)[:, :, None], columns.clamp(0, width - 1)[:, None, :]
    ]
    return moved.permute(0, 3, 1, 2) * inside


def with_hole(images: Images, rng: torch.Generator) -> Images:
    """With zeros in a rectangle of half the sides, whose centre lies anywhere."""
    height, width = images.shape[2:]
    inside = []
    for side in (height, width):
        hole = int(side * HOLE_SHARE + 0.5)
        centre = torch.randint(
            side + 1 - hole % 2, (len(images), 1), device=images.device, generator=rng
        )
        offset = torch.arange(side, device=images.device) - (centre - hole // 2)
        inside.append(_within(offset, hole))
    return images * ~(inside[0][:, None, :, None] & inside[1][:, None, None, :])


def _uniform(images: Images, rng: torch.Generator) -> Tensor:
    return torch.rand(len(images), 1, 1, 1, device=images.device, generator=rng)


def _steps(images: Images, most: int, rng: torch.Generator) -> Tensor:
    return torch.randint(-most, most + 1, (len(images), 1), device=images.device, generator=rng)


def _within(places: Tensor, end: int) -> Tensor:
    return (places >= 0) & (places < end)
