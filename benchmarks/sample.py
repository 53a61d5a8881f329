"""How fast pictures are drawn into one array file, beside the generator's forward pass alone.

    python benchmarks/sample.py --count 50000

Both take turns, a part of the pictures each; the forward pass is that of the same batches on
latents that are there already, with nothing done to what comes out.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

import dcgan
from dcgan.config import NetworkConfig
from dcgan.devices import choose_device, keep_freed_memory
from dcgan.model import Model
from dcgan.networks import Discriminator, Generator, initialise
from dcgan.sample import SAMPLE_BATCH, in_batches, latents_of
from dcgan.size import Size

TURNS = 10


def forward_seconds(model: Model, count: int, device: torch.device) -> float:
    """The time of the forward passes alone."""
    batches = [latents_of(seeds, model.config).to(device) for seeds in in_batches(range(count))]
    wait(device)
    start = time.perf_counter()
    with torch.inference_mode():
        for z in batches:
            model.generator(z)
    wait(device)
    return time.perf_counter() - start


def sample_seconds(model: Model, count: int, file: Path, device: torch.device) -> float:
    """The time of the whole work, the file included."""
    start = time.perf_counter()
    dcgan.sample(model, file, range(count), device=str(device))
    return time.perf_counter() - start


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
    times = []
    with tempfile.TemporaryDirectory() as folder:
        forward_seconds(model, SAMPLE_BATCH, device)
        for _ in range(TURNS):
            bound = forward_seconds(model, part, device)
            times.append((bound, sample_seconds(model, part, Path(folder, "all.npy"), device)))
    bound, whole = np.median(times, axis=0)
    shares = [bound / whole for bound, whole in times]
    print(f"| | pictures/s |\n|---|---:|\n| forward pass alone | {part / bound:,.0f} |")
    print(f"| into an array file | {part / whole:,.0f} |")
    print(f"share of the forward pass's rate: {np.median(shares):.0%} (median of {TURNS} turns)")


if __name__ == "__main__":
    main()
