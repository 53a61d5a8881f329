"""What all commands share: the group, kinds of options, and errors as sentences."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Literal, get_args, get_origin

import click

import dcgan
from dcgan.config import OPTIONS, Option
from dcgan.errors import DCGANError, Stopped
from dcgan.log import show_messages
from dcgan.metrics import INCEPTION_ADDRESS
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

    def main(self, *args: Any, **options: Any) -> Any:
        """Runs a command line; meanwhile SIGTERM stops it as Ctrl-C does."""
        before = signal.signal(signal.SIGTERM, _stop)
        try:
            return super().main(*args, **options)
        finally:
            signal.signal(signal.SIGTERM, before or signal.SIG_DFL)

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command that was asked for."""
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
        finally:
            # The work is over; how it ended is yet to be said, and is said to the end.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _stop(number: int, _: FrameType | None) -> None:
    # An error or a stop on its way out ends the work anyway and says why; when one of many
    # processes ends, `torchrun` sends this signal to the others while they are still at it.
    if not isinstance(sys.exception(), DCGANError | click.ClickException | Stopped):
        raise Stopped(STOPPED, number)


@contextmanager
def stopped_saying(text: str = "Stopped; nothing was written.") -> Iterator[None]:
    """Ends work that cannot be taken up again with these words, if the user stops it."""
    try:
        yield
    except KeyboardInterrupt as stop:
        raise Stopped(text, getattr(stop, "signal", signal.SIGINT)) from stop


@contextmanager
def one_of_many() -> Iterator[None]:
    """Work that processes started by `torchrun` share; after it the first alone goes on.

    So what came of it is said once, as is what made it fail: by the process that failed.
    """
    from dcgan.distributed import ToldError, ToldStop, places

    try:
        yield
    except ToldError:
        raise click.exceptions.Exit(1) from None
    except ToldStop as stop:
        raise click.exceptions.Exit(128 + stop.signal) from None
    rank, _, _ = places(os.environ)
    if rank:
        raise click.exceptions.Exit(0)


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
                command = click_option(name, option)(command)
        return command

    return add


def encoder_options(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the options that say in whose features distances are measured."""
    inception = f"Inception's published weights, for FID and KID: {INCEPTION_ADDRESS}"
    command = click.option("--inception", metavar="FILE", type=PathType(), help=inception)(command)
    made = "Made by `dcgan encoder`; distances are measured in its features."
    return click.option("--encoder", metavar="FILE", type=PathType(), help=made)(command)


def click_option(name: str, option: Option) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The command line's option for one of the config's."""
    _, kind, default, text = option
    flag = "--" + name.replace("_", "-")
    if default not in (None, ""):
        shown = {True: "yes", False: "no"}[default] if kind is bool else default
        text = f"{text} [default: {shown}]"
    if bool in (kind, *get_args(kind)):
        return click.option(f"{flag}/--no-{flag[2:]}", name, default=None, help=text)
    if get_origin(kind) is Literal:
        return click.option(flag, name, type=click.Choice(get_args(kind)), help=text)
    wanted = next((k for k in get_args(kind) if k is not type(None)), kind)
    metavar = {int: "N", float: "X", str: "TEXT", Size: "SIZE"}[wanted]
    value_type: Any = SizeType() if wanted is Size else wanted
    return click.option(flag, name, type=value_type, metavar=metavar, help=text)


device_option = click.option(
    "--device", metavar="NAME", default="auto", help="cpu, cuda, mps or xpu. [default: auto]"
)


def seed_option(text: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """`--seed`, with what it is the seed of."""
    return click.option(
        "--seed", metavar="N", type=click.IntRange(0), default=42, help=f"{text} [default: 42]"
    )


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
