"""Work on many pictures that processes share: the same files and numbers as from one of them."""

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

import dcgan
from dcgan.cli import main
from dcgan.config import NetworkConfig
from dcgan.data import faces
from dcgan.data.face_detector import find_faces
from dcgan.data.worlds import WORLDS
from dcgan.distributed import Group, joined
from dcgan.metrics.encoder import Encoder, Task
from dcgan.metrics.evaluation import BATCH
from dcgan.size import Size
from tests.data.test_faces import photograph, tree
from tests.features.conftest import untrained
from tests.test_distributed import in_processes

SMALL = NetworkConfig(size=Size(16, 16), width=8, latent_dim=6)


def drawn(folder: Path, first: int, count: int) -> Path:
    """A folder of drawn faces."""
    folder.mkdir()
    for number, picture in enumerate(
        WORLDS["faces"].draw(np.arange(first, first + count), 16, 16)[0]
    ):
        Image.fromarray(picture).save(folder / f"{number:04}.png")
    return folder


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    untrained(SMALL).save(tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


# What processes tell each other.


@pytest.mark.parametrize(("count", "batch"), [(0, 1), (1, 1), (7, 1), (1000, 250), (1001, 250)])
def test_parts_make_up_the_whole(count: int, batch: int) -> None:
    for processes in (1, 2, 3, 8):
        parts = [Group(rank, processes).rows(count, batch) for rank in range(processes)]
        assert [number for part in parts for number in part] == list(range(count))
        assert all(part.start % batch == 0 for part in parts if part)
        assert max(map(len, parts)) == len(parts[0])


def rows_of_unequal_length() -> list[Any]:
    with joined() as group:
        found = []
        for kind in (torch.uint8, torch.float16, torch.float32):
            for lengths in ((2, 0, 3), (1, 1, 1), (1, 0, 0)):
                own = torch.full((lengths[group.rank], 2), group.rank, dtype=kind)
                rows = group.joined_rows(own)
                assert rows.dtype == kind
                found.append(rows[:, 1].tolist())
        return found


def test_rows_come_together_in_the_first() -> None:
    first, *others = in_processes(3, rows_of_unequal_length)
    assert first == [[0, 0, 2, 2, 2], [0, 1, 2], [0]] * 3
    assert others == [[[]] * 9] * 2


def in_turn(file: str) -> list[str]:
    """Each process writes down that it worked, the second on a machine of its own."""
    with joined() as group:
        if group.rank == 1:
            group.local_rank = 0

        def work() -> list[str]:
            with Path(file).open("a") as lines:
                lines.write(f"{group.rank}\n")
            return Path(file).read_text().split()

        return group.in_turn(work)


def test_the_first_on_each_machine_works_before_the_others(tmp_path: Path) -> None:
    found = in_processes(4, in_turn, str(tmp_path / "worked"))
    assert all({"0", "1"} <= set(found[rank]) for rank in (2, 3))
    assert not any({"2", "3"} & set(found[rank]) for rank in (0, 1))


# Evaluation.


@pytest.fixture
def encoder_file(tmp_path: Path) -> Path:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        Encoder(Task(Size(16, 16), 3, "class", ("a", "b"), "faces")).save(tmp_path / "encoder")
    return tmp_path / "encoder"


def evaluated(model: Path, real: Path, out: Path, options: dict[str, Any]) -> Any:
    """The measures, the protocol and the pictures, as they pass through a pipe."""
    found = dcgan.evaluate(model, real, out, device="cpu", **options)
    return {m.name: m.value for m in found.measures}, found.protocol, found.closest.numpy()


@pytest.mark.parametrize("batch_statistics", [False, True])
def test_an_evaluation_is_that_of_one_process(
    model_file: Path, encoder_file: Path, tmp_path: Path, batch_statistics: bool
) -> None:
    """Batches are the same, so that only the order of sums could differ: equal to rounding."""
    real, held_out = (
        drawn(tmp_path / "real", 0, 2 * BATCH + 20),
        drawn(tmp_path / "other", 600, 110),
    )
    options = {
        "encoder": encoder_file, "held_out": held_out, "count": BATCH + 70,
        "batch_statistics": batch_statistics,
    }  # fmt: skip
    alone = evaluated(model_file, real, tmp_path / "alone", options)
    together = in_processes(2, evaluated, model_file, real, tmp_path / "together", options)
    for measures, protocol, closest in together:
        assert measures == pytest.approx(alone[0], rel=1e-6)
        assert protocol == alone[1]
        assert np.array_equal(closest, alone[2])
    assert tree(tmp_path / "together").keys() == tree(tmp_path / "alone").keys()
    sheets = [(tmp_path / name / "closest.png").read_bytes() for name in ("alone", "together")]
    assert sheets[0] == sheets[1]


# Features.


def written(model: Path, place: Path, out: Path, options: dict[str, Any]) -> int:
    return len(dcgan.features(model, place, out, device="cpu", **options))


@pytest.mark.parametrize(
    ("processes", "options"), [(2, {}), (3, {"half": True, "stored_statistics": True})]
)
def test_vectors_are_those_of_one_process_to_the_bit(
    model_file: Path, tmp_path: Path, processes: int, options: dict[str, Any]
) -> None:
    """The batches are the same, of 128; three processes have two and a half between them."""
    place = drawn(tmp_path / "faces", 0, 300)
    assert written(model_file, place, tmp_path / "alone.npy", options) == 300
    (tmp_path / "out").mkdir()
    out = tmp_path / "out" / "alone.npy"
    found = in_processes(processes, written, model_file, place, out, options)
    assert found == [300] + [0] * (processes - 1)
    files = tree(out.parent)
    assert files == {f"alone{end}": (tmp_path / f"alone{end}").read_bytes() for end in ENDS}


ENDS = (".npy", ".csv", ".json")


def differing(model: Path, place: Path, out: Path, difference: str) -> None:
    """Features in processes of which the second was given something else."""
    options: dict[str, Any] = {"half": False}
    if os.environ["RANK"] == "1":
        os.environ["LOCAL_RANK"] = "0"
        model = model.with_name("another") if difference == "model" else model
        place = place / "nowhere" if difference == "nowhere" else place
        place = place.with_name("others") if difference == "pictures" else place
        options["half"] = difference == "half"
    written(model, place, out, options)


@pytest.mark.parametrize(
    ("difference", "who", "text"),
    [
        ("model", 0, "processes differ in model: [0-9a-f]+ in process 0, [0-9a-f]+ in process 1"),
        ("pictures", 0, "processes differ in pictures: 9 .SHA-256 .* in process 0, 7 .SHA-256"),
        ("half", 0, "processes differ in `half`: False in process 0, True in process 1. Start all"),
        ("nowhere", 1, "In process 1 of 2: There is no folder or archive .*nowhere"),
    ],
)
def test_what_differs_is_refused(
    model_file: Path, tmp_path: Path, difference: str, who: int, text: str
) -> None:
    untrained(NetworkConfig(size=Size(16, 16), width=4)).save(tmp_path / "another")
    drawn(tmp_path / "others", 50, 7)
    place, out = drawn(tmp_path / "faces", 0, 9), tmp_path / "out" / "v.npy"
    found = in_processes(2, differing, model_file, place, out, difference)
    assert [name for name, _ in found] == [
        "DCGANError" if rank == who else "ToldError" for rank in range(2)
    ]
    assert all(re.search(text, said) for _, said in found), found
    assert list(out.parent.iterdir()) == []


def written_to_a_full_disk(model: Path, place: Path, out: Path) -> None:
    """Features of which there is room for the first batch alone."""
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, -1))
    written(model, place, out, {})


