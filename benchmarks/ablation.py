"""Which options draw better pictures: each row of a table trained under one budget, and measured.

    dcgan encoder SOURCE encoder.safetensors --size 32
    python benchmarks/ablation.py SOURCE encoder.safetensors results.jsonl --images 250000
    python benchmarks/ablation.py SOURCE encoder.safetensors results.jsonl --rows mirrored --seed 1

Every row differs from `averaged` in the options that stand beside it; from another row with --base.
At equal distances on the way the generator is measured as `dcgan evaluate` does, in the features of
one encoder: the model file's generator, averaged if it is, with stored statistics. Rows that stand
in the results already, with the same options, pictures and encoder, are not trained again; the
table of all that stand there is printed at the end, and with --table alone. A run of hours is
trained by `dcgan train`, which can be stopped, and measured at the checkpoints that it kept, with
--run FOLDER --rows NAME.
"""

import argparse
import json
import re
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dcgan.checkpoint import Run, read_checkpoint
from dcgan.config import Config, PackConfig, differences
from dcgan.data.pack import Pack
from dcgan.data.packing import open_pack
from dcgan.devices import choose_device, keep_freed_memory
from dcgan.errors import did_you_mean
from dcgan.images import to_floats
from dcgan.log import progress, show_messages
from dcgan.metrics.encoder import Encoder
from dcgan.metrics.evaluation import choose_yardstick, described_pack, lot, pictures
from dcgan.metrics.frechet import Moments, frechet_distance, moments
from dcgan.metrics.kernel import kernel_distance
from dcgan.metrics.neighbours import overlap
from dcgan.presets import preset
from dcgan.step import TrainState, train_step
from dcgan.tensors import Features, Pixels
from dcgan.trainer import Trainer, build_model

AVERAGED = {
    "batch": 64,
    "g_updates": 1,
    "augment": "none",
    "gradient_penalty": 0.0,
    "average_half_life": 10_000,
}
"""The reference with averaged weights and a bias in D's first layer."""
REFERENCE = {"average_half_life": 0, "input_bias": False}
"""The recipe that is copied most: 64 maps, 4x4 kernels, batches of 64, no averaging."""
ROWS: dict[str, dict[str, Any]] = {
    "reference": REFERENCE,
    "averaged": {},
    "batch 32 and shift": {"batch": 32, "augment": "shift"},
    "stable": {
        "batch": 0,
        "grow_batch": None,
        "g_updates": 2,
        "augment": "auto",
        "gradient_penalty": None,
        "average_half_life": 100_000,
    },
    "one batch": {
        "batch": 0,
        "grow_batch": False,
        "g_updates": 2,
        "augment": "auto",
        "gradient_penalty": None,
        "average_half_life": 100_000,
    },
    # Up to 32x32; above it "one batch" is that.
    "G twice": {"batch": 32, "g_updates": 2, "augment": "shift", "average_half_life": 100_000},
    "G once": {
        "batch": 0,
        "grow_batch": False,
        "augment": "auto",
        "average_half_life": 100_000,
    },
    "G three times": {
        "batch": 0,
        "grow_batch": False,
        "g_updates": 3,
        "augment": "auto",
        "average_half_life": 100_000,
    },
    "penalised": {
        "batch": 32,
        "augment": "shift",
        "gradient_penalty": 1e-4,
        "average_half_life": 100_000,
    },
    "average over 50k": {"average_half_life": 50_000},
    "rate 5e-4": {"learning_rate": 5e-4},
    "rate 1e-3": {"learning_rate": 1e-3},
    "rate 1e-4": {"learning_rate": 1e-4},
    "D's rate x 2": {"d_learning_rate": 4e-4},
    "D's rate / 2": {"d_learning_rate": 1e-4},
    "momentum 0": {"beta1": 0.0},
    "batch 32": {"batch": 32},
    "batch 128": {"batch": 128},
    "kernel 3": {"kernel_size": 3},
    "kernel 5": {"kernel_size": 5},
    "two convolutions": {"convolutions": 2, "kernel_size": 3, "latent_dim": 256},
    "normal prior": {"prior": "normal"},
    "step falls": {"decay_share": 0.5},
    "penalty 1e-3": {"gradient_penalty": 1e-3},
    "penalty 1": {"gradient_penalty": 1.0},
    "penalty 10": {"gradient_penalty": 10.0},
    "shift": {"augment": "shift"},
    "shift and 5e-4": {"augment": "shift", "learning_rate": 5e-4},
    "batch 32 and shift and 5e-4": {"batch": 32, "augment": "shift", "learning_rate": 5e-4},
    "batch 32 and shift and 50k": {
        "batch": 32,
        "augment": "shift",
        "average_half_life": 50_000,
    },
    "batch 32 and shift and 50k and falling": {
        "batch": 32,
        "augment": "shift",
        "average_half_life": 50_000,
        "decay_share": 0.5,
    },
    "batch 32 and shift and 5e-4 and 50k": {
        "batch": 32,
        "augment": "shift",
        "learning_rate": 5e-4,
        "average_half_life": 50_000,
    },
    "batch 16 and shift and 50k": {
        "batch": 16,
        "augment": "shift",
        "average_half_life": 50_000,
    },
    "shift and 1e-3": {"augment": "shift", "learning_rate": 1e-3},
    "mirrored": {"flip": True},
}


