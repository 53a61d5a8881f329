"""The sliced Wasserstein distance of patches, at each level of a Laplacian pyramid of pictures."""

import torch
import torch.nn.functional as F
from torch import Tensor

from dcgan.images import to_floats
from dcgan.tensors import Images, Pixels

PATCH, SMALLEST = 7, 16
PATCHES, DIRECTIONS, BATCH = 32, 256, 512


def sliced_wasserstein(
    real: Pixels, fake: Pixels, rng: torch.Generator, patches: int = PATCHES
) -> dict[str, float]:
    """How far the patches of two sets of pictures lie apart, finest level first (Karras 2018).

    At each level down to a shorter side of 16 pixels, patches of 7x7 are taken at random places,
    their channels normalised over the set, and projected onto random directions; the distance is
    the mean difference of the sorted projections, times 1000. It needs no encoder.

    Args:
        real: (N, H, W, C).
        fake: (N, H, W, C), as many.
        rng: draws places and directions, on the CPU.
        patches: taken of each picture at each level.

    Returns:
        By the level's grid: {"64x64": 9.1, "32x32": 7.5, "16x16": 8.4}.

    Raises:
        ValueError: there are not as many pictures of both kinds, or not of one shape.
    """
    if real.shape != fake.shape:
        raise ValueError(f"The sets differ in shape: {tuple(real.shape)}, {tuple(fake.shape)}.")
    ours, theirs = descriptors(fake, rng, patches), descriptors(real, rng, patches)
    return {
        grid: 1000 * sliced_distance(normalised(theirs[grid]), normalised(ours[grid]), rng)
        for grid in theirs
    }


def descriptors(pixels: Pixels, rng: torch.Generator, patches: int) -> dict[str, Tensor]:
    """Patches of all pictures by the grid of their level: (N * patches, C, 7, 7)."""
    found: dict[str, list[Tensor]] = {}
    for batch in torch.split(pixels, BATCH):
        for level in laplacian_pyramid(to_floats(batch)):
            grid = f"{level.shape[2]}x{level.shape[3]}"
            found.setdefault(grid, []).append(random_patches(level, rng, patches))
    return {grid: torch.cat(parts) for grid, parts in found.items()}


def laplacian_pyramid(images: Images) -> list[Tensor]:
    """What each level adds to the next smaller one, finest first; the last is what remains."""
    levels = []
    while min(images.shape[2:]) >= 2 * SMALLEST and not any(side % 2 for side in images.shape[2:]):
        smaller = blurred(images)[:, :, ::2, ::2]
        levels.append(images - enlarged(smaller))
        images = smaller
    return [*levels, images]


def blurred(images: Images) -> Images:
    """Smoothed by the binomial window of 5 pixels, mirrored at the edges."""
    weights = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0], device=images.device) / 16
    weights = weights.expand(images.shape[1], 1, 1, 5)
    across = F.conv2d(F.pad(images, (2, 2, 0, 0), "reflect"), weights, groups=images.shape[1])
    down = F.pad(across, (0, 0, 2, 2), "reflect")
    return F.conv2d(down, weights.transpose(2, 3), groups=images.shape[1])


def enlarged(images: Images) -> Images:
    """Twice as large: zeros between the pixels, then smoothed."""
    n, c, h, w = images.shape
    spread = images.new_zeros(n, c, 2 * h, 2 * w)
    spread[:, :, ::2, ::2] = images
    return 4 * blurred(spread)


def random_patches(images: Images, rng: torch.Generator, patches: int) -> Tensor:
    """Patches (N * patches, C, 7, 7) at random places of each picture."""
    n, _, h, w = images.shape
    windows = images.unfold(2, PATCH, 1).unfold(3, PATCH, 1)  # (N, C, H - 6, W - 6, 7, 7), a view
    picture = torch.arange(n).repeat_interleave(patches)
    top = torch.randint(h - PATCH + 1, (n * patches,), generator=rng)
    left = torch.randint(w - PATCH + 1, (n * patches,), generator=rng)
    return windows[picture, :, top, left]


def normalised(patches: Tensor) -> Tensor:
    """Rows (N, C * 49), each channel with mean 0 and deviation 1 over all patches."""
    centred = patches - patches.mean(dim=(0, 2, 3), keepdim=True)
    deviation = centred.std(dim=(0, 2, 3), keepdim=True).clamp(min=1e-8)
    return (centred / deviation).flatten(1)


def sliced_distance(
    x: Tensor, y: Tensor, rng: torch.Generator, directions: int = DIRECTIONS
) -> float:
    """The mean over random directions of the Wasserstein-1 distance of two sets (N, D) on it."""
    total = 0.0
    for _ in range(directions):
        direction = torch.randn(x.shape[1], generator=rng)
        direction = (direction / direction.norm()).to(x.device)
        total += float(((x @ direction).sort().values - (y @ direction).sort().values).abs().mean())
    return total / directions
