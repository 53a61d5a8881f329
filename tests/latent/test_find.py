"""Samples that are as one wishes: what classifiers learn, and who is found."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import dcgan
from dcgan.config import PackConfig
from dcgan.errors import DCGANError
from dcgan.latent.judging import (
    HELD_OUT,
    Wish,
    examples,
    eyes_of,
    judges_for,
    parse_wishes,
    scores,
)
from dcgan.model import Model
from tests.latent.conftest import COUNT


def light(model: Model, seeds: list[int]) -> float:
    return float(model.sample(seeds).float().mean())


@pytest.mark.parametrize("column", ["bright", "light"])
def test_bright_and_dark_ones(model: Model, labelled: Path, column: str) -> None:
    yes, no = ("yes", "no") if column == "bright" else ("high", "low")
    bright = dcgan.find(model, labelled, f"{column}={yes}", count=10, seeds="0-299", device="cpu")
    dark = dcgan.find(model, labelled, f"{column}={no}", count=10, seeds="0-299", device="cpu")
    middle = light(model, list(range(300)))
    assert light(model, dark.seeds) < middle < light(model, bright.seeds)
    assert bright.accuracies[f"{column}={yes}"] > 0.9
    assert (np.diff(bright.values) <= 0).all()
    assert not set(bright.seeds) & set(dark.seeds)


def test_several_wishes_take_the_worst(model: Model, labelled: Path, tmp_path: Path) -> None:
    out = tmp_path / "found.png"
    wishes = "bright=yes,light=low"
    both = dcgan.find(model, labelled, wishes, out, count=300, seeds="0-299", device="cpu")
    values = []
    for wish in wishes.split(","):
        one = dcgan.find(model, labelled, wish, count=300, seeds=range(300), device="cpu")
        values.append(dict(zip(one.seeds, one.values, strict=True)))
    for seed, value in zip(both.seeds, both.values, strict=True):
        assert value == pytest.approx(min(values[0][seed], values[1][seed]))
    with Image.open(out) as picture:
        assert np.array_equal(np.asarray(picture), np.asarray(both.sheet))
    assert torch.equal(both.pictures, model.sample(both.seeds))


def test_judges_of_other_scales_have_an_equal_say(model: Model, labelled: Path) -> None:
    """A classifier on features a hundred times as large has weights a hundredth as large."""
    eyes = eyes_of(model, "cpu")
    (judge,) = judges_for(eyes, model, labelled, [Wish("bright", "yes")])
    louder = copy.deepcopy(judge.machine)
    louder.coef_, louder.intercept_ = 100 * louder.coef_, 100 * louder.intercept_
    both = [judge, judge._replace(machine=louder, spread=100 * judge.spread)]
    one, other = scores(eyes, both, model, range(9)).T
    assert np.allclose(one, other, rtol=1e-4)
    pack = dcgan.pack(labelled, labelled.parent / "pack", PackConfig(size=model.config.size))
    those, others = examples(pack, Wish("bright", "yes"))
    held_out = np.concatenate([those[::HELD_OUT], others[::HELD_OUT]])
    values = judge.machine.decision_function(eyes.transform(pack.pictures(held_out)))
    assert judge.spread == pytest.approx(values.std())


def test_three_exemplars_by_default(model: Model, labelled: Path) -> None:
    found = dcgan.find(model, labelled, "bright=yes", seeds="0-99", device="cpu")
    assert len(found.seeds) == 3
    assert found.sheet.width == 3 * 66 + 2 < 2 * found.sheet.height


def test_examples(labelled: Path) -> None:
    pack = dcgan.pack(labelled, labelled.parent / "pack", PackConfig(size=None))
    those, others = examples(pack, Wish("bright", "yes"))
    assert len(those) == len(others) == COUNT // 2
    assert set(those) == set(range(COUNT // 2, COUNT))
    lowest, highest = examples(pack, Wish("light", "low"))
    assert set(lowest) == set(range(COUNT // 4))
    assert set(highest) == set(range(3 * COUNT // 4, COUNT))


@pytest.mark.parametrize("text", ["", "smile", "smile=", "=yes", "smile=yes,", "a=b,,c=d"])
def test_wishes_of_another_form(text: str) -> None:
    with pytest.raises(DCGANError, match=r"What is wanted \(=.*\) must look like smile=yes"):
        parse_wishes(text)


def test_wishes() -> None:
    assert parse_wishes("smile=yes, hair=b=c") == [Wish("smile", "yes"), Wish("hair", "b=c")]


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("brigt=yes", "labelled has no label column 'brigt'. Did you mean 'bright'?"),
        ("bright=yess", "column 'bright' has no value 'yess'. Did you mean 'yes'?"),
        ("light=200", "column 'light' has no value '200'. Possible: low, high."),
    ],
)
def test_unknown_labels(model: Model, labelled: Path, wanted: str, words: str) -> None:
    with pytest.raises(DCGANError, match=words.replace("?", r"\?")):
        dcgan.find(model, labelled, wanted, device="cpu")


def test_too_few_examples(model: Model, classes: Path) -> None:
    words = "Pictures of animals with class=bee: 4; others to compare them with: 8; 10 at least"
    with pytest.raises(DCGANError, match=words):
        dcgan.find(model, classes, "class=bee", device="cpu")


def test_other_refusals(model: Model, conditional: Model, labelled: Path, tmp_path: Path) -> None:
    with pytest.raises(DCGANError, match="found.xyz must end in one of"):
        dcgan.find(model, labelled, "bright=yes", tmp_path / "found.xyz")
    with pytest.raises(DCGANError, match="needs? a model without classes"):
        dcgan.find(conditional, labelled, "bright=yes", device="cpu")
    with pytest.raises(DCGANError, match="`count` \\(=0\\) must be 1 or more"):
        dcgan.find(model, labelled, "bright=yes", count=0)
    with pytest.raises(DCGANError, match="No seed was given to choose from"):
        dcgan.find(model, labelled, "bright=yes", seeds=[])


def test_misses_are_said(model: Model, labelled: Path, caplog: pytest.LogCaptureFixture) -> None:
    found = dcgan.find(model, labelled, "bright=yes", count=30, seeds="0-9", device="cpu")
    assert len(found.seeds) == 10
    right = int((found.values > 0).sum())
    assert (
        f"As wished, by the classifiers: only {right} of 10 samples; choose from more `seeds`"
        in caplog.text
    )
