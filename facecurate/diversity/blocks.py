"""The pass over all pairs at work: blocks of cosines, several at a time, read by ``kernels``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from facecurate.diversity import cosines, kernels
from facecurate.diversity.cosines import Block, Centre, Exact, Near
from facecurate.diversity.crossings import Listed
from facecurate.diversity.places import Index, Places
from facecurate.similar import products
from facecurate.similar.products import Rows
from facecurate.workers import Progress, usual_workers

BLOCK = 2048
"""Rows and columns of one block of similarities: 16 MB of float32."""

_ROOM = 1 << 16  # pairs proposed at once; a block with half as many is better made in float32


class _Lane:
    """What one thread writes to: counts for both frames of a pair, and room for its blocks."""

    def __init__(self, rows: Rows, centre: Centre | None, taus: int) -> None:
        frames = len(rows.vectors)
        self.histogram = np.zeros((frames, taus + 1), np.int32)
        self.crossing = np.zeros(frames, np.int16)
        self.exact = Exact(rows, BLOCK)
        near = [Near(rows, centre, BLOCK)] if centre else []
        self.between: Sequence[Near | Exact] = [*near, self.exact]
        self.i, self.j = np.empty(_ROOM, np.int64), np.empty(_ROOM, np.int64)


class Told(NamedTuple):
    """For M places: histogram (M, T + 1), reached (4, M) and crossing (M,), as in ``kernels``."""

    histogram: NDArray[np.int32]
    reached: NDArray[np.int16]
    crossing: NDArray[np.int16]


class Work:
    """Compares the places ``asked``, each tile of them with one range of places after another.

    mirror: all places are asked, and each pair is met once, from the later of its frames; across:
    compare frames of different groups; limits: (T,) ascending cosines; listed: where pairs between
    splits go.
    """

    def __init__(
        self, rows: Rows, at: Places, asked: Index, limits: NDArray[np.float32], *,
        mirror: bool, across: bool, listed: Listed | None,
    ) -> None:  # fmt: skip
        self.rows, self.at, self.asked, self.limits = rows, at, asked, limits
        self.mirror, self.across, self.listed = mirror, across, listed
        self.reached = np.zeros((4, len(at.row)), np.int16)
        centre = Centre(rows) if across and cosines.native() else None
        self._lanes = [_Lane(rows, centre, len(limits)) for _ in range(usual_workers())]
        self._free: SimpleQueue[_Lane] = SimpleQueue()
        for lane in self._lanes:
            self._free.put(lane)

    def run(self, progress: Progress) -> Told:
        """Every tile, the longest first, several at a time."""
        tops = list(range(0, len(self.asked), BLOCK))[::-1]
        progress(0, len(tops))
        with _one_thread_each(), ThreadPoolExecutor(len(self._lanes)) as pool:
            for done, crossers in enumerate(pool.map(self._tile, tops), 1):
                if self.listed and crossers:
                    self.listed.add(crossers)
                progress(done, len(tops))
        return Told(
            np.sum([lane.histogram[self.asked] for lane in self._lanes], axis=0),
            self.reached[:, self.asked],
            np.max([lane.crossing[self.asked] for lane in self._lanes], axis=0),
        )

    def _tile(self, top: int) -> Listed | None:
        lane = self._free.get()
        try:
            tile = _Tile(self, lane, self.asked[top : top + BLOCK])
            tile.run()
            return tile.crossers
        finally:
            self._free.put(lane)


class _Tile:
    """Some asked places, against one range of places after another."""

    def __init__(self, work: Work, lane: _Lane, mine: Index) -> None:
        self.work, self.lane, self.mine = work, lane, mine
        self.crossers = work.listed.empty() if work.listed else None
        self._prepared: dict[bool, Any] = {}

    def run(self) -> None:
        """All ranges of places that the tile is to meet."""
        mine, group = self.mine, self.work.at.group
        end = mine[-1] + 1 if self.work.mirror else len(group)
        for left in range(0, end, BLOCK):
            right = min(left + BLOCK, len(group))
            if group[left] <= group[mine[-1]] and group[mine[0]] <= group[right - 1]:
                self.inside(left, right)
            elif self.work.across:
                self.between(left, right)

    def inside(self, left: int, right: int) -> None:
        """Where groups may meet: every pair in float32."""
        work, lane, at = self.work, self.lane, self.work.at
        block = self._block(lane.exact, left, right)
        kernels.inside(
            block, self.mine, left, work.mirror, work.limits, at.group, at.sequence, at.split,
            lane.histogram, work.reached, lane.crossing,
        )  # fmt: skip
        if self.crossers:
            self.crossers.scan(block, 0.0, self.mine, left, work.mirror)

    def between(self, left: int, right: int) -> None:
        """Where all pairs are of different groups: proposed first if that is faster."""
        for way in self.lane.between:
            block = self._block(way, left, right)
            if self._raised(block, left, way.slack) and (
                self.crossers is None
                or self.crossers.scan(block, way.slack, self.mine, left, self.work.mirror)
            ):
                return

    def _raised(self, block: Block, left: int, slack: float) -> bool:
        """Enters the pairs that raise a level; False if too many are proposed."""
        work, lane, at = self.work, self.lane, self.work.at
        steps = np.append(work.limits - np.float32(slack), np.float32(np.inf))
        row, column, total = 0, 0, 0
        while row < len(block):
            found, row, column = kernels.rising(
                block, self.mine, left, work.mirror, steps, at.split, work.reached, lane.crossing,
                row, column, lane.i, lane.j,
            )  # fmt: skip
            i, j = lane.i[:found], lane.j[:found]
            total += found
            if slack and total > _ROOM // 2:
                return False
            cosine: NDArray[Any] = block[i, j]
            if slack:
                cosine = products.cosines(work.rows, at.row[self.mine[i]], at.row[left + j])
            kernels.settle(
                self.mine, left, work.mirror, i, j, cosine, work.limits, at.split, work.reached,
                lane.crossing,
            )  # fmt: skip
        return True

    def _block(self, way: Any, left: int, right: int) -> Block:
        """(R, C) cosines of the tile's places with those from left to right."""
        row, near = self.work.at.row, way.slack > 0
        if near not in self._prepared:
            self._prepared[near] = way.prepared(row[self.mine])
        block: Block = way.of(self._prepared[near], way.prepared(row[left:right]))
        return block


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Products of one thread each: several at a time are faster, and end in the same bits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
