"""The training step against the same step written in plain PyTorch, and its promises."""

import copy

import pytest
import torch
import torch.nn.functional as F

from dcgan.config import Config
from dcgan.losses import gradient_penalty
from dcgan.presets import preset
from dcgan.sample import draw_latents
from dcgan.step import TrainState, penalty, seen, train_step
from dcgan.tensors import Images
from tests.conftest import TINY

CPU = torch.device("cpu")


def tiny(**options: object) -> Config:
    plain = {"precision": "float32", "augment": "none", "g_updates": 1, "gradient_penalty": 0.0}
    return preset(**{**TINY, "grow_batch": False, **plain, **options})


def batch(number: int = 0) -> Images:
    return torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(number)) * 2 - 1


def weights(network: torch.nn.Module) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in network.parameters()]


def equal(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    return all(map(torch.equal, one, other))


@pytest.mark.parametrize(("l2", "g_updates"), [(0.0, 1), (1e-2, 1), (0.0, 3)])
def test_equal_to_the_plain_recipe(l2: float, g_updates: int) -> None:
    """The widely known loop: binary cross-entropy, Adam unfused, all gradients taken."""
    state = TrainState(tiny(l2=l2, beta1=0.5, g_updates=g_updates), CPU)
    words = ["noise", "noise 1", "noise 2"][:g_updates]
    G, D = copy.deepcopy(state.generator), copy.deepcopy(state.discriminator)
    adam = {"lr": 2e-4, "betas": (0.5, 0.999), "weight_decay": l2}
    g_adam = torch.optim.Adam(G.parameters(), **adam)  # type: ignore[arg-type]
    d_adam = torch.optim.Adam(D.parameters(), **adam)  # type: ignore[arg-type]
    for number in range(5):
        real = batch(number)
        noise = [draw_latents(4, state.config.network, state.rng(word)) for word in words]
        losses = train_step(state, real)

        d_adam.zero_grad()
        fake = G(noise[0])
        on_real = F.binary_cross_entropy(D(real).sigmoid(), torch.ones(4))
        on_fake = F.binary_cross_entropy(D(fake.detach()).sigmoid(), torch.zeros(4))
        (on_real + on_fake).backward()  # type: ignore[no-untyped-call]
        d_adam.step()
        g_losses = []
        for again in range(g_updates):
            g_adam.zero_grad()
            if again:
                fake = G(noise[again])
            loss = F.binary_cross_entropy(D(fake).sigmoid(), torch.ones(4))
            loss.backward()  # type: ignore[no-untyped-call]
            g_adam.step()
            g_losses.append(loss.detach())

        torch.testing.assert_close(
            losses.d_loss, (on_real + on_fake).detach(), rtol=1e-3, atol=1e-4
        )
        torch.testing.assert_close(losses.g_loss, g_losses[0], rtol=1e-3, atol=1e-4)
    # Adam divides by the gradient's size, so rounding shows most where gradients are near zero.
    for ours, plain in zip(weights(state.generator), weights(G), strict=True):
        torch.testing.assert_close(ours, plain, rtol=0, atol=2e-4)
        assert (ours - plain).abs().mean() < 1e-5
    for ours, plain in zip(weights(state.discriminator), weights(D), strict=True):
        torch.testing.assert_close(ours, plain, rtol=0, atol=2e-4)
        assert (ours - plain).abs().mean() < 1e-5


def test_clock_counts_pictures() -> None:
    state = TrainState(tiny(), CPU)
    train_step(state, batch())
    train_step(state, batch())
    assert state.images_seen == 8


def test_alternate_updates_the_generator_first() -> None:
    state = TrainState(tiny(schedule="alternate"), CPU)
    for turn in range(4):
        before = weights(state.generator), weights(state.discriminator)
        losses = train_step(state, batch(turn))
        g_turn = turn % 2 == 0
        assert equal(before[0], weights(state.generator)) != g_turn
        assert equal(before[1], weights(state.discriminator)) == g_turn
        assert losses.d_loss.isnan() == g_turn
        assert losses.g_loss.isnan() != g_turn
    assert state.images_seen == 16


def test_generator_step_takes_no_gradient_for_the_discriminator() -> None:
    state = TrainState(tiny(schedule="alternate"), CPU)
    train_step(state, batch())
    assert all(parameter.grad is None for parameter in state.discriminator.parameters())
    assert all(parameter.requires_grad for parameter in state.discriminator.parameters())


def test_learning_rate_falls_at_the_end() -> None:
    state = TrainState(tiny(images=32, decay_share=0.5, learning_rate=1.0), CPU)
    rates = []
    for number in range(9):
        train_step(state, batch(number))
        rates.append(state.g_optimizer.param_groups[0]["lr"])
    assert rates == [1.0, 1.0, 1.0, 1.0, 1.0, 0.75, 0.5, 0.25, 0.0]


def test_average_follows_with_its_half_life() -> None:
    state = TrainState(tiny(average_half_life=8), CPU)
    state.images_seen = 1000  # warmed up: a batch of 4 is half a half-life
    before = weights(state.average)
    train_step(state, batch())
    share = 1 - 0.5**0.5
    now = zip(weights(state.average), before, weights(state.generator), strict=True)
    for average, old, present in now:
        torch.testing.assert_close(average, old + share * (present - old))


def test_average_begins_as_a_copy_and_may_be_none() -> None:
    state = TrainState(tiny(), CPU)
    train_step(state, batch())
    assert equal(weights(state.average), weights(state.generator))
    without = TrainState(tiny(average_half_life=0), CPU)
    assert without.average is without.generator


@pytest.mark.parametrize("poison", [float("nan"), float("inf")])
def test_what_is_not_finite_never_enters(poison: float) -> None:
    state = TrainState(tiny(), CPU)
    train_step(state, batch())
    before = state.state_dict()
    before = copy.deepcopy({k: before[k] for k in ("generator", "discriminator", "d_optimizer")})
    bad = batch()
    bad[0, 0, 0, 0] = poison
    train_step(state, bad)
    after = state.state_dict()
    for name, tensor in before["discriminator"].items():
        assert torch.equal(tensor, after["discriminator"][name]), name
    for number, moments in before["d_optimizer"]["state"].items():
        for name, tensor in moments.items():
            assert torch.equal(tensor, after["d_optimizer"]["state"][number][name])
    assert all(torch.isfinite(t).all() for t in after["generator"].values())
    assert state.bad_in_a_row == 1
    train_step(state, batch())
    assert state.bad_in_a_row == 0
    assert state.failing_since == -1


def test_gradients_that_overflow_are_left_out() -> None:
    state = TrainState(tiny(), CPU)
    with torch.no_grad():
        state.discriminator.to_logit.weight.fill_(1e30)
    before = weights(state.discriminator)
    train_step(state, batch())
    assert equal(before, weights(state.discriminator))


def test_noise_is_a_function_of_seed_and_clock() -> None:
    state, other = TrainState(tiny(), CPU), TrainState(tiny(seed=1), CPU)
    network = state.config.network
    first = draw_latents(4, network, state.rng("noise"))
    assert torch.equal(first, draw_latents(4, network, state.rng("noise")))
    assert not torch.equal(first, draw_latents(4, network, other.rng("noise")))
    state.images_seen = 4
    assert not torch.equal(first, draw_latents(4, network, state.rng("noise")))


def test_the_discriminator_sees_pictures_as_they_are_or_moved_anew_each_time() -> None:
    images = batch()
    assert seen(TrainState(tiny(), CPU), images, "own") is images
    state = TrainState(tiny(augment="shift"), CPU)
    first = seen(state, images, "own")
    assert torch.equal(first, seen(state, images, "own"))
    for other in (seen(state, images, "fake"), seen(state, images, "own", 1)):
        assert not torch.equal(first, other)


def test_bfloat16_gives_the_losses_of_float32() -> None:
    exact = train_step(TrainState(tiny(), CPU), batch())
    rough = train_step(TrainState(tiny(precision="bfloat16"), CPU), batch())
    assert rough.d_loss.dtype == torch.float32
    for one, other in zip(exact, rough, strict=True):
        torch.testing.assert_close(one, other, rtol=0.03, atol=0.01)


def test_state_goes_through_a_dict() -> None:
    state, other = TrainState(tiny(), CPU), TrainState(tiny(seed=9), CPU)
    train_step(state, batch())
    other.load_state_dict(copy.deepcopy(state.state_dict()))
    other.config = state.config
    one, two = train_step(state, batch(1)), train_step(other, batch(1))
    assert all(map(torch.equal, one, two))
    assert equal(weights(state.average), weights(other.average))


@pytest.mark.parametrize(
    "options",
    [
        {"gradient_penalty": 10.0},
        {"augment": "shift"},
        {"d_learning_rate": 1e-3},
        {"g_updates": 2, "augment": "shift"},
        {"hidden_units": 12, "augment": "shift"},
    ],
    ids=str,
)
def test_every_stabiliser_changes_the_step_and_goes_on_from_a_checkpoint(
    options: dict[str, object],
) -> None:
    plain, changed = TrainState(tiny(), CPU), TrainState(tiny(**options), CPU)
    for number in range(3):
        train_step(plain, batch(number))
        train_step(changed, batch(number))
    assert changed.failing_since == -1
    assert not equal(weights(plain.generator), weights(changed.generator))
    other = TrainState(tiny(**options), CPU)
    other.load_state_dict(copy.deepcopy(changed.state_dict()))
    train_step(other, batch(3))
    train_step(changed, batch(3))
    for name in ("generator", "discriminator"):
        assert equal(weights(getattr(other, name)), weights(getattr(changed, name)))


@pytest.mark.parametrize("schedule", ["both", "alternate"])
def test_the_penalty_comes_each_sixteenth_turn(schedule: str) -> None:
    state = TrainState(tiny(gradient_penalty=1.0, schedule=schedule), CPU)
    per_turn = 1 if schedule == "both" else 2
    due = []
    for step in range(64):
        state.images_seen = 4 * step
        if penalty(state, batch(), None).item():
            due.append(step // per_turn)
    assert sorted(set(due)) == list(range(0, 64 // per_turn, 16))


def test_the_penalty_flattens_the_discriminator() -> None:
    steepness = {}
    for weight in (0.0, 100.0):
        state = TrainState(tiny(gradient_penalty=weight, learning_rate=1e-3), CPU)
        for number in range(64):
            train_step(state, batch(number))
        real = batch(99).requires_grad_()
        steepness[weight] = gradient_penalty(state.discriminator(real), real).item()
    assert steepness[100.0] < 0.5 * steepness[0.0]


def test_another_step_size_for_the_discriminator() -> None:
    state = TrainState(tiny(learning_rate=1e-4, d_learning_rate=4e-4), CPU)
    train_step(state, batch())
    assert state.g_optimizer.param_groups[0]["lr"] == 1e-4
    assert state.d_optimizer.param_groups[0]["lr"] == 4e-4
