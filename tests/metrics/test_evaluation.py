"""The whole evaluation on small sets: its numbers, its protocol, its files, and bad input."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import dcgan
from dcgan.config import NetworkConfig
from dcgan.data.worlds import WORLDS
from dcgan.errors import DCGANError
from dcgan.images import to_floats
from dcgan.metrics import evaluation
from dcgan.metrics.encoder import Encoder, Task
from dcgan.metrics.evaluation import evaluate
from dcgan.metrics.inception import Inception
from dcgan.metrics.measures import shares
from dcgan.model import Model
from dcgan.networks import Discriminator, Generator, initialise
from dcgan.size import Size

COUNT = 120


def write_faces(folder: Path, first: int, count: int) -> Path:
    folder.mkdir()
    pixels, _ = WORLDS["faces"].draw(np.arange(first, first + count), 16, 16)
    for number, picture in enumerate(pixels):
        Image.fromarray(picture).save(folder / f"{number:04}.png")
    return folder


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_faces(tmp_path_factory.mktemp("real") / "faces", 0, 300)


@pytest.fixture(scope="module")
def encoder_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoder that was taught nothing; random features tell pictures apart well enough."""
    path = tmp_path_factory.mktemp("encoder") / "encoder.safetensors"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        Encoder(Task(Size(16, 16), 3, "class", ("a", "b"), "faces")).save(path)
    return path


@pytest.fixture(scope="module")
def model() -> Model:
    config = NetworkConfig(size=Size(16, 16), width=8, latent_dim=6)
    generator, discriminator = Generator(config), Discriminator(config)
    for network in (generator, discriminator):
        initialise(network.eval(), torch.Generator().manual_seed(0))
    return Model(generator, discriminator, images_seen=64)


class Parrot(Model):
    """A model that shows training pictures: seed n gives picture n."""

    def sample(self, seeds, **_):  # type: ignore[no-untyped-def]
        return torch.from_numpy(WORLDS["faces"].draw(np.array(list(seeds)), 16, 16)[0])


