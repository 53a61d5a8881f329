"""A - B + C on latents, each the mean of some exemplars (Section 6.3.2, Figure 7)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from PIL import Image

from dcgan.captions import captioned, save_sheet, sheet_path, to_image
from dcgan.errors import DCGANError
from dcgan.images import Picture
from dcgan.latent.points import Given, pictures_of, points
from dcgan.model import Model, opened
from dcgan.tensors import Latents, Pixels

LETTERS = ("A", "B", "C")
NEIGHBOURS, REACH = 8, 0.25
"""How many neighbours of the result are drawn, and how far off it they are at most (Figure 7)."""
SIDE, RESULT = 3, 4
"""Of the square of the result, and the column of the sheet where it begins."""


class Group(NamedTuple):
    """The exemplars of A, B or C."""

    names: list[str]
    """What each is called: the seed of its latent, or its number in a file."""
    pictures: Pixels
    """(N, H, W, C) of them."""
    of_mean: Pixels
    """(H, W, C) of the mean of their latents."""
    mean: Picture
    """(H, W, C): the mean of their pictures."""


@dataclass(frozen=True)
class Arithmetic:
    """What A - B + C gives."""

    latents: Latents
    """(9, latent_dim): the result in the middle, and its neighbours around it."""
    pictures: Pixels
    """(9, H, W, C) of these."""
    control: Picture
    """(H, W, C): the same arithmetic on the exemplars' pixels."""
    groups: tuple[Group, ...]
    """A, B and C."""
    names: tuple[str, ...] = ()
    """What A, B and C are, if somebody said so."""

    @property
    def sheet(self) -> Image.Image:
        """The exemplars in columns, below them their means; beside them the result, the control."""
        return to_image(sheet_of(self))


def arithmetic(
    model: str | Path | Model,
    out: str | Path | None = None,
    *,
    a: Given,
    b: Given,
    c: Given,
    names: Sequence[str] = (),
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
        a, b, c: exemplars: seeds, arrays (N, latent_dim), or files of latents.
        names: what A, B and C are, for the sheet.
        label: the class to draw, for a conditional model.
        seed: of the neighbours, which differ from the result by U(-0.25, 0.25) in each number.
        device: cpu, cuda, mps or xpu; auto: the best there is.

    Raises:
        DCGANError: there is no such model, file, class or device, the latents are those of another
            model, there are not three names, or `out` cannot be written.
    """
    require_names(names)
    loaded = opened(model, device)
    given = (("`a`", a), ("`b`", b), ("`c`", c))
    those = [points(exemplars, loaded, name) for name, exemplars in given]
    path = sheet_path(out, loaded.config.channels)
    means = torch.stack([each.z.mean(dim=0) for each in those])
    latents = neighbourhood(signed(means), seed)
    every = [*(each.z for each in those), means, latents]
    *exemplars, of_means, pictures = torch.split(
        pictures_of(loaded, torch.cat(every), label), list(map(len, every))
    )
    pixels = torch.stack([group.float().mean(dim=0) for group in exemplars])
    groups = map(Group, (each.names for each in those), exemplars, of_means, in_bytes(pixels))
    control = in_bytes(signed(pixels))
    found = Arithmetic(latents, pictures, control, tuple(groups), tuple(names))
    if path:
        save_sheet(found.sheet, path)
    return found


def require_names(names: Sequence[str]) -> None:
    """Raises a DCGANError unless there are three names, or none."""
    if names and (isinstance(names, str) or len(names) != len(LETTERS)):
        shown = names if isinstance(names, str) else ",".join(map(str, names))
        raise DCGANError(
            f"`names` (={shown}) must be three, of A, B and C, such as smiling,neutral,neutral man."
        )


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


def sheet_of(found: Arithmetic) -> Picture:
    """The sheet of `Arithmetic` as pixels."""
    high = max(SIDE, *(len(group.names) for group in found.groups))
    placed: dict[tuple[int, int], tuple[Picture, str]] = {}
    for column, group in enumerate(found.groups):
        for row, place in enumerate(zip(group.pictures.numpy(), group.names, strict=True)):
            placed[row, column] = place
        placed[high, column] = group.of_mean.numpy(), ""
        placed[high + 1, column] = group.mean, ""
    for number, picture in enumerate(found.pictures.numpy()):
        placed[number // SIDE, RESULT + number % SIDE] = picture, ""
    placed[high + 1, RESULT + 1] = found.control, "on pixels"
    places = [
        placed.get((row, column), (None, ""))
        for row in range(high + 2)
        for column in range(RESULT + SIDE)
    ]
    return captioned(
        [picture for picture, _ in places],
        RESULT + SIDE,
        title=title_of(found),
        above=["A", "- B", "+ C", "=", "", "A - B + C", ""],
        left=["exemplars", *[""] * (high - 1), "mean of\nlatents", "mean of\npixels"],
        below=[name for _, name in places],
        boxed=[RESULT + SIDE + RESULT + 1],
    )


def title_of(found: Arithmetic) -> str:
    """What A, B and C are, and what stands around the result."""
    meant = "".join(f"{a}: {name}. " for a, name in zip(LETTERS, found.names, strict=False))
    return (
        f"{meant}In the box A - B + C of the means of the exemplars' latents; around it "
        f"{NEIGHBOURS} neighbours, which differ by up to {REACH} in each number of the latent."
    )
