"""Every option once, with its help and its place in the paper.

An option is a field made by `option`. The command line, `config.json` and `dcgan.train` all take
their names, defaults, limits and help from here. Plain fields are facts, found in the pictures.
"""

import dataclasses
import json
import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from dcgan.errors import DCGANError, did_you_mean
from dcgan.size import Size, require_possible


def option(
    default: Any, help: str, *, minimum: float | None = None, maximum: float | None = None
) -> Any:
    """A dataclass field that the user may set.

    Args:
        default: its value when nobody sets it.
        help: one line, with the paper's value where it has one.
        minimum: the smallest value allowed.
        maximum: the largest value allowed.
    """
    return field(default=default, metadata={"help": help, "minimum": minimum, "maximum": maximum})


@dataclass(frozen=True, kw_only=True)
class PackConfig:
    """How pictures are read."""

    size: Size | None = option(
        None, "Side of the pictures, or HEIGHTxWIDTH. [default: the source's own, up to 64]"
    )
    channels: int | None = option(
        None, "1 grey, 3 colour, 4 with alpha. [default: 1 if all are grey, else 3]"
    )
    crop: str = option(
        "centre",
        "What stays of a picture: its centre in the wanted shape, the N pixels in its middle "
        "(CelebA: 108), or all of it, squeezed: none.",
    )
    background: str = option("white", "Colour laid behind transparent pictures: a name or #rrggbb.")
    without: str = option(
        "", "A duplicates.csv; pictures in its column `dropped` are left out (paper: LSUN)."
    )

    def __post_init__(self) -> None:
        _check_options(self)
        if self.channels not in (None, 1, 3, 4):
            raise DCGANError(f"`channels` (={self.channels}) must be 1, 3 or 4.")
        if self.size is not None:
            require_possible(self.size)
        if self.crop not in ("centre", "none") and not (self.crop.isdecimal() and int(self.crop)):
            raise DCGANError(
                f"`crop` (={self.crop}) must be centre, none, or a side in pixels such as 108."
            )


@dataclass(frozen=True, kw_only=True)
class FaceConfig:
    """Which faces are cut out of photographs, and how."""

    largest: bool = option(False, "Only the largest face of each picture.")
    minimum: int = option(
        48, "Smallest side of a face's box, in pixels of the picture.", minimum=20, maximum=65_536
    )
    margin: float = option(
        0.2, "What is added to the box on each side, as a share of it.", minimum=0, maximum=3
    )
    profile: bool = option(False, "Look for faces seen from the side too: 4 times the work.")
    score: int = option(
        4,
        "Least score: how many windows agree on a face. More: fewer faces, fewer mistakes.",
        minimum=2,
        maximum=1_000,
    )

    def __post_init__(self) -> None:
        _check_options(self)


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """The shape of both networks: all that is needed to build and sample a model again."""

    size: Size = field(default=Size(64, 64))
    channels: int = 3
    classes: int = 0

    latent_dim: int = option(
        100, "Length of the latent vector z (paper: 100).", minimum=1, maximum=65_536
    )
    prior: Literal["uniform", "normal"] = option(
        "uniform", "Law of z: uniform in [-1, 1] (paper), or normal."
    )
    width: int = option(
        64,
        "Feature maps next to the picture, doubled at each halving (paper: 128).",
        minimum=1,
        maximum=4_096,
    )
    kernel_size: int = option(4, "Side of the kernels (paper: 5).", minimum=2, maximum=15)
    convolutions: int = option(
        1, "Convolutions per resolution (paper: 1, ImageNet 2).", minimum=1, maximum=2
    )
    hidden_units: int = option(
        0,
        "Units of one more dense layer in each network (paper: none, MNIST 1024).",
        minimum=0,
        maximum=65_536,
    )
    affine: bool = option(True, "Gain and shift in batch norm (paper: yes, MNIST no).")
    input_bias: bool = option(
        True, "A bias in D's first layer; without it D is blind to contrast (paper: none)."
    )
    conditioning: Literal["projection", "joined"] = option(
        "projection",
        "What labels do: a vector for D's last maps, gains and shifts for G's; or they are joined "
        "to the input of every layer (paper: joined; it asks for --g-updates 1).",
    )
    output: Literal["tanh", "sigmoid"] = option(
        "tanh", "Last activation of G: tanh (paper), or sigmoid on [0, 1] pixels (MNIST code)."
    )

    def __post_init__(self) -> None:
        _check_options(self)
        require_possible(self.size)
        if self.channels not in (1, 3, 4) or self.classes < 0:
            raise DCGANError(
                f"A network has 1, 3 or 4 channels (not {self.channels}) "
                f"and 0 or more classes (not {self.classes})."
            )
        if self.convolutions == 2 and self.kernel_size % 2 == 0:
            raise DCGANError(
                f"`kernel_size` (={self.kernel_size}) must be odd with `convolutions` 2: "
                "a convolution that keeps the size needs a centre. Take 3 or 5."
            )

    @property
    def joined_classes(self) -> int:
        """How many classes are joined to the input of every layer."""
        return self.classes if self.conditioning == "joined" else 0


