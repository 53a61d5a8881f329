"""The command line: words to calls, errors to sentences. Imports PyTorch only inside a command."""

import signal
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, Literal, get_args, get_origin

import click

import dcgan
from dcgan.config import OPTIONS, PRESETS, PackConfig, read_options
from dcgan.errors import DCGANError, Stopped
from dcgan.log import progress, show_messages
from dcgan.size import Size

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
            click.echo("Stopped. The same command goes on from what is done.", err=True)
            ctx.exit(130)


def _stop(number: int, _: FrameType | None) -> None:
    raise Stopped("Stopped. The same command goes on from what is done.", number)


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
                command = _click_option(name)(command)
        return command

    return add


def _click_option(name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    _, kind, default, text = OPTIONS[name]
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
      dcgan sample runs/faces/model.safetensors sheet.png --seeds 0-63
    """


@main.command(cls=ConfigCommand)
@click.argument("source")
@click.option(
    "--run", metavar="FOLDER", type=PathType(), help="Folder of the run. [default: runs/NAME]"
)
@click.option("--preset", metavar="NAME", help="A row of the table below. [default: default]")
@click.option("--config", metavar="FILE", type=PathType(), help="A config.json, whole or in part.")
@click.option("--dry-run", is_flag=True, help="Only print the resolved config and the layers.")
@config_options("pack", "network", "train")
def train(
    source: str,
    run: Path | None,
    preset: str | None,
    config: Path | None,
    dry_run: bool,
    **options: Any,
) -> None:
    """Train on SOURCE: a folder of pictures, a pack, or a drawn world (faces, rooms).

    The same command again goes on where it stopped; Ctrl-C loses nothing.

    \b
    Examples:
      dcgan train ~/photos
      dcgan train ~/photos --size 48x80 --flip --images 2000000
      dcgan train ~/photos --preset paper --run runs/photos-paper
      dcgan train mnist/train --preset mnist     conditional, classes from folders
      dcgan train faces --preset demo
    """
    chosen, typed = read_options(config) if config else {}, given(options)
    if "images" in typed or "passes" in typed:  # either one replaces the length in the file
        chosen = {name: v for name, v in chosen.items() if name not in ("images", "passes")}
    chosen |= typed
    if dry_run:
        from dcgan.train import preview

        click.echo(preview(source, run, preset=preset, **chosen).to_json(), nl=False)
    else:
        dcgan.train(source, run, preset=preset, **chosen)


@main.command(cls=ConfigCommand)
@click.argument("source")
@click.argument("pack", type=PathType())
@config_options("pack")
def pack(source: str, pack: Path, **options: Any) -> None:
    """Decode, crop and resize the pictures of SOURCE once, into the folder PACK.

    `dcgan train` does this by itself, in a cache; a pack of your own can be kept and moved.

    \b
    Examples:
      dcgan pack ~/photos photos-64
      dcgan pack ~/logos logos-32 --size 32 --channels 4
      dcgan train photos-64
    """
    made = dcgan.pack(source, pack, PackConfig(**given(options)))
    click.echo(
        f"{pack}: {len(made):,} pictures of {made.info.size.grid}, {made.info.skipped:,} skipped."
    )


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
    """Draw pictures by seed from MODEL into OUT.

    OUT is one sheet if it ends like a picture (.png, .jpg, .webp), else a folder of single PNG
    files named by their seeds. A seed gives the same picture in any company.

    \b
    Examples:
      dcgan sample runs/photos/model.safetensors sheet.png --seeds 0-63
      dcgan sample runs/photos/model.safetensors pictures --count 10000
      dcgan sample runs/mnist-train/model.safetensors sevens.png --class 7
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
