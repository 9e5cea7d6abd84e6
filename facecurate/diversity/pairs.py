"""One pass over all pairs of frames, for every measure that counts frames within a tolerance.

Blocks of cosines are computed in float32 where two frames may share a group. Between groups, where
nearly all pairs are far apart, they are computed in bfloat16 if the processor multiplies it itself:
that only proposes pairs, and each is computed again in float64. A block with many proposals is
computed again in float32 instead. So memory is a few blocks, whatever the number of frames.

Above ``EXACT_UP_TO`` frames a sample of them is compared with all frames: what is said of a frame
stays exact, and sums over frames get a standard error.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from facecurate.diversity import kernels
from facecurate.diversity.crossings import Crossings, Listed
from facecurate.diversity.places import Grouping, Index, Places, grouping, places
from facecurate.diversity.structure import Structure
from facecurate.errors import FacecurateError
from facecurate.similar import products
from facecurate.similar.products import Product, Rows, Vectors
from facecurate.workers import Progress, silent, usual_workers

EXACT_UP_TO = 200_000
"""Frames of which every pair is compared: two minutes on two cores with 512 numbers a vector."""

SAMPLE = 20_000
"""Frames compared with all others where there are more than that."""

BLOCK = 2048
"""Rows and columns of one block of similarities: 16 MB of float32."""

_ROOM = 1 << 16  # pairs proposed at once; a block with more is computed in float32 (about as long)


@dataclass(frozen=True, slots=True)
class Pairs:
    """What one pass finds, for T tolerances and the M of N frames that were compared with all.

    taus: (T,) cosine similarities, as asked; groups: within what frames were compared; rows: (M,)
    ascending, all N where the pass was exact; counts: (T, M) c_i, the frames of its group within
    tau of a frame, itself included; earlier: (4, M) and crossing: (M,), how many of the taus, from
    the loosest on, are reached by an earlier frame (of the same sequence, the same group, the same
    split, another group) and by any frame of another split; crossings: pairs between splits;
    across: whether frames of different groups were compared.
    """

    taus: NDArray[np.float64]
    groups: Grouping
    rows: Index
    counts: NDArray[np.int32]
    earlier: NDArray[np.int16]
    crossing: NDArray[np.int16]
    crossings: Crossings | None
    across: bool

    @property
    def exact(self) -> bool:
        """Whether every frame was compared with every other."""
        return len(self.rows) == len(self.groups.codes)

    @property
    def weights(self) -> NDArray[np.float64]:
        """(M,) how many frames of its group a compared frame stands for: 1 where exact."""
        size = len(self.groups.names)
        frames = np.bincount(self.groups.codes, minlength=size)
        asked = self.groups.codes[self.rows]
        weights: NDArray[np.float64] = frames[asked] / np.bincount(asked, minlength=size)[asked]
        return weights

    def within(self, tau: float) -> NDArray[np.int32]:
        """(M,) c_i at one of the taus."""
        counts: NDArray[np.int32] = self.counts[self._place(tau)]
        return counts

    def reached(self, levels: NDArray[np.int16], tau: float) -> NDArray[np.bool_]:
        """(M,) whether the nearest frame, as levels of ``earlier`` or ``crossing``, is within."""
        above = int((self.taus < self.taus[self._place(tau)]).sum())
        reached: NDArray[np.bool_] = levels > above
        return reached

    def _place(self, tau: float) -> int:
        return int(np.flatnonzero(self.taus == tau)[0])


def compare(
    vectors: Vectors,
    structure: Structure,
    taus: Sequence[float],
    *,
    leak_tau: float | None = None,
    across: bool = True,
    exact_up_to: int = EXACT_UP_TO,
    sample: int = SAMPLE,
    seed: int = 0,
    progress: Progress = silent,
) -> Pairs:
    """Compares N frames with each other at T tolerances, distinct cosines.

    vectors: (N, D) float32 or float16, of any length but 0, possibly mapped from a file; leak_tau:
    list the pairs between splits at or above this cosine; across: compare frames of different
    groups too (else ``earlier[OTHER]`` is empty, and pairs between splits are those of one group).
    """
    rows = usable(vectors)
    groups = grouping(structure)
    if len(groups.codes) != len(vectors):
        raise ValueError(f"{len(vectors)} vectors but a structure of {len(groups.codes)} frames")
    if not len(taus) or len(set(taus)) != len(taus):
        raise ValueError(f"expected different tolerances, got {list(taus)}")
    at = places(structure, groups)
    exact = len(vectors) <= exact_up_to
    asked = np.arange(len(vectors)) if exact else _sampled(at.group, sample, seed)
    listed = None
    if leak_tau is not None and len(np.unique(at.split[at.split >= 0])) > 1:
        weight = np.ones(len(vectors)) if exact else _half(at.group, asked)
        listed = Listed(rows, at, leak_tau, len(structure.split_names), weight)
    work = _Pass(rows, at, asked, exact, across, np.sort(np.asarray(taus, np.float64)), listed)
    work.run(progress)
    return work.told(np.asarray(taus, np.float64), groups)


def usable(vectors: Vectors) -> Rows:
    """The vectors with their lengths. Raises FacecurateError if some have no direction."""
    rows = Rows.of(vectors)
    bad = int((rows.inverse == 0).sum())
    if bad:
        raise FacecurateError(
            f"{bad} of {len(vectors)} vectors have no direction (zero or not finite): "
            "leave those frames out, or take another encoder"
        )
    return rows


def _sampled(group: Index, sample: int, seed: int) -> Index:
    """Places to compare with all others: of each group its share, but 50 of them at least."""
    rng = np.random.default_rng([seed, 7])
    sizes = np.bincount(group)
    wanted = np.minimum(sizes, np.maximum(50, np.ceil(sample * sizes / len(group)).astype(int)))
    starts = np.cumsum(sizes) - sizes
    drawn = [
        start + rng.choice(size, few, replace=False)
        for start, size, few in zip(starts, sizes, wanted, strict=True)
    ]
    return np.sort(np.concatenate(drawn))


def _half(group: Index, asked: Index) -> NDArray[np.float64]:
    """(N,) half the frames that each sampled place stands for: a pair is met from both ends."""
    weight: NDArray[np.float64] = np.bincount(group) / np.bincount(group[asked]) / 2
    return weight[group]


class _Lane:
    """What one thread writes to: its counts for both frames of a pair, and its blocks."""

    def __init__(self, frames: int, taus: int) -> None:
        self.histogram = np.zeros((frames, taus + 1), np.int32)
        self.crossing = np.zeros(frames, np.int16)
        self.float32 = Product(BLOCK, BLOCK, torch.float32)
        self.proposed = Product(BLOCK, BLOCK)
        self.i, self.j = np.empty(_ROOM, np.int64), np.empty(_ROOM, np.int64)


class _Pass:
    """The pass at work: each task is a tile of asked places against all places before them."""

    def __init__(
        self, rows: Rows, at: Places, asked: Index, mirror: bool, across: bool,
        taus: NDArray[np.float64], listed: Listed | None,
    ) -> None:  # fmt: skip
        self.rows, self.at, self.asked, self.mirror, self.across = rows, at, asked, mirror, across
        self.limits = (taus - kernels.ROUNDING).astype(np.float32)
        self.steps = {kind: _steps(self.limits, kind) for kind in products.SLACK}
        self.reached = np.zeros((4, len(at.row)), np.int16)
        self.listed = listed
        self.all_lanes = [_Lane(len(at.row), len(taus)) for _ in range(usual_workers())]
        self.lanes: SimpleQueue[_Lane] = SimpleQueue()
        for lane in self.all_lanes:
            self.lanes.put(lane)

    def run(self, progress: Progress) -> None:
        """Every tile, the largest first, several at a time."""
        tops = list(range(0, len(self.asked), BLOCK))[::-1]
        progress(0, len(tops))
        with _one_thread_each(), ThreadPoolExecutor(len(self.all_lanes)) as pool:
            for done, crossers in enumerate(pool.map(self._tile, tops), 1):
                if self.listed and crossers:
                    self.listed.add(crossers)
                progress(done, len(tops))

    def told(self, taus: NDArray[np.float64], groups: Grouping) -> Pairs:
        """The result, in the order of rows instead of places."""
        histogram = np.sum([lane.histogram[self.asked] for lane in self.all_lanes], axis=0)
        crossing = np.max([lane.crossing[self.asked] for lane in self.all_lanes], axis=0)
        reaching = np.cumsum(histogram[:, ::-1], axis=1)[:, ::-1]  # at a level or above it
        places_of = np.argsort(np.argsort(taus))  # of each tau among the ascending ones
        counts = reaching[:, places_of + 1].T + 1
        rows = self.at.row[self.asked]
        order = np.argsort(rows)
        return Pairs(
            taus,
            groups,
            rows[order],
            np.ascontiguousarray(counts[:, order], dtype=np.int32),
            self.reached[:, self.asked][:, order],
            crossing[order],
            self.listed.told(self.mirror) if self.listed else None,
            self.across,
        )

    def _tile(self, top: int) -> Listed | None:
        lane = self.lanes.get()
        mine = self.asked[top : top + BLOCK]
        crossers = self.listed.empty() if self.listed else None
        tile = _Tile(self, lane, mine, crossers)
        end = mine[-1] + 1 if self.mirror else len(self.at.row)
        for left in range(0, end, BLOCK):
            right = min(left + BLOCK, len(self.at.row))
            group = self.at.group
            if group[left] <= group[mine[-1]] and group[mine[0]] <= group[right - 1]:
                tile.inside(left, right)
            elif self.across:
                tile.between(left, right)
        self.lanes.put(lane)
        return crossers


class _Tile:
    """The asked places of one task, against one range of places after another."""

    def __init__(self, work: _Pass, lane: _Lane, mine: Index, crossers: Listed | None) -> None:
        self.work, self.lane, self.mine, self.crossers = work, lane, mine, crossers
        self.units: dict[torch.dtype, torch.Tensor] = {}

    def inside(self, left: int, right: int) -> None:
        """Where groups may meet: every pair in float32."""
        work, lane, at = self.work, self.lane, self.work.at
        block = self._block(left, right, torch.float32)
        kernels.inside(
            block, self.mine, left, work.mirror, work.limits, at.group, at.sequence, at.split,
            lane.histogram, work.reached, lane.crossing,
        )  # fmt: skip
        if self.crossers:
            self.crossers.scan(block, self.mine, left, work.mirror)

    def between(self, left: int, right: int) -> None:
        """Where all pairs are of different groups: proposed first, if that is cheaper."""
        for kind in dict.fromkeys((products.precision(), torch.float32)):
            block = self._block(left, right, kind)
            if not self._raised(block, left, kind):
                continue
            if self.crossers is None or self.crossers.scan(
                block, self.mine, left, self.work.mirror
            ):
                return

    def _raised(self, block: NDArray[np.float32], left: int, kind: torch.dtype) -> bool:
        """Enters the pairs that raise a level; False if bfloat16 proposes too many."""
        work, lane, at = self.work, self.lane, self.work.at
        row, column, total = 0, 0, 0
        while row < len(block):
            found, row, column = kernels.rising(
                block, self.mine, left, work.mirror, work.steps[kind], at.split, work.reached,
                lane.crossing, row, column, lane.i, lane.j,
            )  # fmt: skip
            i, j = lane.i[:found], lane.j[:found]
            total += found
            cosine: NDArray[Any]
            if kind is torch.float32:
                cosine = block[i, j]
            elif total > _ROOM // 2:
                return False
            else:
                cosine = products.cosines(work.rows, at.row[self.mine[i]], at.row[left + j])
            kernels.settle(
                self.mine, left, work.mirror, i, j, cosine, work.limits, at.split, work.reached,
                lane.crossing,
            )  # fmt: skip
        return True

    def _block(self, left: int, right: int, kind: torch.dtype) -> NDArray[np.float32]:
        """(R, C) cosines of the tile's places with those from left to right."""
        work = self.work
        if kind not in self.units:
            self.units[kind] = products.unit(work.rows, work.at.row[self.mine], kind)
        others = products.unit(work.rows, work.at.row[left:right], kind)
        product = self.lane.float32 if kind is torch.float32 else self.lane.proposed
        block: NDArray[np.float32] = product.of(self.units[kind], others)
        return block


def _steps(limits: NDArray[np.float32], kind: torch.dtype) -> NDArray[Any]:
    """(T + 1,) what an entry of a block must reach to rise above each level, in its own type."""
    if kind is torch.float32:
        return np.append(limits, np.float32(np.inf))
    steps = [products.proposing(float(limit)) for limit in limits]
    return np.array([*steps, np.iinfo(np.int16).max], np.int16)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Products of one thread each: several at a time are faster, and end in the same bits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
