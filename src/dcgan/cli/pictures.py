"""Commands on sources: pack, join, audit, dedup, faces."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

import dcgan
from dcgan.cli.door import (
    ConfigCommand,
    PathType,
    SizeType,
    click_option,
    config_options,
    device_option,
    given,
    main,
    one_of_many,
    seed_option,
    stopped_saying,
)
from dcgan.config import FaceConfig, PackConfig, options_of
from dcgan.size import Size


def face_options(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the options of cutting out faces; those not typed are None."""
    for name, option in reversed(options_of("faces", FaceConfig).items()):
        command = click_option(name, option)(command)
    return command


@main.command(cls=ConfigCommand)
@click.argument("source")
@click.argument("pack", type=PathType())
@click.option("--slice", metavar="N/OF", default="", help="Pack only this part; see `dcgan join`.")
@config_options("pack")
def pack(source: str, pack: Path, slice: str, **options: Any) -> None:
    """Decode, crop and resize the pictures of SOURCE once, into the folder PACK.

    `dcgan train` does this by itself, in a cache; a pack of your own can be kept and moved.

    \b
    Examples:
      dcgan pack ~/photos photos-64
      dcgan pack ~/logos logos-32 --size 32 --channels 4
      dcgan pack celeba.zip celeba-64 --crop 108
      dcgan pack bedroom_train_lmdb bedrooms --without duplicates.csv
      dcgan pack "shards-{000..099}.tar" part-3 --slice 3/64      on the third of 64 machines
      dcgan train photos-64
    """
    made = dcgan.pack(source, pack, PackConfig(**given(options)), slice=slice)
    click.echo(
        f"{pack}: {len(made):,} pictures of {made.info.size.grid}, {made.info.skipped:,} skipped."
    )


@main.command()
@click.argument("pack", type=PathType())
@click.argument("slices", nargs=-1, required=True, type=PathType())
def join(pack: Path, slices: tuple[Path, ...]) -> None:
    """Put SLICES, packed with --slice by one machine or many, together into the folder PACK.

    The result is the same as if the source had been packed in one go.

    \b
    Example:
      dcgan join bedrooms part-*
    """
    made = dcgan.join(pack, slices)
    click.echo(f"{pack}: {len(made):,} pictures of {made.info.size.grid}.")


@main.command()
@click.argument("source")
@click.option(
    "--size", metavar="SIZE", type=SizeType(), help="Size to train at. [default: as train chooses]"
)
@click.option(
    "--out", metavar="FOLDER", type=PathType(), help="Where it is written. [default: audits/NAME]"
)
def audit(source: str, size: Size | None, out: Path | None) -> None:
    """Look through the pictures of SOURCE: what is in there, and what to mend before training.

    Writes audit.html, which shows examples of all that was found, and audit.json, which names
    every picture of it. SOURCE itself is not changed.

    \b
    Examples:
      dcgan audit ~/photos
      dcgan audit ~/photos --size 128 --out photos-audit
    """
    from rich.console import Console

    from dcgan.data.audit.page import PAGE_FILE, to_table
    from dcgan.data.sources import source_name

    out = out or Path("audits", source_name(source))
    with stopped_saying("Stopped; this audit was not finished."):
        made = dcgan.audit(source, out, size)
    console = Console(highlight=False)
    console.print(to_table(made), width=max(console.width, 80))
    click.echo(f"See {out / PAGE_FILE}.", err=True)


@main.command()
@click.argument("source")
@click.option(
    "--method",
    metavar="NAME",
    default="autoencoder",
    help="autoencoder: 128-bit codes (paper), trained on SOURCE; perceptual: 64-bit hashes; "
    "exact: equal pixels. [default: autoencoder]",
)
@click.option(
    "--radius",
    metavar="BITS",
    type=int,
    help="In how many bits the codes of duplicates may differ, 0 to 16 (paper: 0). "
    "[default: 2; exact: 0]",
)
@seed_option("Of the autoencoder.")
@device_option
@click.option(
    "--out", metavar="FOLDER", type=PathType(), default=".", help="Where the files go. [default: .]"
)
def dedup(source: str, method: str, radius: int | None, seed: int, device: str, out: Path) -> None:
    """Find the pictures of SOURCE that repeat an earlier one, also where they differ a little.

    Writes duplicates.csv, which names them, and duplicates.png, which shows up to 120 groups.
    SOURCE itself is not changed: `dcgan pack --without duplicates.csv` leaves them out.

    \b
    Examples:
      dcgan dedup bedroom_train_lmdb
      dcgan dedup ~/photos --radius 0 --out photos-repeated
      dcgan dedup ~/photos --method perceptual --radius 4
      dcgan pack ~/photos photos-64 --without duplicates.csv
    """
    with stopped_saying():
        found = dcgan.dedup(source, out, method=method, radius=radius, seed=seed, device=device)
    from dcgan.data.dedup import SHEET_FILE, TABLE_FILE

    click.echo(
        f"{out / TABLE_FILE}: {len(found):,} of {found.pictures:,} pictures "
        f"repeat{'s'[: len(found) == 1]} an earlier one, in {found.groups:,} "
        f"group{'s'[: found.groups != 1]}; {found.unreadable:,} could not be read."
    )
    if len(found):
        click.echo(f"Look at {out / SHEET_FILE} before you leave them out.", err=True)


@main.command()
@click.argument("source")
@click.argument("folder", type=PathType())
@face_options
def faces(source: str, folder: Path, **options: Any) -> None:
    """Find the faces in the photographs of SOURCE, and cut them out into FOLDER.

    Every face becomes a square PNG file at its own resolution; the classes of SOURCE become
    folders. faces.csv lists the boxes, skipped.csv what could not be read. The same command again
    goes on where it stopped. Needs OpenCV 4: pip install "dcgan[faces]".

    \b
    Examples:
      dcgan faces ~/photos faces-of-photos
      dcgan faces ~/portraits one-each --largest --minimum 96 --margin 0.4
      dcgan faces ~/photos more-faces --profile --score 3
      dcgan train faces-of-photos --size 64 --flip
    """
    with one_of_many():
        counts = dcgan.faces(source, folder, FaceConfig(**given(options)))
    pictures, with_faces, found, skipped = counts
    click.echo(
        f"{folder}: {found:,} faces in {with_faces:,} of {pictures:,} pictures, "
        f"{skipped:,} skipped."
    )
