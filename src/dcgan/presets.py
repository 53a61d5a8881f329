"""The paper's experiments, and our own defaults, as a table of options."""

from collections.abc import Mapping
from typing import NamedTuple

from dcgan.config import Config
from dcgan.errors import DCGANError, did_you_mean


class Preset(NamedTuple):
    """One row of the table: a sentence, and the options that differ from the defaults."""

    help: str
    options: Mapping[str, object]


PAPER: dict[str, object] = {
    "size": 64,
    "channels": 3,
    "width": 128,
    "kernel_size": 5,
    "input_bias": False,
    "conditioning": "joined",
    "batch": 128,
    "grow_batch": False,
    "g_updates": 1,
    "augment": "none",
    "gradient_penalty": 0.0,
    "average_half_life": 0,
    "held_out": 0.0,
    "rollbacks": 0,
}
"""What all experiments of the paper have in common."""

DEFAULT = "stable"
PRESETS: dict[str, Preset] = {
    "stable": Preset(
        "The default: averaged weights, G updated twice, a batch that grows; up to 32x32 moved "
        "pictures and a weak gradient penalty.",
        {},
    ),
    "demo": Preset(
        "A small network on 48x48 pictures, with longer steps: minutes on a laptop.",
        {"size": 48, "width": 48, "grow_batch": False, "learning_rate": 1e-3, "g_updates": 1}
        | {"average_half_life": 10_000, "images": 128_000, "sheet_interval": 6_400},
    ),
    "paper": Preset(
        "LSUN bedrooms at 64x64 (Section 4.1, Figure 1): 5 passes over 3,033,042 pictures.",
        PAPER | {"images": 5 * 3_033_042},
    ),
    "faces": Preset(
        "Faces at 64x64 (Section 4.2), with the L2 and the schedule of the authors' script.",
        PAPER | {"images": 25 * 350_000, "l2": 1e-5, "schedule": "alternate"},
    ),
    "imagenet32": Preset(
        "ImageNet-1k at 32x32 (Section 4.3): two 3x3 convolutions per resolution, 256 latents.",
        PAPER
        | {"size": 32, "kernel_size": 3, "convolutions": 2, "latent_dim": 256}
        | {"images": 30 * 1_281_167},
    ),
    "svhn": Preset(
        "House numbers at 32x32 (Section 5.2): 64 maps, normal latents, batch 64, step 0.0005.",
        PAPER
        | {"size": 32, "width": 64, "prior": "normal", "batch": 64, "learning_rate": 5e-4}
        | {"images": 200 * 73_257},
    ),
    "mnist": Preset(
        "Conditional MNIST at 28x28 (Section 8.1): labels joined to the input of every layer.",
        PAPER
        | {"size": 28, "channels": 1, "width": 64, "hidden_units": 1024, "affine": False}
        | {"output": "sigmoid", "labels": "class", "l2": 2.5e-5, "schedule": "alternate"}
        | {"images": 200 * 50_000, "decay_share": 0.5},
    ),
}


def preset(name: str = DEFAULT, **options: object) -> Config:
    """The config of a row of the table, with some options changed.

    Raises:
        DCGANError: there is no such preset or option, or a value is not allowed.
    """
    if name not in PRESETS:
        raise DCGANError(f"There is no preset {name!r}. {did_you_mean(name, PRESETS)}")
    return Config().replaced(**{**PRESETS[name].options, **options})
