"""How fast a training step is: ours beside the plain loop that is copied most, in one run.

    python benchmarks/train_step.py
    python benchmarks/train_step.py --size 32 --width 64 --batch 128 --rounds 5

The plain loop is the usual tutorial's: eager float32, both networks built of `Sequential`, binary
cross-entropy on probabilities, the discriminator's weights taking gradients in the generator's step
too, and three numbers read back to the host in every step. Both do the same arithmetic on the same
architecture. Each variant has a process of its own; they take turns, and each row is the median of
the rounds.
"""

import argparse
import multiprocessing
import platform
import resource
import statistics
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from dcgan.checkpoint import Run
from dcgan.config import Config, PackConfig
from dcgan.data.packing import open_pack
from dcgan.devices import choose_device, has_native_bfloat16, keep_freed_memory
from dcgan.presets import preset
from dcgan.size import halvings
from dcgan.step import TrainState, train_step
from dcgan.trainer import Trainer

MATRIX_SIDE = 4096
PLAIN, KEPT, FED = "plain loop, float32", ", freed memory kept", ", fed from a pack"


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


def prepared(variant: str, base: Config, device: torch.device) -> Callable[[], object]:
    """One step of a variant, ready to be repeated."""
    pack = open_pack("faces", PackConfig(size=base.network.size))
    precision = "bfloat16" if "bfloat16" in variant else "float32"
    config = base.replaced(precision=precision).fitted(pack.info.size, pack.info.channels, 0)
    trainer = Trainer(TrainState(config, device), pack, Run("unused"))
    real, _ = trainer.next_batch()
    if variant != PLAIN and device.type == "cpu":
        keep_freed_memory()
    if variant.startswith(PLAIN):
        step, real = plain_step(base, device), real.contiguous()
        return lambda: step(real)
    if variant.endswith(FED):
        return lambda: train_step(trainer.state, *trainer.next_batch())
    return lambda: train_step(trainer.state, real)


def serve(variant: str, base: Config, args: argparse.Namespace, pipe: Connection) -> None:
    """A process of its own for each variant: times a turn whenever it is asked to."""
    device = choose_device(args.device)
    work = prepared(variant, base, device)
    seconds(work, device, 2)
    while pipe.recv():
        pipe.send(seconds(work, device, args.steps))
    pipe.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=64, help="a power of two (default: 64)")
    parser.add_argument("--width", type=int, default=64, help="maps (default: 64)")
    parser.add_argument("--batch", type=int, default=128, help="pictures (default: 128)")
    parser.add_argument("--rounds", type=int, default=7, help="turns (default: 7)")
    parser.add_argument("--steps", type=int, default=3, help="steps in a turn (default: 3)")
    parser.add_argument("--device", default="auto", help="(default: auto)")
    return parser.parse_args()


def main() -> None:
    args = parse()
    device = choose_device(args.device)
    base = preset(
        size=args.size, width=args.width, batch=args.batch, kernel_size=4, input_bias=False,
        augment="none", average_half_life=0,
    )  # fmt: skip
    variants = [PLAIN] + ([PLAIN + KEPT] if device.type == "cpu" else [])
    for precision in ["float32"] + (["bfloat16"] if has_native_bfloat16(device) else []):
        variants += [f"ours, {precision}", f"ours, {precision}{FED}"]
    open_pack("faces", PackConfig(size=base.network.size))
    spawn = multiprocessing.get_context("spawn")
    pipes: dict[str, Connection] = {}
    times: dict[str, list[float]] = {}
    memory: dict[str, float] = {}
    for variant in variants:
        pipes[variant], theirs = spawn.Pipe()
        times[variant] = []
        spawn.Process(target=serve, args=(variant, base, args, theirs), daemon=True).start()
    for _ in range(args.rounds):
        for variant in variants:
            pipes[variant].send(True)
            times[variant].append(pipes[variant].recv())
    for variant in variants:
        pipes[variant].send(False)
        memory[variant] = pipes[variant].recv()
    medians = {variant: statistics.median(values) for variant, values in times.items()}
    report(args, device, step_flops(base, device), medians, memory)


def report(
    args: argparse.Namespace,
    device: torch.device,
    flops: int,
    times: dict[str, float],
    memory: dict[str, float],
) -> None:
    chip = torch.cuda.get_device_name() if device.type == "cuda" else platform.processor()
    rates = {name: matrix_rate(getattr(torch, name), device) for name in ("float32", "bfloat16")}
    print(f"{args.size}x{args.size}, width {args.width}, batch {args.batch}; ", end="")
    print(f"{device} ({chip or platform.machine()}), {torch.get_num_threads()} threads; ", end="")
    print(f"{flops / args.batch / 1e9:.2f} GFLOP a picture; torch {torch.__version__}")
    print(f"matrix product {MATRIX_SIDE}³: ", end="")
    print(", ".join(f"{name} {rate / 1e9:,.0f} GFLOP/s" for name, rate in rates.items()))
    print("\n| step | pictures/s | times the plain loop | of the matrix product | peak memory |")
    print("|---|---:|---:|---:|---:|")
    plain = times[PLAIN]
    for name, second in times.items():
        rate = rates["bfloat16" if "bfloat16" in name else "float32"]
        # The plain loop computes gradients that nobody uses; its share counts useful work alone.
        print(f"| {name} | {args.batch / second:,.0f} | {plain / second:.2f} ", end="")
        print(f"| {flops / second / rate:.0%} | {memory[name]:.1f} GiB |")


if __name__ == "__main__":
    main()
