"""Which of our pictures equal one of theirs: the same two stages, between two lists."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facecurate.similar import doubts, judging, verify
from facecurate.similar.items import Items, Nodes, collapse
from facecurate.similar.judging import Rules
from facecurate.similar.verify import Edges


@dataclass(frozen=True, slots=True)
class Match:
    """One of our pictures and the one of theirs that it is surest to equal; see ``ClusterRow``."""

    key: str
    other_key: str
    method: str
    mirrored: bool
    distance: float
    verified: str
    agreement: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """The matches in the order of our keys, and what it took to find them."""

    matches: list[Match]
    pairs: int
    candidates: int
    registered: int
    not_registered: int


def find_overlap(
    ours: Items, theirs: Items, rules: Rules, *, registered: doubts.Registered | None = None
) -> Overlap:
    """Equal bytes, then hashes upright and mirrored, then registration of what is in doubt.

    ``registered`` takes rows of ours and of theirs. The result does not depend on any order.
    """
    one, two = (collapse(items, _by_key(items)) for items in (ours, theirs))
    batches = judging.between(one.side(ours), two.side(theirs), rules, registered is not None)
    found = doubts.collect(batches, rules.budget)
    settled = found.settle(registered, one.leader, two.leader)
    edges = _surest(Edges.concatenate([found.edges, settled.edges]))
    return Overlap(
        matches=_matches(ours, theirs, one, two, edges),
        pairs=one.hashed * two.hashed,
        candidates=found.candidates,
        registered=settled.asked,
        not_registered=settled.unasked,
    )


def _by_key(items: Items) -> NDArray[np.int64]:
    place = np.empty(len(items.keys), np.int64)
    place[sorted(range(len(items.keys)), key=items.keys.__getitem__)] = np.arange(len(place))
    return place


def _surest(edges: Edges) -> Edges:
    """One edge for each of our rows: by hash if there is one, the nearest, upright, the first."""
    asked = ~np.isnan(edges.agreement)
    order = np.lexsort((edges.j, edges.mirrored, edges.distance, asked, edges.i))
    return edges.take(order[np.unique(edges.i[order], return_index=True)[1]])


def _matches(ours: Items, theirs: Items, one: Nodes, two: Nodes, edges: Edges) -> list[Match]:
    edge_of = dict(zip(edges.i.tolist(), range(len(edges.i)), strict=True))
    bytes_of = {s: k for k, s in sorted(zip(theirs.keys, theirs.sha256, strict=True)) if s}
    found = []
    for row in sorted(range(len(ours.keys)), key=ours.keys.__getitem__):
        key, digest = ours.keys[row], ours.sha256[row]
        edge = edge_of.get(int(one.of[row]))
        if digest is not None and digest in bytes_of:
            found.append(Match(key, bytes_of[digest], "exact", False, 0.0, "bytes", None))
        elif edge is not None:
            other = theirs.keys[int(two.leader[edges.j[edge]])]
            agreed = float(edges.agreement[edge])
            asked = not np.isnan(agreed)
            found.append(
                Match(
                    key,
                    other,
                    verify.METHODS[int(edges.method[edge])],
                    bool(edges.mirrored[edge]),
                    float(edges.distance[edge]),
                    "registered" if asked else "hash",
                    agreed if asked else None,
                )
            )
    return found
