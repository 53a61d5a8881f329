"""Grouping millions of codes of which some are copies: time and peak memory, for several radii.

    python benchmarks/group_codes.py [--codes 3000000] [--copies 0.1] [--radii 0 1 2 4]

The codes are random, 128 bits each; the last of them copy the first ones, in every second of them
as many bits turned as the radius lets. Each radius has a process of its own, on one core. The
memory is the most that the process held while it grouped, above what it held with the codes before.
"""

import argparse
import multiprocessing
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dcgan.data.hashes import group_near

BYTES = 16


def planted(count: int, copies: int, radius: int) -> NDArray[np.uint8]:
    """Codes (count, 16), the last of which copy the first."""
    random = np.random.default_rng(0)
    codes = random.integers(0, 256, (count, BYTES), np.uint8)
    codes[count - copies :] = codes[:copies]
    for turned in range(radius):  # a bit of another byte each time
        codes[count - copies :: 2, turned] ^= 1
    return codes


def held_megabytes(kind: str) -> float:
    """Memory of this process: VmRSS now, VmHWM at most."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(kind)) / 1_024


def measure(count: int, copies: int, radius: int) -> None:
    codes = planted(count, copies, radius)
    group_near(codes[:1_000], radius)
    before, start = held_megabytes("VmRSS"), time.perf_counter()
    groups = group_near(codes, radius)
    seconds = time.perf_counter() - start
    found = int((groups[count - copies :] == np.arange(copies)).sum())
    others = int((groups[: count - copies] != np.arange(count - copies)).sum())
    memory = held_megabytes("VmHWM") - before
    print(f"{radius:6} {seconds:8.1f} {memory:10.0f} {found:10,} {others:8,}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--codes", type=int, default=3_000_000)
    parser.add_argument("--copies", type=float, default=0.1, help="share of the codes")
    parser.add_argument("--radii", type=int, nargs="+", default=[0, 1, 2, 4])
    arguments = parser.parse_args()
    copies = int(arguments.codes * arguments.copies)
    print(f"{arguments.codes:,} codes, {copies:,} of them copies")
    print("radius  seconds  megabytes     copies   others")
    for radius in arguments.radii:
        process = multiprocessing.get_context("spawn").Process(
            target=measure, args=(arguments.codes, copies, radius)
        )
        process.start()
        process.join()


if __name__ == "__main__":
    main()
