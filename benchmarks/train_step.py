"""How fast a training step is: ours beside the plain loop that is copied most, in one run.

    python benchmarks/train_step.py
    python benchmarks/train_step.py --size 32 64 --width 64 128 --batch 128 512

The plain loop is the usual tutorial's: eager float32, both networks built of `Sequential`, binary
cross-entropy on probabilities, the discriminator's weights taking gradients in the generator's step
too, and three numbers read back to the host in every step. Both do the same arithmetic on the same
architecture. Each variant has a process of its own; they take turns, and each row is the median of
the rounds. On a GPU each row of ours has one lever more than the row above it.
"""

import argparse
import itertools
import multiprocessing
import platform
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torch.utils.flop_counter import FlopCounterMode

from dcgan.checkpoint import Run
from dcgan.config import Config, PackConfig
from dcgan.data.pack import Pack
from dcgan.data.packing import open_pack
from dcgan.devices import choose_device, has_native_bfloat16, keep_freed_memory
from dcgan.presets import preset
from dcgan.size import Size, halvings
from dcgan.step import TrainState, train_step
from dcgan.trainer import Trainer

MATRIX_SIDE = 4096


class Variant(NamedTuple):
    """A row of the table."""

    name: str
    is_ours: bool = True
    dtype: str = "float32"
    keeps_memory: bool = False
    tf32: bool = False
    is_recorded: bool = False
    is_fed: bool = False


def variants_for(device: torch.device) -> list[Variant]:
    """The plain loop first, then ours with one lever more on each row."""
    if device.type == "cuda":
        return [
            Variant("plain loop, float32, fed by a DataLoader", is_ours=False, is_fed=True),
            Variant("plain loop, float32, always the same batch", is_ours=False),
            Variant("ours, float32"),
            Variant("... TF32", tf32=True),
            Variant("... bfloat16", dtype="bfloat16", tf32=True),
            Variant("... recorded", dtype="bfloat16", tf32=True, is_recorded=True),
            Variant(
                "... fed from a pack", dtype="bfloat16", tf32=True, is_recorded=True, is_fed=True
            ),
        ]
    found = [
        Variant("plain loop, float32", is_ours=False),
        Variant("plain loop, float32, freed memory kept", is_ours=False, keeps_memory=True),
    ]
    for dtype in ["float32"] + (["bfloat16"] if has_native_bfloat16(device) else []):
        ours = Variant(f"ours, {dtype}", dtype=dtype, keeps_memory=True)
        found += [ours, ours._replace(name=f"{ours.name}, fed from a pack", is_fed=True)]
    return found


def plain_networks(config: Config) -> tuple[nn.Module, nn.Module]:
    """Generator and discriminator as the tutorials write them: convolutions from end to end."""
    network = config.network
    channels, latent_dim, width = network.channels, network.latent_dim, network.width
    top = (halvings(network.size) or 1) - 1
    layers: list[nn.Module] = [
        nn.ConvTranspose2d(latent_dim, width << top, 4, 1, 0, bias=False),
        nn.BatchNorm2d(width << top),
        nn.ReLU(True),
    ]
    for level in range(top, 0, -1):
        layers += [
            nn.ConvTranspose2d(width << level, width << (level - 1), 4, 2, 1, bias=False),
            nn.BatchNorm2d(width << (level - 1)),
            nn.ReLU(True),
        ]
    layers += [nn.ConvTranspose2d(width, channels, 4, 2, 1, bias=False), nn.Tanh()]
    generator = nn.Sequential(*layers)
    layers = [nn.Conv2d(channels, width, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True)]
    for level in range(top):
        layers += [
            nn.Conv2d(width << level, width << (level + 1), 4, 2, 1, bias=False),
            nn.BatchNorm2d(width << (level + 1)),
            nn.LeakyReLU(0.2, inplace=True),
        ]
    layers += [nn.Conv2d(width << top, 1, 4, 1, 0, bias=False), nn.Sigmoid(), nn.Flatten(0)]
    return generator, nn.Sequential(*layers)


