"""Arrays, databases and tables: damaged, hostile, of another kind; and as others read them."""

import gzip
import io
import json
import os
import pickle
import random
import shutil
import struct
import sys
import tarfile
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import lmdb
import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from scipy.io import loadmat, savemat

from dcgan.config import PackConfig
from dcgan.data.packing import pack
from dcgan.data.readers import parquet as parquet_reader
from dcgan.data.readers import unpacked
from dcgan.data.readers.lsun import Lmdb
from dcgan.data.readers.matlab import read_matlab
from dcgan.data.readers.originals import read_idx
from dcgan.data.sources import open_source
from dcgan.errors import DCGANError
from dcgan.size import Size
from tests.data.test_kinds import (
    DIGITS,
    PIXELS,
    add_to_tar,
    as_cifar,
    as_cifar_100,
    as_lmdb,
    as_npy,
    as_npz,
    as_parquet,
    as_svhn,
    png,
)

SIXTEEN = Size(16, 16)
IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def refused(place: Path | str, sentence: str) -> None:
    with pytest.raises(DCGANError, match=sentence):
        open_source(place)


def contents(place: Path | str) -> list[Any]:
    source = open_source(place)
    return [item.content for item in source.read(range(len(source)), SIXTEEN)]


def labels(place: Path | str) -> list[tuple[float, ...]]:
    source = open_source(place)
    return [item.labels for item in source.read(range(len(source)), SIXTEEN)]


# MATLAB


@pytest.mark.parametrize("compressed", [False, True])
def test_matlab_files_as_scipy_reads_them(tmp_path: Path, compressed: bool) -> None:
    rng = np.random.default_rng(0)
    arrays: dict[str, Any] = {
        f"of_{kind}_{'x'.join(map(str, shape))}": rng.integers(0, 100, shape).astype(kind)
        for kind in ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8")
        for shape in ((1, 1), (4, 1), (2, 3, 5), (32, 32, 3, 2))
    }
    others = {"word": "text", "cells": np.array([1, "b"], object), "fields": {"a": 1.5}}
    savemat(tmp_path / "a.mat", others | arrays, do_compression=compressed)
    found = read_matlab(tmp_path / "a.mat", arrays)
    wanted = loadmat(tmp_path / "a.mat", variable_names=list(arrays))
    assert found.keys() == arrays.keys()
    for name, array in found.items():
        assert array.shape == wanted[name].shape
        assert np.array_equal(array, wanted[name])
    assert read_matlab(tmp_path / "a.mat", ["none"]) == {}


def test_svhn_needs_no_scipy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = as_svhn(tmp_path)
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    assert np.array_equal(np.stack(contents(path)), PIXELS)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"y": np.ones((11, 1))}, r"it holds \{'X': \(32, 32, 3, 12\), 'y': \(11, 1\)\}"),
        ({"y": np.full((12, 1), 11)}, r"must hold X .* y \(N, 1\) of digits from 1 to 10"),
        ({"y": np.full((12, 1), np.nan)}, r"must hold X .* y \(N, 1\) of digits from 1 to 10"),
        ({"X": np.zeros((32, 32, 3, 12))}, r"must hold X \(32, 32, 3, N\) of uint8"),
        ({"X": np.zeros((16, 16, 3, 12), np.uint8)}, r"it holds \{'X': \(16, 16, 3, 12\)"),
        ({"X": np.ones((32, 32, 3, 12)) * 1j}, "X is no array of plain numbers"),
        ({"X": "text"}, "X is no array of plain numbers"),
    ],
)
@pytest.mark.parametrize("compressed", [False, True])
def test_matlab_files_of_other_content(
    tmp_path: Path, compressed: bool, changed: dict[str, Any], sentence: str
) -> None:
    whole: dict[str, Any] = {"X": PIXELS.transpose(1, 2, 3, 0), "y": DIGITS[:, None]}
    savemat(tmp_path / "train_32x32.mat", whole | changed, do_compression=compressed)
    refused(tmp_path, rf"train_32x32\.mat .*{sentence}")


