"""The detector of windows: what it learns, its file, the cache, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch

from dcgan.config import NetworkConfig
from dcgan.data.worlds import WORLDS
from dcgan.errors import DCGANError
from dcgan.files import cache_folder
from dcgan.inside import detector as module
from dcgan.inside.boxes import boxes_around
from dcgan.inside.detector import (
    Detector,
    Lesson,
    detector_for,
    examine,
    lesson,
    load_detector,
    rooms_detector,
    spoilt,
    teach_detector,
)
from dcgan.size import Size

SIZE = Size(16, 24)
CONFIG = NetworkConfig(size=SIZE)


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HELD_OUT", 64)
    monkeypatch.setattr(module, "ROOMS_DRAWN", 128)


@pytest.fixture(scope="module")
def taught() -> Detector:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "HELD_OUT", 64)
        patch.setattr(module, "spoilt", lambda images, _: images)  # so few rooms are enough
        return teach_detector(SIZE, rooms=1_280, device="cpu")


def test_lesson() -> None:
    """The masks are the boxes of the labels."""
    images, masks = lesson(5, 20, Size(32, 64))
    pixels, labels = WORLDS["rooms"].draw(np.arange(5, 25), 32, 64)
    assert images.shape == (20, 3, 32, 64)
    assert np.array_equal(((images[3].permute(1, 2, 0) + 1) * 127.5).round().numpy(), pixels[3])
    for row, boxes in zip(labels, boxes_around(masks > 0, 1), strict=True):
        assert len(boxes) == row[1]
        for box in boxes:
            wanted = row[2:6] * [64, 32, 64, 32]
            assert np.abs(np.array(box) - wanted).max() <= 0.5


def test_learns_windows(taught: Detector) -> None:
    assert taught.lesson.rooms == 1_280
    assert taught.lesson.overlap > 0.4  # longer lessons bring more
    assert taught.lesson.right > 0.8
    assert examine(taught) == (taught.lesson.overlap, taught.lesson.right)
    images, masks = lesson(100_000, 64, SIZE)
    found = taught(images) > 0
    both, either = (found & (masks > 0)).sum(), (found | (masks > 0)).sum()
    assert both / either > 0.4
    assert not taught.training


def test_spoilt() -> None:
    """Each picture in its own way, within the range, and the windows where they were."""
    images, _ = lesson(0, 6, SIZE)
    rng = torch.Generator().manual_seed(1)
    found = spoilt(images, rng)
    assert found.shape == images.shape
    assert found.abs().max() <= 1
    assert not torch.equal(found, spoilt(images, rng))
    for one, other in zip(images, found, strict=True):
        assert torch.corrcoef(torch.stack([one.flatten(), other.flatten()]))[0, 1] > 0.5


def test_file(taught: Detector, tmp_path: Path) -> None:
    taught.save(tmp_path / "windows.safetensors")
    again = load_detector(tmp_path / "windows.safetensors")
    assert again.lesson == taught.lesson
    images, _ = lesson(0, 4, SIZE)
    assert torch.equal(again(images), taught(images))
    assert again.windows(images) == taught.windows(images)
    assert detector_for(tmp_path / "windows.safetensors", CONFIG, "cpu").lesson == taught.lesson


def test_taught_once(caplog: pytest.LogCaptureFixture) -> None:
    before = torch.random.get_rng_state()
    first = rooms_detector(SIZE, "cpu")
    (file,) = cache_folder().glob("windows-16x24-*.safetensors")
    written = file.stat().st_mtime_ns
    second = detector_for("rooms", CONFIG, "cpu")
    assert file.stat().st_mtime_ns == written
    assert second.lesson == first.lesson
    assert torch.equal(torch.random.get_rng_state(), before)
    rooms_detector(Size(16, 16), "cpu")
    assert len(list(cache_folder().iterdir())) == 2


@pytest.mark.parametrize("size", [(16, 16), (28, 28), (64, 64), (48, 80), (100, 100)])
def test_any_size(size: tuple[int, int]) -> None:
    network = Detector(Lesson(Size(*size))).eval()
    assert network(torch.zeros(2, 3, *size)).shape == (2, *size)


def test_refused(taught: Detector, tmp_path: Path) -> None:
    with pytest.raises(DCGANError, match=r"sees colour pictures .3 channels., this model's have 1"):
        detector_for("rooms", NetworkConfig(size=SIZE, channels=1), "cpu")
    with pytest.raises(DCGANError, match="pictures of 16x24, this model draws them in 32x32"):
        detector_for(taught, NetworkConfig(size=Size(32, 32)), "cpu")
    with pytest.raises(DCGANError, match="16x16 pixels at least, the model's pictures have 8x8"):
        detector_for("rooms", NetworkConfig(size=Size(8, 8)), "cpu")
    with pytest.raises(DCGANError, match="There is no detector .*none. `rooms` makes one"):
        detector_for(tmp_path / "none", CONFIG, "cpu")
    (tmp_path / "text").write_text("nothing of the kind")
    with pytest.raises(DCGANError, match="text is no detector file, or a damaged one"):
        load_detector(tmp_path / "text")


def test_a_hostile_header(tmp_path: Path) -> None:
    for facts in ({"size": "nonsense"}, {"more": 1}, {"rooms": 1, "size": None}):
        network = Detector(Lesson(SIZE))
        vars(network.lesson).update(facts)
        network.save(tmp_path / "hostile")
        with pytest.raises(DCGANError, match="hostile is no detector file, or a damaged one"):
            load_detector(tmp_path / "hostile")
