"""What an earlier search found, so that a later one compares only what has come since.

Two nodes are settled when the pictures that speak for them spoke for nodes before: then every pair
of the two was looked at, and what came of it stands in the table of edges. Of all other pairs at
least one node is new, or has another speaker now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from facecurate.similar.edges import HASH, MEMBERS, REFUSED, REGISTERED, told_of
from facecurate.similar.items import Nodes
from facecurate.similar.register import SAME
from facecurate.similar.verify import METHODS, Edges


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """An earlier search of some of the N pictures, by the same rules.

    edges: as ``edge_table`` made it; seen: (N,) bool, pictures that took part as they are now;
    unasked: pairs that the budget left out; whole: whether every picture of then is still there.
    """

    edges: pa.Table
    seen: NDArray[np.bool_]
    unasked: int = 0
    whole: bool = True


class Recalled(NamedTuple):
    """What is known of the nodes.

    settled: (hashed,) bool; edges: between settled nodes, by hash; asked: pairs of settled nodes
    that were registered, with their agreements; unasked: pairs of settled nodes that were not.
    """

    settled: NDArray[np.bool_]
    edges: Edges
    asked: Edges
    unasked: int


def recall(earlier: Earlier, keys: Sequence[str], nodes: Nodes) -> Recalled | None:
    """What the earlier search says of the nodes of N pictures, or None where it does not say.

    Where pairs were left out, those asked about were the nearest of *that* search. They are the
    nearest of these nodes only if all of its pictures still speak as they did.
    """
    spoken = pa.array([keys[row] for row in nodes.leader[: nodes.hashed].tolist()], pa.string())
    members = pc.is_in(earlier.edges["verified"], pa.array(MEMBERS, pa.string()))
    silent = earlier.edges["key"].filter(members)
    settled = earlier.seen[nodes.leader[: nodes.hashed]]
    settled &= ~np.asarray(pc.is_in(spoken, silent.combine_chunks()), np.bool_)
    if earlier.unasked and not (earlier.whole and _undisturbed(earlier, nodes, settled)):
        return None
    key, other = (
        np.asarray(pc.fill_null(pc.index_in(earlier.edges[name], spoken), -1)).astype(np.int64)
        for name in ("key", "other")
    )
    told = told_of(earlier.edges, key, other)
    there = (key >= 0) & (other >= 0) & (told.method != METHODS.index("photo"))
    there[there] = settled[key[there]] & settled[other[there]]
    number = np.arange(nodes.hashed)
    same = told.edges(number, there & (told.verified == REGISTERED))
    # The table's floats are short; what was accepted at the limit is not refused for that.
    same = same._replace(agreement=np.maximum(same.agreement, SAME))
    unlike = told.edges(number, there & (told.verified == REFUSED))
    return Recalled(
        settled,
        told.edges(number, there & (told.verified == HASH)),
        Edges.concatenate([same, unlike]),
        earlier.unasked,
    )


def _undisturbed(earlier: Earlier, nodes: Nodes, settled: NDArray[np.bool_]) -> bool:
    """Whether every hashed picture seen before is in a node that is settled."""
    of = nodes.of[earlier.seen]
    return bool(settled[of[of < nodes.hashed]].all())
