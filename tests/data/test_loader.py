"""The order of pictures: a permutation, anew for each pass, a function of seed and clock."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dcgan.config import PackConfig
from dcgan.data import loader as loading
from dcgan.data.loader import Loader, batch_indices, derive, shuffled
from dcgan.data.packing import open_pack
from dcgan.size import Size


@settings(deadline=None)
@given(st.integers(1, 3000), st.integers(0, 2**62))
def test_shuffled_is_a_permutation(count: int, key: int) -> None:
    order = shuffled(np.arange(count), count, key)
    assert np.array_equal(np.sort(order), np.arange(count))


def test_shuffled_is_shuffled() -> None:
    """Every place goes everywhere about equally often, and neighbours do not stay together."""
    orders = np.stack([shuffled(np.arange(50), 50, key) for key in range(2000)])
    counts = np.stack([np.bincount(orders[:, place], minlength=50) for place in range(50)])
    chi_squared = ((counts - 40.0) ** 2 / 40.0).sum() / 2500
    assert 0.85 < chi_squared < 1.15
    together = (np.diff(orders) == 1).mean()
    assert abs(together - 1 / 50) < 0.005


def test_huge_sources_need_no_list() -> None:
    count = 3_000_000_000
    billions = shuffled(np.arange(1000), count, key=1)
    assert len(set(billions)) == 1000
    assert 0 <= billions.min() < count / 50 < count * 49 / 50 < billions.max() < count


@pytest.mark.parametrize(("count", "batch"), [(1, 4), (3, 4), (10, 4), (64, 8)])
def test_each_pass_shows_every_picture_once(count: int, batch: int) -> None:
    steps = 3 * count
    seen = np.concatenate([batch_indices(i * batch, batch, count, seed=5) for i in range(steps)])
    passes = seen[: len(seen) // count * count].reshape(-1, count)
    assert (np.sort(passes) == np.arange(count)).all()
    if count > 5:
        assert not (passes[0] == passes[1]).all()


def test_order_depends_on_the_seed_alone() -> None:
    first, again = batch_indices(640, 8, 100, seed=1), batch_indices(640, 8, 100, seed=1)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, batch_indices(640, 8, 100, seed=2))


def test_batches_may_be_cut_anywhere() -> None:
    whole = batch_indices(0, 24, 10, seed=3)
    parts = np.concatenate([batch_indices(start, 6, 10, seed=3) for start in range(0, 24, 6)])
    assert np.array_equal(whole, parts)


def test_derived_seeds_differ_by_purpose_and_number() -> None:
    seeds = {derive(seed, word, n) for seed in (1, 2) for word in ("noise", "flip") for n in (0, 9)}
    assert len(seeds) == 8
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_loader_gives_pictures_with_their_labels(classes: Path) -> None:
    pack = open_pack(classes, PackConfig(size=Size(16, 16)))
    loader = Loader(pack, 5, seed=1, labels="class")
    pixels, labels = loader.batch(10)
    indices = batch_indices(10, 5, 12, seed=1)
    assert np.array_equal(pixels.numpy(), pack.pictures(indices))
    assert labels is not None
    assert labels.dtype == torch.int64
    assert labels.tolist() == [int(i // 4) for i in indices]  # sorted by class, four of each
    assert Loader(pack, 5, seed=1).batch(10)[1] is None


def test_what_is_read_ahead_is_what_is_asked_for(photos: Path) -> None:
    pack = open_pack(photos, PackConfig(size=Size(16, 16)))
    in_order = Loader(pack, 5, seed=1)
    for images_seen in (0, 5, 10, 15, 15, 0, 7, 12):
        alone = Loader(pack, 5, seed=1).batch(images_seen)[0]
        assert torch.equal(in_order.batch(images_seen)[0], alone)


def test_a_batch_that_grows_leaves_no_picture_out(photos: Path) -> None:
    pack = open_pack(photos, PackConfig(size=Size(16, 16)))
    growing = Loader(pack, lambda images_seen: 2 if images_seen < 6 else 5, seed=1)
    whole = Loader(pack, 16, seed=1).batch(0)[0]
    sizes: list[int] = []
    found: list[torch.Tensor] = []
    while (images_seen := sum(sizes)) < 16:
        found.append(growing.batch(images_seen)[0])
        sizes.append(len(found[-1]))
    assert sizes == [2, 2, 2, 5, 5]
    assert torch.equal(torch.cat(found), whole)


@pytest.mark.parametrize("parts", [1, 2, 3])
def test_the_parts_of_a_batch_are_the_batch(classes: Path, parts: int) -> None:
    pack = open_pack(classes, PackConfig(size=Size(16, 16)))
    whole = Loader(pack, 6, seed=1, labels="class", held_out=2)
    loaders = [Loader(pack, 6, 1, "class", 2, part=(number, parts)) for number in range(parts)]
    for images_seen in (0, 6, 12, 30):
        pixels, labels = whole.batch(images_seen)
        found = [loader.batch(images_seen) for loader in loaders]
        assert labels is not None
        assert torch.equal(torch.cat([part for part, _ in found]), pixels)
        assert torch.equal(torch.cat([part for _, part in found if part is not None]), labels)


def test_pictures_that_are_held_out_are_in_no_batch(classes: Path) -> None:
    pack = open_pack(classes, PackConfig(size=Size(16, 16)))
    loader = Loader(pack, 5, seed=1, labels="class", held_out=4)
    everything = {picture.tobytes() for picture in pack.pictures(np.arange(12))}
    batches = [loader.batch(start)[0].numpy() for start in range(0, 40, 5)]
    seen = {picture.tobytes() for batch in batches for picture in batch}
    shown, hidden = loader.shown(100)[0].numpy(), loader.hidden(100)[0].numpy()
    assert len(seen) == len(shown) == 8
    assert seen == {picture.tobytes() for picture in shown}
    assert {picture.tobytes() for picture in hidden} == everything - seen
    pixels, labels = loader.hidden(2)
    assert labels is not None
    for picture, label in zip(pixels.numpy(), labels, strict=True):
        places = [
            number for number in range(12) if (pack.pictures(np.array([number])) == picture).all()
        ]
        assert places[0] // 4 == label


def test_nothing_is_held_out_unless_asked_for(classes: Path) -> None:
    pack = open_pack(classes, PackConfig(size=Size(16, 16)))
    assert len(Loader(pack, 5, seed=1).hidden(3)[0]) == 0
    assert len(Loader(pack, 5, seed=1).shown(30)[0]) == 12


@pytest.mark.parametrize("held_out", [0, 4])
def test_shown_pictures_are_of_all_classes(classes: Path, held_out: int) -> None:
    """Though the source is sorted by class, four of each."""
    pack = open_pack(classes, PackConfig(size=Size(16, 16)))
    found = [Loader(pack, 5, seed, "class", held_out).shown(4)[1] for seed in range(20)]
    counts = torch.stack([labels.bincount(minlength=3) for labels in found if labels is not None])
    assert (counts.sum(0) > 10).all()
    assert (counts.max(1).values < 4).any()


def test_pictures_that_live_on_the_device_are_the_same(
    classes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = open_pack(classes, PackConfig(size=Size(16, 16)))
    read = Loader(pack, 8, seed=1, labels="class", held_out=2, part=(1, 2))
    monkeypatch.setattr(loading, "free_memory", lambda _: 1 << 30)
    monkeypatch.setattr(loading, "UPLOADED", 5)
    resident = Loader(pack, 8, seed=1, labels="class", held_out=2, part=(1, 2))
    expected = [read.batch(images_seen) for images_seen in (0, 8, 16, 24, 8)]
    monkeypatch.setattr(pack, "pictures", None)  # the pack is not read any more
    for images_seen, (pixels, labels) in zip((0, 8, 16, 24, 8), expected, strict=True):
        found, numbers = resident.batch(images_seen)
        assert torch.equal(found, pixels)
        assert labels is not None
        assert numbers is not None
        assert torch.equal(numbers, labels)


def test_pictures_without_room_stay_where_they_are(photos: Path) -> None:
    pack = open_pack(photos, PackConfig(size=Size(16, 16)))
    assert loading.all_on_device(pack, torch.device("cpu")) is None


@pytest.mark.gpu
def test_pictures_live_on_a_gpu(photos: Path) -> None:
    pack = open_pack(photos, PackConfig(size=Size(16, 16)))
    here, there = Loader(pack, 8, seed=1), Loader(pack, 8, seed=1, device=torch.device("cuda"))
    for images_seen in (0, 8, 16):
        pixels, _ = there.batch(images_seen)
        assert pixels.device.type == "cuda"
        assert torch.equal(pixels.cpu(), here.batch(images_seen)[0])
