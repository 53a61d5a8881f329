"""Which sizes a pyramid of halvings can have."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dcgan.errors import DCGANError
from dcgan.size import LARGEST_SIDE, SMALLEST_SIDE, Size, halvings, nearest_sizes, require_possible


@pytest.mark.parametrize(
    ("size", "times", "base"),
    [
        ("64", 4, (4, 4)),
        ("28", 2, (7, 7)),
        ("96", 4, (6, 6)),
        ("48x80", 3, (6, 10)),
        ("80x48", 3, (10, 6)),
        ("8", 1, (4, 4)),
        ("40", 3, (5, 5)),
        ("1024", 8, (4, 4)),
    ],
)
def test_base_grid(size: str, times: int, base: tuple[int, int]) -> None:
    assert halvings(Size.of(size)) == times
    assert Size.of(size).halved(times) == base


@pytest.mark.parametrize("size", ["7", "50", "30x64", "64x66", "8192", "4", "0"])
def test_impossible(size: str) -> None:
    assert halvings(Size.of(size)) is None


def test_message_names_the_nearest() -> None:
    with pytest.raises(DCGANError, match=r"`size` \(=50\) is impossible.*48, 56, 64"):
        require_possible(Size(50, 50))
    with pytest.raises(DCGANError, match=r"`size` \(=47x80\).*48x80"):
        require_possible(Size(47, 80))


@given(st.integers(1, 5000), st.integers(1, 5000))
@example(4096, 4097)
@example(1, 2)
def test_nearest_are_possible(height: int, width: int) -> None:
    near = nearest_sizes(Size(height, width))
    assert near
    assert all(halvings(size) for size in near)


@given(st.integers(SMALLEST_SIDE, LARGEST_SIDE))
def test_halving_gives_a_base_of_4_to_7(side: int) -> None:
    times = halvings(Size(side, side))
    if times is None:
        assert Size(side, side) not in nearest_sizes(Size(side, side))
    else:
        assert 4 <= side / 2**times < 8
        assert side % 2**times == 0


@pytest.mark.parametrize("value", ["64", 64, [64, 64], (64, 64), "64X64", "64x64"])
def test_spellings(value: object) -> None:
    assert Size.of(value) == (64, 64)
    assert str(Size.of(value)) == "64"


def test_round_trip() -> None:
    assert Size.of(str(Size(48, 80))) == Size(48, 80)
    assert Size(48, 80).grid == "48x80"
    assert Size(64, 64).grid == "64x64"


@pytest.mark.parametrize("value", ["big", "1x2x3", "", None, "12.5"])
def test_no_size(value: object) -> None:
    with pytest.raises(DCGANError, match=r"`size` \(=.*\) must be a side like 64"):
        Size.of(value)
