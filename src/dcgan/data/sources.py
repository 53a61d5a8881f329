"""The door to all pictures: what a path or a name means is found by looking, not by a flag."""

import hashlib
import os
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from dcgan.data.readers import archives, numpy_files, originals
from dcgan.data.readers.folder import Folder, files_in, is_run
from dcgan.data.readers.hub import PREFIX, Hub
from dcgan.data.readers.items import SPLITS, Item, Source, choose_split, reading
from dcgan.data.readers.lsun import Lmdb, is_lmdb
from dcgan.data.readers.parquet import Parquet
from dcgan.data.worlds import WORLDS, World
from dcgan.errors import DCGANError, did_you_mean
from dcgan.log import logger
from dcgan.size import Size

WORLD_PICTURES = 20_000
SAYS_NOTHING = SPLITS | {"images", "pictures", "data"}
ENDINGS = re.compile(r"(\.(zip|tar|gz|tgz|xz|txz|bz2|tbz2|npy|npz|mat|parquet))+$", re.IGNORECASE)


class Drawing:
    """The first pictures of a drawn world."""

    def __init__(self, world: World, count: int) -> None:
        self.world, self.count = world, count
        self.name, self.columns = world.name, world.columns
        self.description = f"{count:,} drawn pictures: {world.description}"

    def __len__(self) -> int:
        return self.count

    def fingerprint(self, times: bool = True) -> str:
        """A digest of a few small pictures: it changes when the drawing does."""
        pictures, labels = self.world.draw(np.arange(16), 32, 32)
        digest = hashlib.sha256(pictures.tobytes() + labels.tobytes()).hexdigest()
        return f"{self.name} {self.count} {digest}"

    def read(self, indices: Sequence[int], size: Size) -> Iterator[Item]:
        """The pictures, drawn now."""
        pictures, labels = self.world.draw(np.asarray(indices, np.int64), *size)
        for picture, row in zip(pictures, labels, strict=True):
            yield Item(picture, tuple(map(float, row)))

    def picture_name(self, index: int) -> str:
        """The number of the picture."""
        return str(index)


def open_source(place: str | Path) -> Source:
    """The source that a path or a name means, found by looking.

    A folder of pictures; a zip or tar archive, `shards-{000..099}.tar`; a folder or file of LSUN's
    LMDB, Parquet, NumPy, MNIST, CIFAR or SVHN; `hf:owner/set`; a drawn world. `place:split` names
    one split of a set that has several, as `cifar-10-python.tar.gz:test`. What lies on the disk
    wins over a world of the same name.

    Raises:
        DCGANError: there is none, it holds no pictures, or it cannot be read.
    """
    if not str(place):
        raise DCGANError("The name of the source is empty; give a folder, or one of the worlds.")
    where, split = parted(place)
    name = source_name(place)
    if where.startswith(PREFIX):
        return Hub(where, name, split)
    paths = archives.expand(str(Path(where).expanduser()))
    if len(paths) > 1:
        missing = [path for path in paths if not path.is_file()]
        if missing:
            raise DCGANError(f"There is no file {missing[0]}, one of the {len(paths)} of {where}.")
        return archives.Tar(paths, name, split)
    (path,) = paths
    with reading(path):
        is_folder, is_file = path.is_dir(), path.is_file()
    if is_folder:
        return _open_folder(path, name, split)
    if is_file:
        return _open_file(path, name, split)
    if where in WORLDS:
        if split:
            choose_split(where, split, ())
        return Drawing(WORLDS[where], WORLD_PICTURES)
    raise nothing_there(where, path)


def require_outside(place: str | Path, folder: Path) -> None:
    """Raises a DCGANError if a folder to write in lies within a source, which is never changed."""
    source = Path(parted(place)[0]).expanduser()
    if source.is_dir() and folder.resolve().is_relative_to(source.resolve()):
        raise DCGANError(
            f"The folder to write in, {folder}, lies within the source {source}, which is never "
            "changed; give one elsewhere."
        )


