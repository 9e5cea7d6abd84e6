"""Runs of near duplicates: frames that follow one another and still show what the first one shows.

A run goes on while frames are within the tolerance of its *first* frame, not of the one before:
else a slow turn of the head would be one run from end to end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facecurate.diversity.kernels import ROUNDING
from facecurate.diversity.stretches import Rows, Stretches, stretches
from facecurate.diversity.structure import Structure

_STEP = 64  # frames looked at beyond the last one that is near


@dataclass(frozen=True, slots=True)
class NearRuns:
    """R runs that cover all frames of the stretches, in the order of time.

    first, frames: (R,) place in ``lines.rows`` of the first frame, and how many there are; edge:
    (R,) cosine of the first frame and the one that ends the run; NaN at the end of a stretch.
    """

    lines: Stretches
    first: Rows
    frames: Rows
    edge: NDArray[np.float32]

    @property
    def repeated(self) -> float:
        """The share of the frames that a run's first frame stands for."""
        total = int(self.frames.sum())
        return 1 - len(self.frames) / total if total else 0.0

    def rows(self, run: int) -> Rows:
        """The frames of one run."""
        start = int(self.first[run])
        return self.lines.rows[start : start + int(self.frames[run])]


def near_runs(structure: Structure, vectors: NDArray[np.float16], tau: float) -> NearRuns:
    """The runs of (N, d) vectors at a cosine ``tau``; frames without a sequence are in none."""
    lines = stretches(structure)
    first: list[int] = []
    edge: list[float] = []
    for begin, end in zip(lines.bounds[:-1], lines.bounds[1:], strict=True):
        at = int(begin)
        while at < end:
            first.append(at)
            at, cosine = _end(lines, vectors, at, int(end), tau - ROUNDING)
            edge.append(cosine)
    starts = np.array(first, np.int64)
    frames = np.diff(np.append(starts, len(lines.rows)))
    return NearRuns(lines, starts, frames, np.array(edge, np.float32))


def _end(
    lines: Stretches, vectors: NDArray[np.float16], at: int, end: int, tau: float
) -> tuple[int, float]:
    """Where the run that begins at a place ends, and the cosine there."""
    anchor = _unit(vectors[lines.rows[at : at + 1]])[0]
    start, step = at + 1, 4
    while start < end:
        stop = min(start + step, end)
        cosine = _unit(vectors[lines.rows[start:stop]]) @ anchor
        apart = np.flatnonzero(cosine < tau)
        if len(apart):
            return start + int(apart[0]), float(cosine[apart[0]])
        start, step = stop, min(2 * step, _STEP)
    return end, float("nan")


def _unit(vectors: NDArray[np.float16]) -> NDArray[np.float32]:
    wide = vectors.astype(np.float32)
    unit: NDArray[np.float32] = wide / np.linalg.norm(wide, axis=1, keepdims=True)
    return unit
