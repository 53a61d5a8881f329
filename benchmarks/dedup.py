"""How many planted copies `dcgan dedup` finds, and how many other pictures it takes for copies.

    python benchmarks/dedup.py SOURCE [--tile 32] [--copies 1000] [--methods NAMES] [--sheets DIR]

Copies of several kinds, each kind of other pictures, are put behind those of the source; then every
method groups them all. With --tile the source holds mosaics, which are cut up into pictures of that
side first; otherwise copies are made at the pictures' own size. Printed are, for each method and
radius, the share of each kind of copy that is found in its original's group, and

dropped    how many pictures are dropped in all
lost       different pictures of which no copy is left; what a source itself holds twice is no
           different picture, if its pixels are as near as `same_picture` says
precision  1 - lost / dropped

The autoencoder's settings can be tried out: --noise, --dropout, --weight-decay, --colour, --steps,
--seed. --sheets writes a sheet for each row: those groups in which a picture is lost.
"""

import argparse
import io
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from dcgan.config import PackConfig
from dcgan.data import autoencoder
from dcgan.data.autoencoder import SIDE, binary_codes, fit_autoencoder
from dcgan.data.dedup import Duplicates, exact_codes, find_duplicates, perceptual_codes, write_sheet
from dcgan.data.hashes import Codes
from dcgan.data.packing import open_pack
from dcgan.data.readers.items import Source
from dcgan.data.sources import open_source
from dcgan.images import Picture, decode_whole, refit
from dcgan.size import Size

CHUNK = 64
RADII = {"exact": (0,), "perceptual": (0, 2, 4, 8), "autoencoder": (0, 1, 2, 4, 8)}
TRIED = ("noise", "dropout", "weight_decay", "colour", "steps")


def jpeg(picture: Picture) -> Picture:
    content = io.BytesIO()
    Image.fromarray(picture).save(content, "JPEG", quality=50)
    return np.asarray(Image.open(content).convert("RGB"))


def shifted(picture: Picture) -> Picture:
    return np.concatenate([picture[:, :1], picture[:, :-1]], axis=1)


def scaled(factor: float) -> Callable[[Picture], Picture]:
    return lambda picture: (picture * factor).round().clip(0, 255).astype(np.uint8)


