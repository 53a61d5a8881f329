"""Archives and files that are damaged, hostile or of another kind: a sentence each, no crash."""

import errno
import gzip
import io
import json
import os
import resource
import struct
import sys
import tarfile
import warnings
import zipfile
from contextlib import suppress
from pathlib import Path

import lmdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet
from scipy.io import savemat

from dcgan.config import PackConfig
from dcgan.data.packing import pack
from dcgan.data.readers import items, unpacked
from dcgan.data.readers.items import SYSTEM_FAULTS, Source, unreadable
from dcgan.data.readers.plain_pickle import read_plain_pickle
from dcgan.data.sources import open_source
from dcgan.errors import DCGANError
from dcgan.files import cache_folder
from dcgan.images import Picture, PictureError, decode
from dcgan.size import Size
from tests.conftest import drawn_picture
from tests.data.test_kinds import add_to_tar, as_folder, as_tar, as_tar_gz, as_zip, png

SIXTEEN = PackConfig(size=Size(16, 16))


def refused(place: Path | str, sentence: str) -> None:
    """It is refused with this sentence, by the door and by the packer, which leaves nothing."""
    with pytest.raises(DCGANError, match=sentence):
        open_source(place)
    target = cache_folder() / "never_made"
    with pytest.raises(DCGANError, match=sentence):
        pack(place, target, SIXTEEN)
    assert not list(target.parent.glob(f"*{target.name}*"))


def contents(source: Source) -> list[object]:
    return [item.content for item in source.read(range(len(source)), Size(16, 16))]


@pytest.mark.parametrize("name", ["/etc/passwd.png", "../up.png", "a/../../up.png", "C:/up.png"])
def test_paths_that_lead_out(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("good.png", png(0))
        archive.writestr(name, png(1))
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        add_to_tar(tar, name, png(1))
    for place in ("a.zip", "a.tar"):
        refused(tmp_path / place, "holds a file under the path .* outside of the archive itself")


def test_links_in_a_tar_are_left_out(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        add_to_tar(tar, "a.png", png(0))
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
            info = tarfile.TarInfo(f"{kind.decode()}.png")
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
    assert len(open_source(tmp_path / "a.tar")) == 1


def test_hard_links_in_a_tar_are_the_files_they_name(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        add_to_tar(tar, "./a.png", png(0))
        for name, target in (("b.png", "./a.png"), ("c.png", "elsewhere.png")):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.LNKTYPE, target
            tar.addfile(info)
    source = open_source(tmp_path / "a.tar")
    assert [source.picture_name(index) for index in range(len(source))] == ["a.png", "b.png"]
    assert contents(source) == [png(0), png(0)]


def test_a_name_that_stands_in_a_tar_twice(tmp_path: Path) -> None:
    """The last one counts, and counts once, as when the archive is unpacked."""
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for name, number in (("a.png", 0), ("b.png", 1), ("./a.png", 2)):
            add_to_tar(tar, name, png(number))
    source = open_source(tmp_path / "a.tar")
    assert "2 picture files" in source.description
    assert contents(source) == [png(2), png(1)]


def save_tar(path: Path, members: dict[str, bytes]) -> None:
    mode = "w:gz" if path.suffix == ".gz" else "w"
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for name, content in members.items():
            add_to_tar(tar, name, content)


@pytest.mark.parametrize("ending", ["tar", "tar.gz"])
def test_shards_of_one_name_in_several_folders(tmp_path: Path, ending: str) -> None:
    for part in range(2):
        (tmp_path / f".part-{part}").mkdir()
        members = {f"{'ab'[number]}/{number}.png": png(2 * part + number) for number in (1, 0)}
        save_tar(tmp_path / f".part-{part}" / f"shard.{ending}", members)
    source = open_source(f"{tmp_path}/.part-{{0..1}}/shard.{ending}")
    assert contents(source) == [png(number) for number in range(4)]
    assert source.picture_name(2) == f"part-1/shard.{ending}/a/0.png"
    assert source.columns == {"class": ("a", "b")}
    assert [item.labels for item in source.read(range(4), Size(16, 16))] == [(0,), (1,), (0,), (1,)]


@pytest.mark.parametrize("ending", ["tar", "tar.gz"])
def test_more_shards_than_files_that_may_be_open(tmp_path: Path, ending: str) -> None:
    for number in range(60):
        save_tar(tmp_path / f"s-{number:02}.{ending}", {"a.png": png(number % 12)})
    usual = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 20, usual[1]))
    try:
        source = open_source(f"{tmp_path}/s-{{00..59}}.{ending}")
        assert contents(source) == [png(number % 12) for number in range(60)]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, usual)


