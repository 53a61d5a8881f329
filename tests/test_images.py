"""The decoder's policy, one case at a time, on files made here."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from dcgan.config import PackConfig
from dcgan.errors import DCGANError
from dcgan.images import (
    Picture,
    PictureError,
    decode,
    file_size,
    is_grey,
    refit,
    require_colour,
    save_picture,
    sheet,
    to_bytes,
    to_floats,
)
from dcgan.size import Size
from tests.conftest import drawn_picture

EIGHT = Size(8, 8)


def encoded(picture: Image.Image, format: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, format=format, **options)
    return file.getvalue()


def flat(colour: object, mode: str = "RGB", side: int = 8) -> Image.Image:
    return Image.new(mode, (side, side), colour)  # type: ignore[arg-type]


def colour_of(picture: Picture) -> list[int]:
    assert (picture == picture[0, 0]).all()
    return [int(value) for value in picture[0, 0]]


def test_every_byte_comes_back() -> None:
    pixels = torch.arange(256, dtype=torch.uint8).reshape(1, 16, 16, 1)
    images = to_floats(pixels)
    assert images.shape == (1, 1, 16, 16)
    assert (images.min().item(), images.max().item()) == (-1.0, 1.0)
    assert torch.equal(to_bytes(images), pixels)


def test_floats_are_laid_out_for_the_networks_without_a_copy_of_the_order() -> None:
    images = to_floats(torch.zeros(2, 8, 8, 3, dtype=torch.uint8))
    assert images.is_contiguous(memory_format=torch.channels_last)


def test_beyond_the_range_is_cut() -> None:
    images = torch.tensor([-3.0, 3.0]).reshape(1, 1, 1, 2)
    assert to_bytes(images).flatten().tolist() == [0, 255]


@pytest.mark.parametrize("format", ["PNG", "BMP", "TIFF", "GIF", "WEBP", "JPEG"])
def test_formats(format: str) -> None:
    options = {"lossless": True} if format == "WEBP" else {}
    picture = decode(encoded(flat((200, 30, 90)), format, **options), EIGHT)
    assert picture.dtype == np.uint8
    assert picture.shape == (8, 8, 3)
    np.testing.assert_allclose(picture[4, 4], (200, 30, 90), atol=3)


def test_a_picture_of_the_right_size_is_not_touched() -> None:
    picture = drawn_picture(3, 8, 8)
    np.testing.assert_array_equal(decode(encoded(picture), EIGHT), np.asarray(picture))


@pytest.mark.parametrize("mode", ["L", "LA", "1", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_modes(mode: str, channels: int) -> None:
    picture = drawn_picture(1, 12, 12).convert("RGB" if mode == "LAB" else "RGBA").convert("RGB")
    if mode == "LAB":
        rgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        converted = ImageCms.profileToProfile(picture, rgb, lab, outputMode="LAB")
        assert converted is not None
        picture = converted
    else:
        picture = picture.convert(mode)
    result = decode(encoded(picture, "TIFF"), EIGHT, channels)
    assert result.shape == (8, 8, channels)
    assert result.std() > 10


def test_exif_turn() -> None:
    picture = Image.new("RGB", (20, 10), "red")
    picture.paste((0, 0, 255), (0, 0, 10, 10))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise: the left half comes to the top
    data = encoded(picture, "PNG", exif=exif)
    assert file_size(data) == (20, 10)
    turned = decode(data, Size(20, 10))
    assert turned[3, 5].tolist() == [0, 0, 255]
    assert turned[16, 5].tolist() == [255, 0, 0]


def test_transparency_is_laid_over_the_background_or_kept() -> None:
    data = encoded(flat((255, 0, 0, 0), "RGBA"))
    assert colour_of(decode(data, EIGHT)) == [255, 255, 255]
    assert colour_of(decode(data, EIGHT, background="#102030")) == [16, 32, 48]
    assert colour_of(decode(data, EIGHT, channels=1, background="black")) == [0]
    assert colour_of(decode(data, EIGHT, channels=4)) == [255, 0, 0, 0]
    half = encoded(flat((255, 0, 0, 128), "RGBA"))
    np.testing.assert_allclose(colour_of(decode(half, EIGHT)), [255, 127, 127], atol=1)


def test_palette_with_transparency() -> None:
    picture = Image.new("P", (8, 8), 1)
    picture.putpalette([10, 20, 30, 200, 100, 50])
    assert colour_of(decode(encoded(picture), EIGHT)) == [200, 100, 50]
    assert colour_of(decode(encoded(picture, transparency=1), EIGHT)) == [255, 255, 255]


def test_16_bits_are_scaled() -> None:
    values = np.array([0, 257, 32768, 65535], np.uint16).repeat(16).reshape(8, 8)
    for format in ("PNG", "TIFF"):
        result = decode(encoded(Image.fromarray(values), format), EIGHT, channels=1)
        assert sorted({int(v) for v in result.flatten()}) == [0, 1, 128, 255]


def test_float_pictures_have_no_known_range() -> None:
    picture = Image.fromarray(np.linspace(-1, 1, 64, dtype=np.float32).reshape(8, 8))
    with pytest.raises(PictureError, match="values reach from -1 to 1, not 0 to 65535"):
        decode(encoded(picture, "TIFF"), EIGHT)


def test_first_frame_of_an_animation() -> None:
    frames = [flat("blue"), flat("red")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert colour_of(decode(data, EIGHT)) == [0, 0, 255]


def test_icc_profile_is_applied_and_a_broken_one_is_not() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = drawn_picture(2, 8, 8)
    same = decode(encoded(picture, icc_profile=profile), EIGHT)
    np.testing.assert_allclose(same.astype(int), np.asarray(picture).astype(int), atol=2)
    # With the names of two primaries exchanged it says that what is stored as red means blue.
    exchanged = (
        profile.replace(b"rXYZ", b"?XYZ").replace(b"bXYZ", b"rXYZ").replace(b"?XYZ", b"bXYZ")
    )
    turned = decode(encoded(flat((255, 0, 0), "RGB"), icc_profile=exchanged), EIGHT)
    assert np.abs(np.array(colour_of(turned)) - [0, 0, 255]).max() <= 2
    broken = decode(encoded(picture, icc_profile=b"no profile"), EIGHT)
    np.testing.assert_array_equal(broken, np.asarray(picture))


def test_cmyk_becomes_rgb() -> None:
    data = encoded(flat((0, 255, 255, 0), "CMYK"), "TIFF")
    assert colour_of(decode(data, EIGHT)) == [255, 0, 0]


def test_crop_takes_the_centre() -> None:
    picture = Image.new("RGB", (24, 8), "red")
    picture.paste((0, 255, 0), (8, 0, 16, 8))
    assert colour_of(decode(encoded(picture), EIGHT)) == [0, 255, 0]
    tall = picture.rotate(90, expand=True)
    assert colour_of(decode(encoded(tall), EIGHT)) == [0, 255, 0]


def test_other_crops() -> None:
    picture = Image.new("RGB", (24, 16), "red")
    picture.paste((0, 255, 0), (8, 4, 16, 12))
    data = encoded(picture)
    assert colour_of(decode(data, EIGHT, crop="8")) == [0, 255, 0]
    squeezed = decode(data, Size(16, 24), crop="none")
    turned = np.asarray(picture.resize((24, 16), Image.Resampling.LANCZOS))
    assert squeezed.shape == (16, 24, 3)
    assert np.array_equal(squeezed, turned)
    corner = decode(data, EIGHT, crop="none")[0, 0]
    assert corner.tolist() == [255, 0, 0]
    assert np.array_equal(decode(data, EIGHT, crop="999"), decode(data, EIGHT))
    # The pixels in the middle of a large JPEG are not looked for in a reduced one.
    large = encoded(picture.resize((960, 640), Image.Resampling.NEAREST), "JPEG")
    np.testing.assert_allclose(colour_of(decode(large, EIGHT, crop="200")), [0, 255, 0], atol=3)


@pytest.mark.parametrize("crop", ["center", "0", "-5", "1.5", ""])
def test_crops_that_are_none(crop: str) -> None:
    with pytest.raises(DCGANError, match=r"`crop` \(=.*\) must be centre, none, or a side"):
        PackConfig(crop=crop)


def test_shrinking_is_antialiased() -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    shrunk = decode(encoded(Image.fromarray(stripes)), EIGHT)
    np.testing.assert_allclose(shrunk[:, 1:-1], 127.5, atol=3)


def test_large_jpegs_are_decoded_at_a_fraction_and_look_the_same() -> None:
    picture = drawn_picture(5, 640, 480)
    fast = decode(encoded(picture, "JPEG", quality=95), Size(16, 16))
    slow = decode(encoded(picture, "PNG"), Size(16, 16))
    assert np.abs(fast.astype(int) - slow).mean() < 4


def test_refit_is_decode_without_a_file() -> None:
    pixels = np.asarray(drawn_picture(4, 30, 20))
    data = encoded(Image.fromarray(pixels))
    np.testing.assert_array_equal(refit(pixels, EIGHT), decode(data, EIGHT))
    np.testing.assert_array_equal(refit(pixels, EIGHT, 1), decode(data, EIGHT, 1))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not a picture"),
        (b"Just some words.", "not a picture"),
        (encoded(drawn_picture(1, 64, 64))[:-200], "damaged"),
        (encoded(drawn_picture(1, 64, 64), "JPEG")[:-300], "damaged"),
    ],
)
def test_unreadable(data: bytes, reason: str) -> None:
    with pytest.raises(PictureError, match=reason):
        decode(data, EIGHT)


def test_decompression_bombs_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(Image.new("1", (2000, 2000)))
    monkeypatch.setattr("dcgan.images.LARGEST_PICTURE", 3_999_999)
    with pytest.raises(PictureError, match="too large: 2000x2000 pixels"):
        decode(data, EIGHT)


def test_no_size() -> None:
    assert file_size(b"words") is None


def test_grey() -> None:
    assert is_grey(np.full((4, 4, 3), 9, np.uint8))
    assert not is_grey(np.asarray(flat((9, 9, 8))))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sheet(channels: int, tmp_path: Path) -> None:
    pixels = torch.arange(5, dtype=torch.uint8).reshape(5, 1, 1, 1).expand(5, 4, 6, channels)
    made = sheet(pixels, columns=3)
    assert made.shape == (2 * 6 + 2, 3 * 8 + 2, channels)
    assert made[2, 2, 0] == 0
    assert made[2, 10, 0] == 1
    assert made[8, 2, 0] == 3
    assert made[0, 0, 0] == made[8, 18, 0] == 255
    save_picture(made, tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as saved:
        assert np.array_equal(np.asarray(saved).reshape(made.shape), made)


def test_saving_refuses_what_it_cannot_write(tmp_path: Path) -> None:
    picture = np.zeros((4, 4, 4), np.uint8)
    with pytest.raises(DCGANError, match=r"sheet\.txt must end in one of: \.png"):
        save_picture(picture, tmp_path / "sheet.txt")
    with pytest.raises(DCGANError, match="JPEG keeps no transparency"):
        save_picture(picture, tmp_path / "sheet.jpg")
    with pytest.raises(DCGANError, match="Cannot write the picture .*: there is no folder"):
        save_picture(picture, tmp_path / "missing" / "sheet.png")
    tall = np.zeros((65_501, 2, 3), np.uint8)
    with pytest.raises(DCGANError, match=r"2x65501 pixels, as a JPEG file has .* 65,500 at most"):
        save_picture(tall, tmp_path / "sheet.jpg")
    with pytest.raises(DCGANError, match=r"as a WEBP file has sides of 16,383 at most; take \.png"):
        save_picture(tall[:16_384], tmp_path / "sheet.webp")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "longest"), [("s.jpg", 65_500), ("s.webp", 16_383)])
def test_the_longest_pictures(tmp_path: Path, name: str, longest: int) -> None:
    save_picture(np.zeros((longest, 2, 3), np.uint8), tmp_path / name)
    with Image.open(tmp_path / name) as saved:
        assert saved.size == (2, longest)


def test_colours() -> None:
    require_colour("#fff")
    with pytest.raises(DCGANError, match=r"`background` \(=whit\) is no colour.*'white'"):
        require_colour("whit")
