"""Bytes to floats and back; the one decoder of picture files; crops, resizing, sheets.

The decoder's policy, for every source: the first frame of an animation; turned as EXIF says; ICC
profiles and CMYK to sRGB; palettes expanded; 16 bits scaled to 8; transparency laid over a
background colour, or kept where 4 channels are asked for. Then the shorter side is resized with
antialiasing and the centre cut out.
"""

import io
import math
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms, ImageColor, ImageOps, UnidentifiedImageError

from dcgan.errors import DCGANError, did_you_mean
from dcgan.files import replacing
from dcgan.size import Size
from dcgan.tensors import Images, Pixels

Picture = NDArray[np.uint8]
"""(H, W, C) uint8."""

MODES = {1: "L", 3: "RGB", 4: "RGBA"}
COLOURS = {1: "grey", 3: "colour", 4: "colour with alpha"}
"""What pictures of so many channels are called."""
SHEET_GAP = 2
LEAST_SCALE = 2
"""How many times larger than wanted a picture is at least when the antialiasing filter takes it."""
LARGEST_PICTURE = 178_956_970
"""Pixels; what claims to be larger is refused as a decompression bomb (Pillow's own limit)."""


DAMAGED_EXIF = (SyntaxError, ValueError, TypeError, KeyError, struct.error, OverflowError)


class PictureError(Exception):
    """A picture that cannot be decoded; its text is the reason."""


def to_floats(pixels: Pixels) -> Images:
    """Bytes (N, H, W, C) as floats (N, C, H, W) in [-1, 1], without copying to another layout."""
    return pixels.permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)


def to_bytes(images: Images) -> Pixels:
    """Floats (N, C, H, W) in [-1, 1] as bytes (N, H, W, C), rounded to the nearest."""
    scaled = images.detach().float().add(1.0).mul_(127.5).round_().clamp_(0, 255)
    return scaled.to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def decode(
    data: bytes,
    size: Size,
    channels: int = 3,
    background: str = "white",
    crop: str = "centre",
) -> Picture:
    """A picture file's content as pixels of the wanted size.

    Args:
        data: the bytes of a JPEG, PNG, WebP, GIF, BMP or TIFF file.
        size: of the result.
        channels: 1 grey, 3 RGB, 4 RGBA.
        background: a colour's name or #rrggbb, laid behind transparent parts (1 and 3 channels).
        crop: what is cut off before resizing, as `fit` has it.

    Raises:
        PictureError: the bytes are no whole picture of a kind known here.
    """
    with opened(data) as picture:
        return decode_opened(picture, size, channels, background, crop)


def decode_opened(
    picture: Image.Image, size: Size, channels: int, background: str, crop: str
) -> Picture:
    """The pixels of a picture file that `opened` has opened; else as `decode`."""
    if not crop.isdecimal():
        # A JPEG is decoded at a fraction of its size, if that is large enough.
        picture.draft(None, (LEAST_SCALE * max(size), LEAST_SCALE * max(size)))
    upright = turned_upright(picture)
    return to_array(fit(to_mode(upright, channels, background), size, crop))


def decode_whole(data: bytes, channels: int = 3, background: str = "white") -> Picture:
    """A picture file's content as all its pixels, neither cut nor resized; else as `decode`."""
    with opened(data) as picture:
        return to_array(to_mode(turned_upright(picture), channels, background))


@contextmanager
def opened(data: bytes) -> Iterator[Image.Image]:
    """Opens a picture file's content; what goes wrong within becomes a PictureError."""
    try:
        with Image.open(io.BytesIO(data)) as picture:
            if math.prod(picture.size) > LARGEST_PICTURE:
                raise PictureError(f"too large: {picture.width}x{picture.height} pixels")
            yield picture
    except PictureError:
        raise
    except Image.DecompressionBombError as error:
        raise PictureError(f"too large: {error}") from error
    except UnidentifiedImageError as error:
        raise PictureError("not a picture of a known kind") from error
    except Exception as error:  # decoders raise all sorts on damaged files
        raise PictureError(f"damaged: {error or type(error).__name__}") from error


def turned_upright(picture: Image.Image) -> Image.Image:
    """The picture turned as EXIF says; as it is where the EXIF data is damaged."""
    try:
        return ImageOps.exif_transpose(picture)
    except DAMAGED_EXIF:
        return picture