class Yard:
    """The real side of all measurements, encoded once."""

    def __init__(self, pack: Pack, encoder: Encoder, count: int, device: torch.device) -> None:
        self.encoder, self.count, self.device = encoder.to(device), count, device
        order, features, total = lot(pack, len(pack), 0), [], 0
        with progress("Encoding", len(pack), unit="pictures") as bar:
            for pixels in pictures(pack, order):
                features.append(self.encoded(pixels))
                total += len(pixels)
                bar.update(total)
        self.real: Features = torch.cat(features)
        self.moments: Moments = moments([self.real])

    @torch.no_grad()
    def encoded(self, pixels: Pixels) -> Features:
        """Features (N, D) of pictures (N, H, W, C)."""
        return self.encoder.features(to_floats(pixels.to(self.device))).cpu()

    def measure(self, state: TrainState, pack: Pack) -> dict[str, float]:
        """What `dcgan evaluate` would say of the model of this moment."""
        model = build_model(state, pack)
        starts = range(0, self.count, 250)
        fake = torch.cat([self.encoded(model.sample(range(at, at + 250))) for at in starts])
        kernel = kernel_distance(self.real, fake, torch.Generator().manual_seed(0))
        shares = overlap(self.real[: self.count], fake)
        return {
            "frechet": frechet_distance(self.moments, moments([fake])),
            "kernel": kernel.mean,
            **shares._asdict(),
        }


def train_row(
    config: Config, pack: Pack, yard: Yard, points: int, name: str, models: Path | None
) -> dict[str, Any]:
    """Trains one config and measures it at equal distances on the way."""
    state = TrainState(config, yard.device)
    course, seconds = [], 0.0
    with (
        tempfile.TemporaryDirectory() as scratch,
        progress(name, config.train.images, unit="pictures") as bar,
    ):
        trainer = Trainer(state, pack, Run(scratch))
        due = np.linspace(0, config.train.images, points + 1)[1:]
        for moment in due:
            start = time.perf_counter()
            while state.images_seen < moment:
                train_step(state, *trainer.next_batch())
                bar.update(state.images_seen)
            seconds += time.perf_counter() - start
            found = yard.measure(state, pack)
            course.append({"images_seen": state.images_seen, **found})
            if models:
                stem = re.sub(r"\W+", "_", f"{name} {config.train.seed} {state.images_seen}")
                build_model(state, pack).save(models / f"{stem}.safetensors")
            bar.update(state.images_seen, f"Fréchet distance {found['frechet']:.2f}")
    return {"course": course, "seconds": seconds, "failing_since": int(state.failing_since)}


