"""One layer of k-means on patches: the first row of Table 1 (Coates, Lee and Ng 2011)."""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dcgan.baselines.pixels import some
from dcgan.data.given import Pictures, in_floats, own_pictures
from dcgan.data.loader import derive
from dcgan.devices import choose_device
from dcgan.errors import DCGANError, did_you_mean
from dcgan.features.allowed import require_whole
from dcgan.features.pictures import PictureFeatures
from dcgan.log import progress
from dcgan.tensors import Features, Images

CODERS = ("triangle", "threshold")
CONTRAST_FLOOR, WHITENING_FLOOR, SCALE_FLOOR = 10.0, 0.1, 0.01
"""Added to variances: of a patch's pixels in 0..255, along an axis of the patches, of a feature."""
THRESHOLD = 0.25
STANDARDISED = 10_000
"""Pictures that the features' means and variances are measured on, at most."""
BLOCK = 10_000
"""Patches that are looked at at once."""


class KMeansFeatures(PictureFeatures):
    """How near the patches of a picture are to what k-means found, summed over its four quarters.

    Patches of 6x6 pixels at every position are made of mean 0 and equal contrast, whitened (ZCA),
    and coded: "triangle" (Coates, Lee and Ng 2011): how much nearer than the mean distance each
    centroid is, max(0, mean(z) - z_k); "threshold" (Coates and Ng 2011): the products with atoms of
    length 1, above 0.25 and below -0.25 apart, the atoms found by gain-shape k-means. Codes are
    summed over quarters, and each of the 4 x units numbers is standardised.

    Args:
        units: maps; the paper's row has 4,800. "threshold" has half as many atoms, as each has a
            map for either sign.
        coder: "triangle" or "threshold".
        patch: side of the patches.
        patches: how many k-means is shown.
        iterations: of k-means.
        seed: of all randomness.
        dtype: of the vectors, "float32" or "float16".
        batch_size: pictures that pass at once.
        device: cpu, cuda, mps or xpu; auto: the best there is.

    Attributes:
        centre_: (D,) what is subtracted from patches of D numbers before they are whitened.
        whitening_: (D, D).
        centroids_: (units, D), or the atoms (units / 2, D).
    """

    def __init__(
        self,
        units: int = 1_600,
        *,
        coder: str = "triangle",
        patch: int = 6,
        patches: int = 400_000,
        iterations: int = 50,
        seed: int = 42,
        dtype: Any = "float32",
        batch_size: int = 4,
        device: str = "auto",
    ) -> None:
        self.units = units
        self.coder = coder
        self.patch = patch
        self.patches = patches
        self.iterations = iterations
        self.seed = seed
        self.dtype = dtype
        self.batch_size = batch_size
        self.device = device

    @torch.no_grad()
    def fit(self, X: Pictures, y: object = None) -> "KMeansFeatures":
        """Finds the centroids in patches, and the scale of each feature.

        Args:
            X: pictures, of whose patches random ones are taken.
            y: not looked at.

        Raises:
            DCGANError: these are no pictures, or a parameter is not allowed.
        """
        device, pictures = choose_device(self.device), own_pictures(X)
        self._keep_kind(pictures)
        self._require_allowed()
        rng = torch.Generator().manual_seed(derive(self.seed, "patches", 0))
        patches = equal_contrast(random_patches(pictures, self.patch, self.patches, rng))
        # On the CPU, as not all accelerators know float64.
        self.centre_, self.whitening_ = (part.to(device) for part in whitening(patches))
        patches = patches.to(device)
        for part in torch.split(patches, BLOCK):
            part.copy_((part - self.centre_) @ self.whitening_)
        if self.coder == "triangle":
            start = 0.1 * torch.randn(self.units, patches.shape[1], generator=rng)
            self.centroids_ = k_means(patches, start.to(device), self.iterations)
        else:
            start = torch.randn(self.units // 2, patches.shape[1], generator=rng)
            start = F.normalize(start).to(device)
            self.centroids_ = gain_shape_k_means(patches, start, self.iterations)
        del patches
        self.width_ = 4 * self.units
        self._standardise(pictures)
        return self

    def _standardise(self, pictures: Pictures) -> None:
        """Measures the mean and the scale of each feature on some of the pictures."""
        self.mean_ = self.scale_ = None
        sums = torch.zeros(2, self.width_, dtype=torch.float64)
        chosen = some(pictures, STANDARDISED, self.seed)
        words = "Standardising"
        for images in in_floats(pictures, chosen, self.batch_size, self._device(), words):
            rows = self._vectors(images).cpu().double()
            sums += torch.stack([rows.sum(0), (rows**2).sum(0)])
        mean, square = sums / len(chosen)
        self.mean_ = mean.float().to(self._device())
        self.scale_ = (square - mean**2 + SCALE_FLOOR).sqrt().float().to(self._device())

    def _vectors(self, images: Images) -> Features:
        patches = F.unfold((images + 1) * 127.5, self.patch).transpose(1, 2)  # (N, positions, D)
        patches = (equal_contrast(patches) - self.centre_) @ self.whitening_
        coded = triangle if self.coder == "triangle" else thresholds
        height, width = (side - self.patch + 1 for side in self.reading_.size)
        codes = torch.unflatten(coded(patches, self.centroids_), 1, (height, width))
        rows = quarters(codes)
        return rows if self.mean_ is None else (rows - self.mean_) / self.scale_

    def _device(self) -> torch.device:
        return self.centre_.device

    def _require_allowed(self) -> None:
        self._require_type_and_batch()
        require_units(self.units, self.coder)
        for name in ("patch", "patches", "iterations"):
            require_whole(name, getattr(self, name))
        if self.patch >= min(self.reading_.size):
            raise DCGANError(
                f"`patch` (={self.patch}) must be 1 to {min(self.reading_.size) - 1}, less than "
                "the side of the pictures."
            )


def require_units(units: int, coder: str) -> None:
    """Raises a DCGANError unless there is such a coder, and it can have so many maps."""
    if coder not in CODERS:
        raise DCGANError(f"There is no coder {coder!r}. {did_you_mean(coder, CODERS)}")
    require_whole("units", units)
    if coder == "threshold" and units % 2:
        raise DCGANError(
            f"`units` (={units}) must be even with the coder 'threshold', as each atom has two "
            f"maps; give {units + 1}."
        )


def random_patches(pictures: Pictures, side: int, count: int, rng: torch.Generator) -> Tensor:
    """Patches (count, channels x side x side) at random places of random pictures, in 0..255."""
    chosen = torch.randint(len(pictures), (count,), generator=rng).sort().values.numpy()
    # Each picture is read once, however many patches are taken from it.
    numbers, of_each = np.unique(chosen, return_counts=True)
    found, place = [], 0
    for images in in_floats(pictures, numbers, 1_000, torch.device("cpu"), "Patches"):
        part = (images + 1) * 127.5
        owners = torch.from_numpy(
            np.repeat(np.arange(len(part)), of_each[place : place + len(part)])
        )
        windows = part.unfold(2, side, 1).unfold(3, side, 1)  # (N, C, down, across, side, side)
        down = torch.randint(windows.shape[2], (len(owners),), generator=rng)
        across = torch.randint(windows.shape[3], (len(owners),), generator=rng)
        found.append(windows[owners, :, down, across].flatten(1))
        place += len(part)
    return torch.cat(found)


def equal_contrast(patches: Tensor) -> Tensor:
    """Patches (..., D) of mean 0, divided by their deviation (of which a floor is part)."""
    centred = patches - patches.mean(-1, keepdim=True)
    variance = centred.square().sum(-1, keepdim=True) / (patches.shape[-1] - 1)
    return centred / (variance + CONTRAST_FLOOR).sqrt()


def whitening(patches: Tensor) -> tuple[Tensor, Tensor]:
    """The mean (D,) of patches (N, D), and the symmetric matrix (D, D) that whitens them (ZCA)."""
    centre = patches.double().mean(0)
    products = torch.zeros(len(centre), len(centre), dtype=torch.float64)
    for part in torch.split(patches, BLOCK):
        centred = part.double() - centre
        products += centred.T @ centred
    values, axes = torch.linalg.eigh(products / (len(patches) - 1))
    matrix = axes @ torch.diag(1 / (values.clamp(min=0) + WHITENING_FLOOR).sqrt()) @ axes.T
    return centre.float(), matrix.float()


def k_means(patches: Tensor, centroids: Tensor, iterations: int) -> Tensor:
    """Each centroid becomes the mean of the patches nearest to it; 0 where there are none."""
    with progress("K-means", iterations, unit="iterations") as bar:
        for number in range(iterations):
            sums, counts = torch.zeros_like(centroids), centroids.new_zeros(len(centroids))
            for part in torch.split(patches, BLOCK):
                nearest = (part @ centroids.T - centroids.square().sum(1) / 2).argmax(1)
                sums.index_add_(0, nearest, part)
                counts.index_add_(0, nearest, counts.new_ones(len(nearest)))
            centroids = sums / counts.clamp(min=1)[:, None]
            bar.update(number + 1)
    return centroids


def gain_shape_k_means(patches: Tensor, atoms: Tensor, iterations: int) -> Tensor:
    """K-means with atoms of length 1, each patch a multiple of one of them (Coates and Ng 2012).

    Every atom becomes the direction of what it was, plus the patches it stands for, each times its
    own multiple.
    """
    with progress("K-means", iterations, unit="iterations") as bar:
        for number in range(iterations):
            sums = atoms.clone()
            for part in torch.split(patches, BLOCK):
                products = part @ atoms.T
                own = products.abs().argmax(1)
                sums.index_add_(0, own, part * products.gather(1, own[:, None]))
            atoms = F.normalize(sums)
            bar.update(number + 1)
    return atoms


def triangle(patches: Tensor, centroids: Tensor) -> Tensor:
    """How much nearer than the mean of all each centroid is, or 0: (..., units)."""
    distances = torch.cdist(patches, centroids)
    return (distances.mean(-1, keepdim=True) - distances).clamp_(min=0)


def thresholds(patches: Tensor, atoms: Tensor) -> Tensor:
    """By how much the products with all atoms exceed 0.25, then their negatives: (..., units)."""
    products = patches @ atoms.T
    return torch.cat([products - THRESHOLD, -products - THRESHOLD], dim=-1).clamp_(min=0)


def quarters(codes: Tensor) -> Features:
    """Codes (N, H, W, units) summed over the picture's quarters: (N, 4 x units).

    Of an odd side the first half has one more.
    """
    down, across = (codes.shape[1] + 1) // 2, (codes.shape[2] + 1) // 2
    parts = [
        codes[:, rows, columns].sum((1, 2))
        for rows in (slice(down), slice(down, None))
        for columns in (slice(across), slice(across, None))
    ]
    return torch.cat(parts, dim=1)
