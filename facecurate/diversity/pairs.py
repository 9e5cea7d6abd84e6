"""One pass over all pairs of frames, for every measure that counts frames within a tolerance.

Blocks of cosines are computed in float32 where two frames may share a group. Between groups, where
few pairs matter, bfloat16 proposes them if the processor multiplies it itself, and each is computed
again in float64; a block with many proposals is computed again in float32. Of a pair of different
groups only matters whether it raises how near a frame's nearest other is, which soon few do. So
memory is a few blocks and a few numbers a frame and tolerance.

Above ``EXACT_UP_TO`` frames a sample of them is compared with all frames: what is said of a frame
stays exact, and sums over frames get a standard error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facecurate.diversity import kernels
from facecurate.diversity.blocks import Work
from facecurate.diversity.cosines import usable
from facecurate.diversity.crossings import Crossings, Listed
from facecurate.diversity.places import Grouping, Index, grouping, places
from facecurate.diversity.structure import Structure
from facecurate.similar.products import Vectors
from facecurate.workers import Progress, silent

EXACT_UP_TO = 200_000
"""Frames of which every pair is compared: two minutes on two cores with 512 numbers a vector."""

SAMPLE = 20_000
"""Frames compared with all others where there are more than that."""

LISTED = 100_000
"""Pairs between splits that are listed; all are counted."""


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
    def pooled(self) -> bool:
        """Whether the sample was drawn from all frames at once, so that it lacks some groups."""
        asked = self.groups.codes[self.rows]
        return len(np.unique(asked)) < len(np.unique(self.groups.codes))

    @property
    def weights(self) -> NDArray[np.float64]:
        """(M,) how many frames a compared one stands for, of its group where all groups are there.

        1 where exact.
        """
        if self.pooled:
            return np.full(len(self.rows), len(self.groups.codes) / len(self.rows))
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
    listed: int = LISTED,
    across: bool = True,
    exact_up_to: int = EXACT_UP_TO,
    sample: int = SAMPLE,
    seed: int = 0,
    progress: Progress = silent,
) -> Pairs:
    """Compares N frames with each other at T tolerances, distinct cosines.

    vectors: (N, D) float32 or float16, of any length but 0, possibly mapped from a file; leak_tau:
    list the ``listed`` nearest pairs between splits at or above this cosine; across: compare
    frames of different groups too (else ``earlier[OTHER]`` is empty, and only pairs of one group
    are found between splits).
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
    crossers = None
    if leak_tau is not None and len(np.unique(at.split[at.split >= 0])) > 1:
        weight = np.ones(len(vectors)) if exact else _half(at.group, asked)
        crossers = Listed(rows, at, leak_tau, len(structure.split_names), weight, listed)
    limits = (np.sort(np.asarray(taus, np.float64)) - kernels.ROUNDING).astype(np.float32)
    work = Work(rows, at, asked, limits, mirror=exact, across=across, listed=crossers)
    told = work.run(progress)
    order = np.argsort(at.row[asked])
    return Pairs(
        np.asarray(taus, np.float64),
        groups,
        at.row[asked][order],
        _counts(told.histogram, taus)[:, order],
        told.reached[:, order],
        told.crossing[order],
        crossers.told(exact) if crossers else None,
        across,
    )


def _counts(histogram: NDArray[np.int32], taus: Sequence[float]) -> NDArray[np.int32]:
    """(T, M) c_i at each tau, in the order asked, from (M, T + 1) pairs at each level."""
    reaching = np.cumsum(histogram[:, ::-1], axis=1, dtype=np.int32)[:, ::-1]  # at it or above
    level = np.argsort(np.argsort(taus)) + 1
    counts: NDArray[np.int32] = reaching[:, level].T + np.int32(1)
    return counts


def _sampled(group: Index, sample: int, seed: int) -> Index:
    """Places to compare with all others: of each group its share, but 50 of them if that fits.

    Where there are too many groups for two frames of each, of all frames alike.
    """
    rng = np.random.default_rng([seed, 7])
    if 2 * (group[-1] + 1) > sample:
        return np.sort(rng.choice(len(group), min(sample, len(group)), replace=False))
    sizes = np.bincount(group)
    least = min(50, sample // len(sizes))
    wanted = np.minimum(sizes, np.maximum(least, np.ceil(sample * sizes / len(group)).astype(int)))
    starts = np.cumsum(sizes) - sizes
    drawn = [
        start + rng.choice(size, few, replace=False)
        for start, size, few in zip(starts, sizes, wanted, strict=True)
    ]
    return np.sort(np.concatenate(drawn))


def _half(group: Index, asked: Index) -> NDArray[np.float64]:
    """(N,) half the frames that each sampled place stands for: a pair is met from both ends."""
    sizes = np.bincount(group)
    drawn = np.bincount(group[asked], minlength=len(sizes))
    if (drawn == 0).any():
        return np.full(len(group), len(group) / len(asked) / 2)
    weight: NDArray[np.float64] = sizes / drawn / 2
    return weight[group]
