"""Inception: its size, its features, and that only the published file is taken."""

import hashlib
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from dcgan.errors import DCGANError
from dcgan.metrics.inception import (
    DIGEST_START,
    Inception,
    average_pool,
    load_inception,
    maximum_pool,
)

PUBLISHED = [2.1718, 0.0797, 3.4369, 0.0068, 0.7789, 3.5583, 0.0, 0.2441]
PUBLISHED += [0.1955, 1.9587, 0.0, 0.111, 0.4219, 1.0585, 0.0661, 6.6999]


def start_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:8]


@pytest.fixture(scope="module")
def network() -> Inception:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Inception().eval()


@pytest.fixture(scope="module")
def file(network: Inception, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights as they were published: in a plain dictionary, without counters of batches."""
    path = tmp_path_factory.mktemp("inception") / "weights.pth"
    weights = {k: v for k, v in network.state_dict().items() if "num_batches" not in k}
    torch.save(weights, path)
    return path


def test_parameters_are_as_many_as_published(network: Inception) -> None:
    """21,785,568 without the last layer, as in Keras and torchvision; 1008 logits on top."""
    total = sum(parameter.numel() for parameter in network.parameters())
    assert total == 21_785_568 + 2048 * 1008 + 1008


def made_up(shapes: dict[str, torch.Size]) -> dict[str, Tensor]:
    """Weights of a fixed seed, of such a size that pictures get through all layers."""
    rng, weights = torch.Generator().manual_seed(0), {}
    for name, shape in sorted(shapes.items()):
        noise = torch.randn(shape, generator=rng)
        if name.endswith("running_var"):
            weights[name] = 1 + 0.2 * noise.clamp(-2, 2)
        elif name.endswith("bn.weight"):
            weights[name] = 1 + 0.2 * noise
        elif len(shape) > 1:
            weights[name] = noise * (2 / shape[1:].numel()) ** 0.5
        else:
            weights[name] = 0.2 * noise
    return weights


def test_features_are_those_of_the_published_network() -> None:
    """With these weights `InceptionV3([3])` of pytorch-fid 0.3.0 gave these, for a wide picture."""
    network = Inception().eval()
    shapes = {k: v.shape for k, v in network.state_dict().items() if "num_batches" not in k}
    network.load_state_dict(made_up(shapes), strict=False)
    images = torch.rand(1, 3, 20, 600, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.no_grad():
        features = network.features(images)[0, 64::128]
    torch.testing.assert_close(features, torch.tensor(PUBLISHED), rtol=0, atol=3e-4)


def test_the_file_round(network: Inception, file: Path) -> None:
    images = torch.rand(2, 3, 20, 30, generator=torch.Generator().manual_seed(0)) * 2 - 1
    loaded = load_inception(file, start_of(file))
    with torch.no_grad():
        torch.testing.assert_close(loaded.features(images), network.features(images))
    assert loaded.features(images).shape == (2, 2048)
    assert not loaded.training


def test_grey_and_transparent_pictures(network: Inception) -> None:
    grey = torch.rand(1, 1, 24, 24)
    with torch.no_grad():
        colour = network.features(grey.expand(-1, 3, -1, -1))
        torch.testing.assert_close(network.features(grey), colour)
        alpha = torch.cat([grey.expand(-1, 3, -1, -1), torch.rand(1, 1, 24, 24)], dim=1)
        torch.testing.assert_close(network.features(alpha), colour)


def test_pools_keep_the_size_and_leave_out_the_padding() -> None:
    ones = torch.ones(1, 1, 4, 5)
    assert torch.equal(average_pool(ones), ones)
    assert torch.equal(maximum_pool(-ones), -ones)
    x = torch.arange(20.0).view(1, 1, 4, 5)
    assert average_pool(x)[0, 0, 0, 0] == (0 + 1 + 5 + 6) / 4
    assert torch.equal(maximum_pool(x)[..., 1:-1, 1:-1], F.max_pool2d(x, 3, 1))


def test_another_file_is_refused(file: Path) -> None:
    with pytest.raises(DCGANError, match=f"not the published file.* begins with .*{DIGEST_START}"):
        load_inception(file)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(DCGANError, match=r"Cannot read .*none\.pth.*can be had at https://"):
        load_inception(tmp_path / "none.pth")


def test_a_file_with_something_else(tmp_path: Path) -> None:
    other = tmp_path / "other.pth"
    torch.save({"fc.weight": torch.zeros(3)}, other)
    with pytest.raises(DCGANError, match="does not hold the weights of Inception"):
        load_inception(other, start_of(other))
    other.write_bytes(b"no weights at all")
    with pytest.raises(DCGANError, match="does not hold the weights of Inception"):
        load_inception(other, start_of(other))
