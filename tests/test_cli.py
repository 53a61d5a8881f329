"""The command line as a user meets it: help, worked mistakes, exit codes."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from dcgan.cli import main
from dcgan.config import OPTIONS
from dcgan.data.worlds import WORLDS
from dcgan.errors import DCGANError
from dcgan.presets import PRESETS
from tests.conftest import drawn_picture

TRAIN = "--size 16 --width 8 --batch 4 --latent-dim 6 --images 8 --device cpu".split()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def model(photos: Path, here: Path) -> str:
    assert dcgan("train", "photos", *TRAIN).exit_code == 0
    return "runs/photos/model.safetensors"


def dcgan(*words: str) -> Result:
    return CliRunner().invoke(main, words)


def refused(*words: str) -> str:
    """What is said when a command is refused: one sentence, no traceback."""
    result = dcgan(*words)
    assert result.exit_code in (1, 2), result.output
    assert isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.stderr
    lines = [line for line in result.stderr.splitlines() if line.startswith("Error:")]
    assert len(lines) == 1
    return lines[0]


@pytest.mark.parametrize("words", [["--help"], ["train", "--help"], ["trian"], ["--version"]])
def test_answers_without_pytorch(words: list[str]) -> None:
    script = (
        "import sys\n"
        "from dcgan.cli import main\n"
        "try:\n"
        f"    main({words!r})\n"
        "finally:\n"
        "    heavy = {'torch', 'numpy', 'PIL', 'safetensors'} & sys.modules.keys()\n"
        "    print('heavy:', sorted(heavy))\n"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "heavy: []" in result.stdout


def test_help_names_every_option_and_preset() -> None:
    text = dcgan("train", "--help").stdout
    for name in OPTIONS:
        assert "--" + name.replace("_", "-") in text
    for name in PRESETS:
        assert f"\n  {name} " in text
    assert "Examples:" in text
    assert "[default: 0.0002]" in " ".join(text.split())
    assert [line for line in text.splitlines() if len(line) > 100] == []


@pytest.mark.parametrize("command", main.commands)
def test_every_command_has_examples(command: str) -> None:
    text = dcgan(command, "--help").stdout
    assert f"\n    dcgan {command} " in text.split("Example")[1]


def test_train_then_sample(photos: Path, here: Path) -> None:
    result = dcgan("train", "photos", *TRAIN)
    assert result.exit_code == 0
    for words in ("Generator:", "12 pictures of 16x16 in colour", "runs/photos", "dcgan sample"):
        assert words in result.stderr
    model = "runs/photos/model.safetensors"
    result = dcgan("sample", model, "sheet.png", "--seeds", "0-8", "--columns", "9")
    assert result.stdout == "sheet.png: 9 pictures of 16x16.\n"
    with Image.open("sheet.png") as sheet:
        assert sheet.size == (9 * 18 + 2, 20)
    assert dcgan("sample", model, "out", "--seeds", "3,7").exit_code == 0
    assert sorted(path.name for path in Path("out").iterdir()) == ["000003.png", "000007.png"]
    with Image.open("sheet.png") as sheet, Image.open("out/000007.png") as single:
        place = (2 + 7 * 18, 2, 18 + 7 * 18, 18)
        assert sheet.crop(place).tobytes() == single.tobytes()
    assert dcgan("sample", model, "many", "--count", "5").exit_code == 0
    assert len(list(Path("many").iterdir())) == 5
    assert dcgan("sample", model, "batch.webp", "--batch-statistics").exit_code == 0
    assert dcgan("sample", model, "many", "--count", "2").exit_code == 0
    assert "photos holds other files, such as 00.bmp; give" in refused("sample", model, "photos")
    assert "is a model, not pictures; give the pictures" in refused("train", model)


def test_finished_runs_say_how_to_go_on(photos: Path, here: Path) -> None:
    dcgan("train", "photos", *TRAIN)
    result = dcgan("train", "photos")
    assert result.exit_code == 0
    assert "has seen all its 8 pictures" in result.stderr
    assert "--images" in result.stderr


def test_pack_then_train(photos: Path, here: Path) -> None:
    result = dcgan("pack", "photos", "small", "--size", "16")
    assert result.stdout == "small: 12 pictures of 16x16, 0 skipped.\n"
    assert dcgan("train", "small", *TRAIN).exit_code == 0
    assert Path("runs/small/model.safetensors").is_file()


def test_dedup_then_pack(photos: Path, here: Path) -> None:
    drawn_picture(7).save("photos/x.tif")
    result = dcgan("dedup", "photos", "--method", "exact")
    assert result.stdout == (
        "duplicates.csv: 1 of 13 pictures repeats an earlier one, in 1 group; "
        "0 could not be read.\n"
    )
    assert "Look at duplicates.png" in result.stderr
    assert Path("duplicates.csv").read_text().endswith("\n1,more/07.png,x.tif,0\n")
    result = dcgan("pack", "photos", "small", "--size", "16", "--without", "duplicates.csv")
    assert result.stdout == "small: 12 pictures of 16x16, 0 skipped.\n"
    Path("photos/x.tif").unlink()
    result = dcgan("dedup", "photos", "--method", "perceptual", "--radius", "0", "--out", "out")
    assert result.stdout.startswith("out/duplicates.csv: 0 of 12 pictures repeat an earlier one")
    assert "Look at" not in result.stderr
    assert "small is a pack; give the source" in refused("dedup", "small")


def test_encoder_then_evaluate(photos: Path, here: Path) -> None:
    for number in range(12, 110):
        drawn_picture(number).save(f"photos/{number}.png")
    dcgan("train", "photos", *TRAIN)
    result = dcgan("encoder", "photos", "encoder.safetensors", "--size", "16", "--images", "256")
    assert result.stdout.startswith("encoder.safetensors: ")
    assert (
        "right of how a picture is turned (4 kinds), on pictures of 16x16 that were held out"
        in result.stdout
    )
    model = "runs/photos/model.safetensors"
    options = ("--encoder", "encoder.safetensors", "--count", "100", "--out", "measured")
    result = dcgan("evaluate", model, "photos", *options)
    assert result.exit_code == 0
    for words in ("Fréchet distance", "kernel distance", "precision", "copies", "SHA-256"):
        assert words in result.stdout
    assert "FID" not in result.stdout
    assert "nearest to real ones: measured/closest.png" in result.stdout
    assert Path("measured/evaluation.json").is_file()
    assert "give --encoder FILE" in refused("evaluate", model, "photos")
    command = ("train", "photos", "--run", "measured-run", "--size", "16", "--width", "8")
    trained = dcgan(*command, "--images", "64", "--encoder", "encoder.safetensors")
    assert "The model is measured-run/best.safetensors" in trained.stderr
    assert dcgan("sample", "measured-run", "best.png").exit_code == 0
    assert "but no encoder of this package" in refused(*command, "--encoder", model)
    assert "There is no encoder nothing" in refused(*command, "--encoder", "nothing")
    assert "two were given" in refused(*command, "--encoder", model, "--inception", model)
    assert "give --encoder FILE" in refused(*command, "--patience", "100")
    sentence = refused("evaluate", model, "photos", "--inception", "encoder.safetensors")
    assert "encoder.safetensors is not the published file" in sentence


def test_faces_then_train(here: Path) -> None:
    drawn, _ = WORLDS["faces"].draw(np.array([4, 17, 22, 24]), 128, 128)
    Path("people").mkdir()
    for number, picture in enumerate(drawn):
        Image.fromarray(picture).save(f"people/{number}.png")
    Path("people/words.jpg").write_text("words")
    result = dcgan("faces", "people", "crops", "--minimum", "40", "--margin", "0.3", "--largest")
    assert result.stdout == "crops: 4 faces in 4 of 5 pictures, 1 skipped.\n"
    assert "Found 5 picture files in people" in result.stderr
    assert "Skipped 1 that could not be read (first: words.jpg, not a picture" in result.stderr
    assert dcgan("faces", "people", "crops", "--minimum", "40", "--margin", "0.3").exit_code == 1
    assert dcgan("train", "crops", *TRAIN).exit_code == 0


def test_ctrl_c_while_cutting_faces(
    photos: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("dcgan.data.faces.find_faces", interrupted)
    result = dcgan("faces", "photos", "crops")
    assert result.exit_code == 130
    assert "Stopped. The same command takes the work up again." in result.stderr


def terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def test_a_signal_does_not_hide_an_error(
    photos: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> None:
        try:
            raise DCGANError("The reason.")
        finally:
            terminate()

    def interrupted(error: click.ClickException) -> None:
        terminate()
        show(error)

    before, show = signal.getsignal(signal.SIGTERM), click.ClickException.show
    monkeypatch.setattr("dcgan.data.faces._cut_parts", failing)
    assert refused("faces", "photos", "crops") == "Error: The reason."
    monkeypatch.setattr(click.ClickException, "show", interrupted)
    assert refused("faces", "photos", "crops") == "Error: The reason."
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_second_signal_does_not_hide_the_first(
    photos: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*words: Any, **options: Any) -> None:
        terminate()
        echo(*words, **options)

    echo = click.echo
    monkeypatch.setattr("dcgan.data.faces._cut_parts", lambda *_: terminate())
    monkeypatch.setattr(click, "echo", interrupted)
    result = dcgan("faces", "photos", "crops")
    assert result.exit_code == 128 + signal.SIGTERM
    assert result.stderr.endswith("Stopped. The same command takes the work up again.\n")


def test_dry_run_prints_a_config_that_can_be_used(photos: Path, here: Path) -> None:
    result = dcgan("train", "photos", "--preset", "svhn", "--batch", "4", "--dry-run")
    assert result.exit_code == 0
    assert "Discriminator: 1,033,664 parameters" in result.stderr
    assert not Path("runs").exists()
    Path("svhn.json").write_text(result.stdout)
    again = dcgan("train", "photos", "--config", "svhn.json", "--dry-run")
    assert again.stdout == result.stdout
    longer = dcgan("train", "photos", "--config", "svhn.json", "--passes", "3", "--dry-run")
    assert json.loads(longer.stdout)["train"]["images"] == 36


def test_a_text_file_among_the_pictures(photos: Path, here: Path) -> None:
    (photos / "notes.txt").write_text("words")
    (photos / "disguised.jpg").write_text("words")
    result = dcgan("train", "photos", *TRAIN)
    assert result.exit_code == 0
    assert "1 other file left out" in result.stderr
    assert "Skipped 1 that could not be read (first: disguised.jpg, not a picture" in result.stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["train", "phots"], "There is no folder or archive phots. Did you mean 'photos'?"),
        (["train", "photos", "--size", "50"], "Nearest possible: 48, 56, 64"),
        (["train", "photos", "--size", "big"], "must be a side like 64"),
        (["train", "photos", "--preset", "papper"], "no preset 'papper'. Did you mean 'paper'?"),
        (["train", "photos", "--batch", "1"], "`batch` (=1) must be 0 or at least 2"),
        (["train", "photos", "--batch", "four"], "'four' is not a valid integer"),
        (
            ["train", "photos", "--wdith", "8"],
            "No such option '--wdith'. (Did you mean one of: '--width', ",
        ),
        (["train", "photos", "--config", "none.json"], "Cannot read the config none.json"),
        (["train", "photos", "--device", "gpu9"], "no `device` 'gpu9' here"),
        (["train", "photos", "--background", "whit"], "is no colour"),
        (["trian", "photos"], "No such command 'trian'. (Did you mean one of: 'train', "),
        (["pack", "photos", "photos"], "lies within the source photos"),
        (["dedup", "phots"], "There is no folder or archive phots. Did you mean 'photos'?"),
        (["dedup", "photos", "--method", "exct"], "no `method` 'exct'. Did you mean 'exact'?"),
        (["dedup", "photos", "--radius", "99"], "`radius` (=99) must be 0 to 16 bits"),
        (["dedup", "photos", "--radius", "two"], "'two' is not a valid integer"),
        (["dedup", "photos", "--out", "photos/more"], "lies within the source photos"),
        (["dedup", "photos", "--out", ""], "it is empty"),
        (["faces", "phots", "crops"], "There is no folder or archive phots. Did you mean"),
        (["faces", "photos", "crops"], "There are no faces in the 12 pictures of photos"),
        (["faces", "photos", "crops", "--minimum", "5"], "`minimum` (=5) must be at least 20"),
        (["faces", "photos", "photos/crops"], "lies within the source photos"),
        (["faces", "photos", ""], "it is empty"),
        (["sample", "none.safetensors", "a.png"], "no model file none.safetensors"),
        (["sample", "photos/00.bmp", "a.png"], "is no model file"),
    ],
)
def test_mistakes(photos: Path, here: Path, words: list[str], sentence: str) -> None:
    assert sentence in refused(*words)
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--seeds", "9-3"], "`seeds` (=9-3) must look like 0-63 or 1,2,5-10"),
        (["--seeds", "1", "--count", "2"], "Give --seeds or --count, not both"),
        (["--class", "cat"], "this model knows no classes"),
        (["--seeds", "5", "--batch-statistics"], "One picture has no batch statistics"),
    ],
)
def test_mistakes_with_a_model(model: str, words: list[str], sentence: str) -> None:
    assert sentence in refused("sample", model, "out.png", *words)
    assert not Path("out.png").exists()


def test_an_unwritable_folder(photos: Path, here: Path) -> None:
    Path("file").touch()
    said = refused("train", "photos", *TRAIN, "--run", "file/run")
    assert "Cannot write file/run" in said
    assert "file is a file. Choose another with --run FOLDER" in said


def test_no_pictures(here: Path) -> None:
    Path("empty").mkdir()
    assert "empty holds no pictures, no files at all" in refused("train", "empty")
    Path("empty/notes.txt").touch()
    assert "only other files (1 .txt)" in refused("train", "empty")


def test_ctrl_c_while_packing(photos: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("dcgan.data.packing.read_part", interrupted)
    result = dcgan("train", "photos", *TRAIN)
    assert result.exit_code == 130
    assert "Stopped. The same command takes the work up again." in result.stderr


def test_conditional(classes: Path, here: Path) -> None:
    assert dcgan("train", "animals", *TRAIN, "--labels", "class").exit_code == 0
    model = "runs/animals/model.safetensors"
    assert dcgan("sample", model, "bees.png", "--class", "bee", "--count", "4").exit_code == 0
    assert "no class 'wasp'" in refused("sample", model, "wasps.png", "--class", "wasp")


def test_audit(photos: Path, here: Path) -> None:
    (photos / "words.jpg").write_text("words")
    result = dcgan("audit", "photos")
    assert result.exit_code == 0
    for words in ("13, of which 12 can be read", "dcgan train photos", "Mend first: unreadable"):
        assert words in result.stdout
    assert result.stderr.endswith("See audits/photos/audit.html.\n")
    assert "words.jpg" in Path("audits/photos/audit.html").read_text(encoding="utf8")
    assert dcgan("audit", "photos", "--size", "16", "--out", "small").exit_code == 0
    assert json.loads(Path("small/audit.json").read_text())["size"] == "16"


def test_mistakes_with_audits(photos: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Did you mean 'photos'?" in refused("audit", "phots")
    assert "Nearest possible: 48" in refused("audit", "photos", "--size", "50")
    assert "lies within the source" in refused("audit", "photos", "--out", "photos/audit")
    assert not Path("audits").exists()
    monkeypatch.chdir(photos)
    said = refused("audit", ".")
    assert "audits/photos, lies within the source ., which is never changed; give one" in said


def test_ctrl_c_while_auditing(photos: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("dcgan.data.audit.facts.examine", interrupted)
    result = dcgan("audit", "photos")
    assert result.exit_code == 130
    assert "Stopped; this audit was not finished." in result.stderr
    assert list(Path("audits/photos").iterdir()) == []


@pytest.mark.parametrize(
    ("work", "words", "said"),
    [
        ("encoder", ["photos", "e"], "Stopped; nothing was written."),
        ("evaluate", ["m", "photos", "--encoder", "e"], "Stopped; nothing was measured."),
        ("sample", ["m", "x.png"], "Stopped; the same command begins anew."),
        ("dedup", ["photos"], "Stopped; nothing was written."),
        ("import_published", ["a", "b"], "Stopped; nothing was written."),
        ("compare", ["photos"], "Stopped. The same command takes the work up again."),
    ],
)
def test_ctrl_c_says_what_becomes_of_the_work(
    photos: Path,
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    work: str,
    words: list[str],
    said: str,
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(f"dcgan.{work}", interrupted)
    result = dcgan(work.removesuffix("_published"), *words)
    assert result.exit_code == 130
    assert result.stderr.endswith(f"{said}\n")


def test_a_folder_of_one_picture(here: Path) -> None:
    Path("one").mkdir()
    drawn_picture(1).save("one/one.png")
    assert dcgan("train", "one", *TRAIN).exit_code == 0


@pytest.mark.parametrize(
    "words", [["train", "photos", "--run", ""], ["sample", "", "x.png"], ["train", ""]]
)
def test_empty_paths(photos: Path, here: Path, words: list[str]) -> None:
    result = dcgan(*words)
    assert result.exit_code != 0
    assert "empty" in result.stderr
    assert "Traceback" not in result.stderr


def test_what_a_preview_finds(classes: Path, here: Path) -> None:
    result = dcgan("train", "animals", "--preset", "mnist", "--passes", "2", "--dry-run")
    found = json.loads(result.stdout)
    assert found["network"]["classes"] == 3
    assert found["train"]["images"] == 24
    wrong = dcgan("train", "animals", "--labels", "clas", "--dry-run")
    assert wrong.exit_code == 1
    assert "no label column 'clas'. Did you mean 'class'?" in wrong.stderr
