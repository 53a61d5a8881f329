"""Networks in files: the round, and that nothing else is taken for one."""

from pathlib import Path

import pytest
import torch
from torch import nn

from dcgan.errors import DCGANError
from dcgan.weights import Header, Networks, load_weights, save_weights


def build(header: Header) -> tuple[nn.Linear, Networks]:
    with torch.device("meta"):
        layer = nn.Linear(int(header["inputs"]), 2)
    return layer, {"layer": layer}


def test_the_round(tmp_path: Path) -> None:
    layer = nn.Linear(3, 2)
    save_weights(tmp_path / "file", {"format": "test 1", "inputs": "3"}, {"layer": layer})
    loaded = load_weights(tmp_path / "file", "layer", "test 1", build)
    assert torch.equal(loaded.weight, layer.weight)
    assert not loaded.training
    assert not loaded.weight.requires_grad


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        ({"format": "test 2", "inputs": "3"}, "but no layer of this package .*'test 2', not 'test"),
        ({}, "but no layer of this package .*None"),
        ({"format": "test 1"}, "is no layer file, or a damaged one: 'inputs'"),
        (
            {"format": "test 1", "inputs": "4"},
            r"weight has the shape \(2, 3\), not \(2, 4\)",
        ),
        ({"format": "test 1", "inputs": "many"}, "is no layer file, or a damaged one"),
        ({"format": "test 1", "inputs": "-1"}, "is no layer file, or a damaged one"),
    ],
)
def test_what_does_not_fit(tmp_path: Path, header: dict[str, str], sentence: str) -> None:
    save_weights(tmp_path / "file", header, {"layer": nn.Linear(3, 2)})
    with pytest.raises(DCGANError, match=sentence):
        load_weights(tmp_path / "file", "layer", "test 1", build)


def test_missing_and_unknown_tensors(tmp_path: Path) -> None:
    header = {"format": "test 1", "inputs": "3"}
    save_weights(tmp_path / "file", header, {"layer": nn.Linear(3, 2, bias=False)})
    with pytest.raises(DCGANError, match=r"layer\.bias is missing"):
        load_weights(tmp_path / "file", "layer", "test 1", build)
    more = {"layer": nn.Linear(3, 2), "other": nn.Linear(1, 1, bias=False)}
    save_weights(tmp_path / "file", header, more)
    with pytest.raises(DCGANError, match=r"other\.weight is unknown"):
        load_weights(tmp_path / "file", "layer", "test 1", build)


def test_a_flipped_bit_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    save_weights(path, {"format": "test 1", "inputs": "3"}, {"layer": nn.Linear(3, 2)})
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    with pytest.raises(DCGANError, match="have another SHA-256 than when they were written"):
        load_weights(path, "layer", "test 1", build)


def test_an_unwritable_place(tmp_path: Path) -> None:
    with pytest.raises(DCGANError, match="Cannot write"):
        save_weights(tmp_path / "none" / "file", {"format": "test 1"}, {})
