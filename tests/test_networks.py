"""The networks against the paper's numbers and against the layers written out by hand."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dcgan.config import NetworkConfig
from dcgan.errors import DCGANError
from dcgan.networks import (
    Discriminator,
    Generator,
    count_parameters,
    initialise,
    plan,
    plan_text,
)
from dcgan.presets import preset
from dcgan.size import Size


@pytest.mark.parametrize(
    ("name", "generator", "discriminator"),
    [
        ("paper", 18_885_760, 17_232_768),
        ("faces", 18_885_760, 17_232_768),
        ("svhn", 1_446_976, 1_033_664),
        ("imagenet32", 6_690_688, 4_586_112),
        ("mnist", 6_820_538, 6_688_202),
    ],
)
def test_parameter_counts(name: str, generator: int, discriminator: int) -> None:
    config = preset(name).network
    if name == "mnist":
        config = preset(name).fitted(Size(28, 28), 1, 10).network
    with torch.device("meta"):
        assert count_parameters(Generator(config)) == generator
        assert count_parameters(Discriminator(config)) == discriminator
    rows = plan(config)
    assert sum(r.parameters for r in rows if r.network == "Generator") == generator
    assert sum(r.parameters for r in rows if r.network == "Discriminator") == discriminator


@pytest.mark.parametrize("size", ["16", "28", "24x40", "40x24", "48x80"])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(("kernel_size", "convolutions"), [(4, 1), (5, 1), (3, 2), (2, 1), (6, 1)])
def test_any_shape(size: str, channels: int, kernel_size: int, convolutions: int) -> None:
    config = NetworkConfig(
        size=Size.of(size),
        channels=channels,
        width=4,
        latent_dim=5,
        kernel_size=kernel_size,
        convolutions=convolutions,
    )
    generator, discriminator = Generator(config), Discriminator(config)
    pictures = generator(torch.randn(3, 5))
    assert pictures.shape == (3, channels, *Size.of(size))
    assert pictures.dtype == torch.float32
    assert pictures.abs().max() <= 1
    assert discriminator(pictures).shape == (3,)


@pytest.mark.parametrize("output", ["tanh", "sigmoid"])
@pytest.mark.parametrize("hidden_units", [0, 7])
@pytest.mark.parametrize(
    ("classes", "conditioning"), [(0, "projection"), (3, "projection"), (3, "joined")]
)
def test_options_combine(output: str, hidden_units: int, classes: int, conditioning: str) -> None:
    config = NetworkConfig(
        size=Size(16, 16),
        width=4,
        classes=classes,
        conditioning=conditioning,  # type: ignore[arg-type]
        hidden_units=hidden_units,
        output=output,  # type: ignore[arg-type]
    )
    labels = torch.tensor([0, 1, 2]) if classes else None
    pictures = Generator(config)(torch.randn(3, 100), labels)
    assert pictures.shape == (3, 3, 16, 16)
    assert pictures.min() >= -1
    assert Discriminator(config)(pictures, labels).shape == (3,)


def normalised(x: Tensor, gain: Tensor | None, shift: Tensor | None) -> Tensor:
    """Batch norm by the formula, with the batch's statistics."""
    axes = (0,) if x.dim() == 2 else (0, 2, 3)
    variance, mean = torch.var_mean(x, axes, correction=0, keepdim=True)
    x = (x - mean) / torch.sqrt(variance + 1e-8)
    if gain is None or shift is None:
        return x
    shape = (1, -1) if x.dim() == 2 else (1, -1, 1, 1)
    return x * gain.view(shape) + shift.view(shape)


def test_generator_written_out() -> None:
    config = NetworkConfig(size=Size(32, 32), width=4, latent_dim=6, kernel_size=5)
    generator = Generator(config).double()
    p = dict(generator.named_parameters())
    z = torch.randn(5, 6, dtype=torch.float64)
    x = normalised(z @ p["project.0.weight"].T, p["project.1.weight"], p["project.1.bias"]).relu()
    x = x.reshape(5, 16, 4, 4)
    for grid in ("8x8", "16x16"):
        x = F.conv_transpose2d(
            x, p[f"blocks.{grid}.0.weight"], stride=2, padding=2, output_padding=1
        )
        x = normalised(x, p[f"blocks.{grid}.1.weight"], p[f"blocks.{grid}.1.bias"]).relu()
    x = F.conv_transpose2d(x, p["to_image.weight"], stride=2, padding=2, output_padding=1).tanh()
    torch.testing.assert_close(generator(z), x, rtol=1e-9, atol=1e-9)


