"""Small models with random weights, whose pictures have contrast, and a labelled source."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dcgan.config import NetworkConfig
from dcgan.model import Model, calibrate, latents_to_measure
from dcgan.networks import Discriminator, Generator, initialise
from dcgan.size import Size

COUNT = 48
"""Pictures in the labelled source, half of them bright."""


def random_model(config: NetworkConfig, seed: int = 0) -> Model:
    """A model with the paper's initial weights, and statistics measured."""
    generator, discriminator = Generator(config), Discriminator(config)
    rng = torch.Generator().manual_seed(seed)
    for network in (generator, discriminator):
        initialise(network, rng)
    with torch.no_grad():
        generator.to_image.weight.mul_(4)
    inputs = list(latents_to_measure(config, rng))[:2]
    calibrate(generator, inputs)
    calibrate(discriminator, [(generator(z, labels), labels) for z, labels in inputs])
    for network in (generator, discriminator):
        network.requires_grad_(False)
    return Model(generator, discriminator, images_seen=64, notes={"source": "faces"})


@pytest.fixture(autouse=True)
def _no_accelerator(monkeypatch: pytest.MonkeyPatch) -> None:
    """By default all is drawn where the models of these tests are."""
    monkeypatch.setattr("torch.accelerator.is_available", lambda: False)


@pytest.fixture(scope="session")
def model() -> Model:
    return random_model(NetworkConfig(size=Size(16, 16), width=8, latent_dim=6))


@pytest.fixture(scope="session")
def normal_model() -> Model:
    config = NetworkConfig(size=Size(16, 16), channels=1, width=8, latent_dim=6, prior="normal")
    return random_model(config)


@pytest.fixture(scope="session")
def conditional() -> Model:
    config = NetworkConfig(size=Size(16, 16), width=8, latent_dim=6, classes=3)
    made = random_model(config)
    made.class_names = ("ant", "bee", "cat")
    return made


@pytest.fixture(scope="session")
def saved(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("model") / "model.safetensors"
    model.save(file)
    return file


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """A folder of bright and dark pictures, with a label for that and the number behind it."""
    folder = tmp_path / "labelled"
    folder.mkdir()
    rng = np.random.default_rng(0)
    lines = ["file,bright,light"]
    for number in range(COUNT):
        light = 20 + 200 * number / COUNT
        pixels = (light + rng.normal(0, 12, (16, 16, 3))).clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:02}.png")
        lines.append(f"{number:02}.png,{'yes' if number >= COUNT // 2 else 'no'},{light:.1f}")
    (folder / "labels.csv").write_text("\n".join(lines), encoding="utf8")
    return folder
