"""Pictures one after another in a file: GIF and WebP."""

from pathlib import Path

import numpy as np
from PIL import Image

from dcgan.captions import enlarged, factor_for
from dcgan.errors import DCGANError
from dcgan.files import make_folder, replacing
from dcgan.images import WRITABLE, Picture, require_writable_picture
from dcgan.tensors import Pixels

ANIMATED = {".gif": "GIF", ".webp": "WEBP"}
MILLISECONDS = 50
"""Each picture is shown for so long; the shortest that all browsers keep to is 20."""


def save_animation(pictures: Pixels, path: Path) -> None:
    """Writes pictures (N, H, W, C) as an animation without end, small ones enlarged.

    Raises:
        DCGANError: the file cannot be written.
    """
    factor = factor_for(pictures.shape[2] // 2 or 1)  # 128 pixels wide at least
    first, *others = [to_image(enlarged(picture, factor)) for picture in np.asarray(pictures)]
    kind = ANIMATED[path.suffix.lower()]
    with replacing(path) as file:
        first.save(
            file, kind, save_all=True, append_images=others, duration=MILLISECONDS, loop=0,
            quality=90,
        )  # fmt: skip


def to_image(picture: Picture) -> Image.Image:
    """Pixels (H, W, C) for Pillow."""
    return Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture)


def require_writable(path: Path, channels: int) -> None:
    """Refuses, before the work, what can be neither a sheet nor an animation.

    Raises:
        DCGANError: the file's name ends in none of their endings, or it cannot be written.
    """
    ending = path.suffix.lower()
    if ending in ANIMATED and path.is_dir():
        raise DCGANError(f"Cannot write the animation {path}: it is a folder.")
    if ending in ANIMATED:
        make_folder(path.absolute().parent)
    elif ending in WRITABLE:
        require_writable_picture(path, channels)
    else:
        stills = " ".join(still for still in WRITABLE if still not in ANIMATED)
        raise DCGANError(
            f"{path} must end in {stills} for a sheet, or {' '.join(ANIMATED)} for an animation."
        )
