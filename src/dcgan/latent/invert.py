"""The latent of a given picture, by gradient descent from several starts."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from dcgan.captions import captioned, in_blocks, save_sheet, sheet_path, shortened, to_image
from dcgan.config import NetworkConfig
from dcgan.data.pack import Reading
from dcgan.errors import DCGANError
from dcgan.images import (
    MODES,
    Picture,
    PictureError,
    decode,
    decode_opened,
    file_size,
    to_floats,
    turned_upright,
)
from dcgan.latent.kept import ENDING, read_kept, save_kept
from dcgan.latent.points import class_of, labels_for, pictures_of
from dcgan.log import Bar, logger, progress
from dcgan.model import Model, opened
from dcgan.sample import draw_latents
from dcgan.size import Size
from dcgan.tensors import Images, Latents, Pixels

FEATURES_WEIGHT = 0.1
"""Of the discriminator's features in the loss, beside pixels."""
SCREENED = 512
"""Latents drawn for each picture, of which the nearest ones become the starts."""
LEARNING_RATE = 0.1
MOST_COLUMNS = 8
"""Pictures in a row of the sheet."""
SEED = 42

Given = str | Path | Picture | Image.Image
"""A picture: a file, pixels (H, W, C) uint8, or Pillow's."""


@dataclass(frozen=True)
class Inversion:
    """Latents whose pictures are as near as could be to given ones."""

    latents: Latents
    """(N, latent_dim)"""
    targets: Pixels
    """(N, H, W, C): the given pictures in the model's size."""
    pictures: Pixels
    """(N, H, W, C) of the latents."""
    psnr: Tensor
    """(N,) peak signal-to-noise ratio in dB, of 8 bits; above 30 they look the same."""
    losses: Tensor
    """(N,): squared error of values in [-1, 1], and of features."""
    names: list[str]
    """What each given picture is called."""

    @property
    def sheet(self) -> Image.Image:
        """The given pictures above those that were found, with their names, PSNR and losses."""
        return to_image(sheet_of(self))


def invert(
    model: str | Path | Model,
    images: Sequence[Given],
    out: str | Path | None = None,
    *,
    starts: int = 4,
    steps: int = 300,
    label: str | int | None = None,
    device: str = "auto",
) -> Inversion:
    """Finds latents of given pictures.

    Adam lowers the squared error of pixels, and that of the discriminator's features. Where the
    prior is uniform a number that leaves [-1, 1] is drawn anew (Lipton and Tripathi 2017). Begun at
    the nearest of 512 latents, the best of all that was met on the way is kept. If the user stops
    the work, what is found of the pictures before is written.

    Args:
        model: the model, its file, or a run's folder.
        images: picture files, Pillow's pictures, or pixels (H, W, C) uint8; those of another size
            than the model's are cropped and resized as the ones that it was trained on.
        out: a picture file for the sheet of the given pictures above those found; the latents are
            written beside it as `.npz`, with the model's digest; without it nothing is written.
        starts: how many latents are followed for each picture.
        steps: how far.
        label: the class to draw, for a conditional model.
        device: cpu, cuda, mps or xpu; auto: the best there is.

    Raises:
        DCGANError: there is no such model, class or device, a picture cannot be read, or the files
            cannot be written.
    """
    loaded = opened(model, device)
    index = class_of(loaded, label)
    require_work(images, starts, steps)
    path = sheet_path(out, loaded.config.channels)
    if path:
        require_replaceable(path, images)
    names = [name_of(image, number) for number, image in enumerate(images)]
    pictures = [read(*given, loaded.reading) for given in zip(images, names, strict=True)]
    targets = torch.from_numpy(np.stack(pictures))
    reached: list[Reached] = []
    try:
        with progress("Inverting", steps * len(targets), unit="steps") as bar:
            for target in torch.split(to_floats(targets), 1):
                reached.append(nearest(loaded, target, index, starts, steps, bar))
    except KeyboardInterrupt:
        if path and reached:
            save(inversion_of(reached, targets, names, loaded, label), loaded, path)
            logger.info(
                f"{len(reached)} of {len(targets)} pictures were finished: {path}, "
                f"{path.with_suffix(ENDING)}"
            )
        raise
    found = inversion_of(reached, targets, names, loaded, label)
    if path:
        save(found, loaded, path)
    return found


class Reached(NamedTuple):
    """The latent (latent_dim,) that was found for a picture, and its loss."""

    z: Tensor
    loss: float


