"""The supervised network: it learns, ends at its best moment, and says what is wrong."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from dcgan.baselines.cnn import SupervisedCNN, Trial, draw_trial
from dcgan.config import NetworkConfig
from dcgan.errors import DCGANError
from dcgan.images import to_floats

SHAPE = NetworkConfig(width=4, input_bias=False)


def coloured(count: int, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.str_]]:
    """Pictures (N, 8, 8, 3) with a red or a blue half."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 120, (count, 8, 8, 3), np.uint8)
    kinds = rng.integers(2, size=count)
    pixels[np.arange(count), :, :4, kinds * 2] += 100
    return pixels, np.array(["red", "blue"])[kinds]


def test_it_learns() -> None:
    pixels, labels = coloured(60, 0)
    machine = SupervisedCNN(SHAPE, epochs=30, batch=16, device="cpu").fit(pixels, labels)
    others, answers = coloured(80, 1)
    assert machine.error(others, answers) < 0.1
    assert machine.classes_.tolist() == ["blue", "red"]
    assert machine.epochs_ == 30
    again = SupervisedCNN(SHAPE, epochs=30, batch=16, device="cpu").fit(pixels, labels)
    assert np.array_equal(machine.predict(others), again.predict(others))


def test_logits_are_the_discriminators_maps_and_a_dense_layer() -> None:
    pixels, labels = coloured(20, 0)
    machine = SupervisedCNN(SHAPE, epochs=1, device="cpu").fit(pixels, labels)
    network, images = machine.network_.eval(), to_floats(torch.from_numpy(pixels))
    with torch.no_grad():
        *_, maps = network.trunk.features(images).values()
        expected = F.linear(maps.flatten(1), network.to_logits.weight, network.to_logits.bias)
        assert torch.allclose(network(images), expected)


def test_a_shape_with_a_dense_layer_more() -> None:
    """Of the discriminator the convolutions alone are taken."""
    pixels, labels = coloured(20, 0)
    shape = replace(SHAPE, hidden_units=7)
    made, plain = (SupervisedCNN(s, epochs=1, device="cpu") for s in (shape, SHAPE))
    found = [machine.fit(pixels, labels).predict(pixels) for machine in (made, plain)]
    assert found[0].tolist() == found[1].tolist()


def test_the_best_moment_is_kept() -> None:
    pixels, labels = coloured(40, 0)
    others, answers = coloured(60, 1)
    machine = SupervisedCNN(
        SHAPE, epochs=60, interval=1, learning_rate=1e-2, batch=8, device="cpu"
    ).fit(pixels, labels, others, answers)
    assert machine.epochs_ < 60
    ended = SupervisedCNN(
        SHAPE, epochs=machine.epochs_, learning_rate=1e-2, batch=8, device="cpu"
    ).fit(pixels, labels)
    assert machine.error(others, answers) <= ended.error(others, answers) + 1e-9


def test_nothing_is_dropped_where_nothing_is_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels, labels = coloured(40, 0)
    modes = []
    error = SupervisedCNN.error

    def watched(machine: SupervisedCNN, *arguments: Any) -> float:
        found = error(machine, *arguments)
        modes.append(machine.network_.dropout.training)
        assert found == error(machine, *arguments)
        return found

    monkeypatch.setattr(SupervisedCNN, "error", watched)
    machine = SupervisedCNN(SHAPE, epochs=6, interval=2, dropout=0.7, device="cpu")
    machine.fit(pixels, labels, pixels, labels)
    assert modes == [False] * 3


def test_trials_lie_in_the_ranges() -> None:
    trials = [draw_trial(1, number) for number in range(200)]
    assert len(set(trials)) == 200
    assert draw_trial(1, 7) == trials[7] != draw_trial(2, 7)
    columns = Trial(*map(list, zip(*trials, strict=True)))  # type: ignore[arg-type]
    for values, low, high in (
        (columns.learning_rate, 1e-4, 1e-2),
        (columns.l2, 1e-6, 1e-2),
        (columns.dropout, 0, 0.7),
    ):
        assert low <= min(values) < max(values) <= high  # type: ignore[call-overload]
    assert set(columns.batch) == {32, 64, 128}  # type: ignore[call-overload]
    assert set(columns.init) == {"0.02", "he"}
    assert set(columns.beta1) == {0.5, 0.9}  # type: ignore[call-overload]


def test_bad_input() -> None:
    pixels, labels = coloured(20, 0)
    with pytest.raises(DCGANError, match="There are 20 pictures and 19 labels"):
        SupervisedCNN(SHAPE, device="cpu").fit(pixels, labels[1:])
    with pytest.raises(DCGANError, match="There are 20 pictures to validate on and 0 labels"):
        SupervisedCNN(SHAPE, device="cpu").fit(pixels, labels, pixels)
    for name in ("batch", "epochs", "interval"):
        machine = SupervisedCNN(SHAPE, device="cpu").set_params(**{name: 0})
        with pytest.raises(DCGANError, match=rf"`{name}` \(=0\) must be a whole number"):
            machine.fit(pixels, labels)
    with pytest.raises(DCGANError, match="There is no `init` 'she'. Did you mean 'he'"):
        SupervisedCNN(SHAPE, init="she", device="cpu").fit(pixels, labels)
    for options, words in (
        ({"init": 0.02}, "There is no `init` 0.02. Did you mean '0.02'"),
        ({"dropout": 2}, r"`dropout` \(=2\) must be a number, 0 or more and below 1"),
        ({"learning_rate": -1}, r"`learning_rate` \(=-1\) must be a number above 0"),
        ({"beta1": 1.5}, r"`beta1` \(=1.5\) must be a number, 0 or more and below 1"),
        ({"l2": -1e-3}, r"`l2` \(=-0.001\) must be a number, 0 or more\."),
    ):
        with pytest.raises(DCGANError, match=words):
            SupervisedCNN(SHAPE, device="cpu", **options).fit(pixels, labels)
    with pytest.raises(DCGANError, match=r"must be one for each picture, \(N,\); \(20, 1\) was"):
        SupervisedCNN(SHAPE, device="cpu").fit(pixels, labels[:, None])
    with pytest.raises(DCGANError, match="one class alone"):
        SupervisedCNN(SHAPE, device="cpu").fit(pixels, np.zeros(20))
    machine = SupervisedCNN(SHAPE, epochs=1, device="cpu").fit(pixels, labels)
    with pytest.raises(DCGANError, match=r"must be uint8 \(N, 8, 8, 3\)"):
        machine.predict(pixels[:, :4])
    with pytest.raises(DCGANError, match="There are 20 pictures and 3 labels"):
        machine.error(pixels, labels[:3])


def test_answers_to_no_pictures() -> None:
    pixels, labels = coloured(20, 0)
    machine = SupervisedCNN(SHAPE, epochs=1, device="cpu").set_params(batch=np.int64(8))
    found = machine.fit(pixels, labels).predict(pixels[:0])
    assert found.shape == (0,)
    assert found.dtype == labels.dtype
