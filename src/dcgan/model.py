"""The model file: both networks, ready to use, in one safetensors file; save, load, calibrate."""

import copy
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from dcgan.config import NetworkConfig, from_plain, plain
from dcgan.data.loader import Loader
from dcgan.data.pack import Reading
from dcgan.devices import choose_device
from dcgan.errors import DCGANError, did_you_mean
from dcgan.images import to_floats
from dcgan.log import logger
from dcgan.networks import Discriminator, Generator
from dcgan.sample import draw, draw_latents, in_batches, labels_of, latents_of
from dcgan.tensors import Images, Labels, Latents, Pixels
from dcgan.weights import (
    Header,
    Networks,
    digest_of,
    load_weights,
    save_weights,
    tensors_of,
)

FORMAT = "dcgan model 2"
CALIBRATION_BATCHES, CALIBRATION_BATCH = 16, 128
MODEL_FILE, BEST_FILE = "model.safetensors", "best.safetensors"
"""In a run's folder: the model as it is now, and as it was at its smallest distance."""


@dataclass
class Model:
    """A generator and a discriminator to use, in evaluation mode, with stored statistics.

    The discriminator's logits judge real against generated only with batch statistics on a batch of
    one kind (`model.discriminator.train()`); its stored statistics serve its features.
    """

    generator: Generator
    discriminator: Discriminator
    class_names: tuple[str, ...] = ()
    images_seen: int = 0
    notes: dict[str, str] = field(default_factory=dict)
    """Whatever else should be known: the source, the pack's digest, how its pictures were read."""

    @property
    def config(self) -> NetworkConfig:
        """The shape of both networks."""
        return self.generator.config

    @property
    def reading(self) -> Reading:
        """How pictures are read that it shall see: as those were that it was trained on."""
        known = {name: self.notes[name] for name in ("crop", "background") if name in self.notes}
        return Reading(self.config.size, self.config.channels, **known)

    def to(self, device: torch.device | str) -> "Model":
        """Moves both networks, with their weights laid out as convolutions are fastest."""
        for network in (self.generator, self.discriminator):
            network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        return self

    def sample(
        self,
        seeds: Iterable[int],
        *,
        label: str | int | None = None,
        batch_statistics: bool = False,
    ) -> Pixels:
        """The pictures that seeds name.

        Args:
            seeds: 0 or more each; a seed's picture does not depend on the others.
            label: the class to draw, by name or index, for a conditional model. Without it the
                classes take turns, seed modulo the number of classes.
            batch_statistics: normalise with the statistics of the pictures drawn together (up to
                128), as the paper does; then each depends on the others.

        Returns:
            (N, H, W, C) uint8.

        Raises:
            DCGANError: a seed is out of range, or there is no such class.
        """
        seeds = list(seeds)
        chosen = None if label is None else self.class_index(label)
        if batch_statistics and len(seeds) == 1:
            raise DCGANError("One picture has no batch statistics; draw two or more together.")
        if batch_statistics and chosen is not None:
            logger.warning(
                "A batch of one class has other statistics than the mixed ones of the training; "
                "its pictures may be poor. Without batch statistics they are as they were learnt."
            )
        self.generator.train(batch_statistics)
        try:
            parts = [self._draw(batch, chosen) for batch in in_batches(seeds)]
        finally:
            self.generator.eval()
        empty = torch.empty(0, *self.config.size, self.config.channels, dtype=torch.uint8)
        return torch.cat(parts or [empty])

    def _draw(self, seeds: Sequence[int], label: int | None) -> Pixels:
        labels = labels_of(seeds, self.config)
        if label is not None and labels is not None:
            labels = torch.full_like(labels, label)
        return draw(self.generator, latents_of(seeds, self.config), labels)

    def class_index(self, label: str | int) -> int:
        """The index of a class, given by its name or its index.

        Raises:
            DCGANError: the model has no classes, or none such.
        """
        if not self.config.classes:
            raise DCGANError(f"Class {label!r} was asked for, but this model knows no classes.")
        names = self.class_names or tuple(map(str, range(self.config.classes)))
        if str(label) in names:
            return names.index(str(label))
        if str(label).isdecimal() and int(label) < self.config.classes:
            return int(label)
        raise DCGANError(f"The model has no class {label!r}. {did_you_mean(str(label), names)}")

    def save(self, path: str | Path) -> None:
        """Writes the model file, whole or not at all.

        Raises:
            DCGANError: it cannot be written.
        """
        header = {
            "format": FORMAT,
            "network": json.dumps(plain(self.config)),
            "class_names": json.dumps(self.class_names),
            "images_seen": str(self.images_seen),
            "notes": json.dumps(self.notes),
        }
        save_weights(path, header, self._networks())

    def digest(self) -> str:
        """SHA-256 over all numbers of both networks: the same as in the header of its file."""
        return digest_of(tensors_of(self._networks()))

    def _networks(self) -> Networks:
        return {"generator": self.generator, "discriminator": self.discriminator}


