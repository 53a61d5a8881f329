from typing import Any, TypeVar

import numpy as np
import pytest
from numpy.typing import NDArray

from dcgan.data.drawn import faces, furniture, homes, people, rooms
from dcgan.data.drawn.drawing import Canvas
from dcgan.data.drawn.homes import Home
from dcgan.data.drawn.people import Face
from dcgan.data.worlds import WORLDS, World
from dcgan.errors import DCGANError

Pictures = NDArray[np.uint8]
Scene = TypeVar("Scene", Face, Home)


@pytest.fixture(params=sorted(WORLDS))
def world(request: pytest.FixtureRequest) -> World:
    return WORLDS[request.param]


def seeds(count: int) -> NDArray[np.int64]:
    return np.arange(count, dtype=np.int64)


def portraits(face: Face, size: int = 64) -> Pictures:
    canvas = Canvas(len(face.turn), size, size)
    faces.paint(canvas, face)
    return canvas.to_bytes()


def bedrooms(home: Home, size: int = 64) -> Pictures:
    canvas = Canvas(len(home.bed), size, size)
    rooms.paint(canvas, home)
    return canvas.to_bytes()


def constant(value: float, count: int) -> NDArray[np.float32]:
    return np.full(count, value, np.float32)


def having(scene: Scene, attribute: str, value: float) -> Scene:
    """The same scenes, all with the one value of an attribute."""
    changes: dict[str, Any] = {attribute: constant(value, scene[0].shape[-1])}
    return scene._replace(**changes)


def differs(a: Pictures, b: Pictures, by: int = 0) -> NDArray[np.bool_]:
    """Where two pictures differ by more than `by` levels, (N, H, W)."""
    difference: NDArray[np.bool_] = np.abs(a.astype(int) - b).max(axis=-1) > by
    return difference


def coordinates(size: int) -> NDArray[np.float64]:
    return (2 * np.arange(size) + 1 - size) / size


@pytest.mark.parametrize(("height", "width"), [(16, 16), (32, 32), (24, 57), (48, 20)])
def test_shapes_and_dtypes(world: World, height: int, width: int) -> None:
    pictures, labels = world.draw(seeds(5), height, width)
    assert pictures.shape == (5, height, width, 3)
    assert pictures.dtype == np.uint8
    assert labels.shape == (5, len(world.columns))
    assert labels.dtype == np.float32


def test_no_seeds_give_no_pictures(world: World) -> None:
    pictures, labels = world.draw(seeds(0), 32, 32)
    assert pictures.shape == (0, 32, 32, 3)
    assert labels.shape == (0, len(world.columns))


@pytest.mark.parametrize("size", [32, 64])
def test_a_picture_depends_on_its_seed_alone(world: World, size: int) -> None:
    many = seeds(150)
    pictures, labels = world.draw(many, size, size)
    order = np.random.default_rng(0).permutation(many)
    shuffled, shuffled_labels = world.draw(order, size, size)
    assert np.array_equal(shuffled, pictures[order])
    assert np.array_equal(shuffled_labels, labels[order])
    for seed in range(0, 150, 11):
        alone, alone_label = world.draw(many[seed : seed + 1], size, size)
        assert np.array_equal(alone[0], pictures[seed])
        assert np.array_equal(alone_label[0], labels[seed])


def test_seeds_differ_from_one_another(world: World) -> None:
    pictures, _ = world.draw(seeds(200), 32, 32)
    assert len(np.unique(pictures.reshape(200, -1), axis=0)) == 200


def test_worlds_do_not_share_their_numbers() -> None:
    face, home = people.cast(seeds(50)), homes.cast(seeds(50))
    assert not np.array_equal(face.smile, home.bed)


def test_the_same_seed_is_the_same_scene_in_every_size(world: World) -> None:
    small, small_labels = world.draw(seeds(100), 32, 32)
    large, large_labels = world.draw(seeds(100), 64, 64)
    halved = large.reshape(100, 32, 2, 32, 2, 3).mean(axis=(2, 4))
    assert np.abs(halved - small).mean() < 2.0
    assert np.array_equal(small_labels, large_labels)