def parted(place: str | Path) -> tuple[str, str]:
    """A place, and the split of it that was asked for behind a colon; empty if none was."""
    text = str(place)
    head, colon, split = text.removeprefix(PREFIX).rpartition(":")
    if not colon or Path(text).expanduser().exists():
        return text, ""
    return PREFIX * text.startswith(PREFIX) + head, split


def source_name(place: str | Path) -> str:
    """What a source is called: its own name, with the one above if that says nothing itself."""
    where, split = parted(place)
    path = Path(ENDINGS.sub("", where.removeprefix(PREFIX))).expanduser().resolve()
    name = re.sub(r"[{}]", "", path.name)
    if name.lower() in SAYS_NOTHING and path.parent.name:
        name = f"{path.parent.name}-{name}"
    return (f"{name}-{split}" if split else name) or "pictures"


def _open_folder(path: Path, name: str, split: str) -> Source:
    if is_run(path):
        raise DCGANError(
            f"{path} is a run, not pictures (its model is {path / 'model.safetensors'}); "
            "give the pictures to learn from."
        )
    if is_lmdb(path):
        return Lmdb(path, name, split)
    with reading(path):
        names = files_in(path)
    if originals.cifar_parts(names):
        return originals.open_cifar(path, name, split)
    for kind, opened in BY_KIND.items():
        fitting = [path / file for file in names if re.search(kind, file, re.IGNORECASE)]
        if fitting:
            try:
                return opened(fitting, name, split)
            except DCGANError as error:
                return _pictures_beside(len(fitting), error, path, name, split)
    return Folder(path, name, split)


def _pictures_beside(count: int, error: DCGANError, path: Path, name: str, split: str) -> Folder:
    """The pictures in a folder in which a few files of another kind could not be opened.

    Raises:
        DCGANError: the error, where those are not fewer than the pictures.
    """
    try:
        found = Folder(path, name, split)
    except DCGANError:
        raise error from None
    if len(found) <= count:
        raise error
    logger.warning(f"{error} The picture files in {path} are taken instead.")
    return found


BY_KIND: dict[str, Callable[[Sequence[Path], str, str], Source]] = {
    r"\.parquet$": Parquet,
    r"images[-.]idx3-ubyte(\.gz)?$": originals.open_idx,
    r"_32x32\.mat$": originals.open_svhn,
}
"""Files of which one alone says what a folder or a path is, and what opens them."""


def _open_file(path: Path, name: str, split: str) -> Source:
    for kind, opened in BY_KIND.items():
        if re.search(kind, path.name, re.IGNORECASE):
            return opened([path], name, split)
    if path.suffix.lower() == ".npy":
        return numpy_files.open_npy(path, name, split)
    if path.suffix.lower() == ".npz":
        return numpy_files.open_npz(path, name, split)
    # A tar first: one whose last member is a zip ends as a zip does.
    tar = archives.is_tar(path)
    if not tar and (zipfile.is_zipfile(path) or path.suffix.lower() == ".zip"):
        return archives.Zip(path, name, split)
    if tar and originals.cifar_files(path):
        return originals.open_cifar(path, name, split)
    if tar or ENDINGS.search(path.name):
        return archives.Tar([path], name, split)
    if path.suffix == ".safetensors":
        raise DCGANError(f"{path} is a model, not pictures; give the pictures to learn from.")
    raise DCGANError(
        f"{path} is a single file; give the folder that holds the pictures, such as "
        f"{path.resolve().parent}, or an archive: .zip .tar .tar.gz .parquet .npy .npz .mat"
    )


def nothing_there(place: str, path: Path) -> DCGANError:
    """The sentence for a place where nothing lies, with the name that was probably meant."""
    around: list[str] = []
    with suppress(OSError):
        around = os.listdir(path.parent)
    words = did_you_mean(path.name, around if "/" in place else [*around, *WORLDS])
    guess = f" {words}" if words.startswith("Did") else ""
    return DCGANError(
        f"There is no folder or archive {place}.{guess} "
        f"Give a folder of pictures, an archive, or one of the drawn worlds: "
        f"{', '.join(sorted(WORLDS))}."
    )
