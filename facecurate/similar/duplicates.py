"""Which pictures are the same picture: exact bytes, perceptual hashes, clusters, in one call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from facecurate.similar import clusters, doubts, judging, verify
from facecurate.similar.items import Items, Nodes, collapse
from facecurate.similar.judging import Rules
from facecurate.similar.verify import Edges

if TYPE_CHECKING:
    from facecurate.similar import neighbours


@dataclass(frozen=True, slots=True)
class ClusterRow:
    """One picture of a cluster of two or more; a row of ``clusters.parquet`` without its level.

    cluster: 0, 1, ... in the order of the clusters' smallest keys; method, mirrored and distance
    (bits of the 256-bit hash) say how the picture equals ``kept_key``, ``verified`` what decided
    (bytes, hash, registered) and ``agreement`` how well the two agree where they were registered;
    method and verified are None for the kept picture itself.
    """

    key: str
    cluster: int
    keep: bool
    kept_key: str
    method: str | None
    mirrored: bool
    distance: float
    verified: str | None = None
    agreement: float | None = None


@dataclass(frozen=True, slots=True)
class SamePicture:
    """Two items known to show the same for another reason: faces at one place of a photo's copies.

    distance: bits of the 256-bit hash between the photos.
    """

    key: str
    other: str
    mirrored: bool
    distance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicates:
    """The rows, sorted by cluster, kept first, then key, and what it took to find them.

    Counts are of distinct pictures: pictures with equal bytes or equal hashes count as one.
    """

    rows: list[ClusterRow]
    distinct: int
    uninformative: int
    pairs: int
    candidates: int
    verified: int
    farthest_accepted: int | None
    nearest_refused: int | None
    largest_component: int
    largest_cluster: int
    registered: int
    not_registered: int
    recall: neighbours.Recall | None

    @property
    def false_edges_at_most(self) -> float:
        """Expected false edges if the rate is at its 95 % bound: ``FALSE_EDGE_RATE`` x pairs."""
        return verify.FALSE_EDGE_RATE * self.pairs


@dataclass(frozen=True, slots=True)
class Vectors:
    """A vector for every item, (N, D), and the cosine from which two are worth a closer look."""

    rows: NDArray[np.float32]
    similarity: float


def find_duplicates(
    items: Items,
    rules: Rules | None = None,
    *,
    also: Sequence[SamePicture] = (),
    registered: doubts.Registered | None = None,
    vectors: Vectors | None = None,
) -> Duplicates:
    """The clusters of equal pictures among ``items``, whatever their order.

    Equal bytes first, then two stages of perceptual hashes (``verify``) upright and mirrored,
    then clusters around kept pictures (``clusters``). Pictures without a usable hash equal only
    those with the same bytes. ``also`` brings edges of method ``photo``; ``registered`` decides
    about pairs that hashes leave in doubt; ``vectors`` propose further pairs.
    """
    rules = rules or Rules()
    place = clusters.ranks(list(items.keys), items.size, items.sharpness, rules.keep)
    nodes = collapse(items, place)
    search = _search(vectors, nodes)
    batches = judging.within(nodes.side(items), rules, search, registered is not None)
    found = doubts.collect(batches, rules.budget)
    settled = found.settle(registered, nodes.source, nodes.source)
    edges = Edges.concatenate([found.edges, settled.edges, _known_edges(items, nodes, also)])
    component = clusters.components(len(nodes.leader), edges.i, edges.j)
    solved = clusters.around_kept(place[nodes.leader], edges)
    return Duplicates(
        rows=_rows(items, nodes, edges, solved),
        distinct=len(nodes.leader),
        uninformative=int((~items.hashes.informative).sum()),
        pairs=nodes.hashed * (nodes.hashed - 1) // 2,
        candidates=found.candidates,
        verified=len(edges.i),
        farthest_accepted=int(edges.distance.max()) if len(edges.i) else None,
        nearest_refused=found.nearest,
        largest_component=_largest(component[nodes.of]),
        largest_cluster=_largest(solved.kept[nodes.of]),
        registered=settled.asked,
        not_registered=settled.unasked,
        recall=search.recall if search else None,
    )


def _largest(groups: NDArray[np.int64]) -> int:
    return int(np.bincount(groups).max()) if len(groups) else 0


def _search(vectors: Vectors | None, nodes: Nodes) -> neighbours.Search | None:
    """Neighbours among the pictures that speak for the hashed nodes."""
    if vectors is None:
        return None
    # Here, because it imports numba and torch, which take longer to start than most commands.
    from facecurate.similar import neighbours

    return neighbours.prepare(vectors.rows[nodes.source[: nodes.hashed]], vectors.similarity)


def _known_edges(items: Items, nodes: Nodes, also: Sequence[SamePicture]) -> Edges:
    """The edges that the caller brings, between nodes; those inside one node say nothing new."""
    row = {key: i for i, key in enumerate(items.keys)}
    ends = [(int(nodes.of[row[a.key]]), int(nodes.of[row[a.other]])) for a in also]
    chosen = [n for n, (i, j) in enumerate(ends) if i != j]
    return Edges.by_hash(
        np.array([min(ends[n]) for n in chosen], np.int64),
        np.array([max(ends[n]) for n in chosen], np.int64),
        np.full(len(chosen), verify.METHODS.index("photo"), np.int64),
        np.array([also[n].mirrored for n in chosen], np.bool_),
        np.array([also[n].distance for n in chosen], np.int64),
    )


def _rows(items: Items, nodes: Nodes, edges: Edges, solved: clusters.Kept) -> list[ClusterRow]:
    """Rows for the members of every cluster of at least two items."""
    members: dict[int, list[int]] = {}
    kept = solved.kept[nodes.of]
    large = np.bincount(kept, minlength=len(nodes.leader)) > 1
    for row in sorted(np.flatnonzero(large[kept]).tolist(), key=items.keys.__getitem__):
        members.setdefault(int(kept[row]), []).append(row)
    rows: list[ClusterRow] = []
    for cluster, (node, inside) in enumerate(members.items()):  # in the order of smallest keys
        leader = int(nodes.leader[node])
        for row in sorted(inside, key=lambda row: row != leader):
            how = _how(items, nodes, edges, solved, row, leader)
            kept_key = items.keys[leader]
            rows.append(ClusterRow(items.keys[row], cluster, row == leader, kept_key, *how))
    return rows


def _how(
    items: Items, nodes: Nodes, edges: Edges, solved: clusters.Kept, row: int, leader: int
) -> tuple[str | None, bool, float, str | None, float | None]:
    """Method, mirrored, distance, verified and agreement of an item to the kept one."""
    if row == leader:
        return None, False, 0.0, None, None
    edge = int(solved.edge[nodes.of[row]])
    if edge >= 0:
        method = verify.METHODS[int(edges.method[edge])]
        mirrored, distance = bool(edges.mirrored[edge]), float(edges.distance[edge])
        agreed = float(edges.agreement[edge])
        if np.isnan(agreed):
            return method, mirrored, distance, "hash", None
        return method, mirrored, distance, "registered", agreed
    if items.sha256[row] is not None and items.sha256[row] == items.sha256[leader]:
        return "exact", False, 0.0, "bytes", None
    return "phash", False, 0.0, "hash", None
