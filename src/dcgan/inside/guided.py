"""Guided backpropagation: which pixels speak for a unit of the discriminator (Section 6.2).

Springenberg et al. (2014) let the backward signal through a ReLU only where it was open on the way
forward *and* the signal is positive, so that what remains are pixels that raise the unit and
nothing that lowers it. How that goes for LeakyReLU the paper does not say; here the gate is that of
a ReLU: the signal passes, unscaled, where the forward input was above 0 and the incoming gradient
is above 0, and nowhere else.
"""

import copy
import math
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dcgan.inside.field import Field
from dcgan.networks import LEAK, Discriminator
from dcgan.sample import in_batches
from dcgan.size import Size
from dcgan.tensors import Images

BATCH = 128
STRONGEST_SHARE = 0.1
"""Of the pixels that a unit sees: those that its gradient's concentration is measured by."""


class Shares(NamedTuple):
    """What marked pixels have of all that units see within the picture, each (N,) float64."""

    energy: Tensor
    """Of the gradient's, in [0, 1]; NaN where there is none."""
    pixels: Tensor
    """In [0, 1]. As much energy as pixels is what a gradient of even strength has."""


class _Gate(torch.autograd.Function):
    """LeakyReLU forwards; backwards the gate of guided backpropagation."""

    @staticmethod
    def forward(context: Any, x: Tensor) -> Tensor:
        context.save_for_backward(x)
        return F.leaky_relu(x, LEAK)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:
        (x,), (gradient,) = context.saved_tensors, gradients
        passed: Tensor = gradient * ((x > 0) & (gradient > 0))
        return passed


class GuidedLeakyReLU(nn.Module):
    """LeakyReLU whose backward signal is guided."""

    def forward(self, x: Tensor) -> Tensor:
        """The same shape as x."""
        activations: Tensor = _Gate.apply(x)  # type: ignore[no-untyped-call]
        return activations


def guided(discriminator: Discriminator) -> Discriminator:
    """A copy whose convolutions answer as before, but pass gradients back guided."""
    network = copy.deepcopy(discriminator).eval().requires_grad_(False)
    for block in network.blocks.values():
        assert isinstance(block, nn.Sequential)
        block[-1] = GuidedLeakyReLU()
    return network


def guided_gradients(
    discriminator: Discriminator, images: Images, layer: str, maps: Tensor, positions: Tensor
) -> Tensor:
    """The guided gradient of one unit for each picture, in the coordinates of the whole picture.

    Args:
        discriminator: as `guided` gives it.
        images: (N, C, H, W) in [-1, 1].
        layer: a convolution's name, such as "4x4".
        maps: (N,) the map of each picture's unit.
        positions: (N, 2) its row and column there.

    Returns:
        (N, C, H, W) float32 on the CPU; 0 outside of the unit's receptive field, and everywhere if
        the unit is not above 0.
    """
    device = next(discriminator.parameters()).device
    found: list[Tensor] = []
    for chosen in in_batches(range(len(images)), BATCH):
        batch = images[chosen].to(device).requires_grad_()
        rows, columns = positions[chosen].unbind(1)
        activations = discriminator.features(batch)[layer]
        units = activations[torch.arange(len(batch)), maps[chosen], rows, columns]
        found += torch.autograd.grad(units[units > 0].sum(), batch)
    return torch.cat(found).cpu()


def concentration(gradients: Tensor, field: Field, positions: Tensor) -> Tensor:
    """How much of each gradient's energy lies in the strongest tenth of the pixels, in [0, 1].

    Of the pixels that the unit sees within the picture; energy is the square, summed over the
    channels. 0.1 is a gradient of even strength, 1 one on a few pixels alone; NaN where there is
    none.

    Args:
        gradients: (N, C, H, W) as `guided_gradients` gives them.
        field: of the units.
        positions: (N, 2) their rows and columns.

    Returns:
        (N,) float64.
    """
    size, shares = Size(*gradients.shape[2:]), []
    energies = gradients.double().square().sum(dim=1)
    for energy, (row, column) in zip(energies, positions.tolist(), strict=True):
        seen = energy[field.within(row, column, size)].flatten()
        strongest = seen.topk(math.ceil(STRONGEST_SHARE * len(seen))).values
        shares.append(strongest.sum() / seen.sum())
    return torch.stack(shares)


def shares_within(gradients: Tensor, masks: Tensor, field: Field, positions: Tensor) -> Shares:
    """How much of each gradient lies on marked pixels, such as those of an object's box.

    Args:
        gradients: (N, C, H, W) as `guided_gradients` gives them.
        masks: (N, H, W) bool.
        field: of the units.
        positions: (N, 2) their rows and columns.
    """
    size = Size(*gradients.shape[2:])
    energies, shares = gradients.double().square().sum(dim=1), []
    for energy, mask, (row, column) in zip(energies, masks, positions.tolist(), strict=True):
        seen = field.within(row, column, size)
        shares.append(
            torch.stack(
                [energy[seen][mask[seen]].sum() / energy[seen].sum(), mask[seen].double().mean()]
            )
        )
    return Shares(*torch.stack(shares).unbind(dim=1))
