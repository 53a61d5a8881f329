"""What a look finds, each number against its definition."""

import math

import pytest
import torch
from torchmetrics.functional.classification import binary_auroc

from dcgan.looks import (
    FOLLOWED,
    at_places,
    course,
    dead,
    difference,
    in_other_company,
    share_above,
    swinging,
)


def test_share_above_is_the_area_under_the_curve() -> None:
    rng = torch.Generator().manual_seed(0)
    a = torch.randn(50, generator=rng).add(0.7).mul(4).round()  # rounded: there are ties
    b = torch.randn(70, generator=rng).mul(4).round()
    truth = torch.cat([torch.ones(50), torch.zeros(70)]).long()
    expected = binary_auroc(torch.cat([a, b]).sigmoid(), truth).item()
    assert share_above(a, b) == pytest.approx(expected, abs=1e-6)
    assert share_above(a, b) + share_above(b, a) == pytest.approx(1, abs=1e-6)
    assert share_above(a, a) == 0.5
    assert math.isnan(share_above(a, torch.empty(0)))


def test_difference_is_that_to_the_nearest() -> None:
    flat = torch.tensor([0.0, 0.1, 0.5]).view(3, 1, 1, 1).expand(3, 3, 32, 32)
    side = math.sqrt(3 * 16 * 16)  # of a difference of 1 in all values of the shrunk pictures
    assert difference(flat) == pytest.approx(side * (0.1 + 0.1 + 0.4) / 3, rel=1e-5)
    assert difference(torch.zeros(4, 1, 16, 16)) == 0


def test_places_are_spread_over_a_map() -> None:
    maps = torch.arange(2 * 3 * 8 * 12.0).view(2, 3, 8, 12)
    places = at_places(maps)
    assert places.shape == (2, 3, 16)
    assert places[0, 0].tolist()[:4] == [0, 3, 7, 11]
    assert places[1, 2, -1] == maps[1, 2, 7, 11]
    assert torch.equal(at_places(maps[:, :, :4, :4]), maps[:, :, :4, :4].flatten(2))


def test_dead_maps_do_not_follow_the_latent() -> None:
    maps = torch.randn(32, 6, 16, generator=torch.Generator().manual_seed(0))
    maps[:, 1] = 0
    maps[:, 4] = torch.arange(16.0)  # a pattern, but the same for all latents
    maps[:, 5] *= 0.2
    assert dead(maps).tolist() == [False, True, False, False, True, False]


@pytest.mark.parametrize("count", [0, 1, 127, 128, 200, 255, 256])
def test_however_many_are_dead(count: int) -> None:
    maps = torch.randn(32, 256, 16, generator=torch.Generator().manual_seed(0))
    maps[:, :count] = 0
    assert dead(maps).sum() == count


def test_swinging_maps_return() -> None:
    rng = torch.Generator().manual_seed(0)
    one, other = torch.randn(2, FOLLOWED, 1, 16, generator=rng)
    drift = [one + 0.4 * step * other for step in range(3)]
    swing = [one, other, one]
    still = [one, one, one]
    courses = [course(torch.cat(maps, 1)) for maps in zip(drift, swing, still, strict=True)]
    assert swinging(courses).tolist() == [False, True, False]
    assert swinging(courses[:2]).tolist() == [False, False, False]


def test_companions_are_parted() -> None:
    assert in_other_company([[0, 1], [2, 3]]) == [[0, 2], [1, 3]]
    assert in_other_company([[0, 1, 2], [3, 4]]) == [[0, 3, 1], [4, 2]]
    parts = [list(range(start, start + 4)) for start in range(0, 256, 4)]
    for part in in_other_company(parts):
        assert len({number // 4 for number in part}) == 4
