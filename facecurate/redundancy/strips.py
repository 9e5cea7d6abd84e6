"""Which faces the page shows: runs of near duplicates, pairs at the tolerance, leaks, a subset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facecurate.diversity.structure import UNKNOWN
from facecurate.redundancy.frames import Frames
from facecurate.redundancy.near import NearRuns

SHOWN = 9  # faces of a strip
_RUNS, _EDGES, _LEAKS = 4, 4, 4

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Row:
    """Faces beside each other: keys, a caption each, and the line above them."""

    text: str
    keys: Sequence[str]
    captions: Sequence[str]


def run_rows(frames: Frames, runs: NearRuns) -> list[Row]:
    """The longest run of each of a few people, and runs of the usual length."""
    several = np.flatnonzero(runs.frames > 1)
    if not len(several):
        return []
    order = several[np.argsort(-runs.frames[several], kind="stable")]
    longest = list(_of_others(frames, runs, order))[:_RUNS]
    middle = order[len(order) // 2 :]
    usual = [run for run in _of_others(frames, runs, middle) if run not in longest][:2]
    return [
        _run(frames, runs, run, words)
        for some, words in ((longest, "Among the longest"), (usual, "Of usual length"))
        for run in some
    ]


def edge_rows(frames: Frames, runs: NearRuns, tau: float) -> list[Row]:
    """Where runs end: the first frame of a run and the first that is no longer near it."""
    ended = np.flatnonzero(np.isfinite(runs.edge))
    order = ended[np.argsort(-runs.edge[ended], kind="stable")]
    rows: list[int] = []
    captions: list[str] = []
    for run in list(_of_others(frames, runs, order))[:_EDGES]:
        mine = runs.rows(run)
        after = int(runs.lines.rows[int(runs.first[run]) + len(mine)])
        rows += [int(mine[0]), after]
        captions += [_caption(frames, int(mine[0]), one=False), f"{1 - runs.edge[run]:.5f} away"]
    keys = [frames.key(row) for row in rows]
    return (
        [Row(f"Pairs just apart: the tolerance is {1 - tau:.5f}", keys, captions)] if rows else []
    )


def leak_rows(result: Mapping[str, Any]) -> list[Row]:
    """The nearest pairs between two splits."""
    pairs = (result["leakage"] or {}).get("pairs")
    if not pairs:
        return []
    return [
        Row(
            f"{pairs['split_a'][k]} and {pairs['split_b'][k]}: 1 - cosine "
            f"{max(1 - pairs['cosine'][k], 0):.5f}",
            [pairs["key_a"][k], pairs["key_b"][k]],
            [pairs["split_a"][k], pairs["split_b"][k]],
        )
        for k in range(min(_LEAKS, len(pairs["key_a"])))
    ]


def chosen_row(frames: Frames, chosen: Rows, text: str) -> Row:
    """The first faces that a subset keeps, in the order in which it was chosen."""
    return _row(frames, chosen[: 2 * SHOWN].tolist(), text)


def _of_others(frames: Frames, runs: NearRuns, order: Rows) -> Iterator[int]:
    """Runs in their order, one of each person or, where nobody is known, of each sequence."""
    structure = frames.structure
    seen: set[tuple[int, int]] = set()
    for run in order.tolist():
        row = int(runs.lines.rows[runs.first[run]])
        subject = int(structure.subject[row])
        who = (subject, -1) if subject != UNKNOWN else (-1, int(structure.sequence[row]))
        if who not in seen:
            seen.add(who)
            yield run


def _run(frames: Frames, runs: NearRuns, run: int, words: str) -> Row:
    rows = runs.rows(run)
    places = np.unique(np.linspace(0, len(rows) - 1, min(SHOWN, len(rows))).round().astype(int))
    rate = float(frames.structure.rate[rows[0]])
    lasting = f", {len(rows) / rate:.1f} s" if np.isfinite(rate) else ""
    return _row(frames, rows[places].tolist(), f"{words}: {len(rows):,} frames for one{lasting}")


def _row(frames: Frames, rows: Sequence[int], text: str) -> Row:
    structure = frames.structure
    named = [int(structure.sequence[row]) for row in rows]
    who = structure.sequence_names[named[0]] if named and named[0] != UNKNOWN else ""
    one = len(set(named)) == 1
    return Row(
        f"{text} ({who})" if who and one else text,
        [frames.key(row) for row in rows],
        [_caption(frames, row, one=one) for row in rows],
    )


def _caption(frames: Frames, row: int, *, one: bool) -> str:
    structure = frames.structure
    code, number = int(structure.sequence[row]), int(structure.frame[row])
    frame = f"{number:,}" if number >= 0 else ""
    return frame if one or code == UNKNOWN else f"{structure.sequence_names[code]} {frame}".strip()
