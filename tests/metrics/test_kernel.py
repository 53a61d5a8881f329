"""The kernel distance against torchmetrics, and its laws."""

import pytest
import torch
from torch import Tensor
from torchmetrics.image.kid import poly_mmd

from dcgan.metrics.kernel import kernel, kernel_distance, squared_discrepancy


def drawn(count: int, seed: int, shift: float = 0.0) -> Tensor:
    return torch.randn(count, 12, generator=torch.Generator().manual_seed(seed)) + shift


def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_equals_torchmetrics() -> None:
    x, y = drawn(60, 1).double(), drawn(60, 2, 0.3).double()
    torch.testing.assert_close(squared_discrepancy(x, y), poly_mmd(x, y))


def test_sets_of_unlike_size_by_hand() -> None:
    x, y = drawn(5, 1), drawn(3, 2)
    xx = sum(float(kernel(x[[i]], x[[j]])) for i in range(5) for j in range(5) if i != j) / 20
    yy = sum(float(kernel(y[[i]], y[[j]])) for i in range(3) for j in range(3) if i != j) / 6
    xy = sum(float(kernel(x[[i]], y[[j]])) for i in range(5) for j in range(3)) / 15
    assert float(squared_discrepancy(x, y)) == pytest.approx(xx + yy - 2 * xy)


def test_no_bias() -> None:
    """Sets of one law come out at 0 on average, however small they are."""
    values = [
        float(squared_discrepancy(drawn(10, 2 * seed), drawn(10, 2 * seed + 1)))
        for seed in range(2_000)
    ]
    mean, error = torch.tensor(values).mean(), torch.tensor(values).std() / 2_000**0.5
    assert abs(mean) < 4 * error


def test_grows_with_the_difference() -> None:
    real = drawn(400, 1)
    near, far = (kernel_distance(real, drawn(400, 2, shift), rng(), 20, 100) for shift in (0.2, 1))
    assert 0 < near.mean < far.mean
    assert near.deviation > 0


def test_subsets_no_larger_than_the_sets() -> None:
    real, fake = drawn(30, 1), drawn(40, 2)
    found = kernel_distance(real, fake[:30], rng(), subsets=3)
    whole = float(squared_discrepancy(real, fake[:30]))
    assert found.mean == pytest.approx(whole)
    assert found.deviation == pytest.approx(0, abs=1e-12)


def test_the_same_seed_gives_the_same_number() -> None:
    real, fake = drawn(200, 1), drawn(200, 2)
    assert kernel_distance(real, fake, rng(), 5, 50) == kernel_distance(real, fake, rng(), 5, 50)
