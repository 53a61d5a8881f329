"""What was measured stays, and only what was not is measured."""

from pathlib import Path

import numpy as np
import pytest

from dcgan.baselines.pixels import PixelFeatures
from dcgan.compare.notebook import FILE, Notebook, digest_of
from dcgan.data.worlds import WORLDS
from dcgan.errors import DCGANError


def test_an_answer_is_found_once(tmp_path: Path) -> None:
    calls = []

    def find() -> dict[str, float]:
        calls.append(1)
        return {"error": 0.25}

    question = {"draw": np.int64(3), "system": "knn"}
    first = Notebook(tmp_path / "kept").answer(question, find)
    again = Notebook(tmp_path / "kept").answer({"system": "knn", "draw": 3}, find)
    assert first == again == {"error": 0.25}
    assert len(calls) == 1
    Notebook(tmp_path / "kept").answer({"system": "knn", "draw": 4}, find)
    assert len(calls) == 2


def test_a_line_cut_short_is_found_anew(tmp_path: Path) -> None:
    notebook = Notebook(tmp_path)
    notebook.answer({"draw": 1}, lambda: 0.5)
    notebook.answer({"draw": 2}, lambda: 0.75)
    file = tmp_path / FILE
    file.write_text(file.read_text()[:-9])
    after = Notebook(tmp_path)
    assert after.answer({"draw": 1}, lambda: 9) == 0.5
    assert after.answer({"draw": 2}, lambda: 9) == 9
    assert Notebook(tmp_path).answer({"draw": 2}, lambda: 0) == 9


def test_vectors_are_made_once(tmp_path: Path) -> None:
    pixels = WORLDS["faces"].draw(np.arange(20), 16, 16)[0]
    parts = {"train": pixels[:15], "test": pixels[15:]}
    found = Notebook(tmp_path).vectors("pixels-1", PixelFeatures(), pixels[:15], parts)
    expected = PixelFeatures().fit_transform(pixels)
    assert np.array_equal(np.concatenate([found["train"], found["test"]]), expected)
    unfit = PixelFeatures(999)  # would be refused, were it fitted
    again = Notebook(tmp_path).vectors("pixels-1", unfit, pixels[:15], parts)
    assert np.array_equal(again["test"], found["test"])


def test_vectors_of_one_part_come_with_those_of_the_others(tmp_path: Path) -> None:
    """A fit need not come out the same again, so all are of one."""
    pixels = WORLDS["faces"].draw(np.arange(20), 16, 16)[0]
    parts = {"train": pixels[:15], "test": pixels[15:]}
    notebook = Notebook(tmp_path)
    notebook.vectors("pixels-1", PixelFeatures(3), pixels[:15], parts)
    (tmp_path / "vectors" / "pixels-1-test.npy").unlink()
    found = notebook.vectors("pixels-1", PixelFeatures(2), pixels[:15], parts)
    assert found["train"].shape == (15, 2)
    assert found["test"].shape == (5, 2)


def test_a_first_line_cut_short(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"question": {"dr')
    assert Notebook(tmp_path).answer({"draw": 1}, lambda: 7) == 7
    assert Notebook(tmp_path).answer({"draw": 1}, lambda: 9) == 7


def test_names_depend_on_the_question_alone() -> None:
    assert digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1}) != digest_of({"a": 1})


def test_the_file_is_there_before_any_answer(tmp_path: Path) -> None:
    Notebook(tmp_path / "kept")
    assert (tmp_path / "kept" / FILE).read_text() == ""


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DCGANError, match="Cannot write"):
        Notebook(tmp_path / "file" / "kept")
    (tmp_path / FILE).symlink_to(tmp_path / "nowhere" / "file")
    with pytest.raises(DCGANError, match=f"Cannot write .*{FILE}: no such file"):
        Notebook(tmp_path)
