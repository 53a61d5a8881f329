"""Faces are found where they were drawn, cut as they should be, and none is lost or doubled."""

import csv
import json
import random
import shutil
import subprocess
import sys
import time
import types
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dcgan.config import FaceConfig
from dcgan.data import face_detector, faces
from dcgan.data.face_detector import OVERLAP, Detector, Face, cut, find_faces, overlap, with_new
from dcgan.data.face_folder import FaceCounts, class_folder, stem, write_info
from dcgan.data.readers.items import Item
from dcgan.data.sources import open_source
from dcgan.data.worlds import WORLDS
from dcgan.errors import DCGANError
from dcgan.images import Picture, decode_whole
from dcgan.size import Size

CLEAR, TURNED = (4, 17, 22, 24, 57), (7, 43)
"""Drawn faces that OpenCV takes for faces from the front at 128 pixels; only from the side."""


def drawn_face(seed: int, side: int = 128) -> Picture:
    """A drawn person, whose face fills about half of the picture."""
    pictures, _ = WORLDS["faces"].draw(np.array([seed]), side, side)
    return np.asarray(pictures[0])


def photograph(*seeds: int, place: tuple[int, int] = (20, 30)) -> Picture:
    """People beside one another on an empty picture, the first at (left, top)."""
    picture = np.full((190, 60 + 140 * len(seeds), 3), 128, np.uint8)
    left, top = place
    for number, seed in enumerate(seeds):
        start = left + 140 * number
        picture[top : top + 128, start : start + 128] = drawn_face(seed)
    return picture


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """Photographs in two classes: 7 clear faces in 6 of 8 that can be read, and one that cannot."""
    folder = tmp_path / "people"
    for name, seeds in {
        "ann/a": (4,), "ann/b": (17, 22), "ann/c": (24,), "ann/empty": (),
        "bob/a": (57,), "bob/b": (4,), "bob/c": (22,), "bob/empty": (),
    }.items():  # fmt: skip
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photograph(*seeds)).save(folder / f"{name}.png")
    (folder / "bob" / "words.jpg").write_text("words")
    return folder


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faces, "PART", 2)