def inversion_of(
    reached: Sequence[Reached],
    targets: Pixels,
    names: list[str],
    model: Model,
    label: str | int | None,
) -> Inversion:
    """What was found for the first of the given pictures, with what is drawn of it."""
    z, losses = torch.stack([one.z for one in reached]), torch.tensor([one.loss for one in reached])
    pictures, targets = pictures_of(model, z, label), targets[: len(z)]
    return Inversion(z, targets, pictures, psnr(targets, pictures), losses, names[: len(z)])


def save(found: Inversion, model: Model, path: Path) -> None:
    """Writes the sheet, and beside it the latents.

    Raises:
        DCGANError: they cannot be written.
    """
    save_kept(path.with_suffix(ENDING), "latents", found.names, found.latents, model)
    save_sheet(found.sheet, path)


def nearest(
    model: Model, target: Images, index: int | None, starts: int, steps: int, bar: Bar
) -> Reached:
    """The latent whose picture is nearest to one (1, C, H, W), and its loss."""
    rng = torch.Generator().manual_seed(SEED)  # anew: a picture's latent is its own
    target = target.to(next(model.generator.parameters()).device)
    loss = loss_towards(model, target, index)
    z = nearest_draws(model.config, loss, starts, rng, target.device)
    for best in descent(model.config, loss, z, steps, rng):
        bar.update(bar.done + 1, f"loss {float(best.losses.min()):.3g}")
    chosen = best.losses.argmin()
    return Reached(best.z[chosen].cpu(), float(best.losses[chosen]))


class Best(NamedTuple):
    """The best latents (starts, latent_dim) that descents have met, and their losses (starts,)."""

    z: Latents
    losses: Tensor


Loss = Callable[[Latents], Tensor]
"""Latents (N, latent_dim) to how far each one's picture is from the wanted one: (N,)."""


def loss_towards(model: Model, target: Images, index: int | None) -> Loss:
    """The squared error of pixels, and that of the discriminator's features beside their size.

    Args:
        model: on the device of the target.
        target: (1, C, H, W).
        index: the class of a model with classes.
    """
    with torch.no_grad():
        wanted = model.discriminator.features(target, labels_for(index, 1, target.device))
        sizes = {name: maps.square().mean() + 1e-8 for name, maps in wanted.items()}

    def loss(z: Latents) -> Tensor:
        labels = labels_for(index, len(z), z.device)
        images = model.generator(z, labels)
        far = (images - target).square().mean(dim=(1, 2, 3))
        seen = model.discriminator.features(images, labels)
        features = [
            (maps - wanted[name]).square().mean(dim=(1, 2, 3)) / sizes[name]
            for name, maps in seen.items()
        ]
        total: Tensor = far + FEATURES_WEIGHT * torch.stack(features).mean(dim=0)
        return total

    return loss


@torch.no_grad()
def nearest_draws(
    config: NetworkConfig, loss: Loss, count: int, rng: torch.Generator, device: torch.device
) -> Latents:
    """Of latents from the prior those (count, latent_dim) with the smallest loss."""
    z = draw_latents(max(SCREENED, count), config, rng).to(device)
    losses = torch.cat([loss(batch) for batch in torch.split(z, 128)])
    return z[losses.argsort()[:count]]


