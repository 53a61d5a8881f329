"""Training from a pack of a million pictures: what the feed costs, and what memory it takes.

    python benchmarks/feed.py FOLDER_OF_PICTURES [--pictures 1000000] [--size 32] [--seconds 60]

The pictures of the folder are repeated on the disk until there are so many. Then steps on one batch
that is there already, and steps fed from the pack, take turns. Memory is what the process holds
itself; the pack's pages belong to the system, which takes them back when it needs them.
"""

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from dcgan.checkpoint import Run
from dcgan.config import PackConfig
from dcgan.data.pack import Pack, PackInfo, shard_file
from dcgan.data.packing import open_pack
from dcgan.devices import choose_device, keep_freed_memory
from dcgan.presets import preset
from dcgan.size import Size
from dcgan.step import TrainState, train_step
from dcgan.trainer import Trainer

STEPS_IN_TURN = 20
"""Long enough to be timed, short enough that both see the same weather."""


def repeated(folder: Path, pictures: int, size: Size, target: Path) -> Pack:
    """A pack of so many pictures on the disk: those of the folder, again and again."""
    once = open_pack(folder, PackConfig(size=size, channels=3))
    count, times = len(once.info.shards), -(-pictures // len(once))
    target.mkdir()
    for number in range(count * times):
        shutil.copyfile(shard_file(once.path, number % count), shard_file(target, number))
    facts = {"shards": once.info.shards * times, "columns": {}}
    PackInfo(**(vars(once.info) | facts)).write(target)
    return Pack(target)


def held_megabytes() -> float:
    """Memory of this process alone, without what is mapped from files."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024


def seconds(step: Callable[[], object]) -> float:
    start = time.perf_counter()
    for _ in range(STEPS_IN_TURN):
        step()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", type=int, default=1_000_000)
    parser.add_argument("--size", type=Size.of, default=Size(32, 32))
    parser.add_argument("--seconds", type=float, default=60)
    arguments = parser.parse_args()
    keep_freed_memory()
    with tempfile.TemporaryDirectory() as scratch:
        size, place = arguments.size, Path(scratch)
        pack = repeated(arguments.folder, arguments.pictures, size, place / "pack")
        config = preset(
            size=str(size), batch=64, g_updates=1, augment="none", gradient_penalty=0.0
        ).fitted(size, 3, 0)
        state = TrainState(config, choose_device("cpu"))
        trainer = Trainer(state, pack, Run(place / "run"))
        batch = trainer.next_batch()
        bare: list[float] = []
        fed: list[float] = []
        seconds(lambda: train_step(state, *trainer.next_batch()))
        before, start = held_megabytes(), time.perf_counter()
        while time.perf_counter() - start < arguments.seconds:
            bare.append(seconds(lambda: train_step(state, *batch)))
            fed.append(seconds(lambda: train_step(state, *trainer.next_batch())))
        pictures = STEPS_IN_TURN * config.train.batch
        print(f"{len(pack):,} pictures, {len(pack) * np.prod(size) * 3 / 2**30:.1f} GiB")
        print(f"bare step: {pictures / np.median(bare):.0f} pictures/s")
        print(f"fed step:  {pictures / np.median(fed):.0f} pictures/s")
        print(f"cost of the feed: {np.median(fed) / np.median(bare) - 1:.1%}")
        print(f"memory held: {before:.0f} MiB before, {held_megabytes():.0f} MiB after")
        print(f"pictures seen: {state.images_seen:,}")


if __name__ == "__main__":
    main()
