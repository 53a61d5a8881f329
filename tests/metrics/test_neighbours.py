"""Precision, recall, density and coverage against prdc; copies against SciPy; laws."""

import pytest
import torch
from prdc import compute_prdc
from scipy import stats
from torch import Tensor

from dcgan.metrics import neighbours
from dcgan.metrics.neighbours import copying, nearest, overlap, radii


def drawn(count: int, seed: int, shift: float = 0.0) -> Tensor:
    return torch.randn(count, 8, generator=torch.Generator().manual_seed(seed)) + shift


@pytest.mark.parametrize("shift", [0.0, 0.5, 1.5])
@pytest.mark.parametrize("block", [7, 1_024])
def test_equals_prdc(shift: float, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "BLOCK", block)
    real, fake = drawn(150, 1), drawn(120, 2, shift)
    wanted = compute_prdc(real.double().numpy(), fake.double().numpy(), nearest_k=5)
    assert overlap(real, fake)._asdict() == pytest.approx(wanted)


def test_laws() -> None:
    real = drawn(100, 1)
    assert overlap(real, real)[:2] == (1.0, 1.0)
    assert overlap(real, real).coverage == 1.0
    assert overlap(real, drawn(100, 2, shift=50)) == (0.0, 0.0, 0.0, 0.0)
    one_picture = real[:1] + 0.001 * drawn(100, 3)
    collapsed = overlap(real, one_picture)
    assert collapsed.precision > 0.9
    assert collapsed.recall < 0.1
    assert collapsed.coverage < 0.2


def test_radii_by_hand() -> None:
    line = torch.tensor([[0.0], [1.0], [3.0], [7.0]])
    assert radii(line, 1).tolist() == [1, 1, 2, 4]
    assert radii(line, 2).tolist() == [3, 2, 3, 6]


def test_nearest_by_hand() -> None:
    training = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    found = nearest(torch.tensor([[3.0, 3.0], [0.0, 1.0], [0.0, 0.0]]), [training])
    assert found.indices.tolist() == [1, 0, 0]
    assert found.distances.tolist() == [1, 1, 0]


def test_nearest_in_batches_is_nearest_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    features, training = drawn(50, 1), drawn(90, 2)
    whole = nearest(features, [training])
    monkeypatch.setattr(neighbours, "BLOCK", 7)
    parts = nearest(features, torch.split(training, 40))
    assert torch.equal(parts.indices, whole.indices)
    torch.testing.assert_close(parts.distances, whole.distances)


def test_copying_is_the_u_statistic() -> None:
    fake, held_out = drawn(30, 1).abs().sum(1).round(), drawn(40, 2).abs().sum(1).round()
    u = stats.mannwhitneyu(held_out.numpy(), fake.numpy()).statistic
    assert copying(fake, held_out) == pytest.approx(u / (30 * 40))


def test_copying_laws() -> None:
    training, held_out = drawn(500, 1), drawn(200, 2)
    apart = nearest(held_out, [training]).distances
    new = nearest(drawn(200, 3), [training]).distances
    copies = nearest(training[:200] + 0.01, [training]).distances
    assert copying(new, apart) == pytest.approx(0.5, abs=0.1)
    assert copying(copies, apart) == 1.0
    assert copying(apart, apart) == 0.5