SMALL = 32 * 32
"""Pixels of pictures that count as small where an option is left to their size."""
GROWTH = {0: 4, 51_200: 2, 204_800: 1}
"""By what a batch that grows is divided, from so many pictures seen on."""


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How the networks are trained, and how often the run writes what."""

    images: int = option(1_000_000, "Length of the run: real pictures shown.", minimum=1)
    passes: float = option(
        0.0, "Length of the run in passes over the source, in place of `images`.", minimum=0
    )
    batch: int = option(
        0,
        "Pictures per step (paper: 128); 0: 64, but 32 up to 32x32, or as many pixels, if it does "
        "not grow.",
        minimum=0,
        maximum=65_536,
    )
    grow_batch: bool | None = option(
        None,
        "Begin with a quarter of the batch; half of it from 51,200 pictures seen on, all of it "
        "from 204,800 on (paper: no). [default: yes, but no where a batch is given, or many "
        "processes train]",
    )
    learning_rate: float = option(2e-4, "Step size of Adam (paper: 0.0002).", minimum=0)
    d_learning_rate: float = option(
        0.0, "Step size of D, where it shall be another than G's; 0: the same (paper).", minimum=0
    )
    g_updates: int = option(
        2,
        "Updates of G for each of D, the further ones on new latents (paper: 1).",
        minimum=1,
        maximum=16,
    )
    beta1: float = option(0.5, "Momentum of Adam (paper: 0.5).", minimum=0, maximum=0.9999)
    l2: float = option(
        0.0, "L2 penalty, added to the gradient (paper: none; code: 1e-5 on faces).", minimum=0
    )
    gradient_penalty: float | None = option(
        None,
        "Weight of R1, which keeps D from becoming steep at real pictures (paper: none). [default: "
        "0.0003 up to 32x32, or as many pixels, else 0]",
        minimum=0,
    )
    augment: Literal["auto", "none", "shift"] = option(
        "auto",
        "Move what D sees by up to an eighth (paper: none); auto: shift up to 32x32, or as many "
        "pixels, else none.",
    )
    schedule: Literal["both", "alternate"] = option(
        "both", "Update both networks on each batch, or in turn on fresh batches (authors' code)."
    )
    sync_batch_norm: bool = option(
        False,
        "With many processes: batch norm over the whole batch, not over each one's share of it.",
    )
    decay_share: float = option(
        0.0,
        "Share of the run, at its end, over which the step size falls to 0 (MNIST code: 0.5).",
        minimum=0,
        maximum=1,
    )
    average_half_life: int = option(
        100_000,
        "Half-life in pictures of G's averaged weights, at most a tenth of those seen; 0: none "
        "(paper).",
        minimum=0,
    )
    flip: bool = option(False, "Mirror half of the pictures left to right (paper: no).")
    labels: str = option("", "Label column to condition both networks on, such as `class`.")
    held_out: float = option(
        0.05,
        "Share of the pictures, from 8 to 1,000, never trained on: they show whether D learns the "
        "others by heart (paper: none).",
        minimum=0,
        maximum=0.5,
    )
    rollbacks: int = option(
        3,
        "How often a run that collapsed may go back to where it was sound, with half the step "
        "size and other noise (paper: never).",
        minimum=0,
    )
    patience: int = option(
        0, "Stop after so many pictures without a smaller distance; 0: never.", minimum=0
    )
    seed: int = option(42, "Start of all randomness (authors' code: 42).", minimum=0)
    precision: Literal["auto", "float32", "bfloat16"] = option(
        "auto", "Arithmetic; auto: bfloat16 where the chip has it natively."
    )
    device: str = option("auto", "cpu, cuda, mps or xpu; auto: the best there is.")
    log_interval: int = option(1_280, "Pictures between lines of log.jsonl.", minimum=1)
    watch_interval: int = option(12_800, "Pictures between looks at how the run does.", minimum=1)
    sheet_interval: int = option(
        12_800, "Pictures between sample sheets (100 batches of 128).", minimum=1
    )
    checkpoint_interval: int = option(
        25_600, "Pictures between checkpoints; the last three stay.", minimum=1
    )
    keep_interval: int = option(
        256_000, "Pictures between checkpoints that are kept for good.", minimum=1
    )

    def __post_init__(self) -> None:
        _check_options(self)
        if self.batch == 1:
            raise DCGANError("`batch` (=1) must be 0 or at least 2: one picture has no statistics.")
        parts = GROWTH[0] if self.grow_batch else 1
        if self.batch and (self.batch % parts or self.batch < 2 * parts):
            raise DCGANError(
                f"`batch` (={self.batch}) must be a multiple of {parts}, and at least {2 * parts}, "
                f"with `grow_batch`: it begins with one of {parts} parts. Or leave that out."
            )

    def batch_at(self, images_seen: int) -> int:
        """Pictures of a step when so many have been seen, once the batch is known.

        Few give more steps while each teaches much, many less noise later (docs/ablations.md).
        """
        if not self.grow_batch:
            return self.batch
        return self.batch // next(GROWTH[n] for n in reversed(GROWTH) if images_seen >= n)

    def falls_from(self) -> float:
        """The number of pictures from which on the step size falls."""
        return self.images * (1 - self.decay_share)

    def fitted(self, size: Size) -> "TrainConfig":
        """A copy with what was left open chosen for pictures of this size.

        What served pictures of 32x32 best was the worst for faces of 64x64 (docs/ablations.md).
        """
        is_small = size.height * size.width <= SMALL
        penalty, grows = self.gradient_penalty, self.grow_batch
        if penalty is None:
            penalty = 3e-4 if is_small else 0.0
        if grows is None:
            grows = not self.batch
        return dataclasses.replace(
            self,
            batch=self.batch or (32 if is_small and not grows else 64),
            grow_batch=grows,
            gradient_penalty=penalty,
            augment=("shift" if is_small else "none") if self.augment == "auto" else self.augment,
        )


AMENDABLE = frozenset(
    "images passes rollbacks patience precision device "
    "log_interval watch_interval sheet_interval checkpoint_interval keep_interval".split()
)
"""The options that may change when a run goes on: they say how long, where and how often."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """All options of a run, by subject."""

    pack: PackConfig = field(default_factory=PackConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    train: TrainConfig = field(default_factory=TrainConfig)

    def replaced(self, **options: object) -> "Config":
        """A copy with some options changed; the networks follow the pictures' size and channels.

        Raises:
            DCGANError: there is no such option, or a value is not allowed.
        """
        refuse_unknown(options, OPTIONS)
        parts = {
            group: dataclasses.replace(
                getattr(self, group),
                **_typed(kind, {n: v for n, v in options.items() if OPTIONS[n].group == group}),
            )
            for group, kind in GROUPS.items()
        }
        pack, network = parts["pack"], parts["network"]
        parts["network"] = dataclasses.replace(
            network, size=pack.size or network.size, channels=pack.channels or network.channels
        )
        return Config(**parts)

    def fitted(self, size: Size, channels: int, classes: int) -> "Config":
        """A copy that fits pictures of this size, channels and number of classes."""
        network = dataclasses.replace(self.network, size=size, channels=channels, classes=classes)
        return dataclasses.replace(self, network=network, train=self.train.fitted(size))

    def to_json(self) -> str:
        """The text of a `config.json`."""
        return json.dumps(plain(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str, origin: object) -> "Config":
        """Reads what `to_json` wrote.

        Args:
            text: the JSON.
            origin: where it stood, for the error's sentence.

        Raises:
            DCGANError: it is not such a text, or holds what no config has.
        """
        try:
            groups = _read_groups(text, origin)
            if groups.get("train", {}).get("batch"):
                groups["train"].setdefault("grow_batch", False)  # no batch grew before it was there
            return cls(**{group: from_plain(GROUPS[group], part) for group, part in groups.items()})
        except DCGANError as error:
            raise DCGANError(f"{origin} holds no valid config: {error}") from error


GROUPS: dict[str, Any] = {"pack": PackConfig, "network": NetworkConfig, "train": TrainConfig}


class Option(NamedTuple):
    """An option as the command line needs it: where it belongs, its type, default and help."""

    group: str
    kind: Any
    default: Any
    help: str


def options_of(group: str, kind: Any) -> dict[str, Option]:
    """The options among a dataclass's fields by their names, in order."""
    hints = get_type_hints(kind)
    return {
        item.name: Option(group, hints[item.name], item.default, item.metadata["help"])
        for item in dataclasses.fields(kind)
        if "help" in item.metadata
    }


