"""Samples that are turned, step by step, along a direction (Section 6.3.2, Figure 8)."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import torch
from PIL import Image
from torch import Tensor

from dcgan.captions import captioned, counted, save_sheet, sheet_path, to_image
from dcgan.errors import DCGANError
from dcgan.latent.axes import Directions, between, groups
from dcgan.latent.directions import named_directions
from dcgan.latent.kept import in_floats
from dcgan.latent.points import Given, Points, as_array, pictures_of, points
from dcgan.model import Model, opened
from dcgan.tensors import Latents, Pixels

LEAST_STEPS = 3
TITLE = "The samples are in boxes; to each is added, as many times as stands above, {}."
MOST_NAMED = 8
"""Exemplars of a group that the sheet's title names."""

Along: TypeAlias = str | Path | Mapping[str, Any]
"""A file of directions, `FILE:NAME` for one of them; or directions (latent_dim,) by their names."""


@dataclass(frozen=True)
class Turn:
    """Samples along directions, a row for each direction and each sample in turn."""

    latents: Latents
    """(rows, steps, latent_dim)"""
    pictures: Pixels
    """(rows, steps, H, W, C)"""
    multiples: Tensor
    """(steps,) of the direction that are added; 0 in the middle."""
    rows: tuple[str, ...]
    """What each row shows."""
    title: str
    """Where the directions lead."""

    @property
    def sheet(self) -> Image.Image:
        """A row for each sample, itself boxed in the middle; above it the multiples."""
        steps = len(self.multiples)
        flat = self.pictures.flatten(0, 1)
        return to_image(
            captioned(
                flat,
                steps,
                title=self.title,
                above=[f"{by:+.2g}" if by else "0" for by in self.multiples.tolist()],
                left=self.rows,
                boxed=range(steps // 2, len(flat), steps),
            )
        )


def turn(
    model: str | Path | Model,
    out: str | Path | None = None,
    *,
    seeds: Given = "0-4",
    start: Given | None = None,
    end: Given | None = None,
    along: Along | None = None,
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
        seeds: the samples: seeds, latents (N, latent_dim), or files of latents.
        start, end: two groups of exemplars, likewise; the direction is the difference of their
            means. Figure 8 takes four faces that look left and four that look right.
        along: in place of exemplars, directions by name: a file that `directions` made,
            `FILE:NAME` for one of them, or {name: (latent_dim,) numbers}.
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
    ways, words = chosen(loaded, along, start, end)
    z, names = points(seeds, loaded, "`seeds`")
    path = sheet_path(out, loaded.config.channels)
    half = steps // 2
    multiples = torch.arange(-half, half + 1) * (reach / half)
    latents = torch.cat([turned(z, direction, multiples) for direction in ways.values()])
    flat = pictures_of(loaded, latents.flatten(0, 1), label)
    pictures = flat.view(len(latents), steps, *flat.shape[1:])
    rows = names if len(ways) == 1 else [f"{way}\n{name}" for way in ways for name in names]
    found = Turn(latents, pictures, multiples, tuple(rows), TITLE.format(words))
    if path:
        save_sheet(found.sheet, path)
    return found


def turned(z: Latents, direction: Tensor, multiples: Tensor) -> Latents:
    """Latents (N, D) with multiples (S,) of a direction (D,) added: (N, S, D)."""
    return z[:, None] + multiples[:, None] * direction


class Chosen(NamedTuple):
    """Directions, and what they are in words."""

    ways: Directions
    words: str


def chosen(model: Model, along: Along | None, start: Given | None, end: Given | None) -> Chosen:
    """The directions that were asked for.

    Raises:
        DCGANError: none or two ways to say them were taken, or they are of another model.
    """
    by_exemplars = start is not None or end is not None
    if by_exemplars == (along is not None):
        given = "both were given" if by_exemplars else "neither was given"
        raise DCGANError(
            "A direction is that from one group of exemplars to another (--from and --to, or "
            f"`start` and `end`), or one in a file (`along`, FILE:NAME); {given}."
        )
    if along is None:
        first, last = groups(model, start, end)
        ends = f"from {exemplars(first, 'exemplar')} to {exemplars(last, 'other')}"
        return Chosen({"turn": between(first, last)}, f"the direction {ends}")
    if isinstance(along, str | Path):
        ways = named_directions(along, model)
    else:
        ways = given_directions(along, model)
    return Chosen(ways, f"the direction {next(iter(ways))}" if len(ways) == 1 else "a direction")


def exemplars(group: Points, noun: str) -> str:
    """How many exemplars there are, and which, if they are not many."""
    count = counted(len(group.names), noun)
    return f"{count} ({', '.join(group.names)})" if len(group.names) <= MOST_NAMED else count


def given_directions(along: Any, model: Model) -> Directions:
    """Directions that are given by name as numbers of any kind, as float32.

    Raises:
        DCGANError: they are something else, or there are none.
    """
    if not isinstance(along, Mapping) or not along:
        given = "an empty one" if isinstance(along, Mapping) else type(along).__name__
        raise DCGANError(
            "`along` must be the file of `dcgan directions`, or directions by their names, such "
            f'as {{"smile": direction}}; {given} was given.'
        )
    return {str(name): as_direction(one, str(name), model) for name, one in along.items()}


def as_direction(numbers: Any, name: str, model: Model) -> Tensor:
    """A direction (latent_dim,) as float32.

    Raises:
        DCGANError: it is of another shape, or no numbers, or they are not finite.
    """
    array, length = as_array(numbers, f"The direction {name!r}"), model.config.latent_dim
    if array.shape != (length,) or array.dtype.kind not in "fiu":
        raise DCGANError(
            f"The direction {name!r} must be {length} numbers, as latents of this model; "
            f"{array.dtype} of the shape {array.shape} was given."
        )
    direction = in_floats(array)
    if not direction.isfinite().all():
        raise DCGANError(f"The direction {name!r} holds numbers that are not finite.")
    return direction
