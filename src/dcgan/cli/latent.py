"""Commands in the space of latents: walk, arithmetic, find, directions, turn, invert."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

import dcgan
from dcgan.cli.door import (
    PathType,
    device_option,
    given,
    main,
    seed_option,
    stopped_saying,
)

PARTLY_STOPPED = "Stopped; only pictures that were finished were written."
SEEDS = "Such as 0-8 or 1,2,5-10, or files of latents, .npz or .npy: 3,me.npz."
label_option = click.option(
    "--class", "label", metavar="NAME", help="Class to draw, for a conditional model."
)


def seeds_option(default: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The option that says which latents are meant."""
    return click.option(
        "--seeds", "--latents", "seeds", metavar="SEEDS", default=default,
        help=f"{SEEDS} [default: {default}]",
    )  # fmt: skip


@main.command()
@click.argument("model", type=PathType())
@click.argument("out", type=PathType())
@seeds_option("0-8")
@click.option(
    "--steps", metavar="N", type=click.IntRange(2), default=10,
    help="Pictures in a row. [default: 10]",
)  # fmt: skip
@click.option("--loop", is_flag=True, help="Go back to the first.")
@label_option
@click.option(
    "--encoder", metavar="FILE", type=PathType(),
    help="Made by `dcgan encoder`; steps are measured in its features too.",
)  # fmt: skip
@click.option("--source", metavar="SOURCE", help="Training pictures, to compare steps with.")
@device_option
def walk(model: Path, out: Path, **options: Any) -> None:
    """Walk from latent to latent of MODEL, and show what is seen on the way in OUT.

    OUT is a sheet with a row from each latent to the next (.png, .jpg, .tif), or an animation
    (.gif, .webp, .mp4). Straight on for a uniform prior, on great circles for a normal one. How
    even the steps are is printed: sharp jumps would say that the model knows its pictures by heart.

    \b
    Examples:
      dcgan walk runs/photos walk.png
      dcgan walk runs/photos walk.gif --seeds 3,17,29 --steps 30 --loop
      dcgan walk runs/photos walk.png --encoder encoder.safetensors --source ~/photos
      dcgan walk runs/photos between.png --latents found.npz,3
    """
    with stopped_saying():
        made = dcgan.walk(model, out, **options)
    for measure in made.smoothness:
        click.echo(measure)
    click.echo(f"{out}: {len(made.pictures):,} pictures.")


@main.command()
@click.argument("model", type=PathType())
@click.argument("out", type=PathType())
@click.option("--a", metavar="SEEDS", required=True, help=f"Exemplars of A. {SEEDS}")
@click.option("--b", metavar="SEEDS", required=True, help="Exemplars of B, which is taken off.")
@click.option("--c", metavar="SEEDS", required=True, help="Exemplars of C, which is added.")
@click.option("--names", metavar="A,B,C", help="What these are, for the sheet.")
@label_option
@seed_option("Of the neighbours.")
@device_option
def arithmetic(model: Path, out: Path, names: str | None, **options: Any) -> None:
    """Draw A - B + C with MODEL on the sheet OUT, each the mean of some exemplars' latents.

    As Figure 7 of the paper: the result in a box, around it eight neighbours, to the left the
    exemplars with their means, and below the same arithmetic on pixels, for control. The paper
    takes three exemplars of each, as single ones were unstable. `dcgan find` helps to pick them.

    \b
    Examples:
      dcgan arithmetic runs/photos sum.png --a 3,17,29 --b 5,8,41 --c 2,11,60
      dcgan arithmetic runs/photos sum.png --a me.npz --b 5,8,41 --c 2,11,60 --names me,dull,bright
    """
    words = () if names is None else tuple(names.split(","))
    with stopped_saying():
        dcgan.arithmetic(model, out, names=words, **options)
    click.echo(f"{out}: A - B + C, its neighbours, and the same on pixels.")


@main.command()
@click.argument("model", type=PathType())
@click.argument("source")
@click.argument("out", type=PathType())
@click.argument("wanted")
@click.option(
    "--count", metavar="N", type=click.IntRange(1), default=3, help="How many. [default: 3]"
)
@click.option(
    "--seeds", metavar="SEEDS", default="0-1999", help="To choose from. [default: 0-1999]"
)
@device_option
def find(model: Path, source: str, out: Path, wanted: str, **options: Any) -> None:
    """Find samples of MODEL that are as WANTED, by the labels of SOURCE, and show them in OUT.

    WANTED names values of SOURCE's label columns: smile=yes,glasses=no; class=cat where pictures
    lie in class folders; of a column of numbers the lowest or highest quarter, turn=low. A linear
    classifier on the discriminator's features learns each from SOURCE, and ranks samples; their
    seeds are printed, the best first. Needs scikit-learn: pip install "dcgan[features]".

    \b
    Examples:
      dcgan find runs/faces faces smiling.png smile=yes,glasses=no
      dcgan find runs/photos ~/photos cats.png class=cat --count 12 --seeds 0-9999
    """
    with stopped_saying():
        found = dcgan.find(model, source, wanted, out, **options)
    click.echo(",".join(map(str, found.seeds)))


