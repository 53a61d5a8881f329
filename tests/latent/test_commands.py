"""The commands as a user types them: what they say, what they write, what they refuse."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

import dcgan
from dcgan.cli import main
from dcgan.errors import Stopped
from dcgan.latent import invert
from dcgan.latent.kept import read_kept
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
    groups = ("--a", bright, "--b", dark, "--c", "0-2")
    said = done("arithmetic", saved, out, *groups, "--names", "bright,dark,any")
    assert said == f"{out}: A - B + C, its neighbours, and the same on pixels.\n"
    assert sheet.exists()
    assert out.exists()
    assert "`names` (=bright) must be three" in refused(
        "arithmetic", saved, out, *groups, "--names", "bright"
    )


def test_from_directions_to_turning(saved: Path, labelled: Path, tmp_path: Path) -> None:
    file, out = tmp_path / "d.npz", tmp_path / "turn.png"
    ways = ("--pca", "1", "--weights", "1", "--from", "1-4", "--to", "5-8", "--name", "left")
    labels = ("--source", labelled, "--labels", "bright=yes", "--device", "cpu")
    said = done("directions", saved, file, *ways, *labels)
    assert said == f"{file}: left, weights1, pca1, bright=yes.\n"
    said = done("turn", saved, out, "--along", f"{file}:bright=yes", "--seeds", "0,1")
    assert said == f"{out}: 2 rows of 11 pictures.\n"
    said = done("turn", saved, out, "--along", f"{file}:left", "--seeds", "0", "--steps", 3)
    assert said == f"{out}: 1 row of 3 pictures.\n"
    assert "5 rows of 3" in done("turn", saved, out, "--from", 1, "--to", 2, "--steps", 3)


def test_invert(saved: Path, model: Model, tmp_path: Path) -> None:
    Image.fromarray(model.sample([3])[0].numpy()).save(tmp_path / "a.png")
    out = tmp_path / "found.png"
    options = ("--steps", "150", "--device", "cpu", "--out", out)
    said = done("invert", saved, tmp_path / "a.png", tmp_path / "a.png", *options)
    first, second, last = said.splitlines()
    assert first.startswith(f"{tmp_path / 'a.png'}: PSNR ")
    assert float(second.split()[-2]) > 30
    assert last == f"{out}, {out.with_suffix('.npz')}"
    between = (tmp_path / "between.png", "--steps", "2", "--seeds", f"{out.with_suffix('.npz')},3")
    assert "between.png: 4 pictures." in done("walk", saved, *between)
    random_model(model.config, seed=1).save(tmp_path / "other.safetensors")
    assert "of another model" in refused("walk", tmp_path / "other.safetensors", *between)


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
    said = refused("arithmetic", saved, out, "--a", "1", "--b", "2-", "--c", "3")
    assert "Error: `b` (=2-) must look like 0-63" in said
    said = refused("turn", saved, out, "--from", "1-x", "--to", "2")
    assert "Error: --from or `start` (=1-x) must look like 0-63" in said
    assert not out.exists()


@pytest.fixture
def picture(model: Model, tmp_path: Path) -> Path:
    """A picture file that the model drew."""
    Image.fromarray(model.sample([3])[0].numpy()).save(tmp_path / "a.png")
    return tmp_path / "a.png"


COMMANDS = ["walk", "arithmetic", "turn", "invert", "find", "directions"]


def words_for(command: str, out: Path, picture: Path, labelled: Path) -> tuple[object, ...]:
    """What is typed after a command and its model to write `out`, quickly."""
    return {
        "walk": (out, "--seeds", "1,2", "--steps", "2"),
        "arithmetic": (out, "--a", "1", "--b", "2", "--c", "3"),
        "turn": (out, "--from", "1", "--to", "2", "--steps", "3"),
        "invert": (picture, "--out", out, "--steps", "1"),
        "find": (labelled, out, "bright=yes", "--seeds", "0-9"),
        "directions": (out.with_suffix(".npz"), "--pca", "1"),
    }[command]


@pytest.mark.parametrize("command", COMMANDS)
def test_all_have_a_device(
    saved: Path, picture: Path, labelled: Path, tmp_path: Path, command: str
) -> None:
    words = words_for(command, tmp_path / "out.png", picture, labelled)
    assert "There is no `device` 'abacus'" in refused(command, saved, *words, "--device", "abacus")
    done(command, saved, *words, "--device", "cpu")


@pytest.mark.parametrize("command", COMMANDS)
def test_all_make_the_folder(
    saved: Path, picture: Path, labelled: Path, tmp_path: Path, command: str
) -> None:
    out = tmp_path / "new" / "folder" / "out.png"
    done(command, saved, *words_for(command, out, picture, labelled))
    assert out.with_suffix(".npz" if command == "directions" else ".png").exists()


@pytest.mark.parametrize("command", COMMANDS)
def test_what_cannot_be_written_is_refused_before_the_work(
    saved: Path, picture: Path, labelled: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    def work(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("dcgan.log.Bar.update", work)
    words = words_for(command, picture / "out.png", picture, labelled)
    assert f"Cannot write {picture}: " in refused(command, saved, *words)
    if command == "walk":
        assert f"Cannot write {picture}: " in refused(command, saved, picture / "out.gif")


def test_invert_keeps_what_is_finished(
    saved: Path, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [tmp_path / f"{number}.png" for number in range(3)]
    for number, file in enumerate(files):
        Image.fromarray(model.sample([number])[0].numpy()).save(file)
    out, seen = tmp_path / "found.png", []
    nearest = invert.nearest

    def stop_at_the_third(*words: Any) -> invert.Reached:
        seen.append(words)
        if len(seen) == 3:
            raise KeyboardInterrupt
        return nearest(*words)

    monkeypatch.setattr(invert, "nearest", stop_at_the_third)
    result = run("invert", saved, *files, "--out", out, "--steps", "5", "--device", "cpu")
    assert result.exit_code == 130
    said = " ".join(result.stderr.split())
    assert f"2 of 3 pictures were finished: {out}, {out.with_suffix('.npz')} Stopped" in said
    assert said.endswith("Stopped; only pictures that were finished were written.")
    monkeypatch.setattr(invert, "nearest", nearest)
    wanted = dcgan.invert(saved, files[:2], tmp_path / "wanted.png", steps=5, device="cpu")
    assert torch.equal(read_kept(out.with_suffix(".npz"), "latents").vectors, wanted.latents)
    assert out.read_bytes() == (tmp_path / "wanted.png").read_bytes()


@pytest.mark.parametrize("command", COMMANDS)
def test_stopped(
    saved: Path, picture: Path, labelled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    command: str,
) -> None:  # fmt: skip
    words = words_for(command, tmp_path / "new" / "out.png", picture, labelled)
    before = {file.name for file in tmp_path.rglob("*")}

    def stop(*_: object) -> None:
        raise Stopped("", 15)

    monkeypatch.setattr("dcgan.log.Bar.update", stop)
    result = run(command, saved, *words)
    assert result.exit_code == 143
    what = "only pictures that were finished were" if command == "invert" else "nothing was"
    assert f"Stopped; {what} written." in result.stderr
    assert {file.name for file in tmp_path.rglob("*")} - {"new"} == before
