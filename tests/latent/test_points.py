"""Which latents are meant, and the pictures that they give."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dcgan.errors import DCGANError
from dcgan.latent.kept import save_kept
from dcgan.latent.points import pictures_of, points
from dcgan.model import Model
from dcgan.sample import latents_of
from tests.latent.conftest import random_model


def test_seeds_in_numbers_and_in_words(model: Model) -> None:
    wanted = latents_of([3, 4, 9], model.config)
    ways: list[Any] = ["3-4,9", [3, 4, 9], np.array([3, 4, 9]), torch.tensor([3, 4, 9])]
    for given in ways:
        z, names = points(given, model, "`a`")
        assert torch.equal(z, wanted)
        assert names == ["seed 3", "seed 4", "seed 9"]


def test_a_single_seed(model: Model) -> None:
    assert points(5, model, "`a`").names == ["seed 5"]  # type: ignore[arg-type]


def test_latents_from_a_file_and_from_memory(model: Model, tmp_path: Path) -> None:
    z = latents_of([3, 4], model.config)
    file = tmp_path / "z.npy"
    np.save(file, z.numpy())
    ways: list[tuple[Any, str]] = [(z, "latent"), (z.numpy(), "latent"), (z.tolist(), "latent")]
    for given, word in [*ways, (file, "z"), (str(file), "z")]:
        found, names = points(given, model, "`a`")
        assert torch.equal(found, z)
        assert names == [f"{word} 0", f"{word} 1"]


def test_seeds_and_files_in_one_list(model: Model, tmp_path: Path) -> None:
    z = latents_of([3, 4], model.config)
    plain, kept, comma = (tmp_path / name for name in ("z.npy", "me.npz", "a,b.npy"))
    for file in (plain, comma):
        np.save(file, z.numpy())
    save_kept(kept, "latents", ["me.jpg", "you.jpg"], z + 1, model)
    wanted = torch.cat([latents_of([7], model.config), z, latents_of([1, 2], model.config), z + 1])
    ways: list[Any] = [f"7,{plain}, 1-2,{kept}", [7, plain, "1-2", str(kept)]]
    for given in ways:
        found, names = points(given, model, "`a`")
        assert torch.equal(found, wanted)
        assert names == ["seed 7", "z 0", "z 1", "seed 1", "seed 2", "me.jpg", "you.jpg"]
    assert torch.equal(points(str(comma), model, "`a`").z, z)
    with pytest.raises(DCGANError, match=r"^`a` \(=1-\) must look like 0-63"):
        points(f"{plain},1-", model, "`a`")


def test_latents_kept_of_another_model_are_refused(model: Model, tmp_path: Path) -> None:
    other = random_model(model.config, seed=1)
    save_kept(tmp_path / "z.npz", "latents", ["a"], latents_of([3], other.config), other)
    digests = f"begins {other.digest()[:8]}, this model's {model.digest()[:8]}"
    words = rf"z.npz holds latents of another model \(its digest {digests}\); they mean nothing"
    with pytest.raises(DCGANError, match=words):
        points(tmp_path / "z.npz", model, "`a`")
    assert points(tmp_path / "z.npz", other, "`a`").names == ["a"]


def test_pictures_are_those_of_the_seeds(model: Model) -> None:
    z = latents_of(range(5), model.config)
    assert torch.equal(pictures_of(model, z), model.sample(range(5)))


def test_pictures_of_a_class(conditional: Model) -> None:
    z = latents_of(range(5), conditional.config)
    wanted = conditional.sample(range(5), label="bee")
    assert torch.equal(pictures_of(conditional, z, "bee"), wanted)
    with pytest.raises(
        DCGANError, match="name it with --class or `label`. Possible: ant, bee, cat."
    ):
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
        (np.full((1, 6), 1e300), "numbers that are not finite in float32; no latent has"),
        ([[1.0], [1.0, 2.0]], "^`a` has rows of unequal lengths; give numbers, or rows of one"),
        ("nowhere.npy", "There is no file nowhere.npy; give seeds, such as 0-8, or a .npz or .npy"),
        ("1,nowhere.npz", "There is no file nowhere.npz; give seeds"),
    ],
)
def test_refused(model: Model, given: Any, words: str) -> None:
    with pytest.raises(DCGANError, match=words):
        points(given, model, "`a`")


def test_damaged_and_hostile_files(model: Model, tmp_path: Path) -> None:
    file = tmp_path / "z.npy"
    file.write_bytes(b"no array at all")
    with pytest.raises(DCGANError, match="z.npy is no .npy file, or a damaged one"):
        points(file, model, "`a`")
    np.save(file, np.array([print]), allow_pickle=True)
    with pytest.raises(DCGANError, match="z.npy is no .npy file, or a damaged one"):
        points(file, model, "`a`")
    (tmp_path / "z.npz").write_bytes(b"no archive at all")
    with pytest.raises(DCGANError, match="z.npz is no latents file, or a damaged one"):
        points(tmp_path / "z.npz", model, "`a`")
    save_kept(tmp_path / "d.npz", "directions", ["up"], torch.zeros(1, 6), model)
    with pytest.raises(DCGANError, match="d.npz is no latents .*its format is 'dcgan directions 1"):
        points(tmp_path / "d.npz", model, "`a`")
    np.save(file, np.zeros((3, 8), np.float32))
    with pytest.raises(DCGANError, match=r"z.npy holds float32 \(3, 8\)"):
        points(file, model, "`a`")
