"""Features from a discriminator beside every baseline: the paper's tables (Section 5)."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from dcgan.baselines.kmeans import require_units
from dcgan.compare.bench import Bench
from dcgan.compare.notebook import FILE, Notebook
from dcgan.compare.protocols import FEW, NEED_MODELS, OWN, PROTOCOLS, Protocol, chosen_systems
from dcgan.compare.systems import SYSTEMS
from dcgan.compare.tables import NOT_MEASURED, NOT_YET, Line, from_json, to_json, to_markdown
from dcgan.data.labelled import labelled
from dcgan.data.sources import require_outside, source_name
from dcgan.devices import choose_device
from dcgan.errors import DCGANError
from dcgan.files import make_folder, replacing
from dcgan.images import COLOURS
from dcgan.locks import alone
from dcgan.log import logger
from dcgan.model import Model, load

MARKDOWN, JSON = "table.md", "table.json"


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
    models: str | Path | Model | Sequence[str | Path | Model] = (),
    rows: str | Sequence[str] = "",
    per_class: int | None = None,
    draws: int | None = None,
    labels: str = "",
    units: int = 1_600,
    coder: str = "triangle",
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
        models: models, their files, or runs' folders, a row for each.
        rows: names of systems, with commas or one by one; by default all.
        per_class: labels of each class; by default the table's.
        draws: how often they are drawn; by default the table's.
        labels: the label column; by default the first with classes.
        units: of the k-means row.
        coder: of the same: "triangle", or "threshold", with which the paper's row was measured.
        trials: of the supervised network's row.
        seed: of all lots.
        out: the folder; by default `comparisons/NAME`.
        device: cpu, cuda, mps or xpu; auto: the best there is.

    Raises:
        DCGANError: there is no such source, model, row or device; the source has no classes or too
            few pictures of one; a model does not fit; or the folder cannot be written, is
            another's, or another process measures into it.
        Stopped: by the user, while the GAN of dense layers was trained; it goes on next time.
    """
    protocol = PROTOCOLS.get(str(place), OWN)
    protocol = protocol._replace(
        per_class=_at_least_one("per_class", per_class, protocol.per_class),
        draws=_at_least_one("draws", draws, protocol.draws),
    )
    for name, value in (("units", units), ("trials", trials)):
        _at_least_one(name, value, 1)
    if draws is not None and protocol.facts != FEW:
        raise DCGANError(f"`draws` (={draws}) is not for {place}: no labels are drawn there.")
    choose_device(device)
    source = pictures_of(place, data)
    given = [models] if isinstance(models, str | Path | Model) else models
    names = rows.split(",") if isinstance(rows, str) else rows
    systems = chosen_systems(protocol, names, has_models=bool(given))
    named = [opened_model(model, number) for number, model in enumerate(given, 1)]
    reading = named[0][1].reading if named else None
    opened = labelled(source, reading, column=labels, seed=seed)  # before the folder
    folder = Path(out or Path("comparisons", source_name(place))).expanduser()
    require_outside(source, folder)
    require_own_tables(folder)
    others = (
        f"Another process is measuring into {folder}. Wait for it, stop it, or choose another "
        "folder with --out."
    )
    with alone(make_folder(folder) / ".lock", others):
        bench = Bench(
            str(source),
            protocol,
            Notebook(folder),
            named,
            column=labels,
            units=units,
            coder=coder,
            trials=trials,
            seed=seed,
            device=device,
            _opened={reading: opened},
        )
        lines, facts = measured_rows(bench, systems)
    return Comparison(lines, protocol, facts, folder)


def measured_rows(bench: Bench, systems: Collection[str]) -> tuple[list[Line], list[str]]:
    """Measures these systems, and gives the whole table and what holds for all its rows.

    The table is written before the first row and after each.

    Raises:
        DCGANError: a model or the pictures do not fit, or the folder cannot be written.
        Stopped: by the user.
    """
    require_fitting(bench, systems)
    folder, protocol, facts = bench.notebook.folder, bench.protocol, facts_of(bench)
    lines = open_lines(bench, systems, folder)
    write(folder, lines, protocol, facts)
    for number, row in enumerate(protocol.rows):
        if row.system in systems:
            logger.info(f"{row.title}.")
            results = tuple(SYSTEMS[row.system](bench))
            lines[number] = Line(row.title, row.paper, results, "", bench.key(row.system))
            write(folder, lines, protocol, facts)
    return lines, facts