OPTIONS: dict[str, Option] = {
    name: found for group, kind in GROUPS.items() for name, found in options_of(group, kind).items()
}
"""Every option by its name, in the order in which they are written above."""


def read_options(path: Path) -> dict[str, object]:
    """The options in a JSON file: a run's `config.json`, or any part of one.

    Facts that were found in some run's pictures are left out.

    Raises:
        DCGANError: there is no such file, or it is not of that form.
    """
    try:
        text = path.read_text(encoding="utf8")
    except (OSError, UnicodeDecodeError) as error:
        raise DCGANError(f"Cannot read the config {path}: {error}.") from error
    found: dict[str, object] = {}
    for group, part in _read_groups(text, path).items():
        refuse_unknown(part, [item.name for item in dataclasses.fields(GROUPS[group])])
        found |= {n: v for n, v in part.items() if n in OPTIONS and OPTIONS[n].group == group}
    return found


def plain(config: Any) -> Any:
    """A config in JSON's own types; a size becomes a text like `64`."""
    if dataclasses.is_dataclass(config):
        return {item.name: plain(getattr(config, item.name)) for item in dataclasses.fields(config)}
    return str(config) if isinstance(config, Size) else config


def from_plain(kind: Any, values: Mapping[str, object]) -> Any:
    """The config of this kind that `plain` took apart.

    Raises:
        DCGANError: a name or a value is not allowed.
    """
    refuse_unknown(values, [item.name for item in dataclasses.fields(kind)])
    return kind(**_typed(kind, values))


