"""What many tests share: a cache of their own, a folder of real picture files, tiny options."""

import os

# Each worker of the test run computes on one thread; set before PyTorch is loaded.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

TINY: dict[str, Any] = {"size": 16, "width": 8, "batch": 4, "latent_dim": 6, "device": "cpu"}
"""Options of networks that train in a blink."""


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DCGAN_CACHE", str(tmp_path_factory.mktemp("cache")))


def drawn_picture(number: int, height: int = 24, width: int = 24) -> Image.Image:
    """A colourful picture of its own for each number."""
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    red = np.hypot(x - 0.4, y - 0.3 - number / 40) < 0.3
    green, blue = (x + number / 12) % 1, (y * (1 + number)) % 1
    pixels = np.stack([red, green, blue], axis=-1) * 255
    return Image.fromarray(pixels.round().astype(np.uint8))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of 12 pictures: two kinds of file, flat and in subfolders."""
    folder = tmp_path / "photos"
    (folder / "more" / "still").mkdir(parents=True)
    for number in range(12):
        place = (folder, folder / "more", folder / "more" / "still")[number % 3]
        drawn_picture(number).save(place / f"{number:02}.{'png' if number % 2 else 'bmp'}")
    return folder


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    """A folder of 12 pictures in three class folders."""
    folder = tmp_path / "animals"
    for number in range(12):
        place = folder / ("ant", "bee", "cat")[number % 3]
        place.mkdir(parents=True, exist_ok=True)
        drawn_picture(number).save(place / f"{number:02}.png")
    return folder
