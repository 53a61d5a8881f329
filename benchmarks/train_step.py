"""How fast a training step is: ours beside the plain loop that is copied most, in one run.

    python benchmarks/train_step.py
    python benchmarks/train_step.py --size 32 --width 64 --batch 128 --rounds 5

The plain loop is the usual tutorial's: eager float32, both networks built of `Sequential`, binary
cross-entropy on probabilities, the discriminator's weights taking gradients in the generator's step
too, and three numbers read back to the host in every step. Both do the same arithmetic on the same
architecture. The variants take turns, and each row is the median of the rounds.
"""

import argparse
import platform
import statistics
import tempfile
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from dcgan.checkpoint import Run
from dcgan.config import Config, PackConfig, preset
from dcgan.data.packing import open_pack
from dcgan.devices import choose_device, has_native_bfloat16
from dcgan.size import halvings
from dcgan.step import TrainState, train_step
from dcgan.train import Trainer, fit_to_pack

MATRIX_SIDE = 4096


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


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=64, help="a power of two (default: 64)")
    parser.add_argument("--width", type=int, default=64, help="maps (default: 64)")
    parser.add_argument("--batch", type=int, default=128, help="pictures (default: 128)")
    parser.add_argument("--rounds", type=int, default=5, help="turns (default: 5)")
    parser.add_argument("--steps", type=int, default=2, help="steps in a turn (default: 2)")
    parser.add_argument("--device", default="auto", help="(default: auto)")
    return parser.parse_args()


def main() -> None:
    args = parse()
    device = choose_device(args.device)
    base = preset(
        "default", size=args.size, width=args.width, batch=args.batch, kernel_size=4,
        input_bias=False, average_half_life=0,
    )  # fmt: skip
    precisions = ["float32"] + (["bfloat16"] if has_native_bfloat16(device) else [])
    flops = step_flops(base, device)
    with tempfile.TemporaryDirectory() as folder:
        pack = open_pack("faces", PackConfig(size=base.network.size))
        trainers = {}
        for precision in precisions:
            config = fit_to_pack(base.replaced(precision=precision), pack)
            trainers[precision] = Trainer(TrainState(config, device), pack, Run(folder))
        real, _ = trainers["float32"].next_batch()
        flat = real.contiguous()
        plain = plain_step(base, device)
        variants: dict[str, Callable[[], object]] = {"plain loop, float32": lambda: plain(flat)}
        for name, trainer in trainers.items():
            state = trainer.state
            variants[f"ours, {name}"] = lambda s=state: train_step(s, real)  # type: ignore[misc]
            variants[f"ours, {name}, fed from a pack"] = (
                lambda t=trainer: train_step(t.state, *t.next_batch())  # type: ignore[misc]
            )
        times: dict[str, list[float]] = {name: [] for name in variants}
        for work in variants.values():
            work()
        for _ in range(args.rounds):
            for name, work in variants.items():
                times[name].append(seconds(work, device, args.steps))
    report(args, device, flops, {name: statistics.median(t) for name, t in times.items()})


def report(
    args: argparse.Namespace, device: torch.device, flops: int, times: dict[str, float]
) -> None:
    chip = torch.cuda.get_device_name() if device.type == "cuda" else platform.processor()
    rates = {name: matrix_rate(getattr(torch, name), device) for name in ("float32", "bfloat16")}
    print(f"{args.size}x{args.size}, width {args.width}, batch {args.batch}; ", end="")
    print(f"{device} ({chip or platform.machine()}), {torch.get_num_threads()} threads; ", end="")
    print(f"{flops / args.batch / 1e9:.2f} GFLOP a picture; torch {torch.__version__}")
    print(f"matrix product {MATRIX_SIDE}³: ", end="")
    print(", ".join(f"{name} {rate / 1e9:,.0f} GFLOP/s" for name, rate in rates.items()))
    print("\n| step | pictures/s | times the plain loop | share of the matrix product |")
    print("|---|---:|---:|---:|")
    plain = times["plain loop, float32"]
    for name, second in times.items():
        rate = rates["bfloat16" if "bfloat16" in name else "float32"]
        # The plain loop computes gradients that nobody uses; its share counts useful work alone.
        print(f"| {name} | {args.batch / second:,.0f} | {plain / second:.2f} ", end="")
        print(f"| {flops / second / rate:.0%} |")


if __name__ == "__main__":
    main()