def resized(picture: Picture) -> Picture:
    """To three quarters and back."""
    height, width = picture.shape[:2]
    smaller = refit(picture, Size(height * 3 // 4, width * 3 // 4), crop="none")
    return refit(smaller, Size(height, width), crop="none")


KINDS: dict[str, Callable[[Picture], Picture]] = {
    "unchanged": lambda picture: picture,
    "JPEG 50": jpeg,
    "1 px": shifted,
    "+5%": scaled(1.05),
    "-5%": scaled(0.95),
    "resized": resized,
    "mirrored": lambda picture: picture[:, ::-1],
}


def whole_pictures(source: Source, tile: int | None) -> Iterator[Picture]:
    """The pictures (H, W, 3) of a source, or of the mosaics in it."""
    for start in range(0, len(source), CHUNK):
        indices = range(start, min(start + CHUNK, len(source)))
        for content, _ in source.read(indices, Size(SIDE, SIDE)):
            if isinstance(content, OSError):
                raise content
            picture = decode_whole(content) if isinstance(content, bytes) else content
            if tile is None:
                yield picture
                continue
            for top in range(0, picture.shape[0], tile):
                for left in range(0, picture.shape[1], tile):
                    yield picture[top : top + tile, left : left + tile]


def with_copies(
    source: Source, tile: int | None, copies: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The pictures and then the copies, (N, 32, 32, 3), and the originals' numbers (kinds, C)."""
    small, count = Size(SIDE, SIDE), sum(1 for _ in whole_pictures(source, tile))
    copies = min(copies, count // len(KINDS))
    originals = np.random.default_rng(0).permutation(count)[: copies * len(KINDS)]
    place = {int(number): i for i, number in enumerate(originals)}
    kinds = list(KINDS.values())
    pixels = np.empty((count + len(originals), SIDE, SIDE, 3), np.uint8)
    for number, picture in enumerate(whole_pictures(source, tile)):
        pixels[number] = refit(picture, small)
        if number in place:
            i = place[number]
            pixels[count + i] = refit(np.ascontiguousarray(kinds[i // copies](picture)), small)
    return pixels, originals.reshape(len(KINDS), copies)


def same_picture(one: Picture, other: Picture) -> bool:
    """Whether pixels are correlated by 0.96 and differ by 20 of 255 (root mean square) at most.

    The rule that agrees with the eye on all pairs of Tiny-ImageNet: see docs/dedup.md.
    """
    a, b = one.ravel().astype(float), other.ravel().astype(float)
    if np.array_equal(a, b):
        return True
    return bool(np.sqrt(((a - b) ** 2).mean()) <= 20 and np.corrcoef(a, b)[0, 1] >= 0.96)


def judged(
    found: Duplicates, pixels: NDArray[np.uint8], originals: NDArray[np.int64]
) -> tuple[NDArray[np.float64], int, NDArray[np.bool_]]:
    """The share found of each kind, how many pictures are lost, and which drops lose one."""
    total, count = len(pixels), len(pixels) - originals.size
    groups = np.arange(total)
    groups[found.dropped] = found.kept
    shown = np.concatenate([np.arange(count), originals.ravel()])  # what each picture shows
    for kept, dropped in zip(found.kept, found.dropped, strict=True):
        if dropped < count and same_picture(pixels[kept], pixels[dropped]):
            shown[shown == dropped] = shown[kept]
    share = (groups[count:].reshape(originals.shape) == groups[originals]).mean(axis=1)
    left = np.unique(shown[groups == np.arange(total)])
    loses = ~np.isin(shown[found.dropped], left)
    return share, len(np.unique(shown)) - len(left), loses


def codes_of(method: str, place: Path, seed: int) -> Codes:
    if method == "exact":
        return exact_codes(open_source(place))[0]
    channels = 1 if method == "perceptual" else 3
    pack = open_pack(place, PackConfig(size=Size(SIDE, SIDE), channels=channels))
    if method == "perceptual":
        return perceptual_codes(pack)
    device = torch.device("cpu")
    return binary_codes(fit_autoencoder(pack, seed, device), pack, device)


def part(found: Duplicates, chosen: NDArray[np.bool_]) -> Duplicates:
    """Those groups in which one of the chosen duplicates stands."""
    rows = np.isin(found.kept, found.kept[chosen])
    return Duplicates(
        found.pictures, 0, found.kept[rows], found.dropped[rows], found.distances[rows]
    )


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("source")
    parser.add_argument("--tile", type=int)
    parser.add_argument("--copies", type=int, default=1_000, help="of each kind, at most")
    parser.add_argument("--methods", nargs="+", choices=RADII, default=list(RADII))
    parser.add_argument("--sheets", type=Path)
    parser.add_argument("--seed", type=int, default=42)
    for name in TRIED:
        kind = int if name == "steps" else float
        parser.add_argument("--" + name.replace("_", "-"), type=kind)
    return parser.parse_args()


def main() -> None:
    arguments = parse()
    for name in TRIED:
        if getattr(arguments, name) is not None:
            setattr(autoencoder, name.upper(), getattr(arguments, name))
    pixels, originals = with_copies(open_source(arguments.source), arguments.tile, arguments.copies)
    print(f"{len(pixels) - originals.size:,} pictures, {originals.shape[1]:,} copies of each kind")
    print(f"{'':20}" + "".join(f"{kind:>10}" for kind in KINDS) + "   dropped   lost  precision")
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["DCGAN_CACHE"] = scratch
        place = Path(scratch) / "pictures.npy"
        np.save(place, pixels)
        for method in arguments.methods:
            start = time.perf_counter()
            codes = codes_of(method, place, arguments.seed)
            print(f"{method}: {time.perf_counter() - start:.0f} s for the codes", flush=True)
            for radius in RADII[method]:
                start = time.perf_counter()
                found = find_duplicates(codes, np.arange(len(codes)), radius, len(codes))
                seconds = time.perf_counter() - start
                share, lost, loses = judged(found, pixels, originals)
                precision = 1 - lost / max(len(found), 1)
                print(
                    f"  radius {radius}, {seconds:5.1f} s ".ljust(20)
                    + "".join(f"{value:10.1%}" for value in share)
                    + f"{len(found):10,} {lost:6,} {precision:10.2%}",
                    flush=True,
                )
                if arguments.sheets:
                    sheet = arguments.sheets / f"{method}-{radius}.png"
                    write_sheet(part(found, loses), open_source(place), sheet)


if __name__ == "__main__":
    main()