def test_discriminator_written_out() -> None:
    config = NetworkConfig(size=Size(32, 32), width=4, kernel_size=5, input_bias=False)
    discriminator = Discriminator(config).double()
    p = dict(discriminator.named_parameters())
    images = torch.rand(5, 3, 32, 32, dtype=torch.float64) * 2 - 1
    x = F.leaky_relu(F.conv2d(images, p["blocks.16x16.0.weight"], stride=2, padding=2), 0.2)
    for grid in ("8x8", "4x4"):
        x = F.conv2d(x, p[f"blocks.{grid}.0.weight"], stride=2, padding=2)
        x = normalised(x, p[f"blocks.{grid}.1.weight"], p[f"blocks.{grid}.1.bias"])
        x = F.leaky_relu(x, 0.2)
    logits = (x.reshape(5, -1) @ p["to_logit.weight"].T)[:, 0]
    torch.testing.assert_close(discriminator(images), logits, rtol=1e-9, atol=1e-9)
    features = discriminator.features(images)
    assert list(features) == ["16x16", "8x8", "4x4"]
    torch.testing.assert_close(features["4x4"], x, rtol=1e-9, atol=1e-9)


def test_conditional_mnist_written_out() -> None:
    """Labels join every layer's input, after x: 110, 1034, 138, 74; and 11, 74, 6282, 1034."""
    config = preset("mnist").fitted(Size(28, 28), 1, 10).network
    generator, discriminator = Generator(config).double(), Discriminator(config).double()
    g, d = (dict(network.named_parameters()) for network in (generator, discriminator))
    labels = torch.tensor([3, 1, 4])
    y = torch.eye(10, dtype=torch.float64)[labels]

    def planes(x: Tensor) -> Tensor:
        return torch.cat([x, y[:, :, None, None] * torch.ones_like(x[:, :1])], 1)

    z = torch.randn(3, 100, dtype=torch.float64)
    x = normalised(torch.cat([z, y], 1) @ g["hidden.0.weight"].T, None, None).relu()
    x = normalised(torch.cat([x, y], 1) @ g["project.0.weight"].T, None, None).relu()
    x = planes(x.reshape(3, 128, 7, 7))
    x = F.conv_transpose2d(x, g["blocks.14x14.0.weight"], stride=2, padding=2, output_padding=1)
    x = planes(normalised(x, None, None).relu())
    x = F.conv_transpose2d(x, g["to_image.weight"], stride=2, padding=2, output_padding=1)
    pixels = x.sigmoid()
    images = generator(z, labels)
    torch.testing.assert_close(images, pixels * 2 - 1, rtol=1e-7, atol=1e-9)

    x = F.leaky_relu(F.conv2d(planes(pixels), d["blocks.14x14.0.weight"], None, 2, 2), 0.2)
    x = F.conv2d(planes(x), d["blocks.7x7.0.weight"], None, 2, 2)
    x = F.leaky_relu(normalised(x, None, None), 0.2).reshape(3, -1)
    x = normalised(torch.cat([x, y], 1) @ d["hidden.0.weight"].T, None, None)
    x = torch.cat([F.leaky_relu(x, 0.2), y], 1)
    logits = (x @ d["to_logit.weight"].T)[:, 0]
    torch.testing.assert_close(discriminator(images, labels), logits, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("hidden_units", [0, 7])
def test_projection_written_out(hidden_units: int) -> None:
    """A gain and a shift by class after G's batch norm, a vector by class for D's last maps."""
    config = NetworkConfig(
        size=Size(16, 16), width=4, classes=3, latent_dim=6, hidden_units=hidden_units
    )
    generator, discriminator = Generator(config).double(), Discriminator(config).double()
    g, d = (dict(network.named_parameters()) for network in (generator, discriminator))
    labels = torch.tensor([2, 0, 2, 1])
    y = torch.eye(3, dtype=torch.float64)[labels]
    x = z = torch.randn(4, 6, dtype=torch.float64)
    for dense in ("hidden", "project") if hidden_units else ("project",):
        x = torch.cat([x, y], 1) @ g[f"{dense}.0.weight"].T
        x = normalised(x, g[f"{dense}.1.weight"], g[f"{dense}.1.bias"]).relu()
    x = F.conv_transpose2d(x.reshape(4, 8, 4, 4), g["blocks.8x8.0.weight"], stride=2, padding=1)
    x = normalised(x, g["blocks.8x8.1.weight"], g["blocks.8x8.1.bias"])
    gains, shifts = g["blocks.8x8.by_class.weight"].T[labels].reshape(4, 2, 4, 1, 1).unbind(1)
    x = (x + gains * x + shifts).relu()
    images = F.conv_transpose2d(x, g["to_image.weight"], stride=2, padding=1).tanh()
    torch.testing.assert_close(generator(z, labels), images, rtol=1e-9, atol=1e-9)
    features = generator.features(z, labels)
    torch.testing.assert_close(features["8x8"], x, rtol=1e-9, atol=1e-9)
    for layer, maps in features.items():
        torch.testing.assert_close(generator.from_features(layer, maps, labels), images)

    *_, x = discriminator.features(images, labels).values()
    assert torch.equal(x, discriminator.features(images, 0 * labels)["4x4"]), "of any class"
    if hidden_units:
        x = x.flatten(1) @ d["hidden.0.weight"].T
        x = normalised(x, d["hidden.1.weight"], d["hidden.1.bias"])
        x = F.leaky_relu(x, 0.2)[:, :, None, None]
    logits = (x.flatten(1) @ d["to_logit.weight"].T)[:, 0]
    logits = logits + (x.sum((2, 3)) * d["to_class_logits.weight"][labels]).sum(1)
    torch.testing.assert_close(discriminator(images, labels), logits, rtol=1e-9, atol=1e-9)


def test_imagenet_layers() -> None:
    rows = {(r.network, r.name): r.output for r in plan(preset("imagenet32").network)}
    assert rows["Generator", "8x8b"] == (256, 8, 8)
    assert rows["Generator", "32x32"] == (128, 32, 32)
    assert rows["Discriminator", "32x32"] == (128, 32, 32)
    assert rows["Discriminator", "16x16"] == (128, 16, 16)
    assert rows["Discriminator", "16x16b"] == (256, 16, 16)
    assert rows["Discriminator", "4x4"] == (512, 4, 4)


@pytest.mark.parametrize("name", ["svhn", "paper", "imagenet32"])
def test_where_batch_norm_stands(name: str) -> None:
    config = preset(name).network
    with torch.device("meta"):
        generator, discriminator = Generator(config), Discriminator(config)
    norms = [m for m in generator.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]
    assert isinstance(norms[0], nn.BatchNorm1d)
    assert norms[0].num_features == dict(generator.named_parameters())["project.0.weight"].shape[0]
    assert isinstance(generator.to_image, nn.ConvTranspose2d)
    first, *others = discriminator.blocks.values()
    assert not any(isinstance(m, nn.BatchNorm2d) for m in first.modules())
    assert all(any(isinstance(m, nn.BatchNorm2d) for m in b.modules()) for b in others)
    layers = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
    for module in [*generator.modules(), *discriminator.modules()]:
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            assert module.eps == 1e-8
        if isinstance(module, layers):
            assert module.bias is None


def test_the_paper_s_discriminator_is_blind_to_contrast() -> None:
    images = torch.rand(6, 3, 16, 16, dtype=torch.float64) * 2 - 1
    for input_bias in (False, True):
        config = NetworkConfig(size=Size(16, 16), width=4, input_bias=input_bias)
        discriminator = Discriminator(config).double()
        bright, faint = discriminator(images), discriminator(images * 0.3)
        assert torch.allclose(bright, faint, rtol=1e-3) != input_bias


def test_initial_weights() -> None:
    config = NetworkConfig(size=Size(32, 32), width=64)
    generator = Generator(config)
    initialise(generator, torch.Generator().manual_seed(1))
    for name, parameter in generator.named_parameters():
        if name.endswith("bias"):
            assert parameter.abs().max() == 0
            continue
        centre = 1.0 if parameter.dim() == 1 else 0.0
        assert abs(parameter.mean().item() - centre) < 0.01, name
        assert abs(parameter.std().item() - 0.02) < 0.005, name
    again = Generator(config)
    initialise(again, torch.Generator().manual_seed(1))
    assert all(map(torch.equal, generator.parameters(), again.parameters()))


def test_training_leaves_stored_statistics_alone() -> None:
    generator = Generator(NetworkConfig(size=Size(16, 16), width=4))
    before = {k: v.clone() for k, v in generator.state_dict().items() if "running" in k}
    generator.train()(torch.randn(8, 100))
    assert before
    assert all(torch.equal(v, generator.state_dict()[k]) for k, v in before.items())


@pytest.mark.parametrize(("classes", "labels"), [(0, torch.tensor([1, 2])), (3, None)])
def test_labels_must_fit(classes: int, labels: Tensor | None) -> None:
    config = NetworkConfig(size=Size(16, 16), width=4, classes=classes)
    with pytest.raises(DCGANError, match=f"{classes} classes, but .* given"):
        Generator(config)(torch.randn(2, 100), labels)
    with pytest.raises(DCGANError, match=f"{classes} classes, but .* given"):
        Discriminator(config)(torch.zeros(2, 3, 16, 16), labels)


def test_plan_text() -> None:
    text = plan_text(preset("paper").network)
    assert "Generator: 18,885,760 parameters" in text
    assert "1024 x 4 x 4" in text
    assert len(text.splitlines()) == 12
