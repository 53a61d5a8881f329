"""How many faces `dcgan faces` finds, and how many of its finds are faces.

Recall and precision on photographs with dlib's XML files of boxes, and the share of portraits, one
face each, in which exactly one is found. A find is right if its intersection with a box, over their
union, is at least 0.5; every box counts once, so that a second find of a face is wrong. Boxes with
ignore="1" count neither way. Photographs that no XML file names are left out.

    python benchmarks/face_recall.py PHOTOS --minimum 24
    python benchmarks/face_recall.py PHOTOS --portraits PORTRAITS --cascade frontalface_alt
"""

import time
from collections import defaultdict
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import click
import cv2
import numpy as np
from PIL import Image

from dcgan.config import FaceConfig
from dcgan.data.face_detector import CASCADE, STEP, Detector, Face, find_faces
from dcgan.data.faces import DRAWN_SIZE, whole_picture
from dcgan.data.sources import open_source
from dcgan.images import Picture, decode_whole

LEAST_OVERLAP = 0.5
Truth = list[tuple[Face, bool]]
"""Boxes, and whether each is to be ignored."""


def read_boxes(folder: Path) -> dict[str, Truth]:
    """The boxes of all XML files in a folder, by picture; those of one face only once."""
    boxes: dict[str, Truth] = defaultdict(list)
    for file in sorted(folder.glob("*.xml")):
        for image in ElementTree.parse(file).getroot().iter("image"):
            for box in image.iter("box"):
                left, top, width, height = (
                    int(box.attrib[name]) for name in ("left", "top", "width", "height")
                )
                face, known = Face(left, top, width, height, 0), boxes[image.attrib["file"]]
                if all(agreement(face, other) < LEAST_OVERLAP for other, _ in known):
                    known.append((face, box.get("ignore") == "1"))
    return dict(sorted(boxes.items()))


def agreement(a: Face, b: Face) -> float:
    """Intersection over union."""
    width = min(a.left + a.width, b.left + b.width) - max(a.left, b.left)
    height = min(a.top + a.height, b.top + b.height) - max(a.top, b.top)
    shared = max(width, 0) * max(height, 0)
    return shared / (a.width * a.height + b.width * b.height - shared)


def judged(truth: Truth, found: list[Face]) -> tuple[int, int, int]:
    """How many finds are right, how many boxes there are, and how many finds count."""
    pairs = sorted(
        ((agreement(box, face), i, j) for i, (box, _) in enumerate(truth)
         for j, face in enumerate(found)),
        reverse=True,
    )  # fmt: skip
    partner: dict[int, int] = {}
    for value, i, j in pairs:
        if value >= LEAST_OVERLAP and i not in partner.values() and j not in partner:
            partner[j] = i
    ignored = sum(truth[i][1] for i in partner.values())
    boxes = sum(not is_ignored for _, is_ignored in truth)
    return len(partner) - ignored, boxes, len(found) - ignored


def equalised(picture: Picture) -> Picture:
    """Grey, with an even histogram."""
    grey = cv2.equalizeHist(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY))
    return np.repeat(np.asarray(grey, np.uint8)[..., None], 3, axis=-1)


def tilted(picture: Picture, degrees: float) -> Picture:
    """Turned to the left about its middle, with grey corners."""
    image = Image.fromarray(picture)
    return np.asarray(image.rotate(degrees, Image.Resampling.BILINEAR, fillcolor=(128, 128, 128)))


@click.command()
@click.argument("photos", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--portraits", help="A source of pictures with one face each.")
@click.option("--cascade", default=CASCADE, show_default=True)
@click.option("--step", default=STEP, show_default=True)
@click.option("--score", default=FaceConfig.score, show_default=True)
@click.option("--minimum", default=FaceConfig.minimum, show_default=True)
@click.option("--profile", is_flag=True)
@click.option("--equalise", is_flag=True, help="Make the histogram even before.")
@click.option("--tilt", default=0.0, metavar="DEGREES", help="Turn the portraits before.")
def main(
    photos: Path,
    portraits: str | None,
    cascade: str,
    step: float,
    equalise: bool,
    tilt: float,
    **options: Any,
) -> None:
    """Measure the detector on PHOTOS, a folder of pictures and XML files."""
    cv2.setNumThreads(1)
    config, detector = FaceConfig(**options), Detector(options["profile"], cascade, step)

    def find(picture: Picture) -> list[Face]:
        return find_faces(equalised(picture) if equalise else picture, detector, config)

    totals = np.zeros(3, int)
    for name, truth in read_boxes(photos).items():
        content = (photos / name).read_bytes()
        totals += judged(truth, find(decode_whole(content)))
    right, boxes, found = totals.tolist()
    print(
        f"photographs: {right} of {boxes} faces found, recall {right / boxes:.3f}; "
        f"{right} of {found} finds right, precision {right / max(found, 1):.3f}"
    )
    if portraits:
        source = open_source(portraits)
        items = source.read(range(len(source)), DRAWN_SIZE)
        start = time.process_time()
        counts = np.array([len(find(tilted(whole_picture(item), tilt))) for item in items])
        seconds = time.process_time() - start
        print(
            f"portraits: {np.mean(counts == 1):.1%} with one face, {np.sum(counts == 0)} with "
            f"none, {np.sum(counts > 1)} with more, of {len(counts)}; "
            f"{1000 * seconds / len(counts):.0f} ms of one core each"
        )


if __name__ == "__main__":
    main()
