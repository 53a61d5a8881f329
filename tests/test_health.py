"""Looks at a run: each number against its definition, each finding from runs known to be sick."""

import copy
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import dcgan
from dcgan.config import PackConfig
from dcgan.data.loader import Loader
from dcgan.data.packing import open_pack
from dcgan.data.worlds import FACES
from dcgan.health import Health, findings
from dcgan.looks import LOOKED_AT, Look, share_above
from dcgan.losses import discriminator_loss, generator_loss
from dcgan.presets import preset
from dcgan.size import Size
from dcgan.step import StepLosses, TrainState, train_step
from tests.conftest import TINY

SOUND = Look(
    images_seen=0,
    answer_on_real=0.75,
    answer_on_held_out=0.74,
    answer_on_generated=0.3,
    told_apart=0.94,
    by_heart=0.51,
    diversity=0.95,
    most_diverse=1.0,
    contrast=1.0,
    company=0.12,
    overshot=1.5,
    maps={"4x4": 128, "8x8": 64},
    dead={"4x4": 0, "8x8": 0},
    swinging={"4x4": 0, "8x8": 0},
)


def looks(*changes: dict[str, Any]) -> list[Look]:
    """Looks in order, each sound but for what is said of it."""
    moments = range(12_800, 12_800 * (len(changes) + 1), 12_800)
    return [SOUND._replace(images_seen=at, **c) for at, c in zip(moments, changes, strict=True)]


SICK = [
    ({"diversity": 0.1}, "collapsed: its pictures differ 10% as much as real ones"),
    ({"diversity": 0.1, "most_diverse": 0.2}, "still alike: its pictures differ 10%"),
    (
        {"by_heart": 0.98, "answer_on_held_out": 0.02},
        "D knows its pictures by heart: it says 75% real to them, 2% to others",
    ),
    ({"overshot": 2.5}, "D overshoots"),
    ({"told_apart": 1.0}, "D wins"),
    ({"told_apart": 0.54}, "D is lost: it ranks 54% of the pairs"),
    ({"company": 0.57}, "the same latent in another batch differs 57% as much as another"),
    ({"contrast": 0.5}, "contrast is 50% of that of real pictures"),
    ({"contrast": 1.9}, "contrast is 190% of that of real pictures"),
    ({"dead": {"4x4": 0, "8x8": 12}}, "12 of 64 maps of 8x8 are dead"),
    (
        {"swinging": {"4x4": 1, "8x8": 9}},
        "1 of 128 maps of 4x4, 9 of 64 maps of 8x8 are swinging to and fro",
    ),
]


@pytest.mark.parametrize(("change", "words"), SICK)
def test_a_finding_must_hold_in_three_looks(change: dict[str, Any], words: str) -> None:
    (found,) = findings(looks({}, change, change, change), batch=64)
    assert found.text.startswith(words)
    assert found.is_grave == words.startswith("collapsed")
    assert not findings(looks(change, change, {}, change), batch=64)
    assert not findings(looks(change, change), batch=64)


def test_where_d_wins_half_of_the_diversity_is_a_collapse() -> None:
    beaten = {"diversity": 0.45, "told_apart": 1.0}
    texts = [found.text for found in findings(looks(beaten, beaten, beaten), batch=64)]
    assert texts[0] == "collapsed: its pictures differ 45% as much as real ones"
    assert texts[1].startswith("D wins")
    assert not findings(looks(*[{"diversity": 0.45}] * 3), batch=64)
    (found,) = findings(looks(*[beaten | {"most_diverse": 0.5}] * 3), batch=64)
    assert not found.is_grave  # it was never diverse yet


def test_a_sound_run_has_no_findings() -> None:
    assert not findings(looks({}, {}, {}, {}), batch=64)
    few = {"swinging": {"4x4": 10, "8x8": 5}}  # some always do
    assert not findings(looks(few, few, few), batch=64)
    even = {"told_apart": 0.59}  # docs/health.md: lower than in any sound run
    assert not findings(looks(even, even, even), batch=64)
    assert not findings(looks({}, {}, {"answer_on_held_out": math.nan, "by_heart": math.nan}), 64)


def test_a_contrast_that_is_not_known_is_not_said() -> None:
    assert not findings(looks(*[{"contrast": math.nan, "diversity": math.nan}] * 3), batch=64)


def test_nothing_is_said_of_the_first_steps() -> None:
    sick = looks(*[{"diversity": 0.0}] * 3)
    assert findings(sick, batch=64)
    assert not findings(sick, batch=65)  # 12,800 pictures are fewer than 200 such steps


