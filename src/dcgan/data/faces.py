"""Faces cut out of photographs, square and at their own resolution (Section 4.2 of the paper).

faces.csv                   every face: its picture, box, score and file
skipped.csv                 what could not be read, with the reasons
labels.csv                  the source's labels, where one class alone does not say them
faces.json                  the options, the source, and the counts once all is done
CLASS/NAME-NUMBER-K.png     the k-th largest face (from 0) of the source's picture of this number
.parts/                     what was found so far; gone once all is done
"""

import csv
import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

from dcgan.config import FaceConfig, plain
from dcgan.data.face_detector import Detector, Face, cut, find_faces, opencv
from dcgan.data.face_folder import (
    FACES_FILE,
    FORMAT,
    INFO_FILE,
    LOCK_FILE,
    PARTS_FOLDER,
    FaceCounts,
    Part,
    class_folder,
    held,
    label_texts,
    missing_parts,
    part_file,
    read_parts,
    rows_of,
    standing,
    stem,
    write_info,
)
from dcgan.data.pack import SKIPPED_FILE
from dcgan.data.readers.items import Item, Source
from dcgan.data.readers.labels import LABELS_CSV
from dcgan.data.sources import open_source, require_outside
from dcgan.data.workers import workers
from dcgan.distributed import Group, joined
from dcgan.errors import DCGANError
from dcgan.files import make_folder, replacing, write_table
from dcgan.images import Picture, PictureError, decode_whole, refit, save_picture
from dcgan.log import logger, progress
from dcgan.size import Size

PART = 16
"""Pictures of which the findings are written at once: what a sudden end costs each core."""
DRAWN_SIZE = Size(256, 256)


def faces(place: str | Path, path: str | Path, config: FaceConfig | None = None) -> FaceCounts:
    """Finds the faces in the pictures of a source, and writes each as a square PNG file.

    The paper trains on boxes of OpenCV's face detector, those of sufficiently high resolution
    (Section 4.2). Work that was broken off goes on when it is asked for again. Processes that
    `torchrun` started share it: each makes this call, and writes into the folder.

    Args:
        place: a source, as for `dcgan.train`; its classes become folders.
        path: the folder for the crops; a new or empty one, or one to go on in.
        config: which faces, and how much around them.

    Raises:
        DCGANError: there is no such source, no OpenCV 4, or no face; something else or the faces
            of other pictures or options stand at `path`, or nothing can be written there.
    """
    config, folder = config or FaceConfig(), Path(path).expanduser()
    with joined() as group:
        detector = group.all_do(lambda: Detector(config.profile))
        source = group.in_turn(lambda: open_source(place))
        group.require_alike(_facts(source, config))
        group.told(lambda: require_outside(place, folder))
        job = group.told(lambda: _job(source, config))
        done = group.told(lambda: standing(folder, job))
        counts = done or _cut_together(source, folder, job, config, detector, group)
        group.first(lambda: _clear_and_report(folder, counts))
        return counts


def _cut_together(
    source: Source,
    folder: Path,
    job: dict[str, Any],
    config: FaceConfig,
    detector: Detector,
    group: Group,
) -> FaceCounts:
    """Cuts the faces of all parts that were not done before; each process takes some of them."""
    with ExitStack() as kept, _one_thread_each():
        group.first(lambda: kept.enter_context(_begun(folder, job)))
        group.all_do(lambda: _require_seen(folder))
        missing = group.told(lambda: missing_parts(folder, len(source), PART))
        group.announce()
        group.all_do(lambda: _cut_parts(source, folder, config, detector, missing, group))
        return group.told(lambda: _finish(source, folder, job))


@contextmanager
def _begun(folder: Path, job: dict[str, Any]) -> Iterator[None]:
    """Within, no other work is done in the folder; this one is noted there."""
    make_folder(folder)
    with held(folder):
        write_info(folder, job)
        make_folder(folder / PARTS_FOLDER)
        yield


def _require_seen(folder: Path) -> None:
    if not (folder / INFO_FILE).exists():
        raise DCGANError(
            f"There is no {folder / INFO_FILE} here, though the first process wrote it just now; "
            "give a folder that all machines share."
        )


def _cut_parts(
    source: Source,
    folder: Path,
    config: FaceConfig,
    detector: Detector,
    missing: Sequence[int],
    group: Group,
) -> None:
    """Cuts the faces of this process's share of the missing parts."""
    logger.info("Found %s.", source.description)
    own = missing[group.rank :: group.count]
    done = len(source) - _length(source, missing)
    total = done + _length(source, own)
    found = sum(len(part.faces) for part in read_parts(folder)) if done else 0
    work = partial(_cut_part, source, folder, config, detector)
    with (
        progress(f"Faces of {source.name}", total, done=done, unit="pictures") as bar,
        workers() as pool,
    ):
        for count in pool.map(work, own):
            found += count
            bar.update(min(bar.done + PART, total), f"{found:,} faces")


def _length(source: Source, starts: Sequence[int]) -> int:
    """How many pictures the parts hold that begin with these."""
    return sum(min(PART, len(source) - start) for start in starts)


