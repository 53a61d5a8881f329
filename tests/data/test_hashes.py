"""Codes are what they say they are, and groups are those that comparing all pairs would find."""

from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from PIL import Image

from dcgan.data import hashes
from dcgan.data.hashes import group_equal, group_near, hamming, perceptual_hash, pixel_digest
from tests.conftest import drawn_picture

FEW_BITS = st.sampled_from([0, 1, 3, 7, 128, 255])


def codes_of(
    lengths: st.SearchStrategy[int], values: st.SearchStrategy[int]
) -> st.SearchStrategy[NDArray[np.uint8]]:
    shapes = st.tuples(st.integers(0, 40), lengths)
    return shapes.flatmap(lambda shape: arrays.arrays(np.uint8, shape, elements=values))


ALIKE = codes_of(st.integers(1, 17), FEW_BITS)
SHORT = codes_of(st.just(2), st.integers(0, 255))


def groups_by_all_pairs(codes: NDArray[np.uint8], radius: int) -> list[int]:
    bits = np.unpackbits(codes, axis=1).astype(int)
    near = np.abs(bits[:, None] - bits[None]).sum(axis=2) <= radius
    groups = list(range(len(codes)))
    for _ in codes:
        groups = [min(groups[j] for j in np.flatnonzero(row)) for row in near]
    return groups


@given(ALIKE)
def test_equal_codes_are_grouped_with_the_first(codes: NDArray[np.uint8]) -> None:
    rows = [row.tobytes() for row in codes]
    assert group_equal(codes).tolist() == [rows.index(row) for row in rows]


@pytest.mark.parametrize("long_run", [2, 1_024])
@settings(deadline=None)
@given(codes=ALIKE, radius=st.integers(0, 9))
def test_near_codes_are_grouped_as_by_all_pairs(
    long_run: int, codes: NDArray[np.uint8], radius: int
) -> None:
    with mock.patch.object(hashes, "LONG_RUN", long_run):
        assert group_near(codes, radius).tolist() == groups_by_all_pairs(codes, radius)


@settings(deadline=None, max_examples=50)
@given(codes=SHORT, radius=st.integers(1, 4))
def test_near_short_codes(codes: NDArray[np.uint8], radius: int) -> None:
    with mock.patch.object(hashes, "LONG_RUN", 3):
        assert group_near(codes, radius).tolist() == groups_by_all_pairs(codes, radius)


def test_codes_that_agree_in_nearly_all_bits_take_no_time_without_end() -> None:
    codes = np.zeros((1 << 14, 16), np.uint8)
    codes[:, 5:7] = np.arange(1 << 14, dtype=np.uint16).view(np.uint8).reshape(-1, 2)
    assert not group_near(codes, 3).any()


def test_many_random_codes_and_their_near_copies() -> None:
    random = np.random.default_rng(0)
    codes = random.integers(0, 256, (20_000, 16), np.uint8)
    codes[15_000:] = codes[:5_000]
    codes[15_000:17_500, 3] ^= 0b101
    wanted = np.arange(20_000)
    wanted[17_500:] -= 15_000
    assert np.array_equal(group_equal(codes), wanted)
    wanted[15_000:] = np.arange(5_000)
    assert np.array_equal(group_near(codes, 2), wanted)


def test_groups_do_not_change_the_codes() -> None:
    codes = np.random.default_rng(0).integers(0, 4, (100, 3), np.uint8)
    before = codes.copy()
    group_near(codes, 2)
    assert np.array_equal(codes, before)


def test_hamming() -> None:
    one = np.array([[0b1111, 0], [0, 255]], np.uint8)
    assert hamming(one, one[::-1]).tolist() == [12, 12]
    assert hamming(one, one[0]).tolist() == [0, 12]


def test_pixel_digest() -> None:
    picture = np.asarray(drawn_picture(1))
    digest = pixel_digest(picture)
    assert len(digest) == 16
    assert pixel_digest(picture.copy()) == digest
    assert pixel_digest(np.asfortranarray(picture)) == digest
    changed = picture.copy()
    changed[0, 0, 0] ^= 1
    assert pixel_digest(changed) != digest
    assert pixel_digest(np.zeros((2, 3, 1), np.uint8)) != pixel_digest(
        np.zeros((3, 2, 1), np.uint8)
    )


def grey(number: int) -> NDArray[np.uint8]:
    return np.asarray(drawn_picture(number, 32, 32).convert("L"))


def test_perceptual_hash_is_the_cosine_transform_against_its_median() -> None:
    pictures = np.stack([grey(number) for number in range(5)])
    k, n = np.arange(8), np.arange(32)
    cosines = np.cos(np.pi / 32 * (n[None] + 0.5) * k[:, None])
    for picture, code in zip(pictures, perceptual_hash(pictures), strict=True):
        low = np.einsum("ky,lx,yx->kl", cosines, cosines, picture.astype(float)).ravel()
        assert np.array_equal(np.unpackbits(code), low > np.median(low))


def test_perceptual_hash_is_the_same_in_any_company() -> None:
    pictures = np.stack([grey(1), np.full((32, 32), 77, np.uint8), grey(2)])
    hashed = perceptual_hash(pictures)
    assert np.array_equal(hashed, np.concatenate([perceptual_hash(p[None]) for p in pictures]))
    assert perceptual_hash(pictures[:0]).shape == (0, 8)


def test_perceptual_hash_bears_small_changes_and_tells_pictures_apart() -> None:
    picture = Image.fromarray(grey(3))
    brighter = picture.point(lambda value: min(255, round(value * 1.05)))
    resized = picture.resize((24, 24), Image.Resampling.LANCZOS).resize((32, 32))
    codes = perceptual_hash(
        np.array([np.asarray(p) for p in (picture, brighter, resized, grey(9))])
    )
    assert hamming(codes[0], codes[1:3]).max() <= 8
    assert hamming(codes[0], codes[3]) > 8