def load(path: str | Path, device: torch.device | str = "cpu") -> Model:
    """Reads a model file. Nothing in it is ever executed.

    Args:
        path: the file; or a run's folder: the best model there, the last if none is known as best.
        device: where the networks shall be.

    Raises:
        DCGANError: there is no such file, it is damaged, or it is none of ours.
    """
    path = Path(path).expanduser()
    if path.is_dir():
        path /= BEST_FILE if (path / BEST_FILE).exists() else MODEL_FILE
    if not path.is_file():
        raise DCGANError(
            f"There is no model file {path}. A run keeps its own as RUN/model.safetensors."
        )
    return load_weights(path, "model", FORMAT, _build).to(device)


def opened(model: str | Path | Model, device: str | torch.device) -> Model:
    """A model on a device, given itself or by its file or its run's folder.

    One that is given itself stays where it is: if that is elsewhere, a copy is moved.

    Raises:
        DCGANError: as `load`, or there is no such device.
    """
    chosen = device if isinstance(device, torch.device) else choose_device(device)
    if not isinstance(model, Model):
        return load(model, chosen)
    there = next(model.generator.parameters()).device
    is_there = there.type == chosen.type and chosen.index in (None, there.index)
    return model if is_there else copy.deepcopy(model).to(chosen)


def _build(header: Header) -> tuple[Model, Networks]:
    """The model of a header, and its networks, which have no memory yet."""
    config = from_plain(NetworkConfig, json.loads(header["network"]))
    with torch.device("meta"):
        generator, discriminator = Generator(config), Discriminator(config)
    model = Model(
        generator,
        discriminator,
        class_names=tuple(map(str, json.loads(header["class_names"]))),
        images_seen=int(header["images_seen"]),
        notes=dict(json.loads(header["notes"])),
    )
    return model, model._networks()


@torch.no_grad()
def calibrate(network: nn.Module, batches: Iterable[tuple[Tensor | None, ...]]) -> None:
    """Stores batch norm's population statistics, measured over batches of a network's inputs.

    The paper's networks know only their batch's statistics, so a picture depends on its neighbours
    (and a single one cannot be drawn). The stored mean and variance are the averages over all
    batches; the network is left in evaluation mode.

    Args:
        network: a generator, a discriminator or another one with batch norm.
        batches: what it takes: latents or pictures, and labels or None.
    """
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    network.train()
    for norm in norms:
        norm.momentum, norm.track_running_stats = None, True  # None: average over all batches
        norm.reset_running_stats()  # does nothing to one that does not track them
    for inputs in batches:
        network(*inputs)
    for norm in norms:
        norm.track_running_stats = False
    network.eval()


def latents_to_measure(
    config: NetworkConfig, rng: torch.Generator
) -> Iterator[tuple[Latents, Labels | None]]:
    """Latents and labels over which a generator's statistics are measured, where `rng` is."""
    for _ in range(CALIBRATION_BATCHES):
        z = draw_latents(CALIBRATION_BATCH, config, rng)
        labels = labels_of(range(CALIBRATION_BATCH), config)
        yield z, None if labels is None else labels.to(rng.device)


def pictures_to_measure(
    loader: Loader, device: torch.device
) -> Iterator[tuple[Images, Labels | None]]:
    """Real pictures and labels over which a discriminator's statistics are measured."""
    images_seen = 0
    for _ in range(CALIBRATION_BATCHES):
        pixels, labels = loader.batch(images_seen)
        images_seen += len(pixels)
        yield to_floats(pixels.to(device)), None if labels is None else labels.to(device)
