"""Short codes of pictures, and which codes are equal or nearly so, without comparing all pairs."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from dcgan.images import Picture

Codes = NDArray[np.uint8]
"""(N, B): B bytes of bits for each picture."""
Words = NDArray[np.uint64]
"""(N, W): the same bits, eight bytes in a word, filled up with zeros."""
Groups = NDArray[np.int64]
"""(N,): for each picture the number of the first one in its group; its own if it is the first."""

HASH_SIDE = 32
LOW_SIDE = 8
WORD = 8
LONG_RUN = 1_024
"""From so many codes on that agree in a band, they are split again instead of compared in pairs."""


def pixel_digest(picture: Picture) -> bytes:
    """16 bytes that are equal for pictures of equal shape and pixels, and for no others."""
    digest = hashlib.blake2b(repr(picture.shape).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(picture).data)
    return digest.digest()


def perceptual_hash(grey: NDArray[np.uint8]) -> Codes:
    """The 64 bits of each picture that say which of its lowest frequencies are strong: a pHash.

    A bit is 1 where a coefficient among the lowest 8x8 of the cosine transform (DCT-II) lies above
    their median (Zauner 2010).

    Args:
        grey: pictures (N, 32, 32).

    Returns:
        (N, 8), eight bits in a byte.
    """
    transform = _cosines()
    low = transform @ grey.astype(np.float64) @ transform.T
    # Rounded, so that the zeros of a flat picture are zeros in any company.
    coefficients = low.reshape(len(grey), LOW_SIDE**2).round(3)
    return np.packbits(coefficients > np.median(coefficients, axis=1, keepdims=True), axis=1)


def _cosines() -> NDArray[np.float64]:
    """The first rows (8, 32) of the cosine transform."""
    frequency, position = np.mgrid[0:LOW_SIDE, 0:HASH_SIDE]
    return np.asarray(np.cos(np.pi * frequency * (2 * position + 1) / (2 * HASH_SIDE)))


def hamming(one: Codes, other: Codes) -> NDArray[np.int64]:
    """In how many bits codes (..., B) differ: (...)."""
    return np.asarray(np.bitwise_count(one ^ other).sum(axis=-1, dtype=np.int64))


def group_equal(codes: Codes) -> Groups:
    """For each picture the first with an equal code, in the time of one sort (Section 4.1.1).

    Args:
        codes: (N, B).

    Returns:
        (N,), the number of the picture itself where none before it has its code.
    """
    words = _words(codes)
    order = np.lexsort(words.T)  # stable: the first picture stays first among its equals
    starts, lengths = _runs(words, order)
    groups = np.empty(len(codes), np.int64)
    groups[order] = np.repeat(order[starts], lengths)
    return groups


def group_near(codes: Codes, radius: int) -> Groups:
    """For each picture the first it is linked to, by steps of at most `radius` bits each.

    Exact, and without comparing all pairs: of radius + 1 bands of bits, two codes within the radius
    agree in at least one, so that only codes with an equal band are compared.

    Args:
        codes: (N, B).
        radius: 0 or more; 0 is `group_equal`.

    Returns:
        (N,), the number of the picture itself where it is the first of its group.
    """
    groups = group_equal(codes)
    if radius == 0:
        return groups
    firsts = np.flatnonzero(groups == np.arange(len(groups)))
    parents = np.arange(len(firsts))
    _link_near(_words(codes[firsts]), parents.copy(), parents, radius)
    roots = firsts[_roots(parents, parents)]
    return np.asarray(roots[np.searchsorted(firsts, groups)])


def _link_near(words: Words, members: Groups, parents: Groups, radius: int) -> None:
    """Links all members that lie within the radius of each other; their codes all differ."""
    varying = _varying_bits(words[members])
    if len(varying) <= radius:
        _link(parents, members[:-1], members[1:])
        return
    for band in range(radius + 1):
        # Bits from all over, as neighbouring ones often say much the same.
        mask = _mask(varying[band :: radius + 1], words.shape[1])
        _link_band(words, mask, members, parents, radius)


def _link_band(words: Words, mask: Words, members: Groups, parents: Groups, radius: int) -> None:
    """Links those members within the radius that agree in the bits of the mask."""
    masked = words[members] & mask
    order = np.lexsort(masked.T)
    starts, lengths = _runs(masked, order)
    members = members[order]
    del masked, order
    is_long = lengths >= LONG_RUN
    for start, length in zip(starts[is_long], lengths[is_long], strict=True):
        run = members[start : start + length]
        if np.ptp(_roots(parents, run)):  # otherwise they are linked already
            _link_near(words, run, parents, radius)
    ends = np.repeat(starts + np.where(is_long, 0, lengths), lengths)
    _link_runs(words[members], ends, members, parents, radius)


def _link_runs(words: Words, ends: Groups, members: Groups, parents: Groups, radius: int) -> None:
    """Links members within the radius, each compared with all behind it up to its run's end."""
    here = np.arange(len(members))
    offset = 1
    while len(here := here[here + offset < ends[here]]):
        near = np.bitwise_count(words[here] ^ words[here + offset]).sum(axis=1) <= radius
        _link(parents, members[here[near]], members[here[near] + offset])
        offset += 1


def _link(parents: Groups, one: Groups, other: Groups) -> None:
    """Joins the trees of pairs of nodes in a forest whose roots are their trees' lowest numbers."""
    while len(one):
        one, other = _roots(parents, one), _roots(parents, other)
        apart = one != other
        one, other = np.minimum(one, other)[apart], np.maximum(one, other)[apart]
        # Of several links from one root the last stays; the next round makes the others.
        parents[other] = one


def _roots(parents: Groups, nodes: Groups) -> Groups:
    """The lowest number in the tree of each node; the way there is shortened."""
    roots = parents[nodes]
    while not np.array_equal(roots, above := parents[roots]):
        roots = above
    parents[nodes] = roots
    return roots


def _runs(words: Words, order: Groups) -> tuple[Groups, Groups]:
    """Where the runs of equal codes begin in this order, and how long they are."""
    begins = np.ones(len(words), bool)
    begins[1:] = False
    for column in words.T:
        ordered = column[order]
        begins[1:] |= ordered[1:] != ordered[:-1]
    starts = np.flatnonzero(begins)
    return starts, np.diff(starts, append=len(words))


def _words(codes: Codes) -> Words:
    length = codes.shape[1]
    padded = np.pad(codes, [(0, 0), (0, -length % WORD)]) if length % WORD else codes
    return np.ascontiguousarray(padded).view(np.uint64)


def _varying_bits(words: Words) -> Groups:
    """The numbers of the bits in which not all codes are equal."""
    differing = np.bitwise_or.reduce(words ^ words[:1], axis=0)
    return np.flatnonzero(np.unpackbits(differing.view(np.uint8)))


def _mask(bits: Groups, length: int) -> Words:
    """Words in which these bits are set, and no others."""
    chosen = np.zeros(length * 64, np.uint8)
    chosen[bits] = 1
    return np.packbits(chosen).view(np.uint64)
