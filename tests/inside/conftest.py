"""A small model whose answers are lively, and drawn rooms for it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dcgan.config import NetworkConfig, PackConfig
from dcgan.data.pack import Pack
from dcgan.data.packing import pack
from dcgan.data.worlds import WORLDS
from dcgan.model import Model
from dcgan.networks import Discriminator, Generator, initialise
from dcgan.size import Size


def model_of(**options: Any) -> Model:
    """A model with the paper's initial weights."""
    known: dict[str, Any] = {"size": Size(16, 16), "width": 8, "latent_dim": 6}
    config = NetworkConfig(**(known | options))
    generator, discriminator = Generator(config), Discriminator(config)
    for network in (generator, discriminator):
        initialise(network.eval(), torch.Generator().manual_seed(0))
        for weight in network.parameters():
            if weight.dim() > 1:
                weight.data *= 20  # else all activations are nearly 0
    return Model(generator, discriminator)


@pytest.fixture(scope="session")
def model() -> Model:
    return model_of()


@pytest.fixture(scope="session")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    """60 drawn rooms of 16x16 pixels."""
    folder = tmp_path_factory.mktemp("rooms")
    np.save(folder / "rooms.npy", WORLDS["rooms"].draw(np.arange(60), 16, 16)[0])
    return pack(folder / "rooms.npy", folder / "pack", PackConfig(size=Size(16, 16)))


@pytest.fixture
def model_file(model: Model, tmp_path: Path) -> Path:
    model.save(tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"