@pytest.mark.parametrize(
    ("begin", "sentence"),
    [
        (b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM", "does not begin as a MATLAB file of"),
        (b"MATLAB 5.0 MAT-file".ljust(124) + b"\x01\x00MI", "does not begin as a MATLAB file of"),
        (b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM" + b"\7\0\0\0\0\0\0\0", "of kind 7"),
        (b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM" + b"\x0e\0\0\0\xff\xff\xff\xff", "ends"),
    ],
)
def test_files_that_are_no_matlab_files(tmp_path: Path, begin: bytes, sentence: str) -> None:
    (tmp_path / "train_32x32.mat").write_bytes(begin)
    refused(tmp_path, rf"train_32x32\.mat is damaged or cut short \(.*{sentence}")


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("share", [0.001, 0.3, 0.99, 0.9999])
def test_matlab_files_cut_short(tmp_path: Path, compressed: bool, share: float) -> None:
    whole = {"X": PIXELS.transpose(1, 2, 3, 0), "y": DIGITS[:, None]}
    savemat(tmp_path / "train_32x32.mat", whole, do_compression=compressed)
    content = (tmp_path / "train_32x32.mat").read_bytes()
    (tmp_path / "train_32x32.mat").write_bytes(content[: int(len(content) * share)])
    refused(tmp_path, r"train_32x32\.mat is damaged or cut short")


# Bombs


def bomb_npz(path: Path) -> None:
    np.savez_compressed(path, x=np.zeros((100, 100, 100), np.uint8))


def bomb_idx(path: Path) -> None:
    header = struct.pack(">HBBIII", 0, 8, 3, 100, 100, 100)
    path.write_bytes(gzip.compress(header + bytes(1_000_000)))


def bomb_mat(path: Path) -> None:
    savemat(path, {"X": np.zeros((32, 32, 3, 300), np.uint8)}, do_compression=True)


def bomb_cifar(path: Path) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for name in ("data_batch_1", "test_batch", "batches.meta"):
            add_to_tar(archive, name, bytes(500_000))


@pytest.mark.parametrize(
    ("made", "name"),
    [(bomb_npz, "a.npz"), (bomb_idx, f"{IMAGES}.gz"), (bomb_mat, "train_32x32.mat"),
     (bomb_cifar, "cifar.tar.gz")],
)  # fmt: skip
def test_bombs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: Callable[[Path], None], name: str
) -> None:
    monkeypatch.setattr(unpacked, "LEAST_BOMB", 100_000)
    monkeypatch.setattr(unpacked, "MOST_UNPACKED", 50)
    made(tmp_path / name)
    refused(tmp_path / name, rf"{name} unpacks to more than [\d,]+ bytes from [\d,]+: a bomb")


# LMDB


def database(path: Path, values: Mapping[bytes, bytes]) -> Path:
    """Written in three transactions, the last of which takes something away again."""
    keys = list(values)
    random.Random(0).shuffle(keys)
    with lmdb.open(str(path), map_size=1 << 28) as environment:
        for part in (keys[::2], keys[1::2]):
            with environment.begin(write=True) as write:
                for key in part:
                    write.put(key, values[key])
                write.put(b"passing", bytes(10_000))
        with environment.begin(write=True) as write:
            write.delete(b"passing")
    return path


@pytest.mark.parametrize(
    ("count", "key", "length"),
    [
        (1, "{0}", 5),
        (40, "{0}\0", 3),  # zeros at the end of a key
        (800, "{0:040x}", 9000),  # as LSUN's: long values in pages of their own
        (3000, "{0:0200}", 40),  # branches above branches
        (2000, "{0}", 0),
    ],
)
def test_lmdb_as_its_own_library_reads_it(
    tmp_path: Path, count: int, key: str, length: int
) -> None:
    rng = random.Random(count)
    values = {key.format(n).encode(): rng.randbytes(rng.randint(0, length)) for n in range(count)}
    values[b"!"] = png(0)  # the first one; without a picture it is refused
    path = database(tmp_path / "db", values)
    with lmdb.open(str(path), readonly=True, lock=False) as environment:
        with environment.begin() as transaction:
            wanted = [(bytes(key), bytes(value)) for key, value in transaction.cursor()]
    source = Lmdb(path, "db")
    names = [source.picture_name(index) for index in range(len(source))]
    assert names == [key.decode() for key, _ in wanted]
    assert contents(path) == [value for _, value in wanted]
    order = random.Random(1).sample(range(len(wanted)), len(wanted))
    assert [item.content for item in source.read(order, SIXTEEN)] == [wanted[n][1] for n in order]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.3, 0.6, 0.95])
