"""The same twelve pictures from every kind of source: the same pack, byte for byte."""

import gzip
import io
import json
import os
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lmdb
import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet
from scipy.io import savemat

from dcgan.config import PackConfig
from dcgan.data.packing import pack
from dcgan.data.sources import open_source
from dcgan.errors import DCGANError
from dcgan.size import Size
from tests.conftest import drawn_picture

CLASSES = ("ant", "bee", "cat")
PIXELS = np.stack([np.asarray(drawn_picture(number, 32, 32)) for number in range(12)])
DIGITS = np.arange(12) * len(CLASSES) // 12
"""The class of each: they are sorted by it, as a folder of class folders is."""


def png(number: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(PIXELS[number]).save(buffer, "PNG")
    return buffer.getvalue()


FILES = {f"{CLASSES[DIGITS[number]]}/{number:02}.png": png(number) for number in range(12)}


def as_folder(root: Path) -> Path:
    for name, content in FILES.items():
        (root / "animals" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "animals" / name).write_bytes(content)
    return root / "animals"


def as_zip(root: Path) -> Path:
    with zipfile.ZipFile(root / "animals.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in FILES.items():
            archive.writestr(f"animals/{name}", content)
        archive.writestr("__MACOSX/animals/._00.png", b"junk")
    return root / "animals.zip"


def add_to_tar(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    archive.addfile(info, io.BytesIO(content))


def as_tar(root: Path, mode: str = "w", ending: str = ".tar") -> Path:
    path = root / f"animals{ending}"
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content in reversed(FILES.items()):
            add_to_tar(archive, f"./animals/{name}", content)
    return path


def as_tar_gz(root: Path) -> Path:
    return as_tar(root, "w:gz", ".tar.gz")


def as_tar_xz(root: Path) -> Path:
    return as_tar(root, "w:xz", ".txz")


def as_shards(root: Path) -> str:
    """WebDataset's: flat, the classes beside the pictures."""
    for shard in range(3):
        with tarfile.open(root / f"animals-{shard:03}.tar", "w") as archive:
            for number in range(shard * 4, shard * 4 + 4):
                add_to_tar(archive, f"{number:04}.png", png(number))
                add_to_tar(archive, f"{number:04}.cls", CLASSES[DIGITS[number]].encode())
    return str(root / "animals-{000..002}.tar")


def as_table(root: Path) -> Path:
    folder = root / "animals"
    folder.mkdir()
    lines = ["file,class"]
    for number in range(12):
        (folder / f"{number:02}.png").write_bytes(png(number))
        lines.append(f"{number:02}.png,{CLASSES[DIGITS[number]]}")
    (folder / "labels.csv").write_text("\n".join(lines))
    return folder


def as_dataset_json(root: Path) -> Path:
    path = root / "animals.zip"
    labels = [[f"{number:02}.png", int(DIGITS[number])] for number in range(12)]
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(12):
            archive.writestr(f"{number:02}.png", png(number))
        archive.writestr("dataset.json", json.dumps({"labels": labels}))
    return path


def as_lmdb(root: Path) -> Path:
    path = root / "animals_lmdb"
    with lmdb.open(str(path), map_size=1 << 20) as database, database.begin(write=True) as write:
        for number in reversed(range(12)):
            write.put(f"{number:040x}".encode(), png(number))
    return path


def as_parquet(root: Path) -> Path:
    """As the hub stores it, with the classes' names in the metadata; three groups of rows."""
    features = {"label": {"names": list(CLASSES), "_type": "ClassLabel"}}
    rows = [{"bytes": png(number), "path": None} for number in range(12)]
    table = pa.table({"label": DIGITS, "image": rows}).replace_schema_metadata(
        {"huggingface": json.dumps({"info": {"features": features}})}
    )
    parquet.write_table(table, root / "animals.parquet", row_group_size=5)
    return root / "animals.parquet"


def as_parquet_parts(root: Path) -> Path:
    folder = root / "animals"
    folder.mkdir()
    for part, numbers in enumerate((range(7), range(7, 12))):
        columns = {"png": [png(n) for n in numbers], "class": [CLASSES[DIGITS[n]] for n in numbers]}
        parquet.write_table(pa.table(columns), folder / f"train-0000{part}-of-00002.parquet")
    parquet.write_table(pa.table({"png": [png(0)]}), folder / "test-00000-of-00001.parquet")
    return folder


def as_hub(root: Path) -> str:
    """The library takes a folder by its path, too."""
    for name, content in FILES.items():
        (root / "animals" / "train" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "animals" / "train" / name).write_bytes(content)
    return f"hf:{root / 'animals'}"


def as_npy(root: Path) -> Path:
    np.save(root / "animals.npy", PIXELS)
    return root / "animals.npy"


def as_npz(root: Path) -> Path:
    np.savez(
        root / "animals.npz",
        x_train=PIXELS.transpose(0, 3, 1, 2),
        y_train=DIGITS,
        x_test=PIXELS[:2],
        y_test=DIGITS[:2],
    )
    return root / "animals.npz"


def cifar_files(fine: bool = False) -> dict[str, Any]:
    """In the original layout, with pickles as old as the originals'."""
    rows = PIXELS.transpose(0, 3, 1, 2).reshape(12, -1)
    names = [name.encode() for name in CLASSES]
    if fine:
        labels = {b"fine_labels": DIGITS.tolist(), b"coarse_labels": (DIGITS // 2).tolist()}
        meta = {b"fine_label_names": names, b"coarse_label_names": [b"insect", b"mammal"]}
        train = {b"data": rows} | labels
        return {"train": train, "test": train, "meta": meta}
    parts = {
        f"data_batch_{part}": {b"data": rows[chosen], b"labels": DIGITS[chosen].tolist()}
        for part, chosen in ((1, slice(0, 5)), (2, slice(5, 12)))
    }
    return parts | {
        "test_batch": {b"data": rows[:3], b"labels": DIGITS[:3].tolist()},
        "batches.meta": {b"label_names": names},
    }


def as_cifar(root: Path) -> Path:
    with tarfile.open(root / "cifar-10-python.tar.gz", "w:gz") as archive:
        for name, content in cifar_files().items():
            add_to_tar(archive, f"cifar-10-batches-py/{name}", pickle.dumps(content, protocol=2))
        add_to_tar(archive, "cifar-10-batches-py/readme.html", b"<html>")
    return root / "cifar-10-python.tar.gz"


def as_cifar_100(root: Path) -> Path:
    folder = root / "cifar-100-python"
    folder.mkdir()
    for name, content in cifar_files(fine=True).items():
        (folder / name).write_bytes(pickle.dumps(content, protocol=2))
    return folder


def as_svhn(root: Path) -> Path:
    digits = np.where(DIGITS == 0, 10, DIGITS)[:, None]
    savemat(root / "train_32x32.mat", {"X": PIXELS.transpose(1, 2, 3, 0), "y": digits})
    return root / "train_32x32.mat"


KINDS: list[tuple[Callable[[Path], Path | str], tuple[str, ...] | None]] = [
    (as_zip, CLASSES),
    (as_tar, CLASSES),
    (as_tar_gz, CLASSES),
    (as_tar_xz, CLASSES),
    (as_shards, CLASSES),
    (as_table, CLASSES),
    (as_dataset_json, ("0", "1", "2")),
    (as_lmdb, None),
    (as_parquet, CLASSES),
    (as_parquet_parts, CLASSES),
    (as_hub, CLASSES),
    (as_npy, None),
    (as_npz, ("0", "1", "2")),
    (as_cifar, CLASSES),
    (as_cifar_100, CLASSES),
    (as_svhn, ("0", "1", "2")),
]

SIXTEEN = PackConfig(size=Size(16, 16))


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.mark.parametrize(("made", "classes"), KINDS)
def test_every_kind_gives_the_same_pack(
    made: Callable[[Path], Path | str], classes: tuple[str, ...] | None, tmp_path: Path
) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    wanted = pack(as_folder(tmp_path / "one"), tmp_path / "wanted", SIXTEEN)
    place = made(tmp_path / "other")
    source = open_source(place)
    assert len(source) == 12
    assert source.fingerprint() == open_source(place).fingerprint()
    assert "12 picture" in source.description
    found = pack(place, tmp_path / "found", SIXTEEN)
    numbers = np.arange(12)
    assert np.array_equal(found.pictures(numbers), wanted.pictures(numbers))
    assert found.info.skipped == 0
    if classes is None:
        assert found.info.columns == {}
    else:
        assert found.class_names("class") == classes
        assert np.array_equal(found.labels("class"), wanted.labels("class"))
        assert np.array_equal(found.labels("class"), DIGITS)


@pytest.mark.parametrize("compressed", [False, True])
def test_mnist(tmp_path: Path, compressed: bool) -> None:
    grey = PIXELS[..., 0]
    for part, count in (("train", 12), ("t10k", 3)):
        images = struct.pack(">HBBIII", 0, 8, 3, count, 32, 32) + grey[:count].tobytes()
        labels = struct.pack(">HBBI", 0, 8, 1, count) + DIGITS[:count].astype(np.uint8).tobytes()
        for name, content in ((f"{part}-images-idx3", images), (f"{part}-labels-idx1", labels)):
            path = tmp_path / f"{name}-ubyte{'.gz' * compressed}"
            path.write_bytes(gzip.compress(content) if compressed else content)
    source = open_source(tmp_path)
    assert len(source) == 12
    assert "split train (there are also: test)" in source.description
    assert source.columns == {"class": ("0", "1", "2")}
    items = list(source.read(range(12), Size(16, 16)))
    assert np.array_equal(np.stack([item.content for item in items])[..., 0], grey)  # type: ignore[misc]
    assert [item.labels for item in items] == [(float(digit),) for digit in DIGITS]
    test = open_source(f"{tmp_path}:test")
    assert len(test) == 3
    assert test.name == f"{tmp_path.name}-test"
    assert len(open_source(next(tmp_path.glob("t10k-images*")))) == 3


@pytest.mark.parametrize(
    ("made", "part", "count"),
    [(as_cifar, "test", 3), (as_cifar_100, "test", 12), (as_npz, "test", 2),
     (as_parquet_parts, "test", 1), (as_hub, "train", 12)],
)  # fmt: skip
def test_parts(made: Callable[[Path], Path | str], part: str, count: int, tmp_path: Path) -> None:
    place = made(tmp_path)
    assert len(open_source(f"{place}:{part}")) == count
    with pytest.raises(DCGANError, match=r"has no split 'tset'. (Did you mean|Possible)"):
        open_source(f"{place}:tset")


def test_both_labels_of_cifar_100(tmp_path: Path) -> None:
    source = open_source(as_cifar_100(tmp_path))
    assert source.columns == {"class": CLASSES, "superclass": ("insect", "mammal")}
    assert [item.labels for item in source.read([0, 11], Size(16, 16))] == [(0.0, 0.0), (2.0, 1.0)]


def test_parts_of_a_folder(tmp_path: Path) -> None:
    for part in ("train", "test"):
        (tmp_path / part).mkdir()
        as_folder(tmp_path / part)
    assert len(open_source(tmp_path)) == 24
    assert open_source(tmp_path).columns == {"class": CLASSES}
    assert len(open_source(f"{tmp_path}:test")) == 12
    with pytest.raises(DCGANError, match="has no split 'tes'. Did you mean 'test'"):
        open_source(f"{tmp_path}:tes")


def test_pictures_beside_a_table_of_facts(tmp_path: Path) -> None:
    """Such as many sets have beside their pictures."""
    folder = as_folder(tmp_path)
    parquet.write_table(pa.table({"file": list(FILES)}), folder / "metadata.parquet")
    source = open_source(folder)
    assert len(source) == 12
    assert "1 other file left out" in source.description
    for name in list(FILES)[1:]:
        (folder / name).unlink()
    with pytest.raises(DCGANError, match="No column of .* holds picture files"):
        open_source(folder)


def test_endings_in_capitals(tmp_path: Path) -> None:
    path = as_parquet(tmp_path).rename(tmp_path / "ANIMALS.PARQUET")
    assert len(open_source(path)) == 12
    assert len(open_source(tmp_path)) == 12


def test_what_is_damaged_is_skipped(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        add_to_tar(archive, "a.png", png(0))
        add_to_tar(archive, "b.png", b"words")
        os.symlink("/etc/passwd", tmp_path / "c.png")
        archive.add(tmp_path / "c.png", "c.png")
    made = pack(tmp_path / "a.tar", tmp_path / "pack", SIXTEEN)
    assert (len(made), made.info.skipped) == (1, 1)


def test_nothing_can_run_from_a_pickle(tmp_path: Path) -> None:
    class Hostile:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (os.mkdir, (str(tmp_path / "made"),))

    folder = as_cifar_100(tmp_path)
    (folder / "train").write_bytes(pickle.dumps(Hostile(), protocol=2))
    with pytest.raises(
        DCGANError, match=r"train is no pickle of plain arrays \(it asks for .*mkdir"
    ):
        open_source(folder)
    (folder / "train").write_bytes(b"\x80\x02words")
    with pytest.raises(DCGANError, match="train is no pickle of plain arrays"):
        open_source(folder)
    assert not (tmp_path / "made").exists()
