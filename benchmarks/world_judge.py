"""A judge of generated pictures of a drawn world: it tells all label columns from a picture.

A small network that is taught on drawings, worn as generated pictures are, and examined on others.
The benchmarks that ask what a model's pictures show use it.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from dcgan.data.loader import batch_indices
from dcgan.data.pack import Pack, Reading
from dcgan.data.packing import matching_pack
from dcgan.data.readers.items import Columns
from dcgan.data.worlds import WORLDS
from dcgan.devices import has_native_bfloat16
from dcgan.images import to_bytes, to_floats
from dcgan.log import progress
from dcgan.metrics.encoder import convolution
from dcgan.model import Model, calibrate
from dcgan.sample import in_batches
from dcgan.size import Size
from dcgan.tensors import Features, Images, Pixels
from dcgan.weights import Header, Networks, load_weights, save_weights

FORMAT = "dcgan judge of a drawn world 1"
SMALLEST_GRID, FEATURES = 8, 128
BATCH, LEARNING_RATE, WEIGHT_DECAY, SHOWN = 64, 3e-3, 1e-2, 32_000
HELD_OUT, CALIBRATION_BATCHES = 1_000, 16
FAR, NOISE = 0.75, 0.15
"""How much of a worn picture is blurred over 7x7 pixels at most, and how noisy it is."""
NUMBER_WEIGHT = 10.0
"""Of a number's squared error beside a class's cross-entropy."""
SURE = 0.9
"""The least probability of a judgement without doubt."""


class Said(NamedTuple):
    """What the judge says of N pictures."""

    values: dict[str, NDArray[np.float32]]
    """For each column (N,): the number of the likeliest class, or the number itself."""
    sure: dict[str, NDArray[np.float32]]
    """For each column of classes (N,): the probability of that class, in [0, 1]."""
    features: Features
    """(N, 128), the last hidden layer."""


class Judge(nn.Module):
    """Tells all label columns of a drawn world from a picture."""

    def __init__(self, world: str, size: Size, channels: int) -> None:
        super().__init__()
        self.world, self.size, self.channels = world, size, channels
        self.columns: Columns = WORLDS[world].columns
        self.accuracies: dict[str, tuple[float, float]] = {}
        """On drawings held out, as they are and worn: the share of right answers of classes, the
        correlation of numbers with the true ones."""
        inputs, maps, grid = 16, 32, size
        blocks = [convolution(channels, inputs)]
        while min(grid) > SMALLEST_GRID:
            blocks += [convolution(inputs, maps, 2), convolution(maps, maps)]
            inputs, maps = maps, min(2 * maps, 128)
            grid = Size(-(-grid.height // 2), -(-grid.width // 2))
        self.blocks = nn.Sequential(*blocks)
        self.to_features = nn.Linear(inputs * grid.height * grid.width, FEATURES)
        self.to_answers = nn.Linear(FEATURES, sum(self.widths()))

    def widths(self) -> list[int]:
        """How many outputs each column has: one for a number."""
        return [len(names) if names else 1 for names in self.columns.values()]

    def forward(self, images: Images) -> Tensor:
        """All outputs (N, widths) of pictures (N, C, H, W) in [-1, 1]."""
        answers: Tensor = self.to_answers(self.features(images))
        return answers

    def features(self, images: Images) -> Features:
        """Features (N, 128) of pictures (N, C, H, W) in [-1, 1]."""
        return F.relu(self.to_features(self.blocks(images).flatten(1)))

    def by_column(self, outputs: Tensor) -> dict[str, Tensor]:
        """For each column logits (N, classes), or numbers (N, 1)."""
        return dict(zip(self.columns, torch.split(outputs, self.widths(), dim=1), strict=True))

    @torch.no_grad()
    def says(self, pixels: Pixels) -> Said:
        """What pictures (N, H, W, C) show."""
        batches = [to_floats(pixels[part]) for part in in_batches(range(len(pixels)))]
        features = torch.cat([self.features(images) for images in batches])
        answers = self.by_column(self.to_answers(features))
        odds = {name: answers[name].softmax(1).max(1) for name, of in self.columns.items() if of}
        numbers = {name: answers[name][:, 0] for name, of in self.columns.items() if not of}
        values = {name: odds[name].indices.float() for name in odds} | numbers
        return Said(
            {name: found.numpy() for name, found in values.items()},
            {name: found.values.numpy() for name, found in odds.items()},
            features,
        )

    def named(self, column: str) -> str:
        """A column with how right the judge is about it, on worn drawings held out."""
        _, worn = self.accuracies[column]
        right = f"{worn:.1%}" if self.columns[column] else f"correlation {worn:.3f}"
        return f"{column} (judge {right})"

    def save(self, path: Path) -> None:
        """Writes the judge's file, whole or not at all."""
        facts = {"world": self.world, "size": str(self.size), "channels": self.channels}
        header = {"judge": json.dumps(facts), "accuracies": json.dumps(self.accuracies)}
        save_weights(path, {"format": FORMAT, **header}, {"judge": self})


def load_judge(header: Header) -> tuple[Judge, Networks]:
    """The judge of a file's header, without memory yet."""
    facts = json.loads(header["judge"])
    with torch.device("meta"):
        made = Judge(facts["world"], Size.of(facts["size"]), facts["channels"])
    made.accuracies = {name: tuple(of) for name, of in json.loads(header["accuracies"]).items()}
    return made, {"judge": made}


