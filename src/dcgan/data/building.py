"""A pack in the making: beside its place, by one process at a time, whole or not at all."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dcgan.data.pack import is_pack
from dcgan.errors import DCGANError
from dcgan.files import TEMPORARY, make_folder
from dcgan.locks import alone


@contextmanager
def building(path: Path, key: str) -> Iterator[Path | None]:
    """A folder to make a pack in, which takes the name `path` when the block ends well.

    Otherwise it stays as it is, so that the same work goes on there when it is asked for again;
    what other work for this place left is cleared away. Where another process has made the pack
    meanwhile there is no folder, and nothing to do.

    Args:
        path: where the pack shall stand; a new or empty folder.
        key: names the work, in at least 16 hexadecimal digits.

    Raises:
        DCGANError: something else stands at `path`, or nothing can be written there.
    """
    if path.name in ("", ".."):
        raise DCGANError(f"{path} is no name for a pack; give that of a new folder.")
    if path.exists() and not is_pack(path) and not (path.is_dir() and not any(path.iterdir())):
        raise DCGANError(f"{path} is no pack and not empty; give the name of a new folder.")
    make_folder(path.parent)
    others = f"Waiting for another process that is packing into {path}."
    with alone(path.with_name(f".{path.name}.lock"), others, waits=True):
        if is_pack(path):
            yield None
            return
        folder = path.with_name(f"{path.name}.{key[:16]}.partial")
        for other in path.parent.iterdir():
            if _is_partial(other, path) and other != folder:
                shutil.rmtree(other)
        make_folder(folder)
        for remnant in folder.glob(f".*{TEMPORARY}"):
            remnant.unlink()
        yield folder
        if path.exists():
            path.rmdir()
        folder.replace(path)


def _is_partial(folder: Path, path: Path) -> bool:
    """Whether a folder is one in which a pack for this place was begun."""
    pattern = re.escape(path.name) + r"\.[0-9a-f]{16}\.partial"
    return bool(re.fullmatch(pattern, folder.name)) and folder.is_dir()
