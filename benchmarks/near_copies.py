"""How many near-copies the perceptual hash finds, and how many it only believes to see.

Recall: altered copies of pictures of a source, by the bits in which their hash differs from the
original's. Pairs: how many pairs of pictures of the source lie as near, copies or not; with --sheet
they are drawn side by side, so that somebody can tell which. Distances are even, as half of the 64
bits are ones.

    python benchmarks/near_copies.py PICTURES
    python benchmarks/near_copies.py PICTURES --size 32 --sheet pairs.png --radius 2
"""

import io
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageOps

from dcgan.config import PackConfig
from dcgan.data.audit.facts import Facts, collect
from dcgan.data.audit.findings import is_blank
from dcgan.data.hashes import HASH_SIDE, hamming, perceptual_hash
from dcgan.data.packing import decode_item
from dcgan.data.readers.items import Source
from dcgan.data.sources import open_source
from dcgan.images import Picture, decode_whole, refit, save_picture, sheet
from dcgan.size import Size

RADII = (0, 2, 4, 6, 8)
MOST_COPIES = 1_000
SHOWN = Size(64, 64)
Alteration = Callable[[Image.Image], Image.Image]


def recompressed(picture: Image.Image, quality: int) -> Image.Image:
    """After a JPEG file of this quality."""
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return Image.open(file)


def trimmed(picture: Image.Image, share: float) -> Image.Image:
    """Without a share of each side, at every edge."""
    across, down = round(picture.width * share), round(picture.height * share)
    return picture.crop((across, down, picture.width - across, picture.height - down))


ALTERATIONS: dict[str, Alteration] = {
    "half as large": lambda p: p.resize((p.width // 2, p.height // 2)),
    "twice as large": lambda p: p.resize((p.width * 2, p.height * 2)),
    "JPEG of quality 75": lambda p: recompressed(p, 75),
    "JPEG of quality 30": lambda p: recompressed(p, 30),
    "half as large, JPEG 50": lambda p: recompressed(p.resize((p.width // 2, p.height // 2)), 50),
    "a fifth brighter": lambda p: ImageEnhance.Brightness(p).enhance(1.2),
    "in grey": lambda p: ImageOps.grayscale(p).convert("RGB"),
    "1% less at each edge": lambda p: trimmed(p, 0.01),
    "4% less at each edge": lambda p: trimmed(p, 0.04),
    "mirrored": ImageOps.mirror,
}


def hash_of(pictures: list[Picture], size: Size) -> NDArray[np.uint8]:
    """The hashes (N, 8) of pictures, as the audit takes them at this size."""
    at_size = [refit(picture, size) for picture in pictures]
    small = [refit(picture, Size(HASH_SIDE, HASH_SIDE), channels=1)[..., 0] for picture in at_size]
    return perceptual_hash(np.array(small))


def whole_pictures(source: Source, count: int) -> list[Picture]:
    """Readable pictures from all over a source, whole."""
    numbers = np.unique(np.linspace(0, len(source) - 1, count).astype(int)).tolist()
    contents = (item.content for item in source.read(numbers, SHOWN))
    return [decode_whole(c) if isinstance(c, bytes) else refit(c, Size(*c.shape[:2]))
            for c in contents if not isinstance(c, OSError)]  # fmt: skip


def close_pairs(facts: Facts) -> NDArray[np.int64]:
    """(P, 3): distance, and the numbers of both, of all pairs within the largest radius."""
    numbers = np.flatnonzero(facts.table["readable"] & ~is_blank(facts.table))
    codes = facts.table["look"][numbers]
    found = [np.zeros((0, 3), np.int64)]
    for place, code in enumerate(codes):
        distances = hamming(codes[place + 1 :], code)
        near = np.flatnonzero(distances <= RADII[-1])
        first = np.full(len(near), numbers[place])
        found.append(np.stack([distances[near], first, numbers[place + 1 + near]], axis=1))
    return np.concatenate(found)


def draw_pairs(source: Source, pairs: NDArray[np.int64], path: Path) -> None:
    """A sheet of the pairs, side by side."""
    config = PackConfig(size=SHOWN, channels=3)
    drawn = []
    for pair in pairs[:, 1:].tolist():
        sides = [decode_item(next(iter(source.read([n], SHOWN))).content, config) for n in pair]
        drawn.append(np.concatenate([*sides, np.zeros((SHOWN.height, 8, 3), np.uint8)], axis=1))
    save_picture(sheet(drawn, 8), path)


@click.command()
@click.argument("place")
@click.option("--size", default=64, help="As the audit would take it.")
@click.option("--sheet", "path", type=click.Path(path_type=Path), help="Draws the pairs.")
@click.option("--radius", default=RADII[-1], help="Of the pairs that are drawn.")
def main(place: str, size: int, path: Path | None, radius: int) -> None:
    source = open_source(place)
    wanted = Size(size, size)
    pictures = whole_pictures(source, MOST_COPIES)
    original = hash_of(pictures, wanted)
    click.echo(f"{'bits that differ, up to':30}" + "".join(f"{r:>9}" for r in RADII))
    for name, alter in ALTERATIONS.items():
        altered = [np.asarray(alter(Image.fromarray(picture))) for picture in pictures]
        distances = hamming(original, hash_of(altered, wanted))
        shares = "".join(f"{np.mean(distances <= r):9.1%}" for r in RADII)
        click.echo(f"{name:30}{shares}")
    pairs = close_pairs(collect(source, PackConfig(size=wanted, channels=3)))
    counts = "".join(f"{int((pairs[:, 0] <= r).sum()):9,}" for r in RADII)
    click.echo(f"{f'pairs among {len(source):,}':30}{counts}")
    chosen = pairs[pairs[:, 0] <= radius]
    if path and len(chosen):
        draw_pairs(source, chosen[np.argsort(chosen[:, 0], kind="stable")], path)


if __name__ == "__main__":
    main()
