"""Drawing with some of the generator's maps dropped (Section 6.3.1)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from dcgan.errors import DCGANError
from dcgan.images import to_bytes
from dcgan.networks import Generator
from dcgan.size import Size
from dcgan.tensors import Labels, Latents, Pixels


def hidden_layers(generator: Generator) -> list[str]:
    """The names of the generator's hidden layers, from the base grid outwards."""
    return [Size(*generator.base[1:]).grid, *generator.blocks]


def chosen_layer(generator: Generator, layer: str | None) -> str:
    """The hidden layer of this name; by default the last but one.

    The paper takes "the second highest convolution layer" and drops 200 maps there. Its last hidden
    layer, 32x32, has only 128, so that we take the one before it, 16x16, which has 256.

    Raises:
        DCGANError: there is no such layer.
    """
    names = hidden_layers(generator)
    if layer is None:
        return names[-2:][0]
    require_layer(layer, names, "generator has no hidden layer")
    return layer


def require_layer(layer: str, names: Sequence[str], lack: str) -> None:
    """Raises a DCGANError unless a layer is one of these."""
    if layer not in names:
        raise DCGANError(f"The {lack} {layer!r}. Possible: {', '.join(names)}.")


@torch.no_grad()
def activations_of(
    generator: Generator, z: Latents, layer: str, labels: Labels | None = None
) -> Tensor:
    """The activations (N, maps, h, w) of a hidden layer, after batch norm and ReLU."""
    device = next(generator.parameters()).device
    labels = None if labels is None else labels.to(device)
    return generator.features(z.to(device), labels)[layer]


@torch.no_grad()
def draw_without(
    generator: Generator,
    z: Latents,
    layer: str,
    maps: Sequence[int],
    labels: Labels | None = None,
) -> Pixels:
    """Pictures (N, H, W, C) of latents (N, latent_dim), some maps of a hidden layer set to 0.

    After batch norm and ReLU, at all positions. Without any maps, what `sample.draw` draws.

    Raises:
        DCGANError: there is no such layer or map.
    """
    x = activations_of(generator, z, chosen_layer(generator, layer), labels)
    require_maps(maps, x.shape[1], layer)
    return drawn_without(generator, x, layer, maps, labels)


@torch.no_grad()
def drawn_without(
    generator: Generator,
    activations: Tensor,
    layer: str,
    maps: Sequence[int],
    labels: Labels | None = None,
) -> Pixels:
    """As `draw_without`, of a layer's activations (N, maps, h, w), which stay as they are."""
    x = activations.clone()
    x[:, list(maps)] = 0.0
    labels = None if labels is None else labels.to(x.device)
    return to_bytes(generator.from_features(layer, x, labels)).cpu()


def require_maps(maps: Sequence[int], total: int, layer: str) -> None:
    """Raises a DCGANError unless these are numbers of a layer's maps."""
    wrong = next((number for number in maps if not 0 <= number < total), None)
    if wrong is not None:
        raise DCGANError(f"Layer {layer} has the maps 0 to {total - 1}; {wrong} was given.")
