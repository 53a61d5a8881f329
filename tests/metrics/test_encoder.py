"""An encoder that is taught on the source: what it learns, its file, and bad input."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import dcgan
from dcgan.data.pack import first_classes
from dcgan.errors import DCGANError
from dcgan.metrics.encoder import (
    TURN,
    TURNS,
    Encoder,
    Lessons,
    Task,
    encoder,
    load_encoder,
    turned,
)
from dcgan.size import Size
from tests.conftest import drawn_picture


@pytest.fixture(scope="module")
def reds_and_blues(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes that a few steps can tell apart."""
    folder = tmp_path_factory.mktemp("colours")
    rng = np.random.default_rng(0)
    for name, channel in (("red", 0), ("blue", 2)):
        (folder / name).mkdir()
        for number in range(150):
            pixels = rng.integers(0, 120, (16, 16, 3), np.uint8)
            pixels[..., channel] += 100
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return folder


def task(**facts: object) -> Task:
    known: dict[str, object] = {
        "size": Size(16, 16), "channels": 3, "column": "class", "classes": ("a", "b"),
    }  # fmt: skip
    return Task(**(known | facts))  # type: ignore[arg-type]


def test_learns_the_classes(reds_and_blues: Path, tmp_path: Path) -> None:
    path = tmp_path / "encoder.safetensors"
    made = encoder(reds_and_blues, path, images=3_000, device="cpu")
    assert made.task.column == "class"
    assert made.task.classes == ("blue", "red")
    assert made.task.accuracy == 1.0
    assert made.task.images_seen == 3_000
    again = load_encoder(path)
    assert again.task == made.task
    images = torch.rand(5, 3, 16, 16) * 2 - 1
    torch.testing.assert_close(again.features(images), made.features(images))
    assert not again.training


def test_the_same_seed_gives_the_same_encoder(reds_and_blues: Path, tmp_path: Path) -> None:
    before = torch.random.get_rng_state()
    for name in ("a", "b"):
        encoder(reds_and_blues, tmp_path / name, images=256, device="cpu")
    one, other = load_encoder(tmp_path / "a"), load_encoder(tmp_path / "b")
    assert one.task == other.task
    for key, tensor in one.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[key])
    assert torch.equal(torch.random.get_rng_state(), before)


def test_learns_turns_where_there_are_no_classes(tmp_path: Path) -> None:
    """Pictures that are bright at the top: after some steps most turns are told."""
    folder = tmp_path / "skies"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(200):
        pixels = rng.integers(0, 60, (16, 16, 3), np.uint8)
        pixels[:5] += 150
        Image.fromarray(pixels).save(folder / f"{number}.png")
    made = encoder(folder, tmp_path / "encoder", images=3_000, device="cpu")
    assert made.task.column == TURN
    assert made.task.classes == TURNS
    assert made.task.subject == "how a picture is turned"
    assert made.task.accuracy > 0.9


def test_turned() -> None:
    images = torch.arange(24.0).view(1, 1, 4, 6).expand(2, 1, 4, 6)
    halves = turned(images, torch.tensor([0, 1]), 2)
    assert torch.equal(halves[0], images[0])
    assert torch.equal(halves[1], images[1].flip(1, 2))
    square = torch.arange(16.0).view(1, 1, 4, 4).expand(4, 1, 4, 4)
    quarters = turned(square, torch.arange(4), 4)
    for number in range(4):
        assert torch.equal(quarters[number], torch.rot90(square[number], number, (1, 2)))


def test_lessons_keep_the_held_out_pictures_out(reds_and_blues: Path, tmp_path: Path) -> None:
    pack = dcgan.pack(reds_and_blues, tmp_path / "pack")
    assert first_classes(pack.info.columns) == "class"
    lessons = Lessons(pack, "class", seed=1)
    held = torch.cat([images for images, _ in lessons.examination()]).flatten(1)
    assert len(held) == 30
    seen = torch.cat([lessons.batch(128 * step)[0] for step in range(3)]).flatten(1)
    assert len(seen.unique(dim=0)) == 270  # type: ignore[no-untyped-call]
    assert not any((seen == row).all(dim=1).any() for row in held)


