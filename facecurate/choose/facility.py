"""Facility location: chosen frames that stand for as many others, as closely, as can be.

f(S) = sum over frames i of the largest similarity of i to a chosen frame, over the edges of a
nearest-neighbour graph. f is monotone and submodular, so that taking the frame of largest gain,
again and again, reaches 1 - 1/e of the best (Nemhauser, Wolsey and Fisher, 1978); gains only fall,
so that most need not be computed again (Minoux, 1978). Similarities are those of
``Candidates.expressions``.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facecurate.choose.candidates import Candidates, Chosen, Rows
from facecurate.choose.thinning import tiers

NEIGHBOURS = 64
_BLOCK = 2048


@dataclass(frozen=True, slots=True)
class Graph:
    """For each of n frames the frames that it can stand for, itself among them.

    starts (n + 1,), ends and similarities (E,): frame j stands for ``ends[starts[j]:starts[j+1]]``.
    """

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    similarity: NDArray[np.float64]

    def of(self, j: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """What frame j stands for, and how well."""
        part = slice(int(self.starts[j]), int(self.starts[j + 1]))
        return self.ends[part], self.similarity[part]


def facility_location(candidates: Candidates, size: int, seed: int) -> Chosen:
    """The frames that stand for most, greedily; a seed decides between equals alone.

    Tells ``objective``: mean similarity of a frame to its chosen one, and ``bound``: at least
    this share of what the best choice of as many frames reaches on the same graph. Both are of
    the first tier; where it runs out, the next one is chosen from as if nothing were chosen yet.
    """
    chosen: list[NDArray[np.int64]] = []
    told: dict[str, float] = {}
    left = size
    vectors = candidates.expressions()
    for rows in tiers(candidates, seed):
        if left <= 0:
            break
        order = np.argsort(candidates.places("ties", seed)[rows])
        near = graph(vectors[rows[order]])
        picks, value, bound = greedy(near, min(left, len(rows)))
        told = told or {"objective": value / len(rows), "bound": bound}
        chosen.append(rows[order[picks]])
        left -= len(picks)
    return Chosen(np.concatenate(chosen) if chosen else np.empty(0, np.int64), told)


def graph(vectors: NDArray[np.float32], neighbours: int = NEIGHBOURS) -> Graph:
    """The graph of the ``neighbours`` nearest of (n, d) unit vectors, both ways.

    Similarity 1 - distance / reach, never below 0: reach is the median distance (1 - cosine) of
    the last neighbour, so that a frame counts for less the farther it is, whatever the cosines of
    this encoder are like.
    """
    n, k = len(vectors), min(neighbours, len(vectors) - 1)
    if k < 1:
        return Graph(np.arange(n + 1), np.arange(n), np.ones(n))
    near, far = np.empty((n, k), np.int64), np.empty((n, k), np.float64)
    for start in range(0, n, _BLOCK):
        cosine = vectors[start : start + _BLOCK] @ vectors.T
        rows = np.arange(len(cosine))
        cosine[rows, rows + start] = -np.inf
        best = np.argpartition(-cosine, k - 1, axis=1)[:, :k]
        near[start : start + _BLOCK] = best
        far[start : start + _BLOCK] = 1 - np.take_along_axis(cosine, best, axis=1)
    reach = max(float(np.median(far.max(axis=1))), 1e-12)
    similarity = np.maximum(0.0, 1.0 - np.maximum(far, 0.0) / reach)
    return _both_ways(near, similarity)


def _both_ways(near: NDArray[np.int64], similarity: NDArray[np.float64]) -> Graph:
    """Every edge in both directions, once, and of every frame to itself."""
    n, k = near.shape
    i, j, s = np.repeat(np.arange(n), k), near.ravel(), similarity.ravel()
    everyone = np.arange(n)
    tail = np.concatenate([everyone, i, j])
    head = np.concatenate([everyone, j, i])
    weight = np.concatenate([np.ones(n), s, s])
    _, first = np.unique(tail * n + head, return_index=True)  # by tail, then head
    keep = first[weight[first] > 0]
    return Graph(np.searchsorted(tail[keep], np.arange(n + 1)), head[keep], weight[keep])


def greedy(near: Graph, size: int) -> tuple[Rows, float, float]:
    """``size`` frames by largest gain, ties to the first; f of them; a lower bound of f / optimum.

    The bound: no choice of as many exceeds f(S) by more than the ``size`` largest gains left.
    """
    n = len(near.starts) - 1
    best = np.zeros(n)

    def gain(j: int) -> float:
        ends, similarity = near.of(j)
        # Rounded, so that the place decides between equals, and not the last bit.
        return round(float(np.maximum(0.0, similarity - best[ends]).sum()), 9)

    waiting = [(-gain(j), j) for j in range(n)]
    heapq.heapify(waiting)
    picks: list[int] = []
    while len(picks) < size:
        _, j = heapq.heappop(waiting)
        now = (-gain(j), j)
        if waiting and now > waiting[0]:  # another may gain more
            heapq.heappush(waiting, now)
            continue
        picks.append(j)
        ends, similarity = near.of(j)
        best[ends] = np.maximum(best[ends], similarity)
    value = float(best.sum())
    most = sorted((gain(j) for _, j in waiting), reverse=True)[:size]
    bound = value / (value + sum(most)) if value else 1.0
    return np.array(picks, np.int64), value, bound
