"""Generator and discriminator of the paper, for any height and width and any of its depths.

Section 3 of the paper: strided convolutions in place of pooling, batch norm in every layer but the
generator's output and the discriminator's input, ReLU and tanh in the generator, LeakyReLU in the
discriminator. No layer of the paper has a bias. In training mode batch norm uses the batch's
statistics alone; in evaluation mode it uses stored ones, which only `model.calibrate` writes.
"""

from collections.abc import Callable
from itertools import groupby
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dcgan.config import NetworkConfig
from dcgan.errors import DCGANError
from dcgan.size import Size, halvings
from dcgan.tensors import Images, Labels, Latents, Logits

LEAK = 0.2
BATCH_NORM_EPSILON = 1e-8
INITIAL_DEVIATION = 0.02


class Step(NamedTuple):
    """One convolution of the discriminator, from outer to inner; read backwards, of the generator.

    Its strides are 1 or 2, its maps counted at either end.
    """

    outer: Size
    inner: Size
    outer_maps: int
    inner_maps: int
    stride: int


def pyramid(config: NetworkConfig) -> list[Step]:
    """The steps from the picture down to the base grid.

    The maps, `width` at first, double at each halving: at the halving itself where there is one
    convolution per resolution, in a further convolution of stride 1 where there are two (paper:
    ImageNet).
    """
    size, maps, width, steps = config.size, config.channels, config.width, []
    for level in range(halvings(size) or 0):
        if config.convolutions == 2:
            steps.append(Step(size, size, maps, width << level, stride=1))
            maps = width << level
        steps.append(Step(size, size.halved(), maps, width << level, stride=2))
        size, maps = size.halved(), width << level
    return steps


def grid_names(sizes: list[Size]) -> list[str]:
    """Names of layers by the grid they put out: `16x16`, and `16x16b` for a second one there."""
    return [
        size.grid + ("b" if index and sizes[index - 1] == size else "")
        for index, size in enumerate(sizes)
    ]


