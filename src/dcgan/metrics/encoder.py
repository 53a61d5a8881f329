"""An encoder that needs nobody's weights: a small classifier, trained on the source itself.

It learns the source's classes where it has some, and elsewhere by how many quarters a picture was
turned (Gidaris et al. 2018). Distances in its features compare models on one source with each
other. They are no published Fréchet inception distances, and are never called so.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from dcgan.config import PackConfig
from dcgan.data.loader import batch_indices, derive, shuffled
from dcgan.data.pack import Pack, first_classes
from dcgan.data.packing import open_pack
from dcgan.data.sources import require_outside
from dcgan.devices import choose_device, has_native_bfloat16, keep_freed_memory
from dcgan.errors import DCGANError
from dcgan.images import to_floats
from dcgan.log import logger, progress
from dcgan.model import calibrate
from dcgan.size import Size
from dcgan.tensors import Features, Images, Labels
from dcgan.weights import Header, Networks, load_weights, require_replaceable, save_weights

FORMAT = "dcgan encoder 1"
MAPS = (32, 64, 128, 256)
LARGEST_GRID, SMALLEST_GRID = 32, 4
BATCH, LEARNING_RATE, WEIGHT_DECAY = 128, 2e-3, 1e-2
HELD_OUT_SHARE, MOST_HELD_OUT = 0.1, 10_000
LEAST_PICTURES = 20
WEAK = 0.6
"""Share of right answers below which an encoder is a poor yardstick."""
CALIBRATION_BATCHES = 16
TURN = ""
"""The column of the task where there are no classes; what it tells apart."""
TURNS = ("upright", "turned by 90°", "upside down", "turned by 270°")


@dataclass(frozen=True)
class Task:
    """What an encoder was taught, and how well it learnt that."""

    size: Size
    channels: int
    column: str
    """The label column; empty: how a picture is turned."""
    classes: tuple[str, ...]
    source: str = ""
    images_seen: int = 0
    accuracy: float = 0.0
    """Share of right answers on pictures that were held out, in [0, 1]."""

    @property
    def subject(self) -> str:
        """What is told apart, in words."""
        return f"`{self.column}`" if self.column else "how a picture is turned"


class Encoder(nn.Module):
    """A classifier of pictures: two convolutions at each side from 32 pixels down to 4."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.task = task
        inputs, side = task.channels, min(task.size)
        blocks: list[nn.Module] = []
        while side > LARGEST_GRID:
            blocks.append(convolution(inputs, MAPS[0], stride=2))
            inputs, side = MAPS[0], side // 2
        for level, maps in enumerate(MAPS):
            stride = 2 if level and side >= 2 * SMALLEST_GRID else 1
            blocks += [convolution(inputs, maps, stride), convolution(maps, maps)]
            inputs, side = maps, side // stride
        self.blocks = nn.Sequential(*blocks)
        self.to_logits = nn.Linear(MAPS[-1], len(task.classes))

    def forward(self, images: Images) -> Tensor:
        """Logits (N, classes) of pictures (N, C, H, W) in [-1, 1]."""
        logits: Tensor = self.to_logits(self.features(images))
        return logits

    def features(self, images: Images) -> Features:
        """Features (N, 256): the last maps, averaged over the picture."""
        maps: Tensor = self.blocks(images)
        return maps.mean(dim=(2, 3))

    def save(self, path: str | Path) -> None:
        """Writes the encoder's file, whole or not at all.

        Raises:
            DCGANError: it cannot be written.
        """
        task = vars(self.task) | {"size": str(self.task.size)}
        save_weights(path, {"format": FORMAT, "task": json.dumps(task)}, {"encoder": self})


def convolution(inputs: int, maps: int, stride: int = 1) -> nn.Sequential:
    """A 3x3 convolution with batch norm and ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, maps, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(maps),
        nn.ReLU(inplace=True),
    )


def load_encoder(path: str | Path) -> Encoder:
    """Reads what `dcgan encoder` wrote. Nothing in it is ever executed.

    Raises:
        DCGANError: there is no such file, it is damaged, or it is none of ours.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise DCGANError(f"There is no encoder {path}. Make one: dcgan encoder SOURCE {path}")
    return load_weights(path, "encoder", FORMAT, _build)


def _build(header: Header) -> tuple[Encoder, Networks]:
    values = json.loads(header["task"])
    values |= {"size": Size.of(values["size"]), "classes": tuple(map(str, values["classes"]))}
    with torch.device("meta"):
        made = Encoder(Task(**values))
    return made, {"encoder": made}


