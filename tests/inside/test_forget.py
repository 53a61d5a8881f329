"""Forgetting: rows, sheet, counts, the command, and what is refused."""

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

import dcgan
from dcgan.cli import main
from dcgan.errors import DCGANError, Stopped
from dcgan.images import to_floats
from dcgan.inside import detector as detector_module
from dcgan.inside import forget as module
from dcgan.inside.boxes import Box
from dcgan.inside.detector import Detector, Lesson
from dcgan.inside.dropping import draw_without
from dcgan.inside.evidence import gather
from dcgan.inside.forget import count_left
from dcgan.inside.regression import held_out_accuracy, weights_of
from dcgan.model import Model
from dcgan.sample import latents_of
from dcgan.size import Size
from tests.inside.conftest import model_of

BOXES = {seed: (Box(0, 0, 8, 8),) for seed in range(20)}


def half_sure(model: Model) -> Detector:
    """A detector without lessons that takes half of all pixels for a window."""
    torch.manual_seed(0)
    detector = Detector(Lesson(Size(16, 16))).eval().requires_grad_(False)
    logits = detector(to_floats(model.sample(range(20))))
    detector.to_logits.bias -= logits.median()
    return detector


def made_of(line: str) -> int:
    """How many maps a line says were dropped."""
    return int(line.split(": ")[1].split()[0])


