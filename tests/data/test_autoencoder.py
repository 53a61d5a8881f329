"""The autoencoder learns, and its codes are a function of the picture, the source and the seed."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from dcgan.config import PackConfig
from dcgan.data import autoencoder as subject
from dcgan.data.autoencoder import Autoencoder, binary_codes, fit_autoencoder, normalised
from dcgan.data.hashes import hamming
from dcgan.data.pack import Pack
from dcgan.data.packing import open_pack
from dcgan.size import Size
from tests.conftest import drawn_picture

CPU = torch.device("cpu")


@pytest.fixture
def drawn(tmp_path: Path) -> Pack:
    """40 pictures of 32x32."""
    folder = tmp_path / "drawn"
    folder.mkdir()
    for number in range(40):
        drawn_picture(number).save(folder / f"{number:02}.png")
    return open_pack(folder, PackConfig(size=Size(32, 32), channels=3))


def rows_of(pack: Pack) -> torch.Tensor:
    return normalised(torch.from_numpy(pack.pictures(np.arange(len(pack)))))


def test_layers_are_those_of_the_paper() -> None:
    shapes = [tuple(p.shape) for p in Autoencoder(torch.Generator()).parameters()]
    assert shapes == [(128, 3072), (128,), (3072, 128), (3072,)]


def test_bits_say_which_units_of_the_code_are_on(drawn: Pack) -> None:
    autoencoder = Autoencoder(torch.Generator().manual_seed(3))
    rows = rows_of(drawn)
    code = F.relu(autoencoder.encoder(rows))
    assert torch.equal(autoencoder.bits(rows), code > 0)


def test_noise_and_dropout(drawn: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = rows_of(drawn)[:4]
    autoencoder = Autoencoder(torch.Generator().manual_seed(3)).requires_grad_(False)
    plain = autoencoder.decoder(F.relu(autoencoder.encoder(rows)))
    first, second = autoencoder(rows), autoencoder(rows)
    assert not torch.equal(first, second)
    monkeypatch.setattr(subject, "NOISE", 0.0)
    # Dropout leaves the mean as it is, and so the mean over many draws.
    mean = torch.stack([autoencoder(rows) for _ in range(400)]).mean(0)
    assert (mean - plain).std() < 0.1 * (first - plain).std()
    monkeypatch.setattr(subject, "DROPOUT", 0.0)
    torch.testing.assert_close(autoencoder(rows), plain)


def test_normalised_pictures_by_the_formula() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    floats = pixels.transpose(0, 3, 1, 2) / 127.5 - 1
    grey = floats.mean(axis=(1, 2, 3), keepdims=True)
    colour = floats.mean(axis=(2, 3), keepdims=True) - grey
    centred = (floats - grey - (1 - subject.COLOUR) * colour).reshape(3, -1)
    wanted = centred / (centred.std(axis=1, ddof=1, keepdims=True) + subject.FLATNESS)
    rows = normalised(torch.from_numpy(pixels))
    torch.testing.assert_close(rows, torch.from_numpy(wanted).float())


def test_brightness_does_not_count() -> None:
    pixels = torch.from_numpy(np.asarray(drawn_picture(1, 32, 32))[None] // 2)
    torch.testing.assert_close(normalised(pixels), normalised(pixels + 50), atol=1e-5, rtol=0)
    flat = torch.full((1, 32, 32, 3), 200, dtype=torch.uint8)
    torch.testing.assert_close(normalised(flat), torch.zeros(1, 3072), atol=1e-5, rtol=0)


def test_training_learns_to_draw_the_pictures(drawn: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "BATCH", 32)
    monkeypatch.setattr(subject, "STEPS", 0)
    rows = rows_of(drawn)
    before = F.mse_loss(fit_autoencoder(drawn, 0, CPU)(rows), rows)
    monkeypatch.setattr(subject, "STEPS", 150)
    after = F.mse_loss(fit_autoencoder(drawn, 0, CPU)(rows), rows)
    assert after < 0.5 * before


def test_codes_follow_from_the_seed(drawn: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "STEPS", 3)
    monkeypatch.setattr(subject, "BATCH", 16)
    codes = [binary_codes(fit_autoencoder(drawn, seed, CPU), drawn, CPU) for seed in (1, 1, 2)]
    assert codes[0].shape == (40, 16)
    assert np.array_equal(codes[0], codes[1])
    assert not np.array_equal(codes[0], codes[2])


def test_codes_do_not_depend_on_the_batch(drawn: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    autoencoder = Autoencoder(torch.Generator().manual_seed(3))
    whole = binary_codes(autoencoder, drawn, CPU)
    bits = autoencoder.bits(rows_of(drawn)).numpy()
    assert np.array_equal(np.unpackbits(whole, axis=1).astype(bool), bits)
    monkeypatch.setattr(subject, "BATCH", 7)
    # A sum may be rounded otherwise in another batch; a unit just at its threshold may turn.
    assert hamming(binary_codes(autoencoder, drawn, CPU), whole).max() <= 1
