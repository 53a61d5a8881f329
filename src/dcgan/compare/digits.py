"""Generated digits as the training set of a nearest-neighbour classifier (Section 8.1, Table 3)."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dcgan.baselines.dense_gan import dense_generator
from dcgan.compare.bench import Bench, Result
from dcgan.compare.notebook import digest_of
from dcgan.config import plain
from dcgan.data.labelled import Labelled
from dcgan.devices import choose_device
from dcgan.log import progress
from dcgan.model import opened
from dcgan.networks import Generator
from dcgan.presets import preset
from dcgan.sample import draw, labels_of, latents_of
from dcgan.tensors import Pixels

BLOCK = 1_000
"""Pictures that are compared with all others at once."""


Known = Iterable[tuple[Pixels, NDArray[np.int64]]]
"""Parts of a training set, each pictures (M, H, W, C) with labels (M,)."""


def nearest_labels(asked: Pixels, known: Known) -> NDArray[np.int64]:
    """The labels (N,) of the nearest among known pictures, exactly; the first one among equals.

    Known pictures come in parts, and only one part is in memory with its distances.

    Args:
        asked: (N, H, W, C) uint8.
        known: parts, each pictures (M, H, W, C) with labels (M,).
    """
    least = torch.full((len(asked),), torch.inf, dtype=torch.float64)
    found = torch.zeros(len(asked), dtype=torch.long)
    for pixels, labels in known:
        # Products of whole numbers below 256 are exact in float64, in whatever order of the sum.
        others = pixels.flatten(1).double()
        for start in range(0, len(asked), BLOCK):
            part = slice(start, start + BLOCK)
            rows = asked[part].flatten(1).double()
            distances = torch.addmm(others.square().sum(1), rows, others.T, alpha=-2)
            nearest = distances.min(dim=1)
            closer = nearest.values < least[part]
            least[part] = torch.where(closer, nearest.values, least[part])
            answers = torch.from_numpy(labels)[nearest.indices]
            found[part] = torch.where(closer, answers, found[part])
    return np.asarray(found.numpy())


def real(bench: Bench) -> list[Result]:
    """Real training pictures, drawn by lot."""
    data, count = bench.data(), count_of(bench)
    count = min(count, len(data.train))
    labels = data.labels(data.train)

    def parts() -> Known:
        for rows in np.array_split(np.arange(count), -(-count // BLOCK)):
            yield torch.from_numpy(data.train.pictures(rows)), labels[rows]

    facts = {"system": "nearest", "known": "real"}
    return [_result(bench, data, "Real data", facts, parts(), f"{count:,} real pictures by lot")]


def conditional(bench: Bench) -> list[Result]:
    """Pictures by each model's generator."""
    results = []
    for name, model in bench.models:
        data = bench.data(model)
        title = "DCGAN" + f": {name}" * (len(bench.models) > 1)
        facts = {"system": "nearest", "known": model.digest()}
        parts = drawn(opened(model, bench.device).generator, count_of(bench))
        note = f"{model.images_seen:,} pictures seen{bench.test_seen_by(model)}"
        results.append(_result(bench, data, title, facts, parts, note))
    return results


def gan(bench: Bench) -> list[Result]:
    """Pictures by a GAN of dense layers, trained now on as many pictures as the first model saw."""
    _, model = bench.models[0]
    data, network = bench.data(model), model.config
    config = preset("mnist", images=max(1, model.images_seen), seed=bench.seed, labels=data.column)
    config = config.fitted(network.size, network.channels, len(data.classes))
    question = bench.question(data, system="dense gan", config=plain(config))

    def parts() -> Known:
        folder = bench.notebook.folder / "gan" / digest_of(question)
        device = choose_device(bench.device)
        yield from drawn(dense_generator(data.train, config, folder, device), count_of(bench))

    facts = {"system": "nearest", "known": question}
    note = f"dense layers, {config.train.images:,} pictures seen"
    return [_result(bench, data, "GAN", facts, parts(), note)]


def drawn(generator: Generator, count: int) -> Known:
    """Pictures of each class in turn; seeds 0 to count - 1."""
    for start in range(0, count, BLOCK):
        seeds = range(start, min(start + BLOCK, count))
        labels = labels_of(seeds, generator.config)
        assert labels is not None
        yield draw(generator, latents_of(seeds, generator.config), labels), labels.numpy()


def count_of(bench: Bench) -> int:
    """How many pictures are learnt from."""
    return bench.protocol.per_class * len(bench.data().classes)


def _result(
    bench: Bench, data: Labelled, title: str, facts: dict[str, Any], known: Known, note: str
) -> Result:
    """The share of test pictures whose nearest known picture is of another class."""
    count = count_of(bench)

    def error() -> float:
        asked = torch.from_numpy(data.test.pictures(np.arange(len(data.test))))
        answers = nearest_labels(asked, _counted(known, count, title))
        return float((answers != data.labels(data.test)).mean())

    question = bench.question(data, **facts, count=count)
    return Result(title, None, (bench.notebook.answer(question, error),), None, None, note)


def _counted(known: Known, count: int, title: str) -> Known:
    with progress(title, count, unit="pictures") as bar:
        for part in known:
            yield part
            bar.update(bar.done + len(part[1]))
