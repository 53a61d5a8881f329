"""The commands as a user types them: what they say, what they write, what they refuse."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from dcgan.cli import main
from dcgan.errors import Stopped
from dcgan.model import Model
from tests.latent.conftest import random_model


def run(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def done(*words: object) -> str:
    result = run(*words)
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(*words: object) -> str:
    result = run(*words)
    assert result.exit_code in (1, 2), result.output
    assert isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.stderr
    return " ".join(result.stderr.split())


def test_walk(saved: Path, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "walk.png"
    said = done("walk", saved, out, "--seeds", "1,5,9", "--steps", "4", "--source", photos)
    assert said.startswith("Steps in pixels: median ")
    assert said.endswith(f"{out}: 8 pictures.\n")
    assert "training pictures to their nearest:" in said
    np.save(tmp_path / "z.npy", np.random.default_rng(0).uniform(-1, 1, (3, 6)))
    latents = ("--latents", tmp_path / "z.npy", "--loop")
    assert "walk.gif: 30 pictures." in done("walk", saved, tmp_path / "walk.gif", *latents)


def test_from_finding_to_arithmetic(saved: Path, labelled: Path, tmp_path: Path) -> None:
    sheet, options = tmp_path / "found.png", ("--seeds", "0-99", "--device", "cpu")
    bright = done("find", saved, labelled, sheet, "bright=yes", "--count", "3", *options).strip()
    dark = done("find", saved, labelled, sheet, "bright=no", "--count", "3", *options).strip()
    assert len(bright.split(",")) == len(dark.split(",")) == 3
    out = tmp_path / "sum.png"
    said = done("arithmetic", saved, out, "--a", bright, "--b", dark, "--c", "0-2")
    assert said == f"{out}: A - B + C, its neighbours, and the same on pixels.\n"
    assert sheet.exists()
    assert out.exists()


def test_from_directions_to_turning(saved: Path, labelled: Path, tmp_path: Path) -> None:
    file, out = tmp_path / "d.npz", tmp_path / "turn.png"
    ways = ("--pca", "1", "--weights", "1", "--from", "1-4", "--to", "5-8", "--name", "left")
    labels = ("--source", labelled, "--labels", "bright=yes", "--device", "cpu")
    said = done("directions", saved, file, *ways, *labels)
    assert said == f"{file}: left, weights1, pca1, bright=yes.\n"
    said = done("turn", saved, out, "--along", f"{file}:bright=yes", "--seeds", "0,1")
    assert said == f"{out}: 2 rows of 11 pictures.\n"
    assert "5 rows of 3" in done("turn", saved, out, "--from", 1, "--to", 2, "--steps", 3)


def test_invert(saved: Path, model: Model, tmp_path: Path) -> None:
    Image.fromarray(model.sample([3])[0].numpy()).save(tmp_path / "a.png")
    out = tmp_path / "found.png"
    options = ("--steps", "150", "--device", "cpu", "--out", out)
    said = done("invert", saved, tmp_path / "a.png", tmp_path / "a.png", *options)
    first, second, last = said.splitlines()
    assert first.startswith(f"{tmp_path / 'a.png'}: PSNR ")
    assert float(second.split()[-2]) > 30
    assert last == f"{out}, {out.with_suffix('.npy')}"
    assert np.load(out.with_suffix(".npy")).shape == (2, 6)


def test_refused(saved: Path, model: Model, labelled: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    assert "must look like 0-63" in refused("walk", saved, out, "--seeds", "3-1")
    assert "must look like 0-63" in refused("arithmetic", saved, out, *"--a 1, --b 2 --c 3".split())
    assert "Missing option '--b'" in refused("arithmetic", saved, out, "--a", "1", "--c", "2")
    np.save(tmp_path / "z.npy", np.zeros((2, 7)))
    assert "but latents of this model" in refused("turn", saved, out, "--seeds", tmp_path / "z.npy",
                                                  "--from", "1", "--to", "2")  # fmt: skip
    assert "Did you mean 'bright'?" in refused("find", saved, labelled, out, "brght=yes")
    assert "There is no folder or archive" in refused("find", saved, "nowhere", out, "a=b")
    assert "There is no model file" in refused("turn", "nowhere", out, "--from", "1", "--to", "2")
    assert "must end in" in refused("walk", saved, tmp_path / "walk.avi")
    (tmp_path / "words.jpg").write_text("words")
    said = refused("invert", saved, tmp_path / "words.jpg", "--out", out)
    assert "words.jpg: not a picture of a known kind" in said
    random_model(model.config, seed=1).save(tmp_path / "other.safetensors")
    done("directions", tmp_path / "other.safetensors", tmp_path / "d.npz", "--weights", "1")
    assert "of another model" in refused("turn", saved, out, "--along", tmp_path / "d.npz")
    assert not out.exists()


@pytest.mark.parametrize("command", ["walk", "arithmetic", "turn", "invert", "find", "directions"])
def test_stopped(
    saved: Path, model: Model, labelled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    command: str,
) -> None:  # fmt: skip
    Image.fromarray(model.sample([3])[0].numpy()).save(tmp_path / "a.png")
    out = tmp_path / "new" / "out.gif"
    words = {
        "walk": (out,),
        "arithmetic": (tmp_path / "out.png", "--a", "1", "--b", "2", "--c", "3"),
        "turn": (tmp_path / "out.png", "--from", "1", "--to", "2"),
        "invert": (tmp_path / "a.png", "--out", tmp_path / "out.png"),
        "find": (labelled, tmp_path / "out.png", "bright=yes"),
        "directions": (tmp_path / "out.npz", "--pca", "1"),
    }[command]
    before = {file.name for file in tmp_path.rglob("*")}

    def stop(*_: object) -> None:
        raise Stopped("", 15)

    monkeypatch.setattr("dcgan.log.Bar.update", stop)
    result = run(command, saved, *words)
    assert result.exit_code == 143
    assert "Stopped; nothing was written." in result.stderr
    assert {file.name for file in tmp_path.rglob("*")} - {"new"} == before