def test_an_lmdb_cut_short(tmp_path: Path, share: float) -> None:
    file = as_lmdb(tmp_path) / "data.mdb"
    os.truncate(file, int(file.stat().st_size * share))
    refused(file.parent, r"animals_lmdb is damaged or cut short \(")


def test_an_lmdb_that_becomes_shorter_while_it_is_read(tmp_path: Path) -> None:
    path = as_lmdb(tmp_path)
    source = open_source(path)
    os.truncate(path / "data.mdb", 4096 * 2)
    found = [item.content for item in source.read(range(12), SIXTEEN)]
    assert all(isinstance(content, OSError) for content in found)


def test_an_lmdb_that_changes_is_opened_anew(tmp_path: Path) -> None:
    path = as_lmdb(tmp_path)
    before = open_source(path)
    next(before.read([0], SIXTEEN))
    with lmdb.open(str(path), map_size=1 << 20) as changed, changed.begin(write=True) as write:
        write.put(b"zz", png(0))
    after = open_source(path)
    assert (len(before), len(after)) == (12, 13)
    assert before.fingerprint() == after.fingerprint()
    assert contents(path)[-1] == png(0)


def test_one_damaged_value_does_not_refuse_an_lmdb(tmp_path: Path) -> None:
    values = {b"0": b"words", b"1": png(1), b"2": b""}
    assert contents(database(tmp_path / "db", values)) == [b"words", png(1), b""]


def test_an_lmdb_has_no_splits(tmp_path: Path) -> None:
    refused(f"{as_lmdb(tmp_path)}:val", r"animals_lmdb has no split 'val'\. It has no splits\.")


def test_an_lmdb_of_named_databases(tmp_path: Path) -> None:
    with lmdb.open(str(tmp_path / "db"), max_dbs=2, map_size=1 << 20) as environment:
        with environment.begin(write=True, db=environment.open_db(b"images")) as write:
            write.put(b"0", png(0))
    refused(tmp_path / "db", r"The values in .*db are no picture files \(first: images\)")


def test_an_lmdb_of_another_version(tmp_path: Path) -> None:
    file = as_lmdb(tmp_path) / "data.mdb"
    content = bytearray(file.read_bytes())
    content[20] = 2
    file.write_bytes(content)
    refused(file.parent, r"it does not begin as an LMDB of version 0\.9 does")


