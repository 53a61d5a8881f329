"""The README promises only commands, files and presets that are there."""

import re
import shlex
from pathlib import Path

import click
import pytest

from dcgan.cli import main
from dcgan.presets import PRESETS

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def commands() -> list[str]:
    lines = [line for file in DOCUMENTS for line in file.read_text(encoding="utf8").splitlines()]
    return sorted({line.strip() for line in lines if line.startswith("    dcgan ")})


@pytest.mark.parametrize("line", commands())
def test_commands_parse(line: str) -> None:
    words = shlex.split(line.split(" > ")[0], comments=True)[1:]
    command = main.commands[words[0]]
    if "--help" in words:
        with pytest.raises(click.exceptions.Exit):
            command.make_context(words[0], words[1:])
    else:
        assert command.make_context(words[0], words[1:]).params


def test_there_are_commands() -> None:
    assert len(commands()) > 8


def test_files_are_those_that_are_there() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf8")
    tree = text.split("## The files")[1].split("Contributions")[0]
    words = [word.rstrip(";:,") for word in tree.split()]
    named = {word for word in words if word.endswith(".py")}
    package = ROOT / "src" / "dcgan"
    files = [*package.glob("*.py"), *(package / "data").glob("*.py")]
    assert named == {file.name for file in files if not file.name.startswith("__")}
    folders = {word for word in words[1:] if word.endswith("/")}
    assert folders == {f"{file.parent.name}/" for file in package.glob("*/**/__init__.py")}


def test_presets_are_all_there() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf8")
    for name in PRESETS:
        assert re.search(rf"^\| `{name}`[ ,]", text, re.MULTILINE), name


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf8")
    for target in [part.split(")")[0] for part in text.split("](")[1:]]:
        if not target.startswith("http"):
            assert (document.parent / target.split("#")[0]).exists(), target
