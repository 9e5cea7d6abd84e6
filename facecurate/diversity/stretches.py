"""Frames that follow one another: what runs, events and correlations in time are measured on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facecurate.diversity.structure import UNKNOWN, Structure

Rows = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Stretches:
    """K stretches of M frames in all, each of one face, without a gap, in the order of time.

    rows: (M,) the frames of one stretch after another, as rows of the structure; bounds: (K + 1,)
    where each begins in ``rows``; step: (K,) the frame numbers from one frame to the next (2 where
    every second frame was kept); rate: (K,) frame numbers a second, NaN where unknown.
    """

    rows: Rows
    bounds: Rows
    step: NDArray[np.int64]
    rate: NDArray[np.float32]

    def seconds(self, stretch: Rows, frames: Rows) -> NDArray[np.float64]:
        """How long so many frames of these stretches last, each until the next one is due."""
        step = self.step[stretch].astype(np.float64)
        lasting: NDArray[np.float64] = frames * step / self.rate[stretch]
        return lasting

    def runs(self, same: Flags) -> tuple[Rows, Rows]:
        """(R,) first places in ``rows`` and (R,) lengths of runs, which end with their stretch.

        same: (M,) whether a frame goes on with the run of the frame before it.
        """
        opens = ~same
        opens[self.bounds[:-1]] = True
        first = np.flatnonzero(opens)
        return first, np.diff(np.append(first, len(self.rows)))

    def of(self, places: Rows) -> Rows:
        """The stretch of each place in ``rows``."""
        found: Rows = np.searchsorted(self.bounds, places, side="right") - 1
        return found


def stretches(structure: Structure) -> Stretches:
    """The stretches of all frames that have a sequence and a number in it.

    A sequence's step is the most common distance of neighbouring numbers (the least of several);
    a longer distance is a gap and ends the stretch, and so does a number that comes twice for one
    person. Two people in one sequence have stretches of their own.
    """
    timed = (structure.sequence != UNKNOWN) & (structure.frame >= 0)
    known = np.flatnonzero(timed)
    sequence, subject = structure.sequence[known], structure.subject[known]
    order = np.lexsort((structure.frame[known], subject, sequence))
    rows = known[order]
    sequence, subject, frame = sequence[order], subject[order], structure.frame[rows]
    follows = np.zeros(len(rows), bool)
    follows[1:] = (np.diff(sequence) == 0) & (np.diff(subject) == 0)
    distance = np.diff(frame, prepend=frame[:1])
    steps = _steps(sequence, np.where(follows, distance, 0))
    each = steps[np.searchsorted(np.unique(sequence), sequence)]
    goes_on = follows & (distance > 0) & (distance <= each)
    first = np.flatnonzero(~goes_on)
    bounds = np.append(first, len(rows)).astype(np.int64)
    rate = structure.rate[rows[first]]
    return Stretches(rows, bounds, each[first], np.where(rate > 0, rate, np.float32(np.nan)))


def _steps(sequence: NDArray[np.int32], distance: NDArray[np.int64]) -> NDArray[np.int64]:
    """The step of each sequence, in the order of their codes; 1 where no frame follows another."""
    present = np.unique(sequence)
    steps = np.ones(len(present), np.int64)
    moved = distance > 0
    pairs = np.stack([sequence[moved].astype(np.int64), distance[moved]])
    (which, length), count = np.unique(pairs, axis=1, return_counts=True)
    order = np.lexsort((-length, count))  # the last of a sequence is its most common, least one
    steps[np.searchsorted(present, which[order])] = length[order]
    return steps
