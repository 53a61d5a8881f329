"""Deep Convolutional GANs: train one on your own pictures, and use it.

import dcgan

model = dcgan.train("photos", images=500_000)
model = dcgan.load("runs/photos/model.safetensors")
pictures = model.sample(seeds=range(64))  # (64, H, W, C) uint8
"""

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dcgan.baselines.cnn import SupervisedCNN
    from dcgan.baselines.kmeans import KMeansFeatures
    from dcgan.baselines.pixels import PixelFeatures
    from dcgan.compare.comparing import compare
    from dcgan.config import Config, FaceConfig, NetworkConfig, PackConfig, TrainConfig
    from dcgan.data.audit.auditing import audit
    from dcgan.data.dedup import dedup
    from dcgan.data.faces import faces
    from dcgan.data.joining import join
    from dcgan.data.pack import Pack
    from dcgan.data.packing import pack
    from dcgan.drawing import sample
    from dcgan.errors import DCGANError, Stopped
    from dcgan.features.choosing import choose_c
    from dcgan.features.classifiers import L2SVM
    from dcgan.features.extractor import DiscriminatorFeatures
    from dcgan.features.transductive import TransductiveSVM
    from dcgan.features.writing import features
    from dcgan.inside.dropping import draw_without
    from dcgan.inside.filters import filters
    from dcgan.inside.forget import forget
    from dcgan.latent.arithmetic import arithmetic
    from dcgan.latent.directions import directions
    from dcgan.latent.find import find
    from dcgan.latent.invert import invert
    from dcgan.latent.turn import turn
    from dcgan.latent.walk import walk
    from dcgan.metrics.distance import frechet_in
    from dcgan.metrics.encoder import encoder
    from dcgan.metrics.evaluation import evaluate
    from dcgan.model import Model, load
    from dcgan.networks import Discriminator, Generator
    from dcgan.presets import preset
    from dcgan.published import import_published
    from dcgan.sample import draw, latents_of
    from dcgan.size import Size
    from dcgan.train import train

__version__ = "0.1.0"

_HOMES = {
    "Config": "dcgan.config",
    "DCGANError": "dcgan.errors",
    "Discriminator": "dcgan.networks",
    "DiscriminatorFeatures": "dcgan.features.extractor",
    "FaceConfig": "dcgan.config",
    "Generator": "dcgan.networks",
    "KMeansFeatures": "dcgan.baselines.kmeans",
    "L2SVM": "dcgan.features.classifiers",
    "Model": "dcgan.model",
    "NetworkConfig": "dcgan.config",
    "Pack": "dcgan.data.pack",
    "PackConfig": "dcgan.config",
    "PixelFeatures": "dcgan.baselines.pixels",
    "Size": "dcgan.size",
    "Stopped": "dcgan.errors",
    "SupervisedCNN": "dcgan.baselines.cnn",
    "TrainConfig": "dcgan.config",
    "TransductiveSVM": "dcgan.features.transductive",
    "arithmetic": "dcgan.latent.arithmetic",
    "audit": "dcgan.data.audit.auditing",
    "choose_c": "dcgan.features.choosing",
    "compare": "dcgan.compare.comparing",
    "dedup": "dcgan.data.dedup",
    "directions": "dcgan.latent.directions",
    "draw": "dcgan.sample",
    "draw_without": "dcgan.inside.dropping",
    "encoder": "dcgan.metrics.encoder",
    "evaluate": "dcgan.metrics.evaluation",
    "faces": "dcgan.data.faces",
    "features": "dcgan.features.writing",
    "filters": "dcgan.inside.filters",
    "find": "dcgan.latent.find",
    "forget": "dcgan.inside.forget",
    "frechet_in": "dcgan.metrics.distance",
    "import_published": "dcgan.published",
    "invert": "dcgan.latent.invert",
    "join": "dcgan.data.joining",
    "latents_of": "dcgan.sample",
    "load": "dcgan.model",
    "pack": "dcgan.data.packing",
    "preset": "dcgan.presets",
    "sample": "dcgan.drawing",
    "train": "dcgan.train",
    "turn": "dcgan.latent.turn",
    "walk": "dcgan.latent.walk",
}

__all__ = [
    "L2SVM",
    "Config",
    "DCGANError",
    "Discriminator",
    "DiscriminatorFeatures",
    "FaceConfig",
    "Generator",
    "KMeansFeatures",
    "Model",
    "NetworkConfig",
    "Pack",
    "PackConfig",
    "PixelFeatures",
    "Size",
    "Stopped",
    "SupervisedCNN",
    "TrainConfig",
    "TransductiveSVM",
    "arithmetic",
    "audit",
    "choose_c",
    "compare",
    "dedup",
    "directions",
    "draw",
    "draw_without",
    "encoder",
    "evaluate",
    "faces",
    "features",
    "filters",
    "find",
    "forget",
    "frechet_in",
    "import_published",
    "invert",
    "join",
    "latents_of",
    "load",
    "pack",
    "preset",
    "sample",
    "train",
    "turn",
    "walk",
]


def __getattr__(name: str) -> object:
    # Names are looked up when first used, so that `dcgan --help` need not wait for PyTorch.
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'dcgan' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Face(ModuleType):
    """Keeps `dcgan.train` the function, though importing the module of that name binds it."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Face
