"""Slices that were packed apart, perhaps on many machines, become one pack."""

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dcgan.data.building import building
from dcgan.data.pack import (
    LABELS_FILE,
    Pack,
    PackInfo,
    digest_of,
    is_pack,
    load_array,
    save_array,
    shard_file,
    write_skipped,
)
from dcgan.data.selection import parse_slice
from dcgan.errors import DCGANError
from dcgan.log import progress


def join(path: str | Path, slices: Sequence[str | Path]) -> Pack:
    """One pack of all slices of a source: the same as if it had been packed in one go.

    The shards are linked, not copied, where the disk allows it.

    Args:
        path: where the pack shall stand; a new or empty folder.
        slices: packs made with `slice`, all of one source, in any order.

    Raises:
        DCGANError: a slice is missing, doubled or of another source, or nothing can be written.
    """
    path = Path(path).expanduser()
    packs = in_order([Pack(Path(part).expanduser()) for part in slices])
    if not sum(map(len, packs)):
        raise DCGANError(f"None of the pictures of {packs[0].info.name} could be read.")
    if is_pack(path):
        raise DCGANError(f"{path} is a pack already; give the name of a new folder.")
    with building(path, packs[0].info.whole) as folder:
        if folder is None:
            return Pack(path)
        try:
            _join_into(folder, packs)
        except BaseException:
            shutil.rmtree(folder)
            raise
    return Pack(path)


def in_order(packs: Sequence[Pack]) -> list[Pack]:
    """The slices from first to last.

    Raises:
        DCGANError: they are not all the slices of one source, each once.
    """
    numbers: dict[int, Pack] = {}
    first = packs[0]
    for pack in packs:
        if not pack.info.slice:
            raise DCGANError(f"{pack.path} is a whole pack, no slice; only slices are joined.")
        number, count = parse_slice(pack.info.slice)
        if pack.info.whole != first.info.whole or count != parse_slice(first.info.slice)[1]:
            raise DCGANError(
                f"{pack.path} (slice {pack.info.slice} of {pack.info.name}) and {first.path} "
                f"(slice {first.info.slice} of {first.info.name}) are not of the same source, "
                "options and number of slices."
            )
        if number in numbers:
            raise DCGANError(f"{pack.path} and {numbers[number].path} are both {pack.info.slice}.")
        numbers[number] = pack
    missing = [f"{n}/{count}" for n in range(1, count + 1) if n not in numbers]
    if missing:
        raise DCGANError(
            f"{len(missing)} of {count} slices are missing: {', '.join(missing[:5])}"
            f"{' ...' if len(missing) > 5 else ''}. Pack them with --slice, then join again."
        )
    return [numbers[number] for number in range(1, count + 1)]


def _join_into(folder: Path, packs: Sequence[Pack]) -> None:
    channels = max(pack.info.channels for pack in packs)
    shards = [
        (pack, shard_file(pack.path, number))
        for pack in packs
        for number in range(len(pack.info.shards))
    ]
    for number, (pack, file) in enumerate(shards):
        _bring(file, shard_file(folder, number), pack.info.channels, channels)
    info = packs[0].info
    labels = None
    if info.columns:
        labels = np.concatenate([pack.all_labels() for pack in packs])
        save_array(folder / LABELS_FILE, labels)
    write_skipped(folder, [entry for pack in packs for entry in pack.skipped()])

    def arrays() -> Iterator[NDArray[Any]]:
        with progress("Joining", len(shards), unit="shards") as bar:
            for number in range(len(shards)):
                yield load_array(shard_file(folder, number))
                bar.update(number + 1)

    PackInfo(
        name=info.name,
        size=info.size,
        channels=channels,
        shards=tuple(count for pack in packs for count in pack.info.shards),
        skipped=sum(pack.info.skipped for pack in packs),
        columns=info.columns,
        crop=info.crop,
        background=info.background,
        key=info.whole,
        digest=digest_of(arrays(), labels),
    ).write(folder)


def _bring(source: Path, target: Path, channels: int, wanted: int) -> None:
    """Links or copies a shard; a grey one among colourful ones gets its colours."""
    if channels != wanted:
        save_array(target, np.repeat(load_array(source), wanted, axis=-1))
        return
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:  # another disk, or one without links
        shutil.copyfile(source, target)
