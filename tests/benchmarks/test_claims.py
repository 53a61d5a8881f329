"""The claims as a whole: tables, and all parts on a small model that learnt nothing."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import claims
import claims_of_latents
import claims_of_maps
import subject
from claims import table, tables
from dcgan.config import NetworkConfig
from dcgan.data import sources
from dcgan.errors import DCGANError
from dcgan.model import Model
from dcgan.size import Size
from subject import mean, percent
from tests.benchmarks.conftest import Guesser
from tests.latent.conftest import random_model


def test_a_mean_has_an_error_and_a_count() -> None:
    assert mean([1, 3, np.nan]) == (2, 1, 2)
    assert percent([True, False]) == pytest.approx((50, 50, 2))
    assert mean([]).behind == 0
    assert mean([4])[::2] == (4, 1)


def test_a_table_says_how_many_are_behind_a_figure() -> None:
    row = {"drawn": "C alone", "smile, %": percent([0, 1]), "step": mean([1, 1, np.nan])}
    assert table(
        [row, row | {"step": mean([]), "smile, %": percent([0, 0, 1, 1])}]
    ).splitlines() == [
        "| drawn | smile, % | step | n |",
        "|---|---|---|---|",
        "| C alone | 50.0 ± 50.0 | 1.00 ± 0.00 | 2 |",
        "| C alone | 50.0 ± 28.9 | - | 4 |",
    ]
    assert "(n 2)" in table([{"a": mean([1, 2]), "b": mean([1, 2, 3])}])


def test_other_columns_begin_another_table() -> None:
    found = tables([{"a": mean([1, 1])}, {"a": mean([2, 2])}, {"b": mean([3, 3])}])
    assert found.count("|---|---|") == 2


@pytest.fixture
def results(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A place for results, where all counts are small and the judges guess."""
    for module, counts in (
        (sources, {"WORLD_PICTURES": 200}),
        (subject, {"SAMPLES": 300, "LOOKED_AT": 50}),
        (claims_of_latents, {"LOOKED_AT": 50, "WAYS": 4, "NEIGHBOURS": 50, "KNOWN": 100}),
        (claims_of_maps, {"LEAST_ROOMS": 60, "LOTS": 2, "ROOMS": 20}),
    ):
        for name, count in counts.items():
            monkeypatch.setattr(module, name, count)
    monkeypatch.setattr(
        claims, "judge_for", lambda world, model, _: Guesser(world, model.config.size)
    )
    return tmp_path / "claims.jsonl"


@pytest.fixture(scope="module")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("model") / "model.safetensors"
    random_model(NetworkConfig(size=Size(16, 16), width=8, latent_dim=6)).save(file)
    return file


def forget_two(model: Model, **options: Any) -> Any:
    """Stands for the true one, which finds no windows in what such a model draws."""
    if options["layer"]:
        raise DCGANError("There is no such layer.")
    return SimpleNamespace(layer="8x8", maps=(0, 1), weights=np.zeros(8))


def test_all_parts(
    results: Path,
    model_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One that cannot be measured does not stop the others; what is there is not measured again."""
    monkeypatch.setattr(claims_of_maps, "forget", forget_two)
    words = [str(results), "--faces", str(model_file), "--rooms", str(model_file), "--trials", "8"]
    claims.main(words)
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    measured = {(line["world"], line["claim"], line["part"]) for line in lines}
    every = {
        (world, claim, part)
        for world, parts_of in claims.CLAIMS.items()
        for claim, parts in parts_of.items()
        for part in parts
    }
    assert every - measured == {("rooms", "forget", "8x8, C 0.0001")}
    first = capsys.readouterr()
    assert first.out.count("### ") == len(lines)
    assert "There is no such layer." in first.err
    assert len(list(results.parent.glob("*.png"))) == 2

    monkeypatch.setattr(claims, "subject_of", None)
    claims.main([*words, "--only", "arithmetic,turn,walk,filters"])
    assert len(results.read_text().splitlines()) == len(lines)
    assert capsys.readouterr().out == first.out


def test_an_unknown_claim(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        claims.main([str(results), "--only", "arithmetics"])
    assert "There is no claim 'arithmetics'. Did you mean 'arithmetic'?" in capsys.readouterr().err
