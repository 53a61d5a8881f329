"""Parts of a source: what is left out, and slices that add up to the whole."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dcgan.config import PackConfig
from dcgan.data.packing import open_pack, pack
from dcgan.data.selection import parse_slice
from dcgan.data.sources import open_source
from dcgan.errors import DCGANError
from dcgan.size import Size

SIXTEEN = PackConfig(size=Size(16, 16))


def table(folder: Path, *dropped: str, column: str = "dropped") -> str:
    with (folder / "duplicates.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["group", "kept", column, "distance"])
        writer.writerows([number, "00.bmp", name, 0] for number, name in enumerate(dropped))
    return str(folder / "duplicates.csv")


def test_without(photos: Path, tmp_path: Path) -> None:
    whole = pack(photos, tmp_path / "whole", SIXTEEN)
    dropped = table(tmp_path, "more/01.png", "more/still/05.png")
    config = PackConfig(size=Size(16, 16), without=dropped)
    made = pack(photos, tmp_path / "less", config)
    source = open_source(photos)
    names = [source.picture_name(index) for index in range(12)]
    kept = [i for i, name in enumerate(names) if name not in ("more/01.png", "more/still/05.png")]
    assert len(made) == 10
    assert np.array_equal(made.pictures(np.arange(10)), whole.pictures(np.array(kept)))
    assert len(open_pack(photos, config)) == 10
    table(tmp_path, "more/01.png")
    assert len(open_pack(photos, config)) == 11
    with pytest.raises(DCGANError, match="is a pack already: `without` can only be asked for when"):
        open_pack(tmp_path / "whole", config)


@pytest.mark.parametrize(("name", "value"), [("crop", "none"), ("background", "black")])
def test_a_pack_was_read_as_it_was(photos: Path, tmp_path: Path, name: str, value: str) -> None:
    pack(photos, tmp_path / "made", SIXTEEN)
    other = replace(SIXTEEN, **{name: value})  # type: ignore[arg-type]
    with pytest.raises(DCGANError, match=f"is a pack already: `{name}` can only be asked for"):
        open_pack(tmp_path / "made", other)
    pack(photos, tmp_path / "other", other)
    assert len(open_pack(tmp_path / "other", other)) == 12


@pytest.mark.parametrize("content", ["dropped\n", "\ufeffdropped,kept\nmore/01.png,00.bmp\n"])
def test_tables_from_elsewhere(photos: Path, tmp_path: Path, content: str) -> None:
    """Without a row, or with the mark at its beginning that spreadsheets write."""
    (tmp_path / "table.csv").write_text(content)
    config = PackConfig(size=Size(16, 16), without=str(tmp_path / "table.csv"))
    assert len(open_pack(photos, config)) == 12 - ("more" in content)


def test_tables_that_do_not_fit(photos: Path, tmp_path: Path) -> None:
    def refused(name: str, sentence: str) -> None:
        with pytest.raises(DCGANError, match=sentence):
            open_pack(photos, PackConfig(size=Size(16, 16), without=name))

    refused("none.csv", r"Cannot read the table of duplicates none\.csv")
    refused(table(tmp_path, "a.png"), r"names 1 pictures that photos does not have \(first: a\.png")
    refused(table(tmp_path, "a.png", column="x"), "no column 'dropped', only group, kept, x, dist")
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("wrong,header\n")
    refused(str(wrong), "no column 'dropped', only wrong, header")
    wrong.write_text("")
    refused(str(wrong), "no column 'dropped', only nothing")
    source = open_source(photos)
    every = [source.picture_name(index) for index in range(12)]
    refused(table(tmp_path, *every), "leaves none of the 12 pictures of photos")


@pytest.mark.parametrize("text", ["0/3", "4/3", "3", "a/b", "1/0", "-1/3", "1/3/4"])
def test_forms_of_slices(text: str) -> None:
    with pytest.raises(DCGANError, match=r"`slice` \(=.*\) must look like 3/64"):
        parse_slice(text)


def test_more_slices_than_pictures(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(DCGANError, match=r"`slice` \(=1/99\) is empty: photos has only 12"):
        pack(photos, tmp_path / "part", SIXTEEN, slice="1/99")