def descent(
    config: NetworkConfig, loss: Loss, z: Latents, steps: int, rng: torch.Generator
) -> Iterator[Best]:
    """Follows latents downhill; before the first and after each step, the best that each met."""
    z = z.clone().requires_grad_()
    optimizer = torch.optim.Adam([z], LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    best = Best(z.detach().clone(), torch.full((len(z),), torch.inf, device=z.device))
    for step in range(steps + 1):
        losses = loss(z)
        with torch.no_grad():
            is_better = losses < best.losses
            best.z[is_better], best.losses[is_better] = z[is_better], losses[is_better]
        yield best
        if step == steps:
            return
        (z.grad,) = torch.autograd.grad(losses.sum(), z)
        optimizer.step()
        schedule.step()
        if config.prior == "uniform":
            clip_by_lot(z, rng)


@torch.no_grad()
def clip_by_lot(z: Latents, rng: torch.Generator) -> None:
    """Draws numbers that left [-1, 1] anew, in place (Lipton and Tripathi 2017)."""
    anew = torch.empty(z.shape).uniform_(-1, 1, generator=rng).to(z.device)
    z.copy_(torch.where(z.abs() > 1, anew, z))


def psnr(a: Pixels, b: Pixels) -> Tensor:
    """Peak signal-to-noise ratio (N,) in dB of pictures (N, H, W, C); infinite if equal."""
    error = (a.double() - b.double()).square().mean(dim=(1, 2, 3))
    return 10 * torch.log10(255**2 / error)


def name_of(image: Given, number: int) -> str:
    """What a given picture is called: the name of its file, or its number."""
    return Path(image).name if isinstance(image, str | Path) else f"picture {number}"


def read(image: Given, name: str, reading: Reading) -> Picture:
    """A picture in the model's size and channels, cropped and resized as in its training.

    Pixels that are in the model's size and channels are taken as they are.

    Raises:
        DCGANError: it cannot be read, or is no picture.
    """
    if isinstance(image, str | Path):
        return read_file(Path(image).expanduser(), reading)
    if isinstance(image, Image.Image):
        return refitted(image, name, reading)
    pixels = as_pixels(image)
    if pixels.shape == (*reading.size, reading.channels):
        return pixels
    return refitted(to_image(pixels), name, reading)


def refitted(picture: Image.Image, name: str, reading: Reading) -> Picture:
    """As `read`, of a picture of Pillow's.

    Raises:
        DCGANError: its file is damaged, or its values are not those of a picture.
    """
    try:
        upright = turned_upright(picture)
        say_resized(name, Size(upright.height, upright.width), reading)
        return decode_opened(upright, **reading._asdict())
    except (PictureError, OSError) as error:
        raise DCGANError(f"Cannot read {name}: {error}; give another picture.") from error


def read_file(path: Path, reading: Reading) -> Picture:
    """As `read`, of a file.

    Raises:
        DCGANError: it cannot be read.
    """
    try:
        data = path.read_bytes()
        picture = decode(data, **reading._asdict())
    except OSError as error:
        raise DCGANError(
            f"Cannot read {path}: {(error.strerror or str(error)).lower()}."
        ) from error
    except PictureError as error:
        raise DCGANError(
            f"Cannot read {path}: {error}. Give a JPEG, PNG, WebP, GIF, BMP or TIFF file."
        ) from error
    size = file_size(data)
    if size:
        say_resized(path.name, size, reading)
    return picture


def say_resized(name: str, size: Size, reading: Reading) -> None:
    """Says of a picture of another size than the model's what becomes of it."""
    if size == reading.size:
        return
    part = {"centre": "its middle", "none": "all of it"}.get(
        reading.crop, f"a square of {reading.crop} in its middle"
    )
    logger.info(
        f"{name} has {size.grid} pixels; {part} was resized to {reading.size.grid}, as in training."
    )


def as_pixels(given: Picture) -> Picture:
    """Pixels (H, W, C), also of a grey picture that is given as (H, W).

    Raises:
        DCGANError: they are no pixels of a picture.
    """
    array = np.asarray(given)
    pixels = array[..., None] if array.ndim == 2 else array
    if (
        array.dtype != np.uint8
        or not array.size
        or pixels.ndim != 3
        or pixels.shape[2] not in MODES
    ):
        raise DCGANError(
            f"Pixels of a picture are uint8 (H, W, C) with 1, 3 or 4 channels; {array.dtype} "
            f"{array.shape} was given."
        )
    return pixels


def require_replaceable(path: Path, images: Sequence[Given]) -> None:
    """Refuses, before the work, files for the sheet and the latents that should not be written.

    Raises:
        DCGANError: the sheet is one of the given pictures; or what stands where the latents shall
            stand is something else.
    """
    given = [Path(image).expanduser() for image in images if isinstance(image, str | Path)]
    if path.resolve() in [image.resolve() for image in given]:
        raise DCGANError(f"{path} is one of the given pictures; give another name for the sheet.")
    file = path.with_suffix(ENDING)
    if not file.exists():
        return
    try:
        read_kept(file, "latents")
    except DCGANError as error:
        raise DCGANError(
            f"{file}, where the latents shall stand, is there already and was not made by `dcgan "
            "invert`; give another name for the sheet."
        ) from error


def require_work(images: Sequence[Given], starts: int, steps: int) -> None:
    """Raises a DCGANError unless there is a picture, a start and a step."""
    if not images:
        raise DCGANError("No picture was given; name one file at least.")
    for name, value in (("starts", starts), ("steps", steps)):
        if value < 1:
            raise DCGANError(f"`{name}` (={value}) must be 1 or more.")


def sheet_of(found: Inversion) -> Picture:
    """The sheet of `Inversion` as pixels, eight pictures in a row."""
    reached = [
        f"PSNR {ratio:.1f} dB\nloss {loss:.3g}"
        for ratio, loss in zip(found.psnr.tolist(), found.losses.tolist(), strict=True)
    ]
    columns = min(len(reached), MOST_COLUMNS)
    rows: list[list[Picture | None]] = [[*found.targets.numpy()], [*found.pictures.numpy()]]
    tiles = in_blocks(rows, columns, None)
    return captioned(
        tiles,
        columns,
        left=["given", "found"] * (len(tiles) // (2 * columns)),
        below=in_blocks([[*map(shortened, found.names)], reached], columns, ""),
    )