def test_a_longer_side_shows_more_of_the_same_scene(world: World) -> None:
    square, _ = world.draw(seeds(40), 32, 32)
    wide, _ = world.draw(seeds(40), 32, 64)
    tall, _ = world.draw(seeds(40), 64, 32)
    assert np.array_equal(wide[:, :, 16:48], square)
    assert np.array_equal(tall[:, 16:48], square)


@pytest.mark.parametrize(("height", "width"), [(15, 64), (64, 8)])
def test_too_small_a_picture_is_refused(world: World, height: int, width: int) -> None:
    with pytest.raises(DCGANError, match=f"at least 16x16 pixels, not {height}x{width}"):
        world.draw(seeds(1), height, width)


def test_classes_are_whole_numbers_and_balanced(world: World) -> None:
    _, labels = world.draw(seeds(2000), 16, 16)
    assert np.isfinite(labels).all()
    table = dict(zip(world.columns, labels.T, strict=True))
    expected = {"glasses": 0.4, "bed": 0.8, "window": 0.7, "lamp": 0.55}
    shown = table.get("bed", np.ones(2000)) > 0
    for name, classes in world.columns.items():
        if classes is None:
            continue
        column = table[name][shown] if name == "bedding" else table[name]
        counts = np.bincount(column.astype(int), minlength=len(classes)) / len(column)
        assert np.array_equal(column, column.astype(int))
        if len(classes) == 2:
            assert counts[1] == pytest.approx(expected.get(name, 0.5), abs=0.05)
        else:
            assert counts == pytest.approx(np.full(len(classes), 1 / len(classes)), abs=0.05)


def test_turns_go_from_left_to_right() -> None:
    _, labels = WORLDS["faces"].draw(seeds(1000), 16, 16)
    turn = labels[:, list(WORLDS["faces"].columns).index("turn")]
    assert -1 <= turn.min() < -0.95
    assert 0.95 < turn.max() <= 1


@pytest.mark.parametrize(
    ("attribute", "top", "bottom"), [("smile", 0.2, 0.52), ("glasses", -0.2, 0.2)]
)
def test_an_attribute_changes_its_own_place_alone(
    attribute: str, top: float, bottom: float
) -> None:
    face = people.cast(seeds(100))
    changed = differs(portraits(having(face, attribute, 0)), portraits(having(face, attribute, 1)))
    assert changed.mean(axis=(1, 2)).min() > 0.01
    # Head coordinates, to first order in the tilt.
    x, y = coordinates(64)[None, :], coordinates(64)[:, None]
    for picture, head_x, head_y, scale, tilt in zip(
        changed, face.x, face.y + faces.HEAD_Y, face.scale, face.tilt, strict=True
    ):
        down = ((y - head_y) - tilt * (x - head_x)) / scale
        assert not picture[(down < top - 0.05) | (down > bottom + 0.05)].any()


@pytest.mark.parametrize("attribute", ["smile", "glasses"])
def test_an_attribute_is_seen_in_small_pictures(attribute: str) -> None:
    face = people.cast(seeds(100))
    without = portraits(having(face, attribute, 0), 32)
    with_ = portraits(having(face, attribute, 1), 32)
    assert differs(without, with_, by=40).sum(axis=(1, 2)).min() >= 6


def test_a_mirrored_portrait_is_a_mirrored_picture() -> None:
    # The light on the lenses falls from one side for all, so without glasses.
    face = people.cast(seeds(100))._replace(glasses=constant(0, 100))
    mirrored = face._replace(
        turn=-face.turn, x=-face.x, tilt=-face.tilt, parting=-face.parting, light=-face.light
    )
    difference = np.abs(portraits(mirrored)[:, :, ::-1].astype(int) - portraits(face))
    assert difference.mean() < 0.1


