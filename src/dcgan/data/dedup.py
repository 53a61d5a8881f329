"""Near-duplicates of a source by equal codes, in linear time (Section 4.1.1)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dcgan.config import PackConfig
from dcgan.data.autoencoder import SIDE, binary_codes, fit_autoencoder
from dcgan.data.hashes import Codes, Groups, group_near, hamming, perceptual_hash, pixel_digest
from dcgan.data.pack import Pack, is_pack
from dcgan.data.packing import CHUNK, decode_item, open_pack
from dcgan.data.readers.items import Item, Source
from dcgan.data.selection import DROPPED
from dcgan.data.sources import open_source, require_outside
from dcgan.data.workers import workers
from dcgan.devices import choose_device
from dcgan.errors import DCGANError, did_you_mean
from dcgan.files import make_folder, write_table
from dcgan.images import Picture, PictureError, decode_whole, save_picture, sheet
from dcgan.log import logger, progress
from dcgan.size import Size

METHODS = {"autoencoder": 2, "perceptual": 2, "exact": 0}
"""The radius of each where none is asked for; docs/dedup.md says how it was chosen."""
LARGEST_RADIUS = 16
TABLE_FILE, SHEET_FILE = "duplicates.csv", "duplicates.png"
KEPT_FILE = "duplicates-before.csv"
HEADER = ("group", "kept", DROPPED, "distance")
SHEET_GROUPS, MOST_OF_GROUP = 120, 8
SHEET_WIDTH, SHEET_GAP, SHEET_SHADE = 1_200, 12, 64
SHEET_SIZE = Size(64, 64)
SHEET_CONFIG = PackConfig(size=SHEET_SIZE, channels=3)
EMPTY = np.full((*SHEET_SIZE, 3), 255, np.uint8)


@dataclass(frozen=True)
class Duplicates:
    """The pictures of a source that repeat an earlier one; numbers are places in the source."""

    pictures: int
    """How many were compared."""
    unreadable: int
    """How many could not be read."""
    kept: Groups
    """(D,), the first of each duplicate's group, ascending."""
    dropped: Groups
    """(D,), the duplicates."""
    distances: NDArray[np.int64]
    """(D,), in how many bits their codes differ."""

    def __len__(self) -> int:
        return len(self.dropped)

    @property
    def groups(self) -> int:
        """How many different pictures are repeated."""
        return len(np.unique(self.kept))


def dedup(
    place: str | Path,
    out: str | Path | None = None,
    *,
    method: str = "autoencoder",
    radius: int | None = None,
    seed: int = 42,
    device: str = "auto",
) -> Duplicates:
    """Finds the pictures of a source that repeat an earlier one. The source is not changed.

    Args:
        place: a source, as for `dcgan.train`.
        out: the folder for `duplicates.csv`, a row for each duplicate, and `duplicates.png`, which
            shows up to 120 groups from all over the source; without it nothing is written.
        method: `autoencoder` compares the 128-bit codes of the paper's autoencoder, trained on the
            source itself; `perceptual` compares 64-bit hashes of low frequencies, and needs no
            training; `exact` finds equal pixels only.
        radius: in how many bits the codes of duplicates may differ, 0 to 16 (paper: 0). By default
            2, and 0 with `exact`.
        seed: start of the autoencoder's randomness, at least 0.
        device: where the autoencoder is trained.

    Raises:
        DCGANError: there is no such source, method or device; the radius or the seed is out of
            range; nothing can be written in the folder, or it lies within the source.
    """
    _check(place, method, radius or 0, seed)
    chosen_device = choose_device(device)
    source = open_source(place)
    folder = None if out is None else Path(out).expanduser()
    if folder:
        require_outside(place, folder)
        make_folder(folder)
    if method == "exact":
        codes, numbers = exact_codes(source)
    else:
        pack = open_pack(place, PackConfig(size=Size(SIDE, SIDE), channels=CHANNELS[method]))
        numbers = packed_numbers(source, pack)
        if method == "perceptual":
            codes = perceptual_codes(pack)
        else:
            codes = binary_codes(fit_autoencoder(pack, seed, chosen_device), pack, chosen_device)
    radius = METHODS[method] if radius is None else radius
    found = find_duplicates(codes, numbers, radius, len(source))
    if folder:
        keep_table(folder / TABLE_FILE)
        write_duplicates(found, source, folder / TABLE_FILE)
        write_sheet(found, source, folder / SHEET_FILE)
    return found


