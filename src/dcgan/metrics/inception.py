"""Inception-v3 as the published Fréchet inception distances use it, with its weights from a file.

The network is the one of TensorFlow's archive of 2015-12-05, in the form in which its weights were
published for PyTorch: average pools leave out the padding, the last block pools by maximum, and
1008 logits. Pictures are resized to 299x299 bilinearly without antialiasing and scaled to [-1, 1],
as `pytorch-fid` does, so that distances agree with those published with it.
"""

import hashlib
import pickle
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dcgan.errors import DCGANError
from dcgan.metrics import INCEPTION_ADDRESS
from dcgan.tensors import Features, Images

DIGEST_START = "6726825d"
"""The first digits of the SHA-256 of the published file, as its name says."""
SIDE, DIM, LOGITS = 299, 2048, 1008


class Convolution(nn.Sequential):
    """A convolution without bias, batch norm and ReLU."""

    def __init__(
        self,
        inputs: int,
        maps: int,
        kernel: int | tuple[int, int],
        stride: int = 1,
        padding: int | tuple[int, int] = 0,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, maps, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(maps, eps=0.001)
        self.relu = nn.ReLU(inplace=True)


def average_pool(x: Tensor) -> Tensor:
    """Means over 3x3, those at the edges over what there is."""
    return F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)


def maximum_pool(x: Tensor) -> Tensor:
    """Maxima over 3x3, at every place."""
    return F.max_pool2d(x, 3, stride=1, padding=1)