def _at_least_one(name: str, given: int | None, default: int) -> int:
    value = default if given is None else given
    if not isinstance(value, int) or value < 1:
        raise DCGANError(f"`{name}` (={value}) must be a whole number, 1 or more.")
    return value


def opened_model(given: str | Path | Model, number: int) -> tuple[str, Model]:
    """A model, and what it is called in the table."""
    return (f"model {number}", given) if isinstance(given, Model) else (str(given), load(given))


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


def require_own_tables(folder: Path) -> None:
    """Raises a DCGANError if tables stand in a folder that were not written here."""
    for name in (MARKDOWN, JSON):
        if (folder / name).exists() and not (folder / FILE).exists():
            raise DCGANError(
                f"{folder / name} is there already and is none of ours; give another folder."
            )


def require_fitting(bench: Bench, systems: Collection[str]) -> None:
    """Refuses, before the work, what a row cannot take.

    Raises:
        DCGANError: a model has classes where none are wanted, or others than the pictures; k-means
            has no such coder or units; or of a class there are fewer pictures than labels shall be
            drawn.
    """
    if "kmeans" in systems:
        require_units(bench.units, bench.coder)
    data, conditional = bench.data(), {"conditional", "gan"} & set(systems)
    for name, model in bench.models:
        if conditional and model.class_names != data.classes:
            has = f"draws {', '.join(model.class_names)}" if model.class_names else "has no classes"
            raise DCGANError(
                f"The model {name} {has}; the pictures have {', '.join(data.classes)}. Train one "
                "on them: dcgan train SOURCE --preset mnist"
            )
        if conditional and model.notes.get("digest") == data.test.info.digest:
            raise DCGANError(
                f"The model {name} was trained on the test pictures and their labels; part them "
                "into train/ and test/, if they are not, and train one on train/ alone."
            )
        if "dcgan" in systems and model.config.classes:
            raise DCGANError(
                f"The model {name} is told the class of a picture; features that are learnt "
                "without labels need a model without classes."
            )
    if bench.protocol.facts == FEW:
        bench.require_labels()


def facts_of(bench: Bench) -> list[str]:
    """What holds for all rows."""
    data, protocol = bench.data(), bench.protocol
    info, known = data.train.info, protocol.per_class * len(data.classes)
    words = {"validation": bench.validation(data), "known": known} | protocol._asdict()
    return [
        f"Data: {info.name}, {info.size.grid} in {COLOURS[info.channels]}, {len(data.classes)} "
        f"classes by `{data.column}`: {data.description}.",
        protocol.facts.format(**words),
    ]


def open_lines(bench: Bench, systems: Collection[str], folder: Path) -> list[Line]:
    """The table before anything is measured.

    Rows that are not asked for stay as they stand, if they are of the same pictures and lots.
    """
    file, lines = folder / JSON, []
    text = file.read_text(encoding="utf8", errors="replace") if file.exists() else ""
    before = from_json(text)
    for row in bench.protocol.rows:
        missing = NOT_MEASURED if row.system else NOT_YET
        if row.system in NEED_MODELS and not bench.models:
            missing = "needs --model"
        line = Line(row.title, row.paper, (), missing)
        is_kept = row.system and row.system not in systems
        lines.append(before.get(bench.key(row.system), line) if is_kept else line)
    return lines


def write(folder: Path, lines: Sequence[Line], protocol: Protocol, facts: Sequence[str]) -> None:
    """Writes the table in both forms."""
    for name, text in ((MARKDOWN, to_markdown), (JSON, to_json)):
        with replacing(folder / name) as file:
            file.write(text(lines, protocol, facts).encode())