def tree(folder: Path) -> dict[str, bytes]:
    """All files below a folder with what is in them."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf8", newline="") as file:
        return list(csv.reader(file))


# Where the faces are.


@pytest.mark.parametrize("seed", CLEAR)
def test_finds_a_drawn_face(seed: int) -> None:
    (face,) = find_faces(drawn_face(seed), Detector(), FaceConfig())
    assert 48 <= face.width == face.height <= 96
    assert abs(face.left + face.width / 2 - 64) < 16
    assert abs(face.top + face.height / 2 - 64) < 20
    assert face.score >= 4


def test_a_face_elsewhere_is_found_elsewhere() -> None:
    (near,) = find_faces(photograph(22), Detector(), FaceConfig())
    (far,) = find_faces(photograph(22, place=(50, 60)), Detector(), FaceConfig())
    assert np.allclose(np.subtract(far[:4], near[:4]), (30, 30, 0, 0), atol=4)


def test_every_face_or_the_largest() -> None:
    picture = photograph(17, 22, 24)
    found = find_faces(picture, Detector(), FaceConfig())
    assert [face.left // 140 for face in sorted(found)] == [0, 1, 2]
    assert [face.width for face in found] == sorted((f.width for f in found), reverse=True)
    assert find_faces(picture, Detector(), FaceConfig(largest=True)) == found[:1]
    assert len(find_faces(picture, Detector(), FaceConfig(minimum=64))) == 2
    assert find_faces(picture, Detector(), FaceConfig(minimum=100)) == []


def test_higher_scores_are_asked_of_fewer() -> None:
    picture = photograph(4, 17, 57)
    scores = [face.score for face in find_faces(picture, Detector(), FaceConfig())]
    assert min(scores) >= 4
    fewer = find_faces(picture, Detector(), FaceConfig(score=min(scores) + 1))
    assert len(fewer) < len(scores)
    assert all(face.score > min(scores) for face in fewer)


def test_none_where_none_is() -> None:
    assert find_faces(photograph(), Detector(profile=True), FaceConfig()) == []
    assert find_faces(np.zeros((5, 300, 3), np.uint8), Detector(), FaceConfig()) == []


@pytest.mark.parametrize("seed", TURNED)
def test_faces_from_the_side_when_asked_for(seed: int) -> None:
    picture = drawn_face(seed)
    assert find_faces(picture, Detector(), FaceConfig(score=8)) == []
    (face,) = find_faces(picture, Detector(profile=True), FaceConfig(score=8))
    (other,) = find_faces(picture[:, ::-1], Detector(profile=True), FaceConfig(score=8))
    assert abs(other.left - (128 - face.left - face.width)) <= 6
    front, both = photograph(4, 22), Detector(profile=True)
    found = find_faces(front, both, FaceConfig())
    assert found == find_faces(front, Detector(), FaceConfig())


def test_large_pictures_are_searched_on_a_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = np.asarray(Image.fromarray(photograph(22)).resize((800, 760)))
    wanted = find_faces(picture, Detector(), FaceConfig())[0]
    monkeypatch.setattr(face_detector, "LONGEST_SIDE", 300)
    (face,) = find_faces(picture, Detector(), FaceConfig())
    assert overlap(face, wanted) > 0.7
    assert len(find_faces(picture, Detector(), FaceConfig(minimum=round(face.width * 0.8)))) == 1
    assert find_faces(picture, Detector(), FaceConfig(minimum=round(face.width * 1.5))) == []


def test_smaller_faces_are_looked_for_too_but_dropped() -> None:
    asked: list[int] = []

    class StandIn:
        def find(self, grey: object, minimum: int, score: int) -> list[Face]:
            asked.append(minimum)
            return [Face(0, 0, side, side, score) for side in (70, 50, 49, 45)]

    detector: Any = StandIn()
    found = find_faces(photograph(), detector, FaceConfig(minimum=50))
    assert (asked, [face.width for face in found]) == ([40], [70, 50])


def boxes() -> st.SearchStrategy[Face]:
    place, side = st.integers(0, 50), st.integers(1, 40)
    return st.builds(Face, place, place, side, side, st.integers(1, 9))


@given(boxes(), boxes())
def test_laws_of_overlap(a: Face, b: Face) -> None:
    assert overlap(a, a) == 1
    assert overlap(a, b) == overlap(b, a)
    marked = np.zeros((2, 100, 100), bool)
    for mask, box in zip(marked, (a, b), strict=True):
        mask[box.top : box.top + box.height, box.left : box.left + box.width] = True
    assert overlap(a, b) == marked.all(0).sum() / marked.sum((1, 2)).min()


@given(st.lists(boxes(), max_size=3), st.lists(boxes(), max_size=8), st.randoms())
def test_laws_of_with_new(kept: list[Face], more: list[Face], chance: random.Random) -> None:
    found = with_new(kept, more)
    assert found[: len(kept)] == kept
    for place, face in enumerate(found[len(kept) :], len(kept)):
        assert all(overlap(face, other) <= OVERLAP for other in found[:place])
    for face in more:  # what is missing is one of those that are there, with no better score
        rivals = [other for other in found if overlap(face, other) > OVERLAP]
        assert face in found or any(r in kept or r.score >= face.score for r in rivals)
    assert with_new(found, more) == found
    assert with_new(kept, chance.sample(more, len(more))) == found


@given(st.integers(1, 90), st.integers(1, 90), boxes(), st.floats(0, 3))
def test_laws_of_cut(height: int, width: int, face: Face, margin: float) -> None:
    picture = np.zeros((height, width, 2), np.uint8)
    picture[..., 0], picture[..., 1] = np.indices((height, width))
    made = cut(picture, face, margin)
    wanted = round(max(face.width, face.height) * (1 + 2 * margin))
    assert made.shape == (min(wanted, height, width),) * 2 + (2,)
    (top, left), (bottom, right) = made[0, 0].astype(int), made[-1, -1].astype(int) + 1
    assert np.array_equal(made, picture[top:bottom, left:right])
    if max(face.left + face.width, face.top + face.height, wanted) <= min(height, width):
        assert left <= face.left
        assert top <= face.top
        assert face.left + face.width <= right
        assert face.top + face.height <= bottom


def test_a_face_away_from_the_edges_is_in_the_middle() -> None:
    picture = np.arange(100 * 100 * 3, dtype=np.uint32).astype(np.uint8).reshape(100, 100, 3)
    made = cut(picture, Face(40, 30, 20, 20, 5), 0.5)
    assert np.array_equal(made, picture[20:60, 30:70])


# The folder that comes of it.


def test_crops_are_what_was_found(people: Path, tmp_path: Path) -> None:
    before = tree(people)
    counts = faces.faces(people, tmp_path / "crops", FaceConfig(margin=0.4))
    assert counts == FaceCounts(pictures=9, with_faces=6, faces=7, skipped=1)
    assert tree(people) == before
    made = tree(tmp_path / "crops")
    header, *table = rows(tmp_path / "crops" / "faces.csv")
    assert header == ["picture", "left", "top", "width", "height", "score", "file"]
    assert {row[-1] for row in table} == made.keys() - {"faces.csv", "faces.json", "skipped.csv"}
    assert [row[-1] for row in table[:4]] == [
        "ann/a-000000-0.png", "ann/b-000001-0.png", "ann/b-000001-1.png", "ann/c-000002-0.png"
    ]  # fmt: skip
    for name, *numbers, file in table:
        face = Face(*map(int, numbers))
        picture = decode_whole((people / name).read_bytes())
        assert face in find_faces(picture, Detector(), FaceConfig())
        assert np.array_equal(decode_whole(made[file]), cut(picture, face, 0.4))
    skipped = [["picture", "reason"], ["bob/words.jpg", "not a picture of a known kind"]]
    assert rows(tmp_path / "crops" / "skipped.csv") == skipped


def test_crops_are_a_source_with_the_classes(people: Path, tmp_path: Path) -> None:
    faces.faces(people, tmp_path / "crops")
    source = open_source(tmp_path / "crops")
    assert source.columns == {"class": ("ann", "bob")}
    labels = [item.labels[0] for item in source.read(range(len(source)), Size(64, 64))]
    assert labels == [0, 0, 0, 0, 1, 1, 1]


def test_crops_keep_several_labels(people: Path, tmp_path: Path) -> None:
    (people / "bob" / "words.jpg").unlink()
    lines = [f"{kind}/{name}.png,{kind},{number}.5" for kind in ("ann", "bob")
             for number, name in enumerate(("a", "b", "c", "empty"))]  # fmt: skip
    (people / "labels.csv").write_text("\n".join(["file,name,age", *lines]))
    faces.faces(people, tmp_path / "crops")
    assert not [path for path in (tmp_path / "crops").iterdir() if path.is_dir()]
    source = open_source(tmp_path / "crops")
    assert source.columns == {"name": ("ann", "bob"), "age": None}
    items = source.read(range(len(source)), Size(64, 64))
    found = {source.picture_name(i): item.labels for i, item in enumerate(items)}
    assert found["b-000001-1.png"] == (0, 1.5)
    assert found["c-000006-0.png"] == (1, 2.5)


def test_any_source(people: Path, tmp_path: Path) -> None:
    faces.faces(people, tmp_path / "crops")
    with zipfile.ZipFile(tmp_path / "people.zip", "w") as file:
        for path in sorted(people.rglob("*.*")):
            file.write(path, path.relative_to(people))
    faces.faces(tmp_path / "people.zip", tmp_path / "zipped")
    wanted, made = tree(tmp_path / "crops"), tree(tmp_path / "zipped")
    wanted.pop("faces.json")
    made.pop("faces.json")
    assert made == wanted
    np.save(tmp_path / "grey.npy", np.stack([drawn_face(seed)[..., :1] for seed in CLEAR]))
    assert faces.faces(tmp_path / "grey.npy", tmp_path / "greys").with_faces >= 3


def test_a_drawn_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dcgan.data.sources.WORLD_PICTURES", 12)
    counts = faces.faces("faces", tmp_path / "crops", FaceConfig(largest=True))
    assert counts.faces == counts.with_faces > 2
    assert "smile" in open_source(tmp_path / "crops").columns


@pytest.mark.parametrize(
    ("name", "folder"),
    [("ann", "ann/"), ("Zoë K.", "Zoë K./"), ("a/b", "a%2Fb/"), ("..", "%2E./"), ("", "%/"),
     ("50%", "50%25/")],
)  # fmt: skip
def test_class_folders(name: str, folder: str) -> None:
    assert class_folder({"class": ("x", name)}, Item(b"", (1.0,))) == folder
    assert class_folder({"class": (name,), "age": None}, Item(b"", (0.0, 3.0))) == ""
    assert class_folder({"age": None}, Item(b"", (3.0,))) == ""


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("a/b/c.JPG", "c"), ("12", "12"), ("x.tar: y z.png", "x.tar_y_z"), ("..", "picture"),
     ("a" * 90, "a" * 50), ("a.b", "a.b"), ("\udc80.png", "_")],
)  # fmt: skip
def test_stems(name: str, wanted: str) -> None:
    assert stem(name) == wanted


# Broken off and gone on.


def cut_off_after(monkeypatch: pytest.MonkeyPatch, pictures: int) -> list[int]:
    """Ctrl-C once so many pictures were looked at; the list of all that were."""
    seen: list[int] = []

    def watched(picture: Picture, detector: Detector, config: FaceConfig) -> list[Face]:
        if len(seen) == pictures:
            raise KeyboardInterrupt
        seen.append(len(seen))
        return find_faces(picture, detector, config)

    monkeypatch.setattr(faces, "find_faces", watched)
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    return seen


@pytest.mark.parametrize("pictures", [0, 1, 3, 6])
def test_goes_on_as_if_never_stopped(
    people: Path, tmp_path: Path, small_parts: None, monkeypatch: pytest.MonkeyPatch, pictures: int
) -> None:
    faces.faces(people, tmp_path / "wanted")
    with monkeypatch.context() as patch:
        cut_off_after(patch, pictures)
        with pytest.raises(KeyboardInterrupt):
            faces.faces(people, tmp_path / "crops")
    assert not (tmp_path / "crops" / "faces.csv").exists()
    with monkeypatch.context() as patch:
        seen = cut_off_after(patch, 99)
        faces.faces(people, tmp_path / "crops")
        assert len(seen) == 8 - pictures // 2 * 2
    assert tree(tmp_path / "crops") == tree(tmp_path / "wanted")


@pytest.mark.parametrize("moment", ["write_table", "write_info", "shutil.rmtree"])
def test_broken_off_at_the_end(
    people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    faces.faces(people, tmp_path / "wanted")

    def killed(folder: Path, info: Any = None, *_: object, **__: object) -> None:
        if moment == "write_info" and "counts" not in info:
            write_info(folder, info)
        else:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(f"dcgan.data.faces.{moment}", killed)
        with pytest.raises(KeyboardInterrupt):
            faces.faces(people, tmp_path / "crops")
    faces.faces(people, tmp_path / "crops")
    assert tree(tmp_path / "crops") == tree(tmp_path / "wanted")
    assert not (tmp_path / "crops" / ".parts").exists()


def test_killed_after_the_last_word(people: Path, tmp_path: Path) -> None:
    """What stands there is whole, and the lock that a sudden end left is cleared away."""
    faces.faces(people, tmp_path / "crops")
    whole = tree(tmp_path / "crops")
    (tmp_path / "crops" / ".lock").touch()
    faces.faces(people, tmp_path / "crops")
    assert tree(tmp_path / "crops") == whole


CUT_SLOWLY = """
import sys, time
from dcgan.data import faces
faces.PART = 1
save = faces.save_picture
def slow(*arguments):
    time.sleep(0.04)
    save(*arguments)
