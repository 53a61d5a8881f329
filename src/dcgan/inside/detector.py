"""A detector of the windows in the drawn rooms, to forget them without a box drawn by hand.

A small network without dense layers, which says of every pixel whether a window is there. It is
taught on drawn rooms, whose windows are known, and judged on others.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dcgan.config import NetworkConfig
from dcgan.data.loader import derive
from dcgan.data.sources import Drawing
from dcgan.data.worlds import SMALLEST_SIDE, WORLDS
from dcgan.devices import choose_device, keep_freed_memory
from dcgan.errors import DCGANError
from dcgan.files import cache_folder, make_folder
from dcgan.images import to_floats
from dcgan.inside.boxes import Box, boxes_around
from dcgan.log import logger, progress
from dcgan.metrics.encoder import convolution
from dcgan.model import calibrate
from dcgan.size import Size
from dcgan.tensors import Images
from dcgan.weights import Header, Networks, load_weights, save_weights

FORMAT = "dcgan window detector 1"
ROOMS = "rooms"
CHANNELS = 3
LARGEST_GRID = 16
"""The larger pictures are halved so often that their shorter side is no longer than this."""
BATCH, LEARNING_RATE, WEIGHT_DECAY = 64, 5e-3, 1e-2
ROOMS_DRAWN, HELD_OUT = 12_000, 1_000
LEAST_SHARE = 0.02
"""Of a picture's pixels; a smaller region is no window."""
CALIBRATION_BATCHES = 8
TINT, NOISE = 0.6, 0.15
"""How much a lesson's pictures are tinted at most, from end to end, and how noisy they are."""


@dataclass(frozen=True)
class Lesson:
    """What a detector was taught, and how well it learnt that."""

    size: Size
    rooms: int = 0
    """How many drawn rooms it has seen."""
    overlap: float = 0.0
    """Of the found windows' pixels with the true ones, in rooms held out: the pixels in both as a
    share of those in either, in [0, 1]."""
    right: float = 0.0
    """Share of the rooms held out in which it finds a window if and only if there is one."""


