"""What other thresholds would drop, from ``hashes/``: candidates beyond the limit counted again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from facecurate.review.hashed import Pictures
from facecurate.review.ledger import Ledger
from facecurate.similar import hamming, verify
from facecurate.similar.verify import HashTable

BOUND = 64
"""Bits of the 256-bit hash to which candidates are counted: unrelated pictures differ in 128 +- 8,
so that few of their pairs lie below."""

STEP = 2  # bits between the thresholds that are tried
MOST_PICTURES = 1_000_000  # of a level; above, every pair is not looked for a second time
MOST_PAIRS = 500_000  # held at a time; with more of them the bound is lowered
REFUSED = 10  # pairs that are shown

Index = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Refused:
    """A candidate just beyond the limit: two pictures that both stay."""

    key: str
    other: str
    mirrored: bool
    distance: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """One level seen through its hashes.

    distinct: pictures with different usable hashes; dropped: copies by threshold, from 0 to the
    bound (lower where there were too many pairs); refused: pairs of distinct pictures beyond the
    limit that are in no common cluster, by distance in bits (bound + 1,); nearest: those to be
    shown, nearest first.
    """

    distinct: int
    dropped: dict[int, int]
    refused: Index
    nearest: Sequence[Refused]

    @property
    def pairs(self) -> int:
        """Pairs of distinct pictures that were compared."""
        return self.distinct * (self.distinct - 1) // 2

    @property
    def false_edges_at_most(self) -> float:
        """Expected false edges if the measured rate is at its 95 % bound."""
        return verify.FALSE_EDGE_RATE * self.pairs


class _Pairs:
    """Pairs of nodes i < j with their 256-bit distances; never many more than ``MOST_PAIRS``."""

    def __init__(self, bound: int) -> None:
        self.bound = bound
        self._parts: list[Index] = []
        self._count = 0

    def add(self, i: Index, j: Index, mirrored: bool, apart: Index) -> None:
        near = (apart <= self.bound) & (i != j)
        i, j, apart = i[near], j[near], apart[near]
        flags = np.full(len(i), mirrored, np.int64)
        self._parts.append(np.stack([np.minimum(i, j), np.maximum(i, j), flags, apart]))
        self._count += len(i)
        while self._count > MOST_PAIRS and self.bound > 0:
            self.bound -= STEP
            self._parts = [part[:, part[3] <= self.bound] for part in self._parts]
            self._count = sum(part.shape[1] for part in self._parts)

    def columns(self) -> Index:
        """(4, pairs) i, j, mirrored, distance; a mirrored pair is found from both its sides."""
        every = np.concatenate([np.empty((4, 0), np.int64), *self._parts], axis=1)
        order = np.lexsort(every[2::-1])
        every = every[:, order]
        fresh = (np.diff(every[:3], axis=1, prepend=-1) != 0).any(axis=0)
        return np.asarray(every[:, fresh])


def outlook(
    pictures: Pictures, ledger: Ledger, *, candidate_bits: int, limit: int
) -> Outlook | None:
    """Looks for all candidates of a level again; None where there are too many pictures.

    ``candidate_bits``, ``limit``: the thresholds in force. Copies that the 256-bit hash did
    not decide (equal bytes, their photos, registration, vectors) stay copies at every threshold.
    """
    if len(pictures.keys) > MOST_PICTURES:
        return None
    of, source = _nodes(pictures.hashes)
    hashed = len(source) - int((~pictures.hashes.informative).sum())
    found = _near(pictures.hashes.take(source[:hashed]), candidate_bits, max(BOUND, limit))
    near = found.columns()
    leader = np.full(len(source), -1, np.int64)
    worst_first = np.argsort(-pictures.rank, kind="stable")
    leader[of[worst_first]] = worst_first  # the best one is written last
    fixed = _fixed(pictures.keys, ledger, of, limit)
    rank = pictures.rank[leader]
    dropped = {
        bits: len(of) - _kept(rank, near[:, near[3] <= bits], fixed)
        for bits in sorted({*range(0, found.bound + 1, STEP), min(limit, found.bound)})
    }
    beyond = near[:, near[3] > limit]
    home = _homes(pictures.keys, ledger)[leader]
    beyond = beyond[:, home[beyond[0]] != home[beyond[1]]]
    return Outlook(
        distinct=hashed,
        dropped=dropped,
        refused=np.bincount(beyond[3], minlength=found.bound + 1),
        nearest=list(_nearest(pictures.keys, leader, home, beyond)),
    )


def _all_bits(table: HashTable) -> NDArray[np.uint8]:
    columns = (table.phash64, table.phash64_mirror, table.phash256, table.phash256_mirror)
    return np.hstack(columns)[table.informative]


def _nodes(table: HashTable) -> tuple[Index, Index]:
    """Pictures with equal usable hashes as one node, these first: (N,) node, (M,) a picture of it.

    A picture without a usable hash is a node of its own.
    """
    groups = hamming.distinct(_all_bits(table))
    usable, rest = np.flatnonzero(table.informative), np.flatnonzero(~table.informative)
    of = np.empty(len(table), np.int64)
    of[usable] = groups.inverse
    of[rest] = len(groups.first) + np.arange(len(rest))
    return of, np.concatenate([usable[groups.first], rest])


def _near(table: HashTable, candidate_bits: int, bound: int) -> _Pairs:
    found = _Pairs(bound)
    for mirrored in (False, True):
        other = table.phash64_mirror if mirrored else None
        for pairs in hamming.stream(table.phash64, other, candidate_bits):
            apart = bits_apart(table, pairs.i, pairs.j, mirrored)
            found.add(pairs.i, pairs.j, mirrored, apart)
    return found


def bits_apart(table: HashTable, i: Index, j: Index, mirrored: bool) -> Index:
    """256-bit distances between rows i and j; mirrored: the smaller of the two ways to mirror."""
    large, flipped = table.phash256, table.phash256_mirror
    if not mirrored:
        return hamming.distances(large[i], large[j])
    forth = hamming.distances(large[i], flipped[j])
    return np.minimum(forth, hamming.distances(flipped[i], large[j]))


def _fixed(keys: list[str], ledger: Ledger, of: Index, limit: int) -> Index:
    """(2, e) nodes of the copies that the hash did not decide and of those kept for them."""
    by_hash = ledger.of("phash") & (ledger.distance <= limit)
    rows = np.flatnonzero(~ledger.kept & ~by_hash)
    known = pa.array(keys, pa.string())
    ends = [_places(column.take(rows), known) for column in (ledger.keys, ledger.kept_keys)]
    both = np.stack(ends)
    return of[both[:, (both >= 0).all(axis=0)]]


def _places(keys: pa.Array, known: pa.Array) -> Index:
    return np.asarray(pc.fill_null(pc.index_in(keys, known), -1)).astype(np.int64)


def _kept(rank: Index, near: Index, fixed: Index) -> int:
    """Nodes that stay: by rank, none beside a better one that stays (as ``similar.clusters``)."""
    i, j = np.concatenate([near[:2], fixed], axis=1)
    better = np.where(rank[i] < rank[j], i, j)
    worse = i + j - better
    order = np.argsort(rank[worse], kind="stable")
    stays = np.ones(len(rank), np.bool_)
    for a, b in zip(better[order].tolist(), worse[order].tolist(), strict=True):
        if a != b and stays[a]:
            stays[b] = False
    return int(stays.sum())


def _homes(keys: list[str], ledger: Ledger) -> Index:
    """(N,) the cluster of each picture; a number of its own, below 0, where it is in none."""
    place = _places(pa.array(keys, pa.string()), ledger.keys)
    alone = -1 - np.arange(len(keys))
    return np.where(place >= 0, np.append(ledger.cluster, 0)[place], alone)


def _nearest(keys: list[str], leader: Index, home: Index, beyond: Index) -> Iterator[Refused]:
    """The nearest refused pairs; a picture, or a cluster, comes once."""
    seen: set[int] = set()
    for place in np.lexsort((beyond[1], beyond[0], beyond[3])):
        i, j, mirrored, distance = beyond[:, place].tolist()
        ends = {int(home[i]), int(home[j])}
        if seen & ends:
            continue
        seen |= ends
        key, other = sorted(keys[leader[node]] for node in (i, j))
        yield Refused(key, other, bool(mirrored), distance)
        if len(seen) >= 2 * REFUSED:
            return
