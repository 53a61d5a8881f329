"""What a person reads while something runs, and what a run writes down."""

import json
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from dcgan.files import replacing, unwritable

logger = logging.getLogger("dcgan")
console = Console(stderr=True, highlight=False)
SECONDS_BETWEEN_LINES = 30.0


class Bar:
    """Progress towards a total: a live bar on a terminal, a line now and then elsewhere."""

    def __init__(self, description: str, total: int, done: int, unit: str) -> None:
        self.description, self.total, self.unit = description, total, unit
        self._first, self._text = done, ""
        self._start = self._last_line = time.perf_counter()
        self.live = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            Rate(unit),
            TimeRemainingColumn(),
            TextColumn("{task.fields[text]}", markup=False),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self.live.add_task(description, total=total, completed=done, text="")

    @property
    def done(self) -> int:
        """How much is done."""
        return int(self.live.tasks[0].completed)

    def go_back(self, done: int) -> None:
        """Begins anew from here, rate and all."""
        self._first, self._start = done, time.perf_counter()
        self.live.reset(self._task, completed=done, total=self.total, text="")

    def rate(self) -> float:
        """Units per second since the beginning."""
        return (self.done - self._first) / max(time.perf_counter() - self._start, 1e-9)

    def update(self, done: int, text: str | None = None) -> None:
        """Says how much is done, and a few words that stay until there are newer ones."""
        self._text = self._text if text is None else text
        self.live.update(self._task, completed=min(done, self.total), text=self._text)
        now = time.perf_counter()
        if not console.is_terminal and now - self._last_line > SECONDS_BETWEEN_LINES:
            self._last_line = now
            rate = self.rate()
            # Nothing is known yet where nothing is done since the run went back.
            left = f"{duration((self.total - done) / rate)} left" if rate else "- left"
            words = f"{self.description}: {done:,} of {self.total:,} {self.unit}"
            logger.info("%s, %s/s, %s  %s", words, rate_text(rate), left, self._text)


class Rate(ProgressColumn):
    """Units per second, over the last half minute."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self.unit = unit

    def render(self, task: Task) -> Text:
        """The rate, or a dash before there is one."""
        speed = task.finished_speed or task.speed
        return Text(f"{rate_text(speed) if speed else '-'} {self.unit}/s")


def rate_text(rate: float) -> str:
    """A rate in two digits or more: 1234, 7.3, 0.12."""
    return f"{rate:.0f}" if rate >= 9.95 else f"{rate:.2g}"


@contextmanager
def progress(description: str, total: int, *, done: int = 0, unit: str) -> Iterator[Bar]:
    """Shows how far a long piece of work is, how fast it goes and when it will be done."""
    bar = Bar(description, total, done, unit)
    with bar.live:
        yield bar


class _Messages(logging.Handler):
    """Prints what the package has to say on the console, above a running bar."""

    def emit(self, record: logging.LogRecord) -> None:
        console.print(self.format(record), markup=False, soft_wrap=True)


@contextmanager
def show_messages() -> Iterator[None]:
    """Within, what the package has to say is printed on the console."""
    handler = _Messages()
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)


def duration(seconds: float) -> str:
    """Seconds as `1:02:03`, or `2:03` below an hour."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


class RunLog:
    """The numbers of a run: lines of `log.jsonl`, and TensorBoard events where that is installed.

    What was written after the moment at which a run goes on is taken out first.
    """

    def __init__(self, folder: Path, images_seen: int) -> None:
        self.path = folder / "log.jsonl"
        self._writer: Any = None
        self.go_back(images_seen)

    def go_back(self, images_seen: int) -> None:
        """Takes out what was written after this moment.

        Raises:
            DCGANError: it cannot be written.
        """
        self.close()
        _cut_after(self.path, images_seen)
        self._writer = _tensorboard(self.path.parent, images_seen)

    def write(self, values: Mapping[str, Any]) -> None:
        """Adds a line; `images_seen` must be among the values.

        Raises:
            DCGANError: it cannot be written.
        """
        try:
            with self.path.open("a", encoding="utf8") as file:
                file.write(json.dumps(dict(values)) + "\n")
            if self._writer:
                for name in values.keys() - {"images_seen"}:
                    if isinstance(values[name], int | float):
                        self._writer.add_scalar(name, values[name], values["images_seen"])
        except OSError as error:
            raise unwritable(self.path, error) from error

    def close(self) -> None:
        """Flushes what is still on its way."""
        if self._writer:
            self._writer.close()


def _cut_after(path: Path, images_seen: int) -> None:
    """Drops the lines of `log.jsonl` after this moment, and a last line cut short."""
    if not path.exists():
        return
    try:
        text = path.read_text(encoding="utf8", errors="replace")
    except OSError as error:
        raise unwritable(path, error) from error
    kept = []
    for line in text.splitlines():
        try:
            if json.loads(line)["images_seen"] <= images_seen:
                kept.append(line + "\n")
        except (ValueError, KeyError, TypeError):
            continue
    with replacing(path) as file:
        file.write("".join(kept).encode())


def _tensorboard(folder: Path, images_seen: int) -> Any:
    """A writer of TensorBoard events, or None where the extra is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder), purge_step=images_seen + 1)
