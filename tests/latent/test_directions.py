"""Directions: beside the formulas written out, and the file that keeps them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import dcgan
from dcgan.config import NetworkConfig
from dcgan.errors import DCGANError
from dcgan.latent.axes import of_activations, of_weights, regression
from dcgan.latent.boundary import boundary
from dcgan.latent.directions import load_directions, named_directions
from dcgan.latent.judging import Wish, eyes_of, judged, judges_for
from dcgan.model import Model
from dcgan.networks import Generator
from dcgan.sample import latents_of
from dcgan.size import Size
from tests.latent.conftest import random_model


def test_of_weights_are_singular_vectors_of_the_first_layer(model: Model) -> None:
    first = model.generator.project[:2]
    jacobian = torch.func.jacrev(first)(torch.zeros(1, 6))[0, :, 0]
    wanted = np.linalg.svd(jacobian.numpy())[2]
    found = of_weights(model, 6)
    cosines = (F.normalize(found).numpy() * wanted).sum(axis=1)
    assert np.allclose(np.abs(cosines), 1, atol=1e-4)
    assert torch.allclose(found.norm(dim=1), torch.tensor(3 / 3**0.5))


@pytest.mark.parametrize("units", [30, 700])
def test_regression_finds_what_moves_activations_most(units: int) -> None:
    rng = torch.Generator().manual_seed(0)
    z = torch.randn(500, 4, generator=rng)
    axes = torch.linalg.qr(torch.randn(units, 4, generator=rng)).Q.T
    activations = z @ (torch.tensor([1.0, 9.0, 0.1, 3.0])[:, None] * axes) + 5
    found = F.normalize(regression(activations, z, 3)).abs()
    assert torch.allclose(found, torch.eye(4)[[1, 3, 0]].double(), atol=0.1)
    centred = activations.numpy() - activations.numpy().mean(axis=0)
    u, _, _ = np.linalg.svd(centred, full_matrices=False)
    wanted = torch.from_numpy(u.T[:3] @ (z - z.mean(dim=0)).numpy()).double()
    assert torch.allclose(found, F.normalize(wanted).abs(), atol=1e-3)


def test_of_activations_move_pictures(model: Model, normal_model: Model) -> None:
    found = of_activations(model, 6)
    assert torch.allclose(found.norm(dim=1), torch.tensor(3 / 3**0.5))
    assert torch.allclose(of_activations(normal_model, 2).norm(dim=1), torch.tensor(3.0))
    z = latents_of(range(200), model.config)

    def moved(direction: torch.Tensor, generator: Generator = model.generator) -> float:
        base, other = (generator.features(x)["4x4"] for x in (z, z + direction))
        return float((base - other).square().sum())

    assert moved(found[0]) > moved(found[-1])


def test_of_a_model_with_classes_and_a_hidden_layer() -> None:
    config = NetworkConfig(size=Size(16, 16), width=8, latent_dim=6, classes=3, hidden_units=32)
    made = random_model(config)
    first = made.generator.hidden[:2]
    jacobian = torch.func.jacrev(first)(torch.zeros(1, 9))[0, :, 0, :6]
    wanted = np.linalg.svd(jacobian.numpy())[2]
    cosines = (F.normalize(of_weights(made, 2)).numpy() * wanted[:2]).sum(axis=1)
    assert np.allclose(np.abs(cosines), 1, atol=1e-4)
    assert of_activations(made, 2, 1).shape == (2, 6)
    with pytest.raises(DCGANError, match="name it with --class"):
        of_activations(made, 2)


def test_a_boundary_between_latents() -> None:
    rng = np.random.default_rng(0)
    z = rng.uniform(-1, 1, (1500, 12)).astype(np.float32)
    axis = rng.normal(size=12)
    normal, accuracy = boundary(z, z @ axis + rng.normal(0, 0.1, 1500))
    cosine = normal @ axis / np.linalg.norm(normal) / np.linalg.norm(axis)
    assert cosine > 0.98
    assert accuracy > 0.95
    opposite, _ = boundary(z, -(z @ axis))
    assert opposite @ axis < 0
    _, by_chance = boundary(z, rng.normal(size=1500))
    assert 0.35 < by_chance < 0.65


def test_of_labels_lead_to_them(model: Model, labelled: Path, tmp_path: Path) -> None:
    found = dcgan.directions(
        model, tmp_path / "d.npz", source=labelled, wanted="bright=yes,light=low", device="cpu"
    )
    eyes = eyes_of(model, "cpu")
    judges = judges_for(eyes, model, labelled, [Wish("bright", "yes"), Wish("light", "low")])
    z = latents_of(range(3_000, 3_300), model.config)
    for column, direction in enumerate(found.values()):
        less, more = (judged(eyes, judges, model, z + t * direction) for t in (-0.5, 0.5))
        assert less[:, column].mean() < more[:, column].mean()


def test_a_file_keeps_what_it_has(model: Model, tmp_path: Path) -> None:
    file = tmp_path / "new" / "d.npz"
    first = dcgan.directions(model, file, start="1-4", end="5-8", name="left")
    z = latents_of(range(1, 9), model.config)
    assert torch.allclose(first["left"], z[4:].mean(dim=0) - z[:4].mean(dim=0))
    both = dcgan.directions(model, file, weights=2)
    assert list(both) == ["left", "weights1", "weights2"]
    read = load_directions(file, model)
    assert list(read) == list(both)
    assert all(torch.equal(read[name], both[name]) for name in both)
    again = dcgan.directions(model, file, start="5-8", end="1-4", name="left")
    assert torch.equal(again["left"], -first["left"])
    assert [found.name for found in file.parent.iterdir()] == ["d.npz"]


def test_without_a_file_nothing_is_written(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = dcgan.directions(model, weights=1, start="1", end="2")
    assert list(found) == ["turn", "weights1"]
    assert list(tmp_path.iterdir()) == []
    turned = dcgan.turn(model, seeds="0", along=found, steps=3)
    assert turned.pictures.shape == (2, 3, 16, 16, 3)


def test_directions_of_another_model_are_refused(model: Model, tmp_path: Path) -> None:
    file = tmp_path / "d.npz"
    dcgan.directions(model, file, weights=1)
    other = random_model(model.config, seed=1)
    words = f"d.npz holds directions of another model .*{model.digest()[:8]}.*{other.digest()[:8]}"
    with pytest.raises(DCGANError, match=words):
        dcgan.turn(other, along=file)
    with pytest.raises(DCGANError, match=words):
        dcgan.directions(other, file, weights=1)
    assert list(load_directions(file, model)) == ["weights1"]


def test_files_that_are_none(model: Model, tmp_path: Path) -> None:
    file = tmp_path / "d.npz"
    for content in (b"", b"PK\x03\x04 and so on", b"words"):
        file.write_bytes(content)
        with pytest.raises(DCGANError, match="d.npz is no directions file, or a damaged one"):
            load_directions(file, model)
    wrong: Any = {
        "format": np.array("dcgan directions 1"),
        "model": np.array(model.digest()),
        "names": np.array(["a", "b"]),
    }
    hostile = np.array([[print] * 6] * 2)
    for vectors in (np.zeros((2, 7)), hostile, np.zeros((1, 6)), np.full((2, 6), 1e300)):
        np.savez(file, vectors=vectors, **wrong)
        with pytest.raises(DCGANError, match="d.npz is no directions file, or a damaged one"):
            load_directions(file, model)
    np.savez(file, **wrong)
    with pytest.raises(DCGANError, match="d.npz is no directions file, or a damaged one"):
        load_directions(file, model)


def test_a_name_of_none(model: Model, tmp_path: Path) -> None:
    file = tmp_path / "d.npz"
    dcgan.directions(model, file, start="1", end="2", name="left")
    with pytest.raises(DCGANError, match="d.npz has no direction 'lfet'. Did you mean 'left'?"):
        dcgan.turn(model, along=f"{file}:lfet")
    words = "There is no file .*e.npz; `dcgan directions` makes such files"
    with pytest.raises(DCGANError, match=words):
        dcgan.turn(model, along=tmp_path / "e.npz")


def test_a_name_with_a_colon(model: Model, tmp_path: Path) -> None:
    """As of a label's value, such as `hour=12:30`."""
    file = tmp_path / "d.npz"
    dcgan.directions(model, file, start="1", end="2", name="hour=12:30")
    assert list(named_directions(f"{file}:hour=12:30", model)) == ["hour=12:30"]


