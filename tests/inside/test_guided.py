"""Guided backpropagation against one written out by hand; how concentrated it is."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dcgan.inside.field import Field, receptive_fields
from dcgan.inside.guided import concentration, guided, guided_gradients, shares_within
from dcgan.model import Model
from dcgan.networks import LEAK, Discriminator
from dcgan.size import Size


def backwards(network: Discriminator, images: Tensor, maps: Tensor, positions: Tensor) -> Tensor:
    """Layer by layer, for the last convolution, with fixed statistics."""
    x, before = images, []
    blocks = [list(block.children()) for block in network.blocks.values()]
    for block in blocks:
        before.append(nn.Sequential(*block[:-1])(x))
        x = F.leaky_relu(before[-1], LEAK)
    gradient = torch.zeros_like(x)
    gradient[torch.arange(len(x)), maps, positions[:, 0], positions[:, 1]] = 1.0
    for block, values in zip(blocks[::-1], before[::-1], strict=True):
        gradient = torch.where((values > 0) & (gradient > 0), gradient, 0.0)
        for norm in block[1:-1]:
            assert isinstance(norm, nn.BatchNorm2d)
            assert norm.running_var is not None
            scale = norm.weight / (norm.running_var + norm.eps).sqrt()
            gradient = gradient * scale[:, None, None]
        assert isinstance(block[0], nn.Conv2d)
        gradient = F.conv_transpose2d(gradient, block[0].weight, None, 2, 1)
    return gradient


def chosen(model: Model) -> tuple[Tensor, Tensor, Tensor]:
    """Pictures, and a unit of the last convolution for each."""
    rng = torch.Generator().manual_seed(1)
    images = torch.rand(8, 3, 16, 16, generator=rng) * 2 - 1
    maps = torch.randint(16, (8,), generator=rng)
    return images, maps, torch.randint(4, (8, 2), generator=rng)


@torch.no_grad()
def test_equals_the_long_way(model: Model) -> None:
    images, maps, positions = chosen(model)
    with torch.enable_grad():
        found = guided_gradients(guided(model.discriminator), images, "4x4", maps, positions)
    wanted = backwards(model.discriminator, images, maps, positions)
    torch.testing.assert_close(found, wanted)
    assert (wanted.flatten(1).abs().sum(dim=1) > 0).any()


def test_the_answers_stay(model: Model) -> None:
    images, *_ = chosen(model)
    network = guided(model.discriminator)
    for name, maps in model.discriminator.features(images).items():
        assert torch.equal(network.features(images)[name], maps)
    assert isinstance(model.discriminator.blocks["4x4"][-1], nn.LeakyReLU)  # type: ignore[index]


def test_only_what_a_unit_sees_and_only_if_it_is_above_0(model: Model) -> None:
    images, maps, positions = chosen(model)
    gradients = guided_gradients(guided(model.discriminator), images, "8x8", maps % 8, positions)
    field = receptive_fields(model.config)["8x8"]
    units = model.discriminator.features(images)["8x8"]
    for number, (row, column) in enumerate(positions.tolist()):
        energy = gradients[number].square().sum(dim=0)
        assert bool(energy.any()) == bool(units[number, maps[number] % 8, row, column] > 0)
        energy[field.within(row, column, Size(16, 16))] = 0
        assert not energy.any()


def test_a_picture_has_its_gradient_in_any_company(model: Model) -> None:
    images, maps, positions = chosen(model)
    network = guided(model.discriminator)
    together = guided_gradients(network, images, "4x4", maps, positions)
    alone = guided_gradients(network, images[3:4], "4x4", maps[3:4], positions[3:4])
    torch.testing.assert_close(alone[0], together[3])


def test_concentration() -> None:
    field = Field(side=5, stride=1, start=0)
    gradients = torch.zeros(4, 3, 12, 12)
    gradients[0, :, :5, :5] = 2.0
    gradients[1, 1, 3, 3] = -0.1
    gradients[2, :, 10:, 10:] = 1.0  # two of its corner's rows and columns are in the picture
    positions = torch.tensor([[0, 0], [0, 0], [10, 10], [3, 3]])
    even, point, corner, none = concentration(gradients, field, positions).tolist()
    assert even == pytest.approx(3 / 25)  # a tenth of 25, and rounded up
    assert point == 1.0
    assert corner == pytest.approx(1 / 4)
    assert math.isnan(none)
    scaled = concentration(gradients * 7, field, positions)
    torch.testing.assert_close(scaled[:3], torch.tensor([even, point, corner]).double())


def test_shares_of_a_gradient_of_even_strength_are_those_of_the_pixels() -> None:
    masks = torch.zeros(2, 16, 16, dtype=torch.bool)
    masks[0, :4], masks[1, :, :4] = True, True
    field, positions = Field(side=8, stride=4, start=0), torch.tensor([[0, 0], [0, 1]])
    energy, pixels = shares_within(torch.ones(2, 3, 16, 16), masks, field, positions)
    assert pixels.tolist() == [0.5, 0.0]  # what the second unit sees begins where its mask ends
    assert torch.equal(energy, pixels)


def test_shares_count_the_energy_of_all_channels() -> None:
    gradients = torch.zeros(2, 2, 8, 8)
    gradients[0, 0, 1, 1], gradients[0, 1, 6, 6] = 1.0, -2.0
    masks = torch.zeros(2, 8, 8, dtype=torch.bool)
    masks[:, 4:, 4:] = True
    shares = shares_within(gradients, masks, Field(8, 8, 0), torch.zeros(2, 2, dtype=torch.long))
    assert shares.energy[0].item() == pytest.approx(0.8)
    assert shares.energy[1].isnan()  # there is no gradient
    assert shares.pixels.tolist() == [0.25, 0.25]
