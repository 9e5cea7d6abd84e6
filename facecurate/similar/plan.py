"""How a Hamming join is done: which bits make the substrings, and how far each is probed.

Multi-index hashing (Norouzi, Punjani, Fleet 2012): cut the bits into m substrings; if two hashes
differ in at most D bits, then for radii with sum (r_k + 1) = D + 1 at least one substring k
differs in at most r_k (pigeonhole). So only rows in buckets within r_k of each other are
compared. A radius of -1 leaves a substring out. m, the radii and whether to do this at all
follow from what the data's own buckets hold: where many hashes share substrings, as those of
faces do, a plan that is right for uniform hashes can be slower than comparing everything.
"""

from collections.abc import Iterator
from functools import lru_cache
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]

# Nanoseconds of one thread, measured on an AMD EPYC (Zen 5); only their ratios matter.
_PAIR = 0.055  # a pair of 64-bit words compared inside a bucket, or by brute force
_ROW = 1.3  # a row led to a bucket
_NEAR_PROBE, _FAR_PROBE = 2.0, 9.0  # a bucket looked up: its table in the L2 cache, or beyond
_SORT = 15.0  # a row put into its bucket
_IN_CACHE = 1 << 17  # places of a table that a core's own cache holds
_BRUTE_NS = 5e7  # comparing everything takes less than planning

_MOST_BITS = 22  # of a substring: a table of 32 MB
_LEAST_BITS = 8
_SPARSE = 8  # buckets for each row at most: more are empty, and looked up all the same
_RADII = 4  # 0 to 3; wider balls never pay
_SAMPLE = 1024  # rows whose surroundings are counted
_COUNTED = 1 << 20  # rows in the histograms of a plan


class Substring(NamedTuple):
    """Bits ``shift`` to ``shift + size`` of a word, and the radius to which it is probed."""

    word: int
    shift: int
    size: int
    radius: int


EVERYTHING = (Substring(0, 0, 0, 0),)
"""A substring without bits: one bucket, so that every pair is compared."""


