"""Features from a discriminator beside every baseline: the paper's tables (Section 5)."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from dcgan.compare.bench import Bench
from dcgan.compare.notebook import Notebook
from dcgan.compare.protocols import FEW, OWN, PROTOCOLS, Protocol, Row, chosen_rows
from dcgan.compare.systems import SYSTEMS
from dcgan.compare.tables import NOT_YET, Line, to_json, to_markdown
from dcgan.data.sources import require_outside, source_name
from dcgan.errors import DCGANError
from dcgan.files import replacing
from dcgan.log import logger
from dcgan.model import load

MARKDOWN, JSON = "table.md", "table.json"
NEED_MODELS = ("dcgan", "conditional", "gan")


class Comparison(NamedTuple):
    """A table of systems, and where it was written."""

    lines: list[Line]
    protocol: Protocol
    facts: list[str]
    folder: Path


def compare(
    place: str | Path,
    *,
    data: str | Path | None = None,
    models: Sequence[str | Path] = (),
    rows: str = "",
    per_class: int | None = None,
    draws: int | None = None,
    labels: str = "",
    units: int = 1_600,
    trials: int = 64,
    seed: int = 42,
    out: str | Path | None = None,
    device: str = "auto",
) -> Comparison:
    """Compares features of a discriminator with every baseline, by the paper's protocols.

    A part of the training pictures, a fifth and at most 10,000, is for choosing settings. From the
    others labels are drawn by lot, so many of each class; what is learnt from them is tested on all
    test pictures, draw by draw. All that is measured is kept in the folder, and never measured
    twice. The table is written there after each row.

    Args:
        place: `cifar10`, `svhn` or `mnist`, a table of the paper; or one's own labelled source.
        data: for a table of the paper, the source of its pictures.
        models: models without classes, their files, or runs' folders, a row for each.
        rows: names of systems with commas; by default all.
        per_class: labels of each class; by default the table's.
        draws: how often they are drawn; by default the table's.
        labels: the label column; by default the first with classes.
        units: of the k-means row.
        trials: of the supervised network's row.
        seed: of all lots.
        out: the folder; by default `comparisons/NAME`.
        device: cpu, cuda, mps or xpu; auto: the best there is.

    Raises:
        DCGANError: there is no such source, model, row or device; the source has no classes or too
            few pictures of one; or the folder cannot be written.
    """
    protocol = PROTOCOLS.get(str(place), OWN)
    protocol = protocol._replace(
        per_class=_at_least_one("per_class", per_class, protocol.per_class),
        draws=_at_least_one("draws", draws, protocol.draws),
    )
    for name, value in (("units", units), ("trials", trials)):
        _at_least_one(name, value, 1)
    source = pictures_of(place, data)
    chosen = chosen_rows(protocol, rows)
    folder = Path(out or Path("comparisons", source_name(place))).expanduser()
    require_outside(source, folder)
    loaded = [(str(model), load(model)) for model in models]
    bench = Bench(
        str(source), protocol, Notebook(folder), loaded, labels, units, trials, seed, device
    )
    if protocol.facts == FEW:
        bench.require_labels()
    facts, lines = facts_of(bench), [_open(row, bench) for row in chosen]
    for number, row in enumerate(chosen):
        if row.system and not lines[number].missing:
            logger.info(f"{row.title}.")
            lines[number] = lines[number]._replace(results=tuple(SYSTEMS[row.system](bench)))
            write(folder, lines[: number + 1], protocol, facts)
    write(folder, lines, protocol, facts)
    return Comparison(lines, protocol, facts, folder)


def _at_least_one(name: str, given: int | None, default: int) -> int:
    value = default if given is None else given
    if value < 1:
        raise DCGANError(f"`{name}` (={value}) must be 1 or more.")
    return value


def pictures_of(place: str | Path, data: str | Path | None) -> str | Path:
    """The source of the pictures that are compared on.

    Raises:
        DCGANError: none was named, or two.
    """
    if str(place) in PROTOCOLS:
        if data is None:
            raise DCGANError(
                f"`{place}` is a table of the paper; name the source of its pictures, with --data."
            )
        return data
    if data is not None:
        raise DCGANError(
            f"The pictures of {place} and those of {data} were given; --data goes with "
            f"{' or '.join(PROTOCOLS)} alone."
        )
    return place


def facts_of(bench: Bench) -> list[str]:
    """What holds for all rows."""
    data, protocol = bench.data(), bench.protocol
    words = {"validation": bench.validation(data)} | protocol._asdict()
    return [
        f"Data: {data.train.info.name}, {data.train.info.size.grid}, {len(data.classes)} classes: "
        f"{data.description}.",
        protocol.facts.format(**words),
    ]


def _open(row: Row, bench: Bench) -> Line:
    missing = "" if row.system else NOT_YET
    if row.system in NEED_MODELS and not bench.models:
        missing = "needs --model"
    return Line(row.title, row.paper, (), missing)


def write(folder: Path, lines: Sequence[Line], protocol: Protocol, facts: Sequence[str]) -> None:
    """Writes the table in both forms."""
    for name, text in ((MARKDOWN, to_markdown), (JSON, to_json)):
        with replacing(folder / name) as file:
            file.write(text(lines, protocol, facts).encode())
