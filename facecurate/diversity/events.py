"""What happens in coded videos: onset-to-offset events of each unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from facecurate.diversity.levels import hold_to_levels
from facecurate.diversity.stretches import Flags, Rows, Stretches, stretches
from facecurate.diversity.structure import Labels, Structure

AT_LEAST = (1, 2, 3)
"""Levels from which an event is counted."""

STRONG = 3


@dataclass(frozen=True, slots=True)
class Events:
    """E events: maximal runs of frames in which a unit is coded at least ``level``.

    unit, level: (E,) index into ``names``, and one of ``AT_LEAST``; row: (E,) the frame it begins
    with, as a row of the structure; frames, seconds: (E,) how long, NaN seconds where the rate is
    unknown; strong: (E,) its frames of at least ``STRONG``; cut: (E,) it touches an end of the
    sequence, a gap or a missing label, so that it may have lasted longer.
    """

    names: tuple[str, ...]
    unit: Rows
    level: Rows
    row: Rows
    frames: Rows
    seconds: NDArray[np.float64]
    strong: Rows
    cut: Flags
    _first: Rows  # place of the first frame in the order of time
    _order: Rows  # rows in the order of time

    def kept(self, subset: ArrayLike) -> Flags:
        """(E,) whether the subset has at least one frame of the event.

        subset: (N,) flags, or the rows themselves.
        """
        chosen = np.asarray(subset)
        if chosen.dtype != np.bool_:
            at = chosen.astype(np.int64)
            chosen = np.zeros(int(max(self._order.max(initial=-1), at.max(initial=-1))) + 1, bool)
            chosen[at] = True
        before = np.concatenate([[0], np.cumsum(chosen[self._order])])
        kept: Flags = before[self._first + self.frames] > before[self._first]
        return kept

    def to_arrow(self, subset: ArrayLike | None = None) -> pa.Table:
        """One row a unit and level; with a subset also how many events it keeps."""
        kept = None if subset is None else self.kept(subset)
        whole = [
            self._line(unit, level, kept) for unit in range(len(self.names)) for level in AT_LEAST
        ]
        return pa.Table.from_pylist(whole, schema=_SCHEMA if kept is None else _WITH_KEPT)

    def _line(self, unit: int, level: int, kept: Flags | None) -> dict[str, object]:
        mine = (self.unit == unit) & (self.level == level)
        line: dict[str, object] = {
            "unit": self.names[unit],
            "at_least": level,
            "events": int(mine.sum()),
            "cut": int(self.cut[mine].sum()),
            "frames": int(self.frames[mine].sum()),
            "strong_frames": int(self.strong[mine].sum()),
            "median_frames": _median(self.frames[mine]),
            "median_seconds": _median(self.seconds[mine]),
            "seconds": float(self.seconds[mine].sum()),
        }
        return line if kept is None else {**line, "kept": int(kept[mine].sum())}


_SCHEMA = pa.schema(
    [
        ("unit", pa.string()),
        ("at_least", pa.int32()),  # level
        ("events", pa.int64()),
        ("cut", pa.int64()),  # events that may have lasted longer
        ("frames", pa.int64()),  # of all these events
        ("strong_frames", pa.int64()),  # of level STRONG or more
        ("median_frames", pa.float64()),  # of one event, null without any
        ("median_seconds", pa.float64()),
        ("seconds", pa.float64()),  # of all these events
    ]
)
_WITH_KEPT = _SCHEMA.append(pa.field("kept", pa.int64()))


def events(structure: Structure, labels: Labels) -> Events:
    """All events of all units, at each of ``AT_LEAST``.

    labels: ordered levels, else ValueError. A gap in the frame numbers and a missing label end an
    event (see ``stretches``); frames without a sequence are in none.
    """
    hold_to_levels(labels)
    lines = stretches(structure)
    which = [(unit, level) for unit in range(len(labels.names)) for level in AT_LEAST]
    found = [_runs(lines, labels.values[lines.rows, unit], level) for unit, level in which]
    if not found:
        found, which = [_runs(lines, np.zeros(len(lines.rows), np.float32), 1)], [(0, 1)]
    sizes = [len(runs.first) for runs in found]
    unit, level = np.repeat(np.array(which, np.int64), sizes, axis=0).T
    first = np.concatenate([runs.first for runs in found])
    frames = np.concatenate([runs.frames for runs in found])
    return Events(
        names=labels.names,
        unit=unit,
        level=level,
        row=lines.rows[first],
        frames=frames,
        seconds=lines.seconds(lines.of(first), frames),
        strong=np.concatenate([runs.strong for runs in found]),
        cut=np.concatenate([runs.cut for runs in found]),
        _first=first,
        _order=lines.rows,
    )


class _Runs(NamedTuple):
    """Runs at or above a level, by their first places in the order of time."""

    first: Rows
    frames: Rows
    strong: Rows
    cut: Flags


def _runs(lines: Stretches, values: NDArray[np.float32], level: int) -> _Runs:
    here = values >= level
    same = np.zeros(len(here), bool)
    same[1:] = here[1:] == here[:-1]
    first, frames = lines.runs(same)
    frames, first = frames[here[first]], first[here[first]]
    strong = np.concatenate([[0], np.cumsum(values >= STRONG)])
    # The ends of stretches and missing labels on either side of each frame.
    unseen = np.isnan(values)
    before, after = np.append(True, unseen[:-1])[: len(here)], np.append(unseen[1:], True)
    before[lines.bounds[:-1]] = True
    after[lines.bounds[1:] - 1] = True
    last = first + frames
    return _Runs(first, frames, strong[last] - strong[first], before[first] | after[last - 1])


def _median(values: Rows | NDArray[np.float64]) -> float | None:
    return float(np.median(values)) if len(values) else None
