"""Pixels as vectors, and their principal components."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import clone
from sklearn.decomposition import PCA

from dcgan.baselines.pixels import PixelFeatures, some
from dcgan.data.worlds import WORLDS
from dcgan.errors import DCGANError


@pytest.fixture(scope="module")
def pixels() -> NDArray[np.uint8]:
    return WORLDS["faces"].draw(np.arange(60), 16, 16)[0][:, :8, :8]


def test_pixels_as_they_are(pixels: NDArray[np.uint8]) -> None:
    found = PixelFeatures(batch_size=7).fit_transform(pixels)
    expected = pixels.transpose(0, 3, 1, 2).reshape(60, -1) / 127.5 - 1
    assert np.abs(found - expected).max() < 1e-6


def test_components_are_those_of_scikit_learn(pixels: NDArray[np.uint8]) -> None:
    rows = (pixels.transpose(0, 3, 1, 2).reshape(60, -1) / 127.5 - 1).astype(np.float32)
    expected = PCA(5, whiten=True, random_state=42).fit_transform(rows)
    transformer = PixelFeatures(5)
    found = transformer.fit_transform(pixels)
    assert found.shape == (60, 5) == (60, transformer.width_)
    assert np.abs(found - expected).max() < 1e-3
    assert np.abs(found.std(axis=0, ddof=1) - 1).max() < 1e-3
    half = clone(transformer).set_params(dtype="float16").fit(pixels).transform(pixels[:3])
    assert half.dtype == np.float16
    assert np.abs(half - found[:3]).max() < 1e-2


def test_other_pictures_stay_in_scale(pixels: NDArray[np.uint8]) -> None:
    flat = pixels.copy()
    flat[:, :, :4] = 255  # half of the numbers never vary
    found = PixelFeatures(29).fit(flat[:30]).transform(flat[30:])
    assert np.isfinite(found).all()
    assert np.abs(found).max() < 20


def test_some_pictures_by_lot(pixels: NDArray[np.uint8]) -> None:
    chosen = some(pixels, 10, 1)
    assert len(set(chosen)) == 10
    assert (np.diff(chosen) > 0).all()
    assert list(some(pixels, 100, 1)) == list(range(60))


def test_bad_input(pixels: NDArray[np.uint8]) -> None:
    with pytest.raises(DCGANError, match=r"`components` \(=60\) must be 1 to 59: there are 60 pic"):
        PixelFeatures(60).fit(pixels)
    for components in (0, 2.5, "5"):
        words = rf"`components` \(={components!r}\) must be a whole number, 1 or more"
        with pytest.raises(DCGANError, match=words):
            PixelFeatures(components).fit(pixels)  # type: ignore[arg-type]
    with pytest.raises(DCGANError, match=r"must be uint8 \(N, height, width, channels\)"):
        PixelFeatures().fit(pixels[0])
    with pytest.raises(DCGANError, match="`batch_size`"):
        PixelFeatures(batch_size=0).fit(pixels)
