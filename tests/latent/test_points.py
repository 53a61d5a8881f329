"""Which latents are meant, and the pictures that they give."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dcgan.errors import DCGANError
from dcgan.latent.points import pictures_of, points
from dcgan.model import Model
from dcgan.sample import latents_of


def test_seeds_in_numbers_and_in_words(model: Model) -> None:
    wanted = latents_of([3, 4, 9], model.config)
    ways: list[Any] = ["3-4,9", [3, 4, 9], np.array([3, 4, 9]), torch.tensor([3, 4, 9])]
    for given in ways:
        z, names = points(given, model.config, "`a`")
        assert torch.equal(z, wanted)
        assert names == ["seed 3", "seed 4", "seed 9"]


def test_a_single_seed(model: Model) -> None:
    assert points(5, model.config, "`a`").names == ["seed 5"]  # type: ignore[arg-type]


def test_latents_from_a_file_and_from_memory(model: Model, tmp_path: Path) -> None:
    z = latents_of([3, 4], model.config)
    np.save(tmp_path / "z.npy", z.numpy())
    ways: list[Any] = [z, z.numpy(), tmp_path / "z.npy", str(tmp_path / "z.npy")]
    for given in ways:
        found, names = points(given, model.config, "`a`")
        assert torch.equal(found, z)
        assert names == ["latent 0", "latent 1"]


def test_pictures_are_those_of_the_seeds(model: Model) -> None:
    z = latents_of(range(5), model.config)
    assert torch.equal(pictures_of(model, z), model.sample(range(5)))


def test_pictures_of_a_class(conditional: Model) -> None:
    z = latents_of(range(5), conditional.config)
    wanted = conditional.sample(range(5), label="bee")
    assert torch.equal(pictures_of(conditional, z, "bee"), wanted)
    with pytest.raises(DCGANError, match="name it with --class. Possible: ant, bee, cat."):
        pictures_of(conditional, z)
    with pytest.raises(DCGANError, match="no class 'bea'. Did you mean 'bee'"):
        pictures_of(conditional, z, "bea")


def test_no_class_without_classes(model: Model) -> None:
    with pytest.raises(DCGANError, match="this model knows no classes"):
        pictures_of(model, latents_of([0], model.config), "bee")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("1-x", r"^`a` \(=1-x\) must look like 0-63 or 1,2,5-10"),
        ("0-99999999", r"^`a` \(=0-99999999\) are too many"),
        ([], "^`a` names no latent; give one seed at least"),
        ([-1], r"A seed \(=-1\) must lie between 0 and"),
        (
            np.zeros((2, 7)),
            r"`a` holds float64 \(2, 7\), but latents of this model are .* \(N, 6\)",
        ),
        (np.zeros(6), r"float64 \(6\), but latents"),
        (np.array([["a"] * 6]), "but latents of this model"),
        (np.full((1, 6), np.nan), "numbers that are not finite"),
        ("nowhere.npy", "There is no file nowhere.npy; latents are seeds, or a .npy file that is"),
    ],
)
def test_refused(model: Model, given: Any, words: str) -> None:
    with pytest.raises(DCGANError, match=words):
        points(given, model.config, "`a`")


def test_damaged_and_hostile_files(model: Model, tmp_path: Path) -> None:
    file = tmp_path / "z.npy"
    file.write_bytes(b"no array at all")
    with pytest.raises(DCGANError, match="z.npy is no .npy file, or a damaged one"):
        points(file, model.config, "`a`")
    np.save(file, np.array([print]), allow_pickle=True)
    with pytest.raises(DCGANError, match="z.npy is no .npy file, or a damaged one"):
        points(file, model.config, "`a`")
    np.save(file, np.zeros((3, 8), np.float32))
    with pytest.raises(DCGANError, match=r"z.npy holds float32 \(3, 8\)"):
        points(file, model.config, "`a`")
