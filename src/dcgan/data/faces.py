"""Faces cut out of photographs, square and at their own resolution (Section 4.2 of the paper).

faces.csv                   every face: its picture, box, score and file
skipped.csv                 what could not be read, with the reasons
labels.csv                  the source's labels, where one class alone does not say them
faces.json                  the options, the source, and the counts once all is done
CLASS/NAME-NUMBER-K.png     the k-th largest face (from 0) of the source's picture of this number
.parts/                     what was found so far; gone once all is done
"""

import csv
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
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
    PARTS_FOLDER,
    FaceCounts,
    Part,
    class_folder,
    held,
    label_texts,
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
    (Section 4.2). Work that was broken off goes on when it is asked for again.

    Args:
        place: a source, as for `dcgan.train`; its classes become folders.
        path: the folder for the crops; a new or empty one, or one to go on in.
        config: which faces, and how much around them.

    Raises:
        DCGANError: there is no such source, no OpenCV 4, or no face; something else or the faces
            of other pictures or options stand at `path`, or nothing can be written there.
    """
    config, folder = config or FaceConfig(), Path(path).expanduser()
    detector = Detector(config.profile)
    source = open_source(place)
    require_outside(place, folder)
    job = _job(source, config)
    counts = standing(folder, job)
    if counts is None:
        make_folder(folder)
        with held(folder), _one_thread_each():
            write_info(folder, job)
            make_folder(folder / PARTS_FOLDER)
            _cut_parts(source, folder, config, detector)
            counts = _finish(source, folder, job)
    shutil.rmtree(folder / PARTS_FOLDER, ignore_errors=True)
    _report(folder, counts)
    return counts


def _cut_parts(source: Source, folder: Path, config: FaceConfig, detector: Detector) -> None:
    """Cuts the faces of all parts that were not done before."""
    logger.info("Found %s.", source.description)
    starts = range(0, len(source), PART)
    missing = [start for start in starts if not part_file(folder, start).exists()]
    done = len(source) - sum(min(PART, len(source) - start) for start in missing)
    found = sum(len(part.faces) for part in read_parts(folder)) if done else 0
    work = partial(_cut_part, source, folder, config, detector)
    with (
        progress(f"Faces of {source.name}", len(source), done=done, unit="pictures") as bar,
        workers() as pool,
    ):
        for count in pool.map(work, missing):
            found += count
            bar.update(min(bar.done + PART, len(source)), f"{found:,} faces")


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


def _report(folder: Path, counts: FaceCounts) -> None:
    if counts.skipped:
        with (folder / SKIPPED_FILE).open(encoding="utf8", newline="") as file:
            name, reason = next(islice(csv.reader(file), 1, None))
        logger.warning(
            "Skipped %s that could not be read (first: %s, %s); all are listed in %s.",
            f"{counts.skipped:,}", name, reason, folder / SKIPPED_FILE,
        )  # fmt: skip
