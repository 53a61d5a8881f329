"""Boxes: the file, what they cover, and what masks mark."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.ndimage
import torch

from dcgan.errors import DCGANError
from dcgan.inside.boxes import Box, boxes_around, covered, given_boxes, read_boxes, regions
from dcgan.size import Size

SIZE = Size(48, 80)


def written(tmp_path: Path, content: Any) -> Path:
    path = tmp_path / "boxes.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf8")
    return path


def test_read(tmp_path: Path) -> None:
    path = written(tmp_path, {"12": [[0, 0, 80, 48], [1.5, 2, 3, 4]], "3": [], "7": [[1, 2, 3, 4]]})
    found = read_boxes(path, SIZE)
    assert found == {
        3: (), 7: (Box(1, 2, 3, 4),), 12: (Box(0, 0, 80, 48), Box(1.5, 2, 3, 4)),
    }  # fmt: skip
    assert list(found) == [3, 7, 12]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("boxes", r"boxes\.json is no JSON file: .*It must look like \{\"12\": \[\[left"),
        ("[" * 100_000, "is no JSON file"),
        ([[1, 2, 3, 4]], "holds something else than boxes. It must look like"),
        ({"1": 7}, "holds something else than boxes"),
        ({}, "holds no boxes. It must look like"),
        ({"1": [], "2": []}, "holds no boxes"),
        ({"one": [[1, 2, 3, 4]]}, "'one' is no seed. It must look like"),
        ({"-1": [[1, 2, 3, 4]]}, "'-1' is no seed"),
        ({str(2**63): [[1, 2, 3, 4]]}, "is no seed"),
        ({"3": [], "03": [[1, 2, 3, 4]]}, "seed 3 is there twice; put all of its boxes into one"),
        ('{"3": [[1, 2, 3, 4]], "3": []}', r"boxes\.json: seed 3 is there twice; put all"),
        ({"1": {"2": [1, 2, 3, 4]}}, "holds something else than boxes"),
        ({"1": [{"2": 1}]}, "is no box"),
        ({"1": [[1, 2, 3, 10**400]]}, "is no box"),
        ({"9" * 30: [[1, 2, 3, 4]]}, "is no seed"),
        ({"1": [[1, 2, 3]]}, r"seed 1: \[1, 2, 3\] is no box; each must be four numbers, left,"),
        ({"1": [[1, 2, 3, "4"]]}, r'seed 1: \[1, 2, 3, "4"\] is no box'),
        ({"1": [[1, 2, 3, True]]}, r"seed 1: \[1, 2, 3, true\] is no box"),
        ('{"1": [[1, 2, 3, NaN]]}', r"seed 1: \[1, 2, 3, NaN\] is no box"),
        ({"1": [5]}, "seed 1: 5 is no box"),
        ({"1": [[1, 2, 81, 4]]}, r"the box \[1, 2, 81, 4\] must lie within the picture.*<= 80 and"),
        ({"1": [[1, 2, 3, 49]]}, "bottom <= 48"),
        ({"1": [[-1, 2, 3, 4]]}, r"the box \[-1, 2, 3, 4\] must lie within the picture"),
        ({"1": [[3, 2, 3, 4]]}, "0 <= left < right <= 80"),
    ],
)
def test_refused(content: Any, words: str, tmp_path: Path) -> None:
    with pytest.raises(DCGANError, match=words):
        read_boxes(written(tmp_path, content), SIZE)


def test_given_by_hand_in_python(tmp_path: Path) -> None:
    """Lists of any kind, seeds in numbers or in words, as a file has them."""
    wanted = {3: (Box(1, 2, 3, 4),), 12: (Box(0, 0, 80, 48), Box(1.5, 2, 3, 4))}
    ways: list[Any] = [
        wanted,
        {12: [(0, 0, 80, 48), [1.5, 2, 3, 4]], "3": ((1, 2, 3, 4),)},
        {np.int64(12): np.array([[0, 0, 80, 48], [1.5, 2, 3, 4]]), 3: np.array([[1, 2, 3, 4]])},
        written(tmp_path, {"12": [[0, 0, 80, 48], [1.5, 2, 3, 4]], "3": [[1, 2, 3, 4]]}),
    ]
    for given in ways:
        found = given_boxes(given, SIZE)
        assert found == wanted
        assert list(found) == [3, 12]
        assert all(isinstance(box, Box) for boxes in found.values() for box in boxes)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({3: Box(0, 0, 8, 8)}, r"`boxes`, seed 3: 0 is no box; each must be .*\[\[20, 8, 44, 29"),
        ({3: 7}, "^`boxes` holds something else than boxes. It must look like"),
        ({3: np.array(7)}, "^`boxes` holds something else than boxes"),
        ([(3, [[1, 2, 3, 4]])], "^`boxes` holds something else than boxes"),
        ({3: [Box(70, 0, 90, 8)]}, r"seed 3: the box \[70, 0, 90, 8\] must lie within the picture"),
        ({3: [Box(100, 100, 110, 110)]}, "must lie within the picture"),
        ({3: ["1234"]}, 'seed 3: "1234" is no box'),
        ({3: [[1, 2, 3, None]]}, r"seed 3: \[1, 2, 3, null\] is no box"),
        ({3.5: [[1, 2, 3, 4]]}, "`boxes`: 3.5 is no seed"),
        ({3: [[1, 2, 3, 4]], "3": []}, "`boxes`: seed 3 is there twice"),
        ({}, "`boxes` holds no boxes"),
    ],
)
def test_refused_in_python(given: Any, words: str) -> None:
    with pytest.raises(DCGANError, match=words):
        given_boxes(given, SIZE)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(DCGANError, match=r"Cannot read the boxes in .*none: no such file"):
        read_boxes(tmp_path / "none", SIZE)
    with pytest.raises(DCGANError, match="Cannot read the boxes in .*: is a directory"):
        read_boxes(tmp_path, SIZE)


def test_covered() -> None:
    """A position lies inside if the middle of its part of the picture does."""
    boxes = (Box(0, 0, 10, 5), Box(16, 8, 48, 32))
    found = covered(boxes, Size(32, 64), Size(8, 16))
    wanted = np.zeros((8, 16), bool)
    for row in range(8):
        for column in range(16):
            y, x = 4 * row + 2, 4 * column + 2
            wanted[row, column] = any(
                box.left <= x < box.right and box.top <= y < box.bottom for box in boxes
            )
    assert np.array_equal(found, wanted)
    assert not covered((Box(0, 0, 2, 2),), Size(32, 64), Size(8, 16)).any()
    assert covered((Box(0, 0, 64, 32),), Size(32, 64), Size(8, 16)).all()


@pytest.mark.parametrize("share", [0.1, 0.3, 0.6, 1.0])
def test_regions(share: float) -> None:
    masks = torch.rand(5, 20, 30, generator=torch.Generator().manual_seed(0)) < share
    found = regions(masks).numpy()
    for mask, numbers in zip(masks.numpy(), found, strict=True):
        wanted, count = scipy.ndimage.label(mask, np.ones((3, 3)))
        pairs = set(zip(numbers.ravel().tolist(), wanted.ravel().tolist(), strict=True))
        assert len(pairs) == count + bool((~mask).any())
        assert not (numbers > 0)[~mask].any()


def test_boxes_around() -> None:
    masks = torch.zeros(2, 12, 16, dtype=torch.bool)
    masks[0, 2:5, 3:9] = True
    masks[0, 8:10, 12:16] = True
    masks[0, 11, 0] = True
    first, second = boxes_around(masks, 2)
    assert set(first) == {Box(3, 2, 9, 5), Box(12, 8, 16, 10)}
    assert second == ()
    assert boxes_around(masks, 9)[0] == (Box(3, 2, 9, 5),)