def refit(
    picture: Picture,
    size: Size,
    channels: int = 3,
    background: str = "white",
    crop: str = "centre",
) -> Picture:
    """Pixels (H, W, C), converted and cut to the wanted size as `decode` does with a file."""
    image = Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture)
    return to_array(fit(to_mode(image, channels, background), size, crop))


def to_array(picture: Image.Image) -> Picture:
    """A Pillow picture as (H, W, C) uint8."""
    array = np.asarray(picture)
    return array[..., None] if array.ndim == 2 else array


class Header(NamedTuple):
    """What a picture file says of itself before it is decoded."""

    size: Size
    """Turned as EXIF says."""
    kind: str
    """JPEG, PNG ..."""
    mode: str
    """How its pixels are stored, in words."""
    alpha: bool
    """Whether it can have transparent parts."""
    has_more: bool
    """Whether it holds further frames or pages, which are left out."""


def file_header(data: bytes) -> Header | None:
    """What a picture file says of itself; None if it says nothing that can be read."""
    try:
        with Image.open(io.BytesIO(data)) as picture:
            return header_of(picture)
    except Exception:  # whatever is wrong with it, `decode` will say
        return None


def header_of(picture: Image.Image) -> Header:
    """What an opened file says of itself, before its pixels are decoded."""
    return Header(
        Size(*(picture.size if _lies_down(picture) else picture.size[::-1])),
        str(picture.format),
        stored_as(picture),
        picture.has_transparency_data,
        _has_more(picture),
    )


def file_size(data: bytes) -> Size | None:
    """The size a picture file states in its header, turned as EXIF says; None if it has none."""
    header = file_header(data)
    return header.size if header else None


def _lies_down(picture: Image.Image) -> bool:
    """Whether EXIF says to turn it by a quarter; not so where the EXIF data is damaged."""
    try:
        return bool(picture.getexif().get(ExifTags.Base.Orientation, 1) >= 5)
    except DAMAGED_EXIF:
        return False


def _has_more(picture: Image.Image) -> bool:
    """Whether there is a second frame or page; not so where it is damaged."""
    try:
        # What else is in a phone's MPO helps to show its first picture.
        return picture.format != "MPO" and bool(getattr(picture, "is_animated", False))
    except Exception:  # the first one may be whole
        return False


def stored_as(picture: Image.Image) -> str:
    """How a file's pixels are stored, in words such as `16-bit grey` or `palette with alpha`."""
    mode = picture.mode.partition(";")[0]
    words = {"1": "black and white", "L": "grey", "I": "grey", "P": "palette", "RGB": "colour"}
    word = words.get(mode.rstrip("Aa"), picture.mode)
    # Pillow decodes such colours to 8 bits, and only the raw mode tells.
    depth = "16-bit " if ";16" in f"{picture.mode} {getattr(picture, 'tile', '')}" else ""
    return f"{depth}{word}" + " with alpha" * picture.has_transparency_data


def to_mode(picture: Image.Image, channels: int, background: str) -> Image.Image:
    """The picture in sRGB with this number of channels, by the policy of this module."""
    picture = to_srgb(eight_bits(picture))
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        if channels != 4:
            canvas = Image.new("RGBA", picture.size, ImageColor.getrgb(background))
            picture = Image.alpha_composite(canvas, picture)
    if channels == 1 and picture.mode not in ("L", "1", "LA"):
        picture = picture.convert("RGB")  # so that palettes and the like become grey by luminance
    return picture if picture.mode == MODES[channels] else picture.convert(MODES[channels])


def eight_bits(picture: Image.Image) -> Image.Image:
    """16-bit grey pictures scaled to 8 bits; others as they are."""
    if not picture.mode.startswith(("I", "F")):
        return picture
    values = np.asarray(picture).astype(np.float64)
    low, high = float(values.min()), float(values.max())
    if picture.mode == "F" or low < 0 or high > 65535:
        raise PictureError(f"its values reach from {low:g} to {high:g}, not 0 to 65535")
    return Image.fromarray((values / 257.0).round().astype(np.uint8))


def to_srgb(picture: Image.Image) -> Image.Image:
    """Applies the ICC profile, if there is a sound one; CMYK without one is converted plainly."""
    profile = picture.info.get("icc_profile")
    mode = {"CMYK": "RGB", "RGB": "RGB", "RGBA": "RGBA"}.get(picture.mode)
    if profile and mode:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            target = ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(picture, source, target, outputMode=mode)
            return converted or picture
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass  # a damaged profile: the colours are taken as sRGB
    return picture


