"""Which pictures a step sees: an order that is a function of the seed and of the clock alone."""

import hashlib
import math
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from dcgan.config import Config
from dcgan.data.pack import Pack
from dcgan.devices import free_memory
from dcgan.tensors import Labels, Pixels

ROUNDS = 6
RESIDENT_SHARE = 0.25
"""Pictures live on a GPU if they take no more than this share of its free memory."""
UPLOADED = 4_096
"""Pictures that go to the device at once."""
LEAST_HELD_OUT, MOST_HELD_OUT = 8, 1_000
CPU = torch.device("cpu")


class Read(NamedTuple):
    """What a thread has read ahead of a step; pictures are None where they live on the device."""

    indices: NDArray[np.int64]
    pixels: Pixels | None
    labels: Labels | None


class Loader:
    """Batches from a pack, any of them at any time.

    The batch that follows the one asked for is read ahead in a thread, so that a step need not wait
    for the disk. A GPU with room for all the pictures gets them once, and picks each batch itself.

    Args:
        pack: where the pictures lie.
        batch: pictures in a batch, or in the one that begins when so many have been seen.
        seed: of the run.
        labels: the column that comes along; none if empty.
        held_out: how many pictures, chosen by lot, no batch ever shows.
        part: which of how many equal parts of each batch is read: (0, 1) is all of it.
        device: where batches shall be.
    """

    def __init__(
        self,
        pack: Pack,
        batch: int | Callable[[int], int],
        seed: int,
        labels: str = "",
        held_out: int = 0,
        part: tuple[int, int] = (0, 1),
        device: torch.device = CPU,
    ) -> None:
        self.pack, self.seed, self.held_out = pack, seed, held_out
        self._batch = batch
        self.part, self.device = part, device
        self._resident = all_on_device(pack, device)
        self._labels = pack.labels(labels) if labels else None
        self._reader = ThreadPoolExecutor(1, "loader")
        self._ahead: dict[int, Future[Read]] = {}

    def batch(self, images_seen: int) -> tuple[Pixels, Labels | None]:
        """The batch that begins when so many pictures have been seen: (N, H, W, C), and (N,).

        N is the batch, or its part; both are on the device.
        """
        following = images_seen + self.size_at(images_seen)
        found = self._ahead.pop(images_seen, None)
        self._ahead = {following: self._reader.submit(self._read, following)}
        return self._delivered(found.result() if found else self._read(images_seen))

    def size_at(self, images_seen: int) -> int:
        """Pictures in the batch that begins when so many have been seen, of all parts."""
        return self._batch if isinstance(self._batch, int) else self._batch(images_seen)

    def shown(self, most: int) -> tuple[Pixels, Labels | None]:
        """Some of the pictures that batches show, always the same."""
        count = len(self.pack) - self.held_out
        # By lot, as sources may be sorted by class.
        chosen = shuffled(np.arange(min(most, count)), count, derive(self.seed, "shown", 0))
        return self._pictures(self._indices(chosen))

    def hidden(self, most: int) -> tuple[Pixels, Labels | None]:
        """Some of the pictures that no batch shows, always the same."""
        places = len(self.pack) - 1 - np.arange(min(most, self.held_out))
        return self._pictures(self._indices(places))

    def _read(self, images_seen: int) -> Read:
        count = len(self.pack) - self.held_out
        number, parts = self.part
        read = self.size_at(images_seen) // parts
        positions = batch_indices(images_seen + number * read, read, count, self.seed)
        indices = self._indices(positions)
        if self._resident is not None:
            return Read(indices, None, self._labels_of(indices))
        pixels, labels = self._pictures(indices)
        if self.device.type == "cuda":  # what is pinned goes over beside the arithmetic
            pixels = pixels.pin_memory()
        return Read(indices, pixels, labels)

    def _delivered(self, read: Read) -> tuple[Pixels, Labels | None]:
        """What was read, on the device."""
        labels = None if read.labels is None else read.labels.to(self.device)
        if self._resident is not None:
            chosen = torch.from_numpy(read.indices).to(self.device)
            return self._resident[chosen], labels
        assert read.pixels is not None
        return read.pixels.to(self.device, non_blocking=True), labels

    def _indices(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        if not self.held_out:
            return positions
        # Those held out are the last pictures of one fixed order of the whole pack.
        return shuffled(positions, len(self.pack), derive(self.seed, "held out", 0))

    def _pictures(self, indices: NDArray[np.int64]) -> tuple[Pixels, Labels | None]:
        return torch.from_numpy(self.pack.pictures(indices)), self._labels_of(indices)

    def _labels_of(self, indices: NDArray[np.int64]) -> Labels | None:
        if self._labels is None:
            return None
        return torch.from_numpy(self._labels[indices].astype(np.int64))


def loader_of(
    config: Config,
    pack: Pack,
    batch: int | Callable[[int], int],
    part: tuple[int, int] = (0, 1),
    device: torch.device = CPU,
) -> Loader:
    """Batches of the pictures that a run is trained on, or one of their equal parts."""
    options = config.train
    held_out = held_out_of(options.held_out, len(pack))
    return Loader(pack, batch, options.seed, options.labels, held_out, part, device)


def held_out_of(share: float, count: int) -> int:
    """How many of so many pictures are never trained on: enough to tell, and no more."""
    if not share or count < 2 * LEAST_HELD_OUT:
        return 0
    return min(max(round(share * count), LEAST_HELD_OUT), MOST_HELD_OUT)


def all_on_device(pack: Pack, device: torch.device) -> Pixels | None:
    """All pictures (N, H, W, C) in the memory of an accelerator; None where it has no room."""
    room = RESIDENT_SHARE * free_memory(device)
    shape = (len(pack), *pack.info.size, pack.info.channels) if room else ()
    if not room or math.prod(shape) > room:
        return None
    pixels = torch.empty(shape, dtype=torch.uint8, device=device)
    for part in np.array_split(np.arange(len(pack)), -(-len(pack) // UPLOADED)):
        pixels[part[0] : part[-1] + 1] = torch.from_numpy(pack.pictures(part)).to(device)
    return pixels


def batch_indices(images_seen: int, batch: int, count: int, seed: int) -> NDArray[np.int64]:
    """The pictures of the batch that begins when so many have been seen.

    Each pass over the source has an order of its own; a batch may reach into the next pass, so
    every batch is full, also from fewer pictures than a batch.

    Args:
        images_seen: the run's clock.
        batch: pictures in a batch.
        count: pictures in the source.
        seed: of the run.

    Returns:
        (batch,) in [0, count).
    """
    positions = np.arange(images_seen, images_seen + batch, dtype=np.int64)
    passes = positions // count
    indices = np.empty(batch, np.int64)
    for number in np.unique(passes):
        chosen = passes == number
        indices[chosen] = shuffled(positions[chosen] % count, count, derive(seed, "order", number))
    return indices


def shuffled(positions: NDArray[np.int64], count: int, key: int) -> NDArray[np.int64]:
    """Where a pseudo-random permutation of range(count) sends these positions.

    A Feistel network on the smallest even number of bits that holds `count`, walked on from values
    outside the range: no list of the whole order is ever made, whatever the size of the data.
    """
    half = max(1, ((count - 1).bit_length() + 1) // 2)
    mask = np.uint64((1 << half) - 1)
    values = positions.astype(np.uint64)
    outside = np.ones(len(values), bool)
    while outside.any():
        left, right = values[outside] >> np.uint64(half), values[outside] & mask
        for round_number in range(ROUNDS):
            salt = np.uint64(derive(key, "round", round_number))
            left, right = right, left ^ (mix(right ^ salt) & mask)
        values[outside] = (left << np.uint64(half)) | right
        outside = values >= count
    return values.astype(np.int64)


def mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Spreads every bit over all 64 (the finaliser of SplitMix64, Steele et al. 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def derive(seed: int, purpose: str, number: int) -> int:
    """A seed of its own for each purpose and number, in [0, 2⁶³)."""
    digest = hashlib.blake2b(f"{seed} {purpose} {number}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) >> 1