@main.command()
@click.argument("model", type=PathType())
@click.argument("file", type=PathType())
@click.option("--from", "start", metavar="SEEDS", help=f"Where the direction starts. {SEEDS}")
@click.option("--to", "end", metavar="SEEDS", help="Where it leads, likewise.")
@click.option("--name", metavar="NAME", default="turn", help="Of that direction. [default: turn]")
@click.option(
    "--pca", metavar="N", type=click.IntRange(1), help="So many of the first layer's activations."
)
@click.option(
    "--weights", metavar="N", type=click.IntRange(1), help="So many of the first layer's weights."
)
@click.option("--source", metavar="SOURCE", help="Labelled pictures, for --labels.")
@click.option(
    "--labels", "wanted", metavar="WANTED", default="", help="Such as smile=yes,turn=low."
)
@click.option(
    "--class", "label", metavar="NAME", help="Whose activations --pca takes, if there are classes."
)
@device_option
def directions(model: Path, file: Path, **options: Any) -> None:
    """Find directions in the latents of MODEL, and add them by name to FILE.

    FILE ends in .npz and belongs to MODEL; `dcgan turn --along` goes along what is in it. Of two
    groups of exemplars: from the mean of one to that of the other. Of activations: principal
    components (GANSpace). Of weights: what the first layer stretches most (SeFa). Of labels: across
    a linear boundary between latents (InterFaceGAN), where pictures are judged as by `dcgan find`.
    Those of a class's activations have its name: pca1@cat.

    \b
    Examples:
      dcgan directions runs/photos photos.npz --pca 5 --weights 5
      dcgan directions runs/photos photos.npz --from 1,5,9,12 --to 2,3,8,30 --name left
      dcgan directions runs/faces faces.npz --source faces --labels smile=yes,turn=high
    """
    with stopped_saying():
        found = dcgan.directions(model, file, **given(options))
    click.echo(f"{file}: {', '.join(found)}.")


@main.command()
@click.argument("model", type=PathType())
@click.argument("out", type=PathType())
@seeds_option("0-4")
@click.option("--from", "start", metavar="SEEDS", help=f"Where the direction starts. {SEEDS}")
@click.option("--to", "end", metavar="SEEDS", help="Where it leads, likewise.")
@click.option("--along", metavar="FILE:NAME", help="Instead, as `dcgan directions` made it.")
@click.option(
    "--steps", metavar="N", type=click.IntRange(3), default=11, help="An odd number. [default: 11]"
)
@click.option(
    "--reach", metavar="X", type=float, default=1.0, help="Largest multiple of it. [default: 1]"
)
@label_option
@device_option
def turn(model: Path, out: Path, **options: Any) -> None:
    """Turn samples of MODEL along a direction, step by step, on the sheet OUT.

    As Figure 8 of the paper: a row for each sample, itself in a box in the middle, and above it how
    many times the direction was added. The paper's direction leads from the mean of four faces that
    look left to that of four that look right. FILE without a NAME takes all directions in it.

    \b
    Examples:
      dcgan turn runs/photos turn.png --from 1,5,9,12 --to 2,3,8,30
      dcgan turn runs/photos turn.png --along photos.npz:pca1 --seeds 0-9 --reach 1.5
      dcgan turn runs/photos all.png --along photos.npz --seeds 3
    """
    from dcgan.captions import counted

    with stopped_saying():
        made = dcgan.turn(model, out, **options)
    rows, steps = made.pictures.shape[:2]
    click.echo(f"{out}: {counted(rows, 'row')} of {steps} pictures.")


@main.command()
@click.argument("model", type=PathType())
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True, type=PathType())
@click.option(
    "--out",
    metavar="FILE",
    type=PathType(),
    default="inverted.png",
    help="The sheet; the latents go beside it. [default: inverted.png]",
)
@click.option(
    "--starts", metavar="N", type=click.IntRange(1), default=4, help="Of each picture. [default: 4]"
)
@click.option(
    "--steps",
    metavar="N",
    type=click.IntRange(1),
    default=300,
    help="Of each start. [default: 300]",
)
@label_option
@device_option
def invert(model: Path, images: tuple[Path, ...], out: Path, **options: Any) -> None:
    """Find the latent of each IMAGE: what MODEL must be told to draw it.

    The sheet shows each picture above the nearest that was found, with its PSNR (above 30 dB they
    look the same) and its loss, on pixels and on the discriminator's features. The latents stand
    beside it, in a .npz file for walk, arithmetic and turn. Pictures are cropped and resized as in
    the model's training. Ctrl-C keeps those that are finished.

    \b
    Examples:
      dcgan invert runs/faces me.jpg you.jpg --out us.png
      dcgan walk runs/faces from-me-to-you.gif --seeds us.npz
    """
    with stopped_saying(PARTLY_STOPPED):
        found = dcgan.invert(model, images, out, **options)
    for image, ratio in zip(images, found.psnr.tolist(), strict=True):
        click.echo(f"{image}: PSNR {ratio:.1f} dB")
    click.echo(f"{out}, {out.with_suffix('.npz')}")
