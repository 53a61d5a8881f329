"""Directions in the space of latents, found and kept by name in a file of their model."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dcgan.errors import DCGANError, did_you_mean
from dcgan.files import make_folder, replacing
from dcgan.latent.axes import Directions, numbered, of_activations, of_groups, of_weights
from dcgan.latent.points import Given, class_of, classes_of
from dcgan.model import Model, opened

FORMAT = "dcgan directions 1"
LARGEST_FILE = 1 << 28
"""Bytes, unpacked; what claims to be larger holds something else."""


def directions(
    model: str | Path | Model,
    file: str | Path,
    *,
    start: Given | None = None,
    end: Given | None = None,
    name: str = "turn",
    pca: int = 0,
    weights: int = 0,
    source: str | Path | None = None,
    wanted: str = "",
    label: str | int | None = None,
    device: str = "auto",
) -> Directions:
    """Finds directions of a model and adds them to a file, for `turn` to go along.

    Those of exemplars lead from one group to the other; all others are three standard deviations
    of the prior long.

    Args:
        model: the model, its file, or a run's folder.
        file: a `.npz` file; directions that are in it stay, unless one has the same name.
        start, end: the groups of exemplars: seeds, latents, or a `.npy` file.
        name: of the direction from one to the other.
        pca: so many principal components of the first layer's activations, `pca1` and on; those of
            a class are called `pca1@CLASS`, as another class has others.
        weights: so many inputs that the first layer's weights stretch most, `weights1` and on.
        source: labelled pictures.
        wanted: values of its label columns, as for `find`; each gives a direction of that name,
            such as `smile=yes`.
        label: the class whose activations are looked at, for a conditional model.
        device: cpu, cuda, mps or xpu; auto: the best there is.

    Returns:
        All that are in the file now.

    Raises:
        DCGANError: there is no such model, source, column, value or device, the file is of another
            model, or cannot be written, or nothing was asked for.
    """
    loaded, path = opened(model, device), Path(file).expanduser()
    require_directions_file(path)
    before = load_directions(path, loaded) if path.exists() else {}
    added: Directions = {}
    if start is not None or end is not None:
        require_name(name)
        added[name] = of_groups(loaded.config, start, end)
    if weights:
        added |= numbered("weights", of_weights(loaded, weights))
    if pca:
        index = class_of(loaded, label)
        place = "" if index is None else f"@{classes_of(loaded)[index]}"
        added |= numbered("pca", of_activations(loaded, pca, label), place)
    if wanted or source is not None:
        # The classifiers stand on scikit-learn, which nothing else here needs.
        from dcgan.latent.boundary import of_labels

        added |= of_labels(loaded, source, wanted, device)
    if not added:
        raise DCGANError(
            "No direction was asked for: give exemplars (--from and --to), --pca, --weights, or "
            "--source and --labels."
        )
    save_directions(before | added, loaded, path)
    return before | added


def require_name(name: str) -> None:
    """Raises a DCGANError unless a direction can be called so."""
    if not name.strip():
        raise DCGANError(f"A direction's `name` (={name}) must be a word.")


def require_directions_file(path: Path) -> None:
    """Raises a DCGANError, before the work, if directions cannot be written to this file."""
    if path.suffix != ".npz" or path.is_dir():
        raise DCGANError(f"The file for directions, {path}, must end in .npz, as directions.npz.")
    make_folder(path.absolute().parent)


def save_directions(found: Mapping[str, Tensor], model: Model, path: Path) -> None:
    """Writes directions and the digest of their model, whole or not at all.

    Raises:
        DCGANError: they cannot be written.
    """
    content = io.BytesIO()
    np.savez(
        content,
        format=np.array(FORMAT),
        model=np.array(model.digest()),
        names=np.array(list(found)),
        vectors=np.stack([direction.numpy() for direction in found.values()]),
    )
    with replacing(path) as file:
        file.write(content.getvalue())


def load_directions(path: Path, model: Model) -> Directions:
    """The directions in a file. Nothing in it is ever executed.

    Raises:
        DCGANError: there is no such file, it is damaged, or it is of another model.
    """
    if path.suffix != ".npz":
        raise DCGANError(f"{path} is no directions file; such a file ends in .npz.")
    if not path.is_file():
        raise DCGANError(
            f"There is no file {path}. Make one: dcgan directions MODEL {path} --pca 5"
        )
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(info.file_size for info in archive.infolist()) > LARGEST_FILE:
                raise ValueError("it is far too large")
        with np.load(path, allow_pickle=False) as arrays:
            if str(arrays["format"]) != FORMAT:
                raise ValueError("it is of another format")
            digest, names = str(arrays["model"]), [str(name) for name in arrays["names"]]
            vectors = torch.from_numpy(arrays["vectors"].astype(np.float32))
        if digest == model.digest() and vectors.shape != (len(names), model.config.latent_dim):
            raise ValueError(f"its directions have the shape {tuple(vectors.shape)}")
    except (ValueError, KeyError, TypeError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise DCGANError(f"{path} is no directions file, or a damaged one: {error}.") from error
    if digest != model.digest():
        raise DCGANError(
            f"{path} holds directions of another model (its digest begins {digest[:8]}, this "
            f"model's {model.digest()[:8]}); a direction means nothing elsewhere."
        )
    return dict(zip(names, vectors, strict=True))


def named_directions(place: str | Path, model: Model) -> Directions:
    """Directions at `FILE:NAME`, one, or at `FILE`, all of them.

    Raises:
        DCGANError: as `load_directions`, or there is none of this name.
    """
    head, ending, name = str(place).partition(".npz:")
    path = Path(head + ending.removesuffix(":")).expanduser()
    found = load_directions(path, model)
    if not ending:
        return found
    if name not in found:
        raise DCGANError(f"{path} has no direction {name!r}. {did_you_mean(name, found)}")
    return {name: found[name]}
