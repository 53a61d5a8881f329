"""The transformer against the paper's recipe written out, and scikit-learn's contract."""

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from sklearn import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_checks

import dcgan
from dcgan.config import NetworkConfig, PackConfig
from dcgan.data.loader import derive, shuffled
from dcgan.errors import DCGANError, NotFiniteError
from dcgan.features.extractor import DiscriminatorFeatures
from dcgan.images import to_floats
from dcgan.model import Model
from dcgan.networks import Discriminator, initialise
from dcgan.presets import preset
from dcgan.size import Size
from tests.features.conftest import CHECKS, scaled, untrained

Pixels = NDArray[np.uint8]


@torch.no_grad()
def authors_features(network: Discriminator, fitted: Pixels, given: Pixels) -> torch.Tensor:
    """The authors' SVHN script in plain functions and float64: statistics, then features."""
    weights = [block[0].weight.double() for block in network.blocks.values()]  # type: ignore[index]
    norms = [block[1] for block in list(network.blocks.values())[1:]]  # type: ignore[index]
    padding = (network.config.kernel_size - 1) // 2

    def layers(x: torch.Tensor, statistics: Any) -> list[torch.Tensor]:
        maps = []
        for number, weight in enumerate(weights):
            x = F.conv2d(x, weight, stride=2, padding=padding)
            if number:
                mean, variance = statistics(number - 1, x)
                x = (x - mean[:, None, None]) / (variance[:, None, None] + 1e-8).sqrt()
                gain, shift = norms[number - 1].weight, norms[number - 1].bias
                x = x * gain[:, None, None] + shift[:, None, None]
            x = F.leaky_relu(x, 0.2)
            maps.append(x)
        return maps

    found: list[list[tuple[torch.Tensor, torch.Tensor]]] = [[] for _ in norms]

    def of_batch(number: int, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        mean = x.mean((0, 2, 3))
        variance = ((x - mean[:, None, None]) ** 2).mean((0, 2, 3))
        found[number].append((mean, variance))
        return mean, variance

    for start in range(0, len(fitted), 128):
        layers(to_floats(torch.from_numpy(fitted[start : start + 128])).double(), of_batch)

    def averaged(number: int, _: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        means, variances = zip(*found[number], strict=True)
        return torch.stack(means).mean(0), torch.stack(variances).mean(0)

    maps = layers(to_floats(torch.from_numpy(given)).double(), averaged)
    return torch.cat([F.max_pool2d(m, m.shape[-1] // 4).flatten(1) for m in maps], dim=1)


def plain_model(**options: Any) -> Model:
    config = NetworkConfig(size=Size(16, 16), width=8, latent_dim=6, input_bias=False)
    return untrained(replace(config, **options))


def test_equals_the_authors_recipe(pixels: Pixels) -> None:
    model = plain_model(kernel_size=5)
    transformer = DiscriminatorFeatures(model, device="cpu").fit(pixels[:280])
    found = transformer.transform(pixels[270:])
    wanted = authors_features(model.discriminator, pixels[:280], pixels[270:])
    assert found.shape == (30, (8 + 16) * 16)
    np.testing.assert_allclose(found, wanted.numpy(), atol=2e-5)


def test_the_given_model_stays_as_it_is(model: Model, pixels: Pixels) -> None:
    before = model.digest()
    DiscriminatorFeatures(model, device="cpu").fit_transform(pixels[:20])
    assert model.digest() == before
    assert all(not module.training for module in model.discriminator.modules())


@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_batches_of_any_length_give_the_same(model: Model, pixels: Pixels, batch_size: int) -> None:
    whole = DiscriminatorFeatures(model, batch_size=300, device="cpu").fit(pixels)
    parts = clone(whole).set_params(batch_size=batch_size).fit(pixels)
    np.testing.assert_allclose(
        parts.transform(pixels[:40]), whole.transform(pixels[:40]), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize(("name", "width"), [("imagenet32", 28_672), ("svhn", 7_168)])
def test_widths_of_the_paper(name: str, width: int) -> None:
    config = preset(name).network
    with torch.device("meta"):
        empty = Discriminator(config)
    discriminator = empty.to_empty(device="cpu")
    initialise(discriminator, torch.Generator().manual_seed(0))
    model = Model(untrained(replace(config, width=4)).generator, discriminator)
    transformer = DiscriminatorFeatures(model, device="cpu")
    found = transformer.fit_transform(np.zeros((2, 32, 32, 3), np.uint8))
    assert found.shape == (2, width)
    assert len(transformer.get_feature_names_out()) == width == transformer.width_


def test_whole_numbers_of_numpy(model: Model, pixels: Pixels) -> None:
    transformer = DiscriminatorFeatures(model, device="cpu").set_params(batch_size=np.int64(5))
    assert transformer.fit_transform(pixels[:7]).shape == (7, 384)


def test_stored_statistics(model: Model, pixels: Pixels) -> None:
    transformer = DiscriminatorFeatures(model, statistics="stored", device="cpu").fit(None)
    with torch.no_grad():
        maps = model.discriminator.features(to_floats(torch.from_numpy(pixels[:9])))
    wanted = torch.cat([F.max_pool2d(m, m.shape[-1] // 4).flatten(1) for m in maps.values()], 1)
    np.testing.assert_allclose(transformer.transform(pixels[:9]), wanted, atol=1e-5)


def test_layers_grid_and_names(model: Model, pixels: Pixels) -> None:
    every = DiscriminatorFeatures(model, statistics="stored", device="cpu").fit(None)
    assert list(every.steps_) == ["8x8", "4x4"]
    inner = clone(every).set_params(layers=["4x4"]).fit(None)
    chosen = [name.startswith("4x4_") for name in every.get_feature_names_out()]
    some = pixels[:5]
    assert np.array_equal(inner.transform(some), every.transform(some)[:, chosen])
    coarse = clone(every).set_params(grid=1, layers=("8x8",)).fit(None)
    wanted = every.transform(some)[:, : 8 * 16].reshape(5, 8, 16).max(axis=2)
    assert np.array_equal(coarse.transform(some), wanted)
    assert coarse.get_feature_names_out()[[0, -1]].tolist() == ["8x8_0_0_0", "8x8_7_0_0"]
    odd = clone(every).set_params(grid=3, layers=["8x8"]).fit(None).transform(some)
    maps = model.discriminator.features(to_floats(torch.from_numpy(some)))["8x8"]
    windows = [slice(0, 3), slice(2, 6), slice(5, 8)]
    for row, column in ((0, 1), (2, 2)):
        window = maps[:, :, windows[row], windows[column]].amax(dim=(2, 3)).detach()
        assert np.allclose(odd.reshape(5, 8, 3, 3)[:, :, row, column], window, atol=1e-6)


def test_float16(model: Model, pixels: Pixels) -> None:
    half = DiscriminatorFeatures(model, dtype="float16", device="cpu").fit(pixels)
    found, whole = half.transform(pixels), clone(half).set_params(dtype=np.float32).fit(pixels)
    assert found.dtype == np.float16
    assert np.array_equal(found, whole.transform(pixels).astype(np.float16))


def test_arrays_packs_and_sources_give_the_same(
    model: Model, pixels: Pixels, tmp_path: Path
) -> None:
    (tmp_path / "pictures").mkdir()
    for number, picture in enumerate(pixels[:30]):
        Image.fromarray(picture).save(tmp_path / "pictures" / f"{number:03}.png")
    model.save(tmp_path / "model.safetensors")
    transformer = DiscriminatorFeatures(model, device="cpu").fit(pixels[:30])
    wanted = transformer.transform(pixels[:30])
    pack = dcgan.pack(tmp_path / "pictures", tmp_path / "pack", PackConfig(size=Size(16, 16)))
    for given in (tmp_path / "pictures", str(tmp_path / "pack"), pack, list(pixels[:30])):
        assert np.array_equal(transformer.transform(given), wanted)
        # Packs go in an order by lot, which in one batch changes no more than the last digits.
        np.testing.assert_allclose(
            clone(transformer).fit(given).transform(given), wanted, atol=1e-5
        )
    from_file = DiscriminatorFeatures(tmp_path / "model.safetensors", device="cpu").fit(pixels[:30])
    assert np.array_equal(from_file.transform(torch.from_numpy(pixels[:30])), wanted)


def test_a_source_is_measured_in_an_order_by_lot(
    model: Model, pixels: Pixels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that no batch is of one class: fitting on them shuffled by hand gives the same."""
    for number, picture in enumerate(pixels):
        place = tmp_path / "pictures" / str(number // 150)
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(place / f"{number:03}.png")
    pack = dcgan.pack(tmp_path / "pictures", tmp_path / "pack", PackConfig(size=Size(16, 16)))
    transformer = DiscriminatorFeatures(model, device="cpu").fit(pack)
    order = shuffled(np.arange(300), 300, derive(42, "statistics", 0))
    by_hand = clone(transformer).fit(pixels[order])
    some = pixels[:20]
    assert np.array_equal(transformer.transform(some), by_hand.transform(some))
    assert not np.array_equal(
        transformer.transform(some), clone(transformer).fit(pixels).transform(some)
    )


def test_transform_to_a_file(model: Model, pixels: Pixels, tmp_path: Path) -> None:
    transformer = DiscriminatorFeatures(model, dtype="float16", batch_size=7, device="cpu")
    transformer.fit(pixels)
    found = transformer.transform_to(pixels[:30], tmp_path / "new" / "vectors.npy")
    assert isinstance(found, np.memmap)
    assert np.array_equal(found, transformer.transform(pixels[:30]))
    assert np.array_equal(np.load(tmp_path / "new" / "vectors.npy"), found)
    assert transformer.transform(pixels[:0]).shape == (0, 384)


def test_a_file_is_whole_or_not_there(
    model: Model, pixels: Pixels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    transformer = DiscriminatorFeatures(model, batch_size=10, device="cpu").fit(pixels)
    whole, calls = transformer.discriminator_.features, []

    def stopped(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return whole(*arguments)

    monkeypatch.setattr(transformer.discriminator_, "features", stopped)
    with pytest.raises(KeyboardInterrupt):
        transformer.transform_to(pixels, tmp_path / "vectors.npy")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", CHECKS)
def test_scikit_learns_checks(model: Model, name: str) -> None:
    check = getattr(estimator_checks, name)
    check("DiscriminatorFeatures", DiscriminatorFeatures(model, device="cpu"))


def test_in_a_pipeline_and_pickled(model: Model, pixels: Pixels) -> None:
    labels = np.arange(60) % 2
    pipeline = make_pipeline(
        DiscriminatorFeatures(model, device="cpu"), LogisticRegression(C=1e6, max_iter=1_000)
    )
    pipeline.fit(pixels[:60], labels)
    assert pipeline.score(pixels[:60], labels) == 1
    copied = pickle.loads(pickle.dumps(pipeline))
    assert np.array_equal(copied.predict(pixels), pipeline.predict(pixels))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"layers": ["88"]}, "The discriminator has no layer '88'. Did you mean '8x8'"),
        ({"layers": []}, "has layers, but `layers` names none. Possible: 8x8, 4x4."),
        ({"grid": 5}, "`grid` \\(=5\\) must be 1 to 4, the smallest map's side."),
        ({"grid": 0}, "`grid` \\(=0\\) must be 1 to 4"),
        ({"batch_size": 0}, "`batch_size` \\(=0\\) must be a whole number, 1 or more."),
        ({"statistics": "store"}, "no `statistics` 'store'. Did you mean 'stored'?"),
        ({"dtype": "float64"}, "`dtype` \\(=float64\\) must be float32 or float16."),
        ({"device": "abacus"}, "There is no `device` 'abacus' here."),
        ({"model": "nowhere"}, "There is no model file nowhere."),
    ],
)
def test_parameters_that_are_not_allowed(
    model: Model, pixels: Pixels, options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(DCGANError, match=sentence):
        DiscriminatorFeatures(**{"model": model, "device": "cpu", **options}).fit(pixels)


def test_pictures_of_another_kind(
    model: Model, pixels: Pixels, photos: Path, tmp_path: Path
) -> None:
    transformer = DiscriminatorFeatures(model, device="cpu")
    with pytest.raises(NotFittedError):
        transformer.transform(pixels)
    with pytest.raises(DCGANError, match="measured on one picture at least; none was given"):
        transformer.fit(pixels[:0])
    transformer.fit(pixels)
    sees = r"Pictures must be uint8 \(N, 16, 16, 3\), height x width x channels, or a "
    for given, words in (
        (pixels.astype(np.float32), r"float32 \(300, 16, 16, 3\)"),
        (pixels[0], r"uint8 \(16, 16, 3\)"),
        (pixels.transpose(0, 3, 1, 2), r"uint8 \(300, 3, 16, 16\)"),
        (pixels[..., :1], r"uint8 \(300, 16, 16, 1\)"),
        ([pixels[0], pixels[0, :9]], "list of unequal parts"),
        (dcgan.pack(photos, tmp_path / "p", PackConfig(size=Size(8, 8))), "a pack of 8x8x3"),
    ):
        with pytest.raises(DCGANError, match=f"{sees}source of pictures; {words} was given"):
            transformer.transform(given)
    with pytest.raises(DCGANError, match="There is no folder or archive nowhere"):
        transformer.transform("nowhere")


@pytest.mark.parametrize("factor", [np.nan, np.inf])
def test_features_that_are_not_finite(
    model: Model, pixels: Pixels, factor: float, tmp_path: Path
) -> None:
    broken = scaled(model, factor)
    words = "The model gives features that are NaN or infinite, as its weights are damaged or went"
    transformer = DiscriminatorFeatures(broken, device="cpu").fit(pixels)
    with pytest.raises(NotFiniteError, match=words):
        transformer.transform(pixels[:3])
    with pytest.raises(NotFiniteError, match=words):
        transformer.transform_to(pixels[:3], tmp_path / "vectors.npy")
    assert list(tmp_path.iterdir()) == []


def test_features_that_float16_does_not_hold(model: Model, pixels: Pixels) -> None:
    steep = DiscriminatorFeatures(scaled(model, 1e9), dtype="float16", device="cpu").fit(pixels)
    words = r"up to [1-9.]+e\+0[0-9], and float16 holds 65,504 at most; take float32: leave out --h"
    with pytest.raises(NotFiniteError, match=words):
        steep.transform(pixels[:3])
    found = clone(steep).set_params(dtype="float32").fit(pixels).transform(pixels[:3])
    assert np.isfinite(found).all()
    assert found.max() > 65_504


def test_a_model_that_is_not_sound_is_named(model: Model, pixels: Pixels, tmp_path: Path) -> None:
    steep, file = scaled(model, 1e9), tmp_path / "steep.safetensors"
    steep.save(file)
    transformer = DiscriminatorFeatures(file, dtype="float16", device="cpu").fit(pixels)
    with pytest.raises(NotFiniteError, match=f"The model {file} gives features up to"):
        transformer.transform(pixels[:3])


def test_a_conditional_model_is_refused(pixels: Pixels) -> None:
    model = plain_model(classes=3)
    with pytest.raises(DCGANError, match=r"told the class of a picture \(of 3\); unsupervised"):
        DiscriminatorFeatures(model, device="cpu").fit(pixels)
