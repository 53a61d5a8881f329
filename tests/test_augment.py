"""Changes to what the discriminator sees: what they do, and that gradients pass."""

import pytest
import torch

from dcgan.augment import augment, recoloured, shifted, with_hole
from dcgan.tensors import Images


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(count: int = 64, height: int = 16, width: int = 24) -> Images:
    return torch.rand(count, 3, height, width, generator=rng(1)) * 2 - 1


def test_none_changes_nothing() -> None:
    images = pictures()
    assert augment(images, "none", rng()) is images


@pytest.mark.parametrize("kind", ["shift", "all"])
def test_each_picture_otherwise_and_all_by_the_seed(kind: str) -> None:
    same = pictures(1).expand(50, -1, -1, -1)
    changed = augment(same, kind, rng())
    assert changed.shape == same.shape
    assert len(changed.flatten(1).unique(dim=0)) > 20  # type: ignore[no-untyped-call]
    assert torch.equal(changed, augment(same, kind, rng()))
    assert not torch.equal(changed, augment(same, kind, rng(5)))


def test_shifted_moves_by_up_to_an_eighth() -> None:
    images = pictures(200) + 3  # nowhere 0
    moves = set()
    for before, after in zip(images, shifted(images, rng()), strict=True):
        rows, columns = (after[0] != 0).nonzero().T
        inside = after[:, rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        assert (inside != 0).all()
        down = int(rows.min()) or int(rows.max()) - 15
        right = int(columns.min()) or int(columns.max()) - 23
        wanted = before[:, max(-down, 0) : 16 - max(down, 0), max(-right, 0) : 24 - max(right, 0)]
        assert torch.equal(inside, wanted)
        moves.add((down, right))
    assert {down for down, _ in moves} == set(range(-2, 3))
    assert {right for _, right in moves} == set(range(-3, 4))


def test_a_hole_is_half_as_high_and_wide() -> None:
    holes = with_hole(torch.ones(500, 1, 16, 24), rng())[:, 0] == 0
    sizes = {(int(hole.any(1).sum()), int(hole.any(0).sum()), int(hole.sum())) for hole in holes}
    assert max(sizes) == (8, 12, 96)
    assert all(height * width == area for height, width, area in sizes)
    assert holes.any(dim=0).all()  # everywhere sometimes


def test_recoloured_keeps_the_shapes() -> None:
    """Colours change; where a picture is flat it stays flat."""
    images = pictures(1)[:, :, :1, :1].expand(30, -1, 16, 16).clone()
    images[:, :, 8:] = 0.3
    changed = recoloured(images, rng())
    for half in (changed[:, :, :8], changed[:, :, 8:]):
        assert (half - half[:, :, :1, :1]).abs().max() < 1e-5
    assert (changed[:, :, 0, 0] - images[:, :, 0, 0]).abs().mean() > 0.1


def test_gradients_pass() -> None:
    images = pictures(8).requires_grad_()
    with_hole(shifted(images, rng()), rng()).square().sum().backward()  # type: ignore[no-untyped-call]
    assert images.grad is not None
    share = (images.grad != 0).float().mean()
    assert 0.5 < share < 0.9  # not where there is a hole
    augment(pictures(8).requires_grad_(), "all", rng()).sum().backward()  # type: ignore[no-untyped-call]


def test_shifted_can_be_differentiated_twice() -> None:
    images = torch.randn(2, 2, 8, 9, generator=rng(2), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: shifted(x, rng(3)), images)
    assert torch.autograd.gradgradcheck(lambda x: shifted(x, rng(3)).square(), images)
