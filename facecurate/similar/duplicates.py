"""Which pictures are the same picture: exact bytes, perceptual hashes, clusters, in one call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from facecurate.similar import clusters, doubts, judging, verify
from facecurate.similar.deciding import ClusterRow, SamePicture, brought, decide
from facecurate.similar.earlier import Earlier, Recalled, recall
from facecurate.similar.edges import edge_table
from facecurate.similar.items import Items, Nodes, collapse
from facecurate.similar.judging import Rules
from facecurate.similar.verify import Edges, Verified

if TYPE_CHECKING:
    from facecurate.similar import neighbours


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicates:
    """Rows by cluster, the kept one first, then by key; their edges; what it took to find them.

    edges: as ``edges.edge_table`` makes it; ``deciding.clusters_from_edges`` gives the rows again;
    added: whether only what is new was compared, and registered counts of that alone.
    Counts are of distinct pictures: pictures with equal bytes or equal hashes count as one.
    """

    rows: list[ClusterRow]
    edges: pa.Table
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
    added: bool
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
    earlier: Earlier | None = None,
) -> Duplicates:
    """The clusters of equal pictures among ``items``, whatever their order.

    Equal bytes first, then two stages of perceptual hashes (``verify``) upright and mirrored,
    then clusters around kept pictures (``clusters``). Pictures without a usable hash equal only
    those with the same bytes. ``also`` brings edges of method ``photo``; ``registered`` decides
    about pairs that hashes leave in doubt; ``vectors`` propose further pairs. ``earlier``: what a
    search of fewer pictures found; only the others are compared, and the result is the same. It is
    not used where it does not suffice (``recall``), nor with vectors, whose search takes all.
    """
    rules = rules or Rules()
    place = clusters.ranks(list(items.keys), items.size, items.sharpness, rules.keep)
    nodes = collapse(items, place)
    known = recall(earlier, items.keys, nodes) if earlier and not vectors else None
    search = _search(vectors, nodes)
    side, doubting = nodes.side(items), registered is not None
    if known is None:
        found = doubts.collect(judging.within(side, rules, search, doubting), rules.budget)
    else:
        new = judging.added(side, known.settled, rules, doubting)
        found = doubts.collect(chain([_as_judged(known)], new), rules.budget)
    settled = found.settle(registered, nodes.leader, nodes.leader)
    edges = Edges.concatenate([found.edges, settled.edges, brought(items.keys, nodes, also)])
    component = clusters.components(len(nodes.leader), edges.i, edges.j)
    solved = clusters.around_kept(place[nodes.leader], edges)
    return Duplicates(
        rows=decide(items.keys, nodes, edges, solved),
        edges=edge_table(items.keys, nodes, edges, settled.refused),
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
        not_registered=settled.unasked + (known.unasked if known else 0),
        added=known is not None,
        recall=search.recall if search else None,
    )


def _as_judged(known: Recalled) -> Verified:
    """What is known, as if it had been compared just now."""
    return Verified(known.edges, known.asked, 0, None)


def _largest(groups: NDArray[np.int64]) -> int:
    return int(np.bincount(groups).max()) if len(groups) else 0


def _search(vectors: Vectors | None, nodes: Nodes) -> neighbours.Search | None:
    """Neighbours among the pictures that speak for the hashed nodes."""
    if vectors is None:
        return None
    # Here, because it imports numba and torch, which take longer to start than most commands.
    from facecurate.similar import neighbours

    return neighbours.prepare(vectors.rows[nodes.leader[: nodes.hashed]], vectors.similarity)
