"""From facts to findings: what is wrong with which pictures, in sentences."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from dcgan.data.audit.facts import Facts, class_columns
from dcgan.data.audit.records import Finding, Numbers, Summary, many
from dcgan.data.hashes import Codes, Groups, group_equal, group_near
from dcgan.data.readers.items import Source
from dcgan.size import SMALLEST_SIDE, Size, halvings, nearest_sizes

NEAR_BITS = 2
"""Of 64. At 4, most pairs among aligned faces are different people: docs/audit.md."""
DARK, BRIGHT, FLAT, PALE = 24, 231, 12, 4
"""Values of 255: what is nearly black, nearly white, of one colour, and grey, is within them."""
LEAST_KEPT = 0.5
WEIGHTY_SHARE = 0.05
"""What touches more of the pictures should be mended first."""
FEW_PICTURES = 1_000
UNEVEN = 10
SHARE_FOR_A_SIZE = 1  # per cent of the pictures that a smaller size may still enlarge


def summarise(source: Source, facts: Facts) -> Summary:
    """The facts of all pictures in sum."""
    table = facts.table[facts.table["readable"]]
    height, width = (table[side].astype(np.int64) for side in ("height", "width"))
    by_area, shapes = np.argsort(height * width, kind="stable"), np.sort(width / height)
    places = [0, len(table) // 2, len(table) - 1] if len(table) else []
    return Summary(
        pictures=len(source),
        readable=len(table),
        grey=int(is_grey(table).sum()),
        kinds=dict(facts.kinds.most_common()),
        modes=dict(facts.modes.most_common()),
        distinct_sizes=len(np.unique(height << 32 | width)),
        sizes=tuple(Size(int(height[i]), int(width[i])) for i in by_area[places]),
        shapes=tuple(float(shapes[place]) for place in places),
        classes=dict(count_classes(source, facts)),
    )


def count_classes(source: Source, facts: Facts) -> Iterator[tuple[str, dict[str, int]]]:
    """For every label column with classes how many readable pictures each class has."""
    for number, column in enumerate(class_columns(source)):
        names = source.columns[column] or ()
        indices = facts.classes[facts.table["readable"], number]
        counts = np.bincount(indices[indices >= 0], minlength=len(names)).tolist()
        yield column, dict(zip(names, counts, strict=True))


def find(source: Source, facts: Facts, size: Size) -> list[Finding]:
    """All that is wrong with the pictures for training at this size; what weighs most first."""
    found = [
        *unreadable(facts),
        *copies(facts, size),
        *in_several_classes(source, facts),
        *too_small(facts, size),
        *blank(facts),
        *grey_or_colour(facts),
        *cut(facts, size),
        *see_through(facts),
        *moving(facts),
        *few(facts),
        *uneven(source, facts),
    ]
    return sorted(found, key=lambda finding: not finding.weighs)


def unreadable(facts: Facts) -> Iterator[Finding]:
    """Pictures that cannot be decoded."""
    pictures = np.flatnonzero(~facts.table["readable"])
    if len(pictures):
        yield Finding(
            "unreadable",
            f"{many(len(pictures))} cannot be read; training leaves them out.",
            len(pictures),
            _weighs(len(pictures), facts),
            pictures,
            remark=lambda picture: facts.reasons[picture],
        )


def copies(facts: Facts, size: Size) -> Iterator[Finding]:
    """Equal files; of the others equal pixels; of the others what looks the same."""
    table = facts.table
    left = np.flatnonzero(table["readable"])
    files = left[table["is_file"][left]]
    firsts = _grouped(files, table["file"], group_equal)
    is_first = np.ones(len(table), np.bool_)
    is_first[files] = firsts == files
    words = f"of another file, byte for byte; {TWICE}"
    yield from _copies("copies", ("is a copy", "are copies"), words, files, firsts, facts)

    left = left[is_first[left]]
    firsts = _grouped(left, table["pixels"], group_equal)
    words = f"the very pixels of another at {size.grid}; {TWICE}"
    yield from _copies("same pixels", ("has", "have"), words, left, firsts, facts)

    # Blank pictures all look the same.
    left = left[(firsts == left) & ~is_blank(table[left])]
    firsts = _grouped(left, table["look"], partial(group_near, radius=NEAR_BITS))
    words = (
        f"almost like another (up to {NEAR_BITS} of 64 bits of the perceptual hash differ); look "
        "at them, for some may be pictures in their own right, and keep one of each that is not."
    )
    for finding in _copies("near-copies", ("looks", "look"), words, left, firsts, facts):
        yield replace(finding, weighs=False)  # in some sets most of them are none


TWICE = "what is there twice is learnt twice as often. Keep one of each."


def _grouped(pictures: Numbers, codes: Codes, group: Callable[[Codes], Groups]) -> Groups:
    """For each of the pictures the number of the first in its group."""
    return pictures[group(codes[pictures])] if len(pictures) else pictures


def _copies(
    name: str,
    verbs: tuple[str, str],
    words: str,
    pictures: Numbers,
    firsts: Groups,
    facts: Facts,
) -> Iterator[Finding]:
    """The finding on the groups of two and more, if there are any, one after the other."""
    count = int((firsts != pictures).sum())
    chosen = np.isin(firsts, firsts[firsts != pictures])
    pictures, firsts = pictures[chosen], firsts[chosen]
    order = np.lexsort((pictures, firsts))
    if count:
        text = f"{many(count, *verbs)} {words}"
        weighs = _weighs(count, facts)
        yield Finding(name, text, count, weighs, pictures[order], same_as=firsts[order])


def in_several_classes(source: Source, facts: Facts) -> Iterator[Finding]:
    """Copies with different labels."""
    pictures = np.flatnonzero(facts.table["readable"])
    groups = _grouped(pictures, facts.table["pixels"], group_equal)
    for number, column in enumerate(class_columns(source)):
        names, labels = source.columns[column] or (), facts.classes[:, number]
        wrong = np.isin(groups, groups[labels[pictures] != labels[groups]])
        if not wrong.any():
            continue
        chosen, same_as = pictures[wrong], groups[wrong]
        count = len(np.unique(same_as))
        yield Finding(
            f"in several classes ({column})",
            f"{many(count, 'stands', 'stand')} in more than one class of {column!r}, with the same "
            "pixels; a model with labels learns all of them. Leave each in the right one.",
            count,
            _weighs(count, facts),
            chosen[np.lexsort((chosen, same_as))],
            same_as=np.sort(same_as),
            remark=partial(_class, names, labels),
        )


def _class(names: tuple[str, ...], labels: NDArray[np.int32], picture: int) -> str:
    return names[labels[picture]] if labels[picture] >= 0 else "no class"


def too_small(facts: Facts, size: Size) -> Iterator[Finding]:
    """Pictures that are enlarged."""
    table = facts.table
    small = table["readable"] & ((table["height"] < size.height) | (table["width"] < size.width))
    pictures = np.flatnonzero(small)
    if len(pictures):
        fitting = fitting_size(facts)
        yield Finding(
            f"smaller than {size.grid}",
            f"{many(len(pictures), 'is', 'are')} smaller than {size.grid} and will be enlarged, "
            "which makes a soft picture; leave them out"
            + (f", or take --size {fitting}." if fitting and fitting < min(size) else "."),
            len(pictures),
            _weighs(len(pictures), facts),
            pictures,
            remark=lambda picture: _size(facts, picture).grid,
        )


def fitting_size(facts: Facts) -> int | None:
    """The largest possible side that no more than a hundredth of the pictures falls short of."""
    table = facts.table[facts.table["readable"]]
    limit = np.percentile(np.minimum(table["height"], table["width"]), SHARE_FOR_A_SIZE)
    sides = range(int(limit), SMALLEST_SIDE - 1, -1)
    return next((side for side in sides if halvings(Size(side, side)) is not None), None)


def is_blank(table: NDArray[np.void]) -> NDArray[np.bool_]:
    """(N,): which pictures show nothing: almost black, almost white or of one colour."""
    dark, bright = table["brightest"] < DARK, table["darkest"] > BRIGHT
    return np.asarray(dark | bright | (table["spread"] < FLAT))


def is_grey(table: NDArray[np.void]) -> NDArray[np.bool_]:
    """(N,): which pictures have no colour to speak of."""
    return np.asarray(table["colour"] <= PALE)


def blank(facts: Facts) -> Iterator[Finding]:
    """Pictures that show nothing."""
    table = facts.table
    black, white = table["brightest"] < DARK, table["darkest"] > BRIGHT
    kinds = {
        "almost black": black,
        "almost white": white,
        "of one colour": is_blank(table) & ~black & ~white,
    }
    for name, chosen in kinds.items():
        pictures = np.flatnonzero(chosen & table["readable"])
        if len(pictures):
            yield Finding(
                name,
                f"{many(len(pictures), 'is', 'are')} {name} in 98 of 100 pixels or more. Take out "
                "what shows nothing.",
                len(pictures),
                _weighs(len(pictures), facts),
                pictures,
            )


def grey_or_colour(facts: Facts) -> Iterator[Finding]:
    """The fewer, if some pictures are grey and others in colour; blank ones are neither."""
    grey, looked_at = is_grey(facts.table), facts.table["readable"] & ~is_blank(facts.table)
    greys, colours = np.flatnonzero(looked_at & grey), np.flatnonzero(looked_at & ~grey)
    if not len(greys) or not len(colours):
        return
    if len(greys) <= len(colours):
        fewer, name = greys, "grey among colour"
        what = f"{many(len(greys), 'is', 'are')} grey, the others in colour"
        advice = "Take them out, or train in grey: --channels 1."
    else:
        fewer, name = colours, "colour among grey"
        what = f"{many(len(colours), 'is', 'are')} in colour, the others grey"
        advice = "Take --channels 1 to train in grey, or take them out."
    text = f"{what}; a model of both paints some of its pictures pale. {advice}"
    yield Finding(name, text, len(fewer), _weighs(len(fewer), facts), fewer)


def cut(facts: Facts, size: Size) -> Iterator[Finding]:
    """Pictures of which the centre crop leaves less than half."""
    table = facts.table[facts.table["readable"]]
    shape = table["width"] / table["height"] / (size.width / size.height)
    pictures = np.flatnonzero(facts.table["readable"])[np.minimum(shape, 1 / shape) < LEAST_KEPT]
    if len(pictures):
        weighs = _weighs(len(pictures), facts)
        better = shaped_size(float(np.median(table["width"] / table["height"])), size)
        yield Finding(
            "more than half cut off",
            f"{many(len(pictures), 'loses', 'lose')} more than half to the crop to {size.grid}, "
            "which keeps the centre; crop yourself"
            + (f", or take --size {better}." if weighs and better != size else "."),
            len(pictures),
            weighs,
            pictures,
            remark=lambda picture: _size(facts, picture).grid,
        )


def shaped_size(shape: float, size: Size) -> Size:
    """A possible size with about the pixels of `size`, and about `shape` = width / height."""
    area = size.height * size.width
    wanted = Size(round(sqrt(area / shape)), round(sqrt(area * shape)))
    return wanted if halvings(wanted) is not None else nearest_sizes(wanted)[0]


def see_through(facts: Facts) -> Iterator[Finding]:
    """Pictures that can have transparent parts."""
    pictures = np.flatnonzero(facts.table["alpha"])
    if len(pictures):
        yield Finding(
            "with alpha",
            f"{many(len(pictures), 'has', 'have')} an alpha channel; training lays white behind "
            "what is transparent. --background COLOUR takes another, --channels 4 learns the "
            "transparency itself.",
            len(pictures),
            False,
            pictures,
        )


def moving(facts: Facts) -> Iterator[Finding]:
    """Files with more than one picture in them."""
    pictures = np.flatnonzero(facts.table["has_more"])
    if len(pictures):
        yield Finding(
            "animations",
            f"{many(len(pictures), 'holds', 'hold')} several frames or pages; training takes the "
            "first. Save those that you want as files of their own.",
            len(pictures),
            False,
            pictures,
        )


def few(facts: Facts) -> Iterator[Finding]:
    """Too few pictures to learn from."""
    count = int(facts.table["readable"].sum())
    if 0 < count < FEW_PICTURES:
        yield Finding(
            "few pictures",
            f"There {'is' if count == 1 else 'are'} only {many(count)} to learn from, and so few "
            f"are learnt by heart; {FEW_PICTURES:,} or more are better.",
            count,
            True,
        )


def uneven(source: Source, facts: Facts) -> Iterator[Finding]:
    """Label columns in which one class has many times the pictures of another."""
    for number, (column, counts) in enumerate(count_classes(source, facts)):
        largest, smallest = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
        if counts[largest] < UNEVEN * max(counts[smallest], 1):
            continue
        wanted = list(counts).index(smallest)
        chosen = facts.table["readable"] & (facts.classes[:, number] == wanted)
        yield Finding(
            f"uneven classes ({column})",
            f"The smallest class of {column!r}, {smallest}, has {many(counts[smallest])}, the "
            f"largest, {largest}, {counts[largest]:,}; a model with labels draws small classes "
            "badly. Add pictures to it, or train without labels.",
            counts[smallest],
            False,
            np.flatnonzero(chosen),
        )


def _weighs(count: int, facts: Facts) -> bool:
    return count > WEIGHTY_SHARE * len(facts.table)


def _size(facts: Facts, picture: int) -> Size:
    fact = facts.table[picture]
    return Size(int(fact["height"]), int(fact["width"]))
