"""Pictures one after another in a file: GIF, WebP and MP4."""

from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from dcgan.captions import enlarged, factor_for, sheet_path, to_image
from dcgan.errors import DCGANError
from dcgan.files import make_folder, replacing
from dcgan.images import WRITABLE
from dcgan.tensors import Pixels

VIDEO = ".mp4"
ANIMATED = {".gif": "GIF", ".webp": "WEBP", VIDEO: "MP4"}
LEAST_WIDTH = 128
"""Of an animation, in pixels."""
MILLISECONDS = 50
"""Each picture is shown for so long; the shortest that all browsers keep to is 20."""
KEPT, CLEARED = 1, 2
"""What a GIF says of a picture's place when the next one comes."""
QUALITY = "18"
"""Of a video, from 0 to 51, the best first; at 18 the eye sees no loss."""


def save_animation(pictures: Pixels, path: Path) -> None:
    """Writes pictures (N, H, W, C) as an animation, small ones enlarged.

    Raises:
        DCGANError: the file cannot be written, or PyAV, which writes videos, is missing.
    """
    factor = factor_for(pictures.shape[2], least_width=LEAST_WIDTH)
    images = [to_image(enlarged(picture, factor)) for picture in np.asarray(pictures)]
    kind = ANIMATED[path.suffix.lower()]
    with replacing(path) as file:
        if kind == "MP4":
            write_video(images, file)
            return
        first, *others = images
        # Where pictures are transparent, the one before would be seen through the next.
        disposal = CLEARED if first.mode == "RGBA" else KEPT
        first.save(
            file, kind, save_all=True, append_images=others, duration=MILLISECONDS, loop=0,
            quality=90, disposal=disposal,
        )  # fmt: skip


def write_video(images: list[Image.Image], file: BinaryIO) -> None:
    """Writes pictures as H.264, which every player knows.

    It needs even sides; an odd one loses its last row or column.

    Raises:
        DCGANError: PyAV is missing.
    """
    av = video_library()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", 1_000 // MILLISECONDS, options={"crf": QUALITY})
        stream.width, stream.height = (side - side % 2 for side in images[0].size)
        stream.pix_fmt = "yuv420p"
        for image in images:
            whole = image.convert("RGB").crop((0, 0, stream.width, stream.height))
            container.mux(stream.encode(av.VideoFrame.from_image(whole)))
        container.mux(stream.encode())


def video_library() -> Any:
    """PyAV.

    Raises:
        DCGANError: it is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise DCGANError(
            'Videos need PyAV: pip install "dcgan[video]". Without it take .gif or .webp.'
        ) from error
    return av


def walk_path(out: str | Path | None, channels: int) -> Path | None:
    """As `sheet_path`, but also for animations.

    Raises:
        DCGANError: the file's name ends in none of their endings, it cannot be written, or PyAV is
            missing for a video.
    """
    if out is None:
        return None
    path = Path(out).expanduser()
    ending = path.suffix.lower()
    if ending in WRITABLE and ending not in ANIMATED:
        return sheet_path(path, channels)
    if ending not in ANIMATED:
        stills = " ".join(still for still in WRITABLE if still not in ANIMATED)
        raise DCGANError(
            f"{path} must end in {stills} for a sheet, or {' '.join(ANIMATED)} for an animation."
        )
    if ending == VIDEO:
        video_library()
    if path.is_dir():
        raise DCGANError(f"Cannot write the animation {path}: it is a folder.")
    make_folder(path.absolute().parent)
    return path
