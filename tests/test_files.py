"""Files are whole or not there, also on a full disk."""

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dcgan.errors import DCGANError
from dcgan.files import make_folder, replacing, writing_behind

FILL = """
import resource, signal, sys
from pathlib import Path
from dcgan.files import replacing

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    with replacing(Path(sys.argv[1])) as file:
        file.write(b"x" * 5000)
except Exception as error:
    print(type(error).__name__, error)
"""


def test_replaces_only_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with replacing(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_an_error_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError), replacing(path) as file:
        file.write(b"half of the ne")
        raise RuntimeError
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_disk_that_takes_no_more(tmp_path: Path) -> None:
    """The system's own limit on a file's size stands in for the full disk."""
    path = tmp_path / "file"
    path.write_bytes(b"old")
    command = [sys.executable, "-c", FILL, str(path)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.startswith(f"DCGANError Cannot write {path}: file too large.")
    assert "make room or choose a folder" in said
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_no_folder_under_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DCGANError, match="Cannot write .*below: not a directory"):
        make_folder(tmp_path / "file" / "below")
    assert make_folder(tmp_path / "a" / "b").is_dir()
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_blocks_are_written_in_their_order(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file, writing_behind(file) as write:
        for number in range(100):
            write(bytes([number]) * 1_000)
    assert (tmp_path / "file").read_bytes() == b"".join(bytes([n]) * 1_000 for n in range(100))


def test_a_block_that_cannot_be_written_is_known_with_the_next() -> None:
    class Full(io.BytesIO):
        def write(self, block: Any) -> int:
            raise OSError(28, "No space left on device")

    written: list[int] = []
    with pytest.raises(OSError, match="No space left"), writing_behind(Full()) as write:
        for number in range(3):
            write(b"block")
            written.append(number)
    assert written == [0]
    with pytest.raises(OSError, match="No space left"), writing_behind(Full()) as write:
        write(b"the last")
