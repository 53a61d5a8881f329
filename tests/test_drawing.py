"""Pictures by seed into files, in each of the forms."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import dcgan
from dcgan.config import NetworkConfig
from dcgan.errors import DCGANError
from dcgan.images import sheet
from dcgan.model import Model
from dcgan.size import Size
from tests.features.conftest import untrained


@pytest.fixture(scope="module")
def model() -> Model:
    return untrained(NetworkConfig(size=Size(16, 16), width=4, latent_dim=6))


def test_an_array_holds_every_picture(model: Model, tmp_path: Path) -> None:
    shape = dcgan.sample(model, tmp_path / "new" / "all.npy", "0-299", device="cpu")
    found = np.load(tmp_path / "new" / "all.npy")
    assert found.shape == shape == (300, 16, 16, 3)
    assert np.array_equal(found, model.sample(range(300)).numpy())


def test_a_sheet_and_single_files_show_the_same(model: Model, tmp_path: Path) -> None:
    seeds = [5, 3, 130]
    dcgan.sample(model, tmp_path / "new" / "sheet.png", seeds, columns=2, device="cpu")
    dcgan.sample(model, tmp_path / "single", seeds, device="cpu")
    expected = model.sample(seeds)
    assert np.array_equal(
        np.asarray(Image.open(tmp_path / "new" / "sheet.png")), sheet(expected, 2)
    )
    names = sorted(path.name for path in (tmp_path / "single").iterdir())
    assert names == ["000003.png", "000005.png", "000130.png"]
    assert np.array_equal(np.asarray(Image.open(tmp_path / "single" / "000130.png")), expected[2])


def test_a_stop_leaves_no_array(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def stopping(*arguments: object, **options: object) -> torch.Tensor:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return torch.zeros(100, 16, 16, 3, dtype=torch.uint8)

    monkeypatch.setattr(model, "sample", stopping)
    with pytest.raises(KeyboardInterrupt):
        dcgan.sample(model, tmp_path / "all.npy", "0-299", device="cpu")
    assert list(tmp_path.iterdir()) == []


def test_bad_input(model: Model, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DCGANError, match="holds other files, such as notes.txt"):
        dcgan.sample(model, tmp_path, "0-3")
    with pytest.raises(DCGANError, match=r"`seeds` \(=a-b\) must look like"):
        dcgan.sample(model, tmp_path / "x.png", "a-b")
    with pytest.raises(DCGANError, match="Cannot write"):
        dcgan.sample(model, tmp_path / "notes.txt" / "all.npy", "0-3")
    with pytest.raises(DCGANError, match="No seed was given"):
        dcgan.sample(model, tmp_path / "x.png", [])
    with pytest.raises(DCGANError, match=r"`columns` \(=-2\) must be 1 or more"):
        dcgan.sample(model, tmp_path / "x.png", columns=-2)
    (tmp_path / "d.npy").mkdir()
    (tmp_path / "d.npy" / "notes.txt").write_text("mine")
    with pytest.raises(DCGANError, match="d.npy holds other files"):
        dcgan.sample(model, tmp_path / "d.npy", "0-3")
    with pytest.raises(DCGANError, match="this model knows no classes"):
        dcgan.sample(model, tmp_path / "x.png", "0-3", label="cat", device="cpu")
