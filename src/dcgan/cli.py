"""The command line: words to calls, errors to sentences. Imports PyTorch only inside a command."""

import re
import signal
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, Literal, get_args, get_origin

import click

import dcgan
from dcgan.config import OPTIONS, FaceConfig, Option, PackConfig, options_of, read_options
from dcgan.errors import DCGANError, Stopped
from dcgan.log import progress, show_messages
from dcgan.presets import PRESETS
from dcgan.size import Size

STOPPED = "Stopped. The same command takes the work up again."
GROUP_TITLES = {"pack": "Pictures", "network": "Networks", "train": "Training"}


class PathType(click.ParamType[Path]):
    """A path; an empty one, as from an unset variable, is refused."""

    name = "path"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The path, with ~ as the user's folder."""
        if not str(value):
            self.fail("it is empty.", param, ctx)
        return Path(value).expanduser()


class SizeType(click.ParamType[Size]):
    """A side in pixels, or height x width."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Size:
        """The size; what is no size is refused with the option's name."""
        try:
            return Size.of(value)
        except DCGANError as error:
            self.fail(str(error), param, ctx)


class Door(click.Group):
    """The group of all commands: turns what the package raises into sentences and exit codes."""

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command that was asked for."""
        signal.signal(signal.SIGTERM, _stop)
        try:
            with show_messages():
                return super().invoke(ctx)
        except DCGANError as error:
            raise click.ClickException(str(error)) from error
        except OSError as error:
            place = f"{error.filename}: " if error.filename else ""
            raise click.ClickException(f"{place}{error.strerror or error}.") from error
        except Stopped as stopped:
            click.echo(str(stopped), err=True)
            ctx.exit(128 + stopped.signal)
        except KeyboardInterrupt:
            click.echo(STOPPED, err=True)
            ctx.exit(130)


def require_own_folder(folder: Path) -> None:
    """Raises a DCGANError if a folder for single pictures holds anything but such pictures."""
    others = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
    others = [name for name in others if not re.fullmatch(r"\d{6,}\.png", name)]
    if others:
        raise DCGANError(
            f"{folder} holds other files, such as {min(others)}; give the name of a new folder."
        )


def _stop(number: int, _: FrameType | None) -> None:
    raise Stopped(STOPPED, number)


class ConfigCommand(click.Command):
    """A command whose help shows the options of the config under headings, and the presets."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the command's own options, then those of each group, then the presets."""
        sections: dict[str, list[tuple[str, str]]] = {"Options": []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record and isinstance(parameter, click.Option):
                option = OPTIONS.get(parameter.name or "")
                title = GROUP_TITLES[option.group] if option else "Options"
                sections.setdefault(title, []).append(record)
        if any(parameter.name == "preset" for parameter in self.params):
            sections["Presets"] = [(name, row.help) for name, row in PRESETS.items()]
        for title, records in sections.items():
            with formatter.section(title):
                formatter.write_dl(records)


def config_options(*groups: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Adds an option for each field of these groups of the config; those not typed are None."""

    def add(command: Callable[..., None]) -> Callable[..., None]:
        for name, option in reversed(OPTIONS.items()):
            if option.group in groups:
                command = _click_option(name, option)(command)
        return command

    return add


def encoder_options(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the options that say in whose features distances are measured."""
    address = (
        "github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
        "pt_inception-2015-12-05-6726825d.pth"
    )
    inception = f"Inception's published weights, for FID and KID: {address}"
    command = click.option("--inception", metavar="FILE", type=PathType(), help=inception)(command)
    made = "Made by `dcgan encoder`; distances are measured in its features."
    return click.option("--encoder", metavar="FILE", type=PathType(), help=made)(command)


def face_options(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the options of cutting out faces; those not typed are None."""
    for name, option in reversed(options_of("faces", FaceConfig).items()):
        command = _click_option(name, option)(command)
    return command


def _click_option(
    name: str, option: Option
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    _, kind, default, text = option
    flag = "--" + name.replace("_", "-")
    if default not in (None, ""):
        shown = {True: "yes", False: "no"}[default] if kind is bool else default
        text = f"{text} [default: {shown}]"
    if kind is bool:
        return click.option(f"{flag}/--no-{flag[2:]}", name, default=None, help=text)
    if get_origin(kind) is Literal:
        return click.option(flag, name, type=click.Choice(get_args(kind)), help=text)
    wanted = next((k for k in get_args(kind) if k is not type(None)), kind)
    metavar = {int: "N", float: "X", str: "TEXT", Size: "SIZE"}[wanted]
    value_type: Any = SizeType() if wanted is Size else wanted
    return click.option(flag, name, type=value_type, metavar=metavar, help=text)


def given(options: dict[str, Any]) -> dict[str, Any]:
    """The options that were typed."""
    return {name: value for name, value in options.items() if value is not None}


@click.group(
    cls=Door, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(dcgan.__version__, prog_name="dcgan")
def main() -> None:
    """Train a Deep Convolutional GAN on your own pictures, and make new ones.

    \b
    Begin with one of:
      dcgan train ~/photos                     a folder of pictures
      dcgan train faces --preset demo          drawn faces, minutes on a laptop
      dcgan sample runs/faces sheet.png --seeds 0-63
    """


@main.command(cls=ConfigCommand)
@click.argument("source")
@click.option(
    "--run", metavar="FOLDER", type=PathType(), help="Folder of the run. [default: runs/NAME]"
)
@click.option("--preset", metavar="NAME", help="A row of the table below. [default: default]")
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
    else:
        measured = encoder or inception
        device = chosen.get("device", "auto")
        distance = dcgan.frechet_in(encoder, inception, device) if measured else None
        dcgan.train(source, run, preset=preset, distance=distance, **chosen)


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
    pictures, with_faces, found, skipped = dcgan.faces(source, folder, FaceConfig(**given(options)))
    click.echo(
        f"{folder}: {found:,} faces in {with_faces:,} of {pictures:,} pictures, "
        f"{skipped:,} skipped."
    )


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
    try:
        made = dcgan.audit(source, out, size)
    except KeyboardInterrupt as stop:
        number = getattr(stop, "signal", signal.SIGINT)
        raise Stopped("Stopped; this audit was not finished.", number) from stop
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
@click.option("--seed", metavar="N", type=int, default=42, help="Of the autoencoder. [default: 42]")
@click.option(
    "--device", metavar="NAME", default="auto", help="cpu, cuda, mps or xpu. [default: auto]"
)
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
def sample(
    model: Path,
    out: Path,
    seeds: str | None,
    count: int | None,
    label: str | None,
    columns: int | None,
    batch_statistics: bool,
) -> None:
    """Draw pictures by seed from MODEL, a model file or a run's folder, into OUT.

    OUT is one sheet if it ends like a picture (.png, .jpg, .webp), else a folder of single PNG
    files named by their seeds. A seed gives the same picture in any company.

    \b
    Examples:
      dcgan sample runs/photos sheet.png --seeds 0-63
      dcgan sample runs/photos pictures --count 10000
      dcgan sample runs/mnist-train sevens.png --class 7
    """
    from dcgan.files import make_folder
    from dcgan.images import require_writable_picture, save_picture, sheet
    from dcgan.sample import SAMPLE_BATCH, in_batches, parse_seeds

    if seeds is not None and count:
        raise DCGANError("Give --seeds or --count, not both.")
    chosen = parse_seeds(f"0-{(count or 64) - 1}" if seeds is None else seeds)
    loaded = dcgan.load(model)
    pixels = []
    single = out.is_dir() or not out.suffix
    if single:
        require_own_folder(out)
        make_folder(out)
    else:
        require_writable_picture(out, loaded.config.channels)
    with progress("Drawing", len(chosen), unit="pictures") as bar:
        for batch in in_batches(chosen, SAMPLE_BATCH):
            drawn = loaded.sample(batch, label=label, batch_statistics=batch_statistics)
            for seed, picture in zip(batch, drawn.numpy(), strict=True):
                if single:
                    save_picture(picture, out / f"{seed:06}.png")
                else:
                    pixels.append(picture)
            bar.update(bar.done + len(batch))
    if not single:
        save_picture(sheet(pixels, columns), out)
    click.echo(f"{out}: {len(chosen):,} pictures of {loaded.config.size.grid}.")


@main.command()
@click.argument("source")
@click.argument("file", type=PathType())
@click.option(
    "--size", metavar="SIZE", type=SizeType(), help="Of the pictures. [default: as train chooses]"
)
@click.option(
    "--channels", type=click.Choice(["1", "3", "4"]), help="As the model's. [default: as train]"
)
@click.option("--labels", metavar="COLUMN", default="", help="What to learn. [default: classes]")
@click.option("--images", type=click.IntRange(1), default=300_000, help="[default: 300000]")
@click.option("--seed", type=click.IntRange(0), default=42, help="[default: 42]")
@click.option("--device", metavar="DEVICE", default="auto", help="[default: auto]")
def encoder(source: str, file: Path, channels: str | None, **options: Any) -> None:
    """Teach a small classifier on SOURCE, a yardstick for pictures of its kind, into FILE.

    It learns the classes of SOURCE; where there are none, how a picture was turned. It takes a few
    minutes, and says how many of the pictures that were held out it gets right.

    \b
    Examples:
      dcgan encoder ~/photos photos-encoder.safetensors
      dcgan encoder cifar-10-python.tar.gz cifar-encoder.safetensors --images 1000000
      dcgan evaluate runs/photos ~/photos --encoder photos-encoder.safetensors
    """
    task = dcgan.encoder(source, file, channels=int(channels) if channels else None, **options).task
    click.echo(
        f"{file}: {task.accuracy:.1%} right of {task.column} ({len(task.classes)} kinds), "
        f"on pictures of {task.size.grid} that were held out."
    )


@main.command()
@click.argument("model", type=PathType())
@click.argument("source")
@encoder_options
@click.option("--held-out", metavar="SOURCE", help="Pictures not trained on, to know copies by.")
@click.option("--count", type=click.IntRange(1), default=10_000, help="[default: 10000]")
@click.option("--batch-statistics", is_flag=True, help="Draw as the paper does.")
@click.option("--seed", type=click.IntRange(0), default=42, help="[default: 42]")
@click.option("--device", metavar="DEVICE", default="auto", help="[default: auto]")
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

    made = dcgan.evaluate(model, source, **options)
    console = Console(highlight=False)
    console.print(to_table(made), width=max(console.width, 80))
    if options["out"]:
        click.echo(f"The pictures nearest to real ones: {options['out'] / SHEET_FILE}.")


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

    made = dcgan.import_published(folder, model, prior=prior, pictures=pictures)
    g, d = (count_parameters(network) for network in (made.generator, made.discriminator))
    click.echo(
        f"{model}: pictures of {made.config.size.grid}; generator {g:,} parameters, "
        f"discriminator {d:,}."
    )
    click.echo(f"Draw from it: dcgan sample {model} sheet.png --seeds 0-63", err=True)


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
@click.option("--device", metavar="DEVICE", default="auto", help="[default: auto]")
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
    try:
        made = dcgan.features(
            model, source, out, layers=None if layers is None else layers.split(","), **options
        )
    except KeyboardInterrupt as stop:
        number = getattr(stop, "signal", signal.SIGINT)
        raise Stopped("Stopped; these vectors were not written.", number) from stop
    click.echo(f"{out}: {len(made):,} vectors of {made.shape[1]:,} numbers.")
