"""The faces and the timeline of the page, chosen and drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from facecurate.redundancy.encoded import View
from facecurate.redundancy.frames import Frames
from facecurate.redundancy.lines import lines_of
from facecurate.redundancy.near import near_runs
from facecurate.redundancy.page import Shown
from facecurate.redundancy.strips import chosen_row, edge_rows, leak_rows, run_rows
from facecurate.redundancy.subset import Subset
from facecurate.redundancy.timeline import timeline
from facecurate.review.thumbnails import thumbnails
from facecurate.workspace import Dataset


def shown_of(
    dataset: Dataset,
    frames: Frames,
    view: View,
    result: Mapping[str, Any],
    lists: Sequence[Subset],
) -> Shown:
    """At the first encoder's tau_copy; the smallest of the lists is marked in the timeline."""
    smallest = min(lists, key=lambda one: len(one.rows), default=None)
    chosen = np.empty(0, np.int64) if smallest is None else smallest.rows
    runs = near_runs(frames.structure, view.vectors, view.copy.tau)
    lines, unit, sequences = lines_of(frames, runs, chosen)
    rows = {
        "runs": run_rows(frames, runs),
        "edges": edge_rows(frames, runs, view.copy.tau),
        "leaks": leak_rows(result),
        "kept": [
            chosen_row(frames, one.rows, f"The first of {one.name}, by {one.strategy}")
            for one in lists[:2]
        ],
    }
    keys = {key for some in rows.values() for row in some for key in row.keys}
    return Shown(
        timeline=timeline(lines, unit) if lines else "",
        sequences=sequences,
        lines=len(lines),
        rows=rows,
        thumbnails=thumbnails(dataset, "face", keys),
    )
