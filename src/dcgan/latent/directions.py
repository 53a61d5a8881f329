"""Directions in the space of latents, found and kept by name in a file of their model."""

from pathlib import Path

import torch

from dcgan.errors import DCGANError, did_you_mean
from dcgan.files import make_folder
from dcgan.latent.axes import Directions, numbered, of_activations, of_groups, of_weights
from dcgan.latent.kept import ENDING, load_kept, save_kept
from dcgan.latent.points import Given, class_of, classes_of
from dcgan.model import Model, opened


def directions(
    model: str | Path | Model,
    file: str | Path | None = None,
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
        file: a `.npz` file; directions that are in it stay, unless one has the same name. Without
            it nothing is written.
        start, end: the groups of exemplars: seeds, latents, or files of latents.
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
        All that are in the file now; without a file those that were found.

    Raises:
        DCGANError: there is no such model, source, column, value or device, the file is of another
            model, or cannot be written, or nothing was asked for.
    """
    loaded, path = opened(model, device), None if file is None else Path(file).expanduser()
    before = {} if path is None else directions_before(path, loaded)
    found: Directions = {}
    if start is not None or end is not None:
        require_name(name)
        found[name] = of_groups(loaded, start, end)
    if weights:
        found |= numbered("weights", of_weights(loaded, weights))
    if pca:
        found |= numbered("pca", of_activations(loaded, pca, label), place_of(loaded, label))
    if wanted or source is not None:
        # The classifiers stand on scikit-learn, which nothing else here needs.
        from dcgan.latent.boundary import of_labels

        found |= of_labels(loaded, source, wanted, device)
    if not found:
        raise DCGANError(
            "No direction was asked for: give exemplars (--from and --to, or `start` and `end`), "
            "`pca`, `weights`, or a `source` and its labels (--labels or `wanted`)."
        )
    if path:
        save_directions(before | found, loaded, path)
    return before | found


def require_name(name: str) -> None:
    """Raises a DCGANError unless a direction can be called so."""
    if not name.strip():
        raise DCGANError(f"A direction's `name` (={name}) must be a word.")


def place_of(model: Model, label: str | int | None) -> str:
    """What is added to the names of directions that hold for one class; nothing without classes."""
    index = class_of(model, label)
    return "" if index is None else f"@{classes_of(model)[index]}"


def directions_before(path: Path, model: Model) -> Directions:
    """The directions that stand in a file to which others shall be added.

    Raises:
        DCGANError: directions cannot be written there, or as `load_directions`.
    """
    if path.suffix != ENDING or path.is_dir():
        raise DCGANError(f"The file for directions, {path}, must end in .npz, as directions.npz.")
    make_folder(path.absolute().parent)
    return load_directions(path, model) if path.exists() else {}


def save_directions(found: Directions, model: Model, path: Path) -> None:
    """Writes directions and the digest of their model, whole or not at all.

    Raises:
        DCGANError: they cannot be written.
    """
    save_kept(path, "directions", list(found), torch.stack(list(found.values())), model)


def load_directions(path: Path, model: Model) -> Directions:
    """The directions in a file. Nothing in it is ever executed.

    Raises:
        DCGANError: there is no such file, it is damaged, or it is of another model.
    """
    if path.suffix != ENDING:
        raise DCGANError(f"{path} is no directions file; such a file ends in .npz.")
    if not path.is_file():
        raise DCGANError(f"There is no file {path}; `dcgan directions` makes such files.")
    kept = load_kept(path, "directions", model)
    return dict(zip(kept.names, kept.vectors, strict=True))


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
