"""Labelled pictures in two parts, of sources with splits and without."""

from pathlib import Path

import numpy as np
import pytest

import dcgan
from dcgan.config import PackConfig
from dcgan.data.labelled import labelled
from dcgan.data.pack import Pack, PackPart, Reading
from dcgan.errors import DCGANError
from dcgan.size import Size
from tests.conftest import drawn_picture


def draw_split(folder: Path, names: str, count: int, first: int = 0) -> None:
    """So many pictures of each class."""
    for number, name in enumerate(names.split()):
        (folder / name).mkdir(parents=True)
        for index in range(count):
            drawn_picture(first + number + 7 * index).save(folder / name / f"{index}.png")


def test_splits_are_taken_as_such(tmp_path: Path) -> None:
    draw_split(tmp_path / "set" / "train", "ant bee", 6)
    draw_split(tmp_path / "set" / "test", "ant bee", 2, first=100)
    found = labelled(tmp_path / "set", Reading(Size(8, 8), 3))
    assert (len(found.train), len(found.test)) == (12, 4)
    assert (found.column, found.classes) == ("class", ("ant", "bee"))
    assert found.description == "12 pictures to learn from; its test split of 4"
    assert sorted(found.labels(found.train)) == [0] * 6 + [1] * 6
    assert sorted(found.labels(found.test)) == [0, 0, 1, 1]
    order = found.train.rows  # type: ignore[attr-defined]
    assert sorted(order) == list(range(12))
    assert list(order) != list(range(12))
    again = labelled(tmp_path / "set", Reading(Size(8, 8), 3))
    assert np.array_equal(again.train.rows, order)  # type: ignore[attr-defined]


def test_a_fifth_by_lot_where_there_are_no_splits(tmp_path: Path) -> None:
    draw_split(tmp_path / "set", "ant bee", 10)
    found = labelled(tmp_path / "set", Reading(Size(8, 8), 1), seed=3)
    assert (len(found.train), len(found.test)) == (16, 4)
    assert found.description == "16 pictures to learn from; the test are 4 others by lot"
    rows = [*found.train.rows, *found.test.rows]  # type: ignore[attr-defined]
    assert sorted(rows) == list(range(20))
    assert found.train.info.channels == 1
    other = labelled(tmp_path / "set", Reading(Size(8, 8), 1), seed=4)
    assert sorted(other.test.rows) != sorted(found.test.rows)  # type: ignore[attr-defined]


def test_a_split_that_was_named_is_the_whole(tmp_path: Path) -> None:
    draw_split(tmp_path / "set" / "train", "ant bee", 5)
    draw_split(tmp_path / "set" / "test", "ant bee", 5)
    found = labelled(f"{tmp_path / 'set'}:train", Reading(Size(8, 8), 3))
    assert (len(found.train), len(found.test)) == (8, 2)


def write_labels(folder: Path, header: str, values: list[object]) -> None:
    """Pictures in one folder, with a table of labels."""
    folder.mkdir(parents=True)
    for number in range(len(values)):
        drawn_picture(number).save(folder / f"{number}.png")
    lines = [f"{number}.png,{value}" for number, value in enumerate(values)]
    (folder / "labels.csv").write_text("\n".join([f"file,{header}", *lines]), encoding="utf8")


def test_one_folder_is_no_class(tmp_path: Path) -> None:
    draw_split(tmp_path / "set", "ant", 6)
    words = "set has no classes: put the pictures of each into a folder of its own, in two folders"
    with pytest.raises(DCGANError, match=words):
        labelled(tmp_path / "set", Reading(Size(8, 8), 3))


def test_labels_that_are_numbers(tmp_path: Path) -> None:
    write_labels(tmp_path / "turned", "angle", [0.5, 1.25, 0.75])
    numbers = r"turned are numbers \(angle\), and classes are to be told apart; give words or whole"
    with pytest.raises(DCGANError, match=f"^The labels of .*{numbers} numbers in their place"):
        labelled(tmp_path / "turned", Reading(Size(8, 8), 3))
    alone = "column 'angle' of turned holds numbers, .* apart; give words or whole num"
    with pytest.raises(DCGANError, match=alone):
        labelled(tmp_path / "turned", Reading(Size(8, 8), 3), column="angle")
    write_labels(tmp_path / "both", "angle,kind", ["0.5,ant", "1.25,bee", "0.75,bee"])
    assert labelled(tmp_path / "both", Reading(Size(8, 8), 3)).column == "kind"
    with pytest.raises(DCGANError, match=r"give one with classes \(kind\), or words or whole num"):
        labelled(tmp_path / "both", Reading(Size(8, 8), 3), column="angle")


def test_one_class_alone(tmp_path: Path) -> None:
    write_labels(tmp_path / "set", "kind", ["ant", "ant", "ant"])
    words = r"All pictures of .*set are of one class, 'ant' \(kind\); add pictures of another\."
    for column in ("", "kind"):
        with pytest.raises(DCGANError, match=words):
            labelled(tmp_path / "set", Reading(Size(8, 8), 3), column=column)


def test_a_test_split_without_classes(tmp_path: Path) -> None:
    draw_split(tmp_path / "set" / "train", "ant bee", 3)
    draw_split(tmp_path / "set" / "test", "all", 3)
    words = "set:train has the labels 'class', and .*set:test has not; label its pictures the same"
    with pytest.raises(DCGANError, match=words):
        labelled(tmp_path / "set", Reading(Size(8, 8), 3))


def test_bad_input(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(DCGANError, match="photos has no classes: put the pictures of each"):
        labelled(photos, Reading(Size(8, 8), 3))
    draw_split(tmp_path / "set" / "train", "ant bee", 3)
    draw_split(tmp_path / "set" / "test", "ant cat", 3)
    with pytest.raises(DCGANError, match="the same classes; in one of them alone: bee, cat"):
        labelled(tmp_path / "set", Reading(Size(8, 8), 3))
    with pytest.raises(DCGANError, match="no label column 'colour'"):
        labelled(f"{tmp_path / 'set'}:train", Reading(Size(8, 8), 3), column="colour")
    with pytest.raises(DCGANError, match="There is no folder or archive nowhere"):
        labelled("nowhere")


def test_a_part_of_a_pack_reads_as_one(classes: Path, tmp_path: Path) -> None:
    whole = dcgan.pack(classes, tmp_path / "pack", PackConfig(size=Size(8, 8)))
    rows = np.array([7, 2, 5])
    part: Pack = PackPart(whole, rows)
    assert len(part) == 3
    assert np.array_equal(part.pictures(np.array([2, 0])), whole.pictures(np.array([5, 7])))
    assert np.array_equal(part.labels("class"), whole.labels("class")[rows])
    assert part.class_names("class") == whole.class_names("class")
    inner = PackPart(part, np.array([1]))
    assert np.array_equal(inner.pictures(np.array([0])), whole.pictures(np.array([2])))
