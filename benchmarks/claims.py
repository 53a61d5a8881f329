"""The paper's claims about meaning (Section 6), put to a number on models of the drawn worlds.

    python benchmarks/claims.py claims.jsonl --faces runs/faces --rooms runs/rooms
    python benchmarks/claims.py claims.jsonl --faces runs/faces --only arithmetic,turn

What a generated picture shows is said by a judge: a small network that learns all label columns of
a drawn world at once, on drawings that are worn as generated pictures are. It is taught once for
each world and size, and kept beside the results, with a sheet of samples and what it says of them.
How right it is on worn drawings held out stands in the heading of every column that it is asked
for.

Each part of a claim is a line of the results. A part that is there already, for the same model,
judge and number of trials, is not measured again, so that the same command goes on where it was
stopped. All tables of the models are printed at the end.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

from claims_of_latents import MEANINGS, arithmetic, second_opinion, turn, walk
from claims_of_maps import forgetting, gradients
from dcgan.captions import counted
from dcgan.devices import keep_freed_memory
from dcgan.errors import DCGANError, did_you_mean
from dcgan.log import logger, show_messages
from dcgan.model import load
from dcgan.weights import digest_of, tensors_of
from subject import Figure, Row, Subject, subject_of
from world_judge import accuracy_text, judge_for

Part = Callable[[Subject], list[Row]]
Line = dict[str, Any]
"""Of the results: what was measured, on what, and the rows."""

SETTINGS: tuple[tuple[str | None, float], ...] = ((None, 1.0), (None, 1e-4), ("8x8", 1e-4))
"""Layer and C to forget with."""


def sums(world: str) -> dict[str, Part]:
    """The parts of the arithmetic."""
    return {
        f"{wanted}, {counted(number, 'exemplar')}": partial(
            arithmetic, wanted=wanted, kept=kept, exemplars=number
        )
        for wanted, kept in MEANINGS[world]
        for number in (1, 3)
    }


CLAIMS: dict[str, dict[str, dict[str, Part]]] = {
    "faces": {
        "judge": {"beside classifiers": second_opinion},
        "arithmetic": sums("faces"),
        "turn": {"left to right": turn},
        "walk": {"steps": walk},
    },
    "rooms": {
        "judge": {"beside classifiers": second_opinion},
        "arithmetic": sums("rooms"),
        "walk": {"steps": walk},
        "filters": {"windows and beds": gradients},
        "forget": {
            f"{layer or 'last layer but one'}, C {cost:g}": partial(
                forgetting, layer=layer, cost=cost
            )
            for layer, cost in SETTINGS
        },
    },
}
"""What is measured in each world: the parts of each claim."""


def tables(rows: Sequence[Row]) -> str:
    """Rows as tables in Markdown, a new one wherever the columns change."""
    return "\n\n".join(table(list(alike)) for _, alike in groupby(rows, key=list))


def table(rows: Sequence[Row]) -> str:
    """Rows with figures and their standard errors, and of how many values they are."""
    lines = [f"| {' | '.join(rows[0])} | n |", f"|{'---|' * (len(rows[0]) + 1)}"]
    for row in rows:
        figures = {name: Figure(*cell) for name, cell in row.items() if not isinstance(cell, str)}
        most = max(figure.behind for figure in figures.values())
        cells = row | {name: text(name, figure, most) for name, figure in figures.items()}
        lines.append(f"| {' | '.join(cells.values())} | {most} |")
    return "\n".join(lines)


def text(name: str, figure: Figure, most: int) -> str:
    """A figure with its standard error, and of how many values if that is less than the row's."""
    if not figure.behind:
        return "-"
    digits = 1 if name.endswith("%") else 2
    words = f"{figure.value:.{digits}f} ± {figure.error:.{digits}f}"
    return words if figure.behind == most else f"{words} (n {figure.behind})"


def measure(
    world: str, path: str, file: Path, lines: Sequence[Line], trials: int, only: Sequence[str]
) -> str:
    """Measures what is not in the results yet, and gives all tables of a world's model."""
    model = load(path)
    judge = judge_for(world, model, file)
    about = {"world": world, "model": model.digest(), "trials": trials}
    about |= {"judge": digest_of(tensors_of({"judge": judge}))}
    done = {
        (line["claim"], line.get("part")): line for line in lines if about.items() <= line.items()
    }
    missing = [
        (claim, name, part)
        for claim, parts in CLAIMS[world].items()
        for name, part in parts.items()
        if claim in only and (claim, name) not in done
    ]
    if missing:
        subject = subject_of(model, judge, file, trials)
    for claim, name, part in missing:
        logger.info(f"Measuring {claim} of {world}: {name}.")
        start = time.process_time()
        try:
            rows = part(subject)
        except DCGANError as error:
            logger.warning(f"{claim} of {world}, {name}: {error}")
            continue
        seconds = round(time.process_time() - start, 1)
        line = {"claim": claim, "part": name} | about | {"images_seen": model.images_seen}
        done[claim, name] = line | {"rows": rows, "seconds": seconds}
        with file.open("a") as results:
            results.write(json.dumps(done[claim, name]) + "\n")
    pages = [
        f"### {claim} of {world}, {name}\n\n{tables(done[claim, name]['rows'])}"
        for claim, parts in CLAIMS[world].items()
        for name in parts
        if (claim, name) in done
    ]
    seconds = sum(line["seconds"] for line in done.values())
    facts = f"{path}: {model.images_seen:,} pictures seen; measured in {seconds:.0f} s of one core."
    return "\n\n".join([facts, accuracy_text(judge.accuracies), *pages])


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("results", type=Path)
    for world in CLAIMS:
        parser.add_argument(f"--{world}", help=f"a model of the drawn {world}, or its run")
    parser.add_argument("--trials", type=int, default=400)
    names = list(dict.fromkeys(claim for claims in CLAIMS.values() for claim in claims))
    parser.add_argument("--only", default=",".join(names), help="claims, with commas")
    arguments = parser.parse_args(words)
    only = [name.strip() for name in arguments.only.split(",")]
    for name in only:
        if name not in names:
            parser.error(f"There is no claim {name!r}. {did_you_mean(name, names)}")
    file = arguments.results
    lines = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    keep_freed_memory()
    with show_messages():
        pages = [
            measure(world, path, file, lines, arguments.trials, only)
            for world in CLAIMS
            if (path := getattr(arguments, world))
        ]
    print("\n\n".join(pages))


if __name__ == "__main__":
    main()
