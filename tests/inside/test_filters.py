"""What maps answer to: the strongest responses, the sheet, the command, and what is refused."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

import dcgan
from dcgan.cli import main
from dcgan.config import PackConfig
from dcgan.data.pack import Pack
from dcgan.errors import DCGANError, Stopped
from dcgan.features.vectors import store_statistics
from dcgan.images import to_floats
from dcgan.inside import filters as module
from dcgan.inside.filters import drawn_gradients, mean_concentration, random_filters, title_of
from dcgan.inside.responses import strongest
from dcgan.model import Model
from dcgan.size import Size
from tests.inside.conftest import model_of


def run(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def images_of(pack: Pack) -> torch.Tensor:
    return to_floats(torch.from_numpy(pack.pictures(np.arange(len(pack)))))


@pytest.mark.parametrize("batch", [60, 7, 1])
def test_strongest(model: Model, rooms: Pack, batch: int) -> None:
    """As if all responses lay on the table, whatever the batches."""
    images = images_of(rooms)
    parts = [images[start : start + batch] for start in range(0, 60, batch)]
    found = strongest(model.discriminator, parts, "4x4", [5, 0], 4)
    with torch.no_grad():
        maps = model.discriminator.features(images)["4x4"]
    for row, number in enumerate((5, 0)):
        best = maps[:, number].flatten(1).max(dim=1).values
        order = best.argsort(descending=True)[:4]
        assert found.pictures[row].tolist() == order.tolist()
        torch.testing.assert_close(found.values[row], best[order])
        for value, picture, (y, x) in zip(
            found.values[row], found.pictures[row], found.positions[row].tolist(), strict=True
        ):
            torch.testing.assert_close(maps[picture, number, y, x], value)


def test_of_equal_pictures_the_first(model: Model, rooms: Pack) -> None:
    one = images_of(rooms)[:1]
    found = strongest(model.discriminator, [one, one, one, one], "8x8", [3], 3)
    assert found.pictures.tolist() == [[0, 1, 2]]


def test_filters(model: Model, rooms: Pack) -> None:
    made = dcgan.filters(model, rooms, stored_statistics=True, count=3, device="cpu")
    assert (made.layer, made.maps, made.field.side) == ("4x4", (0, 1, 2, 3, 4, 5), 10)
    images = images_of(rooms)
    wanted = strongest(model.discriminator, [images], "4x4", made.maps, 3)
    assert torch.equal(made.trained.responses.pictures, wanted.pictures)
    assert made.trained.gradients.shape == (6, 3, 3, 16, 16)
    pixels = rooms.pictures(wanted.pictures[2].numpy())
    assert np.array_equal(made.trained.pixels[2], pixels)
    assert made.random.concentration.shape == (6, 3)
    assert 0.1 <= mean_concentration(made.random) <= 1.0
    again = dcgan.filters(model, rooms, stored_statistics=True, count=3, device="cpu")
    assert np.array_equal(made.random.gradients, again.random.gradients)
    other = dcgan.filters(model, rooms, stored_statistics=True, count=3, seed=1, device="cpu")
    assert not np.array_equal(made.random.gradients, other.random.gradients)
    assert np.array_equal(made.trained.gradients, other.trained.gradients)


def test_statistics_of_the_pictures(model: Model, rooms: Pack) -> None:
    """By default every map is normalised on the source; the model itself stays as it is."""
    before = model.digest()
    made = dcgan.filters(model, rooms, count=4, device="cpu")
    measured = copy.deepcopy(model.discriminator)
    store_statistics(measured, [images_of(rooms)])
    wanted = strongest(measured, [images_of(rooms)], "4x4", made.maps, 4)
    assert torch.equal(made.trained.responses.pictures, wanted.pictures)
    torch.testing.assert_close(made.trained.responses.values, wanted.values)
    stored = dcgan.filters(model, rooms, count=4, stored_statistics=True, device="cpu")
    assert not torch.equal(stored.trained.responses.values, made.trained.responses.values)
    assert model.digest() == before


def test_random_filters_have_no_part_of_the_trained(model: Model) -> None:
    random = random_filters(model.discriminator, 3)
    for name, weight in random.named_parameters():
        if weight.dim() > 1:
            assert weight.std().item() == pytest.approx(0.02, rel=0.25), name
    assert random.config == model.config


@pytest.mark.parametrize("channels", [1, 4])
def test_other_channels(channels: int, photos: Path, tmp_path: Path) -> None:
    model = model_of(channels=channels)
    made = dcgan.filters(model, photos, tmp_path / "sheet.jpg", count=2, maps=[1], device="cpu")
    assert made.trained.gradients.shape == (1, 2, channels, 16, 16)
    with Image.open(tmp_path / "sheet.jpg") as sheet:
        assert sheet.mode == made.sheet.mode == "RGB"
        assert sheet.size == made.sheet.size


def test_the_title_says_what_is_shown(model: Model, rooms: Pack) -> None:
    made = dcgan.filters(model, rooms, layer="8x8", maps=[2], count=2, device="cpu")
    title = title_of(made)
    assert title.startswith("The strongest responses of 1 map of the discriminator's layer 8x8.")
    assert "what a unit sees, 4x4 pixels, grey outside" in title
    assert "random filters, the weights of a training's beginning" in title


def test_drawn_gradients() -> None:
    gradients = np.zeros((1, 2, 3, 2, 2), np.float32)
    gradients[0, 0, 1, 0, 1], gradients[0, 0, 2, 1, 1] = -4.0, 2.0
    drawn = drawn_gradients(gradients)
    assert drawn.shape == (1, 2, 2, 2, 3)
    assert drawn[0, 0, 0, 1].tolist() == [128, 1, 128]
    assert drawn[0, 0, 1, 1].tolist() == [128, 128, 192]
    assert (drawn[0, 1] == 128).all()


def test_a_silent_map_is_named(
    rooms: Pack, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    model = model_of()
    norm = model.discriminator.get_submodule("blocks.4x4.1")
    assert isinstance(norm, torch.nn.BatchNorm2d)
    norm.weight.data[3], norm.bias.data[3] = 0.0, -1.0
    made = dcgan.filters(model, rooms, tmp_path / "sheet.png", maps=[3], device="cpu")
    assert "Map 3 is nowhere above 0 in these pictures: no gradient." in caplog.text
    assert not made.trained.gradients.any()
    assert np.isnan(mean_concentration(made.trained))


def test_the_command(model_file: Path, rooms: Pack, tmp_path: Path) -> None:
    out = tmp_path / "new" / "sheet.png"
    words = ("--layer", "8x8", "--maps", "0,7", "--count", "2", "--device", "cpu")
    done = run("filters", model_file, rooms.path, out, *words)
    assert done.exit_code == 0, done.output
    first, second = done.stdout.splitlines()
    assert first == f"{out}: 2 maps of 8x8; a unit sees 4x4 pixels."
    assert second.startswith("Energy in the strongest tenth of the pixels: ")
    with Image.open(out) as sheet:
        assert sheet.height < sheet.width
    done = run("filters", model_file, rooms.path, out, "--maps", "3", "--device", "cpu")
    assert done.stdout.startswith(f"{out}: 1 map of 4x4; ")


def test_refused(model_file: Path, rooms: Pack, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "sheet.png"

    def refused(*words: object) -> str:
        done = run("filters", *words, "--device", "cpu")
        assert done.exit_code == 1
        assert isinstance(done.exception, SystemExit)
        return " ".join(done.stderr.split())

    place = rooms.path
    no_layer = refused(model_file, place, out, "--layer", "9x9")
    assert "The discriminator has no layer '9x9'. Possible: 8x8, 4x4." in no_layer
    no_map = refused(model_file, place, out, "--maps", "0-16")
    assert "Layer 4x4 has the maps 0 to 15; 16 was given." in no_map
    assert "`maps` (=first) must look like 0-63" in refused(
        model_file, place, out, "--maps", "first"
    )
    many = refused(model_file, photos, out, "--count", 13)
    assert "`count` (=13) must be 1 to 12, as many as are there." in many
    assert "There is no model file" in refused("nowhere", place, out)
    assert "There is no folder or archive nowhere" in refused(model_file, "nowhere", out)
    assert "must end in one of" in refused(model_file, place, tmp_path / "sheet.txt")
    assert "Cannot write" in refused(model_file, place, model_file / "sheet.png")
    assert not out.exists()


def test_projection_tells_no_layer_the_class(rooms: Pack) -> None:
    plain, conditional = model_of(), model_of(classes=3)
    weights = plain.discriminator.state_dict()
    conditional.discriminator.load_state_dict(weights, strict=False)
    options: dict[str, Any] = {"count": 12, "device": "cpu"}
    found = dcgan.filters(conditional, rooms, **options)
    assert found.sheet == dcgan.filters(plain, rooms, **options).sheet


def test_refused_in_python(model: Model, rooms: Pack, photos: Path, tmp_path: Path) -> None:
    with pytest.raises(DCGANError, match="told the class of a picture .of 3.*without classes"):
        dcgan.filters(model_of(classes=3, conditioning="joined"), rooms)
    with pytest.raises(DCGANError, match="`maps` names none; layer 4x4 has the maps 0 to 15"):
        dcgan.filters(model, rooms, maps=[], device="cpu")
    large = dcgan.pack(photos, tmp_path / "pack", PackConfig(size=Size(24, 24)))
    with pytest.raises(
        DCGANError, match="must be uint8 \\(N, 16, 16, 3\\).*; a pack of 24x24x3 was given"
    ):
        dcgan.filters(model, large, device="cpu")


def test_stopped(
    model_file: Path, rooms: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: Any) -> None:
        raise Stopped("", 15)

    monkeypatch.setattr(module, "look", stop)
    done = run("filters", model_file, rooms.path, tmp_path / "sheet.png", "--device", "cpu")
    assert done.exit_code == 143
    assert "Stopped; nothing was written." in done.stderr
    assert not (tmp_path / "sheet.png").exists()
