"""Checkpoints: found, pruned, and never trusted when damaged or hostile."""

import logging
import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from filelock import FileLock

from dcgan.checkpoint import Run, read_checkpoint
from dcgan.errors import DCGANError
from dcgan.presets import preset


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = Run(tmp_path / "run")
    with run.opened():
        pass
    return run


def names(run: Run) -> list[int]:
    return sorted(int(path.stem) for path in run.checkpoints.glob("*.pt"))


def save(run: Run, images_seen: int, keep_interval: int = 10**9) -> None:
    run.save({"weights": torch.arange(1000.0), "clock": images_seen}, images_seen, keep_interval)


def test_round_trip(run: Run) -> None:
    assert run.latest() is None
    save(run, 128)
    save(run, 64)
    state = run.latest()
    assert state is not None
    assert state["clock"] == 128
    assert torch.equal(state["weights"], torch.arange(1000.0))


def test_last_three_stay_and_one_of_each_interval(run: Run) -> None:
    for images_seen in range(10, 200, 10):
        save(run, images_seen, keep_interval=50)
    assert names(run) == [50, 100, 150, 170, 180, 190]


def test_those_before_needed_moments_stay(run: Run) -> None:
    """The three last looks of a run that looks at itself every 25 pictures."""
    for images_seen in range(10, 110, 10):
        looks = range(25, images_seen + 1, 25)[-3:]
        run.save({}, images_seen, 10**9, needed=looks)
    assert names(run) == [40, 70, 80, 90, 100]


def test_what_is_written_on_going_back_stays(run: Run) -> None:
    """Those of later moments are no reason to delete it, nor are they deleted here."""
    for images_seen in range(10, 100, 10):
        run.save({}, images_seen, 10**9, needed=[40])
    run.save({"attempt": 1}, 30, 10**9)
    assert names(run) == [30, 70, 80, 90]
    run.delete_after(30)
    assert run.latest() == {"attempt": 1}


def test_a_damaged_newest_is_reported_and_passed_over(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    save(run, 1)
    save(run, 2)
    newest = run.checkpoints / "000000002.pt"
    data = newest.read_bytes()
    for cut in (0, 10, len(data) // 2, len(data) - 1):
        newest.write_bytes(data[:cut])
        caplog.clear()
        with caplog.at_level(logging.WARNING, "dcgan"):
            state = run.latest()
        assert state is not None
        assert state["clock"] == 1
        assert f"The checkpoint {newest} is damaged" in caplog.text
        assert "Trying the one before" in caplog.text


def test_none_is_sound(run: Run) -> None:
    for images_seen in (1, 2):
        save(run, images_seen)
        (run.checkpoints / f"00000000{images_seen}.pt").write_bytes(b"words")
    with pytest.raises(DCGANError, match="None of the 2 checkpoints in .* is sound. Delete"):
        run.latest()
    assert names(run) == [1, 2]


def test_a_single_turned_bit_is_noticed(run: Run) -> None:
    save(run, 1)
    path = run.checkpoints / "000000001.pt"
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        entry = max(archive.infolist(), key=lambda info: info.file_size)
    data[entry.header_offset + 1000] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(DCGANError, match=r"000000001\.pt is damaged .*checksum"):
        read_checkpoint(path)


def test_nothing_is_executed(run: Run, tmp_path: Path) -> None:
    class Hostile:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (open, (str(tmp_path / "executed"), "w"))  # type: ignore[return-value]

    path = run.checkpoints / "000000001.pt"
    torch.save({"format": "dcgan checkpoint 1", "state": Hostile()}, path)
    with pytest.raises(DCGANError, match="is damaged"):
        read_checkpoint(path)
    path.write_bytes(pickle.dumps(Hostile()))
    with pytest.raises(DCGANError, match="is damaged"):
        read_checkpoint(path)
    assert not (tmp_path / "executed").exists()


def test_other_formats(run: Run) -> None:
    path = run.checkpoints / "000000001.pt"
    torch.save({"format": "dcgan checkpoint 99", "state": {}}, path)
    with pytest.raises(DCGANError, match=r"another format \('dcgan checkpoint 99'"):
        read_checkpoint(path)
    torch.save([1, 2], path)
    with pytest.raises(DCGANError, match="is damaged"):
        read_checkpoint(path)


def test_one_writer(run: Run) -> None:
    with FileLock(run.path / ".lock"), pytest.raises(DCGANError, match="Another process"):
        with run.opened():
            pass
    with run.opened():
        pass


def test_remnants_are_cleared(run: Run) -> None:
    remnant = run.checkpoints / ".000000001.pt.99.tmp"
    remnant.write_bytes(b"half")
    with run.opened():
        assert not remnant.exists()


def test_config(run: Run) -> None:
    assert run.config() is None
    config = preset("svhn", seed=3)
    run.write_config(config)
    assert run.config() == config
    run.config_file.write_text("{")
    with pytest.raises(DCGANError, match=r"config\.json is not JSON"):
        run.config()


def test_unwritable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DCGANError, match="Cannot write .*not a directory"):
        with Run(tmp_path / "file" / "run").opened():
            pass
