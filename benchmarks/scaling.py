"""What many GPUs would give: a training's time by a step's time, its gradients and the network.

    python benchmarks/scaling.py --rate 20000 --overhead 0.3
    python benchmarks/scaling.py --rate 20000 --overhead 0.3 --width 128 --kernel 5 --batch 4096

A simulation, no measurement. In go what one GPU does in a second (`--rate`, as train_step.py
measures it), what each of its steps costs whatever its batch (`--overhead`, in milliseconds), and
the bandwidths of the links. In every step all processes exchange the gradients of both networks, in
a ring within each node and in one of the nodes. Nothing of it is hidden behind arithmetic here.
"""

import argparse
from typing import NamedTuple

from dcgan.config import NetworkConfig
from dcgan.networks import Discriminator, Generator, count_parameters
from dcgan.size import Size

SETS = {"LSUN bedrooms, 5 passes": (3_033_042, 5), "1 billion pictures, 1 pass": (10**9, 1)}
GRADIENT_BYTES = 4
PICTURE_BYTES = 64 * 64 * 3


class Machines(NamedTuple):
    """What there is to compute with."""

    rate: float
    """Pictures per second of one GPU at a large batch."""
    overhead: float
    """Seconds that a step takes whatever its batch."""
    per_node: int
    link: float
    """Bytes per second from a GPU to the next one of its node."""
    network: float
    """Bytes per second from a node to the next one."""
    latency: float
    """Seconds that a message takes, whatever its length."""
    reading: float
    """Bytes per second that a node reads from the storage."""
    packing: float
    """Pictures per second that a node decodes."""


class Step(NamedTuple):
    """Where the time of a step goes, in seconds."""

    arithmetic: float
    overhead: float
    exchange: float
    waiting: float
    """For pictures that the storage has not given yet."""

    @property
    def whole(self) -> float:
        """All of it."""
        return sum(self)


def ring(count: int, length: float, bandwidth: float, latency: float) -> float:
    """The time to sum a message over a ring: each passes on two times all but one of its parts."""
    return 2 * (count - 1) * (length / count / bandwidth + latency)


def step(machines: Machines, gpus: int, batch: int, gradients: float) -> Step:
    """A step of so many GPUs on one batch."""
    nodes, within = max(1, gpus // machines.per_node), min(gpus, machines.per_node)
    arithmetic = batch / gpus / machines.rate
    exchange = ring(within, gradients, machines.link, machines.latency)
    exchange += ring(nodes, gradients, machines.network, machines.latency)
    known = arithmetic + machines.overhead + exchange
    reading = batch / nodes * PICTURE_BYTES / machines.reading
    return Step(arithmetic, machines.overhead, exchange, max(0.0, reading - known))


def table(machines: Machines, batch: int, gradients: float) -> str:
    """The times for each set and number of GPUs, in Markdown."""
    lines = [
        "| pictures | GPUs | a GPU's part of the batch | pictures/s | times one GPU | training "
        "| arithmetic | overhead | exchange | waiting | packing |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, (count, passes) in SETS.items():
        alone = step(machines, 1, batch, gradients).whole
        for gpus in (1, 8, 64, 512):
            if batch % gpus:
                continue
            found = step(machines, gpus, batch, gradients)
            seconds = count * passes / batch * found.whole
            nodes = max(1, gpus // machines.per_node)
            shares = " | ".join(f"{part / found.whole:.0%}" for part in found)
            lines.append(
                f"| {name} | {gpus} | {batch // gpus} | {batch / found.whole:,.0f} "
                f"| {alone / found.whole:.1f} | {words(seconds)} | {shares} "
                f"| {words(count / machines.packing / nodes)} |"
            )
    return "\n".join(lines)


def words(seconds: float) -> str:
    """A duration in its natural unit."""
    for unit, length in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rate", type=float, required=True, help="pictures/s of one GPU")
    parser.add_argument("--overhead", type=float, required=True, help="ms of a step, whatever")
    parser.add_argument("--batch", type=int, default=512, help="of all GPUs together")
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--kernel", type=int, default=4)
    parser.add_argument("--per-node", type=int, default=8)
    parser.add_argument("--link", type=float, default=300, help="GB/s within a node")
    parser.add_argument("--network", type=float, default=40, help="GB/s between nodes")
    parser.add_argument("--latency", type=float, default=8, help="microseconds of a message")
    parser.add_argument("--reading", type=float, default=2, help="GB/s of a node's storage")
    parser.add_argument("--packing", type=float, default=60_000, help="pictures/s of a node")
    given = parser.parse_args()
    config = NetworkConfig(size=Size(64, 64), width=given.width, kernel_size=given.kernel)
    count = sum(count_parameters(network(config)) for network in (Generator, Discriminator))
    machines = Machines(
        rate=given.rate,
        overhead=given.overhead / 1e3,
        per_node=given.per_node,
        link=given.link * 1e9,
        network=given.network * 1e9,
        latency=given.latency / 1e6,
        reading=given.reading * 1e9,
        packing=given.packing,
    )
    gradients = count * GRADIENT_BYTES
    print(f"{count:,} parameters: {gradients / 1e6:.0f} MB of gradients in each step.\n")
    print(table(machines, given.batch, gradients))


if __name__ == "__main__":
    main()
