"""From edges to the rows of ``clusters.parquet``: what was compared once need not be read again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from facecurate.similar import clusters, verify
from facecurate.similar.clusters import Kept
from facecurate.similar.edges import edge_table, read_edges
from facecurate.similar.items import Items, Nodes
from facecurate.similar.verify import Edges


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


class Decided(NamedTuple):
    """The rows of ``clusters.parquet`` of one level, and the edges of what is left, as a table."""

    rows: list[ClusterRow]
    edges: pa.Table


def clusters_from_edges(
    edges: pa.Table, items: Items, keep: str, also: Sequence[SamePicture] = ()
) -> Decided:
    """The rows of one level, from its edges and from what is left of its pictures.

    edges: as ``edge_table`` made it, perhaps of more pictures than there are ``items``, of which
    keys, size and sharpness are read; keep: as when the edges were made. Edges of method ``photo``
    follow from what is kept of the photos and are not taken from the table: ``also`` brings them.
    Raises DamagedError for a table that is no such table.
    """
    place = clusters.ranks(list(items.keys), items.size, items.sharpness, keep)
    known = read_edges(edges, items.keys, place)
    nodes = known.nodes
    whole = Edges.concatenate([known.edges, brought(items.keys, nodes, also)])
    solved = clusters.around_kept(place[nodes.leader], whole)
    return Decided(
        decide(items.keys, nodes, whole, solved),
        edge_table(items.keys, nodes, whole, known.refused, known.heirs),
    )


def brought(keys: Sequence[str], nodes: Nodes, also: Sequence[SamePicture]) -> Edges:
    """The edges that the caller brings, between nodes; those inside one node say nothing new."""
    known = pa.array(keys, pa.string())
    told = ([a.key for a in also], [a.other for a in also])
    rows = (np.asarray(pc.index_in(pa.array(one, pa.string()), known)) for one in told)
    ends = list(zip(*(nodes.of[row.astype(np.int64)].tolist() for row in rows), strict=True))
    chosen = [n for n, (i, j) in enumerate(ends) if i != j]
    return Edges.by_hash(
        np.array([min(ends[n]) for n in chosen], np.int64),
        np.array([max(ends[n]) for n in chosen], np.int64),
        np.full(len(chosen), verify.METHODS.index("photo"), np.int64),
        np.array([also[n].mirrored for n in chosen], np.bool_),
        np.array([also[n].distance for n in chosen], np.int64),
    )


def decide(keys: Sequence[str], nodes: Nodes, edges: Edges, solved: Kept) -> list[ClusterRow]:
    """Rows for the members of every cluster of at least two items."""
    members: dict[int, list[int]] = {}
    kept = solved.kept[nodes.of]
    large = np.bincount(kept, minlength=len(nodes.leader)) > 1
    for row in sorted(np.flatnonzero(large[kept]).tolist(), key=keys.__getitem__):
        members.setdefault(int(kept[row]), []).append(row)
    rows: list[ClusterRow] = []
    for cluster, (node, inside) in enumerate(members.items()):  # in the order of smallest keys
        leader = int(nodes.leader[node])
        for row in sorted(inside, key=lambda row: row != leader):
            how = _how(nodes, edges, solved, row, leader)
            kept_key = keys[leader]
            rows.append(ClusterRow(keys[row], cluster, row == leader, kept_key, *how))
    return rows


def _how(
    nodes: Nodes, edges: Edges, solved: Kept, row: int, leader: int
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
    if nodes.same[row] == nodes.same[leader]:
        return "exact", False, 0.0, "bytes", None
    return "phash", False, 0.0, "hash", None
