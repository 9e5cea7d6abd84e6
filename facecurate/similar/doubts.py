"""Pairs that hashes leave in doubt: the nearest ones are registered, as many as the budget allows.

Registering two crops takes a thousand times as long as comparing two hashes, and in a large dataset
chance brings more pairs into doubt than anybody can wait for. So only the nearest are asked about,
whatever the order in which they come, and how many were not is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from facecurate.similar.register import SAME
from facecurate.similar.verify import Edges, Index, Verified

Registered = Callable[[Sequence[tuple[int, int, bool]]], NDArray[np.float64]]
"""(N,) ``register.agreement`` of pairs of items: two rows, and whether the second is mirrored."""


class Settled(NamedTuple):
    """The pairs that registration calls the same, and the others; how many were not asked about."""

    edges: Edges
    refused: Edges
    asked: int
    unasked: int


@dataclass(slots=True)
class Doubts:
    """Collects pairs in doubt and keeps the nearest ``budget`` of them.

    Pairs that have an agreement were asked about before and are not asked about again.
    """

    budget: int
    seen: int = 0
    _parts: list[Edges] = field(default_factory=list)
    _held: int = 0

    def add(self, pairs: Edges) -> None:
        """More pairs, each at most once."""
        self.seen += len(pairs.i)
        self._held += len(pairs.i)
        self._parts.append(pairs)
        if self._held > 2 * self.budget + 100_000:
            self._parts = [self.nearest()]
            self._held = len(self._parts[0].i)

    def nearest(self) -> Edges:
        """By distance; ties by rows, which hold the same pictures whatever their order."""
        whole = Edges.concatenate(self._parts)
        order = np.lexsort((whole.mirrored, whole.j, whole.i, whole.distance))
        return whole.take(order[: self.budget])


class Collected(NamedTuple):
    """All edges by hash, the number of candidates, the nearest refused one, what is in doubt."""

    edges: Edges
    candidates: int
    nearest: int | None
    doubts: Doubts

    def settle(self, registered: Registered | None, ours: Index, theirs: Index) -> Settled:
        """Registers the nearest pairs in doubt; an edge is what agrees by at least ``SAME``.

        ours, theirs: the items that rows i and j stand for.
        """
        near = self.doubts.nearest()
        if registered is None or not len(near.i):
            none = Edges.concatenate([])
            return Settled(none, none, 0, self.doubts.seen)
        near = near.take(np.lexsort((near.mirrored, near.j, near.i)))  # crops are read in turn
        fresh = np.isnan(near.agreement)
        new = near.take(fresh)
        ends = ours[new.i].tolist(), theirs[new.j].tolist(), new.mirrored.tolist()
        # NaN, nothing of both to be seen, is no agreement; here it would mean not asked about yet.
        near.agreement[fresh] = np.nan_to_num(registered(list(zip(*ends, strict=True))), nan=0.0)
        same = near.agreement >= SAME
        unasked = self.doubts.seen - len(near.i)
        return Settled(near.take(same), near.take(~same), len(new.i), unasked)


def collect(batches: Iterable[Verified], budget: int) -> Collected:
    """Everything that the batches hold, but no more pairs in doubt than can be registered."""
    parts: list[Edges] = []
    waiting = Doubts(budget)
    candidates, nearest = 0, None
    for batch in batches:
        parts.append(batch.edges)
        waiting.add(batch.doubtful)
        candidates += batch.candidates
        if batch.nearest_refused is not None:
            nearest = min(batch.nearest_refused, nearest or batch.nearest_refused)
    return Collected(Edges.concatenate(parts), candidates, nearest, waiting)
