"""Batch norm over the batches of many processes, as over one batch."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from dcgan.distributed import ALONE, Group


class SyncBatchNorm(_BatchNorm):
    """Batch norm over the batches of all processes together, as over one batch.

    PyTorch's own runs on CUDA alone, and cannot be differentiated twice, as the gradient penalty
    asks for.
    """

    group = ALONE

    def _check_input_dim(self, x: Tensor) -> None:
        pass

    def forward(self, x: Tensor) -> Tensor:
        """(N, maps) or (N, maps, H, W) to the same shape."""
        if self.group.count == 1 or not self.training:
            return super().forward(x)
        axes = [axis for axis in range(x.dim()) if axis != 1]
        own = torch.stack(torch.var_mean(x.float(), axes, correction=0))
        rank, count = self.group.rank, self.group.count
        mine = torch.arange(count, device=x.device) == rank
        rows: Tensor = summed(self.group, mine[:, None, None] * own)  # (count, 2, maps)
        variances, means = rows.unbind(1)
        mean = means.mean(0)
        variance = (variances + (means - mean).square()).mean(0)
        scale = (variance + self.eps).rsqrt()
        scale = scale if self.weight is None else scale * self.weight
        shift = -mean * scale if self.bias is None else self.bias - mean * scale
        shape = (1, -1, *(1,) * (x.dim() - 2))
        return (x * scale.view(shape) + shift.view(shape)).to(x.dtype)


def summed(group: Group, numbers: Tensor) -> Tensor:
    """The sum over all processes, which can be differentiated: so can its gradient."""
    found: Tensor = _Sum.apply(group, numbers)  # type: ignore[no-untyped-call]
    return found


class _Sum(torch.autograd.Function):
    """A sum over all processes; its gradient is the sum of all their gradients."""

    @staticmethod
    def forward(ctx: Any, group: Group, numbers: Tensor) -> Tensor:
        ctx.group = group
        return group.add(numbers.clone())

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, Tensor]:
        return None, summed(ctx.group, gradient.contiguous())


def synchronise(network: nn.Module) -> None:
    """Puts `SyncBatchNorm` in the place of each batch norm, with its parameters and buffers."""
    for name, child in network.named_children():
        if isinstance(child, _BatchNorm):
            norm = SyncBatchNorm(child.num_features, child.eps, affine=child.affine)
            norm.track_running_stats = child.track_running_stats
            norm.load_state_dict(child.state_dict())
            setattr(network, name, norm)
        else:
            synchronise(child)


@contextmanager
def synchronised(networks: Sequence[nn.Module], group: Group) -> Iterator[None]:
    """Within, batch norm that can takes its statistics over the batches of all processes."""
    norms = [m for net in networks for m in net.modules() if isinstance(m, SyncBatchNorm)]
    for norm in norms:
        norm.group = group
    try:
        yield
    finally:
        for norm in norms:
            norm.group = ALONE
