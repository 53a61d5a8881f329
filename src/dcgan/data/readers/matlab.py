"""Reads plain numbers from MATLAB's files of level 5, as SVHN is given, and refuses all else.

The format: MathWorks, "MAT-File Format", chapter 1. A header of 128 bytes, then elements: a tag of
kind and length, then the content. A variable is an element that holds four others: flags, shape,
name and numbers. It may lie, compressed by zlib, within an element of its own.
"""

import math
import struct
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dcgan.data.readers.unpacked import most_unpacked, require_honest

HEADER, LITTLE_ENDIAN_LEVEL_5 = 128, b"\x00\x01IM"
MATRIX, COMPRESSED = 14, 15
NUMBERS = {1: "i1", 2: "u1", 3: "<i2", 4: "<u2", 5: "<i4", 6: "<u4", 7: "<f4", 9: "<f8",
           12: "<i8", 13: "<u8"}  # fmt: skip
"""Kinds of elements that hold numbers."""
BEGINNING = 1024
"""Bytes of a variable in which all but its numbers must lie."""


class Element(NamedTuple):
    """What the tag before an element says."""

    kind: int
    start: int
    """Where its content begins."""
    length: int
    end: int
    """Where the next element begins."""


class Variable(NamedTuple):
    """What a variable says of itself, and where its numbers lie in it."""

    name: str
    shape: tuple[int, ...]
    numbers: Element


def read_matlab(path: Path, names: Collection[str]) -> dict[str, NDArray[Any]]:
    """The variables of these names, as far as they are there; others are not unpacked.

    Raises:
        ValueError, struct.error, zlib.error: it is no such file, or damaged.
        DCGANError: it unpacks to far more than an honest file.
    """
    found = {}
    with path.open("rb") as file:
        if file.read(HEADER)[124:] != LITTLE_ENDIAN_LEVEL_5:
            raise ValueError("it does not begin as a MATLAB file of level 5 does")
        left = path.stat().st_size - HEADER
        while left > 0:
            kind, length = struct.unpack("<II", file.read(8))
            left -= 8 + length
            if left < 0:  # asked before a length that lies is read
                raise ValueError("it ends within a variable")
            content = file.read(length)
            variable = _variable(_body(kind, content, BEGINNING))
            if variable.name in names:
                require_honest(variable.numbers.end, most_unpacked(path), path)
                body = _body(kind, content, variable.numbers.end + 1)
                found[variable.name] = _numbers(variable, body)
    return found


def _body(kind: int, content: bytes, most: int) -> memoryview:
    """The content of a variable, up to so many bytes of it."""
    if kind == MATRIX:
        return memoryview(content)[:most]
    if kind != COMPRESSED:
        raise ValueError(f"it holds an element of kind {kind}, which is no variable")
    stream = zlib.decompressobj()
    body = memoryview(stream.decompress(content, 8 + most))
    if len(body) < 8 + most and not stream.eof:
        raise ValueError("it ends within a compressed variable")
    if _element(body, 0).kind != MATRIX:
        raise ValueError("it holds something compressed that is no variable")
    return body[8:]


def _element(data: memoryview, at: int) -> Element:
    kind, length = struct.unpack_from("<II", data, at)
    if kind >> 16:  # up to four bytes lie in the tag itself
        return Element(kind & 0xFFFF, at + 4, kind >> 16, at + 8)
    return Element(kind, at + 8, length, at + 8 + (length + 7) // 8 * 8)


def _variable(body: memoryview) -> Variable:
    flags = _element(body, 0)
    shape = _element(body, flags.end)
    name = _element(body, shape.end)
    numbers = _element(body, name.end)
    sides = struct.unpack_from(f"<{shape.length // 4}i", body, shape.start)
    text = bytes(body[name.start : name.start + name.length]).decode("latin1")
    return Variable(text, sides, numbers)


def _numbers(variable: Variable, body: memoryview) -> NDArray[Any]:
    name, shape, (kind, start, length, end) = variable
    if kind not in NUMBERS or len(body) != end:  # of complex ones a second half would follow
        raise ValueError(f"{name} is no array of plain numbers")
    if math.prod(shape) * np.dtype(NUMBERS[kind]).itemsize != length:
        raise ValueError(f"{name} has not as many numbers as its shape {shape} says")
    numbers: NDArray[Any] = np.frombuffer(body, NUMBERS[kind], math.prod(shape), start)
    return numbers.reshape(shape, order="F")