class Small(nn.Module):
    """Branches of 1x1, 5x5, and two of 3x3, at 35x35."""

    def __init__(self, inputs: int, pooled: int) -> None:
        super().__init__()
        self.branch1x1 = Convolution(inputs, 64, 1)
        self.branch5x5_1 = Convolution(inputs, 48, 1)
        self.branch5x5_2 = Convolution(48, 64, 5, padding=2)
        self.branch3x3dbl_1 = Convolution(inputs, 64, 1)
        self.branch3x3dbl_2 = Convolution(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = Convolution(96, 96, 3, padding=1)
        self.branch_pool = Convolution(inputs, pooled, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, 35, 35) to (N, 224 + pooled, 35, 35)."""
        fives = self.branch5x5_2(self.branch5x5_1(x))
        threes = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch1x1(x), fives, threes, self.branch_pool(average_pool(x))], 1)


class SmallToMiddle(nn.Module):
    """From 35x35 to 17x17."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.branch3x3 = Convolution(inputs, 384, 3, stride=2)
        self.branch3x3dbl_1 = Convolution(inputs, 64, 1)
        self.branch3x3dbl_2 = Convolution(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = Convolution(96, 96, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, 35, 35) to (N, 480 + inputs, 17, 17)."""
        threes = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch3x3(x), threes, F.max_pool2d(x, 3, stride=2)], 1)


class Middle(nn.Module):
    """Branches of 1x1, 7x7, and two of 7x7, in rows and columns, at 17x17."""

    def __init__(self, maps: int) -> None:
        super().__init__()
        row, column = (1, 7), (7, 1)
        along, down = (0, 3), (3, 0)
        self.branch1x1 = Convolution(768, 192, 1)
        self.branch7x7_1 = Convolution(768, maps, 1)
        self.branch7x7_2 = Convolution(maps, maps, row, padding=along)
        self.branch7x7_3 = Convolution(maps, 192, column, padding=down)
        self.branch7x7dbl_1 = Convolution(768, maps, 1)
        self.branch7x7dbl_2 = Convolution(maps, maps, column, padding=down)
        self.branch7x7dbl_3 = Convolution(maps, maps, row, padding=along)
        self.branch7x7dbl_4 = Convolution(maps, maps, column, padding=down)
        self.branch7x7dbl_5 = Convolution(maps, 192, row, padding=along)
        self.branch_pool = Convolution(768, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 768, 17, 17) to the same."""
        sevens = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        twice = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        twice = self.branch7x7dbl_5(self.branch7x7dbl_4(twice))
        return torch.cat([self.branch1x1(x), sevens, twice, self.branch_pool(average_pool(x))], 1)


class MiddleToLarge(nn.Module):
    """From 17x17 to 8x8."""

    def __init__(self) -> None:
        super().__init__()
        self.branch3x3_1 = Convolution(768, 192, 1)
        self.branch3x3_2 = Convolution(192, 320, 3, stride=2)
        self.branch7x7x3_1 = Convolution(768, 192, 1)
        self.branch7x7x3_2 = Convolution(192, 192, (1, 7), padding=(0, 3))
        self.branch7x7x3_3 = Convolution(192, 192, (7, 1), padding=(3, 0))
        self.branch7x7x3_4 = Convolution(192, 192, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 768, 17, 17) to (N, 1280, 8, 8)."""
        threes = self.branch3x3_2(self.branch3x3_1(x))
        sevens = self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x)))
        sevens = self.branch7x7x3_4(sevens)
        return torch.cat([threes, sevens, F.max_pool2d(x, 3, stride=2)], 1)


class Large(nn.Module):
    """Branches that end in a row and a column of three, at 8x8."""

    def __init__(self, inputs: int, pool: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.pool = pool
        self.branch1x1 = Convolution(inputs, 320, 1)
        self.branch3x3_1 = Convolution(inputs, 384, 1)
        self.branch3x3_2a = Convolution(384, 384, (1, 3), padding=(0, 1))
        self.branch3x3_2b = Convolution(384, 384, (3, 1), padding=(1, 0))
        self.branch3x3dbl_1 = Convolution(inputs, 448, 1)
        self.branch3x3dbl_2 = Convolution(448, 384, 3, padding=1)
        self.branch3x3dbl_3a = Convolution(384, 384, (1, 3), padding=(0, 1))
        self.branch3x3dbl_3b = Convolution(384, 384, (3, 1), padding=(1, 0))
        self.branch_pool = Convolution(inputs, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, 8, 8) to (N, 2048, 8, 8)."""
        once = self.branch3x3_1(x)
        twice = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        ends = [self.branch3x3_2a(once), self.branch3x3_2b(once)]
        ends += [self.branch3x3dbl_3a(twice), self.branch3x3dbl_3b(twice)]
        return torch.cat([self.branch1x1(x), *ends, self.branch_pool(self.pool(x))], 1)


class Inception(nn.Module):
    """Inception-v3; layers bear the names that they have in the published file."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Convolution(3, 32, 3, stride=2)
        self.Conv2d_2a_3x3 = Convolution(32, 32, 3)
        self.Conv2d_2b_3x3 = Convolution(32, 64, 3, padding=1)
        self.Conv2d_3b_1x1 = Convolution(64, 80, 1)
        self.Conv2d_4a_3x3 = Convolution(80, 192, 3)
        self.Mixed_5b = Small(192, 32)
        self.Mixed_5c = Small(256, 64)
        self.Mixed_5d = Small(288, 64)
        self.Mixed_6a = SmallToMiddle(288)
        self.Mixed_6b = Middle(128)
        self.Mixed_6c = Middle(160)
        self.Mixed_6d = Middle(160)
        self.Mixed_6e = Middle(192)
        self.Mixed_7a = MiddleToLarge()
        self.Mixed_7b = Large(1280, average_pool)
        self.Mixed_7c = Large(2048, maximum_pool)
        self.fc = nn.Linear(DIM, LOGITS)

    def features(self, images: Images) -> Features:
        """Features (N, 2048) of pictures (N, C, H, W) in [-1, 1]; grey ones as three channels."""
        x = images[:, :3] if images.shape[1] >= 3 else images[:, :1].expand(-1, 3, -1, -1)
        x = F.interpolate(x, (SIDE, SIDE), mode="bilinear", align_corners=False)
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))  # (N, 64, 147, 147)
        x = F.max_pool2d(x, 3, stride=2)
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(x))  # (N, 192, 71, 71)
        x = F.max_pool2d(x, 3, stride=2)
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(x)))  # (N, 288, 35, 35)
        x = self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))  # (N, 768, 17, 17)
        x = self.Mixed_6e(self.Mixed_6d(x))
        x = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x)))  # (N, 2048, 8, 8)
        features: Tensor = x.mean(dim=(2, 3))
        return features


def load_inception(path: str | Path, digest_start: str = DIGEST_START) -> Inception:
    """Reads the published weights. Nothing in the file is ever executed.

    Args:
        path: the file that can be had at `INCEPTION_ADDRESS`.
        digest_start: what its SHA-256 must begin with.

    Raises:
        DCGANError: there is no such file, or it is another one or damaged.
    """
    path = Path(path).expanduser()
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DCGANError(
            f"Cannot read the weights of Inception, {path}: {error.strerror}. "
            f"They can be had at {INCEPTION_ADDRESS}"
        ) from error
    if not digest.startswith(digest_start):
        raise DCGANError(
            f"{path} is not the published file, or a damaged one: its SHA-256 begins with "
            f"{digest[:8]}, not {digest_start}. It can be had at {INCEPTION_ADDRESS}"
        )
    with torch.device("meta"):
        network = Inception()
    try:
        weights = dict(torch.load(path, map_location="cpu", weights_only=True))
        # Counters of batches, which older files lack and nobody reads.
        names = [name for name in network.state_dict() if name.endswith("num_batches_tracked")]
        counters = {name: torch.tensor(0) for name in names}
        network.load_state_dict(counters | weights, assign=True)
    except (RuntimeError, pickle.UnpicklingError, TypeError, ValueError, EOFError) as error:
        raise DCGANError(
            f"{path} does not hold the weights of Inception: {str(error).splitlines()[0]}"
        ) from error
    return network.eval().requires_grad_(False)
