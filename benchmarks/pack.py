"""Packing beside a plain loop: the same photographs, decoded and cut to 64x64, pictures a second.

    python benchmarks/pack.py FOLDER_OF_PHOTOGRAPHS [--size 64] [--repeats 3]

The plain loop opens each file with Pillow, resizes the shorter side and cuts the centre, in one
process. Ours is timed twice: with JPEGs decoded in full, which shows what the cores bring, and as
it is. The variants run in turn, several times over; the best of each counts.
"""

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import dcgan
from dcgan.data.readers.folder import Folder
from dcgan.size import Size


def plain_loop(folder: Path, size: Size) -> NDArray[np.uint8]:
    pictures = []
    for file in Folder(folder, "plain").files:
        with Image.open(folder / file) as image:
            picture = image.convert("RGB")
        scale = max(size.width / picture.width, size.height / picture.height)
        width, height = round(picture.width * scale), round(picture.height * scale)
        picture = picture.resize((width, height), Image.Resampling.LANCZOS)
        left, top = (width - size.width) // 2, (height - size.height) // 2
        box = (left, top, left + size.width, top + size.height)
        pictures.append(np.asarray(picture.crop(box)))
    return np.stack(pictures)


def ours(folder: Path, size: Size, crop: str) -> NDArray[np.uint8]:
    target = Path(tempfile.mkdtemp()) / "pack"
    config = dcgan.PackConfig(size=size, channels=3, crop=crop)
    try:
        made = dcgan.pack(folder, target, config)
        return made.pictures(np.arange(len(made)))
    finally:
        shutil.rmtree(target.parent)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", type=Size.of, default=Size(64, 64))
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    folder, size = arguments.folder, arguments.size
    variants: dict[str, Callable[[], NDArray[np.uint8]]] = {
        "plain loop": lambda: plain_loop(folder, size),
        # A crop of more pixels than there are changes nothing but that JPEGs are decoded in full.
        "ours, JPEGs decoded in full": lambda: ours(folder, size, "1000000"),
        "ours": lambda: ours(folder, size, "centre"),
    }
    seconds = dict.fromkeys(variants, float("inf"))
    results = {}
    for _ in range(arguments.repeats):
        for name, variant in variants.items():
            start = time.perf_counter()
            results[name] = variant()
            seconds[name] = min(seconds[name], time.perf_counter() - start)
    wanted = results["plain loop"].astype(int)
    print(f"{len(wanted)} pictures")
    print(f"{'':30} pictures/s  ratio  mean difference of 255")
    for name, result in results.items():
        rate, ratio = len(wanted) / seconds[name], seconds["plain loop"] / seconds[name]
        print(f"{name:30} {rate:10.0f} {ratio:6.2f} {np.abs(result - wanted).mean():10.2f}")


if __name__ == "__main__":
    main()
