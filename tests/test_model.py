"""The model file round, per-seed pictures, calibration, and hostile files."""

import json
import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from dcgan.config import NetworkConfig, plain
from dcgan.errors import DCGANError
from dcgan.model import FORMAT, Model, calibrate, load, opened
from dcgan.networks import Discriminator, Generator, initialise
from dcgan.sample import draw, draw_latents, latents_of
from dcgan.size import Size
from dcgan.weights import digest_of


def made_model(classes: int = 0) -> Model:
    config = NetworkConfig(size=Size(16, 16), width=8, latent_dim=6, classes=classes)
    rng = torch.Generator().manual_seed(0)
    generator, discriminator = Generator(config), Discriminator(config)
    for network in (generator, discriminator):
        initialise(network, rng)
        for parameter in network.parameters():
            parameter.data.mul_(8)  # so that the pictures have contrast
    labels = torch.arange(64) % classes if classes else None
    calibrate(generator, [(draw_latents(64, config, rng), labels) for _ in range(8)])
    calibrate(discriminator, [(torch.rand(64, 3, 16, 16, generator=rng) * 2 - 1, labels)])
    names = tuple(f"kind {n}" for n in range(classes))
    return Model(generator, discriminator, names, 1234, {"source": "tests"})


@pytest.fixture
def model() -> Model:
    return made_model()


def test_round_trip(model: Model, tmp_path: Path) -> None:
    model.save(tmp_path / "model.safetensors")
    again = load(tmp_path / "model.safetensors")
    assert again.config == model.config
    assert (again.images_seen, again.notes, again.class_names) == (1234, {"source": "tests"}, ())
    for name in ("generator", "discriminator"):
        before, after = getattr(model, name).state_dict(), getattr(again, name).state_dict()
        assert before.keys() == after.keys()
        assert all(torch.equal(before[key], after[key]) for key in before)
    assert torch.equal(model.sample(range(8)), again.sample(range(8)))
    assert not any(p.requires_grad for p in again.generator.parameters())


def test_a_seed_s_picture_does_not_depend_on_its_company(model: Model) -> None:
    together = model.sample(range(200)).int()
    assert together.shape == (200, 16, 16, 3)
    for seed in (0, 63, 150):
        assert (model.sample([seed])[0].int() - together[seed]).abs().max() <= 1
    backwards = model.sample(range(199, -1, -1)).int()
    assert (backwards.flip(0) - together).abs().max() <= 1
    assert (together[0] - together[1]).abs().float().mean() > 5


def test_batch_statistics_are_the_paper_s(model: Model) -> None:
    pixels = model.sample(range(16), batch_statistics=True)
    generator = model.generator.train()
    assert torch.equal(pixels, draw(generator, latents_of(range(16), model.config)))
    generator.eval()
    other = model.sample(range(1, 17), batch_statistics=True)
    assert not torch.equal(pixels[1], other[0])
    with pytest.raises(DCGANError, match="One picture has no batch statistics"):
        model.sample([3], batch_statistics=True)


def test_no_seeds_no_pictures(model: Model) -> None:
    assert model.sample([]).shape == (0, 16, 16, 3)


def test_classes(tmp_path: Path) -> None:
    model = made_model(classes=3)
    model.save(tmp_path / "model.safetensors")
    model = load(tmp_path / "model.safetensors")
    assert model.class_names == ("kind 0", "kind 1", "kind 2")
    turns = model.sample(range(6))
    seconds = model.sample(range(6), label="kind 1")
    assert (turns[1].int() - seconds[1].int()).abs().max() <= 1
    assert (turns[0].int() - seconds[0].int()).abs().max() > 1
    assert torch.equal(model.sample(range(6), label=1), seconds)
    with pytest.raises(DCGANError, match=r"no class 'kind 9'. Did you mean 'kind 2'\?"):
        model.sample([1], label="kind 9")


def test_batch_statistics_of_one_class_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    model = made_model(classes=3)
    model.sample(range(4), batch_statistics=True)
    assert not caplog.text
    model.sample(range(4), label=1, batch_statistics=True)
    assert "A batch of one class has other statistics" in caplog.text


def test_no_classes(model: Model) -> None:
    with pytest.raises(DCGANError, match="Class 'cat' was asked for, but this model knows no"):
        model.sample([1], label="cat")


