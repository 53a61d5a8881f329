"""Pictures by seed into files: one sheet, single pictures, or one array."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from dcgan.captions import sheet_path
from dcgan.data.pack import write_array
from dcgan.devices import choose_device, keep_freed_memory
from dcgan.errors import DCGANError
from dcgan.files import make_folder, replacing
from dcgan.images import Picture, save_picture, sheet
from dcgan.log import progress
from dcgan.model import Model, opened
from dcgan.sample import SAMPLE_BATCH, in_batches, parse_seeds


def sample(
    model: str | Path | Model,
    out: str | Path,
    seeds: str | Sequence[int] = "0-63",
    *,
    label: str | int | None = None,
    columns: int | None = None,
    batch_statistics: bool = False,
    device: str = "auto",
) -> tuple[int, int, int, int]:
    """Draws pictures by seed into files.

    Args:
        model: the model, its file, or a run's folder.
        out: one sheet if it ends like a picture; (N, H, W, C) uint8 if it ends in `.npy`; else a
            folder of single PNG files named by their seeds.
        seeds: 0 or more each, or a text such as `0-63` or `1,2,5-10`.
        label: the class to draw, by name or index, for a conditional model.
        columns: pictures in a row of the sheet.
        batch_statistics: normalise with the statistics of up to 128 pictures drawn together.
        device: cpu, cuda, mps or xpu; auto: the best there is.

    Returns:
        (N, height, width, channels): the shape of all that was drawn.

    Raises:
        DCGANError: there is no such model, class or device, the seeds are not of this form, or
            `out` cannot be written or holds other files.
    """
    chosen = parse_seeds(seeds) if isinstance(seeds, str) else list(seeds)
    place, loaded = Path(out).expanduser(), opened(model, device)
    if not chosen:
        raise DCGANError("No seed was given to draw.")
    if columns is not None and columns < 1:
        raise DCGANError(f"`columns` (={columns}) must be 1 or more.")
    if label is not None:
        loaded.class_index(label)
    if choose_device(device).type == "cpu":
        keep_freed_memory()  # nothing else: a seed shall give the same picture in any company
    height, width = loaded.config.size
    shape = len(chosen), height, width, loaded.config.channels

    def drawn() -> Iterator[Picture]:
        with progress("Drawing", len(chosen), unit="pictures") as bar:
            for batch in in_batches(chosen, SAMPLE_BATCH):
                pixels = loaded.sample(batch, label=label, batch_statistics=batch_statistics)
                yield pixels.numpy()
                bar.update(bar.done + len(batch))

    if place.suffix == ".npy" and not place.is_dir():
        make_folder(place.absolute().parent)
        with replacing(place) as file:
            write_array(file, shape, np.uint8, drawn())
    elif place.suffix and not place.is_dir():
        sheet_path(place, loaded.config.channels)
        save_picture(sheet([picture for part in drawn() for picture in part], columns), place)
    else:
        require_own_folder(place)
        make_folder(place)
        numbers = iter(chosen)
        for pixels in drawn():
            for picture in pixels:
                save_picture(picture, place / f"{next(numbers):06}.png")
    return shape


def require_own_folder(folder: Path) -> None:
    """Raises a DCGANError if a folder for single pictures holds anything but such pictures."""
    others = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
    others = [name for name in others if not re.fullmatch(r"\d{6,}\.png", name)]
    if others:
        raise DCGANError(
            f"{folder} holds other files, such as {min(others)}; give the name of a new folder."
        )
