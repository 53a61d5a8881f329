"""Looking a source through before training on it: what is in there, and what is wrong."""

import shlex
from collections.abc import Iterator
from pathlib import Path

from dcgan.config import PackConfig
from dcgan.data.audit.facts import collect
from dcgan.data.audit.findings import find, summarise
from dcgan.data.audit.page import JSON_FILE, PAGE_FILE, write_json, write_page
from dcgan.data.audit.records import Audit, Finding, Summary, many, printable
from dcgan.data.pack import is_pack
from dcgan.data.packing import USUAL_SIDE, choose_size
from dcgan.data.readers.items import Source
from dcgan.data.sources import open_source, require_outside
from dcgan.errors import DCGANError
from dcgan.files import make_folder
from dcgan.size import Size

MNIST_SIZE = Size(28, 28)


def audit(
    place: str | Path,
    out: str | Path | None = None,
    size: Size | tuple[int, int] | int | str | None = None,
) -> Audit:
    """Looks through all pictures of a source, and says what to mend before training on it.

    Args:
        place: a source, as for `dcgan.train`.
        out: the folder for `audit.json`, which names every picture of every finding, and
            `audit.html`, a page that shows examples; without it nothing is written.
        size: look at training at this size; by default at the one that training would choose.

    Raises:
        DCGANError: there is no such source or size, or it is a pack; nothing can be written in the
            folder, or it lies within the source.
    """
    asked = None if size is None else PackConfig(size=Size.of(size)).size
    if is_pack(place):
        raise DCGANError(
            f"{place} is a pack: all its pictures have one size and can be read. Give the source "
            "that it was made of."
        )
    source = open_source(place)
    folder = None if out is None else Path(out).expanduser()
    if folder:
        require_outside(place, folder)
        make_folder(folder)
    config = PackConfig(size=asked or choose_size(source), channels=3)
    made = judge(source, str(place), config, asked is not None)
    if folder:
        write_json(made, folder / JSON_FILE)
        write_page(made, folder / PAGE_FILE)
    return made


def judge(source: Source, place: str, config: PackConfig, asked: bool) -> Audit:
    """The audit of a source for training at the config's size."""
    assert config.size is not None, "chosen before"
    facts = collect(source, config)
    summary = summarise(source, facts)
    findings = tuple(find(source, facts, config.size))
    is_mnist = is_like_mnist(summary, config.size)
    return Audit(
        source=source,
        place=place,
        size=config.size,
        summary=summary,
        findings=findings,
        command=command(place, config.size if asked else None, is_mnist) * bool(summary.readable),
        reasons=tuple(why(summary, config.size, asked, is_mnist)) if summary.readable else (),
        verdict=verdict(summary, findings),
    )


def is_like_mnist(summary: Summary, size: Size) -> bool:
    """Whether the pictures are of the kind that the paper's conditional model was made for."""
    grey = summary.grey == summary.readable
    return size == MNIST_SIZE and grey and len(summary.classes.get("class", {})) > 1


def command(place: str, size: Size | None, is_mnist: bool) -> str:
    """What to type in order to train."""
    options = " --preset mnist" if is_mnist else f" --size {size}" if size else ""
    return printable(f"dcgan train {shlex.quote(place)}{options}")


def why(summary: Summary, size: Size, asked: bool, is_mnist: bool) -> Iterator[str]:
    """Reasons for the size and the preset."""
    if asked:
        yield f"Size {size.grid}: as asked for."
    elif summary.distinct_sizes == 1 and summary.sizes[0] == size:
        yield f"Size {size.grid}: that of the pictures."
    else:
        yield (
            f"Size {size.grid}: the largest possible square up to {USUAL_SIDE} that about half of "
            "the pictures fill without being enlarged."
        )
    if is_mnist:
        yield "Preset mnist: grey pictures of 28x28 with classes, as in Section 8.1 of the paper."
        return
    yield "Preset stable, the default: it fits any pictures."
    for column, classes in summary.classes.items():
        if len(classes) > 1:
            yield f"With --labels {shlex.quote(column)} the model can draw each class by name."
            break


def verdict(summary: Summary, findings: tuple[Finding, ...]) -> str:
    """Fine, or what to mend first."""
    if not summary.readable:
        return f"Nothing to train on: none of the {many(summary.pictures)} can be read."
    weighty = [f"{finding.name} ({finding.count:,})" for finding in findings if finding.weighs]
    if weighty:
        return f"Mend first: {', '.join(weighty)}."
    if findings:
        return "Fine to train on; what was found can wait."
    return "Fine to train on; nothing was found to mend."
