"""What an audit knows of each picture: some 60 bytes, found in one pass over the source."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from functools import partial
from math import isnan
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dcgan.config import PackConfig
from dcgan.data.hashes import HASH_SIDE, perceptual_hash, pixel_digest
from dcgan.data.packing import decode_item
from dcgan.data.readers.items import Source
from dcgan.data.workers import workers
from dcgan.images import (
    Header,
    Picture,
    PictureError,
    decode_opened,
    header_of,
    opened,
    refit,
)
from dcgan.log import progress
from dcgan.size import Size

CHUNK = 16
BLOCK = 256 * CHUNK
"""Pictures handed to the threads at a time."""
OUTLIERS = 100
"""One pixel in so many may be brighter, darker or more colourful than what is said of a picture."""

Content = bytes | Picture | OSError
"""What a source gives of a picture: a file's bytes, pixels (H, W, C), or why neither can be had."""

FACT = np.dtype(
    [
        ("readable", np.bool_),
        ("height", np.int32),  # of the file, turned as EXIF says
        ("width", np.int32),
        ("alpha", np.bool_),
        ("has_more", np.bool_),
        ("is_file", np.bool_),
        ("file", np.uint8, 16),  # a digest of the bytes
        # Of the picture as training sees it: decoded, cropped and resized.
        ("pixels", np.uint8, 16),
        ("look", np.uint8, 8),
        ("darkest", np.uint8),
        ("brightest", np.uint8),
        ("spread", np.uint8),
        ("colour", np.uint8),
    ]
)


class Facts(NamedTuple):
    """What was found in some pictures of a source."""

    table: NDArray[np.void]
    """(N,) of FACT."""
    classes: NDArray[np.int32]
    """(N, class columns): the class by its index; -1 where there is none."""
    reasons: dict[int, str]
    """Why a picture cannot be read, by its number in the source."""
    kinds: Counter[str]
    """How many of the readable are JPEG, PNG ..., or pixels without a file."""
    modes: Counter[str]
    """How many of the readable are stored in grey, in colour ..."""

    @classmethod
    def of_none(cls, source: Source, count: int) -> "Facts":
        """Room for the facts of so many pictures."""
        classes = np.zeros((count, len(class_columns(source))), np.int32)
        return cls(np.zeros(count, FACT), classes, {}, Counter(), Counter())


def collect(source: Source, config: PackConfig) -> Facts:
    """What is found in all pictures of a source, decoded as packing does, in parallel."""
    found = Facts.of_none(source, len(source))
    work = partial(examine, source, config=config)
    with (
        progress(f"Auditing {source.name}", len(source), unit="pictures") as bar,
        workers() as pool,
    ):
        for start in range(0, len(source), BLOCK):
            end = min(start + BLOCK, len(source))
            chunks = [range(i, min(i + CHUNK, end)) for i in range(start, end, CHUNK)]
            for chunk, part in zip(chunks, pool.map(work, chunks), strict=True):
                found.table[chunk.start : chunk.stop] = part.table
                found.classes[chunk.start : chunk.stop] = part.classes
                found.reasons.update(part.reasons)
                found.kinds.update(part.kinds)
                found.modes.update(part.modes)
                bar.update(chunk.stop)
    return found


def examine(source: Source, indices: Sequence[int], config: PackConfig) -> Facts:
    """What is found in these pictures of a source."""
    found = Facts.of_none(source, len(indices))
    columns = list(class_columns(source).values())
    small = np.zeros((len(indices), HASH_SIDE, HASH_SIDE), np.uint8)
    for place, (content, labels) in enumerate(source.read(indices, _size(config))):
        found.classes[place] = [-1 if isnan(labels[c]) else labels[c] for c in columns]
        try:
            header, picture = look_at(content, config)
        except PictureError as error:
            found.reasons[indices[place]] = str(error)
            continue
        found.kinds[header.kind] += 1
        found.modes[header.mode] += 1
        small[place] = refit(picture, Size(HASH_SIDE, HASH_SIDE), channels=1)[..., 0]
        _note(found.table[place], header, content, picture)
    found.table["look"] = perceptual_hash(small)
    return found


def look_at(content: Content, config: PackConfig) -> tuple[Header, Picture]:
    """What a picture says of itself, and the pixels that packing makes of it.

    Raises:
        PictureError: it cannot be read or decoded.
    """
    if not isinstance(content, bytes):
        picture = decode_item(content, config)
        return header_of_pixels(content if isinstance(content, np.ndarray) else picture), picture
    wanted = (_size(config), config.channels or 3, config.background, config.crop)
    with opened(content) as file:
        return header_of(file), decode_opened(file, *wanted)


def header_of_pixels(pixels: Picture) -> Header:
    """What pixels (H, W, C) without a file are."""
    height, width, channels = pixels.shape
    mode = {1: "grey", 3: "colour", 4: "colour with alpha"}[channels]
    return Header(Size(height, width), "pixels", mode, alpha=channels == 4, has_more=False)


def _note(fact: np.void, header: Header, content: Content, picture: Picture) -> None:
    """Writes down all that is found in one picture by itself."""
    fact["readable"], fact["alpha"], fact["has_more"] = True, header.alpha, header.has_more
    fact["height"], fact["width"] = header.size
    if isinstance(content, bytes):
        fact["is_file"] = True
        fact["file"] = _bits(hashlib.blake2b(content, digest_size=16).digest())
    fact["pixels"] = _bits(pixel_digest(picture))
    for name, value in tones(picture)._asdict().items():
        fact[name] = value


def _bits(digest: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(digest, np.uint8)


def _size(config: PackConfig) -> Size:
    assert config.size is not None, "chosen by `audit`"
    return config.size


class Tones(NamedTuple):
    """The tones of a picture, of 255, all but for a hundredth of its pixels at each end."""

    darkest: int
    brightest: int
    spread: int
    """How far the values of one channel lie apart, of that channel where they do most."""
    colour: int
    """How far the channels of one pixel lie apart; 0 in a grey picture."""


def tones(picture: Picture) -> Tones:
    """The tones of a picture (H, W, C); a speck does not count."""
    values = np.ascontiguousarray(picture.reshape(-1, picture.shape[2]).T)
    cut = values.shape[1] // OUTLIERS
    last = values.shape[1] - 1 - cut
    ordered = np.partition(values, (cut, last), axis=1)
    low, high = ordered[:, cut], ordered[:, last]
    colour = np.partition(values.max(axis=0) - values.min(axis=0), last)[last]
    return Tones(int(low.min()), int(high.max()), int((high - low).max()), int(colour))


def class_columns(source: Source) -> dict[str, int]:
    """The label columns that hold classes, with their places."""
    return {name: place for place, (name, classes) in enumerate(source.columns.items()) if classes}
