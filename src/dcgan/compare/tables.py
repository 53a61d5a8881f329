"""The results as a table: on the screen, in Markdown, in JSON."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from rich.table import Table
from rich.text import Text

from dcgan.compare.bench import Result
from dcgan.compare.protocols import Protocol

HEADINGS = ("system", "paper", "measured here", "what differs")
NOT_YET, NOT_MEASURED = "not here yet", "not measured"


class Line(NamedTuple):
    """A row of the table."""

    title: str
    paper: str
    results: tuple[Result, ...]
    missing: str
    """Why there are no results, if there are none."""
    key: str = ""
    """Stands for what the results depend on."""


def cells(line: Line, protocol: Protocol) -> list[tuple[str, str, str, str]]:
    """The table's row, or rows where a system has several results."""
    if not line.results:
        return [(line.title, line.paper, line.missing, "")]
    return [(r.title, line.paper, measured(r, protocol), r.note) for r in line.results]


def measured(result: Result, protocol: Protocol) -> str:
    """The results in the paper's form: of all labels, of few ones with their spread, the maps."""

    def share(error: float) -> str:
        return f"{error if protocol.as_error else 1 - error:.2%}"

    few = share(float(np.mean(result.few_labels)))
    if len(result.few_labels) > 1:
        spread = protocol.deviations * float(np.std(result.few_labels, ddof=1))
        few = f"{few} ±{spread:.2%}"
    text = few if result.all_labels is None else f"{share(result.all_labels)} ({few})"
    if result.maps and protocol.with_all:
        text = f"{text} [{result.maps:,}]"
    if result.validation is not None:
        text = f"{text}; validation {share(result.validation)}"
    return text


def to_markdown(lines: Sequence[Line], protocol: Protocol, facts: Sequence[str]) -> str:
    """The table in Markdown, with a line for each fact below."""
    rows = [row for line in lines for row in cells(line, protocol)]
    table = [HEADINGS, ("---",) * len(HEADINGS), *rows]
    text = "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in table)
    return f"{title(protocol)}\n\n{text}\n\n" + "\n".join(f"- {fact}" for fact in facts) + "\n"


def to_json(lines: Sequence[Line], protocol: Protocol, facts: Sequence[str]) -> str:
    """The results with every draw."""
    rows: list[dict[str, Any]] = [
        {"title": line.title, "paper": line.paper, "missing": line.missing or None, "key": line.key}
        | {"results": [result._asdict() for result in line.results]}
        for line in lines
    ]
    about = {"labels of each class": protocol.per_class, "facts": list(facts)}
    return json.dumps({"table": title(protocol), **about, "rows": rows}, indent=2) + "\n"


def from_json(text: str) -> dict[str, Line]:
    """The lines that have results, by their keys; none if the text is no such table."""
    try:
        lines = [
            Line(row["title"], row["paper"], tuple(map(_result, row["results"])), "", row["key"])
            for row in json.loads(text)["rows"]
        ]
    except (ValueError, KeyError, TypeError):
        return {}
    return {line.key: line for line in lines if line.results}


def _result(values: dict[str, Any]) -> Result:
    return Result(**values)._replace(few_labels=tuple(values["few_labels"]))


def title(protocol: Protocol) -> str:
    """What the table is called."""
    return protocol.title.format(**protocol._asdict())


def to_table(lines: Sequence[Line], protocol: Protocol) -> Table:
    """The table for a screen."""
    table = Table(*HEADINGS, title=Text(title(protocol)))
    for line in lines:
        for row in cells(line, protocol):
            table.add_row(*map(Text, row))
    return table
