"""Which latents are meant: those of seeds, or those in a file; and the pictures that they give."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dcgan.config import NetworkConfig
from dcgan.errors import DCGANError, did_you_mean
from dcgan.log import progress
from dcgan.model import Model
from dcgan.sample import SAMPLE_BATCH, draw, latents_of, parse_seeds
from dcgan.tensors import Latents, Pixels

Given: TypeAlias = str | Path | Sequence[int] | NDArray[Any] | Tensor
"""Seeds, as numbers or as `0-63`; or latents (N, latent_dim), or the `.npy` file of such."""


class Points(NamedTuple):
    """Latents, and what each is called in a caption."""

    z: Latents
    names: list[str]


def points(given: Given, config: NetworkConfig, name: str) -> Points:
    """The latents that are meant, one at least.

    Args:
        given: seeds or latents.
        config: of the networks that take them.
        name: what the user calls the option or argument, for errors.

    Raises:
        DCGANError: the seeds or the file cannot be read, the latents are of another length than
            this model's, or there are none.
    """
    if isinstance(given, str) and not given.endswith(".npy"):
        given = seeds_in(given, name)
    where = f"{given}" if isinstance(given, str | Path) else name
    array = read_array(Path(given)) if isinstance(given, str | Path) else as_array(given)
    if not len(array):
        raise DCGANError(f"{name} names no latent; give one seed at least, such as 0 or 0-8.")
    if array.ndim == 1 and np.issubdtype(array.dtype, np.integer):
        seeds = array.tolist()
        return Points(latents_of(seeds, config), [f"seed {seed}" for seed in seeds])
    require_latents(array, config, where)
    z = torch.from_numpy(array.astype(np.float32))
    return Points(z, [f"latent {number}" for number in range(len(z))])


def seeds_in(text: str, name: str) -> list[int]:
    """The seeds in a text such as `0-63`, by the name of their option in errors.

    Raises:
        DCGANError: the text is not of this form.
    """
    try:
        return parse_seeds(text)
    except DCGANError as error:
        raise DCGANError(name + str(error).removeprefix("`seeds`")) from error


def read_array(path: Path) -> NDArray[Any]:
    """The array in a `.npy` file, mapped; nothing in it is executed.

    Raises:
        DCGANError: there is no such file, or it holds no array.
    """
    path = path.expanduser()
    if not path.is_file():
        raise DCGANError(f"There is no file {path}; latents are seeds, or a .npy file that is.")
    try:
        return as_array(np.load(path, mmap_mode="r", allow_pickle=False))
    except (ValueError, EOFError, OSError, TypeError) as error:
        raise DCGANError(f"{path} is no .npy file, or a damaged one: {error}.") from error


def as_array(given: Any) -> NDArray[Any]:
    """Numbers as an array of one dimension or more, wherever a tensor lies."""
    return np.atleast_1d(given.detach().cpu() if isinstance(given, Tensor) else given)


def require_latents(array: NDArray[Any], config: NetworkConfig, where: str) -> None:
    """Raises a DCGANError unless an array holds latents (N, latent_dim) for these networks."""
    shape = ", ".join(map(str, array.shape))
    if array.ndim != 2 or array.shape[1] != config.latent_dim or array.dtype.kind not in "fiu":
        raise DCGANError(
            f"{where} holds {array.dtype} ({shape}), but latents of this model are float32 "
            f"(N, {config.latent_dim}); give seeds, or latents made with this very model."
        )
    if not np.isfinite(array).all():
        raise DCGANError(f"{where} holds numbers that are not finite; no latent has such.")


def classes_of(model: Model) -> tuple[str, ...]:
    """The names of a model's classes; their numbers where it knows no names."""
    return model.class_names or tuple(map(str, range(model.config.classes)))


def class_of(model: Model, label: str | int | None) -> int | None:
    """The index of the class that is to be drawn; None for a model without classes.

    Raises:
        DCGANError: the model has classes and none was named, or it has none such.
    """
    if label is None and model.config.classes:
        raise DCGANError(
            "This model draws classes, and all latents here belong to one; name it with --class. "
            f"{did_you_mean('', classes_of(model))}"
        )
    return None if label is None else model.class_index(label)


def pictures_of(model: Model, z: Latents, label: str | int | None = None) -> Pixels:
    """The pictures (N, H, W, C) of latents (N, latent_dim), all of one class if there are any.

    Raises:
        DCGANError: as `class_of`.
    """
    chosen = class_of(model, label)
    parts = []
    with progress("Drawing", len(z), unit="pictures") as bar:
        for batch in torch.split(z, SAMPLE_BATCH):
            labels = None if chosen is None else torch.full((len(batch),), chosen)
            parts.append(draw(model.generator, batch, labels))
            bar.update(bar.done + len(batch))
    return torch.cat(parts)
