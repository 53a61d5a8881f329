"""A - B + C on latents, each the mean of some exemplars (Section 6.3.2, Figure 7)."""

from pathlib import Path
from typing import NamedTuple

import torch

from dcgan.captions import captioned, sheet_path
from dcgan.images import Picture, save_picture
from dcgan.latent.points import Given, Points, pictures_of, points
from dcgan.model import Model, opened
from dcgan.tensors import Latents, Pixels

NEIGHBOURS, REACH = 8, 0.25
"""How many neighbours of the result are drawn, and how far off it they are at most (Figure 7)."""
SIDE, RESULT = 3, 4
"""Of the square of the result, and the column of the sheet where it begins."""


class Arithmetic(NamedTuple):
    """What A - B + C gives."""

    latents: Latents
    """(9, latent_dim): the result in the middle, and its neighbours around it."""
    pictures: Pixels
    """(9, H, W, C) of these."""
    control: Picture
    """(H, W, C): the same arithmetic on the exemplars' pixels."""
    sheet: Picture
    """All of it: exemplars, their means, the result and the control."""


def arithmetic(
    model: str | Path | Model,
    out: str | Path | None = None,
    *,
    a: Given,
    b: Given,
    c: Given,
    label: str | int | None = None,
    seed: int = 42,
    device: str = "auto",
) -> Arithmetic:
    """Draws A - B + C, where each is the mean of some exemplars' latents, and its neighbours.

    The paper takes three exemplars of each concept, as single ones were unstable: smiling women
    minus neutral women plus neutral men are smiling men.

    Args:
        model: the model, its file, or a run's folder.
        out: a picture file for the sheet; without it nothing is written.
        a, b, c: exemplars: seeds, arrays (N, latent_dim), or `.npy` files.
        label: the class to draw, for a conditional model.
        seed: of the neighbours, which differ from the result by U(-0.25, 0.25) in each number.
        device: cpu, cuda, mps or xpu; auto: the best there is.

    Raises:
        DCGANError: there is no such model, file, class or device, the latents are those of another
            model, or `out` cannot be written.
    """
    loaded = opened(model, device)
    given = (("`a`", a), ("`b`", b), ("`c`", c))
    groups = [points(those, loaded.config, name) for name, those in given]
    path = sheet_path(out, loaded.config.channels)
    means = torch.stack([group.z.mean(dim=0) for group in groups])
    latents = neighbourhood(signed(means), seed)
    every = torch.cat([*(group.z for group in groups), means, latents])
    drawn = pictures_of(loaded, every, label)
    *exemplars, of_means, pictures = torch.split(
        drawn, [*(len(group.z) for group in groups), len(means), len(latents)]
    )
    pixels = torch.stack([group.float().mean(dim=0) for group in exemplars])
    control = in_bytes(signed(pixels))
    sheet = sheet_of(groups, exemplars, of_means, in_bytes(pixels), pictures, control)
    if path:
        save_picture(sheet, path)
    return Arithmetic(latents, pictures, control, sheet)


def signed(three: torch.Tensor) -> torch.Tensor:
    """A - B + C of (3, ...)."""
    a, b, c = three.unbind()
    return a - b + c


def neighbourhood(middle: torch.Tensor, seed: int) -> Latents:
    """A latent (latent_dim,) in the middle of 8 others that are near: (9, latent_dim)."""
    rng = torch.Generator().manual_seed(seed)
    off = torch.empty(NEIGHBOURS + 1, len(middle)).uniform_(-REACH, REACH, generator=rng)
    off[NEIGHBOURS // 2] = 0
    return middle + off


def in_bytes(pixels: torch.Tensor) -> Picture:
    """Values from 0 to 255 and beyond as bytes."""
    return pixels.round().clamp(0, 255).to(torch.uint8).numpy()


def sheet_of(
    groups: list[Points],
    exemplars: list[Pixels],
    of_means: Pixels,
    pixels: Picture,
    pictures: Pixels,
    control: Picture,
) -> Picture:
    """The exemplars in columns, below them their means; beside them the result and the control.

    Args:
        groups: the exemplars of A, B and C.
        exemplars: their pictures, (N, H, W, C) each.
        of_means: (3, H, W, C) of their mean latents.
        pixels: (3, H, W, C), the means of their pictures.
        pictures: (9, H, W, C) of the result in the middle and its neighbours.
        control: (H, W, C), the arithmetic on the means of the pictures.
    """
    high = max(SIDE, *map(len, exemplars))
    placed: dict[tuple[int, int], tuple[Picture, str]] = {}
    for column, (group, drawn) in enumerate(zip(groups, exemplars, strict=True)):
        for row, (picture, name) in enumerate(zip(drawn.numpy(), group.names, strict=True)):
            placed[row, column] = picture, name
        placed[high, column] = of_means[column].numpy(), ""
        placed[high + 1, column] = pixels[column], ""
    for number, picture in enumerate(pictures.numpy()):
        placed[number // SIDE, RESULT + number % SIDE] = picture, ""
    placed[high + 1, RESULT + 1] = control, "on pixels"
    places = [
        placed.get((row, column), (None, ""))
        for row in range(high + 2)
        for column in range(RESULT + SIDE)
    ]
    return captioned(
        [picture for picture, _ in places],
        RESULT + SIDE,
        above=["A", "- B", "+ C", "=", "", "A - B + C", ""],
        left=["exemplars", *[""] * (high - 1), "mean of\nlatents", "mean of\npixels"],
        below=[name for _, name in places],
        boxed=[RESULT + SIDE + RESULT + 1],
    )
