"""Which pictures are the same picture: exact bytes, perceptual hashes, clusters, in one call."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facecurate.similar import clusters, hamming, verify
from facecurate.similar.verify import Edges, HashTable


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """N pictures of one level (photos, or face crops).

    keys: unique; sha256: of the bytes, None where pictures have no bytes of their own; size:
    (N,) pixels of the photo or the face; sharpness: (N,) higher is sharper, NaN where unknown.
    """

    keys: Sequence[str]
    sha256: Sequence[bytes | None]
    hashes: HashTable
    size: NDArray[np.float64]
    sharpness: NDArray[np.float64]

    def __post_init__(self) -> None:
        lengths = {len(getattr(self, name)) for name in Items.__slots__}
        if len(lengths) > 1:
            raise ValueError(f"the items' columns have different lengths: {sorted(lengths)}")
        if len(set(self.keys)) < len(self.keys):
            raise ValueError("the items' keys are not unique")


@dataclass(frozen=True, slots=True)
class ClusterRow:
    """One picture of a cluster of two or more; a row of ``clusters.parquet`` without its level.

    cluster: 0, 1, ... in the order of the clusters' smallest keys; method, mirrored and distance
    (bits of the 256-bit hash) say how the picture equals ``kept_key``; method is None for the
    kept picture itself.
    """

    key: str
    cluster: int
    keep: bool
    kept_key: str
    method: str | None
    mirrored: bool
    distance: float


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

    @property
    def false_edges_at_most(self) -> float:
        """Expected false edges if the rate is at its 95 % bound: ``FALSE_EDGE_RATE`` x pairs."""
        return verify.FALSE_EDGE_RATE * self.pairs


def find_duplicates(
    items: Items,
    *,
    keep: str = "largest",
    candidate_bits: int = verify.CANDIDATE_BITS,
    verified_bits: int = verify.VERIFIED_BITS,
    also: Sequence[SamePicture] = (),
) -> Duplicates:
    """The clusters of equal pictures among ``items``, whatever their order.

    Equal bytes first, then two stages of perceptual hashes (``verify``) upright and mirrored,
    then clusters around kept pictures (``clusters``). Pictures without a usable hash equal only
    those with the same bytes. ``also`` brings edges of method ``photo``.
    """
    place = clusters.ranks(list(items.keys), items.size, items.sharpness, keep)
    nodes = _nodes(items, place)
    batches = verify.edges(
        items.hashes.take(nodes.source[: nodes.hashed]),
        candidate_bits=candidate_bits,
        verified_bits=verified_bits,
    )
    edges, candidates, nearest = _collect(batches)
    edges = Edges.concatenate([edges, _known_edges(items, nodes, also)])
    component = clusters.components(len(nodes.leader), edges.i, edges.j)
    sizes = np.bincount(component[nodes.of])
    return Duplicates(
        rows=_rows(items, nodes, edges, clusters.around_kept(place[nodes.leader], edges)),
        distinct=len(nodes.leader),
        uninformative=int((~items.hashes.informative).sum()),
        pairs=nodes.hashed * (nodes.hashed - 1) // 2,
        candidates=candidates,
        verified=len(edges.i),
        farthest_accepted=int(edges.distance.max()) if len(edges.i) else None,
        nearest_refused=nearest,
        largest_component=int(sizes.max()) if len(sizes) else 0,
    )


@dataclass(frozen=True, slots=True)
class _Nodes:
    """Items with equal bytes or equal usable hashes, as one node each; the hashed ones first.

    of: (N,) the node of each item; leader: (M,) the item of each node that would be kept;
    source: (M,) the item whose hashes speak for the node; nodes below ``hashed`` have any.
    """

    of: NDArray[np.int64]
    leader: NDArray[np.int64]
    source: NDArray[np.int64]
    hashed: int


def _nodes(items: Items, place: NDArray[np.int64]) -> _Nodes:
    source = _same_bytes(items.sha256, place)
    table = items.hashes
    usable = table.informative[source]
    columns = (table.phash64, table.phash64_mirror, table.phash256, table.phash256_mirror)
    groups = hamming.distinct(np.hstack(columns)[source[usable]])
    of = np.empty(len(source), dtype=np.int64)
    of[usable] = groups.inverse
    of[~usable] = len(groups.first) + np.unique(source[~usable], return_inverse=True)[1]
    order = np.lexsort((place, of))
    leader = order[np.unique(of[order], return_index=True)[1]]
    return _Nodes(of, leader, source[leader], len(groups.first))


def _same_bytes(sha256: Sequence[bytes | None], place: NDArray[np.int64]) -> NDArray[np.int64]:
    """(N,) the best placed item with the same bytes; the item itself where none has."""
    first: dict[bytes, int] = {}
    source = np.arange(len(sha256))
    for row in np.argsort(place).tolist():
        digest = sha256[row]
        if digest is not None:
            source[row] = first.setdefault(digest, row)
    return source


def _collect(batches: Iterable[verify.Verified]) -> tuple[Edges, int, int | None]:
    """All edges, the number of candidates, and the nearest candidate that was refused."""
    parts: list[Edges] = []
    candidates, nearest = 0, None
    for batch in batches:
        parts.append(batch.edges)
        candidates += batch.candidates
        if batch.nearest_refused is not None:
            nearest = min(batch.nearest_refused, nearest or batch.nearest_refused)
    return Edges.concatenate(parts), candidates, nearest


def _known_edges(items: Items, nodes: _Nodes, also: Sequence[SamePicture]) -> Edges:
    """The edges that the caller brings, between nodes; those inside one node say nothing new."""
    row = {key: i for i, key in enumerate(items.keys)}
    ends = [(int(nodes.of[row[a.key]]), int(nodes.of[row[a.other]])) for a in also]
    chosen = [n for n, (i, j) in enumerate(ends) if i != j]
    return Edges(
        np.array([min(ends[n]) for n in chosen], np.int64),
        np.array([max(ends[n]) for n in chosen], np.int64),
        np.full(len(chosen), verify.METHODS.index("photo"), np.int64),
        np.array([also[n].mirrored for n in chosen], np.bool_),
        np.array([also[n].distance for n in chosen], np.int64),
    )


def _rows(items: Items, nodes: _Nodes, edges: Edges, solved: clusters.Kept) -> list[ClusterRow]:
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
            method, mirrored, distance = _how(items, nodes, edges, solved, row, leader)
            kept_key = items.keys[leader]
            is_kept = row == leader
            rows.append(
                ClusterRow(items.keys[row], cluster, is_kept, kept_key, method, mirrored, distance)
            )
    return rows


def _how(
    items: Items, nodes: _Nodes, edges: Edges, solved: clusters.Kept, row: int, leader: int
) -> tuple[str | None, bool, float]:
    """Method, mirrored and distance of an item to the kept item of its cluster."""
    if row == leader:
        return None, False, 0.0
    edge = int(solved.edge[nodes.of[row]])
    if edge >= 0:
        method = verify.METHODS[int(edges.method[edge])]
        return method, bool(edges.mirrored[edge]), float(edges.distance[edge])
    same = items.sha256[row] is not None and items.sha256[row] == items.sha256[leader]
    return ("exact" if same else "phash"), False, 0.0
