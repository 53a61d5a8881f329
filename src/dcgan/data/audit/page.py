"""What an audit looks like: on a terminal, as a page with examples, as JSON with all names."""

import base64
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from dcgan.data.audit.records import Audit, Finding, printable
from dcgan.data.readers.items import Source
from dcgan.data.workers import workers
from dcgan.files import replacing
from dcgan.images import Picture, PictureError, decode, file_header, refit, to_jpeg
from dcgan.size import Size

JSON_FILE, PAGE_FILE = "audit.json", "audit.html"
EXAMPLES = 48
BARS = 60
NAMED_CLASSES = 4
THUMBNAIL_SIDE = 96
CHUNK = 8


def summary_rows(made: Audit) -> Iterator[tuple[str, str]]:
    """The facts in sum, as a title and a text each."""
    summary = made.summary
    yield "pictures", f"{summary.pictures:,}, of which {summary.readable:,} can be read"
    if not summary.readable:
        return
    smallest, median, largest = (size.grid for size in summary.sizes)
    if summary.distinct_sizes == 1:
        yield "size", f"{smallest} (height x width)"
    else:
        sizes = f"{smallest} to {largest}, median {median}"
        yield "sizes", f"{sizes} (height x width); {summary.distinct_sizes:,} different"
    narrow, usual, wide = (f"{shape:.2f}" for shape in summary.shapes)
    spans = "" if narrow == wide else f", {narrow} to {wide}"
    yield "width / height", f"{usual}{spans and ' in the median'}{spans}"
    yield "files", _counted(summary.kinds)
    yield "stored as", _counted(summary.modes)
    for column, classes in summary.classes.items():
        yield column, _classes(classes)


def _classes(classes: dict[str, int]) -> str:
    """How many classes there are, and those that have the most and the fewest pictures."""
    named = [f"{name} ({count:,})" for name, count in by_count(classes)]
    if len(set(classes.values())) == 1:
        count = next(iter(classes.values()))
        return f"{len(classes):,} class{'es'[: 2 * (len(classes) > 1)]} of {count:,}"
    if len(named) <= NAMED_CLASSES:
        return f"{len(named):,} classes: {', '.join(named)}"
    largest = ", ".join(named[: NAMED_CLASSES - 1])
    return f"{len(named):,} classes; largest {largest}; smallest {named[-1]}"


def by_count(classes: dict[str, int]) -> list[tuple[str, int]]:
    """The classes, the largest first."""
    return sorted(classes.items(), key=lambda pair: -pair[1])


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items())


def to_table(made: Audit) -> Group:
    """The audit for a terminal: facts, findings, how to train, verdict."""
    facts = Table.grid(padding=(0, 2))
    for title, text in summary_rows(made):
        facts.add_row(Text(printable(title), "bold"), Text(printable(text)))
    findings = Table.grid(padding=(0, 2))
    for finding in made.findings:
        mark, style = ("!", "bold red") if finding.weighs else ("-", "dim")
        findings.add_row(Text(mark, style), Text(printable(finding.text)))
    train = Table.grid(padding=(0, 2))
    if made.command:
        train.add_row(Text("train", "bold"), Text(made.command, "bold"))
    for reason in made.reasons:
        train.add_row("", Text(printable(reason)))
    parts: list[Table | Text] = [Text(printable(made.source.description), "bold"), facts]
    parts += [findings] * bool(made.findings) + [train] * bool(made.command)
    return Group(
        *(Padding(part, (0, 0, 1, 0), expand=False) for part in parts),
        Text(printable(made.verdict), "bold red" if made.is_weighty else "bold green"),
    )