def plain_step(config: Config, device: torch.device) -> Callable[[Tensor], None]:
    """The tutorials' step, closed over its networks and optimisers."""
    generator, discriminator = (network.to(device) for network in plain_networks(config))
    criterion = nn.BCELoss()
    adam = {"lr": 2e-4, "betas": (0.5, 0.999)}
    g_optimizer = torch.optim.Adam(generator.parameters(), **adam)  # type: ignore[arg-type]
    d_optimizer = torch.optim.Adam(discriminator.parameters(), **adam)  # type: ignore[arg-type]

    def step(real: Tensor) -> None:
        ones, zeros = torch.ones(len(real), device=device), torch.zeros(len(real), device=device)
        discriminator.zero_grad()
        on_real = criterion(discriminator(real), ones)
        on_real.backward()
        noise = torch.randn(len(real), config.network.latent_dim, 1, 1, device=device)
        fake = generator(noise)
        answers = discriminator(fake.detach())
        on_fake = criterion(answers, zeros)
        on_fake.backward()
        d_optimizer.step()
        generator.zero_grad()
        g_loss = criterion(discriminator(fake), ones)
        g_loss.backward()
        g_optimizer.step()
        (on_real + on_fake).item(), g_loss.item(), answers.mean().item()

    return step


def seconds(work: Callable[[], object], device: torch.device, repeats: int) -> float:
    """Wall time of one repetition."""
    synchronise(device)
    start = time.perf_counter()
    for _ in range(repeats):
        work()
    synchronise(device)
    return (time.perf_counter() - start) / repeats


def synchronise(device: torch.device) -> None:
    if device.type != "cpu":
        torch.accelerator.synchronize(device)


def step_flops(config: Config, device: torch.device) -> int:
    """Floating-point operations of the matrix products and convolutions in our step."""
    state = TrainState(config, device)
    size = config.network.size
    real = torch.zeros(config.train.batch, config.network.channels, *size, device=device)
    with FlopCounterMode(display=False) as counter:
        train_step(state, real)
    return int(counter.get_total_flops())


def matrix_rate(dtype: torch.dtype, device: torch.device) -> float:
    """Operations per second of a large matrix product."""
    a, b = torch.randn(2, MATRIX_SIDE, MATRIX_SIDE, device=device).to(dtype)
    torch.mm(a, b)
    times = [seconds(lambda: torch.mm(a, b), device, 1) for _ in range(5)]
    return 2 * MATRIX_SIDE**3 / statistics.median(times)


def through_loader(pack: Pack, config: Config, device: torch.device) -> Iterator[Tensor]:
    """The tutorials' feed: each picture scaled by itself, in worker processes, into a batch."""
    pictures = PicturesOneByOne(pack)
    while True:
        loader = DataLoader(pictures, config.train.batch, shuffle=True, num_workers=2)
        yield from (batch.to(device) for batch in loader if len(batch) == config.train.batch)


class PicturesOneByOne(Dataset[Tensor]):
    """A pack as the tutorials see pictures: (C, H, W) in [-1, 1]."""

    def __init__(self, pack: Pack) -> None:
        self.pack = pack

    def __len__(self) -> int:
        return len(self.pack)

    def __getitem__(self, index: int) -> Tensor:
        pixels = torch.from_numpy(self.pack.pictures(np.array([index]))[0])
        return pixels.permute(2, 0, 1).float() / 127.5 - 1


def prepared(variant: Variant, base: Config, device: torch.device) -> Callable[[], object]:
    """One step of a variant, ready to be repeated."""
    pack = open_pack("faces", PackConfig(size=base.network.size))
    config = base.replaced(precision=variant.dtype)
    config = config.fitted(pack.info.size, pack.info.channels, 0)
    trainer = Trainer(TrainState(config, device), pack, Run("unused"))
    real, _ = trainer.next_batch()
    if variant.keeps_memory:
        keep_freed_memory()
    if not variant.is_ours:
        step = plain_step(base, device)
        if variant.is_fed:
            batches = through_loader(pack, config, device)
            return lambda: step(next(batches))
        return lambda: step(real.contiguous())
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = variant.tf32
    torch.set_float32_matmul_precision("high" if variant.tf32 else "highest")
    if not variant.is_recorded:
        trainer.state.graphs = None
    if variant.is_fed:
        return lambda: train_step(trainer.state, *trainer.next_batch())
    return lambda: train_step(trainer.state, real)


