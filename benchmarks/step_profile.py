"""Where the time of a step goes on a CPU: by kind of work, for small and large networks.

    python benchmarks/step_profile.py
    python benchmarks/step_profile.py --size 32 --width 16 64 --compile

Each row is a step on 32 pictures, moved for D, with so many maps: its rate, its share of what a
matrix product of the same precision reaches in the same process, and the shares of its time, as
PyTorch's profiler counts them over --steps steps. With --compile the networks are compiled by
torch.compile first; the seconds until then stand in the last column.
"""

import argparse
import itertools
import time
from collections import Counter

import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from dcgan.devices import choose_device, prefer_speed
from dcgan.presets import preset
from dcgan.size import Size
from dcgan.step import TrainState, train_step

KINDS = {
    "convolutions": ("conv", "mm", "linear", "ToCopyBackward0"),
    "batch norm": ("batch_norm",),
    "activations": ("relu", "threshold", "clamp_min", "tanh", "sigmoid", "softplus"),
    "moved pictures": ("index", "where", "cat"),
    "Adam and average": ("adam", "lerp", "norm"),
    "copies and casts": ("copy", "fill", "zero", "empty"),
    "compiled": ("graph", "Compiled", "fused"),
}
"""What the names of operations hold, the first that fits; all others are `else`."""
MATRIX_SIDE = 2_048


def kind_of(name: str) -> str:
    """The kind of work of an operation."""
    for kind, parts in KINDS.items():
        if any(part.lower() in name.lower() for part in parts):
            return kind
    return "else"


def shares(state: TrainState, real: torch.Tensor, steps: int) -> dict[str, float]:
    """The share of each kind of work in the time of a step."""
    with profile(activities=[ProfilerActivity.CPU]) as found:
        for _ in range(steps):
            train_step(state, real)
    times: Counter[str] = Counter()
    for event in found.key_averages():
        times[kind_of(event.key)] += event.self_cpu_time_total
    return {kind: times[kind] / times.total() for kind in (*KINDS, "else")}


def matrix_rate(dtype: torch.dtype) -> float:
    """Operations per second of a matrix product, the best of some."""
    a, b = torch.randn(2, MATRIX_SIDE, MATRIX_SIDE).to(dtype)
    times = []
    for _ in range(8):
        start = time.perf_counter()
        torch.mm(a, b)
        times.append(time.perf_counter() - start)
    return 2 * MATRIX_SIDE**3 / min(times)


def row(size: int, width: int, batch: int, steps: int, is_compiled: bool) -> str:
    """A row of the table, in Markdown."""
    config = preset(
        size=size, width=width, batch=batch, g_updates=1, augment="shift", gradient_penalty=0.0
    ).fitted(Size(size, size), 3, 0)
    state = TrainState(config, choose_device("cpu"))
    real = torch.rand(batch, 3, size, size).contiguous(memory_format=torch.channels_last) * 2 - 1
    with FlopCounterMode(display=False) as counter:
        train_step(state, real)
    if is_compiled:
        state.generator.compile(dynamic=False)
        state.discriminator.compile(dynamic=False)
    start = time.perf_counter()
    for _ in range(3):
        train_step(state, real)
    ready = time.perf_counter() - start
    times = []
    for _ in range(steps):
        start = time.perf_counter()
        train_step(state, real)
        times.append(time.perf_counter() - start)
    second = sorted(times)[len(times) // 2]
    rate = matrix_rate(torch.bfloat16 if state.bfloat16 else torch.float32)
    share = counter.get_total_flops() / second / rate
    kinds = " | ".join(f"{part:.0%}" for part in shares(state, real, steps).values())
    return (
        f"| {size}x{size} | {width} | {batch / second:,.0f} | {share:.0%} | {kinds} | {ready:.1f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--size", type=int, nargs="+", default=[32, 64])
    parser.add_argument("--width", type=int, nargs="+", default=[16, 32, 64, 128])
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--compile", action="store_true")
    given = parser.parse_args()
    prefer_speed(choose_device("cpu"))
    print(f"batch {given.batch}, {torch.get_num_threads()} threads, torch {torch.__version__}\n")
    print(
        f"| size | width | pictures/s | of the matrix product | {' | '.join((*KINDS, 'else'))} ",
        end="",
    )
    print("| ready after, s |")
    print("|---|---:|---:|---:|" + "---:|" * (len(KINDS) + 2))
    for size, width in itertools.product(given.size, given.width):
        print(row(size, width, given.batch, given.steps, given.compile), flush=True)


if __name__ == "__main__":
    main()
