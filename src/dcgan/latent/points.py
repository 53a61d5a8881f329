"""Which latents are meant: those of seeds, or those in files; and the pictures that they give."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dcgan.captions import shortened
from dcgan.config import NetworkConfig
from dcgan.errors import DCGANError, did_you_mean
from dcgan.latent.kept import ENDING, in_floats, load_kept
from dcgan.log import progress
from dcgan.model import Model
from dcgan.sample import SAMPLE_BATCH, draw, latents_of, parse_seeds
from dcgan.tensors import Labels, Latents, Pixels

Given: TypeAlias = str | Path | Sequence[int | str | Path] | NDArray[Any] | Tensor
"""Seeds, as numbers or as `0-63`; latents (N, latent_dim); or files of latents: `.npz`, which
`invert` makes, or `.npy`. Lists may hold both seeds and files, as `3,me.npz`."""

Part: TypeAlias = list[int] | Path | NDArray[Any]
"""Of what was given: seeds, a file, or an array."""

FILES = (ENDING, ".npy")


class Points(NamedTuple):
    """Latents, and what each is called in a caption."""

    z: Latents
    names: list[str]


def points(given: Given, model: Model, name: str) -> Points:
    """The latents that are meant, one at least.

    Args:
        given: seeds or latents.
        model: that shall draw them.
        name: what the user calls the option or argument, for errors.

    Raises:
        DCGANError: the seeds or a file cannot be read, the latents are those of another model, or
            there are none.
    """
    found = [points_of(part, model, name) for part in parts_of(given, name)]
    if not any(part.names for part in found):
        raise DCGANError(f"{name} names no latent; give one seed at least, such as 0 or 0-8.")
    return Points(torch.cat([part.z for part in found]), [n for part in found for n in part.names])


def parts_of(given: Given, name: str) -> list[Part]:
    """Seeds, files and arrays in the order in which they were given.

    Raises:
        DCGANError: a text has another form, or numbers are no array.
    """
    if isinstance(given, Path):
        return [given]
    if isinstance(given, str):
        return parts_in(given, name)
    if isinstance(given, list | tuple) and any(isinstance(one, str | Path) for one in given):
        return [part for one in given for part in parts_of(one, name)]
    return [as_array(given, name)]


def parts_in(text: str, name: str) -> list[Part]:
    """The seeds and files in a text such as `3,me.npz,5-8`.

    Raises:
        DCGANError: the text has another form.
    """
    if is_file_name(text) and Path(text).expanduser().is_file():
        return [Path(text)]  # though there are commas in its name
    words = [word.strip() for word in text.split(",")]
    if not any(map(is_file_name, words)):
        return [seeds_in(text, name)]
    return [Path(word) if is_file_name(word) else seeds_in(word, name) for word in words]


def is_file_name(text: str) -> bool:
    """Whether a text names a file of latents, not seeds."""
    return text.endswith(FILES)


def points_of(part: Part, model: Model, name: str) -> Points:
    """The latents of seeds, of a file or of an array; there may be none."""
    if isinstance(part, list):
        return of_seeds(part, model.config)
    if not isinstance(part, Path):
        return of_array(part, model.config, name, "latent")
    path = part.expanduser()
    if not path.is_file():
        raise DCGANError(
            f"There is no file {path}; give seeds, such as 0-8, or a .npz or .npy file of latents."
        )
    if path.suffix != ENDING:
        return of_array(read_array(path), model.config, str(path), shortened(path.stem))
    found = load_kept(path, "latents", model)
    return Points(found.vectors, [*map(shortened, found.names)])


def of_seeds(seeds: list[int], config: NetworkConfig) -> Points:
    """The latents of seeds."""
    return Points(latents_of(seeds, config), [f"seed {seed}" for seed in seeds])


def of_array(array: NDArray[Any], config: NetworkConfig, where: str, word: str) -> Points:
    """The latents in an array, or those of its seeds."""
    if not len(array):
        return Points(torch.empty(0, config.latent_dim), [])
    if array.ndim == 1 and np.issubdtype(array.dtype, np.integer):
        return of_seeds(array.tolist(), config)
    return Points(as_latents(array, config, where), [f"{word} {n}" for n in range(len(array))])


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
        DCGANError: it holds no array.
    """
    try:
        return np.atleast_1d(np.load(path, mmap_mode="r", allow_pickle=False))
    except (ValueError, EOFError, OSError, TypeError) as error:
        raise DCGANError(f"{path} is no .npy file, or a damaged one: {error}.") from error


def as_array(given: Any, name: str) -> NDArray[Any]:
    """Numbers as an array of one dimension or more, wherever a tensor lies.

    Raises:
        DCGANError: they are rows of unequal lengths.
    """
    try:
        return np.atleast_1d(given.detach().cpu() if isinstance(given, Tensor) else given)
    except ValueError as error:
        raise DCGANError(
            f"{name} has rows of unequal lengths; give numbers, or rows of one length."
        ) from error


def as_latents(array: NDArray[Any], config: NetworkConfig, where: str) -> Latents:
    """An array as latents (N, latent_dim) for these networks.

    Raises:
        DCGANError: it holds something else, or numbers too large for float32.
    """
    if array.ndim != 2 or array.shape[1] != config.latent_dim or array.dtype.kind not in "fiu":
        shape = ", ".join(map(str, array.shape))
        raise DCGANError(
            f"{where} holds {array.dtype} ({shape}), but latents of this model are float32 "
            f"(N, {config.latent_dim}); give seeds, or latents of this length."
        )
    z = in_floats(array)
    if not z.isfinite().all():
        raise DCGANError(f"{where} holds numbers that are not finite in float32; no latent has.")
    return z


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
            "This model draws classes, and all latents here belong to one; name it with --class "
            f"or `label`. {did_you_mean('', classes_of(model))}"
        )
    return None if label is None else model.class_index(label)


def labels_for(index: int | None, count: int, device: torch.device | str = "cpu") -> Labels | None:
    """One class for so many pictures; None for a model without classes."""
    return None if index is None else torch.full((count,), index, device=device)


def pictures_of(model: Model, z: Latents, label: str | int | None = None) -> Pixels:
    """The pictures (N, H, W, C) of latents (N, latent_dim), all of one class if there are any.

    Raises:
        DCGANError: as `class_of`.
    """
    chosen = class_of(model, label)
    parts = []
    with progress("Drawing", len(z), unit="pictures") as bar:
        for batch in torch.split(z, SAMPLE_BATCH):
            parts.append(draw(model.generator, batch, labels_for(chosen, len(batch))))
            bar.update(bar.done + len(batch))
    return torch.cat(parts)
