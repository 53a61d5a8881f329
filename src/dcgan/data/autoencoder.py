"""The autoencoder whose code tells near-duplicates: 3072-128-3072, de-noising (Section 4.1.1)."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from dcgan.data.hashes import Codes
from dcgan.data.loader import batch_indices
from dcgan.data.pack import Pack
from dcgan.images import to_floats
from dcgan.log import progress
from dcgan.networks import initialise
from dcgan.tensors import Pixels

SIDE = 32
INPUTS = 3 * SIDE**2
BITS = 128
# The paper gives none of what follows; docs/dedup.md says how it was chosen.
NOISE = 0.15
"""Standard deviation, on pictures whose own is 1."""
DROPOUT = 0.5
WEIGHT_DECAY = 1e-3
LEARNING_RATE = 1e-3
BATCH = 256
STEPS = 1_000
FLATNESS = 0.08
"""Added to a picture's standard deviation, so that the noise of a flat one is not blown up."""
COLOUR = 0.4
"""How much a picture's mean colour counts; in full, it makes all pictures of blue water alike."""


class Autoencoder(nn.Module):
    """Gives pictures back from a code of 128 rectified units, though noise lies on both."""

    def __init__(self, rng: torch.Generator) -> None:
        super().__init__()
        self.encoder = nn.Linear(INPUTS, BITS, device=rng.device)
        self.decoder = nn.Linear(BITS, INPUTS, device=rng.device)
        initialise(self, rng)
        self._rng = rng

    def forward(self, clean: Tensor) -> Tensor:
        """The pictures (N, 3072), as they are drawn from their spoilt selves."""
        noise = torch.empty_like(clean).normal_(0.0, NOISE, generator=self._rng)
        code = F.relu(self.encoder(clean + noise))
        kept = torch.empty_like(code).bernoulli_(1.0 - DROPOUT, generator=self._rng)
        reconstruction: Tensor = self.decoder(code * kept / (1.0 - DROPOUT))
        return reconstruction

    @torch.inference_mode()
    def bits(self, clean: Tensor) -> Tensor:
        """Which units of the code are on: (N, 128) bool."""
        on: Tensor = self.encoder(clean) > 0
        return on


def normalised(pixels: Pixels) -> Tensor:
    """Pictures (N, 32, 32, 3) as rows (N, 3072) of mean 0 and a standard deviation of nearly 1.

    So a copy that is brighter, or has more contrast, gives much the same row.
    """
    images = to_floats(pixels)
    colour = images.mean(dim=(2, 3), keepdim=True)
    brightness = colour.mean(dim=1, keepdim=True)
    centred = (images - brightness - (1.0 - COLOUR) * (colour - brightness)).flatten(1)
    return centred / (centred.std(dim=1, keepdim=True) + FLATNESS)


def fit_autoencoder(pack: Pack, seed: int, device: torch.device) -> Autoencoder:
    """An autoencoder trained on the pictures of a pack, each step on other ones.

    It sees 256,000 pictures: all of a small source many times, a part of a large one once.
    """
    autoencoder = Autoencoder(torch.Generator(device).manual_seed(seed))
    optimiser = torch.optim.Adam(autoencoder.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    with progress("Training the autoencoder", STEPS * BATCH, unit="pictures") as bar:
        for seen in range(0, STEPS * BATCH, BATCH):
            clean = _rows(pack, batch_indices(seen, BATCH, len(pack), seed), device)
            optimiser.zero_grad()
            F.mse_loss(autoencoder(clean), clean).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            bar.update(seen + BATCH)
    return autoencoder


def binary_codes(autoencoder: Autoencoder, pack: Pack, device: torch.device) -> Codes:
    """The 128 bits of every picture in a pack: (N, 16)."""
    codes = np.empty((len(pack), BITS // 8), np.uint8)
    with progress("Coding", len(pack), unit="pictures") as bar:
        for start in range(0, len(pack), BATCH):
            numbers = np.arange(start, min(start + BATCH, len(pack)))
            bits = autoencoder.bits(_rows(pack, numbers, device))
            codes[numbers] = np.packbits(bits.cpu().numpy(), axis=1)
            bar.update(start + len(numbers))
    return codes


def _rows(pack: Pack, numbers: NDArray[np.int64], device: torch.device) -> Tensor:
    return normalised(torch.from_numpy(pack.pictures(numbers)).to(device))
