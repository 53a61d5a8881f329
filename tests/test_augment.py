"""Pictures moved for the discriminator: how far, and that gradients pass."""

import torch

from dcgan.augment import shifted
from dcgan.tensors import Images


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(count: int = 64, height: int = 16, width: int = 24) -> Images:
    return torch.rand(count, 3, height, width, generator=rng(1)) * 2 - 1


def test_each_picture_otherwise_and_all_by_the_seed() -> None:
    same = pictures(1).expand(50, -1, -1, -1)
    changed = shifted(same, rng())
    assert changed.shape == same.shape
    assert len(changed.flatten(1).unique(dim=0)) > 20  # type: ignore[no-untyped-call]
    assert torch.equal(changed, shifted(same, rng()))
    assert not torch.equal(changed, shifted(same, rng(5)))


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


def test_the_gradient_is_moved_back() -> None:
    images = pictures(8).requires_grad_()
    ones = shifted(torch.ones_like(images), rng())
    shifted(images, rng()).sum().backward()  # type: ignore[no-untyped-call]
    assert images.grad is not None
    assert torch.equal(images.grad.sum((1, 2, 3)), ones.sum((1, 2, 3))), "what left gets none"
    assert ((images.grad == 0) | (images.grad == 1)).all()


def test_shifted_can_be_differentiated_twice() -> None:
    images = torch.randn(2, 2, 8, 9, generator=rng(2), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: shifted(x, rng(3)), images)
    assert torch.autograd.gradgradcheck(lambda x: shifted(x, rng(3)).square(), images)