def test_an_lmdb_that_goes_in_circles(tmp_path: Path) -> None:
    path = database(tmp_path / "db", {b"%0200d" % n: b"" for n in range(100)})
    content = bytearray((path / "data.mdb").read_bytes())
    for page in range(2, len(content) // 4096):  # every branch leads to itself
        start = page * 4096
        if content[start + 10] == 1:
            (lower,) = struct.unpack_from("<H", content, start + 12)
            for (place,) in struct.iter_unpack("<H", content[start + 16 : start + lower]):
                struct.pack_into("<I", content, start + place, page)
    (path / "data.mdb").write_bytes(content)
    refused(path, r"page \d+ is not what it should be")


# Parquet


def table(path: Path, columns: Mapping[str, Any], classes: tuple[str, ...] = ()) -> Path:
    """A table; with classes, they are declared of the column `label` as the hub does it."""
    found = pa.table(dict(columns))
    if classes:
        found = declared(found, {"label": {"names": classes, "_type": "ClassLabel"}})
    path.parent.mkdir(exist_ok=True)
    parquet.write_table(found, path)
    return path


def declared(found: pa.Table, features: dict[str, Any]) -> pa.Table:
    content = json.dumps({"info": {"features": features}})
    return found.replace_schema_metadata({"huggingface": content})


SIX = [png(number) for number in range(6)]
ANT, BEE = ("ant", "bee"), ("0", "1")


@pytest.mark.parametrize(
    ("column", "declared", "columns"),
    [
        ([0, 1, 0, 1, 0, 1], ANT, {"class": ANT}),
        ([-1] * 6, ANT, {}),
        (pa.nulls(6, pa.int64()), ANT, {}),
        ([None] * 6, (), {}),
        ([-1] * 6, (), {}),
        (["a", "b"] * 3, ANT, {"class": ("a", "b")}),  # declared as numbers, but of texts
        ([[1, 2]] * 6, (), {}),
    ],
)
def test_labels_in_parquet(
    tmp_path: Path, column: Any, declared: tuple[str, ...], columns: dict[str, Any]
) -> None:
    path = table(tmp_path / "a.parquet", {"png": SIX, "label": column}, declared)
    assert open_source(path).columns == columns
    assert contents(path) == SIX


@pytest.mark.parametrize(
    ("column", "declared", "sentence"),
    [
        ([0, 1, -1, 1, 0, 1], ANT, r"1 of 6 labels in 'label' .* \(first: -1 of picture 2\)"),
        ([0, 1, None, 1, 0, 1], ANT, r"1 of 6 labels in 'label' .* \(first: -1 of picture 2\)"),
        ([0, 1, 7, 1, 0, 2], ANT, r"2 of 6 labels in 'label' .* \(first: 7 of picture 2\)"),
        ([0, 1, None, 1, 0, 1], (), r"1 of 6 labels in 'label' are missing \(first: of row 2\)"),
        ([0.5, np.nan] * 3, (), r"3 of 6 labels in 'label' are missing \(first: of row 1\)"),
    ],
)
def test_labels_in_parquet_that_are_wrong(
    tmp_path: Path, column: Any, declared: tuple[str, ...], sentence: str
) -> None:
    path = table(tmp_path / "a.parquet", {"png": SIX, "label": column}, declared)
    refused(path, rf"a\.parquet: {sentence}")


@pytest.mark.parametrize("first", [None, b"words"])
def test_a_first_row_without_a_picture(tmp_path: Path, first: bytes | None) -> None:
    found = contents(table(tmp_path / "a.parquet", {"png": [first, *SIX]}))
    assert found[1:] == SIX
    assert str(found[0]) == ("the row holds no bytes" if first is None else str(first))


def test_a_first_parquet_file_without_rows(tmp_path: Path) -> None:
    table(tmp_path / "set" / "a.parquet", {"png": pa.array([], pa.binary())})
    table(tmp_path / "set" / "b.parquet", {"png": SIX})
    assert contents(tmp_path / "set") == SIX


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ({"png": SIX}, r"b\.parquet has no column 'label', as others beside it have; it has png\."),
        ({"jpeg": SIX, "label": [1] * 6}, r"b\.parquet has no column 'png', .* has jpeg, label\."),
    ],
)
def test_parquet_files_of_different_columns(
    tmp_path: Path, other: dict[str, Any], sentence: str
) -> None:
    table(tmp_path / "set" / "a.parquet", {"png": SIX, "label": [0] * 6})
    table(tmp_path / "set" / "b.parquet", other)
    refused(tmp_path / "set", sentence)


