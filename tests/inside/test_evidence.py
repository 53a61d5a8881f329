"""Positions inside and outside of boxes, and the regression on them."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from dcgan.errors import DCGANError
from dcgan.inside.boxes import Box, boxes_around
from dcgan.inside.detector import Detector, Lesson
from dcgan.inside.evidence import find_boxes, gather, outside
from dcgan.inside.regression import held_out_accuracy, weights_of
from dcgan.model import Model
from dcgan.sample import latents_of
from dcgan.size import Size

LEFT_HALF = (Box(0, 0, 8, 16),)


def test_gather(model: Model) -> None:
    """Every position inside, and of each sample as many outside, with their activations."""
    boxes = dict.fromkeys(range(200), LEFT_HALF) | {7: (), 300: (Box(0, 0, 16, 12),)}
    found = gather(model.generator, boxes, "8x8")
    assert found.vectors.shape == (199 * 64 + 48 + 16, 8)
    assert found.inside.sum() == 199 * 32 + 48
    assert found.seeds[:64].tolist() == [0] * 64
    assert np.unique(found.seeds).tolist() == [*range(7), *range(8, 200), 300]
    maps = model.generator.features(latents_of([300], model.config))["8x8"][0].permute(1, 2, 0)
    wanted = maps.flatten(0, 1).numpy(force=True)
    np.testing.assert_allclose(found.vectors[-64:], wanted, rtol=1e-4, atol=1e-6)
    again = gather(model.generator, boxes, "8x8", seed=1)
    assert np.array_equal(again.inside, found.inside)


def test_outside() -> None:
    covers = np.zeros((6, 6), bool)
    covers[:2] = True
    one, other = outside(covers, 1), outside(covers, 2)
    assert one.sum() == 12
    assert not (one & covers).any()
    assert not np.array_equal(one, other)
    assert np.array_equal(outside(~covers, 1), covers)


def test_too_few(model: Model) -> None:
    with pytest.raises(DCGANError, match="No boxes are given"):
        gather(model.generator, {1: (), 2: ()}, "4x4")
    few = {seed: (Box(0, 0, 4, 4), Box(8, 8, 12, 12)) for seed in range(3)}
    with pytest.raises(
        DCGANError, match="4x4 has too few positions inside of the boxes: 6, and at"
    ):
        gather(model.generator, few, "4x4")
    everything = {seed: (Box(0, 0, 16, 16),) for seed in range(9)}
    with pytest.raises(
        DCGANError, match="8x8 has too few positions outside of the boxes: 0, and at least 20"
    ):
        gather(model.generator, everything, "8x8")


def test_find_boxes(model: Model) -> None:
    """As the detector's masks have it, whatever the batches."""
    torch.manual_seed(0)
    detector = Detector(Lesson(Size(16, 16))).eval()
    bias = detector.to_logits.bias
    assert bias is not None
    torch.nn.init.constant_(bias, 5.0)
    found = find_boxes(model.generator, detector, range(130))
    assert list(found) == list(range(130))
    masks = torch.ones(1, 16, 16, dtype=torch.bool)
    assert found[129] == boxes_around(masks, 1)[0]
    torch.nn.init.constant_(bias, -500.0)
    with pytest.raises(DCGANError, match="finds nothing in 30 samples of this model; try more"):
        find_boxes(model.generator, detector, range(30))


def test_weights() -> None:
    """The minimum of the logistic loss with half the squared length of the weights."""
    rng = np.random.default_rng(0)
    inside = np.arange(400) % 2 == 0
    vectors = rng.random((400, 5)).astype(np.float32)
    vectors[inside, 1] += 0.6
    vectors[~inside, 3] += 0.6
    vectors[:, 4] = 0
    weights = weights_of(vectors, inside, 1.0)
    assert weights[1] > 1 > -1 > weights[3]
    assert weights[4] == 0
    # At the minimum the errors are orthogonal to ones, and to each map but for the weight.
    table = torch.from_numpy(vectors).double()
    intercept = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    slope = torch.from_numpy(weights)
    for _ in range(50):
        errors = torch.sigmoid(table @ slope + intercept) - torch.from_numpy(inside).double()
        curvature = (0.25 - errors.abs().clamp(max=0.5).sub(0.5).square()).sum().clamp(min=1)
        intercept = (intercept - errors.sum() / curvature).detach()
    errors = torch.sigmoid(table @ slope + intercept) - torch.from_numpy(inside).double()
    torch.testing.assert_close(-(table.T @ errors), slope, rtol=0.02, atol=0.02)


def test_accuracy_is_measured_on_samples_that_were_held_out() -> None:
    """Maps that tell positions apart in one sample alone do not help in another."""
    rng = np.random.default_rng(0)
    seeds = np.repeat(np.arange(10), 40)
    inside = np.arange(400) % 2 == 0
    noise = rng.random((400, 10)).astype(np.float32)
    noise[np.arange(400), seeds] += 9 * inside  # a map for each sample
    assert held_out_accuracy(noise, inside, seeds, 1.0) == pytest.approx(0.5, abs=0.15)
    noise[:, 0] = rng.random(400) + 0.8 * inside
    found = held_out_accuracy(noise[:, :1], inside, seeds, 1.0)
    part = np.isin(seeds, [4, 9])
    one = LogisticRegression(tol=1e-8).fit(noise[~part, :1], inside[~part])
    assert found == one.score(noise[part, :1], inside[part])
    assert found
    assert 0.8 < found < 1


def test_too_few_samples_to_hold_one_out() -> None:
    vectors, inside = np.ones((80, 2), np.float32), np.arange(80) % 2 == 0
    assert held_out_accuracy(vectors, inside, np.repeat([3, 5, 8, 9], 20), 1.0) is None
    assert held_out_accuracy(vectors, inside, np.repeat([3, 5, 8, 9, 11], 16), 1.0) is not None
    seeds = np.where(inside, 1, np.arange(80))
    assert held_out_accuracy(vectors, inside, seeds, 1.0) is None
