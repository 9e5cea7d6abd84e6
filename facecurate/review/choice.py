"""Which clusters are shown: the largest, those with the most doubtful copies, and a sample.

The choice is bounded, whatever the dataset's size, and depends on the table alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facecurate.review.ledger import Ledger

LARGEST = 6  # clusters of each level
DOUBTFUL = 18
SAMPLED = 6  # of each method, upright and mirrored apart
SHOWN = 7  # copies beside the kept picture
GROUPS = ("doubtful", "largest", "sample")
_SEED = 0xC0B1


@dataclass(frozen=True, slots=True)
class Copy:
    """A picture, and how it equals the one that is kept for it."""

    key: str
    method: str
    mirrored: bool
    distance: float
    verified: str | None = None


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster to be shown: the kept picture, some of its copies, and how many it has."""

    level: str
    kept: str
    copies: Sequence[Copy]  # the farthest first
    count: int  # of all copies


def chosen(ledger: Ledger) -> dict[str, list[Cluster]]:
    """The clusters to be shown by group; each stands in the first group that it falls in."""
    order = np.argsort(ledger.cluster, kind="stable")
    sizes = ledger.sizes()
    ends = np.cumsum(sizes)
    taken: set[int] = set()
    found: dict[str, list[Cluster]] = {}
    for group, numbers in zip(GROUPS, (_doubtful, _largest, _sample), strict=True):
        fresh = [n for n in numbers(ledger) if n not in taken]
        taken.update(fresh)
        found[group] = [_cluster(ledger, order[ends[n] - sizes[n] : ends[n]]) for n in fresh]
    return found


def _cluster(ledger: Ledger, rows: NDArray[np.int64]) -> Cluster:
    kept = rows[ledger.kept[rows]][0]
    copies = sorted(
        rows[~ledger.kept[rows]].tolist(), key=lambda r: (-ledger.distance[r], ledger.key(r))
    )
    return Cluster(
        level=ledger.level,
        kept=ledger.key(kept),
        copies=[_copy(ledger, row) for row in copies[:SHOWN]],
        count=len(copies),
    )


def _copy(ledger: Ledger, row: int) -> Copy:
    return Copy(
        ledger.key(row),
        ledger.methods[ledger.method[row]] if ledger.method[row] >= 0 else "",
        bool(ledger.mirrored[row]),
        float(ledger.distance[row]),
        ledger.verified[row].as_py(),
    )


def _largest(ledger: Ledger) -> list[int]:
    """Clusters of three and more: every other has two pictures."""
    sizes = ledger.sizes()
    order = np.lexsort((_shuffled(len(sizes)), -sizes))[:LARGEST]
    return [int(n) for n in order if sizes[n] > 2]


def _doubtful(ledger: Ledger) -> list[int]:
    """Those with the copies farthest from the kept picture, by every method."""
    found: list[int] = []
    places = _shuffled(len(ledger.sizes()))
    for method in ledger.methods:
        rows = np.flatnonzero(ledger.of(method) & (ledger.distance > 0))
        order = np.lexsort((places[ledger.cluster[rows]], -ledger.distance[rows]))
        found += _first(ledger.cluster[rows[order]], DOUBTFUL)
    return _unique(found)


def _sample(ledger: Ledger) -> list[int]:
    places = _shuffled(len(ledger.sizes()))
    found: list[int] = []
    for method in ledger.methods:
        for mirrored in (False, True):
            rows = np.flatnonzero(ledger.of(method) & (ledger.mirrored == mirrored))
            order = np.argsort(places[ledger.cluster[rows]], kind="stable")
            found += _first(ledger.cluster[rows[order]], SAMPLED)
    return _unique(found)


def _shuffled(count: int) -> NDArray[np.int64]:
    """(count,) the place of each cluster in an order by chance that is always the same."""
    return np.random.default_rng(_SEED).permutation(count)


def _first(numbers: NDArray[np.int64], count: int) -> list[int]:
    """The first ``count`` different numbers, in their order."""
    first = np.sort(np.unique(numbers, return_index=True)[1])[:count]
    return [int(n) for n in numbers[first]]


def _unique(numbers: Iterable[int]) -> list[int]:
    return list(dict.fromkeys(numbers))


def keys_of(clusters: Iterable[Cluster]) -> Iterator[str]:
    """The keys of all pictures of some clusters that are shown."""
    for cluster in clusters:
        yield cluster.kept
        yield from (copy.key for copy in cluster.copies)