faces.save_picture = slow
print("begins", flush=True)
faces.faces(sys.argv[1], sys.argv[2])
"""


def test_killed_at_random_moments(
    people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No face is lost or doubled, however often it is killed."""
    command = [sys.executable, "-c", CUT_SLOWLY, str(people), str(tmp_path / "crops")]
    killed = 0
    for _ in range(2):
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(random.uniform(0.05, 0.3))
            killed += process.poll() is None
            process.kill()
    assert killed > 0
    monkeypatch.setattr(faces, "PART", 1)
    faces.faces(people, tmp_path / "crops")
    faces.faces(people, tmp_path / "wanted")
    assert tree(tmp_path / "crops") == tree(tmp_path / "wanted")


def test_what_is_done_is_not_done_again(
    people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    counts = faces.faces(people, tmp_path / "crops")
    monkeypatch.setattr(faces, "find_faces", lambda *_: pytest.fail("looked again"))
    caplog.clear()
    assert faces.faces(people, tmp_path / "crops") == counts
    assert "Skipped 1 that could not be read (first: bob/words.jpg, not a picture" in caplog.text


def test_memory_is_for_one_picture_at_a_time(
    people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A core asks its source for a picture only when it is done with the one before."""
    source, looked = open_source(people), 0
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    read = source.read

    def watched(indices: Sequence[int], size: Size) -> Iterator[Item]:
        nonlocal looked
        for number, item in enumerate(read(indices, size)):
            assert looked >= number - 1  # the picture that cannot be read is not looked at
            yield item

    def counted(*arguments: Any) -> list[Face]:
        nonlocal looked
        looked += 1
        return find_faces(*arguments)

    monkeypatch.setattr(source, "read", watched)
    monkeypatch.setattr(faces, "open_source", lambda _: source)
    monkeypatch.setattr(faces, "find_faces", counted)
    assert faces.faces(people, tmp_path / "crops").faces == 7


# Mistakes and mishaps.


def refused(place: object, path: Path, config: FaceConfig | None = None) -> str:
    with pytest.raises(DCGANError) as caught:
        faces.faces(str(place), path, config)
    return str(caught.value)


def test_other_options_or_pictures(people: Path, tmp_path: Path) -> None:
    crops = tmp_path / "crops"
    faces.faces(people, crops)
    before = tree(crops)
    said = refused(people, crops, FaceConfig(margin=0.3, profile=True))
    assert "holds faces cut otherwise: margin 0.2 -> 0.3; profile False -> True. Give" in said
    shutil.copytree(people, tmp_path / "others")
    (tmp_path / "others" / "bob" / "words.jpg").unlink()
    said = refused(tmp_path / "others", crops)
    assert "cut otherwise: source people -> others; pictures 9 -> 8. Give the same" in said
    Image.fromarray(photograph(57)).save(people / "ann" / "a.png")
    assert "cut otherwise: the files of the source have changed since" in refused(people, crops)
    assert tree(crops) == before


def test_places_where_nothing_may_be_written(people: Path, tmp_path: Path) -> None:
    assert "is not empty and holds no faces cut before" in refused(people / "ann", tmp_path)
    for inside in (people, people / "crops", people / "ann" / ".." / "crops"):
        assert f"lies within the source {people}, which is never" in refused(people, inside)
    assert "lies within the source" in refused(f"{people}:ann", people / "crops")
    (tmp_path / "file").touch()
    assert f"Cannot write {tmp_path / 'file'}" in refused(people, tmp_path / "file")
    assert "There is no folder or archive" in refused(tmp_path / "none", tmp_path / "crops")
    assert not (tmp_path / "crops").exists()


@pytest.mark.parametrize("text", ["{", "[]", '{"counts": 3}', '{"counts": {"a": 1}}', "{}"])
def test_damaged_folders(people: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "crops").mkdir()
    (tmp_path / "crops" / "faces.json").write_text(text)
    said = refused(people, tmp_path / "crops")
    assert "faces.json is damaged: " in said
    assert f"Delete {tmp_path / 'crops'}; it is made anew" in said


def test_folders_of_another_format(people: Path, tmp_path: Path) -> None:
    faces.faces(people, tmp_path / "crops")
    file = tmp_path / "crops" / "faces.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"format": "dcgan faces 99"}))
    assert "format dcgan faces 99 -> dcgan faces 1" in refused(people, tmp_path / "crops")


def test_two_at_once(people: Path, tmp_path: Path) -> None:
    (tmp_path / "crops").mkdir()
    with FileLock(tmp_path / "crops" / ".lock"):
        said = refused(people, tmp_path / "crops")
    assert f"Another process is cutting faces into {tmp_path / 'crops'}. Wait for it" in said


def test_no_faces(photos: Path, tmp_path: Path) -> None:
    said = refused(photos, tmp_path / "crops")
    assert "There are no faces in the 12 pictures of photos" in said
    assert (
        "Try --minimum 20 for small ones (now 48); --score 2 for doubtful ones (now 4); "
        "--profile for those seen from the side."
    ) in said
    everything = FaceConfig(minimum=20, score=2, profile=True)
    assert "Only upright faces are found." in refused(photos, tmp_path / "crops", everything)
    assert list((tmp_path / "crops").iterdir()) == []


def test_nothing_readable(tmp_path: Path) -> None:
    (tmp_path / "words").mkdir()
    for number in range(3):
        (tmp_path / "words" / f"{number}.jpg").write_text("words")
    said = refused(tmp_path / "words", tmp_path / "crops")
    assert "None of the 3 pictures of words can be read (first: 0.jpg, not a picture of a" in said


def test_a_file_that_cannot_be_opened(people: Path, tmp_path: Path) -> None:
    (people / "ann" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    counts = faces.faces(people, tmp_path / "crops")
    assert (counts.faces, counts.skipped) == (7, 2)
    assert rows(tmp_path / "crops" / "skipped.csv")[1] == [
        "ann/gone.png",
        "no such file or directory",
    ]


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("minimum", 19, r"`minimum` \(=19\) must be at least 20"),
        ("margin", -0.1, r"`margin` \(=-0.1\) must be at least 0"),
        ("margin", 4.0, r"`margin` \(=4.0\) must be at most 3"),
        ("score", 1, r"`score` \(=1\) must be at least 2"),
        ("largest", "yes", r"`largest` \(='yes'\) must be of type bool"),
    ],
)
def test_options_out_of_range(option: str, value: object, sentence: str) -> None:
    options: dict[str, Any] = {option: value}
    with pytest.raises(DCGANError, match=sentence):
        FaceConfig(**options)


def test_without_opencv(people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    said = refused(people, tmp_path / "crops")
    assert said == 'Finding faces needs OpenCV 4, and there is none: pip install "dcgan[faces]"'
    five = types.SimpleNamespace(__version__="5.0.0", data=None)
    monkeypatch.setitem(sys.modules, "cv2", five)
    assert "OpenCV 5.0.0 as it is installed here has none: pip" in refused(people, tmp_path / "c")
    assert not (tmp_path / "crops").exists()


def test_without_a_cascade(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DCGANError, match=r"lacks its cascade .*haarcascade_nose\.xml: pip install"):
        Detector(cascade="nose")