class Generator(nn.Module):
    """Maps latents to pictures: a small grid of many maps, then layers that double its side.

    `blocks["16x16"]` is the layer that puts out 16x16. Labels, if any, are joined to the input of
    every layer (Section 8.1); or to that of the dense layers, and then scale and shift each map
    after batch norm (`conditioning`).
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        *inner_steps, _ = steps = pyramid(config)[::-1]
        self.base = (steps[0].inner_maps, *steps[0].inner)
        units = steps[0].inner_maps * steps[0].inner.height * steps[0].inner.width
        inputs = config.latent_dim + config.classes
        self.hidden = nn.Sequential()
        if config.hidden_units:
            self.hidden = dense_block(
                inputs, config.hidden_units, nn.ReLU(inplace=True), config.affine
            )
            inputs = config.hidden_units + config.classes
        self.project = dense_block(inputs, units, relu(), config.affine)
        names = grid_names([step.outer for step in inner_steps])
        self.blocks = nn.ModuleDict({
            name: GeneratorBlock(step, config)
            for name, step in zip(names, inner_steps, strict=True)
        })  # fmt: skip
        self.to_image = deconvolution(steps[-1], config)

    def forward(self, z: Latents, labels: Labels | None = None) -> Images:
        """Pictures (N, channels, H, W) in [-1, 1] of latents (N, latent_dim)."""
        y = one_hot(labels, self.config)
        x: Tensor = self._base(z, y)  # (N, 1024, 4, 4)
        for block in self.blocks.values():
            x = block(x, y)  # (N, 512, 8, 8), (N, 256, 16, 16), ...
        return self._picture(x, y)  # (N, 3, 64, 64)

    def features(self, z: Latents, labels: Labels | None = None) -> dict[str, Tensor]:
        """The activations of each grid by the layer's name, after batch norm and ReLU.

        Returns:
            From the base grid outwards, {"4x4": (N, 1024, 4, 4), "8x8": (N, 512, 8, 8), ...}.
        """
        y = one_hot(labels, self.config)
        x = self._base(z, y)
        activations: dict[str, Tensor] = {Size(*self.base[1:]).grid: x}
        for name, block in self.blocks.items():
            x = activations[name] = block(x, y)
        return activations

    def from_features(self, layer: str, x: Tensor, labels: Labels | None = None) -> Images:
        """Pictures (N, channels, H, W) in [-1, 1] of the activations of one layer, by its name.

        Of those that `features` gives, the pictures that `forward` draws.
        """
        y = one_hot(labels, self.config)
        names = list(self.blocks)
        for name in names[names.index(layer) + 1 if layer in names else 0 :]:
            x = self.blocks[name](x, y)
        return self._picture(x, y)

    def _picture(self, x: Tensor, y: Tensor | None) -> Images:
        x = self.to_image(join(x, y if self.config.joined_classes else None))
        return x.tanh() if self.config.output == "tanh" else 2 * x.sigmoid() - 1

    def _base(self, z: Latents, y: Tensor | None) -> Tensor:
        x: Tensor = self.hidden(join(z, y)) if len(self.hidden) else z  # (N, hidden_units)
        base: Tensor = self.project(join(x, y)).unflatten(1, self.base)
        return base


class Discriminator(nn.Module):
    """Maps pictures to logits: layers that halve the side, then one dense unit.

    `blocks["16x16"]` is the layer that puts out 16x16. Labels, if any, are joined to the input of
    every layer (Section 8.1); or the last maps, summed over their grid, are weighed by a vector of
    the picture's class, which adds to the logit (`conditioning`; Miyato and Koyama 2018).

    The paper's discriminator cannot see contrast: without a bias LeakyReLU passes a scaled picture
    on as scaled maps, and the next batch norm undoes the scale. So its generator's contrast drifts.
    A bias in the first layer (`input_bias`) opens its eyes.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        joined = config.joined_classes
        steps = pyramid(config)
        names = grid_names([step.inner for step in steps])
        self.blocks = nn.ModuleDict({
            name: d_block(step, config, is_first=step is steps[0])
            for name, step in zip(names, steps, strict=True)
        })  # fmt: skip
        base, last = steps[-1].inner, steps[-1].inner_maps
        inputs = last * base.height * base.width + joined
        self.hidden = nn.Sequential()
        if config.hidden_units:
            self.hidden = dense_block(inputs, config.hidden_units, leaky_relu(), config.affine)
            inputs, last = config.hidden_units + joined, config.hidden_units
        self.to_logit = nn.Linear(inputs, 1, bias=False)
        self.to_class_logits: nn.Module = nn.Sequential()
        if config.classes > joined:
            self.to_class_logits = nn.Linear(last, config.classes, bias=False)

    def forward(self, images: Images, labels: Labels | None = None) -> Logits:
        """Logits (N,) of pictures (N, channels, H, W) in [-1, 1]; positive means "real"."""
        y = one_hot(labels, self.config)
        joined = y if self.config.joined_classes else None
        x = self._pixels(images)
        for block in self.blocks.values():
            x = block(join(x, joined))  # (N, 128, 32, 32), (N, 256, 16, 16), ...
        maps = x.flatten(2)  # (N, 1024, 4 * 4)
        x = x.flatten(1)  # (N, 1024 * 4 * 4), channels first
        if len(self.hidden):
            x = self.hidden(join(x, joined))  # (N, hidden_units)
            maps = x[:, :, None]
        logits: Tensor = self.to_logit(join(x, joined))  # (N, 1)
        if y is not None and joined is None:
            own = y * self.to_class_logits(maps.sum(2))  # (N, classes)
            logits = logits + own.sum(1, keepdim=True)
        return logits.squeeze(1)

    def features(self, images: Images, labels: Labels | None = None) -> dict[str, Tensor]:
        """The activations of each convolution by the layer's name, after batch norm and LeakyReLU.

        Args:
            images: (N, channels, H, W) in [-1, 1].
            labels: (N,); only needed where they are joined to the input of every layer.

        Returns:
            From the picture inwards, {"32x32": (N, 128, 32, 32), "16x16": (N, 256, 16, 16), ...}.
        """
        joined = one_hot(labels, self.config) if self.config.joined_classes else None
        x = self._pixels(images)
        activations = {}
        for name, block in self.blocks.items():
            x = activations[name] = block(join(x, joined))
        return activations

    def _pixels(self, images: Images) -> Images:
        # The MNIST code feeds pixels in [0, 1], the range of its generator's sigmoid.
        return images if self.config.output == "tanh" else (images + 1) / 2


class GeneratorBlock(nn.Sequential):
    """The generator's layer of a step: a fractionally strided convolution, batch norm and ReLU.

    If labels are not joined to its input, each map has a gain and a shift more for each class.
    """

    def __init__(self, step: Step, config: NetworkConfig) -> None:
        maps, norm = step.outer_maps, batch_norm(step.outer_maps, config.affine)
        super().__init__(deconvolution(step, config), norm, relu())
        self.by_class: nn.Module = nn.Sequential()
        if config.classes > config.joined_classes:
            self.by_class = nn.Linear(config.classes, 2 * maps, bias=False)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """(N, maps, H, W) to activations; y are labels as rows (N, classes)."""
        convolution, norm, activation, by_class = self
        if y is None or not isinstance(by_class, nn.Linear):
            maps = norm(convolution(join(x, y)))
        else:
            gain, shift = by_class(y.to(x.dtype))[:, :, None, None].chunk(2, dim=1)
            maps = norm(convolution(x)) * (1 + gain) + shift
        activated: Tensor = activation(maps)
        return activated


def relu() -> nn.ReLU:
    """The generator's activation; in place, as no gradient needs what stood there before."""
    return nn.ReLU(inplace=True)


def leaky_relu() -> nn.LeakyReLU:
    """The discriminator's activation, in place likewise."""
    return nn.LeakyReLU(LEAK, inplace=True)


def dense_block(inputs: int, units: int, activation: nn.Module, affine: bool) -> nn.Sequential:
    """A dense layer with batch norm per unit."""
    norm = nn.BatchNorm1d(units, BATCH_NORM_EPSILON, affine=affine)
    norm.track_running_stats = False  # training neither reads nor writes the stored statistics
    return nn.Sequential(nn.Linear(inputs, units, bias=False), norm, activation)


