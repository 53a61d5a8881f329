"""The page is whole HTML that loads nothing and shows names as they are; the JSON names all."""

import base64
import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console

from dcgan.config import PackConfig
from dcgan.data.audit import page
from dcgan.data.audit.auditing import audit, judge
from dcgan.data.audit.page import JSON_FILE, PAGE_FILE, summary_rows, to_table, write_page
from dcgan.data.audit.records import Audit, printable
from dcgan.data.readers.items import Item
from dcgan.images import decode_whole
from dcgan.size import Size
from tests.data.audit.conftest import Made, blurred, labelled, pixels

WITHOUT_END = {"meta", "img", "br"}
EVIL = "<script>alert(1)</script>&\"'[red]\x1b[31m\n\u202e.png"


class Reader(HTMLParser):
    """Notes tags, attributes and text, and that every tag is closed in turn."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in WITHOUT_END:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read(path: Path) -> Reader:
    reader = Reader()
    reader.feed(path.read_text(encoding="utf8"))
    reader.close()
    assert reader.open == []
    return reader


def judged(source: Made) -> Audit:
    return judge(source, "made", PackConfig(size=Size(32, 32), channels=3), asked=False)


def printed(made: Audit, width: int = 200) -> str:
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(to_table(made))
    return capture.get()


def test_the_page_shows_all_that_was_found(flawed: Path, tmp_path: Path) -> None:
    made = audit(flawed, tmp_path / "out")
    reader = read(tmp_path / "out" / PAGE_FILE)
    assert reader.tags[:2] == ["html", "head"]
    for finding in made.findings:
        assert f"{finding.name}: {finding.count:,}" in reader.text
        assert finding.text in reader.text
        for picture in finding.pictures.tolist():
            assert made.source.picture_name(picture) in reader.text
            assert finding.remark(picture) in reader.text
    assert made.verdict in reader.text
    assert made.command in reader.text
    for title, text in summary_rows(made):
        assert title in reader.text
        assert text in reader.text


def test_the_page_loads_nothing(flawed: Path, tmp_path: Path) -> None:
    audit(flawed, tmp_path)
    reader = read(tmp_path / PAGE_FILE)
    assert not {"script", "link", "iframe", "object", "a", "form"} & set(reader.tags)
    assert {name for name, _ in reader.attributes} <= set(
        "lang charset name content class title src alt".split()
    )
    sources = [value or "" for name, value in reader.attributes if name == "src"]
    assert sources
    for source in sources:
        head, data = source.split(",")
        assert head == "data:image/jpeg;base64"
        height, width, _ = decode_whole(base64.b64decode(data)).shape
        assert max(height, width) <= page.THUMBNAIL_SIDE
    assert "url(" not in page.STYLE
    assert "@import" not in page.STYLE


def test_examples_are_whole_and_never_enlarged(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for number, size in enumerate([(400, 40), (20, 10), (3_000, 2)]):
        blurred(number).resize(size).save(folder / f"{number}.png")
    made = audit(folder)
    found = page.thumbnails(made.source, [0, 1, 2], made.size)
    shapes = [decode_whole(found[number]).shape for number in range(3)]
    assert shapes == [(10, 96, 3), (10, 20, 3), (1, 96, 3)]


def test_names_are_shown_as_they_are(tmp_path: Path) -> None:
    folder = tmp_path / "<b>folder"
    (folder / "<i>cats").mkdir(parents=True)
    (folder / "dogs & co").mkdir()
    for name in (f"<i>cats/{EVIL}".replace("/script", "|script"), "dogs & co/\udcff.png"):
        Image.new("RGB", (32, 32)).save(folder / name)
    made = audit(folder, tmp_path / "out")
    reader = read(tmp_path / "out" / PAGE_FILE)
    assert "script" not in reader.tags
    assert "i" not in reader.tags
    evil = "<script>alert(1)<|script>&\"'[red]\\x1b[31m\\n\\u202e.png"
    for text in (reader.text, printed(made, 1_000), *dict(reader.attributes).values()):
        assert "\x1b" not in (text or "")
    assert f"<i>cats/{evil}" in reader.text
    assert "\\xff.png" in reader.text
    names = {p["picture"] for p in named_in(tmp_path / "out", "almost black")}
    assert any(EVIL.replace("/script", "|script") in name for name in names)


def named_in(folder: Path, finding: str) -> list[dict[str, str]]:
    found = json.loads((folder / JSON_FILE).read_text(encoding="utf8"))["findings"]
    (pictures,) = [entry["pictures"] for entry in found if entry["name"] == finding]
    return list(pictures)


def test_json_names_every_picture(flawed: Path, tmp_path: Path) -> None:
    made = audit(flawed, tmp_path, size=32)
    found = json.loads((tmp_path / JSON_FILE).read_text(encoding="utf8"))
    assert found["source"] == str(flawed)
    assert found["size"] == str(made.size)
    assert found["verdict"] == made.verdict
    assert found["summary"]["readable"] == made.summary.readable
    assert found["summary"]["sizes"] == ["30x20", "40x40", "1500x1500"]
    facts = [(f["name"], f["text"], f["count"], f["weighs"]) for f in found["findings"]]
    assert facts == [(f.name, f.text, f.count, f.weighs) for f in made.findings]
    counts = [len(f["pictures"]) for f in found["findings"]]
    assert counts == [len(f.pictures) for f in made.findings]
    assert named_in(tmp_path, "copies") == [
        {"picture": "a01.png"},
        {"picture": "copy.png", "same_as": "a01.png"},
    ]
    assert {"picture": "tiny.png", "remark": "30x20"} in named_in(tmp_path, "smaller than 32x32")


def test_json_without_findings(tmp_path: Path) -> None:
    made = replace(judged(labelled((1, 0))), findings=())
    page.write_json(made, tmp_path / JSON_FILE)
    assert json.loads((tmp_path / JSON_FILE).read_text())["findings"] == []


def test_many_examples_and_many_classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "EXAMPLES", 3)
    monkeypatch.setattr(page, "BARS", 2)
    names = tuple(f"kind {n}" for n in range(5))
    items = [Item(pixels(n)[..., :1], (float(n),)) for n in range(5)]
    items += [Item(pixels(n), (4.0,)) for n in range(10, 20)]
    write_page(judged(Made(items, {"kind": names})), tmp_path / PAGE_FILE)
    reader = read(tmp_path / PAGE_FILE)
    assert "2 more are listed in audit.json." in reader.text
    assert "3 smaller ones are listed in audit.json." in reader.text
    assert reader.tags.count("meter") == 2
    assert ("value", "11") in reader.attributes


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({"a": 5, "b": 5}, "2 classes of 5"),
        ({"a": 1_000}, "1 class of 1,000"),
        ({"a": 5, "b": 7, "c": 1}, "3 classes: b (7), a (5), c (1)"),
        ({c: n for n, c in enumerate("abcdefg")}, "7 classes; largest g (6), f (5), e (4); "
         "smallest a (0)"),
    ],
)  # fmt: skip
def test_words_on_classes(counts: dict[str, int], words: str) -> None:
    assert page._classes(counts) == words


def test_the_terminal_shows_facts_findings_and_what_to_do(flawed: Path) -> None:
    made = audit(flawed)
    text = printed(made)
    for finding in made.findings:
        assert finding.text.split(";")[0] in text
    for words in ("of which", "width / height", "CMYK", f"dcgan train {flawed}", made.verdict):
        assert words in text
    narrow = printed(made, 40)
    assert max(map(len, narrow.splitlines())) <= 40


def test_the_terminal_takes_no_markup_from_names() -> None:
    source = labelled((1, 0), (2, 0), (3, 1))
    source.columns = {"[bold]kind": ("[red]cat", "dog\x1b[31m")}
    text = printed(judged(source))
    assert "[bold]kind" in text
    assert "[red]cat (2), dog\\x1b[31m (1)" in text


def test_nothing_readable_is_shown_too(tmp_path: Path) -> None:
    made = judged(Made([Item(b"words", ()), Item(OSError("gone"), ())], {}))
    write_page(made, tmp_path / PAGE_FILE)
    reader = read(tmp_path / PAGE_FILE)
    for text in (reader.text, printed(made)):
        assert "Nothing to train on: none of the 2 pictures can be read." in text
        assert "dcgan train" not in text
    assert "gone" in reader.text


def test_classes_without_pictures(tmp_path: Path) -> None:
    source = labelled((1, 0))
    source.items = [Item(b"words", (0.0,))]
    write_page(judged(source), tmp_path / PAGE_FILE)
    assert "Classes of class" in read(tmp_path / PAGE_FILE).text


def test_printable() -> None:
    assert printable("Ä 猫 a\tb\x00\ud800") == "Ä 猫 a\\tb\\x00\\ud800"
