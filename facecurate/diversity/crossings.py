"""Pairs of frames that lie in different splits: counted, and the nearest of them listed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facecurate.diversity import kernels
from facecurate.diversity.cosines import Block
from facecurate.diversity.places import Index, Places
from facecurate.similar import products
from facecurate.similar.products import Rows

_ROOM = 1 << 16


@dataclass(frozen=True, slots=True)
class Crossings:
    """Pairs of frames of different splits at or above a cosine.

    tau: the cosine; i, j: (P,) rows of the listed pairs, i of the split that comes first by its
    code, and cosine: (P,), the nearest first, at most as many as were asked for; counts:
    (2, K, K) how many pairs there are of split a and split b (a < b), of different groups and of
    the same group. exact: False where a sample was compared with all frames; then counts are
    estimates and the list holds the pairs of the sample.
    """

    tau: float
    i: Index
    j: Index
    cosine: NDArray[np.float64]
    counts: NDArray[np.float64]
    exact: bool

    @property
    def total(self) -> float:
        """All pairs between splits."""
        return float(self.counts.sum())


class Listed:
    """Collects the pairs between splits; the list does not depend on the order of adding.

    weight: (N,) what a pair met from the frame at each place counts: 1 where every pair is met
    once; where a sample is compared with all, half the frames that the one sampled stands for.
    """

    def __init__(
        self, rows: Rows, at: Places, tau: float, splits: int, weight: NDArray[np.float64],
        cap: int,
    ) -> None:  # fmt: skip
        self.rows, self.at, self.tau, self.splits, self.cap = rows, at, tau, splits, cap
        self.weight = weight
        self.counts = np.zeros((2, splits, splits))
        self.i, self.j = np.empty(0, np.int64), np.empty(0, np.int64)
        self.cosine = np.empty(0, np.float64)
        self.floor = -np.inf  # what lies below it is not among the nearest

    def empty(self) -> Listed:
        """Another one, to add to this one later."""
        return Listed(self.rows, self.at, self.tau, self.splits, self.weight, self.cap)

    def scan(self, block: Block, slack: float, mine: Index, left: int, mirror: bool) -> bool:
        """Adds the pairs of a block, whose entries may be wrong by ``slack``.

        False, and nothing is added, if that proposes too many.
        """
        limit = np.float32(self.tau - kernels.ROUNDING)
        i, j = np.empty(_ROOM, np.int64), np.empty(_ROOM, np.int64)
        row, column = 0, 0
        while row < len(block):
            found, row, column = kernels.crossers(
                block, mine, left, mirror, limit - np.float32(slack), self.at.split, row, column,
                i, j,
            )  # fmt: skip
            if slack and row < len(block):
                return False
            ours, theirs = mine[i[:found]], left + j[:found]
            cosine: NDArray[Any] = block[i[:found], j[:found]]
            if slack:
                cosine = products.cosines(self.rows, self.at.row[ours], self.at.row[theirs])
            near = cosine >= limit
            self._enter(ours[near], theirs[near], cosine[near])
        return True

    def add(self, other: Listed) -> None:
        """Adds all that another one found."""
        self.counts += other.counts
        self._list(other.i, other.j, other.cosine)

    def told(self, exact: bool) -> Crossings:
        """What was found."""
        self._prune()
        pairs, first = np.unique(np.stack([self.i, self.j]), axis=1, return_index=True)
        cosine = self.cosine[first]  # each pair once: a sample meets some of them twice
        order = np.lexsort((pairs[1], pairs[0], -cosine))
        return Crossings(
            self.tau, pairs[0][order], pairs[1][order], cosine[order], self.counts, exact
        )

    def _enter(self, ours: Index, theirs: Index, cosine: NDArray[Any]) -> None:
        """Counts pairs of places and lists the rows of those that are near enough."""
        turn = self.at.split[ours] > self.at.split[theirs]
        first, second = np.where(turn, theirs, ours), np.where(turn, ours, theirs)
        same = (self.at.group[first] == self.at.group[second]).astype(np.int64)
        kind = (same * self.splits + self.at.split[first]) * self.splits + self.at.split[second]
        counts = np.bincount(kind, self.weight[ours], minlength=self.counts.size)
        self.counts += counts.reshape(self.counts.shape)
        near = cosine >= self.floor - kernels.ROUNDING
        i, j = self.at.row[first[near]], self.at.row[second[near]]
        self._list(i, j, products.cosines(self.rows, i, j))

    def _list(self, i: Index, j: Index, cosine: NDArray[np.float64]) -> None:
        self.i, self.j = np.concatenate([self.i, i]), np.concatenate([self.j, j])
        self.cosine = np.concatenate([self.cosine, cosine])
        if len(self.i) > 2 * self.cap:
            self._prune()

    def _prune(self) -> None:
        if len(self.i) <= self.cap:
            return
        order = np.lexsort((self.j, self.i, -self.cosine))[: self.cap]
        self.i, self.j, self.cosine = self.i[order], self.j[order], self.cosine[order]
        self.floor = float(self.cosine[-1])