def encoder(
    place: str | Path,
    path: str | Path,
    *,
    size: Size | int | str | None = None,
    channels: int | None = None,
    crop: str = "centre",
    labels: str = "",
    images: int = 300_000,
    seed: int = 42,
    device: str = "auto",
) -> Encoder:
    """Trains a small classifier on a source, to measure pictures of its kind with.

    Args:
        place: a source, as for `dcgan.train`, best the training pictures; a tenth is held out.
        path: the file for the encoder; a new one, or an encoder to replace.
        size: of the pictures, as the model's that is to be measured; by default as training
            chooses.
        channels: of the pictures, 1, 3 or 4; likewise.
        crop: what stays of a picture, as for `dcgan.train`; as the model's, too.
        labels: the label column to learn; by default the first with classes, else how a picture
            was turned.
        images: length of the training in pictures.
        seed: start of all randomness.
        device: cpu, cuda, mps or xpu; auto: the best there is.

    Raises:
        DCGANError: there is no such source, column, crop or device; it has too few pictures, or
            they are all of one class; or the file cannot be written, or is none of an encoder.
    """
    chosen = choose_device(device)
    if chosen.type == "cpu":
        keep_freed_memory()
    require_outside(place, Path(path).expanduser())
    require_replaceable(Path(path).expanduser(), "encoder", load_encoder)
    side = None if size is None else Size.of(size)
    config = PackConfig(size=side, channels=channels, crop=crop)
    pack = open_pack(place, config)
    if len(pack) < LEAST_PICTURES:
        raise DCGANError(
            f"{place} has {len(pack)} pictures; an encoder needs {LEAST_PICTURES} at least, "
            "and some thousands to be good."
        )
    column = labels or first_classes(pack.info.columns) or TURN
    if column != TURN and len(pack.class_names(column)) < 2:
        (only,) = pack.class_names(column)
        raise DCGANError(
            f"All pictures of {place} have the {column} {only!r}: there is nothing to tell apart. "
            "Name another column with --labels, or none, to learn how a picture is turned."
        )
    lessons = Lessons(pack, column, seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "encoder", 0))
        network = Encoder(lessons.task)
    network.to(chosen, memory_format=torch.channels_last)  # type: ignore[call-overload]
    logger.info(
        f"Learning to tell {', '.join(lessons.task.classes[:5])}"
        f"{' ...' * (len(lessons.task.classes) > 5)} apart in pictures of {pack.info.size.grid}."
    )
    teach(network, lessons, images, chosen)
    accuracy = examine(network, lessons, chosen)
    network.task = Task(**(vars(lessons.task) | {"images_seen": images, "accuracy": accuracy}))
    if accuracy < WEAK:
        logger.warning(
            f"Only {accuracy:.0%} of its answers are right, and distances through it say little. "
            "Teach it longer with --images."
        )
    network.save(path)
    network.cpu()
    return network


class Lessons:
    """Pictures with what is to be said of them, some held out for the examination."""

    def __init__(self, pack: Pack, column: str, seed: int) -> None:
        size = pack.info.size
        turns = TURNS if size.height == size.width else TURNS[::2]
        self.pack, self.seed = pack, seed
        self.labels = None if column == TURN else pack.labels(column)
        self.held_out = min(MOST_HELD_OUT, max(1, int(HELD_OUT_SHARE * len(pack))))
        self.task = Task(
            size=size,
            channels=pack.info.channels,
            column=column,
            classes=turns if column == TURN else pack.class_names(column),
            source=pack.info.name,
        )

    def batch(self, images_seen: int) -> tuple[Images, Labels]:
        """Pictures to learn from, shuffled anew in each pass."""
        count = len(self.pack) - self.held_out
        positions = batch_indices(images_seen, BATCH, count, self.seed)
        turns = np.random.default_rng(derive(self.seed, "turns", images_seen))
        return self._lesson(self.held_out + positions, turns.integers(4, size=BATCH))

    def examination(self) -> Iterator[tuple[Images, Labels]]:
        """The pictures that were held out."""
        for start in range(0, self.held_out, BATCH):
            positions = np.arange(start, min(start + BATCH, self.held_out))
            yield self._lesson(positions, positions)

    def _lesson(
        self, positions: NDArray[np.int64], turns: NDArray[np.int64]
    ) -> tuple[Images, Labels]:
        # One fixed order of the whole pack, of which the first are held out.
        indices = shuffled(positions, len(self.pack), derive(self.seed, "held out", 0))
        pictures = to_floats(torch.from_numpy(self.pack.pictures(indices)))
        if self.labels is not None:
            return pictures, torch.from_numpy(self.labels[indices].astype(np.int64))
        labels = torch.from_numpy(turns % len(self.task.classes))
        return turned(pictures, labels, len(self.task.classes)), labels


def turned(images: Images, quarters: Labels, classes: int) -> Images:
    """Each picture turned by its number of quarters; with two classes, of halves."""
    images = images.clone()
    for number in range(1, classes):
        chosen = quarters == number
        images[chosen] = torch.rot90(images[chosen], number * 4 // classes, (2, 3))
    return images


def teach(network: Encoder, lessons: Lessons, images: int, device: torch.device) -> None:
    """Trains the network in place; the step size falls to 0 at the end."""
    steps = -(-images // BATCH)
    optimizer = torch.optim.AdamW(
        network.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY, fused=True
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    network.train()
    with progress("Teaching the encoder", images, unit="pictures") as bar:
        for step in range(steps):
            pictures, labels = (part.to(device) for part in lessons.batch(step * BATCH))
            with torch.autocast(device.type, torch.bfloat16, enabled=has_native_bfloat16(device)):
                loss = F.cross_entropy(network(pictures).float(), labels)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            bar.update(min((step + 1) * BATCH, images))
    samples = (lessons.batch(step * BATCH)[0].to(device) for step in range(CALIBRATION_BATCHES))
    calibrate(network, ((pictures,) for pictures in samples))


@torch.no_grad()
def examine(network: Encoder, lessons: Lessons, device: torch.device) -> float:
    """The share of right answers on the pictures held out, in [0, 1]."""
    right = 0
    for pictures, labels in lessons.examination():
        answers = network(pictures.to(device)).argmax(dim=1).cpu()
        right += int((answers == labels).sum())
    return right / lessons.held_out
