"""Commands that make models and draw from them: train, import, sample."""

from pathlib import Path
from typing import Any

import click

import dcgan
from dcgan.cli.door import (
    ConfigCommand,
    PathType,
    config_options,
    device_option,
    encoder_options,
    given,
    main,
    one_of_many,
    stopped_saying,
)
from dcgan.config import read_options
from dcgan.errors import DCGANError


@main.command(cls=ConfigCommand)
@click.argument("source")
@click.option(
    "--run", metavar="FOLDER", type=PathType(), help="Folder of the run. [default: runs/NAME]"
)
@click.option("--preset", metavar="NAME", help="A row of the table below. [default: stable]")
@click.option("--config", metavar="FILE", type=PathType(), help="A config.json, whole or in part.")
@click.option("--dry-run", is_flag=True, help="Only print the resolved config and the layers.")
@encoder_options
@config_options("pack", "network", "train")
def train(
    source: str,
    run: Path | None,
    preset: str | None,
    config: Path | None,
    dry_run: bool,
    encoder: Path | None,
    inception: Path | None,
    **options: Any,
) -> None:
    """Train on SOURCE: pictures in a folder or an archive, a pack, a drawn world (faces, rooms).

    The same command again goes on where it stopped; Ctrl-C loses nothing. With --encoder the
    distance to real pictures is measured on the way, and the best model is kept beside the last.

    \b
    Examples:
      dcgan train ~/photos
      dcgan train ~/photos --size 48x80 --flip --images 2000000
      dcgan train ~/photos --preset paper --run runs/photos-paper
      dcgan train mnist/train --preset mnist     conditional, classes from folders
      dcgan train faces --preset demo
      dcgan train ~/photos --encoder encoder.safetensors --patience 500000   stops by itself
    """
    chosen: dict[str, Any] = read_options(config) if config else {}
    typed = given(options)
    if "images" in typed or "passes" in typed:  # either one replaces the length in the file
        chosen = {name: v for name, v in chosen.items() if name not in ("images", "passes")}
    chosen |= typed
    if dry_run:
        from dcgan.train import preview

        click.echo(preview(source, run, preset=preset, **chosen).to_json(), nl=False)
        return
    measured, device = encoder or inception, chosen.get("device", "auto")
    with one_of_many():
        distance = dcgan.frechet_in(encoder, inception, device) if measured else None
        dcgan.train(source, run, preset=preset, distance=distance, **chosen)


@main.command()
@click.argument("model", type=PathType())
@click.argument("out", type=PathType())
@click.option("--seeds", metavar="SEEDS", help="Such as 0-63 or 1,2,5-10. [default: 0-63]")
@click.option("--count", metavar="N", type=click.IntRange(1), help="As --seeds 0-(N-1).")
@click.option("--class", "label", metavar="NAME", help="Class to draw, for a conditional model.")
@click.option("--columns", metavar="N", type=click.IntRange(1), help="Pictures in a row.")
@click.option(
    "--batch-statistics",
    is_flag=True,
    help="Normalise over up to 128 pictures drawn together.",
)
@device_option
def sample(model: Path, out: Path, seeds: str | None, count: int | None, **options: Any) -> None:
    """Draw pictures by seed from MODEL, a model file or a run's folder, into OUT.

    OUT is one sheet if it ends like a picture (.png, .jpg, .webp), an array (N, H, W, C) of bytes
    if it ends in .npy, else a folder of single PNG files named by their seeds. A seed gives the
    same picture in any company.

    \b
    Examples:
      dcgan sample runs/photos sheet.png --seeds 0-63
      dcgan sample runs/photos pictures --count 10000
      dcgan sample runs/photos pictures.npy --count 50000
      dcgan sample runs/mnist-train sevens.png --class 7
    """
    if seeds is not None and count:
        raise DCGANError("Give --seeds or --count, not both.")
    chosen = f"0-{(count or 64) - 1}" if seeds is None else seeds
    with stopped_saying("Stopped; the same command begins anew."):
        count, height, width, _ = dcgan.sample(model, out, chosen, **options)
    click.echo(f"{out}: {count:,} pictures of {height}x{width}.")


@main.command("import")
@click.argument("folder", type=PathType())
@click.argument("model", type=PathType())
@click.option(
    "--prior",
    type=click.Choice(["uniform", "normal"]),
    default="uniform",
    help="Law of the latents, which the arrays do not say: normal for SVHN. [default: uniform]",
)
@click.option(
    "--pictures", metavar="SOURCE", help="Real ones, to measure the discriminator's statistics on."
)
def import_(folder: Path, model: Path, prior: Any, pictures: str | None) -> None:
    """Make the file MODEL of the parameters that the paper's authors published, in FOLDER.

    FOLDER holds the lists *gen_params.jl and *discrim_params.jl and the .npy files that they name,
    as in github.com/Newmu/dcgan_code. Batch norm's statistics, of which they hold none, are
    measured: the generator's over latents, the discriminator's on --pictures, or else on the
    generator's own.

    \b
    Examples:
      dcgan import svhn_unsup_all_conv_dcgan_100z_gaussian_lr_0.0005_64mb svhn.safetensors \\
          --prior normal --pictures train_32x32.mat
      dcgan sample svhn.safetensors sheet.png --seeds 0-63
    """
    from dcgan.networks import count_parameters

    with stopped_saying():
        made = dcgan.import_published(folder, model, prior=prior, pictures=pictures)
    g, d = (count_parameters(network) for network in (made.generator, made.discriminator))
    click.echo(
        f"{model}: pictures of {made.config.size.grid}; generator {g:,} parameters, "
        f"discriminator {d:,}."
    )
    click.echo(f"Draw from it: dcgan sample {model} sheet.png --seeds 0-63", err=True)