@pytest.mark.parametrize("number", sorted(SYSTEM_FAULTS | {errno.EACCES, errno.ENOENT}))
def test_what_keeps_a_sound_file_from_being_read_is_no_damage(number: int) -> None:
    said = str(unreadable("a.tar", OSError(number, os.strerror(number))))
    assert said == f"Cannot read a.tar: {os.strerror(number).lower()}."
    assert str(unreadable("a.tar", MemoryError())).startswith("Cannot read a.tar: there is not eno")


def test_faults_that_may_pass_stop_the_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To leave pictures out for them would lose pictures that are sound."""
    sources = [open_source(made(tmp_path)) for made in (as_folder, as_zip, as_tar)]

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(Path, "open", fail)
    monkeypatch.setattr(zipfile.ZipFile, "open", fail)
    for source, kind in zip(sources, (OSError, OSError, DCGANError), strict=True):
        with pytest.raises(kind, match=r"(?i)input/output error"):
            contents(source)


def test_a_tar_that_becomes_shorter_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as tar:
        for name in ("a.png", "b.png"):
            add_to_tar(tar, name, png(0) + bytes(100_000))
    source = open_source(path)
    os.truncate(path, path.stat().st_size // 2)
    first, second = source.read(range(2), Size(16, 16))
    assert isinstance(first.content, bytes)
    assert "cut off with the archive" in str(second.content)
    path.unlink()
    with pytest.raises(DCGANError, match=r"Cannot read .*a\.tar: no such file or directory"):
        contents(source)


def test_an_empty_shard(tmp_path: Path) -> None:
    as_tar_gz(tmp_path).rename(tmp_path / "s-0.tar.gz")
    (tmp_path / "s-1.tar.gz").write_bytes(gzip.compress(b""))
    refused(
        f"{tmp_path}/s-{{0..1}}.tar.gz", r"s-1\.tar\.gz is damaged or cut short \(it is empty\)"
    )


def test_nested_archives(tmp_path: Path) -> None:
    inner = as_zip(tmp_path).read_bytes()
    with zipfile.ZipFile(tmp_path / "outer.zip", "w") as archive:
        archive.writestr("inner.zip", inner)
    refused(tmp_path / "outer.zip", r"only other files \(1 \.zip\).*Give the archives in it one by")
    (tmp_path / "shards").mkdir()
    as_tar(tmp_path / "shards")
    refused(tmp_path / "shards", r"tars of one set as 'shards-\{000\.\.099\}\.tar', or unpack them")


def test_a_tar_that_ends_with_a_zip_is_a_tar(tmp_path: Path) -> None:
    inner = as_zip(tmp_path).read_bytes()
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        add_to_tar(tar, "a.png", png(0))
        add_to_tar(tar, "inner.zip", inner)
    assert contents(open_source(tmp_path / "a.tar")) == [png(0)]


def test_a_folder_of_a_parquet_set(tmp_path: Path) -> None:
    """As a set's repository is, when it is fetched whole."""
    (tmp_path / "set" / "data").mkdir(parents=True)
    (tmp_path / "set" / "data" / "train-00000-of-00001.parquet").touch()
    refused(tmp_path / "set", r"Give the Parquet files' own folder: .*/set/data\.$")