def batch_norm(maps: int, affine: bool) -> nn.BatchNorm2d:
    """Batch norm per feature map."""
    norm = nn.BatchNorm2d(maps, BATCH_NORM_EPSILON, affine=affine)
    norm.track_running_stats = False  # training neither reads nor writes the stored statistics
    return norm


def d_block(step: Step, config: NetworkConfig, *, is_first: bool) -> nn.Sequential:
    """The discriminator's layer of a step; a stride of 2 halves the side, whatever the kernel.

    The first one has no batch norm (Section 3), and a bias if asked for.
    """
    inputs, kernel = step.outer_maps + config.joined_classes, config.kernel_size
    bias = is_first and config.input_bias
    padding = (kernel - 1) // 2
    convolution = nn.Conv2d(inputs, step.inner_maps, kernel, step.stride, padding, bias=bias)
    norm = [] if is_first else [batch_norm(step.inner_maps, config.affine)]
    return nn.Sequential(convolution, *norm, leaky_relu())


def deconvolution(step: Step, config: NetworkConfig) -> nn.ConvTranspose2d:
    """The fractionally strided convolution of a step backwards; a stride of 2 doubles the side."""
    inputs, kernel = step.inner_maps + config.joined_classes, config.kernel_size
    padding = (kernel - 1) // 2
    # An odd kernel leaves the last row and column to be added; an even one fits exactly.
    extra = (step.stride - 1) * (kernel % 2)
    return nn.ConvTranspose2d(
        inputs, step.outer_maps, kernel, step.stride, padding, extra, bias=False
    )


def one_hot(labels: Labels | None, config: NetworkConfig) -> Tensor | None:
    """Labels as rows (N, classes) of zeros with a one; None for networks without classes.

    Raises:
        DCGANError: labels are missing, or given to networks without classes.
    """
    if (labels is None) != (config.classes == 0):
        given = "none were given" if labels is None else "labels were given"
        raise DCGANError(f"These networks have {config.classes} classes, but {given}.")
    return None if labels is None else F.one_hot(labels, config.classes).float()


def join(x: Tensor, y: Tensor | None) -> Tensor:
    """Appends rows y (N, classes) to x (N, units), or to x (N, maps, H, W) as constant planes."""
    if y is None:
        return x
    if x.dim() == 4:
        y = y[:, :, None, None].expand(-1, -1, *x.shape[2:])
    return torch.cat([x, y.to(x.dtype)], dim=1)


@torch.no_grad()
def initialise(network: nn.Module, rng: torch.Generator) -> None:
    """Draws the weights anew as the paper does (Section 4).

    Convolutions and dense layers: N(0, 0.02). Batch norm: gains N(1, 0.02), shifts 0 (authors'
    code). A bias: 0.
    """
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            module.weight.normal_(0.0, INITIAL_DEVIATION, generator=rng)
            if module.bias is not None:
                module.bias.zero_()
        elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d) and module.affine:
            module.weight.normal_(1.0, INITIAL_DEVIATION, generator=rng)
            module.bias.zero_()


class Layer(NamedTuple):
    """A row of the plan."""

    network: str
    name: str
    output: tuple[int, ...]
    parameters: int


def plan(config: NetworkConfig) -> list[Layer]:
    """Every layer of both networks in order, with the shape it puts out and its parameters.

    Nothing is allocated: the networks are built and run without memory.
    """
    rows: list[Layer] = []
    with torch.device("meta"):
        labels = torch.zeros(2, dtype=torch.long) if config.classes else None
        generator, discriminator = Generator(config), Discriminator(config)
        for network in (generator, discriminator):
            for name, module in layers(network).items():
                module.register_forward_hook(_note(rows, type(network).__name__, name))
        discriminator(generator(torch.zeros(2, config.latent_dim), labels), labels)
    return rows


def plan_text(config: NetworkConfig) -> str:
    """The plan as lines for people: layer, what it puts out (maps x height x width), parameters."""
    lines = []
    for network, rows in groupby(plan(config), key=lambda row: row.network):
        found = list(rows)
        lines.append(f"{network}: {sum(row.parameters for row in found):,} parameters")
        for row in found:
            shape = " x ".join(map(str, row.output))
            lines.append(f"  {row.name:<10}{shape:>18}{row.parameters:>14,}")
    return "\n".join(lines)


def layers(network: nn.Module) -> dict[str, nn.Module]:
    """The layers of a network by name, those that are empty left out."""
    children = dict(network.named_children())
    blocks = dict(children.pop("blocks").named_children())
    return {
        name: module for name, module in (children | blocks).items() if list(module.parameters())
    }


def _note(rows: list[Layer], network: str, name: str) -> Callable[[nn.Module, Any, Tensor], None]:
    def hook(module: nn.Module, _: Any, output: Tensor) -> None:
        rows.append(Layer(network, name, tuple(output.shape[1:]), count_parameters(module)))

    return hook


def count_parameters(network: nn.Module) -> int:
    """How many numbers the network learns."""
    return sum(parameter.numel() for parameter in network.parameters())
