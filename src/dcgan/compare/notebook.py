"""What was measured, kept, so that nothing is measured twice."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from dcgan.data.given import Pictures
from dcgan.errors import DCGANError
from dcgan.features.pictures import PictureFeatures, Vectors, mapped
from dcgan.files import make_folder, unwritable

FILE, VECTORS = "measured.jsonl", "vectors"


class Notebook:
    """Questions with their answers, one a line in `measured.jsonl`, and vectors of pictures.

    A question names all that its answer depends on. The file stands there from the first moment on,
    as a sign of whose folder this is.

    Args:
        folder: where they are kept; made if it is not there.

    Raises:
        DCGANError: nothing can be written there, or another's file has the notebook's name.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = make_folder(folder)
        self._answers: dict[str, Any] = {}
        file = folder / FILE
        text = file.read_text(encoding="utf8", errors="replace") if file.exists() else ""
        self._cut_short = not text.endswith("\n") and bool(text)
        for line in text.splitlines():
            try:
                found = json.loads(line)
                self._answers[_key(found["question"])] = found["answer"]
            except (ValueError, KeyError, TypeError):
                continue  # cut short when it was written
        whole_lines, _, _ = text.rpartition("\n")
        if whole_lines.strip() and not self._answers:
            raise DCGANError(f"{file} is there already and is none of ours; give another folder.")
        try:
            file.touch()
        except OSError as error:
            raise unwritable(file, error) from error

    def answer(self, question: dict[str, Any], find: Callable[[], Any]) -> Any:
        """The answer, found now and written down if it is not there yet.

        Args:
            question: in JSON's types.
            find: gives the answer, in JSON's types.

        Raises:
            DCGANError: it cannot be written.
        """
        key = _key(question)
        if key not in self._answers:
            self._answers[key] = answer = find()
            line = f'{{"question": {key}, "answer": {json.dumps(answer)}}}\n'
            try:
                with (self.folder / FILE).open("a", encoding="utf8") as file:
                    file.write("\n" * self._cut_short + line)
            except OSError as error:
                raise unwritable(self.folder / FILE, error) from error
            self._cut_short = False
        return self._answers[key]

    def vectors(
        self, name: str, transformer: PictureFeatures, fitted: Pictures, parts: dict[str, Pictures]
    ) -> dict[str, Vectors]:
        """The vectors of pictures by their parts, mapped from files; made now if need be.

        Args:
            name: of the files; it stands for the transformer and all pictures.
            transformer: not fitted.
            fitted: what it is fitted to.
            parts: whose vectors are wanted.
        """
        files = {part: self.folder / VECTORS / f"{name}-{part}.npy" for part in parts}
        if not all(map(_is_whole, files.values())):
            # All of them, as not every device gives the same fit again.
            transformer.fit(fitted)
            for part, file in files.items():
                transformer.transform_to(parts[part], file)
        return {part: mapped(file) for part, file in files.items()}


def _is_whole(file: Path) -> bool:
    try:
        mapped(file)
    except (OSError, ValueError, EOFError):
        return False  # not there, or damaged: made anew
    return True


def digest_of(question: dict[str, Any]) -> str:
    """A short name for all that a question names."""
    return hashlib.sha256(_key(question).encode()).hexdigest()[:16]


def _key(question: dict[str, Any]) -> str:
    return json.dumps(question, sort_keys=True, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(type(value))