def run(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture
def boxes_file(tmp_path: Path) -> Path:
    path = tmp_path / "boxes.json"
    path.write_text(json.dumps({str(seed): [[0, 0, 8, 8]] for seed in BOXES}), encoding="utf8")
    return path


def test_forget(model: Model) -> None:
    made = dcgan.forget(model, boxes=BOXES, layer="8x8", device="cpu")
    evidence = gather(model.generator, BOXES, "8x8")
    weights = weights_of(evidence.vectors, evidence.inside, 1e-4)
    assert np.array_equal(made.weights, weights)
    assert made.right == held_out_accuracy(*evidence, 1e-4)
    assert made.maps == tuple(number for number in range(8) if weights[number] > 0)
    (lot,) = made.random_maps
    assert len(lot) == len(set(lot)) == len(made.maps)
    assert (made.boxes, made.positions) == (20, 320)
    assert made.seeds == tuple(range(20, 30))
    z = latents_of(made.seeds, model.config)
    for row, maps in zip(made.rows, ((), made.maps, lot), strict=True):
        assert torch.equal(row.pictures, draw_without(model.generator, z, "8x8", maps))
        assert (row.windows, row.left) == (0, 0)
    other = dcgan.forget(model, boxes=BOXES, layer="8x8", seed=3, device="cpu")
    assert other.random_maps != made.random_maps


def test_counts(model: Model) -> None:
    """The detector looks at all samples drawn, of which the first 10 are kept."""
    detector = half_sure(model)
    drawn = range(40, 175)
    made = dcgan.forget(model, boxes=BOXES, detector=detector, drawn=drawn, device="cpu")
    assert made.layer == "4x4"
    z = latents_of(drawn, model.config)
    assert len(made.random_maps) == len(set(made.random_maps)) == 10
    boxes = detector.windows(to_floats(draw_without(model.generator, z, "4x4", [])))
    for row, maps in zip(made.rows, ((), made.maps, *made.random_maps), strict=True):
        pixels = draw_without(model.generator, z, "4x4", maps)
        assert torch.equal(row.pictures, pixels[:10])
        assert row.windows == sum(map(bool, detector.windows(to_floats(pixels))))
        assert row.left == count_left(detector.masks(to_floats(pixels)), boxes)
    assert 0 < made.rows[0].left <= sum(map(len, boxes))
    words: dict[str, Any] = {"detector": detector, "layer": "8x8", "device": "cpu"}
    found = dcgan.forget(model, seeds=range(60), drawn=[5, 900], **words)
    assert found.seeds == (5, 900)
    assert found.rows[0].pictures.shape == (2, 16, 16, 3)


def test_count_left() -> None:
    masks = torch.zeros(2, 8, 8, dtype=torch.bool)
    masks[0, :4, :3] = True
    boxes = [(Box(0, 0, 3, 4), Box(0, 0, 6, 4), Box(0, 0, 7, 4), Box(4, 4, 6, 6)), ()]
    assert count_left(masks, boxes) == 2
    assert count_left(masks, [(), (Box(0, 0, 8, 8),)]) == 0


def test_the_more_the_weights_are_held_back_the_shorter_they_are(model: Model) -> None:
    lengths = [
        np.square(dcgan.forget(model, boxes=BOXES, C=C, device="cpu").weights).sum()
        for C in (1.0, 1e-2, 1e-4)
    ]
    assert lengths == sorted(lengths, reverse=True)


@pytest.mark.parametrize("options", [{"channels": 4}, {"channels": 1, "classes": 3}])
def test_other_models(options: dict[str, Any], tmp_path: Path) -> None:
    made = dcgan.forget(model_of(**options), tmp_path / "sheet.png", boxes=BOXES, device="cpu")
    assert made.rows[0].pictures.shape == (10, 16, 16, options["channels"])
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.mode == ("RGBA" if options["channels"] == 4 else "RGB")


def test_the_command_with_boxes(model_file: Path, boxes_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "sheet.png"
    words = ("--boxes", boxes_file, "--layer", "8x8", "--device", "cpu")
    done = run("forget", model_file, out, *words)
    assert done.exit_code == 0, done.output
    made = dcgan.forget(model_file, boxes=boxes_file, layer="8x8", device="cpu")
    (line,) = done.stdout.splitlines()
    assert line.startswith(f"{out}: {len(made.maps)} of 8 maps of 8x8 dropped (")
    assert "by 320 positions in 20 boxes and as many outside; " in line
    assert line.endswith(f"{made.right:.0%} of those in samples that were held out are told right.")
    with Image.open(out) as sheet:
        assert np.array_equal(np.asarray(sheet), np.asarray(made.sheet))


def test_the_command_with_a_detector(
    model_file: Path, boxes_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detector_module, "ROOMS_DRAWN", 64)
    monkeypatch.setattr(detector_module, "HELD_OUT", 64)
    words = ("--boxes", boxes_file, "--detector", "rooms", "--drawn", "30-41", "--device", "cpu")
    done = run("forget", model_file, tmp_path / "sheet.png", *words)
    assert done.exit_code == 0, done.output
    first, header, *rows, last = done.stdout.splitlines()
    assert header.split()[:4] == "maps dropped windows left".split()
    assert header.split()[6:] == "samples of 12 with a window".split()
    assert [row.split()[0] for row in rows] == ["none", *[str(made_of(first))] * 2]
    assert last.startswith("The detector, in drawn rooms that it has not seen: ")


def test_refused(model_file: Path, boxes_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "sheet.png"

    def refused(*words: object) -> str:
        done = run("forget", *words, "--device", "cpu")
        assert done.exit_code == 1
        assert isinstance(done.exception, SystemExit)
        return " ".join(done.stderr.split())

    by = ("--boxes", boxes_file)
    assert "Give boxes around the object, or a detector" in refused(model_file, out)
    assert "There is no model file" in refused("nowhere", out, *by)
    no_layer = refused(model_file, out, *by, "--layer", "conv2")
    assert "has no hidden layer 'conv2'. Possible: 4x4, 8x8." in no_layer
    assert "Cannot read the boxes in none" in refused(model_file, out, "--boxes", "none")
    both = refused(model_file, out, *by, "--detector", "none", "--seeds", "0-9")
    assert "`seeds` are the samples in which a detector looks for boxes, and `boxes` were" in both
    no_map = refused(model_file, out, *by, "--c", "1e-30")
    assert "No map of layer 4x4 has a weight above 0 with `C` (=1e-30), so that none" in no_map
    assert "There is no detector none" in refused(model_file, out, "--detector", "none")
    assert "`drawn` (=some) must look like 0-63" in refused(model_file, out, *by, "--drawn", "some")
    assert "must end in one of" in refused(model_file, tmp_path / "sheet.txt", *by)
    assert "Cannot write" in refused(model_file, model_file / "sheet.png", *by)
    boxes_file.write_text('{"3": [[0, 0, 4, 4]]}', encoding="utf8")
    few = "Layer 4x4 has too few positions inside of the boxes: 1, and at least 20 are needed"
    assert few in refused(model_file, out, *by)
    assert not out.exists()


def test_boxes_in_few_samples(
    model: Model, caplog: pytest.LogCaptureFixture, tmp_path: Path, boxes_file: Path
) -> None:
    """Nothing is held out; and with fewer positions than maps it is said what that means."""
    boxes_file.write_text('{"3": [[0, 0, 16, 8]]}', encoding="utf8")
    model.save(tmp_path / "model.safetensors")
    words = ("--boxes", boxes_file, "--layer", "8x8", "--device", "cpu")
    done = run("forget", tmp_path / "model.safetensors", tmp_path / "sheet.png", *words)
    assert "by 32 positions in 1 box and as many outside; too few samples have" in done.stdout
    assert "fewer positions" not in caplog.text
    wide = model_of(width=40)
    made = dcgan.forget(wide, boxes={3: (Box(0, 0, 16, 8),)}, layer="8x8", device="cpu")
    assert made.right is None
    assert len(made.weights) == 40
    assert "fewer positions" not in caplog.text
    dcgan.forget(model_of(width=80), boxes={3: (Box(0, 0, 16, 8),)}, layer="8x8", device="cpu")
    assert "There are fewer positions (64) than maps (80), so that almost any" in caplog.text


def test_the_detector_stays_as_it_is(model: Model) -> None:
    detector = half_sure(model)
    made = dcgan.forget(model, boxes=BOXES, detector=detector, drawn=[5], device="cpu")
    assert made.detector is not detector


def test_the_sheet_is_large_enough_to_see_objects(model: Model) -> None:
    """Blocks of five columns, three rows each, of tiles that are 160 pixels wide at least."""
    ten = dcgan.forget(model, boxes=BOXES, device="cpu")
    seven = dcgan.forget(model, boxes=BOXES, drawn=range(40, 47), device="cpu")
    five = dcgan.forget(model, boxes=BOXES, drawn=range(40, 45), device="cpu")
    assert ten.sheet.size == seven.sheet.size
    assert ten.sheet.width == five.sheet.width > 5 * 160
    assert ten.sheet.height > five.sheet.height + 3 * 160
    one = dcgan.forget(model, boxes=BOXES, drawn=[3], device="cpu")
    assert one.sheet.width > 160


def test_boxes_of_any_kind(model: Model) -> None:
    plain: dict[Any, Any] = {str(seed): [[0, 0, 8, 8]] for seed in BOXES}
    found = [dcgan.forget(model, boxes=boxes, device="cpu") for boxes in (BOXES, plain)]
    assert np.array_equal(found[0].weights, found[1].weights)
    assert found[0].seeds == found[1].seeds


def test_no_seeds_are_left_behind_the_last(model: Model) -> None:
    boxes = BOXES | {2**63 - 3: (Box(0, 0, 8, 8),)}
    words = r"There are no 10 seeds behind 9223372036854775805, the last with .* others as `drawn`"
    with pytest.raises(DCGANError, match=words):
        dcgan.forget(model, boxes=boxes, device="cpu")
    assert dcgan.forget(model, boxes=boxes, drawn=[1], device="cpu").seeds == (1,)


def test_refused_in_python(model: Model) -> None:
    with pytest.raises(DCGANError, match="`boxes`, seed 3: 0 is no box; each must be four"):
        dcgan.forget(model, boxes={3: Box(0, 0, 8, 8)}, device="cpu")  # type: ignore[dict-item]
    for wrong in (0.0, -1.0, float("nan")):
        with pytest.raises(DCGANError, match="`C` .=.* must be a number above 0"):
            dcgan.forget(model, boxes=BOXES, C=wrong, device="cpu")
    with pytest.raises(DCGANError, match="No samples to draw: `drawn` names no seed"):
        dcgan.forget(model, boxes=BOXES, drawn=[], device="cpu")
    with pytest.raises(DCGANError, match="sees colour pictures .3 channels., this model's have 1"):
        dcgan.forget(model_of(channels=1), detector="rooms", device="cpu")


def test_stopped(
    model_file: Path, boxes_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: Any) -> None:
        raise Stopped("", 15)

    monkeypatch.setattr(module, "draw_rows", stop)
    out = tmp_path / "sheet.png"
    done = run("forget", model_file, out, "--boxes", boxes_file, "--device", "cpu")
    assert done.exit_code == 143
    assert "Stopped; nothing was written." in done.stderr
    assert not out.exists()


def test_without_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", None)
    monkeypatch.delitem(sys.modules, "dcgan.inside.regression")
    with pytest.raises(DCGANError, match=r'needs scikit-learn 1.6 or newer: pip install "dcgan\['):
        importlib.import_module("dcgan.inside.regression")
