"""Where the faces are in a picture, by OpenCV 4's cascades, and the squares around them."""

import os
import threading
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dcgan.config import FaceConfig
from dcgan.errors import DCGANError
from dcgan.images import Picture

# Chosen by measurement: docs/faces.md.
CASCADE = "frontalface_alt2"
PROFILE_CASCADE = "profileface"
STEP = 1.1
"""Ratio of the sizes in which faces are looked for."""
WINDOW = 20
"""Side in pixels of the smallest face that the cascades know."""
SLACK = 1.25
"""Faces are looked for from so much less than the wanted size on, then the smaller ones dropped.

A face just under the wanted size is else found by the windows just above it, with too large a box.
"""
LONGEST_SIDE = 1_280
"""Larger pictures are made so small before faces are looked for in them."""
OVERLAP = 0.3
"""Share of the smaller box; two boxes that share more are the same face."""

INSTALL = 'pip install "dcgan[faces]"'
Grey = NDArray[np.uint8]
"""(H, W) uint8."""


class Face(NamedTuple):
    """A box in pixels, and how many windows of the detector agreed on it."""

    left: int
    top: int
    width: int
    height: int
    score: int


def opencv() -> Any:
    """OpenCV 4, imported only where faces are looked for.

    Raises:
        DCGANError: there is none, or one without cascades, as OpenCV 5.
    """
    try:
        import cv2
    except ImportError as error:
        raise DCGANError(f"Finding faces needs OpenCV 4, and there is none: {INSTALL}") from error
    if not hasattr(cv2, "CascadeClassifier") or not hasattr(cv2, "data"):
        raise DCGANError(
            f"Finding faces needs OpenCV 4 with its cascades; OpenCV {cv2.__version__} as it is "
            f"installed here has none: {INSTALL}"
        )
    return cv2


class Detector(threading.local):
    """Finds upright faces. Each thread that uses it has cascades of its own, as they keep state.

    Args:
        profile: look for faces seen from the left and from the right too.
        cascade: which of OpenCV's, without `haarcascade_`.
        step: ratio of the sizes in which faces are looked for.
    """

    def __init__(self, profile: bool = False, cascade: str = CASCADE, step: float = STEP) -> None:
        self.step = step
        self.frontal = _cascade(cascade)
        self.profile = _cascade(PROFILE_CASCADE) if profile else None

    def find(self, grey: Grey, minimum: int, score: int) -> list[Face]:
        """The faces whose boxes have at least this side and score, the largest first."""
        found = with_new([], self._agreed(self.frontal, grey, minimum, score))
        if self.profile is not None:
            mirrored = np.ascontiguousarray(grey[:, ::-1])
            left = self._agreed(self.profile, grey, minimum, score)
            right = self._agreed(self.profile, mirrored, minimum, score)
            right = [f._replace(left=grey.shape[1] - f.left - f.width) for f in right]
            found = with_new(found, left + right)
        return sorted(found, key=lambda f: (-f.width * f.height, f.left, f.top))

    def _agreed(self, cascade: Any, grey: Grey, minimum: int, score: int) -> list[Face]:
        # OpenCV keeps what more than this number of windows agree on.
        boxes, scores = cascade.detectMultiScale2(
            grey, self.step, score - 1, minSize=(minimum, minimum)
        )
        rows = zip(boxes, scores, strict=True)
        return [Face(*(int(value) for value in (*box, number))) for box, number in rows]


def _cascade(name: str) -> Any:
    cv2 = opencv()
    file = os.path.join(cv2.data.haarcascades, f"haarcascade_{name}.xml")
    cascade = cv2.CascadeClassifier(file)
    if cascade.empty():
        raise DCGANError(f"This OpenCV lacks its cascade {file}: {INSTALL}")
    return cascade


def with_new(kept: Sequence[Face], more: Iterable[Face]) -> list[Face]:
    """The faces kept, and of the others those that are none of them again, best scores first."""
    found = list(kept)
    for face in sorted(more, key=lambda f: (-f.score, f)):
        if all(overlap(face, other) <= OVERLAP for other in found):
            found.append(face)
    return found


def overlap(a: Face, b: Face) -> float:
    """What two boxes share, as a part of the smaller one."""
    width = min(a.left + a.width, b.left + b.width) - max(a.left, b.left)
    height = min(a.top + a.height, b.top + b.height) - max(a.top, b.top)
    shared = max(width, 0) * max(height, 0)
    return shared / min(a.width * a.height, b.width * b.height)


def find_faces(picture: Picture, detector: Detector, config: FaceConfig) -> list[Face]:
    """The faces in a picture (H, W, 3), the largest first, by boxes in its own pixels.

    In a large picture they are looked for on a copy with sides of up to 1280 pixels.
    """
    cv2 = opencv()
    height, width = picture.shape[:2]
    scale = min(1.0, LONGEST_SIDE / max(height, width))
    grey = cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2GRAY)
    if scale < 1:
        small = (max(round(width * scale), 1), max(round(height * scale), 1))
        grey = cv2.resize(grey, small, interpolation=cv2.INTER_AREA)
    smallest = max(WINDOW, int(config.minimum * scale / SLACK))
    found = detector.find(grey, smallest, config.score)
    wanted = [face for face in (_enlarged(f, scale) for f in found) if face.width >= config.minimum]
    return wanted[:1] if config.largest else wanted


def _enlarged(face: Face, scale: float) -> Face:
    """The box in the picture of which this one lies on a copy, so much smaller."""
    left, top, width, height = (round(side / scale) for side in face[:4])
    return Face(left, top, width, height, face.score)


def cut(picture: Picture, face: Face, margin: float) -> Picture:
    """The square (S, S, 3) around a face's box, with a share of the box added on each side.

    A square that reaches beyond the picture's edge is moved inside, so that all faces have the
    same scale and no pixel is invented; it is smaller only where the picture itself is.
    """
    height, width = picture.shape[:2]
    side = min(round(max(face.width, face.height) * (1 + 2 * margin)), height, width)
    left = min(max(face.left + (face.width - side) // 2, 0), width - side)
    top = min(max(face.top + (face.height - side) // 2, 0), height - side)
    return picture[top : top + side, left : left + side]
