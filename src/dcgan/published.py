"""The authors' published Theano parameters as a model file.

They lie in folders of github.com/Newmu/dcgan_code. For each network there is a list, a pickle that
joblib wrote under Python 2, and beside it the arrays that it names in the order of the layers:
weights, then batch norm's gain and shift. Batch norm's statistics were never kept.
"""

import io
import math
import pickle
import pickletools
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import torch
from numpy.lib.format import open_memmap
from numpy.typing import NDArray
from torch import Tensor

from dcgan.config import NetworkConfig
from dcgan.data.loader import Loader, derive
from dcgan.data.packing import matching_pack
from dcgan.data.readers.items import reading
from dcgan.data.sources import require_outside
from dcgan.errors import DCGANError
from dcgan.log import Bar, logger, progress
from dcgan.model import (
    CALIBRATION_BATCH,
    CALIBRATION_BATCHES,
    Model,
    calibrate,
    latents_to_measure,
    load,
    pictures_to_measure,
)
from dcgan.networks import Discriminator, Generator
from dcgan.size import Size
from dcgan.tensors import Images, Labels
from dcgan.weights import require_replaceable

LISTS = {"generator": "*gen_params.jl", "discriminator": "*discrim_params.jl"}
ADMITTED = {("sklearn.externals.joblib.numpy_pickle", "NDArrayWrapper"), ("numpy", "ndarray")}
"""The only names that a list may ask for; they are never looked up."""
OPCODES = frozenset(
    "PROTO EMPTY_LIST EMPTY_TUPLE EMPTY_DICT MARK GLOBAL NEWOBJ BUILD NEWTRUE NEWFALSE "
    "SHORT_BINSTRING SETITEM SETITEMS APPEND APPENDS BINPUT BINGET STOP".split()
)
"""All that a list consists of. No call is among them, and nothing that claims memory."""
ARRAY_NAME = re.compile(r"[\w-][\w.-]*\.npy")
SEED = 42

Arrays = dict[Path, NDArray[np.float32]]
"""A network's arrays by their files, in the order of its layers."""
Batch = TypeVar("Batch", bound=tuple[Tensor | None, ...])


def import_published(
    folder: str | Path,
    file: str | Path,
    *,
    prior: Literal["uniform", "normal"] = "uniform",
    pictures: str | Path | None = None,
) -> Model:
    """Makes a model file of the parameters that the paper's authors published.

    The networks' shape is inferred from the arrays: those of the paper without classes, at any
    square size. The statistics that a model stores are measured anew: the generator's over latents,
    the discriminator's over pictures.

    Args:
        folder: the lists `*gen_params.jl` and `*discrim_params.jl`, and the arrays that they name.
        file: the model's file; a new one, or a model to replace.
        prior: the law of the latents, of which the arrays say nothing: normal for the authors'
            SVHN networks, uniform for all others.
        pictures: a source of real pictures, best of the kind that the networks were trained on.
            Without it the discriminator's statistics are those of the generator's own pictures.

    Raises:
        DCGANError: the folder lacks something, holds something else, or networks of another kind;
            there are no such pictures; or the file cannot be written, or is none of a model.
    """
    folder, file = Path(folder).expanduser(), Path(file).expanduser()
    require_replaceable(file, "model", load)
    if pictures is not None:
        require_outside(pictures, file)
    generator, discriminator = read_networks(folder, prior)
    notes = {"source": f"unknown pictures, published as {folder.absolute().name}"}
    model = Model(generator, discriminator, notes=notes).to("cpu")
    measure(model, pictures)
    model.save(file)
    return model


def read_networks(
    folder: Path, prior: Literal["uniform", "normal"]
) -> tuple[Generator, Discriminator]:
    """Both networks of a folder, without batch norm's statistics.

    Raises:
        DCGANError: as `import_published`.
    """
    lists = {network: find_list(folder, network) for network in LISTS}
    files = {network: read_list(path) for network, path in lists.items()}
    require_all(folder, [file for part in files.values() for file in part])
    for network, path in lists.items():
        require_no_others(path, files[network])
    g, d = ({file: read_array(file) for file in part} for part in files.values())
    config = config_of(g, lists["generator"], prior)
    with torch.device("meta"):  # whatever size the arrays suggest, nothing is allocated yet
        generator, discriminator = Generator(config), Discriminator(config)
    fill(generator, g, lists["generator"])
    fill(discriminator, d, lists["discriminator"])
    return generator, discriminator


