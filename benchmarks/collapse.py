"""How often training fails: many seeds of one preset, each looked at, by numbers and by eye.

    python benchmarks/collapse.py faces faces.jsonl --size 32 --images 50000 --seeds 20
    python benchmarks/collapse.py cifar-10-python.tar.gz cifar.jsonl --preset paper --seeds 10

Nothing is gone back on: a run that collapses stays so. Every seed adds a line to the results,
with the number of the pictures at which each finding first held, and a row of sixteen pictures to
the sheet beside it. Seeds that stand in the results already, of the same config and pictures, are
not trained again.
"""

import argparse
import json
import math
import tempfile
from pathlib import Path
from typing import Any

import torch

from dcgan.checkpoint import Run
from dcgan.config import Config, PackConfig, plain
from dcgan.data.pack import Pack
from dcgan.data.packing import open_pack
from dcgan.devices import choose_device, keep_freed_memory
from dcgan.health import LOOKS_KEPT, WARM_UP, Health
from dcgan.images import save_picture, sheet
from dcgan.log import progress, show_messages
from dcgan.metrics.evaluation import described_pack
from dcgan.presets import preset
from dcgan.sample import draw, latents_of
from dcgan.size import Size
from dcgan.step import TrainState, train_step
from dcgan.tensors import Pixels
from dcgan.trainer import Trainer

DRAWN = 16
LOOK_INTERVAL = 6_400


def verdict_from(batch: int) -> int:
    """How many pictures must be seen before the looks can find anything."""
    first = math.ceil(WARM_UP * batch / LOOK_INTERVAL)
    return (first + LOOKS_KEPT - 1) * LOOK_INTERVAL


def train_seed(config: Config, pack: Pack, name: str) -> tuple[dict[str, Any], Pixels]:
    """What the looks at a whole run found, and pictures of its end."""
    state = TrainState(config, choose_device(config.train.device))
    first: dict[str, int] = {}
    with (
        tempfile.TemporaryDirectory() as scratch,
        progress(name, config.train.images, unit="pictures") as bar,
    ):
        trainer = Trainer(state, pack, Run(scratch))
        health = Health(trainer.loader)
        while state.images_seen < config.train.images:
            before = state.images_seen
            health.note(train_step(state, *trainer.next_batch()))
            bar.update(state.images_seen)
            if trainer.is_due(config.train.watch_interval, before):
                look = health.look(state)
                for finding in health.findings():
                    first.setdefault(finding.text.split(":")[0], look.images_seen)
    pixels = draw(state.average, latents_of(range(DRAWN), config.network))
    last = health.look(state).numbers()
    diverged = bool(state.failing_since >= 0)
    return {"findings": first, "diverged": diverged, "last": last}, pixels


def table(results: list[dict[str, Any]]) -> str:
    """The results as a table in Markdown."""
    lines = [
        "| seed | collapsed | alike | diverged | diversity | contrast | told apart | findings |",
        "|---:|---|---|---|---:|---:|---:|---|",
    ]
    for result in sorted(results, key=lambda r: int(r["seed"])):
        last, found = result["last"], result["findings"]
        happened = ("collapsed" in found, "still alike" in found, result["diverged"])
        cells = [str(result["seed"]), *("yes" if it else "no" for it in happened)]
        cells += [f"{last[name]:.2f}" for name in ("diversity", "contrast", "told_apart")]
        cells += [", ".join(f"{text} (from {at:,})" for text, at in found.items()) or "none"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("source")
    parser.add_argument("results", type=Path)
    parser.add_argument("--preset", default="stable")
    parser.add_argument("--size", default="32")
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    arguments = parser.parse_args()
    lines = arguments.results.read_text().splitlines() if arguments.results.exists() else []
    results = [json.loads(line) for line in lines]
    keep_freed_memory()
    size = Size.of(arguments.size)
    with show_messages():
        pack = open_pack(arguments.source, PackConfig(size=size))
        wanted = []
        for seed in range(arguments.first, arguments.first + arguments.seeds):
            config = preset(
                arguments.preset,
                size=str(size),
                images=arguments.images,
                seed=seed,
                watch_interval=LOOK_INTERVAL,
            ).fitted(size, pack.info.channels, 0)
            if arguments.images < verdict_from(config.train.batch_at(0)):
                parser.error(
                    f"--images {arguments.images:,} is too few: at batches of "
                    f"{config.train.batch_at(0)} nothing is found before "
                    f"{verdict_from(config.train.batch_at(0)):,} pictures were seen."
                )
            wanted.append({
                "seed": seed,
                "config": plain(config),
                "pictures": described_pack(pack),
            })  # fmt: skip
            if not any(wanted[-1].items() <= result.items() for result in results):
                found, pixels = train_seed(config, pack, f"seed {seed}")
                results.append(wanted[-1] | found | {"pixels": pixels.tolist()})
                with arguments.results.open("a") as file:
                    file.write(json.dumps(results[-1]) + "\n")
    counted = [r for r in results if any(facts.items() <= r.items() for facts in wanted)]
    counted.sort(key=lambda result: int(result["seed"]))
    rows = torch.cat([torch.tensor(r["pixels"], dtype=torch.uint8) for r in counted])
    save_picture(sheet(rows, columns=DRAWN), arguments.results.with_suffix(".png"))
    print(table(counted))


if __name__ == "__main__":
    main()
