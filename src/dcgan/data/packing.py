"""Making a pack: every picture of a source decoded once, in parallel, whole or not at all."""

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dcgan.config import PackConfig
from dcgan.data.building import building
from dcgan.data.pack import (
    FORMAT,
    LABELS_FILE,
    SKIPPED_FILE,
    Pack,
    PackInfo,
    Reading,
    digest_of,
    is_pack,
    save_array,
    shard_file,
    write_skipped,
)
from dcgan.data.readers.items import Columns, Source
from dcgan.data.selection import slice_of, without
from dcgan.data.sources import open_source, require_outside
from dcgan.data.workers import workers
from dcgan.errors import DCGANError
from dcgan.files import cache_folder, replacing
from dcgan.images import (
    COLOURS,
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

SHARD_BYTES = 32 << 20
CHUNK = 16
PROBES, PROBE_RUN = 100, 10
USUAL_SIDE = 64
"""Larger pictures are made so small, unless the user says otherwise."""


def pack(
    place: str | Path, path: str | Path, config: PackConfig | None = None, *, slice: str = ""
) -> Pack:
    """Decodes, crops and resizes the pictures of a source once, into a pack.

    Work that was broken off goes on behind the last whole shard when it is asked for again.

    Args:
        place: a source, as `open_source` finds it: a folder, an archive, a hub name, a world.
        path: where the pack shall stand; a new or empty folder.
        config: how the pictures are read.
        slice: packs only this part, as `3/64`, for `join` to put together; empty: all.

    Raises:
        DCGANError: there is no such source, none of its pictures can be read, or something else
            stands at `path` or nothing can be written there.
    """
    source = chosen_source(place, config or PackConfig())
    # The size is chosen by looking at the whole source, so that all slices agree.
    config = _with_size(source, config or PackConfig())
    path = Path(path).expanduser()
    require_outside(place, path)
    if not slice:
        return _pack_source(source, path, config)
    whole = _key(source, config, times=False)
    return _pack_source(slice_of(source, slice), path, config, whole=whole, slice=slice)


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
        made = {"crop": found.info.crop, "background": found.info.background, "without": ""}
        for name, has in made.items():
            if getattr(config, name) not in (getattr(PackConfig, name), has):
                raise DCGANError(
                    f"{place} is a pack already: `{name}` can only be asked for when its source is "
                    "packed."
                )
        if not len(found):
            raise DCGANError(f"{place} is a slice without any picture that could be read.")
        return found
    source = chosen_source(place, config)
    config = _with_size(source, config)
    return _pack_source(source, _place_in_cache(source, config), config)


def matching_pack(place: str | Path, reading: Reading) -> Pack:
    """The pack of a source, as a model reads its pictures; a pack serves however it was cut.

    One that was made for a training, which left the number of channels open, is taken if it fits.

    Raises:
        DCGANError: there is no such source, or a pack's pictures are of another kind.
    """
    if is_pack(place):
        return open_pack(place, PackConfig(size=reading.size, channels=reading.channels))
    wanted = PackConfig(**reading._asdict())
    source, as_found = open_source(place), dataclasses.replace(wanted, channels=None)
    made = _place_in_cache(source, as_found)
    if is_pack(made) and Pack(made).info.channels == reading.channels:
        return _pack_source(source, made, as_found)
    return _pack_source(source, _place_in_cache(source, wanted), wanted)


def _place_in_cache(source: Source, config: PackConfig) -> Path:
    return cache_folder() / f"{source.name}-{_key(source, config)[:16]}"


def chosen_source(place: str | Path, config: PackConfig) -> Source:
    """A source, without the pictures that shall not be packed.

    Raises:
        DCGANError: there is no such source or table, or nothing is left.
    """
    source = open_source(place)
    return without(source, Path(config.without)) if config.without else source


def choose_size(source: Source) -> Size:
    """The size to make the pictures if nobody says: their own up to 64, else a square up to 64."""
    # Runs of neighbours, which lie together in files that are read by the block.
    starts = np.linspace(0, max(len(source) - PROBE_RUN, 0), PROBES // PROBE_RUN).astype(int)
    probes = np.unique(starts[:, None] + np.arange(min(PROBE_RUN, len(source)))).tolist()
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

    pictures: NDArray[np.uint8]
    """(N, H, W, C), those that could be read."""
    labels: list[tuple[float, ...]]
    skipped: list[tuple[str, str]]
    """Name and reason."""
    grey: bool
    """Whether the pictures have three equal channels each."""


def read_part(source: Source, indices: Sequence[int], config: PackConfig) -> Part:
    """Decodes pictures of a source; what cannot be read is noted and left out."""
    pictures: list[Picture] = []
    found: list[tuple[float, ...]] = []
    skipped: list[tuple[str, str]] = []
    for index, (content, labels) in zip(indices, source.read(indices, _size(config)), strict=True):
        try:
            pictures.append(decode_item(content, config))
            found.append(labels)
        except PictureError as error:
            skipped.append((source.picture_name(index), str(error)))
    shape = (*_size(config), config.channels or 3)
    stack = np.array(pictures, np.uint8).reshape(-1, *shape)
    return Part(stack, found, skipped, grey=shape[-1] == 3 and is_grey(stack))


def decode_item(content: bytes | Picture | OSError, config: PackConfig) -> Picture:
    """What a source gave, as pixels (H, W, C) of the size and channels that the config names.

    Raises:
        PictureError: it cannot be read or decoded.
    """
    if isinstance(content, OSError):
        raise PictureError((content.strerror or str(content)).lower())
    wanted = (_size(config), config.channels or 3, config.background, config.crop)
    return decode(content, *wanted) if isinstance(content, bytes) else refit(content, *wanted)


def _pack_source(source: Source, path: Path, config: PackConfig, **facts: str) -> Pack:
    require_colour(config.background)
    key = _key(source, config)
    if not is_pack(path):
        next(iter(source.read([0], _size(config))))  # a size that cannot be drawn shows here
        _build(source, path, config, {"key": key, **facts})
    found = Pack(path)
    # One that was joined has the key that all copies of its source share.
    if found.info.key != key and found.info.key != _key(source, config, times=False):
        raise DCGANError(
            f"{path} holds a pack of other pictures or with other options "
            f"({len(found):,} of {found.info.size.grid} from {found.info.name}); "
            "give another name."
        )
    return found


def _build(source: Source, path: Path, config: PackConfig, facts: dict[str, str]) -> None:
    """Makes the pack of a source at its place, or goes on where that was broken off."""
    with building(path, facts["key"]) as folder:
        if folder is None:
            return
        if not is_pack(folder):
            _write_shards(source, folder, config)
            _finish(source, folder, config, facts)
        # From here on the pack is whole; what is left of its making goes.
        for rest in (*folder.glob("notes-*.json"), *folder.glob("labels-*.npy")):
            rest.unlink()
    _report(Pack(path))


def _write_shards(source: Source, folder: Path, config: PackConfig) -> None:
    """Writes each shard with its labels and, last, its notes, which say that it is whole."""
    logger.info("Found %s.", source.description)
    size = _size(config)
    per_shard = max(CHUNK, SHARD_BYTES // (size.height * size.width * (config.channels or 3)))
    shards = [range(i, min(i + per_shard, len(source))) for i in range(0, len(source), per_shard)]
    missing = [n for n in range(len(shards)) if not _notes_file(folder, n).exists()]
    chunks = [_chunks(shards[number]) for number in missing]
    done = len(source) - sum(len(shards[number]) for number in missing)
    with (
        progress(f"Packing {source.name}", len(source), done=done, unit="pictures") as bar,
        workers() as pool,
    ):
        # While one shard is written, the pictures of the next are decoded already.
        parts = pool.map(partial(read_part, source, config=config), chain.from_iterable(chunks))
        for number, of_shard in zip(missing, chunks, strict=True):
            found = []
            for chunk in of_shard:
                found.append(next(parts))
                bar.update(bar.done + len(chunk))
            _write_shard(folder, number, found, source.columns)


def _chunks(span: range) -> list[range]:
    """A span of pictures in pieces of which each is decoded at once by one core."""
    return [range(i, min(i + CHUNK, span.stop)) for i in range(span.start, span.stop, CHUNK)]


def _write_shard(folder: Path, number: int, parts: list[Part], columns: Columns) -> None:
    labels = [row for part in parts for row in part.labels]
    skipped = [entry for part in parts for entry in part.skipped]
    save_array(shard_file(folder, number), *(part.pictures for part in parts))
    table = np.array(labels, np.float32).reshape(len(labels), len(columns))
    save_array(folder / f"labels-{number:05}.npy", table)
    with replacing(_notes_file(folder, number)) as file:
        grey = all(part.grey for part in parts)
        notes = {"count": len(labels), "grey": grey, "skipped": skipped}
        file.write(json.dumps(notes).encode())


def _finish(source: Source, folder: Path, config: PackConfig, facts: dict[str, str]) -> None:
    """Joins the parts' labels and notes, and drops the colour that no picture has."""
    notes = [json.loads(file.read_bytes()) for file in sorted(folder.glob("notes-*.json"))]
    skipped = [entry for note in notes for entry in note["skipped"]]
    counts = [note["count"] for note in notes]
    if not sum(counts) and "slice" not in facts:
        name, reason = skipped[0]
        shutil.rmtree(folder)
        raise DCGANError(
            f"None of the {len(skipped):,} pictures of {source.name} can be read "
            f"(first: {name}, {reason})."
        )
    channels = config.channels or (1 if all(note["grey"] for note in notes) else 3)
    parts = sorted(folder.glob("labels-*.npy"))
    labels = np.concatenate([np.load(file) for file in parts]) if source.columns else None
    if labels is not None:
        save_array(folder / LABELS_FILE, labels)
    write_skipped(folder, skipped)
    info = PackInfo(
        name=source.name,
        size=_size(config),
        channels=channels,
        shards=tuple(counts),
        skipped=len(skipped),
        columns=source.columns,
        crop=config.crop,
        background=config.background,
        **facts,
        digest=digest_of(_final_shards(folder, len(notes), channels), labels),
    )
    info.write(folder)


def _final_shards(folder: Path, count: int, channels: int) -> Iterator[NDArray[np.uint8]]:
    """The shards, rewritten without the colour that they do not have."""
    for number in range(count):
        shard: NDArray[np.uint8] = np.load(shard_file(folder, number))
        if shard.shape[-1] != channels:
            shard = np.ascontiguousarray(shard[..., :channels])
            save_array(shard_file(folder, number), shard)
        yield shard


def _report(made: Pack) -> None:
    info, colour = made.info, COLOURS
    described = f"{len(made):,} pictures of {info.size.grid} in {colour[info.channels]}"
    logger.info(f"Packed {described} into {made.path}.")
    if info.skipped:
        name, reason = made.skipped()[0]
        logger.warning(
            "Skipped %s that could not be read (first: %s, %s); all are listed in %s.",
            f"{info.skipped:,}", name, reason, made.path / SKIPPED_FILE,
        )  # fmt: skip


def _key(source: Source, config: PackConfig, times: bool = True) -> str:
    """A digest of all that the content of a pack depends on.

    Without times of change it is the same for copies of a source on many machines.
    """
    # Where a table of duplicates lies is all the same; what it leaves out is in the fingerprint.
    options = repr(dataclasses.replace(config, without=""))
    parts = (FORMAT, source.name, source.fingerprint(times), options)
    return hashlib.sha256("\0".join(parts).encode(errors="surrogateescape")).hexdigest()


def _with_size(source: Source, config: PackConfig) -> PackConfig:
    return config if config.size else dataclasses.replace(config, size=choose_size(source))


def _size(config: PackConfig) -> Size:
    assert config.size is not None, "filled in by _with_size"
    return config.size


def _notes_file(folder: Path, number: int) -> Path:
    return folder / f"notes-{number:05}.json"
