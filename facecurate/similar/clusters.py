"""Clusters around the pictures that are kept: nothing is dropped for a picture unlike itself.

Union-find alone chains: A like B and B like C puts A and C together, however different. So a
connected component is split around kept members, and every other member has an edge of its own
to the one it is dropped for. The result depends on the edges and the ranks alone, not on any
order.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from facecurate.similar.verify import Edges

KEEP_RULES = ("largest", "sharpest", "first")
"""What is kept of a cluster: the most pixels, the sharpest, or the smallest key."""


class Kept(NamedTuple):
    """For each of N pictures the one kept for it (itself when kept) and the edge to that one.

    kept: (N,) int64; edge: (N,) int64 position in the edges, -1 for kept pictures.
    """

    kept: NDArray[np.int64]
    edge: NDArray[np.int64]


def ranks(
    keys: list[str], size: NDArray[np.float64], sharpness: NDArray[np.float64], keep: str
) -> NDArray[np.int64]:
    """(N,) the place of each picture in the order of keeping, 0 = kept before all others.

    keys: unique; size: pixels of the photo or of the face; sharpness: higher is sharper, NaN
    where unknown (comes last). ``largest`` and ``sharpest`` decide ties by the other measure,
    then by the smaller key; ``first`` takes the smaller key.
    """
    if keep not in KEEP_RULES:
        raise ValueError(f"keep {keep!r}: choose one of {', '.join(KEEP_RULES)}")
    order = np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.int64)
    by_key = _places(order)
    if keep == "first":
        return by_key
    large, sharp = -_known(size), -_known(sharpness)
    major, minor = (large, sharp) if keep == "largest" else (sharp, large)
    return _places(np.lexsort((by_key, minor, major)))


def components(count: int, i: NDArray[np.int64], j: NDArray[np.int64]) -> NDArray[np.int64]:
    """(count,) the smallest row that each row is connected with, by union-find."""
    parent = list(range(count))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for a, b in zip(i.tolist(), j.tolist(), strict=True):
        low, high = sorted((root(a), root(b)))
        parent[high] = low
    return np.array([root(row) for row in range(count)], dtype=np.int64)


def around_kept(rank: NDArray[np.int64], edges: Edges) -> Kept:
    """Splits the components of ``edges`` around kept pictures.

    rank: (N,) from ``ranks``. In the order of rank a picture is kept unless it has an edge to
    one kept before it; each of the others goes to the better kept one that it is surest to
    equal: by method, then distance, then upright before mirrored, then rank. No two kept
    pictures have an edge, and the kept one is the best of its cluster.
    """
    is_kept = _independent(rank, edges)
    kept, edge = np.arange(len(rank)), np.full(len(rank), -1)
    members = np.concatenate([edges.i, edges.j])
    others = np.concatenate([edges.j, edges.i])
    number = np.tile(np.arange(len(edges.i)), 2)
    usable = is_kept[others] & (rank[others] < rank[members])
    members, others, number = members[usable], others[usable], number[usable]
    best = np.lexsort(
        (
            rank[others],
            edges.mirrored[number],
            edges.distance[number],
            edges.method[number],
            members,
        )
    )
    first = best[np.unique(members[best], return_index=True)[1]]
    kept[members[first]], edge[members[first]] = others[first], number[first]
    return Kept(kept, edge)


def _independent(rank: NDArray[np.int64], edges: Edges) -> NDArray[np.bool_]:
    """(N,) whether each picture is kept: greedily by rank, no kept one beside another."""
    better = np.where(rank[edges.i] < rank[edges.j], edges.i, edges.j)
    worse = edges.i + edges.j - better
    order = np.argsort(rank[worse], kind="stable")
    kept = np.ones(len(rank), dtype=np.bool_)
    for a, b in zip(better[order].tolist(), worse[order].tolist(), strict=True):
        # All edges from b to better ones come together, after those that decide the better ones.
        if kept[a]:
            kept[b] = False
    return kept


def _places(order: NDArray[np.int64]) -> NDArray[np.int64]:
    places = np.empty(len(order), dtype=np.int64)
    places[order] = np.arange(len(order))
    return places


def _known(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.isnan(values), -np.inf, values)
