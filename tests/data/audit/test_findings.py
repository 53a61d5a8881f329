"""Each planted fault is found, and nothing else; each sentence says what is so."""

from pathlib import Path

import numpy as np
import pytest

from dcgan.config import PackConfig
from dcgan.data.audit.auditing import audit, judge
from dcgan.data.audit.facts import FACT, Facts
from dcgan.data.audit.findings import fitting_size, shaped_size
from dcgan.data.audit.records import Audit, Finding
from dcgan.data.readers.items import Item
from dcgan.size import Size, halvings
from tests.data.audit.conftest import Made, blurred, jpeg, labelled, pixels

CONFIG = PackConfig(size=Size(32, 32), channels=3)


def judged(source: Made) -> Audit:
    return judge(source, "made", CONFIG, asked=False)


def named(made: Audit) -> dict[str, Finding]:
    found = {finding.name: finding for finding in made.findings}
    assert len(found) == len(made.findings)
    return found


def pictures(made: Audit) -> dict[str, set[str]]:
    return {
        finding.name: {made.source.picture_name(int(p)) for p in finding.pictures}
        for finding in made.findings
    }


def folder_of(root: Path, **contents: bytes) -> Path:
    folder = root / "folder"
    folder.mkdir()
    for name, content in contents.items():
        (folder / f"{name}.jpg").write_bytes(content)
    return folder


def test_every_planted_fault_is_found_and_nothing_else(flawed: Path) -> None:
    made = audit(flawed, size=32)
    assert pictures(made) == {
        "few pictures": set(),
        "unreadable": {"truncated.jpg", "words.jpg", "empty.png", "gone.png", "bomb.png"},
        "copies": {"a01.png", "copy.png"},
        "same pixels": {"a02.png", "same.bmp"},
        "near-copies": {"a03.png", "recompressed.jpg", "a04.png", "larger.png"},
        "smaller than 32x32": {"tiny.png"},
        "almost black": {"black.png"},
        "almost white": {"white.png"},
        "of one colour": {"flat.png"},
        "grey among colour": {"grey.png", "grey-as-colour.jpg", "deep.png"},
        "more than half cut off": {"wide.png"},
        "with alpha": {"clear.png"},
        "animations": {"moving.gif"},
    }
    summary = made.summary
    assert (summary.pictures, summary.readable) == (len(made.source), len(made.source) - 5)
    assert summary.sizes == (Size(30, 20), Size(40, 40), Size(1_500, 1_500))
    assert summary.shapes == (20 / 30, 1, 10)
    assert summary.modes["CMYK"] == summary.modes["16-bit grey"] == 1
    assert summary.kinds["GIF"] == summary.kinds["BMP"] == 1
    assert summary.grey == 5  # those found, the black and the white one


def test_reasons(flawed: Path) -> None:
    made = audit(flawed)
    finding = named(made)["unreadable"]
    names = [made.source.picture_name(int(p)) for p in finding.pictures]
    reasons = dict(zip(names, map(finding.remark, finding.pictures.tolist()), strict=True))
    assert "truncated" in reasons["truncated.jpg"]
    assert reasons["words.jpg"] == "not a picture of a known kind"
    assert reasons["gone.png"] == "no such file or directory"
    assert "too large" in reasons["bomb.png"]


def test_copies_name_the_first_of_their_group(tmp_path: Path) -> None:
    one, two = jpeg(blurred(1)), jpeg(blurred(2))
    made = audit(folder_of(tmp_path, a=one, b=two, c=one, d=one, e=two))
    finding = named(made)["copies"]
    assert finding.pictures.tolist() == [0, 2, 3, 1, 4]
    assert finding.same_as is not None
    assert finding.same_as.tolist() == [0, 0, 0, 1, 1]
    assert finding.count == 3
    assert finding.text.startswith("3 pictures are copies of another file, byte for byte;")
    assert finding.weighs


def test_each_copy_is_found_once(tmp_path: Path) -> None:
    """Equal files have equal pixels and look alike, and are none the less only copies."""
    one = jpeg(blurred(1))
    assert "near-copies" not in (found := named(audit(folder_of(tmp_path, a=one, b=one))))
    assert "same pixels" not in found
    assert found["copies"].count == 1


def test_arrays_have_no_equal_files() -> None:
    found = named(judged(Made([Item(pixels(1), ()), Item(pixels(1), ())], {})))
    assert "copies" not in found
    assert found["same pixels"].text.startswith("1 picture has the very pixels of another at 32x32")


def test_near_copies_are_for_people_to_judge() -> None:
    lighter = [np.clip(pixels(n).astype(int) + 3, 0, 255).astype(np.uint8) for n in range(3)]
    items = [Item(p, ()) for p in [*map(pixels, range(3)), *lighter]]
    made = judged(Made(items, {}))
    finding = named(made)["near-copies"]
    assert (finding.count, finding.weighs) == (3, False)
    assert "look at them" in finding.text


def test_blank_pictures_are_not_near_copies_of_each_other() -> None:
    dark = [np.full((40, 40, 3), value, np.uint8) for value in range(4)]
    found = named(judged(Made([Item(p, ()) for p in dark], {})))
    assert found["almost black"].count == 4
    assert found.keys() == {"almost black", "few pictures"}


