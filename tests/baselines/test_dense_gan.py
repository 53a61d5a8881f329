"""The GAN of dense layers: its shape, what it cannot see, and going on after a stop."""

import os
import signal
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import dcgan
from dcgan.baselines import dense_gan
from dcgan.baselines.dense_gan import DenseDiscriminator, DenseGenerator, dense_generator
from dcgan.config import Config, PackConfig
from dcgan.data.pack import Pack
from dcgan.errors import Stopped
from dcgan.networks import count_parameters
from dcgan.presets import preset
from dcgan.sample import draw, labels_of, latents_of
from dcgan.size import Size
from dcgan.step import train_step

CPU = torch.device("cpu")


@pytest.fixture
def pack(classes: Path, tmp_path: Path) -> Pack:
    return dcgan.pack(classes, tmp_path / "pack", PackConfig(size=Size(8, 8), channels=1))


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.setattr(dense_gan, "UNITS", 16)
    options: dict[str, Any] = {"images": 48, "batch": 4, "seed": 1}
    return preset("mnist", **options).fitted(Size(8, 8), 1, 3)


def test_the_layers_are_those_of_the_docs() -> None:
    network = preset("mnist").fitted(Size(28, 28), 1, 10).network
    generator, discriminator = DenseGenerator(network), DenseDiscriminator(network)
    assert count_parameters(generator) == 110 * 1024 + 1034 * 1024 + 1034 * 784
    assert count_parameters(discriminator) == 794 * 1024 + 1034 * 1024 + 1034
    z, labels = torch.randn(4, 100), torch.arange(4)
    images = generator(z, labels)
    assert images.shape == (4, 1, 28, 28)
    assert images.abs().max() <= 1
    assert discriminator(images, labels).shape == (4,)


def test_the_order_of_pixels_tells_nothing(config: Config) -> None:
    discriminator = DenseDiscriminator(config.network).train()
    images, labels = torch.rand(6, 1, 8, 8) * 2 - 1, torch.arange(6) % 3
    order = torch.randperm(64, generator=torch.Generator().manual_seed(0))
    before = discriminator(images, labels)
    weight = next(discriminator.first.parameters()).data
    weight[:, :64] = weight[:, order]
    shuffled = images.flatten(1)[:, order].reshape(images.shape)
    assert torch.allclose(discriminator(shuffled, labels), before, atol=1e-5)


def test_a_training_that_was_stopped_goes_on_the_same(
    pack: Pack, config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = dense_generator(pack, config, tmp_path / "whole", CPU)
    steps = []

    def stopping(*arguments: Any) -> Any:
        steps.append(1)
        if len(steps) == 5 and threading.current_thread() is threading.main_thread():
            os.kill(os.getpid(), signal.SIGINT)
        return train_step(*arguments)

    monkeypatch.setattr(dense_gan, "train_step", stopping)
    with pytest.raises(Stopped, match="The same command takes the work up again"):
        dense_generator(pack, config, tmp_path / "parts", CPU)
    assert len(steps) == 5
    found = dense_generator(pack, config, tmp_path / "parts", CPU)
    assert len(steps) == 12  # 48 pictures in batches of 4
    seeds, labels = range(6), labels_of(range(6), config.network)
    pictures = [draw(g, latents_of(seeds, config.network), labels) for g in (whole, found)]
    assert torch.equal(*pictures)
    assert len(np.unique(pictures[0])) > 3