def measure_run(folder: Path, pack: Pack, yard: Yard) -> dict[str, Any]:
    """Measures the checkpoints of a run."""
    course, files = [], checkpoints(folder)
    with progress(f"Measuring {folder.name}", len(files), unit="checkpoints") as bar:
        for number, file in enumerate(files, 1):
            saved = read_checkpoint(file)
            state = TrainState(Config.from_json(saved["config"], str(file)), yard.device)
            state.load_state_dict(saved["training"])
            course.append({"images_seen": state.images_seen, **yard.measure(state, pack)})
            bar.update(number)
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    rates = [line["images_per_second"] for line in log if "images_per_second" in line]
    seconds = sum(state.config.train.log_interval / rate for rate in rates)
    return {"course": course, "seconds": seconds, "failing_since": int(state.failing_since)}


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoints of a run, the oldest first.

    Raises:
        SystemExit: it has none.
    """
    files = sorted((folder / "checkpoints").glob("*.pt"))
    if not files:
        raise SystemExit(f"{folder} has no checkpoints to measure.")
    return files


def length_of(folder: Path, config: Config) -> int:
    """The pictures that a run has seen, which is to be of this config.

    Raises:
        SystemExit: it is of another, or has no checkpoints.
    """
    saved = read_checkpoint(checkpoints(folder)[-1])
    others = differences(config, Config.from_json(saved["config"], str(folder)))
    if others:
        raise SystemExit(f"{folder} is no run of this row: {', '.join(others)}.")
    return int(saved["images_seen"])


def table(results: list[dict[str, Any]]) -> str:
    """The results as a table in Markdown, the best first."""
    lines = [
        "| row | seed | pictures | best | at | last | worst after best | kernel x 1000 "
        "| precision | recall | seconds |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for result in sorted(results, key=lambda r: min(p["frechet"] for p in r["course"])):
        course = result["course"]
        distances = [point["frechet"] for point in course]
        best = int(np.argmin(distances))
        lines.append(
            f"| {result['row']} | {result['seed']} | {course[-1]['images_seen'] / 1000:.0f}k "
            f"| {distances[best]:.2f} "
            f"| {course[best]['images_seen'] / 1000:.0f}k | {distances[-1]:.2f} "
            f"| {max(distances[best:]):.2f} | {1000 * course[best]['kernel']:.1f} "
            f"| {course[best]['precision']:.2f} | {course[best]['recall']:.2f} "
            f"| {result['seconds']:.0f} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("source")
    parser.add_argument("encoder", type=Path)
    parser.add_argument("results", type=Path)
    parser.add_argument("--against", help="real pictures to measure by, if others than SOURCE")
    parser.add_argument("--images", type=int, default=250_000)
    parser.add_argument("--points", type=int, default=5, help="measurements on the way")
    parser.add_argument("--count", type=int, default=5_000, help="pictures drawn for each")
    parser.add_argument("--rows", default=",".join(ROWS), help="names, with commas")
    parser.add_argument("--run", type=Path, help="a run to measure in place of training the row")
    parser.add_argument("--base", default="averaged", help="the row to which the others are added")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--models", type=Path, help="a folder for the model of each measurement")
    parser.add_argument("--table", action="store_true", help="print the table and nothing else")
    arguments = parser.parse_args()
    results = read_results(arguments.results)
    names = [] if arguments.table else [name.strip() for name in arguments.rows.split(",")]
    for name in [*names, arguments.base]:
        if name not in ROWS:
            parser.error(f"There is no row {name!r}. {did_you_mean(name, ROWS)}")
    if names:
        with show_messages():
            measure_rows(names, arguments, results)
    print(table(results))


def read_results(file: Path) -> list[dict[str, Any]]:
    """The lines of a file of results, if there is one."""
    lines = file.read_text().splitlines() if file.exists() else []
    return [json.loads(line) for line in lines]


def measure_rows(
    names: list[str], arguments: argparse.Namespace, results: list[dict[str, Any]]
) -> None:
    """Trains or measures the rows that do not stand in the results, and adds them there."""
    keep_freed_memory()
    yardstick = choose_yardstick(arguments.encoder, None)
    assert isinstance(yardstick.encoder, Encoder)
    size = yardstick.encoder.task.size
    pack = open_pack(arguments.source, PackConfig(size=size))
    real = open_pack(arguments.against or arguments.source, PackConfig(size=size))
    yard: Yard | None = None
    for name in names:
        options = AVERAGED | ROWS[arguments.base] | ROWS[name]
        config = preset(**({"size": str(size), "seed": arguments.seed} | options))
        config = config.replaced(images=arguments.images).fitted(size, pack.info.channels, 0)
        title = name if arguments.base == "averaged" else f"{arguments.base} + {name}"
        facts = {
            "row": title,
            "seed": arguments.seed,
            "images": length_of(arguments.run, config) if arguments.run else arguments.images,
            "options": options,
            "pictures": described_pack(pack),
            "measured by": yardstick.described,
            "against": f"{arguments.count} to {described_pack(real)}",
        }
        if any(facts.items() <= result.items() for result in results):
            continue
        yard = yard or Yard(
            real, yardstick.encoder, arguments.count, choose_device(arguments.device)
        )
        found = (
            measure_run(arguments.run, pack, yard)
            if arguments.run
            else train_row(config, pack, yard, arguments.points, title, arguments.models)
        )
        results.append(facts | found)
        with arguments.results.open("a") as file:
            file.write(json.dumps(results[-1]) + "\n")


if __name__ == "__main__":
    main()