@pytest.mark.parametrize("size", [(8, 8), (28, 28), (64, 64), (48, 80), (100, 100)])
def test_any_size(size: tuple[int, int]) -> None:
    network = Encoder(task(size=Size(*size), channels=1)).eval()
    assert network.features(torch.zeros(2, 1, *size)).shape == (2, 256)
    assert network(torch.zeros(2, 1, *size)).shape == (2, 2)


def test_wide_pictures_are_turned_by_halves(tmp_path: Path) -> None:
    for number in range(25):
        drawn_picture(number, 32, 48).save(tmp_path / f"{number}.png")
    pack = dcgan.pack(tmp_path, tmp_path.parent / "wide", dcgan.PackConfig(size=Size(32, 48)))
    assert Lessons(pack, TURN, seed=1).task.classes == ("upright", "upside down")


def test_crops_as_the_model_does(tmp_path: Path) -> None:
    # The classes differ in the border alone, which the crop takes away.
    for name, colour in (("a", "red"), ("b", "blue")):
        (tmp_path / "set" / name).mkdir(parents=True)
        for number in range(30):
            picture = Image.new("RGB", (48, 48), colour)
            picture.paste(Image.new("RGB", (16, 16), (0, 8 * number, 0)), (16, 16))
            picture.save(tmp_path / "set" / name / f"{number}.png")

    def accuracy(crop: str) -> float:
        file, rest = tmp_path / "e", {"size": 16, "images": 1_280, "device": "cpu"}
        return encoder(tmp_path / "set", file, crop=crop, **rest).task.accuracy  # type: ignore[arg-type]

    assert accuracy("centre") == 1.0
    assert accuracy("16") < 1.0
    with pytest.raises(DCGANError, match=r"`crop` \(=round\) must be centre, none, or a side"):
        accuracy("round")


def test_bad_input(reds_and_blues: Path, tmp_path: Path) -> None:
    for column in ("colour", "turn"):  # how pictures are turned is no column
        with pytest.raises(DCGANError, match=rf"no label column '{column}'.*class"):
            encoder(reds_and_blues, tmp_path / "e", labels=column, device="cpu")
    (alike := tmp_path / "alike").mkdir()
    for number in range(25):
        drawn_picture(number).save(alike / f"{number}.png")
    rows = [f"{number}.png,red" for number in range(25)]
    (alike / "labels.csv").write_text("\n".join(["file,colour", *rows]))
    with pytest.raises(DCGANError, match=r"have the colour 'red'.* nothing to tell apart.*--lab"):
        encoder(alike, tmp_path / "e", labels="colour", device="cpu")
    few = tmp_path / "few"
    few.mkdir()
    for number in range(3):
        drawn_picture(number).save(few / f"{number}.png")
    with pytest.raises(DCGANError, match="has 3 pictures; an encoder needs 20 at least"):
        encoder(few, tmp_path / "e", device="cpu")
    with pytest.raises(DCGANError, match=r"no encoder .*none\. Make one: dcgan encoder SOURCE"):
        load_encoder(tmp_path / "none")
    (tmp_path / "text").write_text("nothing of the kind")
    with pytest.raises(DCGANError, match="text is no encoder file, or a damaged one"):
        load_encoder(tmp_path / "text")
    assert not (tmp_path / "e").exists()
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(DCGANError, match=r"mine\.txt is there already and is no encoder"):
        encoder(reds_and_blues, tmp_path / "mine.txt", device="cpu")
    assert (tmp_path / "mine.txt").read_text() == "precious"
    with pytest.raises(DCGANError, match="lies within the source"):
        encoder(reds_and_blues, reds_and_blues / "e", device="cpu")
    with pytest.raises(DCGANError, match="Cannot write"):
        encoder(reds_and_blues, tmp_path / "mine.txt" / "e", device="cpu")


def test_a_weak_encoder_is_called_weak(
    reds_and_blues: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = encoder(reds_and_blues / "red", tmp_path / "e", images=1, device="cpu")
    assert made.task.accuracy < 0.6
    assert "distances through it say little" in caplog.text


def test_a_hostile_header(tmp_path: Path) -> None:
    for facts in ({"classes": 7}, {"channels": -1}, {"size": "nonsense"}, {"more": 1}):
        network = Encoder(task())
        network.task = task()
        vars(network.task).update(facts)
        network.save(tmp_path / "hostile")
        with pytest.raises(DCGANError, match="hostile is no encoder file, or a damaged one"):
            load_encoder(tmp_path / "hostile")
