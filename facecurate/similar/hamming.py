"""All pairs of hashes within a Hamming distance: exact, in bounded memory.

Hashes are rows of bytes, (N, B) uint8 with B a multiple of 8. The join is one by substrings
(``plan``) or compares every pair, whichever the data make cheaper; its pairs come in chunks, so
that a caller who filters them never holds all of them. Equal hashes are the caller's to collapse
first (``distinct``), else a million equal ones make half a million million pairs.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint8]
Index = NDArray[np.int64]

CHUNK = 1 << 18
"""Pairs in one chunk of a stream: 6 MB, and 50 MB while their 256-bit hashes are compared."""


class Pairs(NamedTuple):
    """Pairs of rows and their distances, three arrays of one length."""

    i: Index
    j: Index
    d: Index


class Groups(NamedTuple):
    """Rows with equal hashes, as one group each, numbered in the hashes' byte order.

    first: (G,) the smallest row of each group; inverse: (N,) the group of each row;
    sizes: (G,) rows in each group. ``hashes[first]`` are the distinct hashes.
    """

    first: Index
    inverse: Index
    sizes: Index


class Near(NamedTuple):
    """A self-join: groups of equal hashes, and the pairs of *groups* within the distance."""

    groups: Groups
    pairs: Pairs

    def rows(self) -> Pairs:
        """Every pair of rows i < j within the distance, sorted: quadratic in equal hashes."""
        members = np.argsort(self.groups.inverse, kind="stable")
        ends = np.cumsum(self.groups.sizes)
        of = np.split(members, ends[:-1])
        parts = [_inside(rows) for rows in of if len(rows) > 1]
        parts += [_across(of[a], of[b], d) for a, b, d in zip(*self.pairs, strict=True)]
        return _sorted(_upper(_concatenate(parts)))


def distinct(hashes: Hashes) -> Groups:
    """The groups of equal rows of an (N, B) array."""
    rows = np.ascontiguousarray(hashes)
    if not len(rows):
        empty = np.empty(0, np.int64)
        return Groups(empty, empty, empty)
    # Eight bytes read as one number, highest first, sort as their bytes do, and far faster.
    eight = rows.shape[1] == 8
    keys = rows.view(">u8" if eight else np.dtype((np.void, rows.shape[1]))).ravel()
    keys = keys.astype(np.uint64) if eight else keys
    _, first, inverse, sizes = np.unique(
        keys, return_index=True, return_inverse=True, return_counts=True
    )
    return Groups(first.astype(np.int64), inverse.reshape(-1).astype(np.int64), sizes)


def pairs_within(hashes: Hashes, distance: int) -> Near:
    """The self-join of (N, B) hashes: groups of equal ones, and near pairs of groups.

    ``pairs_within(...).rows()`` gives pairs of rows instead.
    """
    groups = distinct(hashes)
    return Near(groups, _sorted(_concatenate(list(stream(hashes[groups.first], None, distance)))))


def join(a: Hashes, b: Hashes, distance: int) -> Pairs:
    """Every pair of a row of ``a`` and a row of ``b`` within ``distance``, sorted by i, then j."""
    return _sorted(_concatenate(list(stream(a, b, distance))))


def stream(a: Hashes, b: Hashes | None, distance: int, chunk: int = CHUNK) -> Iterator[Pairs]:
    """Pairs within ``distance`` in chunks: i from ``a``, j from ``b``; None: i < j within ``a``.

    Every pair comes once, in an order that depends on the hashes alone and not on the number of
    threads (numba's: all cores, one inside a worker).
    """
    x = _words(a)
    y = None if b is None else _words(b)
    if y is not None and x.shape[1] != y.shape[1]:
        raise ValueError(f"hashes of {8 * x.shape[1]} and {8 * y.shape[1]} bytes do not compare")
    if not len(x) or (y is not None and not len(y)):
        return
    # Here, because numba takes longer to import than most commands of the tool to start.
    from facecurate.similar import joins

    for i, j, d in joins.stream(x, y, distance, chunk):
        yield Pairs(i, j, d)


def distances(a: Hashes, b: Hashes) -> Index:
    """(N,) Hamming distances between the rows of two (N, B) arrays, one to one."""
    if a.shape[1] % 8 == 0:
        from facecurate.similar.buckets import apart

        return apart(_words(a), _words(b))
    counted: Index = _BITS[np.bitwise_xor(a, b)].sum(axis=1, dtype=np.int64)
    return counted


_BITS = np.array([bin(value).count("1") for value in range(256)], dtype=np.uint8)


def _words(hashes: Hashes) -> NDArray[np.uint64]:
    if hashes.ndim != 2 or hashes.dtype != np.uint8 or hashes.shape[1] % 8:
        raise ValueError(f"expected (N, 8 k) uint8 hashes, got {hashes.shape} {hashes.dtype}")
    return np.ascontiguousarray(hashes).view(np.uint64)


def _concatenate(parts: list[Pairs]) -> Pairs:
    empty = np.empty(0, np.int64)
    columns = (np.concatenate([empty, *column]) for column in zip(*parts, strict=True))
    return Pairs(*columns) if parts else Pairs(empty, empty, empty)


def _sorted(pairs: Pairs) -> Pairs:
    order = np.lexsort((pairs.j, pairs.i))
    return Pairs(pairs.i[order], pairs.j[order], pairs.d[order])


def _upper(pairs: Pairs) -> Pairs:
    return Pairs(np.minimum(pairs.i, pairs.j), np.maximum(pairs.i, pairs.j), pairs.d)


def _inside(rows: Index) -> Pairs:
    upper, lower = np.triu_indices(len(rows), 1)
    return Pairs(rows[upper], rows[lower], np.zeros(len(upper), np.int64))


def _across(a: Index, b: Index, distance: int) -> Pairs:
    i, j = np.repeat(a, len(b)), np.tile(b, len(a))
    return Pairs(i, j, np.full(len(i), distance, np.int64))