def serve(variant: Variant, base: Config, args: argparse.Namespace, pipe: Connection) -> None:
    """A process of its own for each variant: times a turn whenever it is asked to."""
    device = choose_device(args.device)
    work = prepared(variant, base, device)
    seconds(work, device, 10 if device.type == "cuda" else 2)  # until it is recorded
    pipe.send(True)
    while pipe.recv():
        pipe.send(seconds(work, device, args.steps))
    pipe.send(peak_memory(device))


def peak_memory(device: torch.device) -> float:
    """GiB that this process took at most, on the device that it computes on."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated() / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    several: dict[str, Any] = {"type": int, "nargs": "+"}
    parser.add_argument("--size", **several, default=[64], help="powers of two (default: 64)")
    parser.add_argument("--width", **several, default=[64], help="maps (default: 64)")
    parser.add_argument("--batch", **several, default=[128], help="pictures (default: 128)")
    parser.add_argument("--rounds", type=int, default=7, help="turns (default: 7)")
    parser.add_argument("--steps", type=int, help="in a turn (default: 3; on a GPU 50)")
    parser.add_argument("--device", default="auto", help="(default: auto)")
    return parser.parse_args()


def main() -> None:
    args = parse()
    device = choose_device(args.device)
    args.steps = args.steps or (50 if device.type == "cuda" else 3)
    rates = {name: matrix_rate(getattr(torch, name), device) for name in ("float32", "bfloat16")}
    chip = torch.cuda.get_device_name() if device.type == "cuda" else platform.processor()
    print(f"{device} ({chip or platform.machine()}), {torch.get_num_threads()} threads; ", end="")
    print(f"torch {torch.__version__}; matrix product {MATRIX_SIDE}³: ", end="")
    print(", ".join(f"{name} {rate / 1e9:,.0f} GFLOP/s" for name, rate in rates.items()))
    for size, width, batch in itertools.product(args.size, args.width, args.batch):
        open_pack("faces", PackConfig(size=Size.of(size)))
        base = preset(
            size=size, width=width, batch=batch, kernel_size=4, input_bias=False,
            g_updates=1, augment="none", gradient_penalty=0.0, average_half_life=0,
        )  # fmt: skip
        flops = step_flops(base, device)
        print(f"\n{size}x{size}, width {width}, batch {batch}; ", end="")
        print(f"{flops / batch / 1e9:.2f} GFLOP a picture\n", flush=True)
        report(batch, flops, rates, *measured(base, args, device))


def measured(
    base: Config, args: argparse.Namespace, device: torch.device
) -> tuple[dict[Variant, float], dict[Variant, float]]:
    """Seconds of a step, and peak memory in GiB, of each variant."""
    spawn = multiprocessing.get_context("spawn")
    pipes: dict[Variant, Connection] = {}
    times: dict[Variant, list[float]] = {variant: [] for variant in variants_for(device)}
    for variant in times:
        pipes[variant], theirs = spawn.Pipe()
        spawn.Process(target=serve, args=(variant, base, args, theirs), daemon=False).start()
        pipes[variant].recv()  # ready
    for _ in range(args.rounds):
        for variant, found in times.items():
            pipes[variant].send(True)
            found.append(pipes[variant].recv())
    memory = {}
    for variant, pipe in pipes.items():
        pipe.send(False)
        memory[variant] = pipe.recv()
    return {variant: statistics.median(found) for variant, found in times.items()}, memory


def report(
    batch: int,
    flops: int,
    rates: dict[str, float],
    times: dict[Variant, float],
    memory: dict[Variant, float],
) -> None:
    """Prints a table."""
    print("| step | pictures/s | times the plain loop | of the matrix product | peak memory |")
    print("|---|---:|---:|---:|---:|")
    plain = next(iter(times.values()))
    for variant, second in times.items():
        # The plain loop computes gradients that nobody uses; its share counts useful work alone.
        print(f"| {variant.name} | {batch / second:,.0f} | {plain / second:.2f} ", end="")
        print(f"| {flops / second / rates[variant.dtype]:.0%} ", end="")
        print(f"| {memory[variant]:.1f} GiB |", flush=True)


if __name__ == "__main__":
    main()
