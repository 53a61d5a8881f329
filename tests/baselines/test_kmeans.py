"""One layer of k-means against the published recipe written out in NumPy."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from dcgan.baselines.kmeans import (
    KMeansFeatures,
    equal_contrast,
    gain_shape_k_means,
    k_means,
    quarters,
    random_patches,
    whitening,
)
from dcgan.data.worlds import WORLDS
from dcgan.errors import DCGANError

SMALL: dict[str, Any] = {"patch": 3, "patches": 500, "iterations": 3, "device": "cpu"}


@pytest.fixture(scope="module")
def pixels() -> NDArray[np.uint8]:
    return WORLDS["faces"].draw(np.arange(40), 16, 16)[0][:, :12, :12]


def published(features: KMeansFeatures, picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The vector of one picture, patch by patch, before it is standardised."""
    side, (height, width, _) = features.patch, picture.shape
    down, across = height - side + 1, width - side + 1
    centroids = features.centroids_.double().numpy()
    codes = np.zeros((down, across, features.units))
    for row in range(down):
        for column in range(across):
            patch = picture[row : row + side, column : column + side].astype(float)
            patch = patch.transpose(2, 0, 1).ravel()
            patch = (patch - patch.mean()) / np.sqrt(patch.var(ddof=1) + 10)
            patch = (patch - features.centre_.numpy()) @ features.whitening_.double().numpy()
            if features.coder == "triangle":
                distances = np.sqrt(((patch - centroids) ** 2).sum(1))
                codes[row, column] = np.maximum(0, distances.mean() - distances)
            else:
                products = centroids @ patch
                both = np.concatenate([products, -products])
                codes[row, column] = np.maximum(0, both - 0.25)
    top, left = round(down / 2 + 0.01), round(across / 2 + 0.01)
    parts = [codes[:top, :left], codes[:top, left:], codes[top:, :left], codes[top:, left:]]
    return np.concatenate([part.sum((0, 1)) for part in parts])


@pytest.mark.parametrize("coder", ["triangle", "threshold"])
def test_vectors_are_the_published_ones(coder: str, pixels: NDArray[np.uint8]) -> None:
    features = KMeansFeatures(8, coder=coder, **SMALL).fit(pixels)
    raw = np.stack([published(features, picture) for picture in pixels])
    expected = (raw - raw.mean(0)) / np.sqrt(raw.var(0) + 0.01)
    found = features.transform(pixels)
    assert found.shape == (40, 32)
    assert np.abs(found - expected).max() < 2e-3
    alone = np.concatenate([features.transform(pixels[i : i + 1]) for i in range(3)])
    assert np.abs(alone - found[:3]).max() < 1e-4


def test_atoms_have_length_1(pixels: NDArray[np.uint8]) -> None:
    features = KMeansFeatures(8, coder="threshold", **SMALL).fit(pixels)
    assert features.centroids_.shape == (4, 27)
    assert (features.centroids_.norm(dim=1) - 1).abs().max() < 1e-5


def test_whitened_patches_are_white() -> None:
    mixing = torch.randn(6, 6, generator=torch.Generator().manual_seed(0)) * 5
    patches = torch.randn(4_000, 6, generator=torch.Generator().manual_seed(1)) @ mixing + 3
    centre, matrix = whitening(patches)
    covariance = torch.cov(((patches - centre) @ matrix).T)
    assert torch.allclose(matrix, matrix.T, atol=1e-5)
    assert (covariance - torch.eye(6)).abs().max() < 0.1  # the floor takes a little away


def test_k_means_is_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    patches = (rng.normal(size=(300, 4)) + 4 * rng.integers(0, 3, (300, 1))).astype(np.float32)
    start = patches[:5].copy()
    expected = KMeans(5, init=start, n_init=1, max_iter=6, tol=0, algorithm="lloyd").fit(patches)
    found = k_means(torch.from_numpy(patches), torch.from_numpy(start), 6)
    # scikit-learn's last step only assigns; it may have ended earlier, where nothing moves.
    again = k_means(torch.from_numpy(patches), found, 30)
    settled = KMeans(5, init=expected.cluster_centers_, n_init=1, tol=0).fit(patches)
    assert np.abs(again.numpy() - settled.cluster_centers_).max() < 1e-3


def test_an_empty_cluster_becomes_0() -> None:
    patches = torch.ones(5, 2)
    found = k_means(patches, torch.tensor([[1.0, 1.0], [9.0, -9.0]]), 1)
    assert torch.equal(found, torch.tensor([[1.0, 1.0], [0.0, 0.0]]))


def test_gain_shape_finds_directions() -> None:
    rng = torch.Generator().manual_seed(0)
    axes = torch.eye(3)[torch.randint(3, (900,), generator=rng)]
    gains = torch.randn(900, 1, generator=rng) * 3
    patches = axes * gains + 0.01 * torch.randn(900, 3, generator=rng)
    start = torch.nn.functional.normalize(torch.eye(3) + 0.2)
    found = gain_shape_k_means(patches, start, 20)
    assert (found - torch.eye(3)).abs().max() < 0.02


def test_patches_are_windows_of_the_pictures(pixels: NDArray[np.uint8]) -> None:
    found = random_patches(pixels, 3, 50, torch.Generator().manual_seed(0))
    windows = np.lib.stride_tricks.sliding_window_view(pixels, (3, 3), axis=(1, 2))
    every = {tuple(w) for w in windows.reshape(-1, 27).tolist()}
    assert found.shape == (50, 27)
    assert all(tuple(np.rint(row).astype(int).tolist()) in every for row in found.numpy())


def test_quarters_of_odd_sides() -> None:
    codes = torch.arange(15.0).reshape(1, 3, 5, 1)
    grid = codes[0, :, :, 0]
    expected = [grid[:2, :3], grid[:2, 3:], grid[2:, :3], grid[2:, 3:]]
    assert quarters(codes).tolist() == [[float(part.sum()) for part in expected]]


def test_equal_contrast_of_a_flat_patch() -> None:
    assert equal_contrast(torch.full((2, 5), 80.0)).abs().max() == 0


def test_in_a_pipeline(pixels: NDArray[np.uint8]) -> None:
    labels = np.arange(40) % 2
    machine = make_pipeline(KMeansFeatures(8, **SMALL), LogisticRegression(max_iter=500))
    assert machine.fit(pixels, labels).score(pixels, labels) > 0.6


def test_bad_input(pixels: NDArray[np.uint8]) -> None:
    for options, words in (
        ({"coder": "triangel"}, "There is no coder 'triangel'. Did you mean 'triangle'?"),
        ({"coder": None}, "There is no coder None. Possible: triangle, threshold"),
        ({"units": 0}, r"`units` \(=0\) must be a whole number, 1 or more\."),
        ({"units": 2.5}, r"`units` \(=2.5\) must be a whole number, 1 or more\."),
        ({"units": "8"}, r"`units` \(='8'\) must be a whole number, 1 or more\."),
        (
            {"units": 7, "coder": "threshold"},
            r"`units` \(=7\) must be even with the coder 'threshold', .*; give 8\.",
        ),
        ({"patch": 12}, r"`patch` \(=12\) must be 1 to 11"),
        ({"patch": 2.5}, r"`patch` \(=2.5\) must be a whole number"),
        ({"patches": 0}, r"`patches` \(=0\) must be a whole number, 1 or more"),
        ({"iterations": 1.5}, r"`iterations` \(=1.5\) must be a whole number, 1 or more"),
    ):
        with pytest.raises(DCGANError, match=words):
            KMeansFeatures(**{"units": 4, **SMALL, **options}).fit(pixels)
