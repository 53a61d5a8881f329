"""The kinds of tensor in this package, by name: each alias says its shape, type and range once."""

from typing import TypeAlias

from torch import Tensor

Pixels: TypeAlias = Tensor
"""(N, H, W, C) uint8: pictures as they lie in a pack and in a file."""

Images: TypeAlias = Tensor
"""(N, C, H, W) float in [-1, 1]: pictures as the networks see them."""

Latents: TypeAlias = Tensor
"""(N, latent_dim) float32; uniform in [-1, 1] as in the paper, or normal."""

Labels: TypeAlias = Tensor
"""(N,) int64 in [0, classes)."""

Logits: TypeAlias = Tensor
"""(N,) float; positive means "real"."""

Features: TypeAlias = Tensor
"""(N, D) float: what an encoder says of pictures."""
