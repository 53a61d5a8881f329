"""Where pictures lie: folders of files, and the drawn worlds."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from dcgan.data.worlds import WORLDS, Columns, World
from dcgan.errors import DCGANError, did_you_mean
from dcgan.log import logger
from dcgan.size import Size

PICTURE_ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")
WORLD_PICTURES = 20_000
SAYS_NOTHING = {"train", "training", "test", "val", "valid", "validation", "images", "pictures"}


class Item(NamedTuple):
    """A picture as a source gives it, with its labels.

    The content is a file's bytes, pixels (H, W, C), or why neither can be had. There is one label
    for each of the source's columns; a class is given by its index.
    """

    content: bytes | NDArray[np.uint8] | OSError
    labels: tuple[float, ...]


class Source(Protocol):
    """Pictures by number, each with a name and its labels. Never changed by us."""

    name: str
    """What a run on it is called."""
    description: str
    """What was found, in a few words."""
    columns: Columns
    """The label columns: their class names, or None for a number."""

    def __len__(self) -> int: ...

    def fingerprint(self) -> str:
        """A text that changes when the content does; cheap, so that it can be asked each time."""

    def read(self, indices: Sequence[int], size: Size) -> Iterator[Item]:
        """The pictures of these numbers; drawn ones in this size, others in their own."""

    def picture_name(self, index: int) -> str:
        """Names a picture for people."""


class Folder:
    """All picture files below a folder; its subfolders are classes if every file is in one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = source_name(path)
        self.files, others = find_pictures(path)
        if not self.files:
            raise DCGANError(no_pictures(path, others))
        parts = [Path(file).parts for file in self.files]
        classes = sorted({part[0] for part in parts if len(part) > 1})
        labelled = len(classes) > 1 and all(len(part) > 1 for part in parts)
        self.columns: Columns = {"class": tuple(classes)} if labelled else {}
        number = {name: index for index, name in enumerate(classes)}
        self._labels = [(float(number[part[0]]),) if labelled else () for part in parts]
        left_out = sum(others.values())
        self.description = (
            f"{len(self):,} picture file{'s'[: len(self) > 1]} in {path}"
            + (f" in {len(classes)} classes" if labelled else "")
            + (f"; {left_out:,} other file{'s'[: left_out > 1]} left out" if others else "")
        )

    def __len__(self) -> int:
        return len(self.files)

    def fingerprint(self) -> str:
        """A digest of the files' names, lengths and times of change."""
        digest = hashlib.sha256()
        for file in self.files:
            try:
                status = (self.path / file).stat()
                state = f"{status.st_size} {status.st_mtime_ns}"
            except OSError as error:
                state = str(error.strerror)
            digest.update(os.fsencode(file) + f"\0{state}\n".encode())
        return digest.hexdigest()

    def read(self, indices: Sequence[int], size: Size) -> Iterator[Item]:
        """The files' bytes."""
        for index in indices:
            try:
                content: bytes | OSError = (self.path / self.files[index]).read_bytes()
            except OSError as error:
                content = error
            yield Item(content, self._labels[index])

    def picture_name(self, index: int) -> str:
        """The file's path below the folder; bytes that are no text are shown as such."""
        return os.fsencode(self.files[index]).decode(errors="backslashreplace")


class Drawing:
    """The first pictures of a drawn world."""

    def __init__(self, world: World, count: int) -> None:
        self.world, self.count = world, count
        self.name, self.columns = world.name, world.columns
        self.description = f"{count:,} drawn pictures: {world.description}"

    def __len__(self) -> int:
        return self.count

    def fingerprint(self) -> str:
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
    """The source that a path or a world's name means, found by looking.

    A folder wins over a world of the same name.

    Raises:
        DCGANError: there is none, or it holds no pictures.
    """
    if not str(place):
        raise DCGANError("The name of the source is empty; give a folder, or one of the worlds.")
    path = Path(place).expanduser()
    if is_run(path):
        raise DCGANError(f"{path} is a run; its model is {path / 'model.safetensors'}.")
    if path.is_dir():
        return Folder(path)
    if str(place) in WORLDS:
        return Drawing(WORLDS[str(place)], WORLD_PICTURES)
    if path.is_file():
        raise DCGANError(
            f"{path} is a single file; give the folder that holds the pictures, such as "
            f"{path.resolve().parent}."
        )
    around = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    words = did_you_mean(path.name, around if "/" in str(place) else [*around, *WORLDS])
    guess = f" {words}" if words.startswith("Did") else ""
    raise DCGANError(
        f"There is no folder {place}.{guess} "
        f"Give a folder of pictures, or one of the drawn worlds: {', '.join(sorted(WORLDS))}."
    )


def source_name(place: str | Path) -> str:
    """What a source is called: the folder's name, with the one above if it says nothing itself."""
    path = Path(place).expanduser().resolve()
    if path.name.lower() in SAYS_NOTHING and path.parent.name:
        return f"{path.parent.name}-{path.name}"
    return path.name or "pictures"


def is_run(path: Path) -> bool:
    """Whether a folder is that of a training, whose sheets are no pictures to learn from."""
    return (path / "config.json").is_file() and (path / "checkpoints").is_dir()


def find_pictures(root: Path) -> tuple[list[str], Counter[str]]:
    """All picture files below a folder, sorted, as paths below it; and the others' endings counted.

    Hidden files and folders and the folders of runs are left out; links are followed, circles cut.
    """
    found: list[str] = []
    others: Counter[str] = Counter()
    seen: set[str] = set()
    for folder, subfolders, files in os.walk(root, followlinks=True, onerror=_report):
        real = os.path.realpath(folder)
        if real in seen or is_run(Path(folder)):
            subfolders.clear()
            continue
        seen.add(real)
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        for name in files:
            path = os.path.join(folder, name)
            # What is there and no file, as a pipe, would be waited for without end.
            if name.startswith(".") or (os.path.exists(path) and not os.path.isfile(path)):
                continue
            ending = os.path.splitext(name)[1].lower()
            if ending in PICTURE_ENDINGS:
                found.append(Path(path).relative_to(root).as_posix())
            else:
                others[ending] += 1
    return sorted(found), others


def _report(error: OSError) -> None:
    logger.warning(f"Cannot search {error.filename}: {(error.strerror or '').lower()}.")


def no_pictures(path: Path, others: Counter[str]) -> str:
    """The sentence for a folder without pictures."""
    kinds = ", ".join(f"{n} {ending or 'without ending'}" for ending, n in others.most_common(3))
    holds = f"only other files ({kinds})" if others else "no files at all"
    return (
        f"{path} holds no pictures, {holds}; folders below it were searched too. "
        f"Pictures end in {' '.join(PICTURE_ENDINGS)}."
    )