def find_list(folder: Path, network: str) -> Path:
    """The list of a network's arrays.

    Raises:
        DCGANError: there is none, or there are several.
    """
    if not folder.is_dir():
        raise DCGANError(f"There is no folder {folder}.")
    found = sorted(folder.glob(LISTS[network]))
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise DCGANError(
            f"{folder} must hold one list {LISTS[network]}, which names the {network}'s arrays, "
            f"and holds {names}."
        )
    return found[0]


class _Listed:
    """Stands for whatever a list asks for, and takes the attributes that the list gives it."""


class _ListUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ADMITTED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return _Listed


def read_list(path: Path) -> list[Path]:
    """The files that a list names. Nothing in it is ever executed.

    Raises:
        DCGANError: it is no such list, or names anything but arrays in its own folder.
    """
    with reading(path):
        data = path.read_bytes()
    try:
        for opcode, _, _ in pickletools.genops(data):
            if opcode.name not in OPCODES:
                raise pickle.UnpicklingError(f"it uses {opcode.name}")
        listed = _ListUnpickler(io.BytesIO(data), encoding="latin1").load()
        names = [vars(item).get("filename") for item in listed]
    except Exception as error:  # a damaged pickle raises all sorts
        raise DCGANError(
            f"{path} is no list of arrays as joblib wrote them in 2016 ({error}); such files could "
            "run code, so nothing else is read."
        ) from error
    for name in names:
        if not isinstance(name, str) or not ARRAY_NAME.fullmatch(name):
            raise DCGANError(
                f"{path} names {name!r}; only arrays in its own folder are read, by plain names "
                f"such as {path.name}_01.npy."
            )
    return [path.parent / str(name) for name in names]


def require_all(folder: Path, files: list[Path]) -> None:
    """Raises a DCGANError that names all the arrays that are missing, if any are."""
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        raise DCGANError(
            f"{folder} lacks {len(missing)} of the {len(files)} arrays that its lists name: "
            f"{', '.join(missing)}. Get them too; without them the networks are not whole."
        )


def require_no_others(path: Path, files: list[Path]) -> None:
    """Raises a DCGANError that names the arrays of a list's name that it does not name, if any."""
    others = sorted(
        file.name
        for file in path.parent.glob("*.npy")
        if file.name.startswith(f"{path.name}_") and file not in files
    )
    if others:
        raise DCGANError(
            f"{path} does not name {', '.join(others)}, which lie beside it: a list and arrays of "
            "two networks. Take away what does not belong together."
        )


def read_array(path: Path) -> NDArray[np.float32]:
    """The numbers in a `.npy` file.

    Raises:
        DCGANError: it is damaged, or holds anything but finite float32.
    """
    with reading(path):  # mapped, so that a header that lies takes no memory
        array: NDArray[Any] = np.array(open_memmap(path, mode="r"))
    if array.dtype != np.float32:
        raise DCGANError(f"{path} holds {array.dtype} numbers; the published ones are float32.")
    if not np.isfinite(array).all():
        raise DCGANError(f"{path} holds numbers that are not finite. Get it again.")
    return array


