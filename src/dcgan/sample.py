"""Seeds to latents to pictures."""

import math
import re
from collections.abc import Sequence
from itertools import pairwise

import torch

from dcgan.config import NetworkConfig
from dcgan.errors import DCGANError
from dcgan.images import to_bytes
from dcgan.networks import Generator
from dcgan.tensors import Labels, Latents, Pixels

LARGEST_SEED = 2**63 - 1
SAMPLE_BATCH = 128
MOST_SEEDS = 10_000_000


def draw_latents(count: int, config: NetworkConfig, rng: torch.Generator) -> Latents:
    """Latents (count, latent_dim) from the prior, on the device of `rng`."""
    z = torch.empty(count, config.latent_dim, device=rng.device)
    if config.prior == "uniform":
        return z.uniform_(-1.0, 1.0, generator=rng)
    return z.normal_(generator=rng)


def latents_of(seeds: Sequence[int], config: NetworkConfig) -> Latents:
    """The latents (N, latent_dim) that seeds name: the same for a seed in any company.

    Raises:
        DCGANError: a seed is negative or above 2⁶³ - 1.
    """
    rng = torch.Generator()
    rows = []
    for seed in seeds:
        if not 0 <= seed <= LARGEST_SEED:
            raise DCGANError(f"A seed (={seed}) must lie between 0 and {LARGEST_SEED}.")
        rows.append(draw_latents(1, config, rng.manual_seed(seed)))
    return torch.cat(rows) if rows else torch.empty(0, config.latent_dim)


def labels_of(seeds: Sequence[int], config: NetworkConfig) -> Labels | None:
    """The classes (N,) of seeds when nobody asks for one: each in turn; None without classes."""
    if not config.classes:
        return None
    return torch.tensor([seed % config.classes for seed in seeds], dtype=torch.long)


@torch.no_grad()
def draw(generator: Generator, z: Latents, labels: Labels | None = None) -> Pixels:
    """Pictures (N, H, W, C) of latents (N, latent_dim), with batch norm in the mode it is in.

    In evaluation mode a picture depends on its latent alone; in training mode, as in the paper, on
    the whole batch.
    """
    device = next(generator.parameters()).device
    labels = None if labels is None else labels.to(device)
    return to_bytes(generator(z.to(device), labels)).cpu()


def parse_seeds(text: str) -> list[int]:
    """The seeds in a text such as `0-63` or `1,2,5-10`.

    Raises:
        DCGANError: the text is not of this form.
    """
    seeds: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"(\d{1,19})(?:\s*-\s*(\d{1,19}))?", part.strip())
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if last < first:
            raise DCGANError(f"`seeds` (={text}) must look like 0-63 or 1,2,5-10.")
        if last - first >= MOST_SEEDS - len(seeds):
            raise DCGANError(f"`seeds` (={text}) are too many; {MOST_SEEDS:,} at most in one go.")
        seeds += range(first, last + 1)
    return seeds


def in_batches(seeds: Sequence[int], most: int = SAMPLE_BATCH) -> list[Sequence[int]]:
    """The seeds in order, in as few parts of at most `most` as there can be, of nearly one length.

    So no part is left with a single picture, which has no batch statistics.
    """
    parts = math.ceil(len(seeds) / most)
    edges = [len(seeds) * part // parts for part in range(parts + 1)] if parts else []
    return [seeds[start:end] for start, end in pairwise(edges)]