def fit(picture: Image.Image, size: Size, crop: str = "centre") -> Image.Image:
    """A part of the picture, resized with antialiasing.

    Args:
        picture: of any size.
        size: of the result.
        crop: `centre`: the largest centred part of the wanted shape, so that the shorter side
            remains whole (ImageNet and LSUN in the paper); a number: the same within the centred
            square with sides of so many pixels; `none`: all, squeezed into the wanted shape.
    """
    within_width, within_height = picture.size
    if crop.isdecimal():
        side = int(crop)
        within_width, within_height = min(side, within_width), min(side, within_height)
    scale = max(size.height / within_height, size.width / within_width)
    # Rounding may make them larger than the picture by a hair.
    width = min(size.width / scale, picture.width)
    height = min(size.height / scale, picture.height)
    if crop == "none":
        width, height = picture.size
    if (width, height) == picture.size == (size.width, size.height):
        return picture
    left, top = (picture.width - width) / 2, (picture.height - height) / 2
    box = (left, top, left + width, top + height)
    # What is much too large is made smaller by plain means first, as JPEGs are in decoding.
    return picture.resize(
        (size.width, size.height), Image.Resampling.LANCZOS, box=box, reducing_gap=LEAST_SCALE
    )


def require_colour(name: str) -> None:
    """Raises a DCGANError unless this is a colour's name or #rrggbb."""
    try:
        ImageColor.getrgb(name)
    except ValueError:
        words = did_you_mean(name, ImageColor.colormap)
        raise DCGANError(
            f"`background` (={name}) is no colour; give a name or #rrggbb. {words}"
        ) from None


def is_grey(picture: Picture) -> bool:
    """Whether all channels of (..., H, W, 3) are equal everywhere."""
    return bool((picture[..., :1] == picture[..., 1:3]).all())


def sheet(pixels: Pixels | Sequence[Picture], columns: int | None = None) -> Picture:
    """Pictures of one size in rows on a sheet with white gaps, as near to a square as N lets."""
    count = len(pixels)
    height, width, channels = pixels[0].shape
    columns = columns or math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    down, across = height + SHEET_GAP, width + SHEET_GAP
    canvas = np.full(
        (rows * down + SHEET_GAP, columns * across + SHEET_GAP, channels), 255, np.uint8
    )
    for index, picture in enumerate(pixels):
        top = SHEET_GAP + index // columns * down
        left = SHEET_GAP + index % columns * across
        canvas[top : top + height, left : left + width] = picture
    return canvas


def save_picture(picture: Picture, path: Path) -> None:
    """Writes (H, W, C) uint8 in the format that the file's name ends with.

    Raises:
        DCGANError: as `require_writable_picture`; or the format knows no picture so large, or the
            file cannot be written.
    """
    require_writable_picture(path, picture.shape[2])
    image = Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture)
    kind = WRITABLE[path.suffix.lower()]
    if max(image.size) > LONGEST.get(kind, math.inf):
        raise DCGANError(
            f"{path} cannot hold {image.width}x{image.height} pixels, as a {kind} file has sides "
            f"of {LONGEST[kind]:,} at most; take .png."
        )
    with replacing(path) as file:
        image.save(file, format=kind)


def to_jpeg(picture: Picture) -> bytes:
    """The content of a JPEG file of (H, W, 3) uint8."""
    content = io.BytesIO()
    Image.fromarray(picture).save(content, "JPEG", quality=90)
    return content.getvalue()


LONGEST = {"JPEG": 65_500, "WEBP": 16_383}
"""Pixels on a side that libjpeg and libwebp write at most."""


def require_writable_picture(path: Path, channels: int) -> None:
    """Raises a DCGANError if no picture with these channels can be written under this name."""
    if path.suffix.lower() not in WRITABLE:
        raise DCGANError(f"{path} must end in one of: {' '.join(WRITABLE)}.")
    if channels == 4 and path.suffix.lower() in (".jpg", ".jpeg"):
        raise DCGANError(f"{path}: JPEG keeps no transparency; take .png or .webp.")
    if path.is_dir() or not path.absolute().parent.is_dir():
        what = "it is a folder" if path.is_dir() else f"there is no folder {path.parent}"
        raise DCGANError(f"Cannot write the picture {path}: {what}.")


WRITABLE = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".bmp": "BMP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}