def test_one_picture_in_two_classes() -> None:
    found = named(judged(labelled((1, 0), (2, 0), (1, 1), (3, 1))))
    finding = found["in several classes (class)"]
    assert finding.pictures.tolist() == [0, 2]
    assert [finding.remark(p) for p in (0, 2)] == ["cat", "dog"]
    assert "1 picture stands in more than one class of 'class'" in finding.text
    nan = float("nan")
    found = named(judged(labelled((1, 0), (1, nan))))
    assert found["in several classes (class)"].remark(1) == "no class"
    assert "in several classes (class)" not in named(judged(labelled((1, 0), (1, 0))))


def test_small_pictures_and_a_size_that_fits(tmp_path: Path) -> None:
    contents = {f"a{n}": jpeg(blurred(n, 20, 30)) for n in range(3)}
    made = audit(folder_of(tmp_path, **contents), size=64)
    finding = named(made)["smaller than 64x64"]
    assert "3 pictures are smaller than 64x64 and will be enlarged" in finding.text
    assert finding.text.endswith("or take --size 20.")
    assert finding.remark(0) == "20x30"


def test_a_size_fits_all_but_a_hundredth() -> None:
    table = np.zeros(200, FACT)
    table["readable"], table["height"], table["width"] = True, 57, 99
    table["width"][:2] = 9
    assert fitting_size(facts_of(table)) == 56
    table["height"] = 7
    assert fitting_size(facts_of(table)) is None


def facts_of(table: np.ndarray[tuple[int], np.dtype[np.void]]) -> Facts:
    facts = Facts.of_none(Made([], {}), 0)
    return facts._replace(table=table)


@pytest.mark.parametrize("shape", [0.1, 0.3, 0.66, 1, 1.5, 1.78, 4])
def test_shaped_sizes_are_possible_and_of_that_shape(shape: float) -> None:
    found = shaped_size(shape, Size(64, 64))
    assert halvings(found) is not None
    assert found.width / found.height == pytest.approx(shape, rel=0.35)
    assert found.height * found.width == pytest.approx(64 * 64, rel=0.3)


def test_wide_pictures_get_a_wide_size(tmp_path: Path) -> None:
    contents = {f"a{n}": jpeg(blurred(n, 40, 100)) for n in range(3)}
    finding = named(audit(folder_of(tmp_path, **contents), size=32))["more than half cut off"]
    assert "3 pictures lose more than half to the crop to 32x32" in finding.text
    better = Size.of(finding.text.rsplit("--size ", 1)[1].removesuffix("."))
    assert halvings(better) is not None
    assert better.width > 2 * better.height


def test_colour_among_grey() -> None:
    grey = [Item(pixels(n)[..., :1], ()) for n in range(3)]
    finding = named(judged(Made([*grey, Item(pixels(9), ())], {})))["colour among grey"]
    assert finding.pictures.tolist() == [3]
    assert "Take --channels 1" in finding.text
    assert "colour among grey" not in named(judged(Made(grey, {})))


def test_a_hint_of_colour_is_none() -> None:
    tinted = pixels(1)[..., :1] // 2 + np.array([0, 2, 4], np.uint8)
    finding = named(judged(Made([Item(tinted, ()), Item(pixels(2), ())], {})))["grey among colour"]
    assert finding.pictures.tolist() == [0]


def test_uneven_classes() -> None:
    made = judged(labelled(*[(n, 0) for n in range(10)], (10, 1)))
    finding = named(made)["uneven classes (class)"]
    assert "The smallest class of 'class', dog, has 1 picture, the largest, cat, 10" in finding.text
    assert finding.pictures.tolist() == [10]
    assert made.summary.classes == {"class": {"cat": 10, "dog": 1}}
    even = judged(labelled(*[(n, 0) for n in range(9)], (10, 1)))
    assert "uneven classes (class)" not in named(even)


@pytest.mark.parametrize(("broken", "weighs"), [(1, False), (2, True)])
def test_more_than_a_twentieth_weighs(broken: int, weighs: bool) -> None:
    items = [Item(pixels(n), ()) for n in range(20 - broken)]
    found = named(judged(Made(items + [Item(b"words", ())] * broken, {})))
    assert found["unreadable"].weighs is weighs


def test_what_weighs_comes_first() -> None:
    grey, words = Item(pixels(90)[..., :1], ()), Item(b"words", ())
    items = [Item(pixels(n), ()) for n in range(20)]
    weighs = [f.weighs for f in judged(Made([*items, words, grey, grey, grey], {})).findings]
    assert weighs == sorted(weighs, reverse=True)
    assert set(weighs) == {True, False}


def test_a_thousand_are_not_few() -> None:
    flat = (np.full((8, 8, 3), (n % 256, n // 4, 0), np.uint8) for n in range(999))
    tiny = [Item(picture, ()) for picture in flat]
    found = named(judged(Made(tiny, {})))
    assert "only 999 pictures" in found["few pictures"].text
    assert "few pictures" not in named(judged(Made([*tiny, tiny[0]], {})))
    one = named(judged(Made(tiny[:1], {})))
    assert "There is only 1 picture to learn from" in one["few pictures"].text