def write_json(made: Audit, path: Path) -> None:
    """Writes all findings with the names of all their pictures, one in a line.

    Raises:
        DCGANError: it cannot be written.
    """
    head: dict[str, Any] = {
        "source": made.place,
        "description": made.source.description,
        "size": str(made.size),
        "summary": asdict(made.summary),
        "command": made.command,
        "reasons": made.reasons,
        "verdict": made.verdict,
    }
    head["summary"]["sizes"] = [size.grid for size in made.summary.sizes]
    with replacing(path) as file:
        # Piece by piece, so that a million names need no memory.
        file.write(f'{json.dumps(head, indent=2)[:-2]},\n  "findings": ['.encode())
        for number, finding in enumerate(made.findings):
            file.write(b",\n    {\n" if number else b"\n    {\n")
            facts = {name: getattr(finding, name) for name in ("name", "text", "count", "weighs")}
            file.write(f'      {json.dumps(facts)[1:-1]},\n      "pictures": ['.encode())
            for place, picture in enumerate(finding.pictures):
                entry = json.dumps(_entry(made, finding, place, int(picture)))
                file.write(f"{',' * (place > 0)}\n        {entry}".encode())
            file.write(b"]\n    }")
        file.write(b"]\n}\n")


def _entry(made: Audit, finding: Finding, place: int, picture: int) -> dict[str, str]:
    """What `audit.json` says of one picture of a finding."""
    entry = {"picture": made.source.picture_name(picture)}
    if finding.same_as is not None and finding.same_as[place] != picture:
        entry["same_as"] = made.source.picture_name(int(finding.same_as[place]))
    remark = finding.remark(picture)
    return entry | ({"remark": remark} if remark else {})


def write_page(made: Audit, path: Path) -> None:
    """Writes the audit as one page, with some dozens of examples for each finding.

    Raises:
        DCGANError: it cannot be written.
    """
    shown = {picture for finding in made.findings for picture in examples(finding)}
    pictures = thumbnails(made.source, sorted(shown), made.size)
    with replacing(path) as file:
        for piece in page(made, pictures):
            file.write(piece.encode())


def examples(finding: Finding) -> list[int]:
    """The first pictures of a finding: those that the page shows."""
    return [int(picture) for picture in finding.pictures[:EXAMPLES]]


def thumbnails(source: Source, pictures: Sequence[int], size: Size) -> dict[int, bytes]:
    """Small JPEG files of those of these pictures that can be read, whole, not cropped."""
    chunks = [pictures[i : i + CHUNK] for i in range(0, len(pictures), CHUNK)]
    with workers() as pool:
        found = list(pool.map(partial(_thumbnails, source, size=size), chunks))
    return {picture: file for part in found for picture, file in part.items()}


def _thumbnails(source: Source, pictures: Sequence[int], size: Size) -> dict[int, bytes]:
    found = {}
    for picture, (content, _) in zip(pictures, source.read(pictures, size), strict=True):
        try:
            found[picture] = to_jpeg(_small(content))
        except PictureError:
            continue
    return found


def _small(content: bytes | Picture | OSError) -> Picture:
    """What a source gave, as a whole picture (H, W, 3) in thumbnail size."""
    if isinstance(content, OSError):
        raise PictureError(str(content))
    if not isinstance(content, bytes):
        return refit(content, _within_thumbnail(Size(*content.shape[:2])))
    header = file_header(content)
    return decode(content, _within_thumbnail(header.size if header else Size(1, 1)))


def _within_thumbnail(size: Size) -> Size:
    """The size, made smaller if it is larger than a thumbnail."""
    scale = min(1.0, THUMBNAIL_SIDE / max(size))
    return Size(*(max(1, round(side * scale)) for side in size))


def page(made: Audit, pictures: dict[int, bytes]) -> Iterator[str]:
    """The page, piece by piece. Whatever comes from the source is escaped."""
    title = _safe(f"Audit of {made.source.name}")
    yield (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>'
        '\n<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
        f"<p>{_safe(made.source.description)}</p>\n"
        f'<p class="verdict{" weighs" * made.is_weighty}">{_safe(made.verdict)}</p>\n'
    )
    yield from _rows((_safe(name), _safe(text)) for name, text in summary_rows(made))
    if made.command:
        reasons = "".join(f"<li>{_safe(reason)}</li>\n" for reason in made.reasons)
        yield f"<h2>Train</h2>\n<pre>{_safe(made.command)}</pre>\n<ul>\n{reasons}</ul>\n"
    for finding in made.findings:
        yield from _section(made, finding, pictures)
    for column, classes in made.summary.classes.items():
        yield from _bars(column, classes)
    yield "</body>\n</html>\n"


