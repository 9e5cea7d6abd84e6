"""The edges of one level as a table: who equals whom, and what was found unlike when laid on it.

Pictures with equal bytes or equal hashes are one node; the one that would be kept speaks for it. A
table has a row for every other member of a node (``verified`` is ``bytes`` or ``equal``), naming
who speaks for it, and a row for every edge between two that speak. A row whose two keys are one
says that its picture took the place of one that is gone, and was compared with nothing itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from facecurate.errors import DamagedError
from facecurate.records import EDGE_SCHEMA
from facecurate.similar.items import Nodes, best
from facecurate.similar.verify import METHODS, Edges, Index

COLUMNS = pa.schema([field for field in EDGE_SCHEMA if field.name != "level"])

BYTES, EQUAL, HASH, REGISTERED, REFUSED = "bytes", "equal", "hash", "registered", "refused"
MEMBERS = (BYTES, EQUAL)

_WAY = ("key", "other", "method", "mirrored", "distance", "verified")


class Known(NamedTuple):
    """What a table says of the pictures that are there.

    nodes: of these pictures (``hashed`` is not known and 0); edges: all but those of method
    ``photo``; refused: pairs that were registered and are unlike; heirs: (M,) bool, nodes whose
    speaker is not the one that was compared.
    """

    nodes: Nodes
    edges: Edges
    refused: Edges
    heirs: NDArray[np.bool_]


class Told(NamedTuple):
    """Rows of the table: positions in some list of keys, and what stands beside them."""

    key: Index
    other: Index
    method: NDArray[np.int64]
    mirrored: NDArray[np.bool_]
    distance: NDArray[np.int64]
    verified: NDArray[np.object_]
    agreement: NDArray[np.float64]

    def edges(self, number: Index, chosen: NDArray[np.bool_]) -> Edges:
        """The chosen rows; number: the node of each position."""
        i, j = number[self.key[chosen]], number[self.other[chosen]]
        return Edges(
            np.minimum(i, j),
            np.maximum(i, j),
            self.method[chosen],
            self.mirrored[chosen],
            self.distance[chosen],
            self.agreement[chosen],
        )


def edge_table(
    keys: Sequence[str],
    nodes: Nodes,
    edges: Edges,
    refused: Edges,
    heirs: NDArray[np.bool_] | None = None,
) -> pa.Table:
    """The table of everything that is known of N pictures; its order follows from its content."""
    inherited = nodes.leader[:0] if heirs is None else nodes.leader[heirs]
    rows = np.arange(len(keys))
    leader = nodes.leader[nodes.of]
    copies = np.flatnonzero(nodes.same != rows)
    alike = np.flatnonzero((nodes.same == rows) & (leader != rows))
    registered = ~np.isnan(edges.agreement)
    parts = [
        _members(copies, nodes.same[copies], BYTES),
        _members(alike, leader[alike], EQUAL),
        _members(inherited, inherited, EQUAL),
        _between(keys, edges.take(~registered), nodes.leader, HASH),
        _between(keys, edges.take(registered), nodes.leader, REGISTERED),
        _between(keys, refused, nodes.leader, REFUSED),
    ]
    return _table(keys, parts)


def _members(rows: Index, other: Index, verified: str) -> Told:
    count = len(rows)
    method = METHODS.index("exact" if verified == BYTES else "phash")
    whole = np.full(count, method), np.zeros(count, np.bool_), np.zeros(count, np.int64)
    return Told(rows, other, *whole, np.full(count, verified, object), np.full(count, np.nan))


def _between(keys: Sequence[str], edges: Edges, leader: Index, verified: str) -> Told:
    """Edges as rows, the smaller key first."""
    i, j, method, mirrored, distance, agreement = edges
    ends = zip(leader[i].tolist(), leader[j].tolist(), strict=True)
    ordered = [(a, b) if keys[a] < keys[b] else (b, a) for a, b in ends]
    key, other = np.array(ordered, np.int64).reshape(-1, 2).T
    return Told(
        key, other, method, mirrored, distance, np.full(len(i), verified, object), agreement
    )


def _table(keys: Sequence[str], parts: Iterable[Told]) -> pa.Table:
    key, other, method, mirrored, distance, verified, agreement = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    names = [pa.array([keys[row] for row in ends.tolist()], pa.string()) for ends in (key, other)]
    columns = [
        *names,
        pa.array([METHODS[m] for m in method.tolist()], pa.string()),
        pa.array(mirrored, pa.bool_()),
        pa.array(distance.astype(np.float32)),
        pa.array(verified, pa.string()),
        pa.array(agreement.astype(np.float32), mask=np.isnan(agreement)),
    ]
    table = pa.Table.from_arrays(columns, schema=COLUMNS)
    return table.sort_by([(name, "ascending") for name in _WAY])


# -- back --------------------------------------------------------------------------------------


def read_edges(table: pa.Table, keys: Sequence[str], place: NDArray[np.int64]) -> Known:
    """What the table says of the N pictures ``keys``.

    place: (N,) the order in which the pictures would be kept. Pictures of the table that are not
    among ``keys`` are gone; what equals them stays joined through them. Raises DamagedError.
    """
    told, every = _placed(table, keys)
    same, centre = _centres(told, every)
    heir = np.zeros(every, np.bool_)
    heir[told.key[told.key == told.other]] = True
    at = np.concatenate([place, len(keys) + np.arange(every - len(keys))])  # those gone come last
    of = np.unique(centre, return_inverse=True)[1]
    leader = best(of, at)
    alive = leader < len(keys)
    number = np.cumsum(alive) - 1
    classes = np.unique(same[: len(keys)], return_inverse=True)[1]
    spoken = centre[leader] != leader
    there = told.method != METHODS.index("photo")
    there &= alive[of[told.key]] & alive[of[told.other]]
    return Known(
        Nodes(number[of[: len(keys)]], leader[alive], 0, best(classes, place)[classes]),
        told.edges(number[of], there & np.isin(told.verified, (HASH, REGISTERED))),
        told.edges(number[of], there & (told.verified == REFUSED)),
        (spoken | heir[leader])[alive],
    )


def _placed(table: pa.Table, keys: Sequence[str]) -> tuple[Told, int]:
    """The rows by positions in ``keys`` and beyond, for those not among them; all positions."""
    known = pa.array(keys, pa.string())
    ends = [table["key"].combine_chunks(), table["other"].combine_chunks()]
    named = pc.unique(pa.concat_arrays([_flat(end) for end in ends]))
    fresh = named.filter(pc.invert(pc.is_in(named, known)))
    universe = pa.concat_arrays([known, fresh])
    key, other = (np.asarray(pc.index_in(_flat(end), universe)).astype(np.int64) for end in ends)
    return told_of(table, key, other), len(universe)


def told_of(table: pa.Table, key: Index, other: Index) -> Told:
    """The rows of a table beside the positions of their ends. Raises DamagedError."""
    method = pc.index_in(table["method"], pa.array(METHODS, pa.string()))
    if method.null_count or table["verified"].null_count or table["distance"].null_count:
        raise DamagedError("the table of edges has rows without a word: 'facecurate dedupe --redo'")
    return Told(
        key,
        other,
        method.to_numpy().astype(np.int64),
        table["mirrored"].to_numpy().astype(np.bool_),
        table["distance"].to_numpy().astype(np.int64),
        table["verified"].to_numpy(),
        table["agreement"].to_numpy().astype(np.float64),
    )


def _centres(told: Told, every: int) -> tuple[Index, Index]:
    """(every,) who speaks for each picture's bytes, and for its node."""
    same, up = np.arange(every), np.arange(every)
    for to, verified in ((same, BYTES), (up, EQUAL)):
        rows = told.verified == verified
        to[told.key[rows]] = told.other[rows]
    centre = up[same]
    if (same[same] != same).any() or (centre[centre] != centre).any():
        raise DamagedError("the table of edges goes round in circles: 'facecurate dedupe --redo'")
    return same, centre


def _flat(column: pa.Array) -> pa.Array:
    """One array, also where pyarrow gives a chunked one."""
    return pa.concat_arrays(column.chunks) if isinstance(column, pa.ChunkedArray) else column
