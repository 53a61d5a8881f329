"""One process at a time."""

import threading
import time
from pathlib import Path

import pytest

from dcgan.errors import DCGANError
from dcgan.locks import alone


def test_one_at_a_time(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with alone(lock, "Taken."):
        with pytest.raises(DCGANError, match=r"Taken\."), alone(lock, "Taken."):
            pass
        assert lock.exists()
    assert not lock.exists()
    with alone(lock, "Taken."):
        pass


def test_who_waits_comes_in_after_another(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """However many there are, none is in with another, though each takes the file away."""
    inside: list[int] = []
    most: list[int] = []
    caplog.set_level("INFO")

    def work(number: int) -> None:
        with alone(tmp_path / "lock", "Waiting.", waits=True):
            inside.append(number)
            most.append(len(inside))
            time.sleep(0.02)
            inside.remove(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 5
    assert "Waiting." in caplog.text


def test_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DCGANError, match="Cannot write"), alone(tmp_path / "file" / "lock", ""):
        pass
