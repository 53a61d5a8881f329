"""Walks from latent to latent, and what is seen on the way (Section 6.1, Figure 4)."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
from PIL import Image

from dcgan.captions import captioned, save_sheet, to_image
from dcgan.errors import DCGANError
from dcgan.latent.animation import ANIMATED, save_animation, walk_path
from dcgan.latent.points import Given, pictures_of, points
from dcgan.latent.smoothness import Smoothness, ruler, smoothness
from dcgan.model import Model, opened
from dcgan.tensors import Latents, Pixels

LEAST_STEPS = 2


@dataclass(frozen=True)
class Walk:
    """A walk: N pictures, and how even its steps are."""

    latents: Latents
    """(N, latent_dim)"""
    pictures: Pixels
    """(N, H, W, C)"""
    smoothness: tuple[Smoothness, ...]
    """In pixels; and in an encoder's features, if there is one."""
    ways: tuple[str, ...]
    """From where to where each part of the way leads, in words."""

    @property
    def sheet(self) -> Image.Image:
        """A row for each part of the way."""
        columns = len(self.pictures) // len(self.ways)
        return to_image(captioned(self.pictures, columns, left=self.ways))


def walk(
    model: str | Path | Model,
    out: str | Path | None = None,
    *,
    seeds: Given = "0-8",
    steps: int = 10,
    loop: bool = False,
    label: str | int | None = None,
    encoder: str | Path | None = None,
    source: str | Path | None = None,
    device: str = "auto",
) -> Walk:
    """Walks through latents, straight on for a uniform prior, on great circles for a normal one.

    Sharp jumps between neighbours would say that the model knows its pictures by heart.

    Args:
        model: the model, its file, or a run's folder.
        out: a file for a sheet with a row from each latent to the next (.png, .jpg, .tif), or for
            an animation (.gif, .webp, .mp4); without it nothing is written.
        seeds: the latents to walk through: seeds, an array (N, latent_dim), or files of latents.
        steps: pictures from each to the next, 2 or more; the end of a row is not repeated at the
            start of the next.
        loop: whether to go back to the first.
        label: the class to draw, for a conditional model.
        encoder: the file of an encoder, in whose features steps are measured too.
        source: training pictures, whose distances the steps are then compared with.
        device: cpu, cuda, mps or xpu; auto: the best there is.

    Raises:
        DCGANError: there is no such model, file, class, encoder, source or device, they do not fit
            together, there are fewer than two latents, or `out` cannot be written.
    """
    loaded = opened(model, device)
    corners, names = points(seeds, loaded, "`seeds`")
    if len(corners) < 2:
        raise DCGANError("A walk needs two latents at least, and one was given; try seeds 0-8.")
    if steps < LEAST_STEPS:
        raise DCGANError(f"`steps` (={steps}) must be {LEAST_STEPS} or more.")
    measured_by = ruler(loaded, encoder, source)
    path = walk_path(out, loaded.config.channels)
    z = chain(corners, steps, loop=loop, spherical=loaded.config.prior == "normal")
    pictures = pictures_of(loaded, z, label)
    stepped = torch.cat([pictures, pictures[:1]]) if loop else pictures
    ends = [*names, *names[:1]] if loop else names
    ways = tuple(f"{a} to\n{b}" for a, b in pairwise(ends))
    found = Walk(z, pictures, smoothness(stepped, measured_by), ways)
    if path and path.suffix.lower() in ANIMATED:
        save_animation(pictures, path)
    elif path:
        save_sheet(found.sheet, path)
    return found


def chain(corners: Latents, steps: int, *, loop: bool = False, spherical: bool = False) -> Latents:
    """Latents evenly spaced on the way through some others in their order.

    Each part of the way begins in one of them; the last part also ends in one, so that its steps
    are a little longer.

    Args:
        corners: (N, latent_dim), two at least.
        steps: how many for each part of the way.
        loop: the way goes back to the first, where the last step would arrive.
        spherical: on great circles; otherwise straight.

    Returns:
        (steps * (N - 1), latent_dim), or (steps * N, latent_dim) of a loop.
    """
    ends = torch.cat([corners, corners[:1]]) if loop else corners
    parts = len(ends) - 1
    part = torch.arange(parts).repeat_interleave(steps)
    within = torch.arange(steps, dtype=torch.float64)
    t = (within / steps).repeat(parts)
    if not loop:
        t[-steps:] = within / (steps - 1)
    t = t[:, None].to(corners.dtype)
    between = slerp if spherical else torch.lerp
    return between(ends[part], ends[part + 1], t)


def slerp(a: Latents, b: Latents, t: torch.Tensor) -> Latents:
    """Latents on the great circles from `a` to `b`; lengths go evenly from one to the other.

    The way for a normal prior: in many dimensions nearly all of its latents have one length, and
    straight ways lead through shorter ones (White 2016).

    Args:
        a: where t is 0, (N, latent_dim).
        b: where t is 1, (N, latent_dim).
        t: (N, 1) in [0, 1].
    """
    kind, (a, b, t) = a.dtype, (part.double() for part in (a, b, t))
    near, far = (part.norm(dim=1, keepdim=True) for part in (a, b))
    one, other = torch.nn.functional.normalize(a), torch.nn.functional.normalize(b)
    angle = (one * other).sum(dim=1, keepdim=True).clamp(-1, 1).acos()
    sine = angle.sin()
    circle = (((1 - t) * angle).sin() * one + (t * angle).sin() * other) / sine
    # Between latents of one direction, or of opposite ones, there is no single great circle; nor is
    # there one from 0.
    is_straight = (sine < STRAIGHT) | (torch.minimum(near, far) == 0)
    found = torch.where(is_straight, torch.lerp(a, b, t), torch.lerp(near, far, t) * circle)
    return found.to(kind)


STRAIGHT = 1e-6
