"""Commands that measure models and take vectors from them: encoder, evaluate, features, compare."""

from pathlib import Path
from typing import Any

import click

import dcgan
from dcgan.cli.door import (
    PathType,
    SizeType,
    device_option,
    encoder_options,
    main,
    one_of_many,
    seed_option,
    stopped_saying,
)


@main.command()
@click.argument("source")
@click.argument("file", type=PathType())
@click.option(
    "--size", metavar="SIZE", type=SizeType(), help="Of the pictures. [default: as train chooses]"
)
@click.option(
    "--channels", type=click.Choice(["1", "3", "4"]), help="As the model's. [default: as train]"
)
@click.option("--crop", metavar="WORD", default="centre", help="As the model's. [default: centre]")
@click.option("--labels", metavar="COLUMN", default="", help="What to learn. [default: classes]")
@click.option(
    "--images",
    metavar="N",
    type=click.IntRange(1),
    default=300_000,
    help="Length of the training. [default: 300000]",
)
@seed_option("Of all that is drawn by lot.")
@device_option
def encoder(source: str, file: Path, channels: str | None, **options: Any) -> None:
    """Teach a small classifier on SOURCE, a yardstick for pictures of its kind, into FILE.

    It learns the classes of SOURCE; where there are none, how a picture was turned. It takes a few
    minutes, and says how many of the pictures that were held out it gets right.

    \b
    Examples:
      dcgan encoder ~/photos photos-encoder.safetensors
      dcgan encoder cifar-10-python.tar.gz cifar-encoder.safetensors --images 1000000
      dcgan encoder celeba.zip celeba-encoder.safetensors --crop 108
      dcgan evaluate runs/photos ~/photos --encoder photos-encoder.safetensors
    """
    options["channels"] = int(channels) if channels else None
    with stopped_saying():
        task = dcgan.encoder(source, file, **options).task
    click.echo(
        f"{file}: {task.accuracy:.1%} right of {task.subject} ({len(task.classes)} kinds), "
        f"on pictures of {task.size.grid} that were held out."
    )


@main.command()
@click.argument("model", type=PathType())
@click.argument("source")
@encoder_options
@click.option("--held-out", metavar="SOURCE", help="Pictures not trained on, to know copies by.")
@click.option(
    "--count",
    metavar="N",
    type=click.IntRange(1),
    default=10_000,
    help="Pictures to generate. [default: 10000]",
)
@click.option("--batch-statistics", is_flag=True, help="Draw as the paper does.")
@seed_option("Of all that is drawn by lot.")
@device_option
@click.option("--out", metavar="FOLDER", type=PathType(), help="Where files go. [default: none]")
def evaluate(model: Path, source: str, **options: Any) -> None:
    """Measure the pictures of MODEL against the real ones of SOURCE.

    Distances, how much of each other the two sets cover, diversity, and copies; each number with
    the protocol that gave it. Distances in the features of an encoder of your own compare models on
    the same source; only those in Inception's are FID and KID.

    \b
    Examples:
      dcgan encoder cifar-10-python.tar.gz encoder.safetensors
      dcgan evaluate runs/cifar-10-python cifar-10-python.tar.gz \\
          --encoder encoder.safetensors --held-out cifar-10-python.tar.gz:test --out measured
      dcgan evaluate runs/photos ~/photos --inception weights.pth
    """
    from rich.console import Console

    from dcgan.metrics.evaluation import SHEET_FILE, to_table

    with stopped_saying("Stopped; nothing was measured."), one_of_many():
        made = dcgan.evaluate(model, source, **options)
    console = Console(highlight=False)
    console.print(to_table(made), width=max(console.width, 80))
    if options["out"]:
        click.echo(f"The pictures nearest to real ones: {options['out'] / SHEET_FILE}.")