def test_rows_damaged_in_a_parquet_file(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    parquet.write_table(pa.table({"png": SIX * 30}), path, row_group_size=60)
    content = bytearray(path.read_bytes())
    where = parquet.ParquetFile(path).metadata.row_group(1).column(0).data_page_offset
    content[where : where + 40] = b"\xff" * 40
    path.write_bytes(content)
    source = open_source(path)
    with pytest.raises(DCGANError, match=r"a\.parquet is damaged or cut short"):
        list(source.read(range(180), SIXTEEN))
    with pytest.raises(DCGANError, match=r"a\.parquet is damaged or cut short"):
        pack(path, tmp_path / "pack", PackConfig(size=SIXTEEN))


def test_many_parquet_files_are_not_held_open(tmp_path: Path) -> None:
    for number in range(30):
        table(tmp_path / "set" / f"{number:02}.parquet", {"png": [SIX[number % 6]]})
    before = len(os.listdir("/dev/fd"))
    source = open_source(tmp_path / "set")
    assert len(list(source.read(range(30), SIXTEEN))) == 30
    assert len(os.listdir("/dev/fd")) <= before + 2


@pytest.mark.parametrize("group", [7, 200])
def test_threads_share_the_rows_of_a_parquet_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, group: int
) -> None:
    """A group larger than a block is never held whole, and read but once by neighbours."""
    monkeypatch.setattr(parquet_reader, "BLOCK_BYTES", 10_000)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    rows = [b"%d" % number + random.Random(number).randbytes(900) for number in range(200)]
    path = tmp_path / "a.parquet"
    parquet.write_table(pa.table({"png": [png(0), *rows[1:]]}), path, row_group_size=group)
    opened: list[int] = []
    made = parquet_reader.Rows._blocks

    def counted(self: parquet_reader.Rows, group: parquet_reader.Group) -> Iterator[Any]:
        opened.append(group.number)
        return made(self, group)

    monkeypatch.setattr(parquet_reader.Rows, "_blocks", counted)
    source = open_source(path)
    assert isinstance(source, parquet_reader.Parquet)

    def part(start: int) -> list[Any]:
        return [item.content for item in source.read(range(start, start + 5), SIXTEEN)]

    with ThreadPoolExecutor(4) as pool:
        found = [content for chunk in pool.map(part, range(0, 200, 5)) for content in chunk]
    assert found[1:] == rows[1:]
    assert sum(block.rows.nbytes for block in source._rows._held) <= 40_000
    if group == 200:
        assert all(len(block.rows) < 20 for block in source._rows._held)
    order = random.Random(2).sample(range(1, 200), 50)
    assert [item.content for item in source.read(order, SIXTEEN)] == [rows[n] for n in order]


def test_groups_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.parquet"
    parquet.write_table(pa.table({"png": SIX * 10}), path, row_group_size=10)
    source = open_source(path)
    assert isinstance(source, parquet_reader.Parquet)
    opened: list[Path] = []
    opening = parquet_reader._open

    def counted(path: Path) -> Any:
        opened.append(path)
        return opening(path)

    monkeypatch.setattr(parquet_reader, "_open", counted)
    for start in range(0, 60, 5):
        list(source.read(range(start, start + 5), SIXTEEN))
    assert len(opened) == 6


# NumPy


