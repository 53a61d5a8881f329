"""Pictures to look through: a folder with one of each fault, and a source of any items."""

import io
import shutil
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dcgan.data.readers.items import Columns, Item
from dcgan.size import Size


def blurred(number: int, height: int = 40, width: int = 40) -> Image.Image:
    """A colourful picture that looks like no other number's."""
    random = np.random.default_rng(number)
    pixels = random.integers(0, 256, (6, 6, 3), np.uint8)
    return Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC)


def pixels(number: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The same as pixels (40, 40, 3)."""
    return np.asarray(blurred(number))


class Made:
    """A source of the given items."""

    def __init__(self, items: Sequence[Item], columns: Columns) -> None:
        self.items, self.columns = items, columns
        self.name, self.description = "made", f"{len(items)} pictures made for a test"

    def __len__(self) -> int:
        return len(self.items)

    def fingerprint(self, times: bool = True) -> str:
        return "made"

    def read(self, indices: Sequence[int], size: Size) -> Iterator[Item]:
        return (self.items[index] for index in indices)

    def picture_name(self, index: int) -> str:
        return f"picture {index}"


def labelled(*rows: tuple[int, float]) -> Made:
    """A source of pictures by their numbers, each with a class of `cat` and `dog`."""
    items = [Item(pixels(number), (label,)) for number, label in rows]
    return Made(items, {"class": ("cat", "dog")})


def jpeg(picture: Image.Image, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", **{"quality": 95, **options})
    return file.getvalue()


ORDINARY = 24


@pytest.fixture
def flawed(tmp_path: Path) -> Path:
    """A folder of ordinary pictures among which there is one of each fault."""
    folder = tmp_path / "flawed"
    folder.mkdir()
    for number in range(ORDINARY):
        blurred(number).save(folder / f"a{number:02}.png")
    others = (blurred(number) for number in range(ORDINARY, 100))

    (folder / "truncated.jpg").write_bytes(jpeg(next(others))[:-200])
    (folder / "words.jpg").write_text("words")
    (folder / "empty.png").touch()
    (folder / "gone.png").symlink_to("nowhere")
    claims = bytearray((folder / "a00.png").read_bytes())
    claims[16:24] = (60_000).to_bytes(4) * 2
    claims[29:33] = zlib.crc32(claims[12:29]).to_bytes(4)
    (folder / "bomb.png").write_bytes(claims)

    shutil.copy(folder / "a01.png", folder / "copy.png")
    blurred(2).save(folder / "same.bmp")
    (folder / "recompressed.jpg").write_bytes(jpeg(blurred(3), quality=60))
    blurred(4, 80, 80).save(folder / "larger.png")

    Image.new("RGB", (40, 40), (3, 4, 5)).save(folder / "black.png")
    Image.new("RGB", (40, 40), (250, 249, 248)).save(folder / "white.png")
    Image.new("RGB", (40, 40), (40, 120, 90)).save(folder / "flat.png")
    next(others).convert("L").save(folder / "grey.png")
    next(others).convert("L").convert("RGB").save(folder / "grey-as-colour.jpg")
    next(others).resize((20, 30)).save(folder / "tiny.png")
    next(others).resize((400, 40)).save(folder / "wide.png")

    # Unusual, and no fault.
    next(others).convert("CMYK").save(folder / "cmyk.jpg")
    next(others).quantize(64).save(folder / "palette.png")
    deep = np.asarray(next(others).convert("L")).astype(np.uint16) * 257
    Image.fromarray(deep).save(folder / "deep.png")
    exif = Image.Exif()
    exif[274] = 6
    blurred(50, 60, 45).save(folder / "turned.jpg", exif=exif)
    next(others).resize((1_500, 1_500)).save(folder / "huge.jpg")
    clear = next(others)
    clear.putalpha(Image.linear_gradient("L").resize((40, 40)))
    clear.save(folder / "clear.png")
    frames = [next(others) for _ in range(3)]
    frames[0].save(folder / "moving.gif", save_all=True, append_images=frames[1:])
    return folder
