"""Making a pack: every picture of a source decoded once, in parallel, whole or not at all."""

import csv
import dataclasses
import hashlib
import io
import json
import os
import shutil
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from dcgan.config import PackConfig
from dcgan.data.pack import (
    FORMAT,
    LABELS_FILE,
    SKIPPED_FILE,
    Pack,
    PackInfo,
    is_pack,
    shard_file,
)
from dcgan.data.sources import Source, open_source
from dcgan.data.worlds import Columns
from dcgan.errors import DCGANError
from dcgan.files import TEMPORARY, make_folder, replacing
from dcgan.images import (
    Picture,
    PictureError,
    decode,
    file_size,
    is_grey,
    refit,
    require_colour,
)
from dcgan.log import logger, progress
from dcgan.size import SMALLEST_SIDE, Size, halvings

SHARD_BYTES = 64 << 20
CHUNK = 64
PROBES = 100
PARTIAL = ".partial"
USUAL_SIDE = 64
"""Larger pictures are made so small, unless the user says otherwise."""


def pack(place: str | Path, path: str | Path, config: PackConfig | None = None) -> Pack:
    """Decodes, crops and resizes the pictures of a source once, into a pack.

    Work that was broken off goes on behind the last whole shard when it is asked for again.

    Args:
        place: a folder of pictures, or the name of a drawn world.
        path: where the pack shall stand; a new or empty folder.
        config: how the pictures are read.

    Raises:
        DCGANError: there is no such source, none of its pictures can be read, or something else
            stands at `path` or nothing can be written there.
    """
    return _pack_source(open_source(place), Path(path).expanduser(), config or PackConfig())


def open_pack(place: str | Path, config: PackConfig) -> Pack:
    """The pack of a source, made in the cache if it is not there yet; a pack's own path serves too.

    Raises:
        DCGANError: as `pack`; or the pack at this path was made with other options.
    """
    if is_pack(place):
        found = Pack(Path(place).expanduser())
        for name in ("size", "channels"):
            asked, has = getattr(config, name), getattr(found.info, name)
            if asked not in (None, has):
                raise DCGANError(f"`{name}` {asked} was asked for, but the pack {place} has {has}.")
        return found
    source = open_source(place)
    config = _with_size(source, config)
    return _pack_source(
        source, cache_folder() / f"{source.name}-{_key(source, config)[:16]}", config
    )


def cache_folder() -> Path:
    """Where packs stand that nobody asked for by name: $DCGAN_CACHE, or ~/.cache/dcgan."""
    return Path(os.environ.get("DCGAN_CACHE") or "~/.cache/dcgan").expanduser()


def choose_size(source: Source) -> Size:
    """The size to make the pictures if nobody says: their own up to 64, else a square up to 64."""
    probes = np.unique(np.linspace(0, len(source) - 1, PROBES).astype(int)).tolist()
    sizes = []
    for content, _ in source.read(probes, Size(USUAL_SIDE, USUAL_SIDE)):
        size = file_size(content) if isinstance(content, bytes) else None
        if isinstance(content, np.ndarray):
            size = Size(*content.shape[:2])
        sizes += [size] if size else []
    if len(set(sizes)) == 1 and max(sizes[0]) <= USUAL_SIDE and halvings(sizes[0]):
        return sizes[0]
    limit = min(USUAL_SIDE, median(min(size) for size in sizes) if sizes else USUAL_SIDE)
    squares = (Size(side, side) for side in range(USUAL_SIDE, SMALLEST_SIDE, -1))
    return next((s for s in squares if s.width <= limit and halvings(s)), Size.of(SMALLEST_SIDE))


class Part(NamedTuple):
    """What became of some pictures of a source."""

    pictures: list[Picture]
    labels: list[tuple[float, ...]]
    skipped: list[tuple[str, str]]
    """Name and reason."""


def read_part(source: Source, indices: Sequence[int], config: PackConfig) -> Part:
    """Decodes pictures of a source; what cannot be read is noted and left out."""
    part = Part([], [], [])
    for index, (content, labels) in zip(indices, source.read(indices, _size(config)), strict=True):
        try:
            part.pictures.append(_decode(content, config))
            part.labels.append(labels)
        except PictureError as error:
            part.skipped.append((source.picture_name(index), str(error)))
    return part


def _decode(content: bytes | Picture | OSError, config: PackConfig) -> Picture:
    if isinstance(content, OSError):
        raise PictureError((content.strerror or str(content)).lower())
    wanted = (_size(config), config.channels or 3, config.background)
    return decode(content, *wanted) if isinstance(content, bytes) else refit(content, *wanted)


def _pack_source(source: Source, path: Path, config: PackConfig) -> Pack:
    require_colour(config.background)
    config = _with_size(source, config)
    key = _key(source, config)
    if not is_pack(path):
        if path.exists() and not (path.is_dir() and not any(path.iterdir())):
            raise DCGANError(f"{path} is no pack and not empty; give the name of a new folder.")
        next(iter(source.read([0], _size(config))))  # a size that cannot be drawn shows here
        make_folder(path.parent)
        _build(source, path, config, key)
    found = Pack(path)
    if found.info.key != key:
        raise DCGANError(
            f"{path} holds a pack of other pictures or with other options "
            f"({len(found):,} of {found.info.size.grid} from {found.info.name}); "
            "give another name."
        )
    return found