def _cut_part(
    source: Source, folder: Path, config: FaceConfig, detector: Detector, start: int
) -> int:
    """Cuts the faces of one part, then notes what was found; how many faces that is."""
    indices = range(start, min(start + PART, len(source)))
    part, with_faces = Part([], [], [], 0), 0
    for index, item in zip(indices, source.read(indices, DRAWN_SIZE), strict=True):
        name = source.picture_name(index)
        try:
            picture = whole_picture(item)
        except PictureError as error:
            part.skipped.append([name, str(error)])
            continue
        found = find_faces(picture, detector, config)
        with_faces += bool(found)
        for number, face in enumerate(found):
            file = f"{class_folder(source.columns, item)}{stem(name)}-{index:06}-{number}.png"
            (folder / file).parent.mkdir(exist_ok=True)
            save_picture(cut(picture, face, config.margin), folder / file)
            part.faces.append([name, *face, file])
            part.labels.append([file, *label_texts(source.columns, item)])
    with replacing(part_file(folder, start)) as target:
        target.write(json.dumps(part._replace(with_faces=with_faces)).encode())
    return len(part.faces)


def whole_picture(item: Item) -> Picture:
    """What a source gave, as pixels (H, W, 3) of its own size.

    Raises:
        PictureError: it cannot be read or decoded.
    """
    if isinstance(item.content, OSError):
        raise PictureError((item.content.strerror or str(item.content)).lower())
    if isinstance(item.content, bytes):
        return decode_whole(item.content)
    return refit(item.content, Size(*item.content.shape[:2]))


def _finish(source: Source, folder: Path, job: dict[str, Any]) -> FaceCounts:
    """Joins what the parts found into tables; the counts in faces.json say that all is whole."""
    unseen = missing_parts(folder, len(source), PART)
    if unseen:
        raise DCGANError(
            f"{len(unseen):,} parts of the work do not show in {folder / PARTS_FOLDER}, as when "
            "another machine's files come late. Give the same command again."
        )
    lengths = [(p.with_faces, len(p.faces), len(p.skipped)) for p in read_parts(folder)]
    counts = FaceCounts(len(source), *(sum(column) for column in zip(*lengths, strict=True)))
    if not counts.faces:
        reason = _why_empty(source, folder, counts, job["options"])
        shutil.rmtree(folder / PARTS_FOLDER)
        (folder / INFO_FILE).unlink()
        raise DCGANError(reason)
    header: list[Any] = ["picture", "reason"]
    write_table(folder / SKIPPED_FILE, chain([header], rows_of(folder, "skipped")))
    header = ["picture", *Face._fields, "file"]
    write_table(folder / FACES_FILE, chain([header], rows_of(folder, "faces")))
    if len(source.columns) > 1 or None in source.columns.values():
        header = ["file", *source.columns]
        write_table(folder / LABELS_CSV, chain([header], rows_of(folder, "labels")))
    write_info(folder, job | {"counts": counts._asdict()})
    return counts


def _why_empty(source: Source, folder: Path, counts: FaceCounts, options: dict[str, Any]) -> str:
    if counts.skipped == counts.pictures:
        name, reason = next(read_parts(folder)).skipped[0]
        return (
            f"None of the {counts.pictures:,} pictures of {source.name} can be read "
            f"(first: {name}, {reason})."
        )
    minimum, score = options["minimum"], options["score"]
    tries = [
        f"--minimum 20 for small ones (now {minimum})" * (minimum > 20),
        f"--score 2 for doubtful ones (now {score})" * (score > 2),
        "--profile for those seen from the side" * (not options["profile"]),
    ]
    advice = "; ".join(filter(None, tries))
    return (
        f"There are no faces in the {counts.pictures:,} pictures of {source.name}, as far as can "
        f"be seen. {f'Try {advice}.' if advice else 'Only upright faces are found.'}"
    )


def _facts(source: Source, config: FaceConfig) -> dict[str, object]:
    """What must be alike in all processes."""
    state = hashlib.sha256(source.fingerprint(times=False).encode(errors="surrogateescape"))
    return {
        "OpenCV": opencv().__version__,
        "pictures": f"{len(source):,} (SHA-256 {state.hexdigest()[:16]})",
        **{f"`{name}`": value for name, value in plain(config).items()},
    }


def _job(source: Source, config: FaceConfig) -> dict[str, Any]:
    """All that the result depends on, as faces.json holds it."""
    return {
        "format": FORMAT,
        "source": source.name,
        "pictures": len(source),
        "fingerprint": source.fingerprint(),
        "options": plain(config),
    }


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Within, OpenCV starts no threads of its own: there is one of ours on every core."""
    cv2 = opencv()
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _clear_and_report(folder: Path, counts: FaceCounts) -> None:
    shutil.rmtree(folder / PARTS_FOLDER, ignore_errors=True)
    with suppress(OSError):  # there is one only where a sudden end left it after the last word
        (folder / LOCK_FILE).unlink()
    if counts.skipped:
        with (folder / SKIPPED_FILE).open(encoding="utf8", newline="") as file:
            name, reason = next(islice(csv.reader(file), 1, None))
        logger.warning(
            "Skipped %s that could not be read (first: %s, %s); all are listed in %s.",
            f"{counts.skipped:,}", name, reason, folder / SKIPPED_FILE,
        )  # fmt: skip