def test_calibration_is_the_population_s() -> None:
    """The stored statistics equal those of all the inputs in one large batch."""
    config = NetworkConfig(size=Size(16, 16), width=4, latent_dim=6)
    generator = Generator(config).double()
    z = torch.randn(4096, 6, dtype=torch.float64)
    calibrate(generator, [(part, None) for part in z.chunk(8)])
    assert not generator.training
    first = generator.project[0](z)
    norm = generator.project[1]
    torch.testing.assert_close(norm.running_mean, first.mean(0), rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(norm.running_var, first.var(0), rtol=2e-2, atol=0)
    stored = generator(z[:32])
    batch = generator.train()(z)[:32]
    assert (stored - batch).abs().mean() < 0.01


def test_calibration_begins_anew(model: Model) -> None:
    """What was stored before, of other pictures, has no part in it."""
    rng = torch.Generator().manual_seed(1)
    batches = [(torch.rand(8, 3, 16, 16, generator=rng), None) for _ in range(2)]
    once, twice = Discriminator(model.config), model.discriminator
    once.load_state_dict({k: v for k, v in twice.state_dict().items() if "run" not in k}, False)
    for network in (once, twice):
        calibrate(network, batches)
    stored = once.state_dict()
    assert all(torch.equal(value, stored[key]) for key, value in twice.state_dict().items())


def test_statistics_come_from_calibration_alone(model: Model) -> None:
    before = model.generator.state_dict()["project.1.running_mean"].clone()
    model.sample(range(8), batch_statistics=True)
    assert torch.equal(before, model.generator.state_dict()["project.1.running_mean"])
    assert before.abs().max() > 0


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(DCGANError, match=r"no model file .*nowhere.*RUN/model\.safetensors"):
        load(tmp_path / "nowhere.safetensors")


def test_cut_short_anywhere(model: Model, tmp_path: Path) -> None:
    model.save(tmp_path / "model.safetensors")
    data = (tmp_path / "model.safetensors").read_bytes()
    for length in (0, 4, 100, len(data) // 2, len(data) - 1):
        (tmp_path / "cut.safetensors").write_bytes(data[:length])
        with pytest.raises(DCGANError, match=r"cut\.safetensors is no model file, or a damaged"):
            load(tmp_path / "cut.safetensors")


def test_other_files(tmp_path: Path) -> None:
    file = tmp_path / "other.safetensors"
    file.write_bytes(b"PK\x03\x04 some zip")
    with pytest.raises(DCGANError, match="is no model file, or a damaged one"):
        load(file)
    save_file({"weight": torch.zeros(3)}, file)
    with pytest.raises(DCGANError, match=r"no model of this package .*format is None"):
        load(file)
    file.write_bytes(struct.pack("<Q", 2**62) + b"{}")
    with pytest.raises(DCGANError, match="is no model file, or a damaged one"):
        load(file)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"network": '{"width": 8}'}, "is missing|has the shape"),
        ({"network": '{"widht": 8}'}, "no option `widht`. Did you mean 'width'"),
        ({"network": '{"size": "50"}'}, "`size` .=50. is impossible"),
        ({"network": '{"width": 1000000000}'}, "damaged"),
        ({"network": "[]"}, "damaged"),
        ({"network": "nonsense"}, "damaged"),
        ({"images_seen": "many"}, "damaged"),
        ({"class_names": "3"}, "damaged"),
    ],
)
def test_hostile_headers(
    model: Model, tmp_path: Path, change: dict[str, str], message: str
) -> None:
    header = {
        "format": FORMAT,
        "network": json.dumps(plain(model.config)),
        "class_names": "[]",
        "images_seen": "1",
        "notes": "{}",
    }
    file = tmp_path / "hostile.safetensors"
    tensors = {f"generator.{k}": v for k, v in model.generator.state_dict().items()}
    tensors |= {f"discriminator.{k}": v for k, v in model.discriminator.state_dict().items()}
    header["digest"] = digest_of(tensors)
    save_file(tensors, file, metadata=header)
    assert torch.equal(load(file).sample([1]), model.sample([1]))
    save_file(tensors, file, metadata=header | change)
    with pytest.raises(DCGANError, match=rf"hostile\.safetensors.*({message})"):
        load(file)


def test_tensors_must_be_all_there_and_no_others(model: Model, tmp_path: Path) -> None:
    model.save(tmp_path / "model.safetensors")
    data = (tmp_path / "model.safetensors").read_bytes()
    changed = data.replace(b"generator.to_image.weight", b"generator.to_image.weighs")
    (tmp_path / "changed.safetensors").write_bytes(changed)
    with pytest.raises(DCGANError, match=r"to_image.weigh. is (missing|unknown)"):
        load(tmp_path / "changed.safetensors")


def test_unwritable(model: Model, tmp_path: Path) -> None:
    with pytest.raises(DCGANError, match="Cannot write .*no such file or directory"):
        model.save(tmp_path / "missing" / "model.safetensors")


def test_a_model_is_used_elsewhere_in_a_copy(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert opened(model, "cpu") is model
    model.save(tmp_path / "model.safetensors")
    assert opened(tmp_path / "model.safetensors", "cpu").digest() == model.digest()
    monkeypatch.setattr("dcgan.model.choose_device", torch.device)
    there = opened(model, "meta")
    for network in (there.generator, there.discriminator):
        assert {weight.device.type for weight in network.parameters()} == {"meta"}
    assert {weight.device.type for weight in model.generator.parameters()} == {"cpu"}
    assert there.notes == model.notes