def test_one_picture_is_no_array_of_pictures(tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", PIXELS[0])
    refused(tmp_path / "one.npy", r"the shape \(32, 32, 3\), which looks like one picture in colo")


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({}, "must hold one array of pictures.* it holds nothing"),
        ({"y": DIGITS}, r"must hold one array of pictures.* it holds y \(12,\)"),
        ({"x": PIXELS, "y": np.eye(12)}, r"labels of the shape \(12, 12\) \(y\).*y\.argmax\(1\)"),
        ({"x": PIXELS, "labels": DIGITS[:3]}, r"12 pictures and labels of the shape \(3,\) \(labe"),
        ({"x": PIXELS, "age": np.array([0.5, np.nan] * 6)}, "label of picture 1 in 'class' is nan"),
        ({"x": PIXELS, "y": np.array(["a", 1] * 6, object)}, r"a\.npz \(y\) is of Python objects"),
    ],
)
def test_npz_that_are_no_sets(tmp_path: Path, arrays: dict[str, Any], sentence: str) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    refused(tmp_path / "a.npz", sentence)
    with pytest.raises(DCGANError, match=r"has no split 'test'|Python objects|one array"):
        open_source(f"{tmp_path / 'a.npz'}:test")


def test_what_else_is_in_an_npz_is_left_out(tmp_path: Path) -> None:
    beside: dict[str, Any] = {
        "mean": np.zeros(3),
        "version": np.array(2),
        "classes": np.array(["a", "b", "c"]),
    }
    np.savez(tmp_path / "a.npz", x=PIXELS, y=DIGITS[:, None], **beside)
    source = open_source(tmp_path / "a.npz")
    assert source.description.endswith("; left out: mean (3,), version (), classes (3,)")
    assert source.columns == {"class": ("0", "1", "2")}
    assert labels(tmp_path / "a.npz") == [(float(digit),) for digit in DIGITS]


def test_labels_in_npz(tmp_path: Path) -> None:
    words = np.array([b"ant", b"bee"] * 6)
    np.savez(tmp_path / "a.npz", x=PIXELS, y=words, secret=np.full(12, -1))
    assert open_source(tmp_path / "a.npz").columns == {"y": ("ant", "bee")}


def test_a_locked_npz(tmp_path: Path) -> None:
    content = bytearray(as_npz(tmp_path).read_bytes())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = 0
        while (at := content.find(signature, at)) >= 0:
            content[at + flags] |= 1
            at += 4
    (tmp_path / "a.npz").write_bytes(content)
    refused(tmp_path / "a.npz", r"a\.npz is locked by a password")


def test_an_npz_whose_header_claims_more_than_there_is(tmp_path: Path) -> None:
    header = {"descr": "|u1", "fortran_order": False, "shape": (10**6, 1000, 1000, 3)}
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, header)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", buffer.getvalue() + bytes(1000))
    refused(
        tmp_path / "a.npz", r"a\.npz is damaged or cut short \(x\.npy is shorter than its shape"
    )