def _build(source: Source, path: Path, config: PackConfig, key: str) -> None:
    """Makes the pack in a folder beside its place, under a lock, then gives it its name."""
    building = path.with_name(f"{path.name}.{key[:16]}{PARTIAL}")
    lock = FileLock(path.with_name(f".{path.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        logger.info(f"Waiting for another process that is packing into {path}.")
        lock.acquire()
    try:
        if is_pack(path):
            return
        for other in path.parent.glob(f"{path.name}.*{PARTIAL}"):
            if other != building:
                shutil.rmtree(other)
        make_folder(building)
        for remnant in building.glob(f".*{TEMPORARY}"):
            remnant.unlink()
        if not is_pack(building):
            _write_shards(source, building, config)
            _finish(source, building, config, key)
        # From here on the pack is whole; what is left of its making goes, then it gets its name.
        for rest in (*building.glob("notes-*.json"), *building.glob("labels-*.npy")):
            rest.unlink()
        if path.exists():
            path.rmdir()
        building.replace(path)
        _report(Pack(path))
    finally:
        lock.release()
        Path(lock.lock_file).unlink(missing_ok=True)


def _write_shards(source: Source, folder: Path, config: PackConfig) -> None:
    """Writes each shard with its labels and, last, its notes, which say that it is whole."""
    logger.info("Found %s.", source.description)
    size, workers = _size(config), os.cpu_count() or 1
    per_shard = max(CHUNK, SHARD_BYTES // (size.height * size.width * (config.channels or 3)))
    read = partial(read_part, source, config=config)
    with (
        warnings.catch_warnings(),  # Pillow warns of odd metadata; the pixels are what counts
        progress(f"Packing {source.name}", len(source), unit="pictures") as bar,
        ThreadPoolExecutor(workers) as pool,
    ):
        warnings.simplefilter("ignore")
        for number, start in enumerate(range(0, len(source), per_shard)):
            end = min(start + per_shard, len(source))
            if not _notes_file(folder, number).exists():
                chunks = [range(i, min(i + CHUNK, end)) for i in range(start, end, CHUNK)]
                parts = []
                for part in pool.map(read, chunks):
                    parts.append(part)
                    bar.update(min(start + len(parts) * CHUNK, end))
                _write_shard(folder, number, parts, (*size, config.channels or 3), source.columns)
            bar.update(end)


def _write_shard(
    folder: Path, number: int, parts: list[Part], shape: tuple[int, int, int], columns: Columns
) -> None:
    pictures = [picture for part in parts for picture in part.pictures]
    labels = [row for part in parts for row in part.labels]
    skipped = [entry for part in parts for entry in part.skipped]
    grey = shape[-1] == 3 and all(map(is_grey, pictures))
    table = np.array(labels, np.float32).reshape(len(labels), len(columns))
    _save(shard_file(folder, number), np.array(pictures, np.uint8).reshape(-1, *shape))
    _save(folder / f"labels-{number:05}.npy", table)
    with replacing(_notes_file(folder, number)) as file:
        notes = {"count": len(pictures), "grey": grey, "skipped": skipped}
        file.write(json.dumps(notes).encode())


def _finish(source: Source, folder: Path, config: PackConfig, key: str) -> None:
    """Joins the parts' labels and notes, and drops the colour that no picture has."""
    notes = [json.loads(file.read_bytes()) for file in sorted(folder.glob("notes-*.json"))]
    skipped = [entry for note in notes for entry in note["skipped"]]
    counts = [note["count"] for note in notes]
    if not sum(counts):
        name, reason = skipped[0]
        shutil.rmtree(folder)
        raise DCGANError(
            f"None of the {len(skipped):,} pictures of {source.name} can be read "
            f"(first: {name}, {reason})."
        )
    channels = config.channels or (1 if all(note["grey"] for note in notes) else 3)
    digest = hashlib.sha256()
    for number in range(len(notes)):
        shard = np.load(shard_file(folder, number))
        if shard.shape[-1] != channels:
            shard = np.ascontiguousarray(shard[..., :channels])
            _save(shard_file(folder, number), shard)
        digest.update(shard.data)
    parts = sorted(folder.glob("labels-*.npy"))
    if source.columns:
        labels = np.concatenate([np.load(file) for file in parts])
        digest.update(labels.data)
        _save(folder / LABELS_FILE, labels)
    with replacing(folder / SKIPPED_FILE) as file:
        table = io.StringIO()
        csv.writer(table, lineterminator="\n").writerows([("picture", "reason"), *skipped])
        file.write(table.getvalue().encode(errors="backslashreplace"))
    info = PackInfo(
        name=source.name,
        size=_size(config),
        channels=channels,
        shards=tuple(counts),
        skipped=len(skipped),
        columns=source.columns,
        key=key,
        digest=digest.hexdigest(),
    )
    info.write(folder)


def _report(made: Pack) -> None:
    info, colour = made.info, {1: "grey", 3: "colour", 4: "colour with alpha"}
    described = f"{len(made):,} pictures of {info.size.grid} in {colour[info.channels]}"
    logger.info(f"Packed {described} into {made.path}.")
    if info.skipped:
        with (made.path / SKIPPED_FILE).open(encoding="utf8", newline="") as file:
            _, (name, reason), *_ = csv.reader(file)
        logger.warning(
            "Skipped %s that could not be read (first: %s, %s); all are listed in %s.",
            f"{info.skipped:,}", name, reason, made.path / SKIPPED_FILE,
        )  # fmt: skip


def _key(source: Source, config: PackConfig) -> str:
    """A digest of all that the content of a pack depends on."""
    parts = (FORMAT, source.name, source.fingerprint(), repr(config))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _with_size(source: Source, config: PackConfig) -> PackConfig:
    return config if config.size else dataclasses.replace(config, size=choose_size(source))


def _size(config: PackConfig) -> Size:
    assert config.size is not None, "filled in by _with_size"
    return config.size


def _notes_file(folder: Path, number: int) -> Path:
    return folder / f"notes-{number:05}.json"


def _save(path: Path, array: NDArray[np.generic]) -> None:
    with replacing(path) as file:
        np.save(file, array)
