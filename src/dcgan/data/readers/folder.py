"""A folder of picture files, searched through and through."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from dcgan.data.readers.items import (
    SYSTEM_FAULTS,
    Item,
    items_of,
    require_length,
    stamp,
    unreadable,
)
from dcgan.data.readers.listing import listing
from dcgan.log import logger
from dcgan.size import Size


class Folder:
    """All picture files below a folder."""

    def __init__(self, path: Path, name: str, split: str = "") -> None:
        self.path, self.name = path, name
        self._listing = listing(find_files(path), self._content, path, split)
        self.columns = self._listing.columns
        self.description = self._listing.description(path)

    def __len__(self) -> int:
        return len(self.files)

    @property
    def files(self) -> list[str]:
        """The pictures' paths below the folder."""
        return self._listing.files

    def _content(self, file: str) -> bytes:
        with (self.path / file).open("rb") as opened:
            require_length(os.fstat(opened.fileno()).st_size)
            return opened.read()

    def fingerprint(self, times: bool = True) -> str:
        """A digest of the files' names, lengths and times of change, and of the labels."""
        digest = hashlib.sha256(self._listing.labels.tobytes() + repr(self.columns).encode())
        for file in self.files:
            state = stamp(self.path / file, times=times).encode(errors="replace")
            digest.update(os.fsencode(file) + b"\0" + state + b"\n")
        return digest.hexdigest()

    def read(self, indices: Sequence[int], size: Size) -> Iterator[Item]:
        """The files' bytes."""
        return items_of(
            lambda index: self._content(self.files[index]), self._listing.labels, indices
        )

    def picture_name(self, index: int) -> str:
        """The file's path below the folder; bytes that are no text are shown as such."""
        return os.fsencode(self.files[index]).decode(errors="backslashreplace")


def is_run(path: Path) -> bool:
    """Whether a folder is that of a training, whose sheets are no pictures to learn from."""
    return os.path.isfile(path / "config.json") and os.path.isdir(path / "checkpoints")


def files_in(folder: Path) -> list[str]:
    """The names of the files in a folder itself, sorted."""
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if _kind(entry) == "file")


def find_files(root: Path) -> Iterator[str]:
    """All files below a folder, as paths below it.

    Hidden folders and the folders of runs are left out; links are followed, circles cut.

    Raises:
        DCGANError: the disk or the system is at fault; to go on would lose pictures.
    """
    seen: set[str] = set()
    waiting = [""]
    while waiting:
        below = waiting.pop()
        folder = root / below
        real = os.path.realpath(folder)
        if real in seen or is_run(folder):
            continue
        seen.add(real)
        subfolders = []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    kind = _kind(entry)
                    if kind == "file":
                        yield below + entry.name
                    elif kind == "folder" and not entry.name.startswith("."):
                        subfolders.append(f"{below}{entry.name}/")
        except OSError as error:
            if error.errno in SYSTEM_FAULTS:
                raise unreadable(folder, error) from error
            logger.warning(f"Cannot search {folder}: {(error.strerror or '').lower()}.")
        # Of two ways to one folder it is always the same that is taken.
        waiting += sorted(subfolders, reverse=True)


def _kind(entry: os.DirEntry[str]) -> str:
    """Whether an entry is a file or a folder; most systems say so without another look.

    A link that leads nowhere counts as a file, which cannot be read. What is there and neither, as
    a pipe, would be waited for without end.
    """
    try:
        if entry.is_file():
            return "file"
        if entry.is_dir():
            return "folder"
    except OSError:
        return "file"
    return "other" if os.path.exists(entry.path) else "file"
