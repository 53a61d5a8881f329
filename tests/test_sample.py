"""Seeds and what they name."""

import pytest
import torch

from dcgan.config import NetworkConfig
from dcgan.errors import DCGANError
from dcgan.sample import draw_latents, in_batches, labels_of, latents_of, parse_seeds


@pytest.mark.parametrize(
    ("text", "seeds"),
    [("7", [7]), ("0-3", [0, 1, 2, 3]), ("1,2,5-7", [1, 2, 5, 6, 7]), ("3, 1 - 2", [3, 1, 2])],
)
def test_parse(text: str, seeds: list[int]) -> None:
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", "a", "5-", "-5", "7-3", "1,,2", "1-2-3", "1.5", "1 2 3"])
def test_refused(text: str) -> None:
    with pytest.raises(DCGANError, match=r"`seeds` \(=.*\) must look like 0-63 or 1,2,5-10"):
        parse_seeds(text)


@pytest.mark.parametrize("text", ["0-99999999999999", "0-99,0-9999999"])
def test_too_many(text: str) -> None:
    with pytest.raises(DCGANError, match=r"are too many; 10,000,000 at most"):
        parse_seeds(text)


@pytest.mark.parametrize("prior", ["uniform", "normal"])
def test_a_latent_is_its_seed_s(prior: str) -> None:
    config = NetworkConfig(prior=prior)  # type: ignore[arg-type]
    together = latents_of([5, 9, 2**63 - 1, 5], config)
    assert together.shape == (4, 100)
    assert torch.equal(together[1], latents_of([9], config)[0])
    assert torch.equal(together[0], together[3])
    assert not torch.equal(together[0], together[1])


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_seeds_have_a_range(seed: int) -> None:
    with pytest.raises(DCGANError, match="must lie between 0 and"):
        latents_of([seed], NetworkConfig())


def test_priors() -> None:
    rng = torch.Generator().manual_seed(0)
    uniform = draw_latents(4000, NetworkConfig(), rng)
    assert -1 <= uniform.min() < -0.99 < 0.99 < uniform.max() <= 1
    assert abs(uniform.std().item() - 3**-0.5) < 0.01
    normal = draw_latents(4000, NetworkConfig(prior="normal"), rng)
    assert abs(normal.mean().item()) < 0.01
    assert abs(normal.std().item() - 1) < 0.01


def test_classes_take_turns() -> None:
    labels = labels_of([0, 4, 5], NetworkConfig(classes=3))
    assert labels is not None
    assert labels.tolist() == [0, 1, 2]
    assert labels_of([0, 1], NetworkConfig()) is None


@pytest.mark.parametrize("count", [0, 1, 4, 5, 9, 100])
def test_batches_are_even(count: int) -> None:
    batches = in_batches(range(count), 4)
    assert [seed for batch in batches for seed in batch] == list(range(count))
    assert all(2 <= len(batch) <= 4 for batch in batches) or count == 1
