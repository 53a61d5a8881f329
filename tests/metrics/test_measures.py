"""The numbers of an evaluation, and what they say of themselves."""

import pytest
import torch

from dcgan.metrics.measures import OWN_NAMES, distances


@pytest.mark.parametrize(
    ("real", "meaning"),
    [
        (500, "100 real pictures against the other 400"),
        (120, "60 real pictures against the other 60; of 100 it would be smaller"),
    ],
)
def test_the_floor_says_when_it_is_too_high(real: int, meaning: str) -> None:
    rng = torch.Generator().manual_seed(0)
    vectors = torch.randn(real, 16, generator=rng), torch.randn(100, 16, generator=rng)
    distance, floor, _ = distances(*vectors, OWN_NAMES, rng)
    assert floor.meaning == meaning
    assert (floor.value > 1.4 * distance.value) == (real == 120)