def test_a_header_that_is_no_python(tmp_path: Path) -> None:
    content = as_npy(tmp_path).read_bytes()
    (tmp_path / "a.npy").write_bytes(content.replace(b"{'descr'", b"('''''''"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy takes it for a file of Python 2
        refused(tmp_path / "a.npy", r"a\.npy is damaged or cut short")


# MNIST and CIFAR


def idx(path: Path, shape: tuple[int, ...], content: bytes) -> None:
    path.write_bytes(struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape) + content)


@pytest.mark.parametrize(
    ("shape", "content", "sentence"),
    [
        ((), b"\1", r"labels-idx1-ubyte has the shape \(\); labels are \(N,\)"),
        ((6, 2), bytes(12), r"labels-idx1-ubyte has the shape \(6, 2\); labels are \(N,\)"),
        ((5,), bytes(5), "has 6 pictures and 5 labels"),
        ((2**32 - 1,) * 4, b"", r"labels-idx1-ubyte is damaged or cut short \(it ends within"),
        ((2**32 - 1,), b"", r"labels-idx1-ubyte is damaged or cut short \(it ends within"),
    ],
)
def test_mnist_with_other_labels(
    tmp_path: Path, shape: tuple[int, ...], content: bytes, sentence: str
) -> None:
    idx(tmp_path / IMAGES, (6, 16, 16), bytes(6 * 256))
    idx(tmp_path / LABELS, shape, content)
    refused(tmp_path, sentence)


def test_a_compressed_file_is_compared_with_its_check_sum(tmp_path: Path) -> None:
    idx(tmp_path / IMAGES, (6, 16, 16), random.Random(0).randbytes(6 * 256))
    content = bytearray(gzip.compress((tmp_path / IMAGES).read_bytes(), 0))
    content[200] ^= 1
    (tmp_path / "a.gz").write_bytes(content)
    with pytest.raises(DCGANError, match=r"a\.gz is damaged or cut short \(CRC check failed"):
        read_idx(tmp_path / "a.gz")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            [0, 1, 2, 250],
            r"1 of 4 labels in 'class' are none of its 3 .* \(first: 250 of picture 3",
        ),
        ([0, 1, -1, 2], r"1 of 4 labels in 'class' are none of its 3 .* \(first: -1 of picture 2"),
        ([b"a"] * 4, r"its labels are no whole numbers \(first: b'a'\)"),
        ([0, 1], "it has not a label for every picture"),
        (7, "is damaged or cut short"),
    ],
)
def test_labels_of_cifar_that_are_wrong(tmp_path: Path, given: Any, sentence: str) -> None:
    folder = as_cifar_100(tmp_path)
    train = {b"data": np.zeros((4, 3072), np.uint8), b"fine_labels": given}
    (folder / "train").write_bytes(pickle.dumps(train | {b"coarse_labels": [0] * 4}, protocol=2))
    refused(folder, sentence)


def test_cifar_without_the_labels_of_its_test_part(tmp_path: Path) -> None:
    folder = as_cifar_100(tmp_path)
    hidden = {b"fine_labels": [-1] * 4, b"coarse_labels": [0, 1, 0, 1]}
    content = pickle.dumps({b"data": np.zeros((4, 3072), np.uint8)} | hidden, protocol=2)
    (folder / "test").write_bytes(content)
    assert open_source(f"{folder}:test").columns == {"superclass": ("insect", "mammal")}
    assert labels(f"{folder}:test") == [(0.0,), (1.0,), (0.0,), (1.0,)]


# The hub


def test_the_hub_without_a_name() -> None:
    refused("hf:", "hf: needs the name of a set behind it, such as hf:owner/set")


def hub_set(root: Path, column: Any) -> str:
    struct = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    images = pa.array([{"bytes": content, "path": None} for content in SIX], struct)
    found = pa.table({"png": images, "label": pa.array(column, pa.int64())})
    features = {"png": {"_type": "Image"}, "label": {"names": ANT, "_type": "ClassLabel"}}
    (root / "set").mkdir()
    parquet.write_table(declared(found, features), root / "set" / "train.parquet")
    return f"hf:{root / 'set'}"


@pytest.mark.parametrize("column", [[-1] * 6, [None] * 6])
def test_a_set_on_the_hub_without_labels(tmp_path: Path, column: Any) -> None:
    place = hub_set(tmp_path, column)
    assert open_source(place).columns == {}
    assert contents(place) == SIX


@pytest.mark.parametrize(("label", "word"), [(None, "None"), (-1, "-1")])
def test_a_set_on_the_hub_that_lacks_a_label(tmp_path: Path, label: int | None, word: str) -> None:
    place = hub_set(tmp_path, [0, 1, label, 1, 0, 1])
    refused(place, rf"set, row 2: label is {word}, which is none of its 2 classes")


# All of them


def as_idx(root: Path) -> Path:
    idx(root / IMAGES, (12, 32, 32), PIXELS[..., 0].tobytes())
    idx(root / LABELS, (12,), DIGITS.astype(np.uint8).tobytes())
    return root / IMAGES