CHANNELS = {"autoencoder": 3, "perceptual": 1}


def _check(place: str | Path, method: str, radius: int, seed: int) -> None:
    if method not in METHODS:
        raise DCGANError(f"There is no `method` {method!r}. {did_you_mean(method, METHODS)}")
    if not 0 <= radius <= LARGEST_RADIUS:
        raise DCGANError(
            f"`radius` (={radius}) must be 0 to {LARGEST_RADIUS} bits; codes further apart are "
            "those of different pictures."
        )
    if method == "exact" and radius:
        raise DCGANError(
            f"`radius` (={radius}) means nothing with `method` exact, for which pixels are equal "
            "or not; take autoencoder or perceptual."
        )
    if not 0 <= seed < 1 << 63:
        raise DCGANError(f"`seed` (={seed}) must be 0 or more, and below 2⁶³.")
    if is_pack(place):
        raise DCGANError(
            f"{place} is a pack; give the source that it was made of, then pack that again with "
            f"--without {TABLE_FILE}."
        )


def find_duplicates(codes: Codes, numbers: Groups, radius: int, count: int) -> Duplicates:
    """Those pictures whose code lies near that of an earlier one.

    Args:
        codes: (N, B) of the pictures that could be read.
        numbers: (N,) their places in the source, ascending.
        radius: in how many bits neighbours in a group may differ.
        count: of pictures in the source.
    """
    groups = group_near(codes, radius)
    later = np.flatnonzero(groups != np.arange(len(groups)))
    later = later[np.argsort(groups[later], kind="stable")]
    first = groups[later]
    return Duplicates(
        pictures=len(numbers),
        unreadable=count - len(numbers),
        kept=numbers[first],
        dropped=numbers[later],
        distances=hamming(codes[first], codes[later]),
    )


def packed_numbers(source: Source, pack: Pack) -> Groups:
    """The places in the source of the pictures in its pack, which lacks the unreadable ones."""
    if not pack.info.skipped:
        return np.arange(len(pack))
    skipped = {name for name, _ in pack.skipped()}
    return np.array([i for i in range(len(source)) if source.picture_name(i) not in skipped])


def perceptual_codes(pack: Pack) -> Codes:
    """The perceptual hashes (N, 8) of the pictures in a grey pack."""
    codes = np.empty((len(pack), 8), np.uint8)
    with progress("Hashing", len(pack), unit="pictures") as bar:
        for start in range(0, len(pack), CHUNK):
            numbers = np.arange(start, min(start + CHUNK, len(pack)))
            codes[numbers] = perceptual_hash(pack.pictures(numbers)[..., 0])
            bar.update(start + len(numbers))
    return codes


def exact_codes(source: Source) -> tuple[Codes, Groups]:
    """Digests (N, 16) of all pixels of the pictures that can be read, and their places.

    Raises:
        DCGANError: none can be read.
    """
    codes = np.zeros((len(source), 16), np.uint8)
    readable = np.zeros(len(source), bool)
    chunks = [range(i, min(i + CHUNK, len(source))) for i in range(0, len(source), CHUNK)]
    with (
        progress(f"Reading {source.name}", len(source), unit="pictures") as bar,
        workers() as pool,
    ):
        for chunk, digests in zip(chunks, pool.map(partial(_digests, source), chunks), strict=True):
            for index, digest in zip(chunk, digests, strict=True):
                readable[index] = digest is not None
                codes[index] = np.frombuffer(digest or bytes(16), np.uint8)
            bar.update(chunk.stop)
    if not readable.any():
        raise DCGANError(f"None of the {len(source):,} pictures of {source.name} can be read.")
    return codes[readable], np.flatnonzero(readable)


