"""How good the discriminator's features become along a run: each checkpoint it kept, measured.

    dcgan train SOURCE --preset imagenet32 --keep-interval 102400 --run runs/imagenet32
    python benchmarks/feature_course.py runs/imagenet32 cifar10 results.jsonl --per-class 400

A linear L2-SVM on a few labels of each class, as `dcgan compare` measures it, but on fewer
pictures: 2,000 for choosing C, 10,000 to draw from and to measure batch norm's statistics on, and
all test pictures. The first line is the discriminator before its first step. Checkpoints that
stand in the results already are not measured again.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from dcgan.checkpoint import read_checkpoint
from dcgan.config import Config
from dcgan.data.labelled import Labelled, labelled
from dcgan.data.pack import PackPart
from dcgan.devices import choose_device
from dcgan.features.choosing import Fits, choose_c, draw
from dcgan.features.classifiers import L2SVM
from dcgan.features.extractor import DiscriminatorFeatures
from dcgan.log import progress, show_messages
from dcgan.model import Model
from dcgan.step import TrainState

VALIDATION, POOL, DRAWS = 2_000, 10_000, 5
SEED = 42


def accuracies(model: Model, data: Labelled, per_class: int) -> list[float]:
    """The share of test pictures that are answered rightly, for each draw of few labels."""
    asked = PackPart(data.train, np.arange(VALIDATION))
    pool = PackPart(data.train, np.arange(VALIDATION, min(VALIDATION + POOL, len(data.train))))
    transformer = DiscriminatorFeatures(model, dtype="float16").fit(pool)
    rows, labels = transformer.transform(pool), data.labels(pool)
    chosen = choose_c(
        rows, labels, transformer.transform(asked), data.labels(asked), per_class=per_class, draws=1
    )
    tests, truth = transformer.transform(data.test), data.labels(data.test)
    found = []
    for number in range(DRAWS):
        few = draw(labels, per_class, SEED + 1, number)
        (answers,) = Fits(L2SVM(), rows[few], labels[few], tests).answers([chosen.C])
        found.append(float((answers == truth).mean()))
    return found


def states(run: Path) -> list[Path | None]:
    """The checkpoints of a run, and None for the moment before the first step."""
    return [None, *sorted((run / "checkpoints").glob("*.pt"))]


def model_of(run: Path, file: Path | None) -> Model:
    """The networks of a checkpoint, or those that the run began with."""
    path = run / "config.json"
    config = Config.from_json(path.read_text(), str(path))
    state = TrainState(config, choose_device("cpu"))
    if file:
        state.load_state_dict(read_checkpoint(file)["training"])
    return Model(state.generator, state.discriminator, images_seen=state.images_seen)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("run", type=Path)
    parser.add_argument("data", help="labelled pictures")
    parser.add_argument("results", type=Path)
    parser.add_argument("--per-class", type=int, default=400)
    arguments = parser.parse_args()
    lines = arguments.results.read_text().splitlines() if arguments.results.exists() else []
    results: list[dict[str, Any]] = [json.loads(line) for line in lines]
    known = {(result["run"], result["images_seen"]) for result in results}
    with show_messages():
        files = states(arguments.run)
        with progress("Checkpoints", len(files), unit="checkpoints") as bar:
            for number, file in enumerate(files, 1):
                model = model_of(arguments.run, file)
                asked = (str(arguments.run), model.images_seen)
                if asked not in known:
                    data = labelled(arguments.data, model.reading)
                    found = accuracies(model, data, arguments.per_class)
                    results.append(dict(zip(("run", "images_seen"), asked, strict=True)))
                    results[-1]["accuracies"] = found
                    with arguments.results.open("a") as opened:
                        opened.write(json.dumps(results[-1]) + "\n")
                bar.update(number)
    print("| run | pictures seen | accuracy |\n|---|---:|---:|")
    for result in sorted(results, key=lambda r: (r["run"], r["images_seen"])):
        values = np.array(result["accuracies"])
        print(
            f"| {result['run']} | {result['images_seen']:,} "
            f"| {values.mean():.1%} ± {values.std(ddof=1):.1%} |"
        )


if __name__ == "__main__":
    main()
