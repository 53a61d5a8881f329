"""Latents and directions kept by name in a file, with the digest of the model that they are of."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dcgan.errors import DCGANError
from dcgan.files import replacing
from dcgan.model import Model
from dcgan.tensors import Latents

ENDING = ".npz"
LARGEST_FILE = 1 << 28
"""Bytes, unpacked; what claims to be larger holds something else."""


class Kept(NamedTuple):
    """What such a file holds."""

    model: str
    """The digest of the model that it is of."""
    names: list[str]
    vectors: Latents
    """(N, latent_dim), one for each name."""


def save_kept(path: Path, noun: str, names: list[str], vectors: Latents, model: Model) -> None:
    """Writes vectors, their names and the digest of their model, whole or not at all.

    Args:
        path: the file, which ends in `.npz`.
        noun: what they are, `latents` or `directions`.
        names: what each is called.
        vectors: (N, latent_dim).
        model: the one that they are of.

    Raises:
        DCGANError: they cannot be written.
    """
    content = io.BytesIO()
    np.savez(
        content,
        format=np.array(format_of(noun)),
        model=np.array(model.digest()),
        names=np.array(names),
        vectors=vectors.numpy(),
    )
    with replacing(path) as file:
        file.write(content.getvalue())


def load_kept(path: Path, noun: str, model: Model) -> Kept:
    """What `save_kept` wrote of the same model; nothing in the file is executed.

    Raises:
        DCGANError: it is damaged, holds something else, or is of another model.
    """
    found, digest = read_kept(path, noun), model.digest()
    if found.model != digest:
        raise DCGANError(
            f"{path} holds {noun} of another model (its digest begins {found.model[:8]}, this "
            f"model's {digest[:8]}); they mean nothing elsewhere, so make them anew with this one."
        )
    if found.vectors.shape[1] != model.config.latent_dim:
        raise damaged(path, noun, f"its {noun} have the shape {tuple(found.vectors.shape)}")
    return found


def read_kept(path: Path, noun: str) -> Kept:
    """What `save_kept` wrote, of whatever model.

    Raises:
        DCGANError: it is damaged, or holds something else.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(info.file_size for info in archive.infolist()) > LARGEST_FILE:
                raise ValueError("it is far too large")
        with np.load(path, allow_pickle=False) as arrays:
            return kept_in(arrays, noun)
    except (ValueError, KeyError, TypeError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise damaged(path, noun, str(error)) from error


def kept_in(arrays: Mapping[str, NDArray[Any]], noun: str) -> Kept:
    """What the arrays of such a file say.

    Raises:
        KeyError, TypeError, ValueError: they are none of such a file.
    """
    if str(arrays["format"]) != format_of(noun):
        raise ValueError(f"its format is {str(arrays['format'])!r}")
    names, vectors = [str(name) for name in arrays["names"]], in_floats(arrays["vectors"])
    if vectors.ndim != 2 or len(vectors) != len(names):
        raise ValueError(f"its {noun} have the shape {tuple(vectors.shape)}")
    if not vectors.isfinite().all():
        raise ValueError("its numbers are not finite")
    return Kept(str(arrays["model"]), names, vectors)


def in_floats(array: NDArray[Any]) -> Tensor:
    """Numbers as float32; those too large for it become infinite."""
    with np.errstate(over="ignore"):
        return torch.from_numpy(array.astype(np.float32))


def format_of(noun: str) -> str:
    """What such a file says of itself."""
    return f"dcgan {noun} 1"


def damaged(path: Path, noun: str, reason: str) -> DCGANError:
    """The sentence for a file that is not what it should be."""
    return DCGANError(f"{path} is no {noun} file, or a damaged one: {reason}.")
