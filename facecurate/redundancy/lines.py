"""Which sequences the timeline shows, and what of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facecurate.diversity.events import STRONG
from facecurate.diversity.structure import Structure
from facecurate.redundancy.frames import Frames
from facecurate.redundancy.near import NearRuns
from facecurate.redundancy.timeline import MOST, Line

Rows = NDArray[np.int64]


def lines_of(frames: Frames, runs: NearRuns, chosen: Rows) -> tuple[list[Line], str, int]:
    """At most ``MOST`` lines, their unit (seconds or frames), and how many sequences there are.

    Of more sequences every so many-th is shown, in the order of how much they repeat themselves.
    chosen: rows of a subset, perhaps none.
    """
    structure = frames.structure
    codes = np.unique(structure.sequence[runs.lines.rows])
    if not len(codes):
        return [], "frames", 0
    of = structure.sequence[runs.lines.rows[runs.first]]
    share = {int(c): _repeated(runs, of == c) for c in codes}
    order = sorted(share, key=lambda c: (-share[c], structure.sequence_names[c]))
    places = np.unique(np.linspace(0, len(order) - 1, min(MOST, len(order))).round().astype(int))
    timed = bool(np.isfinite(structure.rate[runs.lines.rows]).all())
    strong = _strong(frames)
    lines = [
        _line(structure, runs, of == order[k], order[k], share[order[k]], strong, chosen, timed)
        for k in places
    ]
    return lines, "s" if timed else "frames", len(codes)


def _repeated(runs: NearRuns, mine: NDArray[np.bool_]) -> float:
    return 1 - float(mine.sum()) / float(runs.frames[mine].sum())


def _strong(frames: Frames) -> NDArray[np.bool_]:
    if frames.labels is None or not frames.labels.levels:
        return np.zeros(len(frames), bool)
    return np.asarray((frames.labels.values >= STRONG).any(axis=1))


def _line(
    structure: Structure,
    runs: NearRuns,
    mine: NDArray[np.bool_],
    code: int,
    share: float,
    strong: NDArray[np.bool_],
    chosen: Rows,
    timed: bool,
) -> Line:
    rows = np.flatnonzero(structure.sequence == code)
    rows = rows[structure.frame[rows] >= 0]
    number = structure.frame[rows]
    zero = int(number.min())
    step = int(np.median(np.diff(np.unique(number)))) if len(rows) > 1 else 1
    scale = 1 / float(structure.rate[rows[0]]) if timed else 1.0
    several = np.flatnonzero(mine & (runs.frames > 1))
    begin = structure.frame[runs.lines.rows[runs.first[several]]]
    end = structure.frame[runs.lines.rows[runs.first[several] + runs.frames[several] - 1]] + step
    loud = np.sort(number[strong[rows]])
    marks = np.sort(structure.frame[np.intersect1d(chosen, rows)])
    return Line(
        name=structure.sequence_names[code],
        length=float(number.max() + step - zero) * scale,
        runs=np.asarray((np.stack([begin, end], axis=1) - zero) * scale, np.float64),
        loud=np.asarray((np.stack([loud, loud + step], axis=1) - zero) * scale, np.float64),
        marks=np.asarray((marks - zero + step / 2) * scale, np.float64),
        note=f"{100 * share:.0f} %",
    )