@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of files")
def test_what_the_first_cannot_write_all_hear(model_file: Path, tmp_path: Path) -> None:
    place, out = drawn(tmp_path / "faces", 0, 300), tmp_path / "out" / "v.npy"
    dcgan.features(model_file, place, tmp_path / "v.npy", device="cpu")  # leaves a pack behind
    found = in_processes(2, written_to_a_full_disk, model_file, place, out)
    assert [name for name, _ in found] == ["DCGANError", "ToldError"]
    assert f"Cannot write {out}: file too large" in found[0][1]
    assert list(out.parent.iterdir()) == []


# Faces.


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """Nine photographs in three classes, one of them without a face, one that cannot be read."""
    pytest.importorskip("cv2")
    people = [(4,), (17, 22), (24,), (57,), (), (4, 24), (22,), (17,)]
    for number, seeds in enumerate(people):
        folder = tmp_path / "people" / "abc"[number % 3]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photograph(*seeds)).save(folder / f"{number}.png")
    (tmp_path / "people" / "c" / "words.jpg").write_text("words")
    return tmp_path / "people"


def cut(place: Path, out: Path, most: int) -> Any:
    """Cuts faces, two pictures at a time; the second process is stopped after so many pictures."""
    looked: list[int] = []

    def watched(*given: Any) -> Any:
        looked.append(len(looked))
        if os.environ.get("RANK") == "1" and len(looked) > most:
            raise KeyboardInterrupt
        return find_faces(*given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(faces, "PART", 2)
        patch.setattr(faces, "find_faces", watched)
        patch.setattr("os.cpu_count", lambda: 1)
        return tuple(dcgan.faces(place, out)), len(looked)


def test_faces_are_those_of_one_process(people: Path, tmp_path: Path) -> None:
    (counts, looked) = cut(people, tmp_path / "alone", 99)
    assert looked == 8
    assert counts[3] == 1
    stopped = in_processes(2, cut, people, tmp_path / "together", 1)
    assert [name for name, _ in stopped] == ["DCGANError", "ToldStop"]
    assert "lost touch with the others" in stopped[0][1]
    assert not (tmp_path / "together" / "faces.csv").exists()
    together = in_processes(3, cut, people, tmp_path / "together", 99)
    assert [found for found, _ in together] == [counts] * 3
    assert sum(looked for _, looked in together) == 4, "the first had done three parts of five"
    assert tree(tmp_path / "together") == tree(tmp_path / "alone")


def cut_apart(place: Path, folder: Path) -> None:
    """Cuts faces on two machines that share no folder."""
    os.environ["LOCAL_RANK"] = "0"
    dcgan.faces(place, folder / os.environ["RANK"])


def test_machines_that_share_no_folder(people: Path, tmp_path: Path) -> None:
    found = in_processes(2, cut_apart, people, tmp_path / "out")
    assert [name for name, _ in found] == ["ToldError", "DCGANError"]
    assert re.search("In process 1 of 2: There is no .*out/1/faces.json here.*share", found[0][1])


# The commands.


def typed(*words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(main, words)
    return done.exit_code, done.stdout, done.stderr


def test_a_command_speaks_once(model_file: Path, tmp_path: Path) -> None:
    place, out = drawn(tmp_path / "faces", 0, 9), tmp_path / "v.npy"
    first, other = in_processes(2, typed, "features", str(model_file), str(place), str(out))
    assert first[:2] == (0, f"{out}: 9 vectors of 384 numbers.\n")
    assert first[2].count("2 processes share the work; progress is shown of the first.") == 1
    assert other == (0, "", "")
    assert json.loads(out.with_suffix(".json").read_text())["pictures"]["count"] == 9
    first, other = in_processes(2, typed, "features", "nowhere", str(place), str(out))
    assert first[0] == other[0] == 1
    assert "Error: There is no model file nowhere" in first[2]
    assert other[1:] == ("", "")
