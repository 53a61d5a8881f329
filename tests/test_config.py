"""Options, presets, and the way to JSON and back."""

import itertools
import json
from pathlib import Path

import pytest

from dcgan.config import (
    AMENDABLE,
    GROWTH,
    OPTIONS,
    Config,
    NetworkConfig,
    TrainConfig,
    differences,
    read_options,
)
from dcgan.errors import DCGANError
from dcgan.presets import DEFAULT, PRESETS, preset
from dcgan.size import Size


@pytest.mark.parametrize("name", PRESETS)
def test_round_trip(name: str) -> None:
    config = preset(name, seed=7).fitted(Size(48, 80), 1, 3)
    assert Config.from_json(config.to_json(), "here") == config


def test_options_go_to_their_groups() -> None:
    config = preset(size="48x80", channels=1, width=16, batch=3)
    assert config.pack.size == config.network.size == (48, 80)
    assert config.pack.channels == config.network.channels == 1
    assert (config.network.width, config.train.batch) == (16, 3)


@pytest.mark.parametrize(
    ("size", "chosen"), [((28, 28), (32, "shift", 3e-4)), ((32, 32), (32, "shift", 3e-4)),
                         ((32, 48), (64, "none", 0.0)), ((64, 64), (64, "none", 0.0))],
)  # fmt: skip
def test_what_is_left_open_follows_the_size(
    size: tuple[int, int], chosen: tuple[int, str, float]
) -> None:
    train = preset(grow_batch=False).fitted(Size(*size), 3, 0).train
    assert (train.batch, train.augment, train.gradient_penalty) == chosen
    train = preset(batch=8, augment="none", gradient_penalty=0.0).fitted(Size(*size), 3, 0).train
    assert (train.batch, train.augment, train.gradient_penalty) == (8, "none", 0.0), "it stays"
    assert train.fitted(Size(*size)) == train


def test_a_batch_that_is_left_open_grows() -> None:
    moments = [0, 51_199, 51_200, 204_799, 204_800, 10**9]
    for options, sizes in (
        ({}, [16, 16, 32, 32, 64, 64]),
        ({"labels": "class"}, [16, 16, 32, 32, 64, 64]),
        ({"batch": 256, "grow_batch": True}, [64, 64, 128, 128, 256, 256]),
        ({"batch": 6}, [6] * 6),
        ({"grow_batch": False}, [64] * 6),
        ({"name": "paper", "batch": 0}, [64] * 6),
        ({"name": "demo"}, [64] * 6),
    ):
        train = preset(**options).fitted(Size(64, 64), 3, 0).train
        assert [train.batch_at(moment) for moment in moments] == sizes
    for (since, parts), (until, _) in itertools.pairwise(sorted(GROWTH.items())):
        assert (until - since) % (64 // parts) == 0, "whole steps until it grows"


@pytest.mark.parametrize("batch", [4, 6, 63])
def test_a_batch_that_cannot_grow(batch: int) -> None:
    with pytest.raises(DCGANError, match=f"`batch` .={batch}. must be a multiple of 4, and .* 8"):
        preset(batch=batch, grow_batch=True)
    assert preset(batch=batch).train.batch == batch


def test_every_option_has_help_and_one_name() -> None:
    assert all(option.help.endswith((".", ")", "]")) for option in OPTIONS.values())
    assert OPTIONS.keys() >= AMENDABLE


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sise": 64}, r"no option `sise`. Did you mean 'size'\?"),
        ({"classes": 3}, "no option `classes`"),
        ({"size": 50}, "Nearest possible: 48, 56, 64"),
        ({"batch": 1}, r"`batch` \(=1\) must be 0 or at least 2"),
        ({"batch": 2.5}, r"`batch` \(=2.5\) must be of type int"),
        ({"batch": True}, r"`batch` \(=True\) must be of type int"),
        ({"affine": 1}, "`affine`.* must be of type bool"),
        ({"learning_rate": float("nan")}, "`learning_rate` .* must be at least 0, and finite"),
        ({"beta1": 1.0}, r"`beta1` \(=1.0\) must be at most 0.9999"),
        ({"prior": "unifrom"}, r"`prior` cannot be 'unifrom'. Did you mean 'uniform'\?"),
        ({"channels": 2}, r"`channels` \(=2\) must be 1, 3 or 4"),
        ({"convolutions": 2}, r"`kernel_size` \(=4\) must be odd with `convolutions` 2"),
    ],
)
def test_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(DCGANError, match=message):
        preset(DEFAULT, **options)


def test_wrong_preset() -> None:
    with pytest.raises(DCGANError, match=r"no preset 'papr'. Did you mean 'paper'\?"):
        preset("papr")


def test_networks_refuse_what_they_cannot_be() -> None:
    with pytest.raises(DCGANError, match="not 2"):
        NetworkConfig(channels=2)
    with pytest.raises(DCGANError, match="not -1"):
        NetworkConfig(classes=-1)


def test_differences_leave_out_what_may_change() -> None:
    old = preset()
    assert differences(old, old.replaced(images=5, log_interval=7, device="cpu")) == []
    assert differences(old, old.replaced(width=32, flip=True)) == [
        "width 64 -> 32",
        "flip False -> True",
    ]


def test_read_options(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"train": {"batch": 8}, "network": {"width": 4, "classes": 9}}))
    assert read_options(file) == {"batch": 8, "width": 4}
    whole = preset("svhn", batch=8).fitted(Size(64, 64), 1, 3)
    file.write_text(whole.to_json())
    assert preset(DEFAULT, **read_options(file)).train == whole.train
    assert preset(DEFAULT, **read_options(file)).pack == whole.pack


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "must hold objects like"),
        ('{"train": {"bach": 8}}', r"no option `bach`. Did you mean 'batch'\?"),
        ('{"training": {}}', r"no option `training`. Did you mean 'train'\?"),
    ],
)
def test_bad_config_files(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "config.json"
    file.write_text(text)
    with pytest.raises(DCGANError, match=message):
        read_options(file)


def test_missing_config_file(tmp_path: Path) -> None:
    with pytest.raises(DCGANError, match=r"Cannot read the config .*nowhere\.json"):
        read_options(tmp_path / "nowhere.json")


def test_paper_preset_is_the_paper() -> None:
    paper = preset("paper")
    assert paper.network == NetworkConfig(
        width=128, kernel_size=5, input_bias=False, conditioning="joined"
    )
    assert paper.train == TrainConfig(
        images=5 * 3_033_042,
        batch=128,
        grow_batch=False,
        g_updates=1,
        augment="none",
        gradient_penalty=0.0,
        learning_rate=2e-4,
        beta1=0.5,
        average_half_life=0,
        held_out=0.0,
        rollbacks=0,
    )
