"""The Fréchet distance against SciPy's matrix root, and its laws."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg
from torch import Tensor

from dcgan.metrics.frechet import Moments, frechet_distance, joined, moments, square_root


def drawn(count: int, dim: int, seed: int) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    mixing = torch.randn(dim, dim, generator=rng, dtype=torch.float64)
    return torch.randn(count, dim, generator=rng, dtype=torch.float64) @ mixing + seed


def by_scipy(a: Tensor, b: Tensor) -> float:
    """The distance in its published form, with a complex matrix root."""
    x, y = a.numpy(), b.numpy()
    cov_x, cov_y = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = linalg.sqrtm(cov_x @ cov_y)
    difference = x.mean(0) - y.mean(0)
    return float(difference @ difference + np.trace(cov_x + cov_y - 2 * root.real))


@pytest.mark.parametrize("dim", [1, 5, 40])
def test_equals_scipy(dim: int) -> None:
    a, b = drawn(300, dim, 1), drawn(200, dim, 2)
    if dim == 1:  # np.cov gives a number there
        wanted = (a.mean() - b.mean()) ** 2 + (a.std() - b.std()) ** 2
        assert frechet_distance(moments([a]), moments([b])) == pytest.approx(float(wanted))
    else:
        found = frechet_distance(moments([a]), moments([b]))
        assert found == pytest.approx(by_scipy(a, b), rel=1e-9)


def test_fewer_vectors_than_dimensions_stay_real_and_finite() -> None:
    a, b = drawn(10, 40, 1), drawn(12, 40, 2)
    assert frechet_distance(moments([a]), moments([b])) == pytest.approx(by_scipy(a, b), rel=1e-5)


@given(st.lists(st.integers(1, 50), min_size=2, max_size=8), st.integers(0, 1_000))
@settings(max_examples=30, deadline=None)
def test_batches_give_the_moments_of_the_whole(lengths: list[int], seed: int) -> None:
    whole = drawn(sum(lengths), 4, seed)
    found = moments(torch.split(whole, lengths))
    assert found.count == len(whole)
    torch.testing.assert_close(found.mean, whole.mean(0))
    torch.testing.assert_close(found.covariance, whole.T.cov())


def test_a_large_mean_costs_no_digits() -> None:
    x = drawn(500, 3, 1)
    near, far = (moments(torch.split(y, 100)) for y in (x, x + 1e6))
    torch.testing.assert_close(far.covariance, near.covariance, rtol=1e-8, atol=1e-8)


def test_laws() -> None:
    a, b = moments([drawn(100, 6, 1)]), moments([drawn(100, 6, 2)])
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a))
    moved = Moments(a.count, a.mean + 2, a.scatter)
    assert frechet_distance(a, moved) == pytest.approx(6 * 4)
    turn = torch.linalg.qr(drawn(6, 6, 3)).Q
    turned = [Moments(m.count, m.mean @ turn, turn.T @ m.scatter @ turn) for m in (a, b)]
    assert frechet_distance(*turned) == pytest.approx(frechet_distance(a, b))


def test_the_root_is_a_root() -> None:
    matrix = drawn(100, 5, 1).T.cov()
    root = square_root(matrix)
    torch.testing.assert_close(root @ root, matrix)
    torch.testing.assert_close(root, root.T)


def test_joined_is_the_whole() -> None:
    a, b = drawn(70, 4, 1), drawn(30, 4, 2)
    together, whole = joined(moments([a]), moments([b])), moments([torch.cat([a, b])])
    assert together.count == whole.count
    torch.testing.assert_close(together.covariance, whole.covariance)


def test_one_vector_has_no_covariance() -> None:
    with pytest.raises(ValueError, match="at least two feature vectors, not 1"):
        frechet_distance(moments([drawn(1, 3, 1)]), moments([drawn(9, 3, 1)]))
