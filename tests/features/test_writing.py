"""Vectors as files: numbers, names and protocol; the command; and what is refused."""

import csv
import importlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

import dcgan
from dcgan.cli import main
from dcgan.config import PackConfig
from dcgan.errors import DCGANError, Stopped
from dcgan.features.extractor import DiscriminatorFeatures
from dcgan.model import Model
from dcgan.size import Size
from tests.features.conftest import scaled


def run(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture
def model_file(model: Model, tmp_path: Path) -> Path:
    model.save(tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


def table(file: Path) -> list[list[str]]:
    with file.open(encoding="utf8", newline="") as lines:
        return list(csv.reader(lines))


def test_three_files(model: Model, model_file: Path, classes: Path, tmp_path: Path) -> None:
    (classes / "bee" / "04.png").write_bytes(b"no picture")
    out = tmp_path / "out" / "vectors.npy"
    found = dcgan.features(model_file, classes, out, device="cpu")
    wanted = DiscriminatorFeatures(model, device="cpu").fit_transform(classes)
    assert np.array_equal(found, wanted)
    assert np.array_equal(np.load(out), wanted)
    header, *rows = table(out.with_suffix(".csv"))
    assert header == ["picture", "class"]
    assert rows[:4] == [["ant/00.png", "ant"], ["ant/03.png", "ant"], ["ant/06.png", "ant"],
                        ["ant/09.png", "ant"]]  # fmt: skip
    assert ["bee/04.png", "bee"] not in rows
    assert len(rows) == len(found) == 11
    protocol = json.loads(out.with_suffix(".json").read_text(encoding="utf8"))
    assert protocol["model"]["digest"] == model.digest()
    assert protocol["layers"] == {"8x8": 8, "4x4": 16}
    measured = {"batch": 128, "order": "by lot, seed 42", **protocol["pictures"]}
    assert protocol["statistics"] == measured
    assert protocol["vectors"] == {"type": "float32", "length": 384}
    assert sorted(file.name for file in out.parent.iterdir()) == [
        "vectors.csv", "vectors.json", "vectors.npy",
    ]  # fmt: skip


def test_statistics_from_elsewhere(
    model: Model, classes: Path, photos: Path, tmp_path: Path
) -> None:
    out, transformer = tmp_path / "v.npy", DiscriminatorFeatures(model, device="cpu")
    found = dcgan.features(model, classes, out, statistics_from=photos, half=True, device="cpu")
    wanted = transformer.fit(photos).transform(classes).astype(np.float16)
    assert np.array_equal(found, wanted)
    assert '"source": "photos"' in out.with_suffix(".json").read_text(encoding="utf8")
    again = dcgan.features(model, classes, out, stored_statistics=True, device="cpu")
    stored = transformer.set_params(statistics="stored").fit(None)
    assert np.array_equal(again, stored.transform(classes))
    assert '"statistics": "stored"' in out.with_suffix(".json").read_text(encoding="utf8")


def test_rows_of_a_pack_have_numbers(model: Model, classes: Path, tmp_path: Path) -> None:
    dcgan.pack(classes, tmp_path / "pack", PackConfig(size=Size(16, 16)))
    dcgan.features(model, tmp_path / "pack", tmp_path / "v.npy", device="cpu")
    assert table(tmp_path / "v.csv")[:2] == [["picture", "class"], ["0", "ant"]]


def test_numbers_among_the_labels(model: Model, photos: Path, tmp_path: Path) -> None:
    names = sorted(file.relative_to(photos).as_posix() for file in photos.rglob("*.*"))
    lines = [f"{name},{number / 8}" for number, name in enumerate(names)]
    (photos / "labels.csv").write_text("\n".join(["file,angle", *lines]), encoding="utf8")
    dcgan.features(model, photos, tmp_path / "v.npy", device="cpu")
    found = {name: float(angle) for name, angle in table(tmp_path / "v.csv")[1:]}
    assert found == {name: number / 8 for number, name in enumerate(names)}


def test_the_command(model_file: Path, classes: Path, tmp_path: Path) -> None:
    out = tmp_path / "v.npy"
    done = run("features", model_file, classes, out, "--layers", "4x4", "--half", "--device", "cpu")
    assert done.stdout == f"{out}: 12 vectors of 256 numbers.\n", done.output
    assert np.load(out).dtype == np.float16


def test_refused(model_file: Path, classes: Path, tmp_path: Path) -> None:
    def refused(*words: object) -> str:
        done = run("features", *words, "--device", "cpu")
        assert done.exit_code == 1
        assert isinstance(done.exception, SystemExit)
        return " ".join(done.stderr.split())

    out = tmp_path / "v.npy"
    assert "There is no model file" in refused("nowhere", classes, out)
    assert "There is no folder or archive nowhere" in refused(model_file, "nowhere", out)
    assert "v.txt, must end in .npy" in refused(model_file, classes, tmp_path / "v.txt")
    assert "lies within the source" in refused(model_file, classes, classes / "v.npy")
    both = ("--stored-statistics", "--statistics-from", "faces")
    assert "stored ones or those of a source; give one" in refused(model_file, classes, out, *both)
    no_layer = refused(model_file, classes, out, "--layers", "4x4,9x9")
    assert "has no layer '9x9'. Possible: 8x8, 4x4." in no_layer
    out.with_suffix(".csv").write_text("mine", encoding="utf8")
    standing = "v.csv is there already and was not made by `dcgan features`; give another name."
    assert standing in refused(model_file, classes, out)
    assert out.with_suffix(".csv").read_text(encoding="utf8") == "mine"


def test_features_that_are_not_finite(model: Model, classes: Path, tmp_path: Path) -> None:
    for factor, half, words in (
        (float("nan"), [], "gives features that are NaN or infinite, as its weights are damaged"),
        (1e9, ["--half"], "float16 holds 65,504 at most; take float32: leave out --half"),
    ):
        scaled(model, factor).save(tmp_path / "model.safetensors")
        out = tmp_path / "out" / "v.npy"
        done = run("features", tmp_path / "model.safetensors", classes, out, *half)
        assert done.exit_code == 1
        assert words in " ".join(done.stderr.split())
        assert list(out.parent.iterdir()) == []
    assert run("features", tmp_path / "model.safetensors", classes, out).exit_code == 0


def test_stopped(
    model_file: Path, classes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: Any) -> None:
        raise Stopped("", 15)

    monkeypatch.setattr(DiscriminatorFeatures, "transform_batches", stop)
    done = run("features", model_file, classes, tmp_path / "out" / "v.npy", "--device", "cpu")
    assert done.exit_code == 143
    assert "Stopped; these vectors were not written." in done.stderr
    assert list((tmp_path / "out").iterdir()) == []


def test_without_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.base", None)
    monkeypatch.delitem(sys.modules, "dcgan.features.contract")
    with pytest.raises(DCGANError, match=r'scikit-learn 1.6 or newer: pip install "dcgan\[featu'):
        importlib.import_module("dcgan.features.contract")
