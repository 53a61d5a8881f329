"""Vectors of a source's pictures as files: the numbers, whose they are, and how they were made.

OUT.npy     (N, D) float32 or float16
OUT.csv     name and labels of the picture in each row
OUT.json    the protocol: the model's digest, the layers, and on what statistics were measured
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch

from dcgan.data.pack import Pack, PackPart, is_pack, write_array
from dcgan.data.packing import matching_pack
from dcgan.data.sources import open_source, require_outside
from dcgan.distributed import Group, joined
from dcgan.errors import DCGANError
from dcgan.features.extractor import SEED, STATISTICS_BATCH, DiscriminatorFeatures
from dcgan.features.pictures import Vectors, mapped
from dcgan.files import make_folder, replacing, write_table, writing_behind
from dcgan.model import Model, load

FORMAT = "dcgan features 1"


def features(
    model: str | Path | Model,
    place: str | Path,
    out: str | Path,
    *,
    layers: Sequence[str] | None = None,
    statistics_from: str | Path | None = None,
    stored_statistics: bool = False,
    half: bool = False,
    device: str = "auto",
) -> Vectors:
    """Writes the vectors of a source's pictures, as `DiscriminatorFeatures` makes them.

    Beside the numbers stand a table with the name and the labels of each row, and the protocol.
    Processes that `torchrun` started take the batches in turns, and each makes this call; the first
    writes the same files as a single one.

    Args:
        model: the model, its file, or a run's folder.
        place: the source of the pictures, or their pack.
        out: the file for the numbers, which must end in `.npy`.
        layers: such as ["16x16", "8x8"]; by default all convolutions.
        statistics_from: the source on whose pictures batch norm's statistics are measured; by
            default `place` itself. Vectors that shall be compared need the same statistics.
        stored_statistics: take the statistics as they stand in the model.
        half: write float16, half as long.
        device: cpu, cuda, mps or xpu; auto: the best there is.

    Returns:
        (N, D), mapped from the file; (0, D) in other processes than the first.

    Raises:
        DCGANError: there is no such model, source, layer or device, a feature is not finite, or the
            files cannot be written or would replace something else.
    """
    path = Path(out).expanduser()
    with joined() as group:
        group.told(lambda: require_replaceable(place, path))
        group.told(lambda: require_one_kind(stored_statistics, statistics_from))
        chosen = group.all_do(lambda: model if isinstance(model, Model) else load(model))
        transformer = DiscriminatorFeatures(
            chosen,
            layers=layers,
            statistics="stored" if stored_statistics else "pictures",
            dtype="float16" if half else "float32",
            device=str(group.device(device)),
        )
        pack = group.in_turn(lambda: matching_pack(place, chosen.reading))
        other = group.in_turn(
            lambda: (
                pack if statistics_from is None else matching_pack(statistics_from, chosen.reading)
            )
        )
        measured = None if stored_statistics else other
        group.require_alike({
            "model": chosen.digest(), "pictures": _said(pack), "layers": layers, "`half`": half,
            "pictures for the statistics": _said(measured) if measured else "none"
        })  # fmt: skip
        group.announce()
        group.all_do(lambda: transformer.fit_together(measured, group))
        with ExitStack() as held:
            # The numbers get their name last: where they stand, all stands.
            file = group.first(lambda: held.enter_context(replacing(path))) or BytesIO()
            write_vectors(transformer, pack, file, group)
            group.first(lambda: write_table(path.with_suffix(".csv"), rows_of(place, pack)))
            protocol = protocol_of(transformer, chosen, pack, measured)
            group.first(lambda: write_protocol(protocol, path.with_suffix(".json")))
            group.first(held.close)
        return mapped(path) if group.is_first else no_vectors(transformer)


def write_vectors(
    transformer: DiscriminatorFeatures, pack: Pack, file: BinaryIO, group: Group
) -> None:
    """Writes the vectors as `transform_to` does; each process computes some of the batches.

    Args:
        transformer: fitted, and alike in all processes.
        pack: the pictures.
        file: open for writing; only the first process writes.
        group: the processes.

    Raises:
        DCGANError: one of them failed.
        OSError: the file cannot be written.
    """
    shape = len(pack), transformer.width_
    group.first(lambda: write_array(file, shape, transformer.dtype, ()))
    with writing_behind(file) as write:
        for rows in vectors_in_turn(transformer, pack, group):
            group.first(partial(write, np.ascontiguousarray(rows).data))
        group.first(partial(write, b""))  # so that all know whether the last could be written


def vectors_in_turn(
    transformer: DiscriminatorFeatures, pack: Pack, group: Group
) -> Iterator[Vectors]:
    """The vectors of a pack's pictures, in their order, in the first process; none in the others.

    Of so many processes each computes every so-many-th batch, and holds only one at a time.
    """
    size = transformer.batch_size
    own = np.flatnonzero(group.turns(len(pack), size))
    batches = transformer.transform_batches(PackPart(pack, own))
    for _ in range(0, len(pack), size * group.count):
        batch = group.all_do(lambda: next(batches, no_vectors(transformer)))
        yield group.joined_rows(torch.from_numpy(batch)).numpy()
    next(batches, None)  # lets the progress come to its end


def no_vectors(transformer: DiscriminatorFeatures) -> Vectors:
    """Vectors (0, D) of no pictures."""
    return np.empty((0, transformer.width_), transformer.dtype)


def write_protocol(protocol: dict[str, Any], path: Path) -> None:
    """Writes how the vectors came about.

    Raises:
        DCGANError: it cannot be written.
    """
    with replacing(path) as file:
        file.write(json.dumps(protocol, indent=2).encode() + b"\n")


def require_one_kind(stored_statistics: bool, statistics_from: str | Path | None) -> None:
    """Refuses statistics that shall be two things at once.

    Raises:
        DCGANError: they shall.
    """
    if stored_statistics and statistics_from is not None:
        raise DCGANError("Statistics are the stored ones or those of a source; give one of both.")


def require_replaceable(place: str | Path, path: Path) -> None:
    """Refuses, before the work, a file for vectors that should not be written.

    Raises:
        DCGANError: it does not end in `.npy`, lies within the source, its folder cannot be written
            in, or something else stands there or beside it under the names that are needed.
    """
    if path.suffix != ".npy" or path.is_dir():
        raise DCGANError(f"The file for the vectors, {path}, must end in .npy, as in vectors.npy.")
    require_outside(place, path)
    make_folder(path.absolute().parent)
    standing = [file for file in map(path.with_suffix, (".npy", ".csv", ".json")) if file.exists()]
    if standing and not _is_protocol(path.with_suffix(".json")):
        raise DCGANError(
            f"{standing[0]} is there already and was not made by `dcgan features`; give another "
            "name."
        )


def _is_protocol(file: Path) -> bool:
    try:
        return bool(json.loads(file.read_text(encoding="utf8"))["format"] == FORMAT)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False


def rows_of(place: str | Path, pack: Pack) -> Iterator[Sequence[object]]:
    """The table: names of the columns, then for each picture its name and labels."""
    columns = pack.info.columns
    yield "picture", *columns
    labels = pack.all_labels() if columns else None
    for number, name in enumerate(picture_names(place, pack)):
        row = [] if labels is None else labels[number].tolist()
        yield (
            name,
            *(
                f"{value:.9g}" if classes is None else classes[int(value)]
                for classes, value in zip(columns.values(), row, strict=True)
            ),
        )


def picture_names(place: str | Path, pack: Pack) -> Iterator[str]:
    """The names of a pack's pictures in its order; their numbers from 0 where they have none."""
    if not is_pack(place):
        source, skipped = open_source(place), {name for name, _ in pack.skipped()}

        def kept() -> Iterator[str]:
            names = map(source.picture_name, range(len(source)))
            return (name for name in names if name not in skipped)

        # Pictures of one name, of which some were skipped, cannot be told apart.
        if sum(1 for _ in kept()) == len(pack):
            return kept()
    return map(str, range(len(pack)))


def protocol_of(
    transformer: DiscriminatorFeatures, model: Model, pack: Pack, measured: Pack | None
) -> dict[str, Any]:
    """How the vectors came about."""
    measuring = {"batch": STATISTICS_BATCH, "order": f"by lot, seed {SEED}"}
    return {
        "format": FORMAT,
        "vectors": {"type": str(transformer.dtype), "length": transformer.width_},
        "pictures": _facts(pack),
        "layers": {name: step.inner_maps for name, step in transformer.steps_.items()},
        "grid": transformer.grid,
        "statistics": measuring | _facts(measured) if measured else "stored",
        "model": {
            "digest": model.digest(), "images_seen": model.images_seen, "notes": model.notes
        },
    }  # fmt: skip


def _said(pack: Pack) -> str:
    return f"{len(pack):,} (SHA-256 {pack.info.digest[:16]})"


def _facts(pack: Pack) -> dict[str, Any]:
    return {"source": pack.info.name, "count": len(pack), "digest": pack.info.digest}
