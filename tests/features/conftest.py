"""A small model and some pictures for it."""

import copy

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from dcgan.config import NetworkConfig
from dcgan.data.worlds import WORLDS
from dcgan.model import Model
from dcgan.networks import Discriminator, Generator, initialise
from dcgan.size import Size

# Those of scikit-learn's checks that need no table of numbers. The others feed two dimensions of
# floats, which are no pictures; and without a model its transformer cannot be made.
CHECKS = """check_estimator_cloneable check_estimator_tags_renamed check_valid_tag_types
check_estimator_repr check_no_attributes_set_in_init check_mixin_order check_get_params_invariance
check_set_params check_do_not_raise_errors_in_init_or_set_params""".split()


def untrained(config: NetworkConfig) -> Model:
    """A model with the paper's initial weights."""
    generator, discriminator = Generator(config), Discriminator(config)
    for network in (generator, discriminator):
        initialise(network.eval(), torch.Generator().manual_seed(0))
    return Model(generator, discriminator, images_seen=64, notes={"source": "faces"})


def scaled(model: Model, factor: float) -> Model:
    """The same model, the weights of its discriminator's first convolution times a factor."""
    copied = copy.deepcopy(model)
    first = next(iter(copied.discriminator.blocks.values()))
    with torch.no_grad():
        next(first.parameters()).mul_(factor)
    return copied


@pytest.fixture(scope="session")
def model() -> Model:
    return untrained(NetworkConfig(size=Size(16, 16), width=8, latent_dim=6))


@pytest.fixture(scope="session")
def pixels() -> NDArray[np.uint8]:
    """300 drawn faces (300, 16, 16, 3)."""
    return WORLDS["faces"].draw(np.arange(300), 16, 16)[0]
