"""Sets of pictures on the Hugging Face hub, by name: `hf:owner/set`, streamed."""

import threading
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from mmap import mmap
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dcgan.data.readers.items import Columns, Item, Labels, choose_split, other_splits
from dcgan.errors import DCGANError
from dcgan.files import spooled
from dcgan.log import progress
from dcgan.size import Size

PREFIX = "hf:"


class Hub:
    """The pictures of a set on the hub, in its order.

    A stream cannot be read from the middle. When its pictures are first asked for, it is fetched
    once, into a file that vanishes with this process.
    """

    def __init__(self, place: str, name: str, split: str) -> None:
        self.place, self.name = place, name
        parts, self._state = _opened(place.removeprefix(PREFIX))
        chosen = choose_split(place, split, parts)
        self._picture, declared = _kinds(parts[chosen], place)
        self._stream = _undecoded(parts[chosen], self._picture)
        classes = _labelled(self._stream, declared, place)
        self.columns: Columns = {
            "class" if len(classes) == 1 else column: names for column, names in classes.items()
        }
        self._classes = classes
        self._state += f" {chosen}"
        self._lock = threading.Lock()
        self._fetched: Fetched | None = None
        known = (self._stream.info.splits or {}).get(chosen)
        self._count = known.num_examples if known else len(self._all().labels)
        self.description = f"{len(self):,} pictures in {place}{other_splits(chosen, parts)}"

    def __len__(self) -> int:
        return int(self._count)

    def fingerprint(self, times: bool = True) -> str:
        """What the hub calls this state of the set."""
        return self._state

    def read(self, indices: Sequence[int], size: Size) -> Iterator[Item]:
        """The bytes of the picture files."""
        fetched = self._all()
        for index in indices:
            if index >= len(fetched.labels):
                lost = OSError("not in the stream, though announced")
                yield Item(lost, (0.0,) * len(self.columns))
                continue
            content = fetched.content[fetched.starts[index] : fetched.starts[index + 1]]
            missing = OSError("the row holds no picture")
            yield Item(content or missing, tuple(fetched.labels[index].tolist()))

    def picture_name(self, index: int) -> str:
        """The number of the row."""
        return f"row {index}"

    def _all(self) -> "Fetched":
        with self._lock:
            if self._fetched is None:
                self._fetched = self._fetch()
            return self._fetched

    def _fetch(self) -> "Fetched":
        lengths, labels = array("q"), array("f")

        def contents() -> Iterator[bytes]:
            total = getattr(self, "_count", 0)
            with progress(f"Fetching {self.place}", total, unit="pictures") as bar:
                for number, row in enumerate(self._stream, 1):
                    content = _content(row[self._picture])
                    lengths.append(len(content))
                    labels.extend(
                        _label(row[column], names, f"{self.place}, row {number - 1}: {column}")
                        for column, names in self._classes.items()
                    )
                    bar.update(number)
                    yield content

        with _reaching(self.place):
            content = spooled(contents())
        starts = np.cumsum([0, *lengths])
        table = np.array(labels, np.float32).reshape(len(lengths), len(self._classes))
        return Fetched(content, starts, table)


class Fetched(NamedTuple):
    """A stream, once it is here."""

    content: mmap
    starts: NDArray[np.int64]
    """(N + 1): where each picture begins in it, and where the last one ends."""
    labels: Labels


def _opened(name: str) -> tuple[Mapping[str, Any], str]:
    """The streams of a set's parts, and what tells this state of it from others.

    Raises:
        DCGANError: the library is missing, or there is no such set or no way to it.
    """
    if not name:
        raise DCGANError(f"{PREFIX} needs the name of a set behind it, such as {PREFIX}owner/set.")
    try:
        import datasets
    except ImportError as error:
        raise DCGANError('Sets on the hub need datasets: pip install "dcgan[hub]".') from error
    with _reaching(PREFIX + name):
        builder = datasets.load_dataset_builder(name)
        return builder.as_streaming_dataset(), f"{builder.hash} {builder.info.version}"


@contextmanager
def _reaching(place: str) -> Iterator[None]:
    """Within, whatever the library raises becomes a sentence that names the set.

    Raises:
        DCGANError: the set cannot be had.
    """
    try:
        yield
    except DCGANError:
        raise
    except Exception as error:  # networks, many formats: no list of what is raised is ever whole
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DCGANError(
            f"{place} cannot be had: {reason.rstrip('.')}. Look at its name and the network; "
            "a private set needs `hf auth login` first."
        ) from error


def _kinds(stream: Any, place: str) -> tuple[str, dict[str, tuple[str, ...]]]:
    """The column of the pictures, and the class names of the columns that have such."""
    features = stream.features or {}
    kinds = {column: type(feature).__name__ for column, feature in features.items()}
    pictures = [column for column, kind in kinds.items() if kind == "Image"]
    if not pictures:
        raise DCGANError(
            f"{place} has no column of pictures; it has {', '.join(kinds) or 'none that it names'}."
        )
    classes = [column for column, kind in kinds.items() if kind == "ClassLabel"]
    return pictures[0], {column: tuple(features[column].names) for column in classes}


def _labelled(
    stream: Any, classes: Mapping[str, tuple[str, ...]], place: str
) -> dict[str, tuple[str, ...]]:
    """Those of the columns that have a label in the first row; in test parts it is often kept."""
    if not classes:
        return {}
    with _reaching(place):
        row: Mapping[str, Any] = next(iter(stream), {})
    return {column: names for column, names in classes.items() if row.get(column) not in (None, -1)}


def _label(value: Any, names: Sequence[str], where: str) -> float:
    """A class's index.

    Raises:
        DCGANError: there is none, or it is none of the classes.
    """
    if value is None or not 0 <= value < len(names):
        raise DCGANError(f"{where} is {value}, which is none of its {len(names)} classes.")
    return float(value)


def _undecoded(stream: Any, column: str) -> Any:
    """The stream with its pictures as the files they are."""
    import datasets

    return stream.cast_column(column, datasets.Image(decode=False))


def _content(value: Any) -> bytes:
    """The bytes of a picture file; of one that is named, not held, those at its place."""
    if value and value.get("bytes"):
        return bytes(value["bytes"])
    if not value or not value.get("path"):
        return b""
    import fsspec  # comes with datasets; reads from the hub and from disks alike

    with fsspec.open(value["path"], "rb") as file:
        return bytes(file.read())
