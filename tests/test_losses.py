"""The objectives against the paper's formula, in double precision."""

import math

import torch

from dcgan.losses import discriminator_loss, generator_loss, gradient_penalty


def test_equal_to_the_formula() -> None:
    rng = torch.Generator().manual_seed(0)
    real, fake = torch.randn(2, 50, generator=rng, dtype=torch.float64) * 3
    answers_real, answers_fake = 1 / (1 + torch.exp(-real)), 1 / (1 + torch.exp(-fake))
    d_loss = -answers_real.log().mean() - (1 - answers_fake).log().mean()
    torch.testing.assert_close(discriminator_loss(real, fake).double(), d_loss, rtol=1e-6, atol=0)
    g_loss = -answers_fake.log().mean()
    torch.testing.assert_close(generator_loss(fake).double(), g_loss, rtol=1e-6, atol=0)


def test_undecided() -> None:
    zeros = torch.zeros(8)
    assert math.isclose(discriminator_loss(zeros, zeros).item(), 2 * math.log(2), rel_tol=1e-6)
    assert math.isclose(generator_loss(zeros).item(), math.log(2), rel_tol=1e-6)


def test_finite_with_a_gradient_at_extremes() -> None:
    logits = torch.tensor([-1e4, 1e4], requires_grad=True)
    loss = generator_loss(logits)
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == 5e3
    assert logits.grad is not None
    torch.testing.assert_close(logits.grad, torch.tensor([-0.5, 0.0]))


def test_bfloat16_logits_are_summed_in_float32() -> None:
    logits = torch.linspace(-4, 4, 4096).bfloat16()
    wanted = generator_loss(logits.double())
    torch.testing.assert_close(generator_loss(logits), wanted, rtol=1e-6, atol=0)


def test_gradient_penalty_by_hand() -> None:
    """Of a·x² summed over a picture the gradient is 2·a·x."""
    images = torch.randn(3, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    images.requires_grad_()
    slope = torch.tensor(0.7, requires_grad=True)
    penalty = gradient_penalty(slope * images.square().sum(dim=(1, 2, 3)), images)
    wanted = 4 * 0.49 * images.detach().square().sum() / 3
    torch.testing.assert_close(penalty.detach(), wanted)
    penalty.backward()  # type: ignore[no-untyped-call]
    assert slope.grad is not None
    torch.testing.assert_close(slope.grad, 2 * wanted / 0.7)
