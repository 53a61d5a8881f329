"""How a list of files becomes a source: the pictures among them, and their labels.

A folder, a zip and a tar all hold files by their paths.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from dcgan.data.readers.items import SPLITS, Columns, Labels, choose_split, reading
from dcgan.data.readers.labels import DATASET_JSON, LABELS_CSV, folder_labels, table_labels
from dcgan.errors import MANY, DCGANError

PICTURE_ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")


class Listing(NamedTuple):
    """The pictures among many files."""

    files: list[str]
    """Their paths, sorted."""
    columns: Columns
    labels: Labels
    others: Counter[str]
    """How many other files there are, by their endings."""

    def description(self, where: object) -> str:
        """What was found, in a few words."""
        found, left_out = len(self.files), sum(self.others.values())
        names = self.columns.get("class")
        return (
            f"{found:,} picture file{'s'[: found > 1]} in {where}"
            + (f" in {len(names)} classes" if names else "")
            + (f"; {left_out:,} other file{'s'[: left_out > 1]} left out" if left_out else "")
        )


def listing(
    paths: Iterable[str], read: Callable[[str], bytes], where: object, split: str = ""
) -> Listing:
    """The pictures among the files of a folder or an archive, with their labels.

    Labels come from a `labels.csv` (a column of file names, then columns of classes or numbers) or
    a `dataset.json` ({"labels": [[file, class], ...]}) that lies on top, else from the folders, if
    every picture is in one. Hidden files are left out.

    Args:
        paths: of all files, with slashes, below the root.
        read: gives the content of one of them.
        where: the root, for sentences.
        split: takes only the files in a folder of this name.

    Raises:
        DCGANError: there are no pictures or no such folder, or the table of labels is none or
            cannot be read.
    """
    if split:
        paths = in_split(list(paths), where, split)
    files: list[str] = []
    others: Counter[str] = Counter()
    examples: dict[str, str] = {}
    tables = []
    for path in paths:
        if any(part.startswith(".") or part == "__MACOSX" for part in path.split("/")):
            continue
        name = path.rsplit("/", 1)[-1]
        ending = os.path.splitext(name)[1].lower()
        if ending in PICTURE_ENDINGS:
            files.append(path)
        elif name in (LABELS_CSV, DATASET_JSON):
            tables.append(path)
        else:
            others[ending] += 1
            examples.setdefault(ending, path)
    if not files:
        raise DCGANError(no_pictures(where, others, examples))
    files.sort()
    if not tables:
        return Listing(files, *folder_labels(files), others)
    table = min(tables, key=lambda path: (path.count("/"), path.endswith(DATASET_JSON), path))
    with reading(f"{where}: {table}"):
        content = read(table)
    return Listing(files, *table_labels(table, content, files, f"{where}: {table}"), others)


def in_split(paths: Sequence[str], where: object, split: str) -> list[str]:
    """The files in a folder of this name.

    Raises:
        DCGANError: there are none.
    """
    found = [path for path in paths if split in path.split("/")[:-1]]
    if not found:
        folders = {part for path in paths for part in path.split("/")[:-1]}
        choose_split(where, split, folders if len(folders) < MANY else folders & SPLITS)
    return found


def no_pictures(where: object, others: Counter[str], examples: Mapping[str, str]) -> str:
    """The sentence for a place without pictures, from its other files and one of each ending."""
    kinds = ", ".join(f"{n} {ending or 'without ending'}" for ending, n in others.most_common(3))
    holds = f"only other files ({kinds})" if others else "no files at all"
    advice = ""
    if {".zip", ".tar", ".gz", ".tgz"} & others.keys():
        advice = (
            " Give the archives in it one by one, tars of one set as "
            "'shards-{000..099}.tar', or unpack them."
        )
    if ".parquet" in others:
        advice = f" Give the Parquet files' own folder: {where}/{examples['.parquet']}"
        advice = advice.rpartition("/")[0] + "."
    return (
        f"{where} holds no pictures, {holds}; folders below it were searched too. "
        f"Pictures end in {' '.join(PICTURE_ENDINGS)}.{advice}"
    )