@main.command()
@click.argument("model", type=PathType())
@click.argument("source")
@click.argument("out", type=PathType())
@click.option("--layers", metavar="NAMES", help="Such as 16x16,8x8. [default: all convolutions]")
@click.option(
    "--statistics-from",
    metavar="SOURCE",
    help="Pictures that batch norm's statistics are measured on. [default: SOURCE itself]",
)
@click.option("--stored-statistics", is_flag=True, help="Take those that stand in MODEL instead.")
@click.option("--half", is_flag=True, help="Write float16: half as long.")
@device_option
def features(model: Path, source: str, out: Path, layers: str | None, **options: Any) -> None:
    """Write what the discriminator of MODEL sees in the pictures of SOURCE, as vectors, to OUT.

    The maps of its convolutions, each max-pooled to 4x4 and joined, as in Section 5 of the paper.
    OUT is a .npy file with a row for each picture; beside it a .csv file names the rows with their
    labels, and a .json file says how they were made. Vectors that shall be compared, as those of
    training and of test pictures, need the same statistics. Needs scikit-learn: pip install
    "dcgan[features]".

    \b
    Examples:
      dcgan features runs/photos ~/photos photos.npy
      dcgan features runs/photos ~/photos photos.npy --layers 8x8,4x4 --half
      dcgan features runs/photos new-photos new.npy --statistics-from ~/photos
    """
    with stopped_saying("Stopped; these vectors were not written."), one_of_many():
        made = dcgan.features(
            model, source, out, layers=None if layers is None else layers.split(","), **options
        )
    click.echo(f"{out}: {len(made):,} vectors of {made.shape[1]:,} numbers.")


@main.command()
@click.argument("source")
@click.option(
    "--data",
    metavar="SOURCE",
    help="Where the pictures of cifar10, svhn or mnist are.",
)
@click.option(
    "--model",
    "models",
    metavar="MODEL",
    type=PathType(),
    multiple=True,
    help="Whose discriminator sees the pictures; may be given several times.",
)
@click.option("--rows", metavar="NAMES", default="", help="Such as dcgan,knn. [default: all]")
@click.option(
    "--per-class",
    metavar="N",
    type=click.IntRange(1),
    help="Labels of each class. [default: cifar10 400, mnist 5000, else 100]",
)
@click.option(
    "--draws",
    metavar="N",
    type=click.IntRange(1),
    help="How often they are drawn. [default: svhn 100, else 10]",
)
@click.option(
    "--labels", metavar="COLUMN", default="", help="What is told apart. [default: classes]"
)
@click.option(
    "--units",
    metavar="N",
    type=click.IntRange(1),
    default=1_600,
    help="Of k-means. [default: 1600]",
)
@click.option(
    "--coder",
    type=click.Choice(["triangle", "threshold"]),
    default="triangle",
    help="Of k-means; the paper's 4,800 units were with threshold. [default: triangle]",
)
@click.option(
    "--trials",
    metavar="N",
    type=click.IntRange(1),
    default=64,
    help="Of the supervised network. [default: 64]",
)
@seed_option("Of all that is drawn by lot.")
@device_option
@click.option(
    "--out",
    metavar="FOLDER",
    type=PathType(),
    help="Where the table and all that was measured is kept. [default: comparisons/SOURCE]",
)
def compare(source: str, **options: Any) -> None:
    """Compare what the discriminator learnt without labels with every baseline.

    SOURCE is cifar10, svhn or mnist, for Tables 1 to 3 of the paper, or a labelled source of your
    own. Splits named train and test are taken as such; else a fifth is kept for the test. All that
    was measured stays in the folder: the same command again goes on where it stopped, and a row
    that stands is not measured again. Needs scikit-learn: pip install "dcgan[features]".

    \b
    Rows of cifar10: dcgan, kmeans, pixels, random; of svhn and of a source of your own also knn,
    tsvm and cnn; of mnist: real, gan, conditional.

    The vectors of all pictures stay in the folder too: with cifar10 0.9 GB for a model of the
    default preset, 3.4 GB for one of imagenet32.

    \b
    Examples:
      dcgan compare svhn --data svhn --model svhn.safetensors
      dcgan compare cifar10 --data cifar-10-python.tar.gz --model runs/imagenet32
      dcgan compare cifar10 --data cifar-10-python.tar.gz --rows kmeans \\
          --units 4800 --coder threshold
      dcgan compare mnist --data mnist --model runs/mnist-train
      dcgan compare ~/photos --per-class 20 --model runs/photos
    """
    from rich.console import Console

    from dcgan.compare.comparing import MARKDOWN
    from dcgan.compare.tables import to_table

    made = dcgan.compare(source, **options)
    console = Console(highlight=False)
    console.print(to_table(made.lines, made.protocol), width=max(console.width, 100))
    for fact in made.facts:
        click.echo(fact)
    click.echo(f"See {made.folder / MARKDOWN}.", err=True)
