"""The judge: what it is taught, how right it is, and its file."""

from pathlib import Path

import numpy as np
import pytest
import torch

import world_judge as module
from dcgan.config import NetworkConfig
from dcgan.data import sources
from dcgan.data.worlds import WORLDS
from dcgan.size import Size
from tests.benchmarks.conftest import said_of
from tests.latent.conftest import random_model
from world_judge import counted, judge_for, words_for, worn

ROOMS = WORLDS["rooms"].columns


def test_worn_pictures_stay_in_range_and_differ() -> None:
    images = torch.rand(8, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    found = worn(images, torch.Generator().manual_seed(1))
    assert found.abs().max() <= 1
    assert ((found - images).abs().flatten(1).mean(dim=1) > 0.01).all()


def test_what_is_not_there_does_not_count() -> None:
    labels = torch.zeros(2, len(ROOMS))
    labels[1, list(ROOMS).index("bed")] = 1
    for name in ("bedding", "bed_left"):
        assert counted(name, labels, ROOMS).tolist() == [0, 1]
    assert counted("window_top", labels, ROOMS).tolist() == [0, 0]
    assert counted("wall", labels, ROOMS).tolist() == [1, 1]


def test_doubts_and_boxes_in_words() -> None:
    said = said_of(0.5, **{name: [1] for name in ROOMS})
    assert words_for(said, ROOMS) == ["bed?\nwindow?\nlamp?\nsage?\nred?"]


def test_a_judge_is_taught_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for place, name, count in (
        (sources, "WORLD_PICTURES", 300),
        (module, "HELD_OUT", 100),
        (module, "SHOWN", 640),
        (module, "CALIBRATION_BATCHES", 2),
    ):
        monkeypatch.setattr(place, name, count)
    model = random_model(NetworkConfig(size=Size(16, 16), width=8, latent_dim=6))
    taught = judge_for("rooms", model, tmp_path / "claims.jsonl")
    assert list(taught.accuracies) == list(ROOMS)
    assert taught.accuracies["bed"][0] > 0.6
    assert taught.named("bed").startswith("bed (judge ")
    assert taught.named("bed_left").startswith("bed_left (judge correlation ")
    monkeypatch.setattr(module, "teach", None)
    again = judge_for("rooms", model, tmp_path / "claims.jsonl")
    assert again.accuracies == taught.accuracies
    pixels = model.sample(range(5))
    said, said_again = taught.says(pixels), again.says(pixels)
    for name in ROOMS:
        assert np.array_equal(said.values[name], said_again.values[name])
