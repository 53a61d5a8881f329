"""Which options draw better pictures: each row of a table trained under one budget, and measured.

    dcgan encoder SOURCE encoder.safetensors --size 32
    python benchmarks/ablation.py SOURCE encoder.safetensors results.jsonl --images 250000
    python benchmarks/ablation.py SOURCE encoder.safetensors results.jsonl --rows hinge --seed 1

Every row differs from `averaged` in the options that stand beside it; from another row with --base.
At equal distances on the way the generator is measured as `dcgan evaluate` does, in the features of
one encoder: the model file's generator, averaged if it is, with stored statistics. Rows that stand
in the results already are not trained again; the table of all that stand there is printed at the
end, and with --table alone. A run of hours is trained by `dcgan train`, which can be stopped, and
measured at the checkpoints that it kept, with --run FOLDER --rows NAME.
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
from dcgan.config import Config, PackConfig
from dcgan.data.pack import Pack
from dcgan.data.packing import open_pack
from dcgan.devices import choose_device, keep_freed_memory
from dcgan.errors import did_you_mean
from dcgan.images import to_floats
from dcgan.log import progress, show_messages
from dcgan.metrics.encoder import load_encoder
from dcgan.metrics.evaluation import lot, pictures
from dcgan.metrics.frechet import Moments, frechet_distance, moments
from dcgan.metrics.kernel import kernel_distance
from dcgan.metrics.neighbours import overlap
from dcgan.presets import preset
from dcgan.size import Size
from dcgan.step import TrainState, train_step
from dcgan.tensors import Features
from dcgan.trainer import Trainer, build_model

AVERAGED = {
    "batch": 64,
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
    "D's width x 2": {"d_width": 128},
    "G's width x 2": {"width": 128, "d_width": 64},
    "momentum 0": {"beta1": 0.0},
    "batch 32": {"batch": 32},
    "batch 128": {"batch": 128},
    "kernel 3": {"kernel_size": 3},
    "kernel 5": {"kernel_size": 5},
    "two convolutions": {"convolutions": 2, "kernel_size": 3},
    "normal prior": {"prior": "normal"},
    "step falls": {"decay_share": 0.5},
    "hinge": {"objective": "hinge"},
    "least squares": {"objective": "least-squares"},
    "smoothed target": {"real_target": 0.9},
    "instance noise": {"instance_noise": 0.1},
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
    "all augmentation": {"augment": "all"},
    "mirrored": {"flip": True},
    "no norm and penalty 1 and 1e-3": {
        "d_norm": "none",
        "gradient_penalty": 1.0,
        "learning_rate": 1e-3,
    },
    "resizing": {"upsampling": "resize"},
    "spectral": {"d_norm": "spectral"},
    "spectral and hinge": {"d_norm": "spectral", "objective": "hinge"},
    "no norm and penalty 1": {"d_norm": "none", "gradient_penalty": 1.0},
}


class Yard:
    """The real side of all measurements, encoded once."""

    def __init__(self, pack: Pack, encoder: Path, count: int) -> None:
        self.encoder, self.count = load_encoder(encoder), count
        order, features, total = lot(pack, len(pack), 0), [], 0
        with torch.no_grad(), progress("Encoding", len(pack), unit="pictures") as bar:
            for pixels in pictures(pack, order):
                features.append(self.encoder.features(to_floats(pixels)))
                total += len(pixels)
                bar.update(total)
        self.real: Features = torch.cat(features)
        self.moments: Moments = moments([self.real])

    def measure(self, state: TrainState, pack: Pack) -> dict[str, float]:
        """What `dcgan evaluate` would say of the model of this moment."""
        model, parts = build_model(state, pack), []
        with torch.no_grad():
            for start in range(0, self.count, 250):
                pixels = model.sample(range(start, start + 250))
                parts.append(self.encoder.features(to_floats(pixels)))
        fake = torch.cat(parts)
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
    state = TrainState(config, choose_device("cpu"))
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
    course, files = [], sorted((folder / "checkpoints").glob("*.pt"))
    with progress(f"Measuring {folder.name}", len(files), unit="checkpoints") as bar:
        for number, file in enumerate(files, 1):
            saved = read_checkpoint(file)
            state = TrainState(Config.from_json(saved["config"], str(file)), choose_device("cpu"))
            state.load_state_dict(saved["training"])
            course.append({"images_seen": state.images_seen, **yard.measure(state, pack)})
            bar.update(number)
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    rates = [line["images_per_second"] for line in log if "images_per_second" in line]
    seconds = sum(state.config.train.log_interval / rate for rate in rates)
    return {"course": course, "seconds": seconds, "failing_since": int(state.failing_since)}


def table(results: list[dict[str, Any]]) -> str:
    """The results as a table in Markdown, the best first."""
    lines = [
        "| row | seed | best | at | last | worst after best | kernel x 1000 | precision | recall "
        "| seconds |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for result in sorted(results, key=lambda r: min(p["frechet"] for p in r["course"])):
        course = result["course"]
        distances = [point["frechet"] for point in course]
        best = int(np.argmin(distances))
        lines.append(
            f"| {result['row']} | {result['seed']} | {distances[best]:.2f} "
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
    parser.add_argument("--models", type=Path, help="a folder for the model of each measurement")
    parser.add_argument("--table", action="store_true", help="print the table and nothing else")
    arguments = parser.parse_args()
    lines = arguments.results.read_text().splitlines() if arguments.results.exists() else []
    results = [json.loads(line) for line in lines]
    names = [] if arguments.table else [name.strip() for name in arguments.rows.split(",")]
    for name in names:
        if name not in ROWS:
            parser.error(f"There is no row {name!r}. {did_you_mean(name, ROWS)}")
    base = AVERAGED | ROWS[arguments.base]
    label = "{}" if arguments.base == "averaged" else f"{arguments.base} + {{}}"
    known = {(result["row"], result["seed"], result["images"]) for result in results}
    missing = [
        name
        for name in names
        if (label.format(name), arguments.seed, arguments.images) not in known
    ]
    if missing:
        keep_freed_memory()
        size: Size = load_encoder(arguments.encoder).task.size
        with show_messages():
            pack = open_pack(arguments.source, PackConfig(size=size))
            real = open_pack(arguments.against or arguments.source, PackConfig(size=size))
            yard = Yard(real, arguments.encoder, arguments.count)
            for name in missing:
                options = {"size": str(size), "images": arguments.images, "seed": arguments.seed}
                config = preset(**(options | base | ROWS[name]))
                config = config.fitted(size, pack.info.channels, 0)
                title = label.format(name)
                found = (
                    measure_run(arguments.run, pack, yard)
                    if arguments.run
                    else train_row(config, pack, yard, arguments.points, title, arguments.models)
                )
                facts = {
                    "row": title,
                    "seed": arguments.seed,
                    "images": arguments.images,
                }
                results.append(facts | {"options": base | ROWS[name]} | found)
                with arguments.results.open("a") as file:
                    file.write(json.dumps(results[-1]) + "\n")
    print(table([r for r in results if r["images"] == arguments.images]))


if __name__ == "__main__":
    main()
