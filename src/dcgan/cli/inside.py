"""Commands that look inside a model: filters, forget."""

from pathlib import Path
from typing import Any

import click

import dcgan
from dcgan.cli.door import (
    PathType,
    device_option,
    main,
    seed_option,
    stopped_saying,
)


def told_right(share: float | None) -> str:
    """How good a regression is, in words."""
    if share is None:
        return "too few samples have boxes to hold some out and see how many are told right"
    return f"{share:.0%} of those in samples that were held out are told right"


@main.command()
@click.argument("model", type=PathType())
@click.argument("source")
@click.argument("out", type=PathType())
@click.option("--layer", metavar="NAME", help="A convolution, such as 8x8. [default: the last]")
@click.option("--maps", metavar="NUMBERS", help="Such as 0-5 or 3,17. [default: the first 6]")
@click.option(
    "--count", metavar="N", type=click.IntRange(1), default=5, help="Pictures of each. [default: 5]"
)
@click.option(
    "--stored-statistics",
    is_flag=True,
    help="Take batch norm's statistics as they stand in MODEL. [default: measured on SOURCE]",
)
@seed_option("Of the random filters.")
@device_option
def filters(model: Path, source: str, out: Path, maps: str | None, **options: Any) -> None:
    """Show what the discriminator's maps answer to in the pictures of SOURCE, on the sheet OUT.

    As Figure 5 of the paper: for each map the pictures with the strongest responses, cut to what
    the unit sees, and the pixels that speak for the response, by guided backpropagation. To the
    left the same with random filters. How concentrated these gradients are is printed: the share
    of their energy in the strongest tenth of the pixels that the unit sees.

    \b
    Examples:
      dcgan filters runs/photos ~/photos filters.png
      dcgan filters runs/photos ~/photos edges.png --layer 16x16 --maps 0-11 --count 8
      dcgan filters runs/photos new-photos filters.png --stored-statistics
    """
    from dcgan.captions import counted
    from dcgan.inside.filters import mean_concentration
    from dcgan.latent.points import seeds_in

    numbers = None if maps is None else seeds_in(maps, "`maps`")
    with stopped_saying():
        made = dcgan.filters(model, source, out, maps=numbers, **options)
    trained, random = map(mean_concentration, (made.trained, made.random))
    side = made.field.side
    maps_shown = counted(len(made.maps), "map")
    click.echo(f"{out}: {maps_shown} of {made.layer}; a unit sees {side}x{side} pixels.")
    click.echo(
        f"Energy in the strongest tenth of the pixels: {trained:.1%}, random filters {random:.1%}."
    )


@main.command()
@click.argument("model", type=PathType())
@click.argument("out", type=PathType())
@click.option("--boxes", metavar="FILE", type=PathType(), help="Drawn by hand, as above.")
@click.option(
    "--detector",
    metavar="NAME",
    help="Finds the boxes, and counts: rooms (windows of drawn rooms), or its file.",
)
@click.option(
    "--layer", metavar="NAME", help="Of the generator. [default: the last hidden but one]"
)
@click.option(
    "--seeds", metavar="SEEDS",
    help="Samples in which the detector looks for boxes. [default: 0-149]",
)  # fmt: skip
@click.option(
    "--drawn", metavar="SEEDS", help="Samples drawn; the first 10 are shown. [default: those after]"
)
@click.option(
    "--c", "C", metavar="X", type=float, default=1e-4,
    help="Of the regression: the smaller, the more maps are mostly dropped. [default: 0.0001]",
)  # fmt: skip
@seed_option("Of all lots.")
@device_option
def forget(model: Path, out: Path, seeds: str | None, drawn: str | None, **options: Any) -> None:
    """Drop the maps with which MODEL draws an object, and show samples without it on the sheet OUT.

    As Figure 6 of the paper: a logistic regression on the activations of a hidden layer tells
    positions inside of boxes around the object from others; the maps that speak for the object are
    set to 0. How often it is right is measured on samples that were held out. Below, for
    comparison, as many random maps are set to 0. With a detector the windows that are left are
    counted, also for ten choices of random maps. Needs scikit-learn: pip install "dcgan[features]".

    \b
    Boxes are drawn on samples by seed, in a JSON file, in pixels:
      {"12": [[left, top, right, bottom], ...], "17": [[20, 8, 44, 29]]}

    \b
    Examples:
      dcgan forget runs/bedrooms forgotten.png --boxes windows.json
      dcgan forget runs/rooms forgotten.png --detector rooms
      dcgan forget runs/rooms forgotten.png --detector rooms --c 1e-4
      dcgan forget runs/rooms forgotten.png --detector rooms --layer 8x8 --seeds 0-499
    """
    from rich.console import Console

    from dcgan.inside.forget import to_table
    from dcgan.latent.points import seeds_in

    chosen = None if seeds is None else seeds_in(seeds, "`seeds`")
    shown = None if drawn is None else seeds_in(drawn, "`drawn`")
    with stopped_saying():
        made = dcgan.forget(model, out, seeds=chosen, drawn=shown, **options)
    dropped, total = len(made.maps), len(made.weights)
    click.echo(
        f"{out}: {dropped} of {total} maps of {made.layer} dropped ({dropped / total:.0%}), by "
        f"{made.positions:,} positions in {made.boxes:,} box{'es' * (made.boxes != 1)} and as many "
        f"outside; {told_right(made.right)}."
    )
    if made.detector:
        lesson = made.detector.lesson
        console = Console(highlight=False)
        console.print(to_table(made), width=max(console.width, 80))
        click.echo(
            f"The detector, in drawn rooms that it has not seen: {lesson.right:.1%} right on "
            f"whether there is a window; overlap of the windows' pixels {lesson.overlap:.3f}."
        )
