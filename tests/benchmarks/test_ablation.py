"""The rows of the ablation, and that they are measured as `dcgan evaluate` measures."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import ablation
from ablation import AVERAGED, ROWS, table
from dcgan.config import Config
from dcgan.metrics.encoder import Encoder, Task
from dcgan.metrics.evaluation import evaluate
from dcgan.presets import preset
from dcgan.size import Size
from tests.metrics.test_evaluation import write_faces


def fitted(side: int, **options: Any) -> Config:
    return preset(**options).fitted(Size(side, side), 3, 0)


@pytest.mark.parametrize("side", [32, 64])
def test_every_row_is_another_config_and_stable_is_the_default(side: int) -> None:
    configs = {name: fitted(side, **(AVERAGED | row)) for name, row in ROWS.items()}
    assert configs["stable"] == fitted(side)
    assert len(set(map(Config.to_json, configs.values()))) == len(ROWS)


def test_a_row_is_measured_as_evaluate_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    faces = write_faces(tmp_path / "faces", 0, 260)
    encoder, results, models = (tmp_path / name for name in ("e.safetensors", "r.jsonl", "models"))
    models.mkdir()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        Encoder(Task(Size(16, 16), 3, "class", ("a", "b"), "faces")).save(encoder)
    options = "--images 128 --points 2 --count 250 --rows reference --device cpu --models"
    paths = map(str, (faces, encoder, results))
    monkeypatch.setattr(sys, "argv", ["ablation", *paths, *options.split(), str(models)])
    ablation.main()
    (line,) = [json.loads(line) for line in results.read_text().splitlines()]
    assert [point["images_seen"] for point in line["course"]] == [64, 128]
    for point in line["course"]:
        model = models / f"reference_42_{point['images_seen']}.safetensors"
        found = evaluate(model, faces, encoder=encoder, count=250, device="cpu")
        assert point["frechet"] == pytest.approx(found["Fréchet distance"], rel=1e-4)
    printed = capsys.readouterr().out
    assert printed == table([line]) + "\n"
    monkeypatch.setattr(ablation, "train_row", None)
    ablation.main()
    assert capsys.readouterr().out == printed, "what stands in the results is not trained again"


def test_the_table_has_the_best_the_last_and_the_worst_between() -> None:
    shares = {"kernel": 0.05, "precision": 0.9, "recall": 0.4}
    distances = {1_000: 9.0, 2_000: 3.0, 3_000: 7.0, 4_000: 5.0}
    course = [{"images_seen": at, "frechet": d} | shares for at, d in distances.items()]
    swinging = {"row": "swinging", "seed": 1, "seconds": 60.4, "course": course}
    steady = swinging | {"row": "steady", "course": [*course[:1], course[1] | {"frechet": 2.5}]}
    assert table([swinging, steady]).splitlines()[2:] == [
        "| steady | 1 | 2k | 2.50 | 2k | 2.50 | 2.50 | 50.0 | 0.90 | 0.40 | 60 |",
        "| swinging | 1 | 4k | 3.00 | 2k | 5.00 | 7.00 | 50.0 | 0.90 | 0.40 | 60 |",
    ]
