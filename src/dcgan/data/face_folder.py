"""The folder of cut-out faces: whose it is, what was found so far, its tables and names."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from dcgan.data.readers.items import Columns, Item
from dcgan.data.readers.listing import PICTURE_ENDINGS
from dcgan.errors import DCGANError
from dcgan.files import TEMPORARY, replacing
from dcgan.locks import alone

FORMAT = "dcgan faces 1"
INFO_FILE, FACES_FILE, PARTS_FOLDER, LOCK_FILE = "faces.json", "faces.csv", ".parts", ".lock"


class FaceCounts(NamedTuple):
    """What was found in a source."""

    pictures: int
    with_faces: int
    faces: int
    skipped: int


class Part(NamedTuple):
    """What was found in some pictures of a source."""

    faces: list[list[Any]]
    """Rows of faces.csv."""
    labels: list[list[str]]
    """Rows of labels.csv."""
    skipped: list[list[str]]
    """Rows of skipped.csv."""
    with_faces: int


def standing(folder: Path, job: dict[str, Any]) -> FaceCounts | None:
    """The counts, if this job is done; None if it may begin or go on in the folder.

    Raises:
        DCGANError: something else stands there.
    """
    file = folder / INFO_FILE
    if not file.exists():
        if folder.is_dir() and any(not entry.name.startswith(".") for entry in folder.iterdir()):
            raise DCGANError(
                f"{folder} is not empty and holds no faces cut before; give the name of a new "
                "folder."
            )
        return None
    try:
        info = json.loads(file.read_bytes())
        counts = FaceCounts(**info.pop("counts")) if "counts" in info else None
        differing = _differences(info, job)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DCGANError(
            f"{file} is damaged: {error}. Delete {folder}; it is made anew from its source."
        ) from error
    if differing:
        raise DCGANError(
            f"{folder} holds faces cut otherwise: {'; '.join(differing)}. Give the same source and "
            "options to go on, or the name of a new folder."
        )
    return counts


def _differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """What differs between two jobs, as `margin 0.2 -> 0.3`."""
    before, after = old | old["options"], new | new["options"]
    names = ["format", "source", "pictures", *after["options"]]
    found = [f"{n} {before.get(n)} -> {after[n]}" for n in names if before.get(n) != after[n]]
    if not found and before["fingerprint"] != after["fingerprint"]:
        return ["the files of the source have changed since"]
    return found


def write_info(folder: Path, info: dict[str, Any]) -> None:
    """Writes faces.json."""
    with replacing(folder / INFO_FILE) as file:
        file.write(json.dumps(info, indent=2).encode() + b"\n")


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keeps other processes out, and clears away what a sudden end left half-written."""
    others = f"Another process is cutting faces into {folder}. Wait for it, or give another folder."
    with alone(folder / LOCK_FILE, others):
        for remnant in folder.rglob(f".*{TEMPORARY}"):
            remnant.unlink(missing_ok=True)
        yield


def part_file(folder: Path, start: int) -> Path:
    """What was found in the pictures from this one on."""
    return folder / PARTS_FOLDER / f"{start:09}.json"


def missing_parts(folder: Path, count: int, length: int) -> list[int]:
    """The first pictures of the parts, of so many pictures each, of which nothing is known yet."""
    return [start for start in range(0, count, length) if not part_file(folder, start).exists()]


def read_parts(folder: Path) -> Iterator[Part]:
    """What was found so far, in the source's order."""
    for file in sorted((folder / PARTS_FOLDER).glob("*.json")):
        yield Part(*json.loads(file.read_bytes()))


def rows_of(folder: Path, table: str) -> Iterator[list[Any]]:
    """The rows of one of the tables, `faces`, `labels` or `skipped`, in the source's order."""
    return (row for part in read_parts(folder) for row in getattr(part, table))


def class_folder(columns: Columns, item: Item) -> str:
    """The folder, with a slash, that says a picture's class; empty if that is not all it has."""
    names = next(iter(columns.values()), None)
    if names is None or len(columns) > 1:
        return ""
    escaped = re.sub(
        r"[^\w .()+,-]|^\.", lambda found: f"%{ord(found[0]):02X}", names[int(item.labels[0])]
    )
    return f"{escaped or '%'}/"


def stem(name: str) -> str:
    """A picture's own name as the beginning of a file's name, without what may not stand there."""
    last = PurePosixPath(name).name
    if last.lower().endswith(PICTURE_ENDINGS):
        last = last.rpartition(".")[0]
    return re.sub(r"[^\w.-]+", "_", last).lstrip(".")[:50] or "picture"


def label_texts(columns: Columns, item: Item) -> list[str]:
    """A picture's labels in words; numbers with their fractions."""
    pairs = zip(columns.values(), item.labels, strict=True)
    return [str(float(label)) if names is None else names[int(label)] for names, label in pairs]
