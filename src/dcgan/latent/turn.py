"""Samples that are turned, step by step, along a direction (Section 6.3.2, Figure 8)."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from dcgan.captions import captioned, sheet_path
from dcgan.errors import DCGANError
from dcgan.images import save_picture
from dcgan.latent.axes import Directions, of_groups
from dcgan.latent.directions import named_directions
from dcgan.latent.points import Given, pictures_of, points
from dcgan.model import Model, opened
from dcgan.tensors import Latents, Pixels

LEAST_STEPS = 3


class Turn(NamedTuple):
    """Samples along directions, a row for each direction and each sample in turn."""

    latents: Latents
    """(rows, steps, latent_dim)"""
    pictures: Pixels
    """(rows, steps, H, W, C)"""
    multiples: Tensor
    """(steps,) of the direction that are added; 0 in the middle."""


def turn(
    model: str | Path | Model,
    out: str | Path | None = None,
    *,
    seeds: Given = "0-4",
    start: Given | None = None,
    end: Given | None = None,
    along: str | Path | Mapping[str, Tensor] | None = None,
    steps: int = 11,
    reach: float = 1.0,
    label: str | int | None = None,
    device: str = "auto",
) -> Turn:
    """Adds multiples of a direction to samples: z + t * direction.

    Args:
        model: the model, its file, or a run's folder.
        out: a picture file for the sheet: a row for each sample, itself boxed in the middle;
            without it nothing is written.
        seeds: the samples: seeds, latents (N, latent_dim), or a `.npy` file.
        start, end: two groups of exemplars, likewise; the direction is the difference of their
            means. Figure 8 takes four faces that look left and four that look right.
        along: in place of exemplars, directions by name: a file that `directions` made, or
            `FILE:NAME` for one of them.
        steps: how many multiples, an odd number of 3 or more.
        reach: they go from -reach to reach.
        label: the class to draw, for a conditional model.
        device: cpu, cuda, mps or xpu; auto: the best there is.

    Raises:
        DCGANError: there is no such model, file, direction, class or device, they are of another
            model, not one direction was given, or `out` cannot be written.
    """
    loaded = opened(model, device)
    if steps < LEAST_STEPS or steps % 2 == 0:
        raise DCGANError(f"`steps` (={steps}) must be an odd number, {LEAST_STEPS} or more.")
    if not 0 < reach < float("inf"):
        raise DCGANError(f"`reach` (={reach}) must be a number above 0.")
    found = chosen(loaded, along, start, end)
    z, names = points(seeds, loaded.config, "`seeds`")
    path = sheet_path(out, loaded.config.channels)
    half = steps // 2
    multiples = torch.arange(-half, half + 1) * (reach / half)
    latents = torch.cat([turned(z, direction, multiples) for direction in found.values()])
    flat = pictures_of(loaded, latents.flatten(0, 1), label)
    if path:
        rows = [f"{way}\n{name}" if way else name for way in found for name in names]
        sheet = captioned(
            flat,
            steps,
            above=[f"{multiple:+.2g}" if multiple else "0" for multiple in multiples.tolist()],
            left=rows,
            boxed=range(half, len(flat), steps),
        )
        save_picture(sheet, path)
    return Turn(latents, flat.view(len(latents), steps, *flat.shape[1:]), multiples)


def turned(z: Latents, direction: Tensor, multiples: Tensor) -> Latents:
    """Latents (N, D) with multiples (S,) of a direction (D,) added: (N, S, D)."""
    return z[:, None] + multiples[:, None] * direction


def chosen(
    model: Model,
    along: str | Path | Mapping[str, Tensor] | None,
    start: Given | None,
    end: Given | None,
) -> Directions:
    """The directions that were asked for, by name.

    Raises:
        DCGANError: none or two ways to say them were taken, or they are of another model.
    """
    by_exemplars = start is not None or end is not None
    if by_exemplars == (along is not None):
        given = "both were given" if by_exemplars else "neither was given"
        raise DCGANError(
            "A direction is that from one group of exemplars to another (--from and --to), or one "
            f"in a file (--along FILE:NAME); {given}."
        )
    if along is None:
        return {"": of_groups(model.config, start, end)}
    if isinstance(along, str | Path):
        return named_directions(along, model)
    for name, direction in along.items():
        if tuple(direction.shape) != (model.config.latent_dim,):
            raise DCGANError(
                f"The direction {name!r} has the shape {tuple(direction.shape)}, not "
                f"({model.config.latent_dim},) as latents of this model."
            )
    return dict(along)