def test_a_file_too_long_for_a_picture(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").write_bytes(png(0))
    (tmp_path / "photos" / "z.png").touch()
    os.truncate(tmp_path / "photos" / "z.png", 40 << 30)
    _, huge = open_source(tmp_path / "photos").read(range(2), Size(16, 16))
    assert "42,949,672,960 bytes long, which is too much for a picture" in str(huge.content)


def test_a_damaged_table_in_a_zip(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.png", png(0))
        archive.writestr("labels.csv", "file,class\na.png,1\n")
    content = (tmp_path / "a.zip").read_bytes()
    (tmp_path / "a.zip").write_bytes(content.replace(b"a.png,1", b"a.png,2"))
    refused(tmp_path / "a.zip", r"a\.zip: labels\.csv is damaged or cut short .*Bad CRC-32")


def test_a_damaged_class_beside_a_picture(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        add_to_tar(tar, "a.png", png(0))
        info = tarfile.TarInfo("a.cls")
        info.size = 2 << 30
        tar.addfile(info)
    os.truncate(tmp_path / "a.tar", 3 << 30)
    refused(tmp_path / "a.tar", r"a\.tar is damaged .*2,147,483,648 bytes long, which is too much")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_archives_cut_short(tmp_path: Path, share: float) -> None:
    for made in (as_zip, as_tar, as_tar_gz):
        path = made(tmp_path)
        content = path.read_bytes()
        if made is as_tar:
            content = content.rstrip(b"\0")  # a tar ends in zeros that nobody needs
        path.write_bytes(content[: int(len(content) * share)])
        refused(path, f"{path.name} is damaged or cut short")


def test_a_bomb_in_a_zip_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(items, "LARGEST_FILE", 100_000)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("good.png", png(0))
        archive.writestr("bomb.png", bytes(200_000))
    made = pack(tmp_path / "a.zip", tmp_path / "pack", SIXTEEN)
    assert (len(made), made.info.skipped) == (1, 1)
    skipped = (tmp_path / "pack" / "skipped.csv").read_text()
    assert "200,000 bytes long, which is too much for a picture" in skipped


def test_a_zip_that_understates(tmp_path: Path) -> None:
    """What unpacks to more than its header says is cut there, not unpacked."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("good.png", png(0))
        archive.writestr("liar.png", bytes(1_000_000))
    content = (tmp_path / "a.zip").read_bytes()
    lie = content.replace(struct.pack("<I", 1_000_000), struct.pack("<I", 1000))
    (tmp_path / "a.zip").write_bytes(lie)
    made = pack(tmp_path / "a.zip", tmp_path / "pack", SIXTEEN)
    assert (len(made), made.info.skipped) == (1, 1)


def test_a_bomb_in_a_compressed_tar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacked, "LEAST_BOMB", 1 << 20)
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as tar:
        add_to_tar(tar, "a.png", bytes(3_000_000))
    refused(tmp_path / "a.tar.gz", "unpacks to more than 1,048,576 bytes .* a bomb")


def test_a_locked_zip(tmp_path: Path) -> None:
    content = bytearray(as_zip(tmp_path).read_bytes())
    at = 0
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = 0
        while (at := content.find(signature, at)) >= 0:
            content[at + flags] |= 1
            at += 4
    (tmp_path / "locked.zip").write_bytes(content)
    refused(tmp_path / "locked.zip", "is locked by a password. Unpack it and give the folder")


def test_a_missing_shard(tmp_path: Path) -> None:
    as_tar(tmp_path).rename(tmp_path / "s-0.tar")
    refused(f"{tmp_path}/s-{{0..3}}.tar", r"There is no file .*s-1\.tar, one of the 4 of ")
    refused(
        f"{tmp_path}/s-{{3..0}}.tar", r"The range \{3\.\.0\} in .*s-.*\.tar is empty; it goes from"
    )


def test_lmdb_of_another_layout(tmp_path: Path) -> None:
    with lmdb.open(str(tmp_path / "db"), map_size=1 << 20) as database:
        with database.begin(write=True) as write:
            write.put(b"key", b"a serialised record")
    refused(
        tmp_path / "db", r"The values in .*db are no picture files \(first: key\); LSUN's layout"
    )
    with lmdb.open(str(tmp_path / "empty"), map_size=1 << 20):
        pass
    refused(tmp_path / "empty", "The LMDB database .*empty is empty")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "data.mdb").write_bytes(b"words" * 2000)
    refused(tmp_path / "bad", "bad is damaged or cut short")


def test_parquet_without_pictures(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"a": [1, 2], "b": ["x", "y"]}), tmp_path / "a.parquet")
    refused(tmp_path / "a.parquet", "No column of .*a.parquet holds picture files; it has a, b")
    parquet.write_table(pa.table({"a": pa.array([], pa.int32())}), tmp_path / "b.parquet")
    refused(tmp_path / "b.parquet", r"b\.parquet holds no rows")
    (tmp_path / "c.parquet").write_bytes(b"words")
    refused(tmp_path / "c.parquet", r"c\.parquet is damaged or cut short")


def test_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    refused("hf:nobody/nothing", "hf:nobody/nothing cannot be had: .* Look at its name and the net")
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    refused(f"hf:{tmp_path}", "has no column of pictures")


def test_a_library_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "pyarrow"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "a.parquet").touch()
    refused(tmp_path / "a.parquet", r'pip install "dcgan\[')


def test_arrays_that_are_no_pictures(tmp_path: Path) -> None:
    np.save(tmp_path / "float.npy", np.zeros((3, 16, 16, 3)))
    refused(tmp_path / "float.npy", r"float\.npy is of float64; pictures are of uint8, 0 to 255")
    np.save(tmp_path / "flat.npy", np.zeros((3, 768), np.uint8))
    refused(tmp_path / "flat.npy", r"flat\.npy has the shape \(3, 768\); pictures are")
    np.save(tmp_path / "object.npy", np.array([{}], object), allow_pickle=True)
    refused(tmp_path / "object.npy", r"object\.npy is of Python objects")
    (tmp_path / "words.npy").write_bytes(b"words")
    refused(tmp_path / "words.npy", r"words\.npy is damaged or cut short")
    np.savez(tmp_path / "two.npz", a=np.zeros((3, 8, 8)), b=np.zeros((3, 8, 8)))
    refused(tmp_path / "two.npz", r"must hold one array of pictures.*it holds a \(3, 8, 8\), b")
    pictures = np.zeros((3, 16, 16), np.uint8)
    np.savez(tmp_path / "few.npz", x=pictures, y=np.zeros(2))
    refused(tmp_path / "few.npz", r"few\.npz has 3 pictures and labels of the shape \(2,\)")
    (tmp_path / "bad.npz").write_bytes(b"PK words")
    refused(tmp_path / "bad.npz", r"bad\.npz is damaged or cut short")
    (tmp_path / "train_32x32.mat").write_bytes(b"words")
    refused(tmp_path / "train_32x32.mat", "train_32x32.mat is damaged or cut short")
    (tmp_path / "m").mkdir()
    savemat(tmp_path / "m" / "train_32x32.mat", {"a": [1]})
    refused(tmp_path / "m" / "train_32x32.mat", r"train_32x32\.mat must hold X .* it holds neither")
    (tmp_path / "x-images-idx3-ubyte").write_bytes(struct.pack(">HBBIII", 0, 8, 3, 9, 9, 9))
    refused(tmp_path / "x-images-idx3-ubyte", "x-images-idx3-ubyte is damaged or cut short")


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (b"", r"labels\.csv is no table of labels \(it is empty\)"),
        (
            b"file,class\na.png,1\nz.png,2\n",
            r"names 1 pictures that are not there \(first: z\.png\)",
        ),
        (
            b"file,class\n/a.png,1\n",
            r"\(first: /a\.png\)\. It must name them as they lie below its",
        ),
        (b"file,class\na.png,1\n", r"has no label for 1 of 2 pictures \(first: b\.png"),
        (b"file,class\na.png,1,2\nb.png,1\n", "each line must have 2 fields"),
        (b"file,class\na.png,\xff\nb.png,1\n", "can't decode byte 0xff"),
        (b"file\na.png\nb.png\n", "its first line, 'file', names no column of labels"),
        (b"file;class\na.png;1\nb.png;2\n", r"names no column of .* its fields parted by commas"),
        (b"a.png,1\nb.png,2\n", "its first line must name the columns"),
        (b"file,class,class\na.png,1,2\nb.png,1,2\n", "two of its columns have the same name"),
        (b"file,class\na.png,1\nb.png,2\n./a.png,3\n", r"it names \./a\.png twice"),
        (b"file,class\na.png,1\nb.png, \n", r"a field of b\.png is empty"),
        (b"file,class\na.png," + b"1" * 200_000 + b"\nb.png,1\n", "field larger than field limit"),
        (b"file,age\na.png,0.5\nb.png,nan\n", r"1 of 2 labels in 'age' are no finite .*: nan\)"),
        (b"file,age\na.png,-inf\nb.png,0.5\n", r"labels\.csv: 1 of 2 labels .*first: -inf\)"),
    ],
)
def test_tables_of_labels(tmp_path: Path, table: bytes, sentence: str) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(png(0))
    (tmp_path / "labels.csv").write_bytes(table)
    refused(tmp_path, sentence)


def test_of_two_tables_always_the_same_is_taken(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.png", png(0))
        archive.writestr("dataset.json", json.dumps({"labels": [["a.png", "json"]]}))
        archive.writestr("labels.csv", "file,class\na.png,table\n")
    assert open_source(tmp_path / "a.zip").columns == {"class": ("table",)}


@pytest.mark.parametrize("content", ["{", "[]", '{"labels": [["a.png", [1, 2]]]}', '{"a": 1}'])
def test_tables_in_json(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.png").write_bytes(png(0))
    (tmp_path / "dataset.json").write_text(content)
    refused(tmp_path, r"dataset\.json is no table of labels")


def test_columns_of_a_table(tmp_path: Path) -> None:
    for name in ("a.png", "b.png", "c.png"):
        (tmp_path / name).write_bytes(png(0))
    rows = ["file, kind,angle,count", "c.png,x,0.5,10", "a.png,y,-1,9", "", "b.png,x,2e1,10"]
    (tmp_path / "labels.csv").write_text("\n".join(rows), encoding="utf-8-sig")
    source = open_source(tmp_path)
    assert source.columns == {"kind": ("x", "y"), "angle": None, "count": ("9", "10")}
    labels = [item.labels for item in source.read(range(3), Size(16, 16))]
    assert labels == [(1.0, -1.0, 0.0), (0.0, 20.0, 1.0), (0.0, 0.5, 1.0)]


def encoded(kind: str) -> bytes:
    buffer = io.BytesIO()
    drawn_picture(3).save(buffer, kind)
    return buffer.getvalue()


FORMATS = {kind: encoded(kind) for kind in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")}


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(FORMATS)), st.data())
def test_damaged_bytes_give_a_picture_or_a_reason(name: str, data: st.DataObject) -> None:
    content = bytearray(FORMATS[name])
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    end = data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        picture, reason = decoded(bytes(content[:end]))
    assert picture is None or picture.shape == (16, 16, 3)
    assert (picture is None) == bool(reason)


def decoded(content: bytes) -> tuple[Picture | None, str]:
    try:
        return decode(content, Size(16, 16)), ""
    except PictureError as error:
        return None, str(error)


def opened(place: Path) -> Source | str:
    try:
        return open_source(place)
    except DCGANError as error:
        return str(error)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_make_a_pickle_crash(content: bytes) -> None:
    with suppress(DCGANError):  # anything else would be a crash
        read_plain_pickle(content, "it")


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([".zip", ".tar", ".tar.gz"]), st.data())
def test_damaged_archives_give_pictures_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, ending: str, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("archive")
    made = {".zip": as_zip, ".tar": as_tar, ".tar.gz": as_tar_gz}[ending]
    path = made(folder)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    source = opened(path)
    if isinstance(source, str):
        assert path.name in source
    else:
        items = list(source.read(range(len(source)), Size(16, 16)))
        assert all(isinstance(item.content, bytes | OSError) for item in items)


def test_json_of_labels_is_plain(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(0))
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": None}))
    refused(tmp_path, "has no label for 1 of 1 pictures")