def _section(made: Audit, finding: Finding, pictures: dict[int, bytes]) -> Iterator[str]:
    """A finding: its sentence, and its first pictures, copies side by side."""
    mark = ' class="weighs"' if finding.weighs else ""
    title = f"{finding.name}: {finding.count:,}"
    yield f"<section>\n<h2{mark}>{_safe(title)}</h2>\n<p>{_safe(finding.text)}</p>\n"
    shown = examples(finding)
    groups = shown if finding.same_as is None else finding.same_as[: len(shown)].tolist()
    pairs = [pair for pair in zip(groups, shown, strict=True) if pair[1] in pictures]
    yield '<div class="pictures">\n' * bool(pairs)
    for _, group in groupby(pairs, key=lambda pair: pair[0]):
        figures = [_figure(made, finding, picture, pictures[picture]) for _, picture in group]
        yield f'<div class="group">{"".join(figures)}</div>\n'
    yield "</div>\n" * bool(pairs)
    yield from _rows([_named(made, finding, p) for p in shown if p not in pictures])
    left = len(finding.pictures) - len(shown)
    yield f"<p>{left:,} more {'is' if left == 1 else 'are'} listed in audit.json.</p>\n" * (
        left > 0
    )
    yield "</section>\n"


def _named(made: Audit, finding: Finding, picture: int) -> tuple[str, str]:
    """The name of a picture, and the remark on it; safe."""
    return _safe(made.source.picture_name(picture)), _safe(finding.remark(picture))


def _figure(made: Audit, finding: Finding, picture: int, file: bytes) -> str:
    """One picture with its name."""
    name, remark = _named(made, finding, picture)
    data = base64.b64encode(file).decode()
    caption = f"<b>{remark}</b>{name}" if remark else name
    return (
        f'<figure title="{name}"><img src="data:image/jpeg;base64,{data}" alt="{name}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _rows(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    """A table of two columns, unless there are no rows; what is in them is safe already."""
    lines = [f"<tr><th>{title}</th><td>{text}</td></tr>\n" for title, text in rows]
    yield f"<table>\n{''.join(lines)}</table>\n" * bool(lines)


def _bars(column: str, classes: dict[str, int]) -> Iterator[str]:
    """The number of pictures of each class, the largest first."""
    ordered = by_count(classes)
    most = max(1, ordered[0][1])
    yield f"<section>\n<h2>Classes of {_safe(column)}</h2>\n"
    yield from _rows(
        (_safe(name), f'<meter max="{most}" value="{count}"></meter> {count:,}')
        for name, count in ordered[:BARS]
    )
    left = len(ordered) - BARS
    yield f"<p>{left:,} smaller ones are listed in audit.json.</p>\n" * (left > 0)
    yield "</section>\n"


def _safe(text: str) -> str:
    return escape(printable(text), quote=True)


STYLE = """
:root { color-scheme: light dark; --back: #fff; --fore: #1c1c1c; --soft: #f1f1ee; --line: #d4d4d0;
  --good: #1a7f37; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --back: #16181b; --fore: #e6e6e3; --soft: #22262b;
  --line: #3a4047; --good: #57c474; --bad: #ff8a80; } }
body { background: var(--back); color: var(--fore); font: 16px/1.5 system-ui, sans-serif;
  max-width: 70rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .3rem; }
h2.weighs::before { content: "! "; color: var(--bad); }
.verdict { border-left: .3rem solid var(--good); background: var(--soft); padding: .6rem 1rem;
  font-weight: 600; } .verdict.weighs { border-color: var(--bad); }
table { border-collapse: collapse; } th, td { text-align: left; vertical-align: top;
  padding: .15rem 1.5rem .15rem 0; } th { font-weight: 600; min-width: 8rem; }
pre { background: var(--soft); padding: .6rem 1rem; white-space: pre-wrap; }
meter { width: 14rem; max-width: 40vw; }
.pictures { display: flex; flex-wrap: wrap; gap: .5rem; }
.group { display: flex; flex-wrap: wrap; gap: .25rem; border: 1px solid var(--line);
  border-radius: .3rem; padding: .25rem; }
figure { margin: 0; width: 6.2rem; } figure img { width: 6rem; height: 6rem; object-fit: contain;
  background: var(--soft); }
figcaption { font-size: .7rem; line-height: 1.25; max-height: 3.75em; overflow: hidden; }
figcaption b { display: block; }
"""