def refuse_unknown(names: Iterable[str], known: Collection[str]) -> None:
    """Raises a DCGANError that names the first unknown option and the one probably meant."""
    for name in names:
        if name not in known:
            raise DCGANError(f"There is no option `{name}`. {did_you_mean(name, known)}")


def differences(old: Config, new: Config) -> list[str]:
    """The options that may not change within a run and differ, as `width 64 -> 32`."""
    before, after = plain(old), plain(new)
    return [
        f"{name} {before[group][name]} -> {after[group][name]}"
        for name, (group, *_) in OPTIONS.items()
        if name not in AMENDABLE and before[group][name] != after[group][name]
    ]


def _read_groups(text: str, origin: object) -> dict[str, dict[str, object]]:
    """Parses a JSON object of groups, each an object of options."""
    try:
        groups = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise DCGANError(f"{origin} is not JSON: {error}.") from error
    if not isinstance(groups, dict) or not all(isinstance(p, dict) for p in groups.values()):
        raise DCGANError(f'{origin} must hold objects like {{"train": {{"batch": 64}}}}.')
    refuse_unknown(groups, GROUPS)
    return groups


def _typed(kind: Any, values: Mapping[str, object]) -> dict[str, Any]:
    """The values, with sizes made from their texts."""
    sizes = {name for name, hint in get_type_hints(kind).items() if hint in (Size, Size | None)}
    return {n: Size.of(v) if n in sizes and v is not None else v for n, v in values.items()}


def _check_options(config: Any) -> None:
    """Refuses values of another type, out of range, or not among the choices."""
    hints = get_type_hints(type(config))
    for item in dataclasses.fields(config):
        value, hint = getattr(config, item.name), hints[item.name]
        if get_origin(hint) is Literal:
            if value not in get_args(hint):
                words = did_you_mean(str(value), get_args(hint))
                raise DCGANError(f"`{item.name}` cannot be {value!r}. {words}")
            continue
        kinds = get_args(hint) or (hint,)
        if type(value) not in kinds and not (type(value) is int and float in kinds):
            names = " or ".join(k.__name__ for k in kinds if k is not type(None))
            raise DCGANError(f"`{item.name}` (={value!r}) must be of type {names}.")
        if value is not None:
            _check_range(
                item.name, value, item.metadata.get("minimum"), item.metadata.get("maximum")
            )


def _check_range(name: str, value: Any, minimum: float | None, maximum: float | None) -> None:
    if minimum is not None and not minimum <= value < math.inf:
        raise DCGANError(f"`{name}` (={value}) must be at least {minimum}, and finite.")
    if maximum is not None and value > maximum:
        raise DCGANError(f"`{name}` (={value}) must be at most {maximum}.")