def config_of(arrays: Arrays, path: Path, prior: Literal["uniform", "normal"]) -> NetworkConfig:
    """The shape of the networks whose generator has these arrays, listed in the file `path`.

    Raises:
        DCGANError: it is none of the paper's.
    """
    shapes = [array.shape for array in arrays.values()]
    kernels = [shape for shape in shapes if len(shape) == 4]
    if not kernels or len(shapes[0]) != 2:
        raise DCGANError(
            f"{path} does not name a generator's arrays: first a dense layer's (latents, units), "
            f"then kernels (maps in, maps out, side, side); it names {shapes[:3]} ..."
        )
    (latent_dim, units), first, last = shapes[0], kernels[0], kernels[-1]
    # With two convolutions at a resolution, the one that doubles the side keeps the maps.
    convolutions = 2 if first[0] == first[1] else 1
    side = math.isqrt(units // first[0]) << (len(kernels) // convolutions)
    try:
        return NetworkConfig(
            size=Size(side, side),
            channels=last[1],
            width=last[0],
            kernel_size=last[2],
            convolutions=convolutions,
            latent_dim=latent_dim,
            prior=prior,
            affine=any(len(shape) == 1 for shape in shapes),
            input_bias=False,
        )
    except DCGANError as error:
        raise DCGANError(f"{path} names no generator that could be built: {error}") from error


@torch.no_grad()
def fill(network: Generator | Discriminator, arrays: Arrays, path: Path) -> None:
    """Gives a network without memory its parameters, listed in the file `path`; not to train on.

    Raises:
        DCGANError: there are more or fewer than it has, or one has another shape.
    """
    config, parameters = network.config, dict(network.named_parameters())
    described = (
        f"a {type(network).__name__.lower()} of {config.size.grid} with {config.width} maps "
        "next to the picture"
    )
    if len(arrays) != len(parameters):
        raise DCGANError(
            f"{path} names {len(arrays)} different arrays, but {described} has {len(parameters)}."
        )
    for (file, array), (name, parameter) in zip(arrays.items(), parameters.items(), strict=True):
        expected = tuple(parameter.shape)[:: -1 if parameter.dim() == 2 else 1]
        if array.shape != expected:
            raise DCGANError(
                f"{file} has the shape {array.shape}; {name} of {described} has {expected}."
            )
    network.to_empty(device="cpu")
    for array, parameter in zip(arrays.values(), network.parameters(), strict=True):
        parameter.copy_(to_torch(array))
    network.requires_grad_(False)


def to_torch(array: NDArray[np.float32]) -> Tensor:
    """A parameter as PyTorch has it.

    Dense weights are (in, out) there and (out, in) here. Kernels, (out, in, side, side) in the
    discriminator and (in, out, side, side) in the generator as here, are turned by 180 degrees:
    Theano convolves where PyTorch correlates.
    """
    tensor = torch.from_numpy(array)
    if tensor.dim() == 4:
        return tensor.flip(2, 3)
    return tensor.T if tensor.dim() == 2 else tensor


def measure(model: Model, pictures: str | Path | None) -> None:
    """Stores batch norm's statistics in both networks, which come without any.

    Args:
        model: whose networks are measured.
        pictures: the source of real pictures for the discriminator; without it, it is shown the
            generator's own.

    Raises:
        DCGANError: there is no such source.
    """
    generator, config = model.generator, model.config
    rng = torch.Generator().manual_seed(derive(SEED, "calibration", 0))
    shown: Iterator[tuple[Images, Labels | None]]
    if pictures is None:
        logger.warning(
            "The discriminator's stored statistics are those of the generator's own pictures; give "
            "--pictures SOURCE to measure them on real ones."
        )
        shown = ((generator(z), None) for z, _ in latents_to_measure(config, rng))
        model.notes["statistics"] = "the generator's own pictures"
    else:
        pack = matching_pack(pictures, model.reading)
        shown = pictures_to_measure(Loader(pack, CALIBRATION_BATCH, SEED), rng.device)
        model.notes["statistics"] = f"{pack.info.name}, digest {pack.info.digest}"
    total = 2 * CALIBRATION_BATCHES * CALIBRATION_BATCH
    with progress("Measuring batch norm's statistics", total, unit="pictures") as bar:
        calibrate(generator, counted(latents_to_measure(config, rng), bar))
        calibrate(model.discriminator, counted(shown, bar))


def counted(batches: Iterable[Batch], bar: Bar) -> Iterator[Batch]:
    """The same batches; the bar says when each is done."""
    for batch in batches:
        yield batch
        bar.update(bar.done + CALIBRATION_BATCH)
