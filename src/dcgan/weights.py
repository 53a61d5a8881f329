"""Networks in safetensors files: the weights, and in the header what is needed to build them."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from dcgan.errors import DCGANError
from dcgan.files import make_folder, replacing

T = TypeVar("T")
Header = Mapping[str, str]
Networks = Mapping[str, nn.Module]


def save_weights(path: str | Path, header: Header, networks: Networks) -> None:
    """Writes networks by their names with a header, whole or not at all.

    Raises:
        DCGANError: it cannot be written.
    """
    tensors = tensors_of(networks)
    with replacing(Path(path).expanduser()) as file:
        file.write(save(tensors, metadata={**header, "digest": digest_of(tensors)}))


def load_weights(
    path: str | Path, noun: str, format: str, build: Callable[[Header], tuple[T, Networks]]
) -> T:
    """Reads what `save_weights` wrote; nothing in the file is ever executed.

    Args:
        path: the file, which must exist.
        noun: what such a file holds, for the error's sentence.
        format: what the header's `format` must be.
        build: makes of a header what is asked for, and its networks, best without memory (a hostile
            header can claim any size); these are then filled, for use and not for training.

    Raises:
        DCGANError: the file is damaged, or holds something else.
    """
    path = Path(path).expanduser()
    try:
        with safe_open(str(path), framework="pt") as file:
            header = file.metadata() or {}
            if header.get("format") != format:
                raise DCGANError(
                    f"{path} is a safetensors file, but no {noun} of this package "
                    f"(its format is {header.get('format')!r}, not {format!r})."
                )
            made, networks = build(header)
            shapes = {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118
            expected = {
                f"{name}.{key}": tuple(tensor.shape)
                for name, network in networks.items()
                for key, tensor in network.state_dict().items()
            }
            _require_shapes(expected, shapes)
            tensors = {key: file.get_tensor(key) for key in expected}
            if digest_of(tensors) != header["digest"]:
                raise ValueError("its numbers have another SHA-256 than when they were written")
            for name, network in networks.items():
                keys = [key for key in expected if key.startswith(f"{name}.")]
                state = {key.removeprefix(f"{name}."): tensors[key] for key in keys}
                network.load_state_dict(state, assign=True)
                network.eval().requires_grad_(False)
    except (
        SafetensorError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        RuntimeError,
        OSError,
    ) as error:
        if isinstance(error, DCGANError) and str(path) in str(error):
            raise
        raise DCGANError(
            f"{path} is no {noun} file, or a damaged one: {str(error).rstrip('.')}."
        ) from error
    return made


def tensors_of(networks: Networks) -> dict[str, Tensor]:
    """All numbers of networks by the names that they have in a file."""
    return {
        f"{name}.{key}": tensor.detach().cpu().contiguous()
        for name, network in networks.items()
        for key, tensor in network.state_dict().items()
    }


def require_replaceable(path: Path, noun: str, load: Callable[[Path], object]) -> None:
    """Refuses, before the work, a file for weights that should not be written.

    Args:
        path: the file.
        noun: what it is to hold, for the error's sentence.
        load: reads such a file; one that it can read may be replaced.

    Raises:
        DCGANError: it is a folder, something else stands there, or its folder cannot be written in.
    """
    if path.is_dir():
        raise DCGANError(f"{path} is a folder; give a file in it: {path / f'{noun}.safetensors'}.")
    if path.exists():
        try:
            load(path)
        except DCGANError as error:
            raise DCGANError(
                f"{path} is there already and is no {noun}; give the name of a new file."
            ) from error
    make_folder(path.absolute().parent)


def digest_of(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over all numbers, in the order of their names."""
    digest = hashlib.sha256()
    for key in sorted(tensors):
        digest.update(tensors[key].contiguous().numpy().data)
    return digest.hexdigest()


def _require_shapes(
    expected: dict[str, tuple[int, ...]], found: dict[str, tuple[int, ...]]
) -> None:
    for names, what in (
        (expected.keys() - found.keys(), "missing"),
        (found.keys() - expected.keys(), "unknown"),
    ):
        if names:
            raise ValueError(f"{min(names)} is {what}")
    for key, shape in expected.items():
        if found[key] != shape:
            raise ValueError(f"{key} has the shape {found[key]}, not {shape}")
