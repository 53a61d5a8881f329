"""What is written down, and what is said."""

import io
import json
import logging
import sys
from pathlib import Path

import pytest
from rich.console import Console

from dcgan import log
from dcgan.errors import DCGANError
from dcgan.log import RunLog, duration, logger, progress, show_messages


def test_lines(tmp_path: Path) -> None:
    written = RunLog(tmp_path, 0)
    written.write({"images_seen": 8, "d_loss": 1.5})
    written.write({"images_seen": 16, "d_loss": 1.25})
    written.close()
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["d_loss"] for line in lines] == [1.5, 1.25]


def test_unwritable(tmp_path: Path) -> None:
    written = RunLog(tmp_path, 0)
    (tmp_path / "log.jsonl").mkdir()
    with pytest.raises(DCGANError, match=r"Cannot write .*log\.jsonl: is a directory"):
        written.write({"images_seen": 8})
    written.close()


def test_what_came_later_is_taken_out(tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    file.write_text('{"images_seen": 8}\n{"images_seen": 16}\nnonsense\n{"images_se')
    RunLog(tmp_path, 8).close()
    assert file.read_text() == '{"images_seen": 8}\n'


def test_without_tensorboard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    written = RunLog(tmp_path, 0)
    written.write({"images_seen": 8})
    written.close()
    assert [path.name for path in tmp_path.iterdir()] == ["log.jsonl"]


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (61.6, "1:02"), (7325, "2:02:05")])
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_messages_are_shown_within_only(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.StringIO()
    monkeypatch.setattr(log, "console", Console(file=file, width=40))
    with show_messages():
        logger.info("A [long] sentence that is not broken, whatever the width of the screen.")
    logger.info("Not this.")
    said = file.getvalue()
    assert said == "A [long] sentence that is not broken, whatever the width of the screen.\n"


def test_progress_off_a_terminal_is_lines(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(log, "SECONDS_BETWEEN_LINES", -1.0)
    with caplog.at_level(logging.INFO, "dcgan"), progress("Doing", 2000, unit="pictures") as bar:
        bar.update(1000, "well")
    assert "Doing: 1,000 of 2,000 pictures" in caplog.text
    assert "left  well" in caplog.text


def test_progress_that_went_back_has_no_estimate_yet(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(log, "SECONDS_BETWEEN_LINES", -1.0)
    with caplog.at_level(logging.INFO, "dcgan"), progress("Doing", 2000, unit="pictures") as bar:
        bar.update(1000)
        caplog.clear()
        bar.go_back(500)
        bar.update(500)
        assert "Doing: 500 of 2,000 pictures, 0/s, - left" in caplog.text
        bar.update(501)
        assert "Doing: 501 of 2,000 pictures, " in caplog.text
        assert "- left" not in caplog.messages[-1]


def test_progress_on_a_terminal_is_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.StringIO()
    terminal = Console(file=file, force_terminal=True, width=120)
    monkeypatch.setattr(log, "console", terminal)
    with progress("Doing", 2000, done=500, unit="pictures") as bar:
        bar.update(1000, "well")
        assert bar.done == 1000
    said = file.getvalue()
    assert "Doing" in said
    assert "1000/2000" in said
    assert "pictures/s" in said
    assert "well" in said