def _digests(source: Source, indices: Sequence[int]) -> list[bytes | None]:
    return [_digest(item) for item in source.read(indices, SHEET_SIZE)]


def _digest(item: Item) -> bytes | None:
    """Of the pixels with their transparency, whole; None if the picture cannot be read."""
    content = item.content
    try:
        if isinstance(content, bytes):
            return pixel_digest(decode_whole(content, 4))
        return None if isinstance(content, OSError) else pixel_digest(content)
    except PictureError:
        return None


def keep_table(path: Path) -> None:
    """Renames a table that stands there, in which somebody may have struck out lines."""
    if path.exists():
        kept = path.replace(path.with_name(KEPT_FILE))
        logger.info("The table that stood there before is %s now.", kept)


def write_duplicates(found: Duplicates, source: Source, path: Path) -> None:
    """Writes a row for each duplicate: group, kept, dropped, distance.

    Raises:
        DCGANError: it cannot be written.
    """
    group = np.cumsum(np.diff(found.kept, prepend=-1) > 0)
    columns = zip(group, found.kept, found.dropped, found.distances, strict=True)
    rows = (
        (number, source.picture_name(int(kept)), source.picture_name(int(dropped)), distance)
        for number, kept, dropped, distance in columns
    )
    write_table(path, chain([HEADER], rows))


def write_sheet(found: Duplicates, source: Source, path: Path) -> None:
    """Shows groups side by side, the kept one first; of many groups a sample from all over.

    Without duplicates there is no sheet, and an older one goes.

    Raises:
        DCGANError: it cannot be written.
    """
    groups = [read_pictures(source, numbers) for numbers in sampled_groups(found)]
    if groups:
        blocks = [sheet(pictures, len(pictures)) for pictures in groups]
        save_picture(on_shelves(blocks, SHEET_WIDTH), path)
    else:
        path.unlink(missing_ok=True)


def sampled_groups(found: Duplicates) -> Iterator[list[int]]:
    """The numbers of the pictures of up to 120 groups, up to 8 of each."""
    starts = np.flatnonzero(np.diff(found.kept, prepend=-1))
    ends = np.append(starts[1:], len(found))
    count = min(len(starts), SHEET_GROUPS)
    for group in np.linspace(0, len(starts) - 1, count).astype(int):
        members = found.dropped[starts[group] : ends[group]]
        yield [int(found.kept[starts[group]]), *members[: MOST_OF_GROUP - 1].tolist()]


def read_pictures(source: Source, numbers: Sequence[int]) -> list[Picture]:
    """Pictures of a source as a sheet shows them; white where one can be read no longer."""
    pictures = []
    for content, _ in source.read(numbers, SHEET_SIZE):
        try:
            pictures.append(decode_item(content, SHEET_CONFIG))
        except PictureError:
            pictures.append(EMPTY)
    return pictures


def on_shelves(blocks: Sequence[Picture], width: int) -> Picture:
    """Blocks of one height in rows on a dark sheet, which parts them on all sides.

    Args:
        blocks: (H, W, 3) each.
        width: of the sheet in pixels; no block is wider than that less twice the gap.
    """
    places, row, left = [], 0, SHEET_GAP
    for block in blocks:
        if left + block.shape[1] + SHEET_GAP > width:
            row, left = row + 1, SHEET_GAP
        places.append((row, left))
        left += block.shape[1] + SHEET_GAP
    height = blocks[0].shape[0]
    down = height + SHEET_GAP
    canvas = np.full(((row + 1) * down + SHEET_GAP, width, 3), SHEET_SHADE, np.uint8)
    for block, (row, left) in zip(blocks, places, strict=True):
        top = SHEET_GAP + row * down
        canvas[top : top + height, left : left + block.shape[1]] = block
    return canvas
