"""Nearest neighbours among generated pictures: exact, in parts, and by table."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier

from dcgan.baselines import dense_gan
from dcgan.compare import digits
from dcgan.compare.comparing import compare
from dcgan.compare.digits import drawn, nearest_labels
from dcgan.config import NetworkConfig
from dcgan.data.labelled import labelled
from dcgan.errors import DCGANError
from dcgan.model import Model
from dcgan.size import Size
from tests.compare.test_comparing import paint
from tests.features.conftest import untrained

SMALL = NetworkConfig(size=Size(16, 16), width=4, latent_dim=6, classes=2)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    made = untrained(SMALL)
    file = tmp_path / "small.safetensors"
    Model(made.generator, made.discriminator, ("left", "right"), 24).save(file)
    return file


@pytest.fixture
def sides(tmp_path: Path) -> Path:
    paint(tmp_path / "sides" / "train", 20, 0)
    paint(tmp_path / "sides" / "test", 10, 1)
    return tmp_path / "sides"


def test_neighbours_are_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    known = rng.integers(0, 256, (500, 4, 4, 1), np.uint8)
    labels = rng.integers(0, 5, 500)
    asked = rng.integers(0, 256, (60, 4, 4, 1), np.uint8)
    machine = KNeighborsClassifier(1, algorithm="brute")
    machine.fit(known.reshape(500, -1).astype(float), labels)
    expected = machine.predict(asked.reshape(60, -1).astype(float))
    parts = [
        (torch.from_numpy(known[start : start + 70]), labels[start : start + 70])
        for start in range(0, 500, 70)
    ]
    assert np.array_equal(nearest_labels(torch.from_numpy(asked), parts), expected)
    for start in range(0, 500, 100):
        itself = nearest_labels(torch.from_numpy(known[start : start + 100]), parts)
        assert np.array_equal(itself, labels[start : start + 100])


def test_drawn_pictures_are_the_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digits, "BLOCK", 7)
    model = untrained(SMALL)
    parts = list(drawn(model.generator, 20))
    assert [len(labels) for _, labels in parts] == [7, 7, 6]
    assert np.concatenate([labels for _, labels in parts]).tolist() == [0, 1] * 10
    assert torch.equal(torch.cat([pixels for pixels, _ in parts]), model.sample(range(20)))


def test_the_table(
    sides: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dense_gan, "UNITS", 16)
    monkeypatch.setattr(digits, "BLOCK", 16)
    options: dict[str, Any] = {"data": sides, "models": [model], "per_class": 15, "device": "cpu"}
    made = compare("mnist", out=tmp_path / "out", **options)
    results = {line.title: line.results[0] for line in made.lines}
    assert list(results) == ["Real data", "GAN", "DCGAN"]
    assert results["Real data"].few_labels[0] < 0.4  # two classes that differ
    assert results["Real data"].note == "30 real pictures by lot"
    assert results["GAN"].note == "dense layers, 24 pictures seen"
    text = (tmp_path / "out" / "table.md").read_text()
    assert "| DCGAN | 2.98% |" in text
    assert "A test picture gets the label of the nearest of 30 known ones" in text
    assert text.startswith("Table 3: MNIST, error by the nearest of 15 pictures per class")
    again = compare("mnist", out=tmp_path / "out", **options)
    assert again.lines == made.lines


def test_bad_input(sides: Path, tmp_path: Path) -> None:
    made = untrained(SMALL)
    Model(made.generator, made.discriminator, ("up", "down"), 24).save(tmp_path / "m.safetensors")
    options: dict[str, Any] = {"data": sides, "out": tmp_path / "out", "per_class": 15}
    with pytest.raises(DCGANError, match="draws up, down; the pictures have left, right. Train"):
        compare("mnist", models=[tmp_path / "m.safetensors"], **options)
    untrained(NetworkConfig(size=Size(16, 16), width=4)).save(tmp_path / "m.safetensors")
    with pytest.raises(DCGANError, match="has no classes; the pictures have left, right"):
        compare("mnist", models=[tmp_path / "m.safetensors"], rows="gan", **options)
    known = Model(made.generator, made.discriminator, ("left", "right"), 24)
    known.notes = {"digest": labelled(sides).test.info.digest}
    known.save(tmp_path / "m.safetensors")
    with pytest.raises(DCGANError, match="test pictures and their labels; part them into train/"):
        compare("mnist", models=[tmp_path / "m.safetensors"], **options)