def test_numbers_of_a_look() -> None:
    look = SOUND._replace(by_heart=math.nan, dead={"4x4": 2})
    numbers = look.numbers()
    assert numbers["dead 4x4"] == 2
    assert numbers["swinging 8x8"] == 0
    assert numbers["diversity"] == 0.95
    assert "by_heart" not in numbers
    json.dumps(numbers, allow_nan=False)


@pytest.mark.parametrize("strength", [0.1, 1.0, 2.0, 3.0, 5.0, 8.0])
def test_no_calibrated_discriminator_overshoots(strength: float) -> None:
    """Logits that are the true log-odds of two Gaussian laws: the product stays below 1.75."""
    noise = torch.randn(1_000_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    real = strength + math.sqrt(2 * strength) * noise
    product = discriminator_loss(real, -real) * generator_loss(-real)
    assert 0.9 < product < 1.75
    if strength < 5:
        sure = 4 * real
        assert discriminator_loss(sure, -sure) * generator_loss(-sure) > product


def begun(source: Path, **options: Any) -> tuple[TrainState, Loader]:
    """A run after a few steps."""
    pack = open_pack(source, PackConfig(size=Size(16, 16)))
    classes = 3 if "labels" in options else 0
    config = preset(**{**TINY, **options}).fitted(Size(16, 16), 3, classes)
    state = TrainState(config, torch.device("cpu"))
    loader = Loader(pack, config.train.batch, 1, config.train.labels, held_out=4)
    for _ in range(3):
        pixels, labels = loader.batch(state.images_seen)
        train_step(state, pixels.permute(0, 3, 1, 2) / 127.5 - 1, labels)
    return state, loader


@pytest.mark.parametrize(
    "options",
    [{}, {"labels": "class"}, {"augment": "shift", "precision": "bfloat16"}],
)
def test_a_look_changes_nothing(classes: Path, options: dict[str, Any]) -> None:
    state, loader = begun(classes, **options)
    before, chance = copy.deepcopy(state.state_dict()), torch.get_rng_state()
    health = Health(loader)
    first, again = health.look(state), health.look(state)
    assert first.numbers() == {**again.numbers(), "images_seen": first.images_seen}
    assert torch.equal(chance, torch.get_rng_state())
    after = state.state_dict()
    for name in ("generator", "discriminator", "average"):
        for key, tensor in after[name].items():
            assert torch.equal(tensor, before[name][key]), key
    assert after["images_seen"] == before["images_seen"]


def test_a_look_is_what_the_networks_say(classes: Path) -> None:
    state, loader = begun(classes, batch=64, precision="float32", augment="none")
    look = Health(loader).look(state)
    assert look.images_seen == 3 * 64
    shown, hidden = loader.shown(100)[0], loader.hidden(100)[0]
    real = torch.cat([shown, hidden]).permute(0, 3, 1, 2) / 127.5 - 1
    with torch.no_grad():  # all in one batch here, so their order does not matter
        answers = state.discriminator(real)
    assert look.answer_on_real == pytest.approx(answers[:8].sigmoid().mean().item(), abs=1e-4)
    assert look.answer_on_held_out == pytest.approx(answers[8:].sigmoid().mean().item(), abs=1e-4)
    assert look.by_heart == pytest.approx(share_above(answers[:8], answers[8:]), abs=1e-4)
    assert 0 < look.company < 0.5
    assert set(look.dead) == set(look.swinging) == {"4x4", "8x8"}


def test_a_generator_that_ignores_its_latents(classes: Path) -> None:
    state, loader = begun(classes)
    with torch.no_grad():
        norm = state.generator.project[1]
        assert isinstance(norm, nn.BatchNorm1d)
        norm.weight.zero_()
        norm.bias.fill_(1.0)
    look = Health(loader).look(state)
    assert look.diversity < 1e-3
    assert look.dead == look.maps


def test_health_is_saved_whole(classes: Path) -> None:
    state, loader = begun(classes)
    health, other = Health(loader), Health(loader)
    for _ in range(2):
        health.look(state)
        health.note(train_step(state, torch.zeros(4, 3, 16, 16)))
    other.load_state_dict(copy.deepcopy(health.state_dict()))
    assert health.look(state).numbers() == other.look(state).numbers()
    assert "overshot" in health.looks[-1].numbers()
    assert [look.numbers() for look in health.looks] == [look.numbers() for look in other.looks]
    assert len(health.looks) == 3


def test_no_pictures_held_out(classes: Path) -> None:
    state, loader = begun(classes)
    loader.held_out = 0
    look = Health(loader).look(state)
    assert math.isnan(look.by_heart)
    assert math.isnan(look.answer_on_held_out)
    assert len(loader.pack) < LOOKED_AT


def losses(d_loss: float, g_loss: float) -> StepLosses:
    return StepLosses(*(torch.tensor(v) for v in (d_loss, g_loss, 0.5, 0.5, 1.0, 1.0)))


def test_overshot_is_the_product_of_the_means(classes: Path) -> None:
    state, loader = begun(classes)
    health = Health(loader)
    for pair in ((2.0, 1.0), (4.0, math.nan), (math.nan, 3.0)):  # one network had no turn
        health.note(losses(*pair))
    assert health.look(state).overshot == pytest.approx(3.0 * 2.0)
    assert math.isnan(health.look(state).overshot)  # nothing since


@pytest.mark.parametrize("batch", [2, 3, 5, 15, 85, 255])
@pytest.mark.parametrize("options", [{}, {"hidden_units": 8}])
def test_no_batch_leaves_a_single_picture(
    classes: Path, batch: int, options: dict[str, Any]
) -> None:
    state, loader = begun(classes, batch=batch, **options)
    for held_out in (0, 1, 3):
        loader.held_out = held_out
        look = Health(loader).look(state)
        assert 0 <= look.told_apart <= 1
        assert 0 < look.company < 2


def test_a_batch_of_all_has_no_other_company(classes: Path) -> None:
    state, loader = begun(classes, batch=256)
    assert math.isnan(Health(loader).look(state).company)


def test_pictures_that_are_all_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "same"
    folder.mkdir()
    for number in range(12):
        Image.new("RGB", (16, 16), (200, 100, 50)).save(folder / f"{number}.png")
    state, loader = begun(folder)
    look = Health(loader).look(state)
    assert math.isnan(look.diversity)
    assert not any("contrast" in finding.text for finding in findings([look] * 3, 64))
    json.dumps(look.numbers(), allow_nan=False)


def words(run: Path) -> dict[int, list[str]]:
    """What the looks of a run said, by the pictures seen."""
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return {line["images_seen"]: line["health"] for line in lines if "health" in line}


@pytest.fixture(scope="module")
def drawings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn faces as single files."""
    folder = tmp_path_factory.mktemp("drawings")
    for number, picture in enumerate(FACES.draw(np.arange(2_000), 16, 16)[0]):
        Image.fromarray(picture).save(folder / f"{number:04}.png")
    return folder


SMALL: dict[str, Any] = {
    "size": 16,
    "width": 8,
    "learning_rate": 1e-3,
    "watch_interval": 2_000,
    "device": "cpu",
}
PLAIN: dict[str, Any] = {
    "batch": 64,
    "augment": "none",
    "g_updates": 1,
    "gradient_penalty": 0.0,
}
"""Smaller batches and moved pictures make two of the sick runs sound, two updates of G one."""


@pytest.mark.parametrize("options", [{}, PLAIN])
def test_a_sound_run_is_called_sound(
    drawings: Path, tmp_path: Path, options: dict[str, Any]
) -> None:
    dcgan.train(drawings, tmp_path / "run", **SMALL, **options, images=30_100)
    assert len(words(tmp_path / "run")) == 15
    assert not any(words(tmp_path / "run").values())


@pytest.mark.parametrize(
    ("options", "pictures", "sentence", "within"),
    [  # a hundred times the generator's rate, or a thousandth
        (PLAIN | {"d_learning_rate": 0.1}, 2_000, "D overshoots", 30_100),
        ({"batch": 4}, 2_000, "the same latent in another batch", 6_100),
        (PLAIN, 50, "D knows its pictures by heart", 26_100),
        ({"d_learning_rate": 1e-6}, 2_000, "D is lost", 18_100),
    ],
)
def test_a_sick_run_is_recognised(
    drawings: Path,
    tmp_path: Path,
    options: dict[str, Any],
    pictures: int,
    sentence: str,
    within: int,
) -> None:
    few = tmp_path / "few"
    few.mkdir()
    for path in sorted(drawings.iterdir())[:pictures]:
        (few / path.name).symlink_to(path)
    dcgan.train(few, tmp_path / "run", **{**SMALL, **options}, images=within)
    assert any(sentence in text for texts in words(tmp_path / "run").values() for text in texts)