def as_idx_gz(root: Path) -> Path:
    path = as_idx(root)
    path.with_suffix(".gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    return path.with_suffix(".gz")


def as_compressed_npz(root: Path) -> Path:
    np.savez_compressed(root / "animals.npz", x=PIXELS[:, :16, :16], y=DIGITS)
    return root / "animals.npz"


def as_compressed_svhn(root: Path) -> Path:
    whole = {"X": PIXELS.transpose(1, 2, 3, 0), "y": DIGITS[:, None]}
    savemat(root / "train_32x32.mat", whole, do_compression=True)
    return root / "train_32x32.mat"


def as_lmdb_file(root: Path) -> Path:
    return as_lmdb(root) / "data.mdb"


def as_deep_lmdb(root: Path) -> Path:
    return database(root / "db", {b"%0200d" % n: png(n % 12) for n in range(60)}) / "data.mdb"


def as_cifar_file(root: Path) -> Path:
    return as_cifar_100(root) / "train"


MADE: list[Callable[[Path], Path]] = [
    as_npy, as_npz, as_compressed_npz, as_idx, as_idx_gz, as_svhn, as_compressed_svhn,
    as_cifar, as_cifar_file, as_parquet, as_lmdb_file, as_deep_lmdb,
]  # fmt: skip


@pytest.mark.parametrize("made", MADE)
def test_copies_have_one_fingerprint_without_times(
    tmp_path: Path, made: Callable[[Path], Path]
) -> None:
    (tmp_path / "one").mkdir()
    file = made(tmp_path / "one")
    shutil.copytree(tmp_path / "one", tmp_path / "other")
    copy = tmp_path / "other" / file.relative_to(tmp_path / "one")
    os.utime(copy, (1, 1))
    one, other = open_source(place_of(file)), open_source(place_of(copy))
    assert one.fingerprint() != other.fingerprint()
    assert one.fingerprint(times=False) == other.fingerprint(times=False)
    copy.write_bytes(copy.read_bytes() + b"0")
    assert one.fingerprint(times=False) != other.fingerprint(times=False)


def place_of(file: Path) -> Path:
    """What is given to open a file: its folder, if it is of no use by itself."""
    return file.parent if file.name in ("data.mdb", "train") else file


@pytest.fixture(scope="module")
def child() -> Iterator[Executor]:
    """A process that may crash."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        yield pool


@pytest.mark.parametrize("made", MADE)
def test_damaged_files_give_pictures_or_a_sentence(
    tmp_path: Path, child: Executor, made: Callable[[Path], Path]
) -> None:
    """In a process of its own: were it ended by a signal, the result would be an error."""
    outcomes = child.submit(read_damaged, made, tmp_path, 60).result(timeout=60)
    assert sum(outcomes.values()) == 60
    assert outcomes["sentence"] > 0


def read_damaged(made: Callable[[Path], Path], folder: Path, count: int) -> dict[str, int]:
    """Damages a file again and again, and tells how often it was read and how often refused."""
    warnings.simplefilter("ignore")
    rng, outcomes = random.Random(made.__name__), {"pictures": 0, "sentence": 0}
    file = made(folder)
    whole = file.read_bytes()
    for _ in range(count):
        file.write_bytes(damaged(whole, rng))
        try:
            found = contents(place_of(file))
            assert all(isinstance(one, bytes | np.ndarray | OSError) for one in found)
            outcomes["pictures"] += 1
        except DCGANError:
            outcomes["sentence"] += 1
    return outcomes


def damaged(content: bytes, rng: random.Random) -> bytes:
    """With some bytes changed, more of them at either end, where the headers are; or cut short."""
    changed = bytearray(content)
    for _ in range(rng.randint(1, 6)):
        reach = rng.choice([130, 400, len(content), len(content)])
        place = rng.randrange(min(len(content), reach)) * rng.choice([1, 1, 1, -1])
        changed[place] = rng.choice([0, 1, 255, rng.randrange(256)])
    return bytes(changed[: rng.randrange(len(content)) if rng.random() < 0.1 else None])