class Plan(NamedTuple):
    """Where each bit goes, (64 W,), and the substrings to search."""

    places: NDArray[np.int64]
    substrings: tuple[Substring, ...]

    @property
    def tables(self) -> Words:
        """(8 W, 256, W): for each byte of a row, and each value of it, where its bits go."""
        width = len(self.places) // 64
        tables = np.zeros((8 * width, 256, width), np.uint64)
        values = np.arange(256)
        for bit, place in enumerate(self.places.tolist()):
            moved = ((values >> (bit % 8)) & 1).astype(np.uint64) << np.uint64(place % 64)
            tables[bit // 8, :, place // 64] |= moved
        return tables


@lru_cache(maxsize=32)
def ball(size: int, radius: int) -> Words:
    """All differences of ``size`` bits with at most ``radius`` set, fewest first."""
    sets = (bits for count in range(radius + 1) for bits in combinations(range(size), count))
    return np.array([sum(1 << bit for bit in bits) for bits in sets], np.uint64)


def choose(x: Words, y: Words | None, distance: int) -> Plan:
    """The cheapest plan for a join of (N, W) words with (M, W) words, or with themselves."""
    other = x if y is None else y
    width = x.shape[1]
    pairs = len(x) * len(other) / (2 if y is None else 1)
    best = Plan(np.arange(64 * width), EVERYTHING)
    least = pairs * _PAIR * width
    if least < _BRUTE_NS:
        return best
    from facecurate.similar.buckets import permute

    rows, counted = _strided(x, _SAMPLE), _strided(other, _COUNTED)
    informative = _entropy(counted)
    for sizes in _cuts(width):
        if 1 << max(map(max, sizes)) > _SPARSE * max(len(x), len(other)):
            continue
        places = _dealt(informative, sizes)
        tables = Plan(places, ()).tables
        keys, table = permute(rows, tables), permute(counted, tables)
        scale = pairs / (len(rows) * len(counted)), pairs / (len(rows) * len(other))
        costs = [
            _costs(keys[word, : len(rows)], table[word, : len(counted)], shift, size,
                   scale, len(x) + len(other), width)
            for word, shift, size in _laid(sizes)
        ]  # fmt: skip
        radii, cost = _cheapest(costs, distance)
        if cost < least:
            laid = zip(_laid(sizes), radii, strict=True)
            best, least = Plan(places, tuple(Substring(*s, r) for s, r in laid if r >= 0)), cost
    return best


def _strided(words: Words, count: int) -> Words:
    """At most about ``count`` rows, evenly spread."""
    return np.ascontiguousarray(words[:: max(1, len(words) // count)])


def _entropy(words: Words) -> NDArray[np.float64]:
    """(64 W,) the entropy of each bit over the rows."""
    few = _strided(words, 1 << 14)
    bits = np.unpackbits(few.view(np.uint8), axis=1, bitorder="little")
    share = np.clip(bits.mean(axis=0), 1e-9, 1 - 1e-9)
    entropy: NDArray[np.float64] = -share * np.log2(share) - (1 - share) * np.log2(1 - share)
    return entropy


def _cuts(width: int) -> Iterator[list[list[int]]]:
    """For every number of substrings a word: their sizes, (W lists)."""
    for count in range(-(-64 // _MOST_BITS), 64 // _LEAST_BITS + 1):
        yield [[64 // count + (k < 64 % count) for k in range(count)]] * width


def _laid(sizes: list[list[int]]) -> Iterator[tuple[int, int, int]]:
    """Word, shift and size of each substring."""
    for word, cut in enumerate(sizes):
        for k, size in enumerate(cut):
            yield word, sum(cut[:k]), size


def _dealt(informative: NDArray[np.float64], sizes: list[list[int]]) -> NDArray[np.int64]:
    """Where each bit goes, so that every substring gets as much information as the next.

    The bits are dealt in the order of their entropy, forth and back. Neighbours, which in
    perceptual hashes go together, come apart.
    """
    room = [list(range(64 * w + s, 64 * w + s + size)) for w, s, size in _laid(sizes)]
    order = np.argsort(-informative, kind="stable").tolist()
    places = np.empty(len(order), np.int64)
    hands = list(range(len(room)))
    while order:
        for hand in hands:
            if room[hand] and order:
                places[order.pop(0)] = room[hand].pop(0)
        hands.reverse()
    return places


def _costs(
    keys: Words,
    table: Words,
    shift: int,
    size: int,
    scale: tuple[float, float],
    rows: int,
    width: int,
) -> list[float]:
    """Nanoseconds of searching one substring to radius -1, 0, 1, ...

    scale: how many pairs a pair of a key and a row of the table stands for, and how many rows a
    key stands for; rows: of both sides.
    """
    from facecurate.similar.buckets import around, histogram

    counts = histogram(table, len(table), np.uint64(shift), 1 << size)
    mine = (keys >> np.uint64(shift)) & np.uint64((1 << size) - 1)
    ends = np.array([len(ball(size, r)) for r in range(_RADII)])
    within, occupied = around(counts, mine, ball(size, _RADII - 1), ends)
    probed = int((counts > 0).sum())
    probe = _NEAR_PROBE if (1 << size) <= _IN_CACHE else _FAR_PROBE
    told = within * scale[0] * _PAIR * width + occupied * scale[1] * _ROW + probed * ends * probe
    return [0.0, *(told + _SORT * rows).tolist()]


def _cheapest(costs: list[list[float]], distance: int) -> tuple[list[int], float]:
    """The radii with sum (r + 1) = distance + 1 of least cost; infinite where none reach it."""
    need = distance + 1
    best = [0.0] + [np.inf] * need  # cost of a sum so far
    ways: list[list[int]] = [[] for _ in range(need + 1)]
    for cost in costs:
        options = [
            [(best[total - step] + cost[step], step) for step in range(min(total, _RADII) + 1)]
            for total in range(need + 1)
        ]
        chosen = [min(option) for option in options]
        ways = [[*ways[total - step], step - 1] for total, (_, step) in enumerate(chosen)]
        best = [value for value, _ in chosen]
    return ways[need], best[need]
