"""Receptive fields: the paper's number, and what gradients say."""

import numpy as np
import pytest
import torch

from dcgan.inside.field import OUTSIDE, Field, patch, receptive_fields
from dcgan.presets import preset
from dcgan.size import Size
from tests.inside.conftest import model_of


def test_as_in_the_paper() -> None:
    """61x61 pixels, 16 apart; the unit in row i sees the rows 16 i - 30 to 16 i + 30 (Figure 5)."""
    fields = receptive_fields(preset("paper").network)
    assert list(fields) == ["32x32", "16x16", "8x8", "4x4"]
    assert fields["4x4"] == Field(side=61, stride=16, start=-30)
    assert fields["32x32"] == Field(side=5, stride=2, start=-2)
    assert fields["4x4"].within(2, 2, Size(64, 64)) == (slice(2, 63), slice(2, 63))
    assert fields["4x4"].within(0, 3, Size(64, 64)) == (slice(0, 31), slice(18, 64))


@pytest.mark.parametrize(("kernel_size", "convolutions"), [(3, 1), (4, 1), (5, 1), (3, 2), (5, 2)])
@pytest.mark.parametrize("size", [Size(16, 16), Size(28, 28), Size(16, 24)])
def test_as_gradients_say(kernel_size: int, convolutions: int, size: Size) -> None:
    config = {"kernel_size": kernel_size, "convolutions": convolutions, "size": size, "width": 2}
    network = model_of(**config).discriminator
    for weight in network.parameters():
        weight.data.abs_()  # so that nothing cancels
    for name, field in receptive_fields(network.config).items():
        images = torch.rand(1, 3, *size, requires_grad=True)
        maps = network.features(images)[name][0]
        row, column = maps.shape[1] // 2, maps.shape[2] - 1
        (gradient,) = torch.autograd.grad(maps[0, row, column], images)
        wanted = torch.zeros(*size, dtype=torch.bool)
        wanted[field.within(row, column, size)] = True
        assert torch.equal(gradient[0].abs().sum(dim=0) > 0, wanted)


def test_patch() -> None:
    picture = np.arange(64, dtype=np.uint8).reshape(8, 8, 1)
    field = Field(side=5, stride=2, start=-2)
    assert np.array_equal(patch(picture, field, 2, 1), picture[2:7, 0:5])
    corner = patch(picture, field, 0, 3)
    assert corner.shape == (5, 5, 1)
    assert np.array_equal(corner[2:, :4], picture[:3, 4:])
    assert (corner[:2] == OUTSIDE).all()
    assert (corner[:, 4:] == OUTSIDE).all()