def judge_for(world: str, model: Model, results: Path) -> Judge:
    """The judge of a world for pictures like a model's, from its file or taught now."""
    size, channels = model.config.size, model.config.channels
    path = results.with_name(f"{results.stem}-judge-{world}-{size.grid}x{channels}.safetensors")
    if path.exists():
        return load_weights(path, "judge", FORMAT, load_judge)
    torch.manual_seed(42)
    judge = Judge(world, size, channels)
    pack = matching_pack(world, Reading(size, channels))
    teach(judge, pack)
    judge.accuracies = examine(judge, pack)
    judge.requires_grad_(False).save(path)
    return judge


def teach(judge: Judge, pack: Pack) -> None:
    """Trains a judge in place on worn drawings; the step size falls to 0 at the end."""
    labels, steps = pack.all_labels(), -(-SHOWN // BATCH)
    judge.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    halves = has_native_bfloat16(torch.device("cpu"))  # both take a third of the time
    optimizer = torch.optim.AdamW(judge.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    rng = torch.Generator().manual_seed(42)

    def lesson(step: int) -> tuple[Images, Tensor]:
        chosen = batch_indices(step * BATCH, BATCH, len(pack) - HELD_OUT, 42)
        images = to_floats(torch.from_numpy(pack.pictures(chosen)))
        return worn(images, rng), torch.from_numpy(labels[chosen])

    with progress(f"Teaching the judge of {judge.world}", SHOWN, unit="pictures") as bar:
        for step in range(steps):
            images, truth = lesson(step)
            with torch.autocast("cpu", torch.bfloat16, enabled=halves):
                outputs = judge(images)
            loss = loss_of(judge.by_column(outputs.float()), truth, judge.columns)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            bar.update(min((step + 1) * BATCH, SHOWN))
    calibrate(judge, ((lesson(step)[0],) for step in range(CALIBRATION_BATCHES)))


def worn(images: Images, rng: torch.Generator) -> Images:
    """Pictures blurred, faded and noisy, each to a degree of its own, as generated ones are.

    Faint glasses shall count as glasses. But colours are to be told, so that they fade little.
    """
    near, far, contrast, noise = torch.rand(4, len(images), 1, 1, 1, generator=rng)
    grain = torch.randn(images.shape, generator=rng)
    once = images + near * (blurred(images, 3) - images)
    twice = once + FAR * far * (blurred(once, 7) - once)
    found: Images = twice * (0.75 + 0.35 * contrast) + NOISE * noise * grain
    return found.clamp(-1.0, 1.0)


def blurred(images: Images, side: int) -> Images:
    """Each pixel as the mean of a square around it."""
    return F.avg_pool2d(images, side, 1, side // 2, count_include_pad=False)


def loss_of(answers: Mapping[str, Tensor], labels: Tensor, columns: Columns) -> Tensor:
    """Cross-entropy of classes and squared error of numbers, summed over the columns."""
    losses = []
    for number, (name, names) in enumerate(columns.items()):
        counts, truth = counted(name, labels, columns), labels[:, number]
        if names:
            each = F.cross_entropy(answers[name], truth.long(), reduction="none")
        else:
            each = NUMBER_WEIGHT * (answers[name][:, 0] - truth).square()
        losses.append((each * counts).sum() / counts.sum().clamp(min=1))
    return torch.stack(losses).sum()


def counted(name: str, labels: Tensor, columns: Columns) -> Tensor:
    """Where a column means something (N,): a bedding only if there is a bed."""
    thing = {"bedding": "bed"}.get(name, name.partition("_")[0])
    if thing == name:
        return torch.ones(len(labels))
    return (labels[:, list(columns).index(thing)] > 0).float()


def examine(judge: Judge, pack: Pack) -> dict[str, tuple[float, float]]:
    """How right the judge is on drawings held out, as they are and worn."""
    chosen = np.arange(len(pack) - HELD_OUT, len(pack))
    pixels, labels = torch.from_numpy(pack.pictures(chosen)), pack.all_labels()[chosen]
    used = worn(to_floats(pixels), torch.Generator().manual_seed(7))
    found: dict[str, list[float]] = {name: [] for name in judge.columns}
    for said in (judge.says(pixels), judge.says(to_bytes(used))):
        for number, (name, names) in enumerate(judge.columns.items()):
            counts = counted(name, torch.from_numpy(labels), judge.columns).numpy() > 0
            values, truth = said.values[name][counts], labels[counts, number]
            right = (values == truth).mean() if names else np.corrcoef(values, truth)[0, 1]
            found[name].append(float(right))
    return {name: (both[0], both[1]) for name, both in found.items()}


def words_for(said: Said, columns: Columns) -> list[str]:
    """What is said of each picture, in lines; a question mark where it is not sure."""
    lines = []
    for number in range(len(said.features)):
        words = []
        for name, names in columns.items():
            value = said.values[name][number]
            if not names:
                words += [f"{name} {value:+.2f}"] if "_" not in name else []  # no sides of boxes
                continue
            doubt = "" if said.sure[name][number] >= SURE else "?"
            word = {"yes": name, "no": f"no {name}"}.get(names[int(value)], names[int(value)])
            words.append(word + doubt)
        lines.append("\n".join(words))
    return lines


def accuracy_text(accuracies: Mapping[str, Sequence[float]]) -> str:
    """How right the judge is."""
    words = [f"{name} {clean:.3f} ({worn:.3f})" for name, (clean, worn) in accuracies.items()]
    return f"The judge on {HELD_OUT:,} drawings held out (worn): {', '.join(words)}."