def test_directions_of_a_class_have_its_name(conditional: Model, tmp_path: Path) -> None:
    file = tmp_path / "d.npz"
    dcgan.directions(conditional, file, pca=1, label="bee")
    found = dcgan.directions(conditional, file, pca=1, weights=1, label=2)
    assert list(found) == ["pca1@bee", "weights1", "pca1@cat"]
    assert torch.equal(found["pca1@bee"], of_activations(conditional, 1, "bee")[0])
    assert not torch.equal(found["pca1@bee"], found["pca1@cat"])
    turned = dcgan.turn(conditional, seeds="0", along=f"{file}:pca1@bee", label="bee", steps=3)
    assert torch.allclose(turned.latents[0, 2] - turned.latents[0, 1], found["pca1@bee"])


def test_refused(model: Model, tmp_path: Path) -> None:
    file = tmp_path / "d.npz"
    with pytest.raises(DCGANError, match="No direction was asked for: give exemplars"):
        dcgan.directions(model, file)
    with pytest.raises(DCGANError, match="d.txt, must end in .npz"):
        dcgan.directions(model, tmp_path / "d.txt", weights=1)
    with pytest.raises(DCGANError, match=r"`weights` \(=7\) must be 1 to 6, the length of a"):
        dcgan.directions(model, file, weights=7)
    with pytest.raises(DCGANError, match=r"`pca` \(=-1\) must be 1 to 6"):
        dcgan.directions(model, file, pca=-1)
    with pytest.raises(DCGANError, match="one group to another; give --to or `end` too"):
        dcgan.directions(model, file, start="1")
    with pytest.raises(DCGANError, match="^--from or `start` names no latent"):
        dcgan.directions(model, file, start=[], end="1")
    with pytest.raises(DCGANError, match=r"`name` \(= \) must be a word"):
        dcgan.directions(model, file, start="1", end="2", name=" ")
    with pytest.raises(DCGANError, match="There is no `device` 'abacus' here"):
        dcgan.directions(model, file, weights=1, device="abacus")
    with pytest.raises(DCGANError, match="give `source` too"):
        dcgan.directions(model, file, wanted="smile=yes")
    with pytest.raises(DCGANError, match="give --labels or `wanted` too"):
        dcgan.directions(model, file, source="faces")
    assert not file.exists()


def test_a_name_without_the_ending_is_no_file_to_make(model: Model, tmp_path: Path) -> None:
    with pytest.raises(DCGANError, match=r"faces.png:pca1 is no directions file; such a file"):
        dcgan.turn(model, along=f"{tmp_path / 'faces.png'}:pca1")