def test_measures_and_files(
    real: Path, encoder_file: Path, model: Model, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model.save(tmp_path / "model.safetensors")
    held_out = write_faces(tmp_path / "other", 300, 110)
    found = evaluate(
        tmp_path / "model.safetensors", real, tmp_path / "out",
        encoder=encoder_file, held_out=held_out, count=COUNT, device="cpu",
    )  # fmt: skip
    assert found["Fréchet distance"] > found["Fréchet distance, floor"] > 0
    assert found["copying"] < 0.5
    assert found["recall"] < 0.5
    assert not any(name in measure.name for measure in found.measures for name in ("FID", "KID"))
    assert found.protocol["generated"] == "120, seeds 0-119, rounded to 8 bits"
    assert found.protocol["trained on"] == "not these very pictures, but on others"
    assert "SHA-256" in found.protocol["encoder"]
    assert found.protocol["read"] == "16x16, channels: 3, crop centre"
    assert "5 nearest" in found.protocol["measured"]
    assert "fewer than 10,000 pictures" in caplog.text
    written = json.loads((tmp_path / "out" / "evaluation.json").read_text(encoding="utf8"))
    assert written["protocol"] == found.protocol
    assert written["measures"] == {measure.name: measure.value for measure in found.measures}
    with Image.open(tmp_path / "out" / "closest.png") as sheet:
        assert sheet.size == (8 * 18 + 2, 8 * 18 + 2)


def test_a_parrot_is_recognised(real: Path, encoder_file: Path, model: Model) -> None:
    """Training pictures as samples: the distance is at its floor, and all are copies."""
    parrot = Parrot(model.generator, model.discriminator)
    found = evaluate(
        parrot, real, encoder=encoder_file, held_out="faces", count=COUNT, device="cpu", seed=1
    )
    assert found["Fréchet distance"] < 2 * found["Fréchet distance, floor"]
    assert found["precision"] > 0.9
    assert found["copying"] > 0.9
    assert torch.equal(found.closest[::2], found.closest[1::2])


def test_the_same_seed_gives_the_same_numbers(real: Path, encoder_file: Path, model: Model) -> None:
    runs = [
        evaluate(model, real, encoder=encoder_file, count=100, seed=seed, device="cpu").measures
        for seed in (1, 1, 2)
    ]
    assert runs[0] == runs[1] != runs[2]


def test_fid_is_what_inception_gives(
    real: Path, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Few(Inception):
        """Three features, as Inception itself takes minutes."""

        def features(self, images):  # type: ignore[no-untyped-def]
            return images[:, :3].mean(dim=(2, 3))

    monkeypatch.setattr(evaluation, "load_inception", lambda path: Few())
    found = evaluate(model, real, inception=tmp_path / "weights", count=100, device="cpu")
    assert found["FID"] > found["FID, floor"]
    assert found["KID"] > 0
    assert "299x299" in found.protocol["encoder"]
    drawn = to_floats(model.sample(range(100))).mean(dim=(2, 3)).double()
    faces = to_floats(torch.from_numpy(WORLDS["faces"].draw(np.arange(300), 16, 16)[0]))
    difference = drawn.mean(0) - faces.mean(dim=(2, 3)).double().mean(0)
    assert found["FID"] > float(difference @ difference)


def test_the_encoder_goes_where_the_pictures_are_drawn(
    real: Path, encoder_file: Path, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved: list[torch.device] = []
    real_to = Encoder.to

    def to(encoder: Encoder, device: torch.device) -> Encoder:
        moved.append(device)
        return real_to(encoder, device)

    monkeypatch.setattr(Encoder, "to", to)
    evaluate(model, real, encoder=encoder_file, count=COUNT, device="cpu")
    assert moved == [torch.device("cpu")]


@pytest.mark.gpu
def test_evaluation_on_a_gpu(real: Path, encoder_file: Path, model: Model) -> None:
    """Nearly the numbers of the CPU; the model that was given stays where it was."""
    found = evaluate(model, real, encoder=encoder_file, count=COUNT, device="cuda")
    expected = evaluate(model, real, encoder=encoder_file, count=COUNT, device="cpu")
    for name in ("Fréchet distance", "precision", "similarity"):
        assert found[name] == pytest.approx(expected[name], rel=0.05, abs=0.02)
    assert next(model.generator.parameters()).device.type == "cpu"


def test_pictures_too_small_for_similarity(tmp_path: Path) -> None:
    config = NetworkConfig(size=Size(8, 8), width=4)
    small = Model(Generator(config), Discriminator(config))
    faces = write_faces(tmp_path / "faces", 0, 120)
    dcgan.encoder(faces, tmp_path / "e", size=8, images=64, device="cpu")
    found = evaluate(small, faces, encoder=tmp_path / "e", count=100, device="cpu")
    names = [measure.name for measure in found.measures]
    assert "similarity" not in names
    assert "sliced Wasserstein 8x8" in names


def test_shares_are_of_as_many_of_each_kind() -> None:
    real, fake = torch.randn(60, 4), torch.randn(200, 4)
    assert shares(real, fake) == shares(real, fake[:60])
    assert shares(fake, real) == shares(fake[:60], real)


def test_bad_input(real: Path, encoder_file: Path, model: Model, tmp_path: Path) -> None:
    with pytest.raises(DCGANError, match="features of one encoder, and none was given: give --enc"):
        evaluate(model, real, count=COUNT)
    with pytest.raises(DCGANError, match="features of one encoder, and two were given"):
        evaluate(model, real, encoder=encoder_file, inception=encoder_file, count=COUNT)
    with pytest.raises(DCGANError, match="99 generated and 300 real pictures were to be compared"):
        evaluate(model, real, encoder=encoder_file, count=99)
    with pytest.raises(DCGANError, match="The pictures held out are the real ones themselves"):
        evaluate(model, real, encoder=encoder_file, count=COUNT, held_out=real)
    few = write_faces(tmp_path / "few", 0, 5)
    with pytest.raises(DCGANError, match="300 real pictures, 5 held out were to be compared"):
        evaluate(model, real, encoder=encoder_file, count=COUNT, held_out=few)
    with pytest.raises(DCGANError, match="and 5 real pictures were to be compared"):
        evaluate(model, few, encoder=encoder_file, count=COUNT)
    with pytest.raises(DCGANError, match=r"of 251 the last would be alone.* --count 250 or"):
        evaluate(model, real, encoder=encoder_file, count=251, batch_statistics=True)
    wide = replace(model.config, size=Size(32, 32))
    larger = Model(Generator(wide), Discriminator(wide))
    with pytest.raises(DCGANError, match="knows pictures of 16x16 .*; the model draws 32x32"):
        evaluate(larger, real, encoder=encoder_file, count=COUNT)


def test_trained_on_them(real: Path, encoder_file: Path, model: Model) -> None:
    digest = dcgan.pack(real, real.parent / "pack", dcgan.PackConfig(size=Size(16, 16))).info.digest
    known = Model(model.generator, model.discriminator, notes={"digest": digest})
    found = evaluate(known, real, encoder=encoder_file, count=100, device="cpu")
    assert found.protocol["trained on"] == "these very pictures"
    known.notes["held_out"] = "15"
    found = evaluate(known, real, encoder=encoder_file, count=100, device="cpu")
    assert found.protocol["trained on"] == "these very pictures, but for 15 held out"
    assert found.protocol["model"] == f"digest {known.digest()[:8]}; weights as given"