def test_a_face_that_turns_takes_its_glasses_along() -> None:
    face = people.cast(seeds(60))._replace(x=constant(0, 60), tilt=constant(0, 60))
    places = []
    for turn in (-1.0, 0.0, 1.0):
        turned = face._replace(turn=constant(turn, 60))
        changed = differs(
            portraits(turned._replace(glasses=constant(0, 60))),
            portraits(turned._replace(glasses=constant(1, 60))),
        )
        places.append((changed * coordinates(64)).sum(axis=(1, 2)) / changed.sum(axis=(1, 2)))
    assert (places[0] < -0.1).all()
    assert (np.abs(places[1]) < 0.08).all()
    assert (places[2] > 0.1).all()


@pytest.mark.parametrize(("height", "width"), [(64, 64), (64, 96), (80, 48)])
def test_the_box_of_the_window_holds_the_window_and_nothing_else(height: int, width: int) -> None:
    home = homes.cast(seeds(100))._replace(window=constant(1, 100))
    canvas, bare = Canvas(100, height, width), Canvas(100, height, width)
    rooms.paint(canvas, home)
    rooms.paint(bare, home._replace(window=constant(0, 100)))
    boxes = rooms.label(home, canvas)[:, 2:6]
    assert (boxes >= 0).all()
    assert (boxes <= 1).all()
    for changed, box in zip(differs(canvas.to_bytes(), bare.to_bytes()), boxes, strict=True):
        rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
        found = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
        left, top, right, bottom = box * (width, height, width, height)
        assert found == pytest.approx([left, top, right, bottom], abs=1.0)
        inside = changed[round(top) : round(bottom), round(left) : round(right)]
        assert inside.mean() > 0.7


@pytest.mark.parametrize(("height", "width"), [(64, 64), (64, 96), (80, 48)])
def test_the_box_of_the_bed_holds_the_bed_and_nothing_else(height: int, width: int) -> None:
    home = homes.cast(seeds(100))._replace(bed=constant(1, 100))
    canvas = Canvas(100, height, width)
    canvas.wash(furniture.BLACK)  # on which its shadow is not seen
    bare = canvas.to_bytes()
    furniture.draw_bed(canvas, home)
    boxes = rooms.label(home, canvas)[:, -4:]
    assert (boxes >= 0).all()
    assert (boxes <= 1).all()
    for drawn, box in zip(differs(canvas.to_bytes(), bare), boxes, strict=True):
        rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
        found = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
        assert found == pytest.approx(list(box * (width, height, width, height)), abs=1.0)


def test_a_room_without_a_window_or_a_bed_says_so_with_zeros() -> None:
    _, labels = WORLDS["rooms"].draw(seeds(300), 16, 16)
    table = dict(zip(WORLDS["rooms"].columns, labels.T, strict=True))
    for thing in ("window", "bed"):
        sides = (table[f"{thing}_{side}"] for side in ("left", "top", "right", "bottom"))
        left, top, right, bottom = (side[table[thing] == 1] for side in sides)
        assert (left < right).all()
        assert (top < bottom).all()
        assert not any(
            table[f"{thing}_{side}"][table[thing] == 0].any() for side in ("left", "right")
        )
    assert not table["bedding"][table["bed"] == 0].any()


@pytest.mark.parametrize(("attribute", "share"), [("bed", 0.05), ("lamp", 0.02)])
def test_furniture_is_seen(attribute: str, share: float) -> None:
    home = homes.cast(seeds(100))
    without = bedrooms(having(home, attribute, 0), 32)
    with_ = bedrooms(having(home, attribute, 1), 32)
    assert differs(without, with_, by=10).mean(axis=(1, 2)).min() > share


def test_colours_are_the_labelled_ones() -> None:
    face, home = people.cast(seeds(300)), homes.cast(seeds(300))
    for kind, classes, palette in (
        (face.hair, face.hair_colour, people.HAIR_COLOURS),
        (face.skin, face.skin_colour, people.SKIN_COLOURS),
        (face.background, face.background_colour, people.BACKGROUND_COLOURS),
        (home.wall, home.wall_colour, homes.WALL_COLOURS),
        (home.bedding, home.bedding_colour, homes.BEDDING_COLOURS),
    ):
        distance = ((classes[:, :, None] - palette[:, None]) ** 2).sum(axis=0)
        assert np.array_equal(distance.argmin(axis=1), kind)
