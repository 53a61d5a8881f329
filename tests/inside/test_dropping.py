"""Drawing with maps dropped, against a hook that sets them to 0."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from dcgan.errors import DCGANError
from dcgan.images import to_bytes
from dcgan.inside.dropping import chosen_layer, draw_without, hidden_layers
from dcgan.model import Model
from dcgan.networks import Generator
from dcgan.presets import preset
from dcgan.sample import draw, labels_of, latents_of
from dcgan.size import Size
from tests.inside.conftest import model_of

MAPS = [1, 2]
KINDS: list[dict[str, Any]] = [
    {},
    {"size": Size(32, 48), "convolutions": 2, "kernel_size": 5, "channels": 1},
    {"size": Size(28, 28), "classes": 3, "hidden_units": 12, "output": "sigmoid"},
]


@pytest.mark.parametrize("options", KINDS)
def test_as_a_hook_does(options: dict[str, Any]) -> None:
    generator = model_of(**options).generator
    z, labels = latents_of(range(4), generator.config), labels_of(range(4), generator.config)
    for layer in hidden_layers(generator):
        assert torch.equal(
            draw_without(generator, z, layer, [], labels), draw(generator, z, labels)
        )
        module = dict(generator.blocks.items()).get(layer, generator.project)

        def drop(_: nn.Module, __: Any, output: Tensor) -> Tensor:
            whole = output if output.dim() == 4 else output.view(len(output), *generator.base)
            kept = whole.clone()
            kept[:, MAPS] = 0
            return kept.view_as(output)

        handle = module.register_forward_hook(drop)
        with torch.no_grad():
            wanted = to_bytes(generator(z, labels))
        handle.remove()
        assert torch.equal(draw_without(generator, z, layer, MAPS, labels), wanted)
        assert not torch.equal(wanted, draw(generator, z, labels))


def test_the_default_layer() -> None:
    """The last hidden one but one: the one of the paper that can have lost 200 maps."""
    generator = model_of(size=Size(64, 64), width=2).generator
    assert hidden_layers(generator) == ["4x4", "8x8", "16x16", "32x32"]
    assert chosen_layer(generator, None) == "16x16"
    assert chosen_layer(model_of(size=Size(8, 8)).generator, None) == "4x4"
    with torch.device("meta"):
        paper = Generator(preset("paper").network)
    assert paper.blocks["16x16"][0].weight.shape[1] == 256  # type: ignore[index]


def test_refused(model: Model) -> None:
    z = latents_of([0], model.config)
    with pytest.raises(
        DCGANError, match="generator has no hidden layer '16x16'. Possible: 4x4, 8x8."
    ):
        draw_without(model.generator, z, "16x16", [0])
    large = model_of(size=Size(64, 64), width=2).generator
    with pytest.raises(DCGANError, match="Possible: 4x4, 8x8, 16x16, 32x32."):
        chosen_layer(large, "16x61")
    with pytest.raises(DCGANError, match="Layer 8x8 has the maps 0 to 7; 8 was given"):
        draw_without(model.generator, z, "8x8", [0, 8])
    with pytest.raises(DCGANError, match="Layer 4x4 has the maps 0 to 15; -1 was given"):
        draw_without(model.generator, z, "4x4", [-1])
