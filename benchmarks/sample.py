"""How fast pictures are drawn, and vectors taken, into one array file, beside forward passes alone.

    python benchmarks/sample.py --count 50000

Each takes turns with its bound, a part of the pictures at a time: the forward pass of the same
batches on latents, or pictures in floats, that are there already, with nothing done to what comes
out.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import dcgan
from dcgan.config import NetworkConfig
from dcgan.devices import choose_device, keep_freed_memory
from dcgan.images import to_floats
from dcgan.model import Model
from dcgan.networks import Discriminator, Generator, initialise
from dcgan.sample import SAMPLE_BATCH, in_batches, latents_of
from dcgan.size import Size

TURNS = 10


def forward_seconds(
    network: Callable[[Tensor], object], batches: Sequence[Tensor], device: torch.device
) -> float:
    """The time of forward passes alone."""
    wait(device)
    start = time.perf_counter()
    with torch.inference_mode():
        for batch in batches:
            network(batch)
    wait(device)
    return time.perf_counter() - start


def seconds(work: Callable[[], object]) -> float:
    """The time of the whole work, the file included."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def compare(name: str, bound: Callable[[], float], work: Callable[[], object], count: int) -> None:
    """Prints how fast so many pictures go through some work, beside its bound."""
    bound()
    work()
    times = [(bound(), seconds(work)) for _ in range(TURNS)]
    alone, whole = np.median(times, axis=0)
    share = np.median([forward / all_of_it for forward, all_of_it in times])
    print(f"| {name} | {count / alone:,.0f} | {count / whole:,.0f} | {share:.0%} |", flush=True)


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--count", type=int, default=50_000)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--device", default="auto")
    arguments = parser.parse_args()
    device, side = choose_device(arguments.device), arguments.size
    config = NetworkConfig(size=Size(side, side), width=arguments.width)
    networks = Generator(config).eval(), Discriminator(config).eval()
    for network in networks:
        initialise(network, torch.Generator().manual_seed(0))
    model = Model(*networks).to(device)
    keep_freed_memory()
    part = max(SAMPLE_BATCH, arguments.count // TURNS)
    latents = [latents_of(seeds, config).to(device) for seeds in in_batches(range(part))]
    pictures = np.random.default_rng(0).integers(0, 256, (part, side, side, 3), np.uint8)
    images = [
        to_floats(torch.from_numpy(batch).to(device))
        for batch in np.split(pictures, range(SAMPLE_BATCH, part, SAMPLE_BATCH))
    ]
    print(f"{side}x{side}, width {arguments.width}, median of {TURNS} turns of {part:,} pictures\n")
    print("| | forward pass alone, pictures/s | into an array file | share |\n|---|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DCGAN_CACHE"], source = folder, Path(folder, "pictures.npy")
        np.save(source, pictures)
        compare(
            "drawing",
            lambda: forward_seconds(model.generator, latents, device),
            lambda: dcgan.sample(model, Path(folder, "all.npy"), range(part), device=str(device)),
            part,
        )
        compare(
            "features",
            lambda: forward_seconds(model.discriminator.features, images, device),
            lambda: dcgan.features(
                model, source, Path(folder, "v.npy"), stored_statistics=True, device=str(device)
            ),
            part,
        )


if __name__ == "__main__":
    main()
