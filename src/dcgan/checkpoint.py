"""The folder of a run and its checkpoints: written whole, the newest sound one found again.

config.json              all options
log.jsonl                losses and the like over the clock, one line each
samples/000012800.png    the same latents at this moment
checkpoints/000025600.pt everything needed to go on, bit for bit
model.safetensors        both networks, to use
best.safetensors         the same at the moment of the smallest distance, if that is measured
"""

import io
import os
import pickle
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from dcgan.config import Config, differences
from dcgan.data.pack import Pack
from dcgan.errors import DCGANError
from dcgan.files import TEMPORARY, make_folder, replacing
from dcgan.locks import alone
from dcgan.log import logger
from dcgan.model import BEST_FILE, MODEL_FILE

FORMAT = "dcgan checkpoint 4"
LATEST_KEPT = 3
STOPPED = "-stopped"


class DamagedCheckpointError(DCGANError):
    """A checkpoint that cannot be trusted; the one before it may be sound."""


class Run:
    """The folder of one training."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).expanduser()
        self.checkpoints = self.path / "checkpoints"
        self.samples = self.path / "samples"
        self.model_file = self.path / MODEL_FILE
        self.best_file = self.path / BEST_FILE
        self.config_file = self.path / "config.json"

    def require_writable(self) -> None:
        """Raises a DCGANError if the folder could not be made; makes nothing yet."""
        standing = next(
            path for path in (self.path, *self.path.absolute().parents) if path.exists()
        )
        if not standing.is_dir() or not os.access(standing, os.W_OK):
            reason = "no permission" if standing.is_dir() else f"{standing} is a file"
            raise DCGANError(
                f"Cannot write {self.path}: {reason}. Choose another with --run FOLDER."
            )

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Makes the folder and holds it: no second process writes into it meanwhile.

        Raises:
            DCGANError: the folder cannot be written, or another process trains in it.
        """
        for folder in (self.path, self.checkpoints, self.samples):
            make_folder(folder)
        others = (
            f"Another process is training in {self.path}. Wait for it, stop it, "
            "or choose another folder with --run."
        )
        with alone(self.path / ".lock", others):
            for folder in (self.path, self.checkpoints, self.samples):
                for remnant in folder.glob(f".*{TEMPORARY}"):
                    remnant.unlink(missing_ok=True)
            yield

    def config(self) -> Config | None:
        """The options of the run that stands here, or None where there is none.

        Raises:
            DCGANError: its `config.json` cannot be read.
        """
        if not self.config_file.exists():
            return None
        try:
            text = self.config_file.read_text(encoding="utf8")
        except (OSError, UnicodeDecodeError) as error:
            raise DCGANError(f"Cannot read {self.config_file}: {error}.") from error
        return Config.from_json(text, self.config_file)

    def require_same(self, old: Config, new: Config) -> None:
        """Raises a DCGANError that shows how the options differ from those of the run so far."""
        changes = differences(old, new)
        if changes:
            raise DCGANError(
                f"{self.path} holds a run with other options: {', '.join(changes)}. "
                "Leave these out to go on with it, or begin another with --run FOLDER."
            )

    def write_config(self, config: Config) -> None:
        """Writes `config.json`."""
        with replacing(self.config_file) as file:
            file.write(config.to_json().encode())

    def sheet_file(self, images_seen: int) -> Path:
        """Where the sheet of samples of this moment stands."""
        return self.samples / f"{images_seen:09}.png"

    def save(
        self,
        state: dict[str, Any],
        images_seen: int,
        keep_interval: int,
        *,
        is_regular: bool = True,
        needed: Iterable[int] = (),
    ) -> None:
        """Writes a checkpoint, then deletes old ones.

        The last three regular ones stay, the first in each `keep_interval` pictures, and the last
        one before each moment that is needed. Of those written because a run was stopped, which
        would not be there without the stop, only one that is newer than the others stays. Those
        of later moments, from which a run went back, are left to `delete_after`.

        Raises:
            DCGANError: it cannot be written; those before are whole.
        """
        # By way of memory: PyTorch's own writer hides what the system said of a full disk.
        buffer = io.BytesIO()
        torch.save({"format": FORMAT, "images_seen": images_seen, "state": state}, buffer)
        name = f"{images_seen:09}{'' if is_regular else STOPPED}.pt"
        with replacing(self.checkpoints / name) as file:
            file.write(buffer.getbuffer())
        for old in self._found():
            if not is_regular_file(old) and old.name != name and moment(old) <= images_seen:
                old.unlink()
        regular = [
            path for path in self._found() if is_regular_file(path) and moment(path) <= images_seen
        ]
        before = {
            max((p for p in regular if moment(p) < m), key=moment, default=None) for m in needed
        }
        kept: set[int] = set()
        for old in regular[:-LATEST_KEPT]:
            interval = moment(old) // keep_interval
            if (interval == 0 or interval in kept) and old not in before:
                old.unlink()
            kept.add(interval)

    def latest_for(
        self, config: Config, pack: Pack, described: str | None
    ) -> dict[str, Any] | None:
        """The state in the newest sound checkpoint, from which a run may go on; None for a new run.

        Args:
            config: of the run.
            pack: its pictures.
            described: the measure by which it knows its best model, if it has one.

        Raises:
            DCGANError: the checkpoint is of another run: of other pictures or options, or its best
                model is known by another measure; or there is none beside a model.
        """
        saved = self.latest()
        if saved is None:
            if self.model_file.exists():
                raise DCGANError(
                    f"{self.path} holds a model, and no checkpoints to go on from. Begin another "
                    f"run with --run FOLDER, or delete {self.model_file} to begin this one anew."
                )
            return None
        if saved["digest"] != pack.info.digest:
            raise DCGANError(
                f"{self.path} was trained on other pictures: {saved['pictures']:,} then, "
                f"{len(pack):,} now, or their content differs. Begin another with --run FOLDER."
            )
        self.require_same(Config.from_json(saved["config"], "the checkpoint"), config)
        best = saved["best"]
        if best and described and best["described"] != described:
            raise DCGANError(
                f"{self.path} was measured with another encoder ({best['described']}, not "
                f"{described}); give that one, or begin another with --run FOLDER."
            )
        return saved

    def latest(self) -> dict[str, Any] | None:
        """The state in the newest sound checkpoint, or None where there are no checkpoints.

        Damaged ones are reported and moved aside, to `*.damaged`.

        Raises:
            DCGANError: there are checkpoints, and none of them is sound.
        """
        found = self._found()
        for path in reversed(found):
            try:
                return read_checkpoint(path)
            except DamagedCheckpointError as error:
                logger.warning("%s Trying the one before.", error)
        if found:
            raise DCGANError(
                f"None of the {len(found)} checkpoints in {self.checkpoints} is sound. Delete the "
                "folder to begin anew, or begin another run with --run FOLDER."
            )
        return None

    def latest_before(
        self, images_seen: int, wanted: Callable[[dict[str, Any]], bool] = lambda _: True
    ) -> dict[str, Any] | None:
        """The newest wanted state of the sound regular checkpoints before this moment, or None."""
        for path in reversed(self._found()):
            if moment(path) < images_seen and is_regular_file(path):
                try:
                    saved = read_checkpoint(path)
                except DamagedCheckpointError as error:
                    logger.warning("%s Trying the one before.", error)
                    continue
                if wanted(saved):
                    return saved
        return None

    def delete_after(self, images_seen: int) -> None:
        """Deletes the checkpoints after this moment."""
        for path in self._found():
            if moment(path) > images_seen:
                path.unlink()

    def delete_remains(self) -> None:
        """Deletes what an earlier run left behind that has no checkpoint any more."""
        self.best_file.unlink(missing_ok=True)
        for path in self.path.glob("log-*.jsonl"):
            path.unlink()

    def set_aside_after(self, images_seen: int) -> None:
        """Renames the checkpoints after this moment, damaged ones, so that they no longer count."""
        for path in self._found():
            if moment(path) > images_seen:
                path.replace(path.with_suffix(".damaged"))

    def _found(self) -> list[Path]:
        names = re.compile(rf"\d+({STOPPED})?\.pt")
        files = (path for path in self.checkpoints.glob("*.pt") if names.fullmatch(path.name))
        return sorted(files, key=moment)


def moment(path: Path) -> int:
    """The moment of a checkpoint, by its name."""
    return int(path.stem.removesuffix(STOPPED))


def is_regular_file(path: Path) -> bool:
    """Whether a checkpoint was due, and not written because the run was stopped."""
    return not path.stem.endswith(STOPPED)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The state in a checkpoint, every byte of it checked; nothing in it is executed.

    Raises:
        DamagedCheckpointError: it is damaged, cut short, or no checkpoint of this package.
        DCGANError: another version of this package wrote it.
    """
    try:
        # The file is a zip archive; its checksums catch what PyTorch would load without a word.
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged:
            raise ValueError(f"{damaged} has another checksum")
        content = torch.load(path, map_location="cpu", weights_only=True)
        written_as, state = content["format"], content["state"]
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        RuntimeError,
        EOFError,
        zlib.error,
        zipfile.BadZipFile,
        pickle.UnpicklingError,
    ) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DamagedCheckpointError(f"The checkpoint {path} is damaged ({reason}).") from error
    if written_as != FORMAT:
        raise DCGANError(
            f"The checkpoint {path} is of another format ({written_as!r}; this version reads "
            f"{FORMAT!r}). Use the version that wrote it, or begin another run with --run FOLDER."
        )
    return dict(state)
