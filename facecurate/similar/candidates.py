"""Which pairs of pictures are looked at closely: near by a 64-bit hash, or by their vectors.

A candidate is never an edge: ``verify.judge`` and ``doubts`` decide. Every pair comes at most once
upright and once mirrored from each source.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from facecurate.similar import hamming, verify
from facecurate.similar.verify import METHODS, PHASH, Candidates, HashTable, Index

if TYPE_CHECKING:
    from facecurate.similar import neighbours

EMBEDDING = METHODS.index("embedding")


def near(ours: HashTable, theirs: HashTable | None, bits: int) -> Iterator[Candidates]:
    """``within`` ours, or ``between`` ours and theirs."""
    return within(ours, bits) if theirs is None else between(ours, theirs, bits)


def within(table: HashTable, bits: int) -> Iterator[Candidates]:
    """Pairs i < j of the rows of a table, in batches of bounded size.

    Every row must be informative, and equal rows are better collapsed first.
    """
    for pairs in hamming.stream(table.phash64, None, bits):
        yield Candidates(pairs.i, pairs.j, False, PHASH)
    for pairs in hamming.stream(table.phash64, table.phash64_mirror, bits):
        # Those found as (j, i) only if (i, j) is not found as well.
        forth = table.phash64[pairs.j], table.phash64_mirror[pairs.i]
        wanted = (pairs.i < pairs.j) | ((pairs.i > pairs.j) & (hamming.distances(*forth) > bits))
        i, j = pairs.i[wanted], pairs.j[wanted]
        yield Candidates(np.minimum(i, j), np.maximum(i, j), True, PHASH)


def between(ours: HashTable, theirs: HashTable, bits: int) -> Iterator[Candidates]:
    """Pairs of a row of ours and a row of theirs, in batches of bounded size."""
    for pairs in hamming.stream(ours.phash64, theirs.phash64, bits):
        yield Candidates(pairs.i, pairs.j, False, PHASH)
    for pairs in hamming.stream(ours.phash64, theirs.phash64_mirror, bits):
        yield Candidates(pairs.i, pairs.j, True, PHASH)
    for pairs in hamming.stream(ours.phash64_mirror, theirs.phash64, bits):
        forth = ours.phash64[pairs.i], theirs.phash64_mirror[pairs.j]
        new = hamming.distances(*forth) > bits
        yield Candidates(pairs.i[new], pairs.j[new], True, PHASH)


def alike(table: HashTable, search: neighbours.Search, bits: int) -> Iterator[Candidates]:
    """Pairs whose vectors are near and that no hash within ``bits`` has proposed.

    Vectors do not say whether a picture is mirrored: the nearer way by the 256-bit hash is taken.
    """
    for pairs in search.pairs():
        flipped = [verify.distances(table, table, pairs.i, pairs.j, way) for way in (False, True)]
        mirrored = flipped[1] < flipped[0]
        for way in (False, True):
            chosen = mirrored == way
            i, j = pairs.i[chosen], pairs.j[chosen]
            new = small_distances(table, table, i, j, way) > bits
            yield Candidates(i[new], j[new], way, EMBEDDING)


def small_distances(
    ours: HashTable, theirs: HashTable, i: Index, j: Index, mirrored: bool
) -> NDArray[np.int64]:
    """64-bit distances, as ``verify.distances`` gives those of 256 bits."""
    if not mirrored:
        return hamming.distances(ours.phash64[i], theirs.phash64[j])
    forth = hamming.distances(ours.phash64[i], theirs.phash64_mirror[j])
    back = hamming.distances(ours.phash64_mirror[i], theirs.phash64[j])
    return np.minimum(forth, back)