class Detector(nn.Module):
    """Says of every pixel whether it is part of a window."""

    def __init__(self, lesson: Lesson) -> None:
        super().__init__()
        self.lesson = lesson
        inputs, maps, side = CHANNELS, 16, min(lesson.size)
        blocks = [convolution(inputs, maps)]
        while side > LARGEST_GRID:
            blocks.append(convolution(maps, min(2 * maps, 64), stride=2))
            maps, side = min(2 * maps, 64), -(-side // 2)
        blocks += [convolution(maps, 64), convolution(64, 64), convolution(64, 64)]
        self.blocks = nn.Sequential(*blocks)
        self.to_logits = nn.Conv2d(64, 1, 1)

    def forward(self, images: Images) -> Tensor:
        """Logits (N, H, W) of pictures (N, 3, H, W) in [-1, 1]; positive means "a window"."""
        logits = self.to_logits(self.blocks(images))
        full = F.interpolate(logits, images.shape[2:], mode="bilinear", align_corners=False)
        return full.squeeze(1)

    @torch.no_grad()
    def masks(self, images: Images) -> Tensor:
        """The pixels (N, H, W) that it takes for parts of windows, on the CPU."""
        device = next(self.parameters()).device
        found: Tensor = self(images.to(device)).cpu() > 0
        return found

    def windows(self, images: Images) -> list[tuple[Box, ...]]:
        """The boxes of the windows in each picture, in pixels."""
        return windows_of(self.masks(images))

    def save(self, path: str | Path) -> None:
        """Writes the detector's file, whole or not at all.

        Raises:
            DCGANError: it cannot be written.
        """
        lesson = vars(self.lesson) | {"size": str(self.lesson.size)}
        save_weights(path, {"format": FORMAT, "lesson": json.dumps(lesson)}, {"detector": self})


def windows_of(masks: Tensor) -> list[tuple[Box, ...]]:
    """The boxes around the regions of masks (N, H, W) that are large enough for a window."""
    return boxes_around(masks, round(LEAST_SHARE * masks.shape[1] * masks.shape[2]))


def load_detector(path: str | Path) -> Detector:
    """Reads a detector's file. Nothing in it is ever executed.

    Raises:
        DCGANError: there is no such file, it is damaged, or it is none of ours.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise DCGANError(f"There is no detector {path}. `rooms` makes one of windows.")
    return load_weights(path, "detector", FORMAT, _build)


def _build(header: Header) -> tuple[Detector, Networks]:
    values = json.loads(header["lesson"])
    with torch.device("meta"):
        made = Detector(Lesson(**(values | {"size": Size.of(values["size"])})))
    return made, {"detector": made}


def detector_for(choice: str | Path | Detector, config: NetworkConfig, device: str) -> Detector:
    """The detector for the pictures of a model: `rooms`, a file, or one that is there already.

    `rooms` is taught once for each size, and then stands in the cache.

    Raises:
        DCGANError: there is none such, or it sees pictures of another kind than the model's.
    """
    if config.channels != CHANNELS:
        raise DCGANError(
            f"The detector sees colour pictures (3 channels), this model's have {config.channels}; "
            "give boxes instead."
        )
    if str(choice) == ROOMS:
        return rooms_detector(config.size, device)
    found = choice if isinstance(choice, Detector) else load_detector(choice)
    if found.lesson.size != config.size:
        raise DCGANError(
            f"The detector sees pictures of {found.lesson.size.grid}, this model draws them in "
            f"{config.size.grid}; `rooms` makes one that fits."
        )
    return found


def rooms_detector(size: Size, device: str) -> Detector:
    """The detector of windows in rooms of this size, taught now if the cache has none.

    Raises:
        DCGANError: rooms are not drawn so small, or the cache cannot be written.
    """
    state = f"{Drawing(WORLDS[ROOMS], ROOMS_DRAWN).fingerprint()} {FORMAT}"
    key = hashlib.sha256(state.encode()).hexdigest()[:16]
    path = make_folder(cache_folder()) / f"windows-{size.grid}-{key}.safetensors"
    if path.exists():
        return load_detector(path)
    made = teach_detector(size, rooms=ROOMS_DRAWN, device=device)
    made.save(path)
    logger.info(f"The detector is kept in {path}.")
    return made


def teach_detector(
    size: Size, *, rooms: int = ROOMS_DRAWN, seed: int = 42, device: str = "auto"
) -> Detector:
    """Teaches a detector on drawn rooms, and judges it on others.

    Args:
        size: of the pictures.
        rooms: how many are drawn to learn from, each shown once.
        seed: of the weights at the beginning.
        device: cpu, cuda, mps or xpu; auto: the best there is.

    Raises:
        DCGANError: there is no such device, or rooms are not drawn so small.
    """
    if min(size) < SMALLEST_SIDE:
        raise DCGANError(
            f"Rooms are drawn with {SMALLEST_SIDE}x{SMALLEST_SIDE} pixels at least, the model's "
            f"pictures have {size.grid}; give boxes instead."
        )
    chosen = choose_device(device)
    if chosen.type == "cpu":
        keep_freed_memory()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "detector", 0))
        network = Detector(Lesson(size, rooms))
    network.to(chosen)
    teach(network, chosen)
    overlap, right = examine(network)
    network.lesson = Lesson(size, rooms, overlap, right)
    return network.cpu().requires_grad_(False)


def lesson(start: int, count: int, size: Size) -> tuple[Images, Tensor]:
    """Drawn rooms (N, 3, H, W), and where their windows are, (N, H, W) of 0 and 1.

    The windows are given by their boxes, in which also lies what stands before them.
    """
    world = WORLDS[ROOMS]
    pixels, labels = world.draw(np.arange(start, start + count), *size)
    columns = list(world.columns)
    first = columns.index("window_left")
    left, top, right, bottom = labels[:, first : first + 4].T[:, :, None, None]
    y = ((np.arange(size.height) + 0.5) / size.height)[:, None]
    x = (np.arange(size.width) + 0.5) / size.width
    masks = (left <= x) & (x < right) & (top <= y) & (y < bottom)
    return to_floats(torch.from_numpy(pixels)), torch.from_numpy(masks.astype(np.float32))


def teach(network: Detector, device: torch.device) -> None:
    """Trains the network in place, on each room once; the step size falls to 0 at the end."""
    rooms, size = network.lesson.rooms, network.lesson.size
    steps = -(-rooms // BATCH)
    optimizer = torch.optim.AdamW(
        network.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY, fused=True
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    network.train()
    with progress("Teaching the detector of windows", rooms, unit="rooms") as bar:
        for step in range(steps):
            images, masks = lesson(step * BATCH, BATCH, size)
            images = spoilt(images, torch.Generator().manual_seed(step))
            images, masks = images.to(device), masks.to(device)
            loss = F.binary_cross_entropy_with_logits(network(images), masks)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            bar.update(min((step + 1) * BATCH, rooms))
    shown = (lesson(step * BATCH, BATCH, size)[0] for step in range(CALIBRATION_BATCHES))
    rng = torch.Generator().manual_seed(steps)
    calibrate(network, ((spoilt(images, rng).to(device),) for images in shown))


def spoilt(images: Images, rng: torch.Generator) -> Images:
    """Pictures somewhat blurred, faded, tinted and noisy, each to a degree of its own.

    A generator draws windows in that way, the more so without some of its maps. A faded window is
    to count as one that is still there.
    """
    blurred = F.avg_pool2d(images, 3, 1, 1, count_include_pad=False)
    blur, contrast, noise = torch.rand(3, len(images), 1, 1, 1, generator=rng)
    tint = torch.rand(len(images), 3, 1, 1, generator=rng) - 0.5
    grain = torch.randn(images.shape, generator=rng)
    faded: Images = (images + blur * (blurred - images)) * (0.4 + 0.8 * contrast)
    found: Images = faded + TINT * tint + NOISE * noise * grain
    return found.clamp(-1.0, 1.0)


def examine(network: Detector) -> tuple[float, float]:
    """Overlap of the windows, and share of right answers, in rooms that were not learnt from."""
    both = either = right = 0
    steps = -(-network.lesson.rooms // BATCH)
    for start in range(0, HELD_OUT, BATCH):
        images, masks = lesson(steps * BATCH + start, BATCH, network.lesson.size)
        found, true = network.masks(images), masks > 0
        both += int((found & true).sum())
        either += int((found | true).sum())
        answers = zip(windows_of(found), true.flatten(1).any(dim=1).tolist(), strict=True)
        right += sum(bool(boxes) == is_there for boxes, is_there in answers)
    return both / max(either, 1), right / (-(-HELD_OUT // BATCH) * BATCH)
