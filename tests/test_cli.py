"""The command line as a user meets it: help, worked mistakes, exit codes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from dcgan.cli import main
from dcgan.config import OPTIONS, PRESETS
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


@pytest.mark.parametrize("command", ["train", "pack", "sample"])
def test_every_command_has_examples(command: str) -> None:
    text = dcgan(command, "--help").stdout
    assert f"\n    dcgan {command} " in text.split("Examples:")[1]


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
        (["train", "phots"], "There is no folder phots. Did you mean 'photos'?"),
        (["train", "photos", "--size", "50"], "Nearest possible: 48, 56, 64"),
        (["train", "photos", "--size", "big"], "must be a side like 64"),
        (["train", "photos", "--preset", "papper"], "no preset 'papper'. Did you mean 'paper'?"),
        (["train", "photos", "--batch", "1"], "`batch` (=1) must be at least 2"),
        (["train", "photos", "--batch", "four"], "'four' is not a valid integer"),
        (["train", "photos", "--wdith", "8"], "No such option '--wdith'. Did you mean"),
        (["train", "photos", "--config", "none.json"], "Cannot read the config none.json"),
        (["train", "photos", "--device", "gpu9"], "no `device` 'gpu9' here"),
        (["train", "photos", "--background", "whit"], "is no colour"),
        (["trian", "photos"], "No such command 'trian'. Did you mean"),
        (["pack", "photos", "photos"], "is no pack and not empty"),
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
    assert "Stopped. The same command goes on from what is done." in result.stderr


def test_conditional(classes: Path, here: Path) -> None:
    assert dcgan("train", "animals", *TRAIN, "--labels", "class").exit_code == 0
    model = "runs/animals/model.safetensors"
    assert dcgan("sample", model, "bees.png", "--class", "bee", "--count", "4").exit_code == 0
    assert "no class 'wasp'" in refused("sample", model, "wasps.png", "--class", "wasp")


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
