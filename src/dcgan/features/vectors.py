"""Vectors of pictures: the discriminator's maps, each pooled to a small grid (Section 5)."""

from collections.abc import Callable, Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from dcgan.distributed import ALONE, Group
from dcgan.errors import DCGANError, did_you_mean
from dcgan.networks import Discriminator, Step, pyramid
from dcgan.tensors import Features, Images


def chosen_steps(discriminator: Discriminator, layers: Sequence[str] | None) -> dict[str, Step]:
    """The convolutions of these names, from the picture inwards; all of them if None.

    Raises:
        DCGANError: there is no such layer, or none was named.
    """
    config = discriminator.config
    steps = dict(zip(discriminator.blocks, pyramid(config), strict=True))
    wanted = list(steps) if layers is None else list(layers)
    unknown = next((name for name in wanted if name not in steps), None)
    if unknown is not None or not wanted:
        what = f"has no layer {unknown!r}" if wanted else "has layers, but `layers` names none"
        raise DCGANError(f"The discriminator {what}. {did_you_mean(unknown, steps)}")
    return {name: step for name, step in steps.items() if name in wanted}


def feature_names(steps: dict[str, Step], grid: int) -> list[str]:
    """A name for each number of a vector: `16x16_3_0_2` is map 3 of 16x16 at row 0, column 2."""
    return [
        f"{name}_{number}_{row}_{column}"
        for name, step in steps.items()
        for number in range(step.inner_maps)
        for row in range(grid)
        for column in range(grid)
    ]


def vectors(
    discriminator: Discriminator, images: Images, layers: Iterable[str], grid: int
) -> Features:
    """The maps of some layers, max-pooled to grid x grid, flattened and joined.

    Where a map's side is no multiple of the grid, neighbouring windows overlap (adaptive pooling).
    Layers stand in their order, within them maps, rows, columns.

    Args:
        discriminator: in evaluation mode, and without classes.
        images: (N, channels, H, W) in [-1, 1].
        layers: names, from the picture inwards.
        grid: at most the side of the smallest map.

    Returns:
        (N, D) with D = grid² times the number of maps.
    """
    maps = discriminator.features(images)
    pooled = [F.adaptive_max_pool2d(maps[name], grid).flatten(1) for name in layers]
    return torch.cat(pooled, dim=1)


@torch.no_grad()
def store_statistics(
    discriminator: Discriminator, batches: Iterable[Images], group: Group = ALONE
) -> None:
    """Fixes batch norm's statistics in place: the averages over batches of pictures.

    As in the authors' SVHN script each batch passes with its own statistics, all batches count
    alike, and what is averaged are their means and *biased* variances (`model.calibrate` averages
    unbiased ones). The discriminator is left in evaluation mode.

    Args:
        discriminator: without classes.
        batches: pictures (N, channels, H, W) in [-1, 1]; one batch at least.
        group: processes that share the batches, of which each has some.
    """
    norms = [norm for norm in discriminator.blocks.modules() if isinstance(norm, _BatchNorm)]
    sums = {norm: torch.zeros(2, norm.num_features, dtype=torch.float64) for norm in norms}
    discriminator.eval()
    for norm in norms:
        norm.train()
        norm.momentum, norm.track_running_stats = 1.0, True  # 1: those of the last batch alone
        norm.reset_running_stats()  # what stood there counts 0 times, and 0 times NaN is NaN
    handles = [norm.register_forward_hook(_adding(norm, sums[norm])) for norm in norms]
    number = torch.zeros((), dtype=torch.float64)
    for images in batches:
        discriminator.features(images)
        number += 1
    group.add(number)
    for handle in handles:
        handle.remove()
    for norm in norms:
        mean, variance = group.add(sums[norm]) / number
        norm.load_state_dict({**norm.state_dict(), "running_mean": mean, "running_var": variance})
        norm.momentum, norm.track_running_stats = None, False
    discriminator.eval()


def _adding(norm: _BatchNorm, total: Tensor) -> Callable[[nn.Module, tuple[Tensor], Tensor], None]:
    """Adds the last batch's mean and biased variance to a total (2, maps)."""

    def add(_: nn.Module, inputs: tuple[Tensor], __: Tensor) -> None:
        assert norm.running_mean is not None
        assert norm.running_var is not None
        count = inputs[0].numel() // norm.num_features
        # To the CPU first, as not all accelerators know float64.
        mean, variance = norm.running_mean.cpu().double(), norm.running_var.cpu().double()
        total.add_(torch.stack([mean, variance * ((count - 1) / count)]))

    return add
