"""The latent of a given picture, by gradient descent from several starts."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from dcgan.captions import captioned, sheet_path
from dcgan.config import NetworkConfig
from dcgan.data.pack import Reading, save_array
from dcgan.errors import DCGANError
from dcgan.images import (
    Picture,
    PictureError,
    decode,
    file_size,
    save_picture,
    to_floats,
)
from dcgan.latent.points import class_of, pictures_of, read_array
from dcgan.log import Bar, logger, progress
from dcgan.model import Model, opened
from dcgan.sample import draw_latents
from dcgan.tensors import Images, Labels, Latents, Pixels

FEATURES_WEIGHT = 0.1
"""Of the discriminator's features in the loss, beside pixels."""
SCREENED = 512
"""Latents drawn for each picture, of which the nearest ones become the starts."""
LEARNING_RATE = 0.1
LONGEST_NAME = 16
MOST_COLUMNS = 8
"""Pictures in a row of the sheet."""
SEED = 42

Given = str | Path | Picture
"""A picture file, or pixels (H, W, C) uint8 as the model draws them."""


class Inversion(NamedTuple):
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
        images: picture files, read as those were that the model was trained on; or pixels as the
            model draws them.
        out: a picture file for the sheet of the given pictures above those found; the latents are
            written beside it as `.npy`; without it nothing is written.
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
        require_replaceable(path, images, loaded.config)
    targets = torch.from_numpy(np.stack([read(image, loaded.reading) for image in images]))
    reached: list[Reached] = []
    try:
        with progress("Inverting", steps * len(targets), unit="steps") as bar:
            for target in torch.split(to_floats(targets), 1):
                reached.append(nearest(loaded, target, index, starts, steps, bar))
    except KeyboardInterrupt:
        if path and reached:
            save(inversion_of(reached, targets, loaded, label), images, path)
            logger.info(
                f"{len(reached)} of {len(targets)} pictures were finished: {path}, "
                f"{path.with_suffix('.npy')}"
            )
        raise
    found = inversion_of(reached, targets, loaded, label)
    if path:
        save(found, images, path)
    return found


class Reached(NamedTuple):
    """The latent (latent_dim,) that was found for a picture, and its loss."""

    z: Tensor
    loss: float


def inversion_of(
    reached: Sequence[Reached], targets: Pixels, model: Model, label: str | int | None
) -> Inversion:
    """What was found for the first of the given pictures, with what is drawn of it."""
    z, losses = torch.stack([one.z for one in reached]), torch.tensor([one.loss for one in reached])
    pictures, targets = pictures_of(model, z, label), targets[: len(z)]
    return Inversion(z, targets, pictures, psnr(targets, pictures), losses)


def save(found: Inversion, images: Sequence[Given], path: Path) -> None:
    """Writes the sheet, and beside it the latents.

    Raises:
        DCGANError: they cannot be written.
    """
    save_array(path.with_suffix(".npy"), found.latents.numpy())
    save_picture(sheet_of(found, images), path)


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


def labels_for(index: int | None, count: int, device: torch.device | str = "cpu") -> Labels | None:
    """One class for so many pictures; None for a model without classes."""
    return None if index is None else torch.full((count,), index, device=device)


def psnr(a: Pixels, b: Pixels) -> Tensor:
    """Peak signal-to-noise ratio (N,) in dB of pictures (N, H, W, C); infinite if equal."""
    error = (a.double() - b.double()).square().mean(dim=(1, 2, 3))
    return 10 * torch.log10(255**2 / error)


def read(image: Given, reading: Reading) -> Picture:
    """A picture in the model's size and channels, cropped and resized as in its training.

    Raises:
        DCGANError: it cannot be read, or pixels are of another shape.
    """
    if not isinstance(image, str | Path):
        return require_pixels(image, reading)
    path = Path(image).expanduser()
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
    if size and size != reading.size:
        part = {"centre": "its middle", "none": "all of it"}.get(
            reading.crop, f"a square of {reading.crop} in its middle"
        )
        logger.info(
            f"{path.name} has {size.grid} pixels; {part} was resized to {reading.size.grid}, as in "
            "training."
        )
    return picture


def require_pixels(pixels: Picture, reading: Reading) -> Picture:
    """Pixels as an array, if they are as the model draws them; otherwise raises a DCGANError."""
    array = np.asarray(pixels)
    wanted = (*reading.size, reading.channels)
    if array.dtype != np.uint8 or array.shape != wanted:
        raise DCGANError(
            f"Pixels of this model's pictures are uint8 {wanted}, not {array.dtype} {array.shape}; "
            "other pictures are read from files."
        )
    return array


def require_replaceable(path: Path, images: Sequence[Given], config: NetworkConfig) -> None:
    """Refuses, before the work, files for the sheet and the latents that should not be written.

    Raises:
        DCGANError: the sheet is one of the given pictures; or what stands where the latents shall
            stand is something else.
    """
    given = [Path(image).expanduser() for image in images if isinstance(image, str | Path)]
    if path.resolve() in [image.resolve() for image in given]:
        raise DCGANError(f"{path} is one of the given pictures; give another name for the sheet.")
    file = path.with_suffix(".npy")
    if file.exists() and read_array(file).shape[1:] != (config.latent_dim,):
        raise DCGANError(f"{file} is there already and holds no latents; give another name.")


def require_work(images: Sequence[Given], starts: int, steps: int) -> None:
    """Raises a DCGANError unless there is a picture, a start and a step."""
    if not images:
        raise DCGANError("No picture was given; name one file at least.")
    for name, value in (("starts", starts), ("steps", steps)):
        if value < 1:
            raise DCGANError(f"`{name}` (={value}) must be 1 or more.")


def sheet_of(found: Inversion, images: Sequence[Given]) -> Picture:
    """The given pictures above those that were found, with their names, PSNR and losses."""
    names = [
        shortened(Path(image).name) if isinstance(image, str | Path) else f"picture {number}"
        for number, image in enumerate(images)
    ]
    reached = [
        f"PSNR {ratio:.1f} dB\nloss {loss:.3g}"
        for ratio, loss in zip(found.psnr.tolist(), found.losses.tolist(), strict=True)
    ]
    given = list(zip(found.targets.numpy(), names, strict=False))
    drawn = list(zip(found.pictures.numpy(), reached, strict=True))
    columns = min(len(drawn), MOST_COLUMNS)
    places: list[tuple[Picture | None, str]] = []
    for start in range(0, len(drawn), columns):
        for row in (given[start : start + columns], drawn[start : start + columns]):
            places += [*row, *[(None, "")] * (columns - len(row))]
    return captioned(
        [picture for picture, _ in places],
        columns,
        left=["given", "found"] * (len(places) // (2 * columns)),
        below=[words for _, words in places],
    )


def shortened(name: str) -> str:
    """A name with its middle left out if it is long."""
    half = LONGEST_NAME // 2 - 1
    return name if len(name) <= LONGEST_NAME else f"{name[:half]}...{name[-half:]}"
