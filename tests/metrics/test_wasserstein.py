"""The sliced Wasserstein distance against SciPy on each slice, and its laws."""

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from dcgan.data.worlds import WORLDS
from dcgan.images import to_floats
from dcgan.metrics.wasserstein import (
    enlarged,
    laplacian_pyramid,
    normalised,
    random_patches,
    sliced_distance,
    sliced_wasserstein,
)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def drawn(world: str, first: int, count: int, side: int = 32) -> Tensor:
    return torch.from_numpy(WORLDS[world].draw(np.arange(first, first + count), side, side)[0])


def test_equals_scipy_on_each_slice() -> None:
    x, y = torch.randn(50, 6, generator=rng(1)), torch.randn(50, 6, generator=rng(2)) + 0.5
    draws, wanted = rng(3), []
    for _ in range(20):
        direction = torch.randn(6, generator=draws)
        direction /= direction.norm()
        wanted.append(stats.wasserstein_distance((x @ direction).numpy(), (y @ direction).numpy()))
    assert sliced_distance(x, y, rng(3), 20) == pytest.approx(np.mean(wanted), rel=1e-5)


def test_a_pyramid_adds_up_to_the_picture() -> None:
    images = to_floats(drawn("rooms", 0, 3, 64))
    *details, rest = laplacian_pyramid(images)
    assert [level.shape[-1] for level in (*details, rest)] == [64, 32, 16]
    for detail in reversed(details):
        rest = enlarged(rest) + detail
    torch.testing.assert_close(rest, images)


def test_a_level_that_cannot_be_halved_is_the_last() -> None:
    assert [level.shape[2:] for level in laplacian_pyramid(torch.zeros(1, 1, 34, 66))] == [
        (34, 66), (17, 33),
    ]  # fmt: skip


def test_patches_are_parts_of_their_picture() -> None:
    images = torch.arange(3.0)[:, None, None, None] + torch.zeros(3, 2, 16, 16)
    patches = random_patches(images, rng(), 4)
    assert patches.shape == (12, 2, 7, 7)
    assert (patches.flatten(1) == patches[:, :1, 0, 0]).all()
    assert patches[:, 0, 0, 0].tolist() == [0] * 4 + [1] * 4 + [2] * 4


def test_normalised_channels() -> None:
    rows = normalised(5 + 3 * torch.randn(100, 2, 7, 7, generator=rng()))
    channels = rows.view(100, 2, 49)
    torch.testing.assert_close(channels.mean(dim=(0, 2)), torch.zeros(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(channels.std(dim=(0, 2)), torch.ones(2), atol=1e-3, rtol=0)


def test_laws() -> None:
    faces, more_faces, rooms = (
        drawn(world, first, 256) for world, first in (("faces", 0), ("faces", 256), ("rooms", 0))
    )
    alike = sliced_wasserstein(faces, more_faces, rng(), patches=16)
    unlike = sliced_wasserstein(faces, rooms, rng(), patches=16)
    assert list(alike) == ["32x32", "16x16"]
    for grid in alike:
        assert 0 < 2 * alike[grid] < unlike[grid]
    few = faces[:8], rooms[:8]
    assert sliced_wasserstein(*few, rng(1)) == sliced_wasserstein(*few, rng(1))


def test_sets_of_unlike_shape() -> None:
    with pytest.raises(ValueError, match="The sets differ in shape"):
        sliced_wasserstein(drawn("faces", 0, 2), drawn("faces", 0, 3), rng())
