"""What stands beside the effective numbers: near duplicates, leaks, labels in time, spectra."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from facecurate.diversity.design import design_effects
from facecurate.diversity.design import to_arrow as design_table
from facecurate.diversity.dimension import LEAST, decimated, intrinsic_dimension
from facecurate.diversity.events import events
from facecurate.diversity.leakage import leakage, listed
from facecurate.diversity.levels import level_counts
from facecurate.diversity.runs import label_runs
from facecurate.diversity.shares import share_by_group, shares
from facecurate.diversity.spectral import spectral_diversity
from facecurate.diversity.structure import UNKNOWN, Labels
from facecurate.diversity.timing import Timings, timings
from facecurate.redundancy.encoded import View
from facecurate.redundancy.frames import Frames

PAIRS = 24  # leaking pairs that are shown and listed


def beside(frames: Frames, view: View) -> dict[str, Any]:
    """The tables of the report, each as columns; None where the source does not give them."""
    labels, structure = frames.labels, frames.structure
    coded = labels is not None and labels.levels
    moving = view.moving
    tables = (
        [moving] if labels is None else [timings(structure, labels.names, labels.values), moving]
    )
    return {
        "near": {**columns(shares(view.pairs, structure).to_arrow()), "group": _near(view)},
        "near_by_group": share_by_group(view.pairs, view.copy.tau).tolist(),
        "leakage": _leaks(frames, view),
        "timing": columns(pa.concat_tables([_pooled(table) for table in tables])),
        "interval_frames": moving.interval,
        "design": _design(frames),
        "spectral": columns(spectral_diversity(view.vectors).to_arrow()),
        "dimension": _dimension(frames, view, moving.interval),
        "runs": _runs(frames, labels) if labels else None,
        "events": columns(events(structure, labels).to_arrow()) if coded and labels else None,
        "levels": _levels(frames, view) if coded else None,
    }


def _near(view: View) -> list[float]:
    """The share of frames with an earlier one of their group, at each tolerance."""
    frames = view.effective.frames / view.effective.frames.sum()
    order = [view.pairs.groups.names.index(name) for name in view.effective.groups]
    taus = view.pairs.taus.tolist()
    return [float(share_by_group(view.pairs, tau)[order] @ frames) for tau in taus]


def _pooled(found: Timings) -> pa.Table:
    table = found.to_arrow()
    return table.filter(pc.is_null(table["sequence"]))


def _design(frames: Frames) -> dict[str, list[Any]] | None:
    if frames.labels is None or not (frames.structure.subject != UNKNOWN).any():
        return None
    codes = frames.structure.subject
    return columns(design_table(design_effects(codes, frames.labels.names, frames.labels.values)))


def _dimension(frames: Frames, view: View, apart: float) -> dict[str, Any] | None:
    """Of frames so many frames apart; None of too few."""
    rows = decimated(frames.structure, apart)
    if len(np.unique(view.vectors[rows], axis=0)) < LEAST:
        return None
    told = intrinsic_dimension(view.vectors[rows])
    return {
        "points": told.points,
        "interval_frames": apart,
        "sampled": told.sampled,
        "two_nn": told.two_nn,
        "mle": told.mle,
        **columns(told.to_arrow()),
    }


def _runs(frames: Frames, labels: Labels) -> dict[str, Any]:
    found = label_runs(frames.structure, labels)
    return {
        "runs": found.count,
        "distinct": found.distinct,
        "labelled": found.labelled,
        "untimed": found.untimed,
        "longest_frames": int(found.frames.max(initial=0)),
        "median_frames": float(np.median(found.frames)) if found.count else None,
    }


def _levels(frames: Frames, view: View) -> dict[str, list[Any]]:
    """Frames of each level, and what they weigh in N_eff at tau_copy."""
    assert frames.labels is not None
    rows = view.pairs.rows
    some = replace(frames.labels, values=frames.labels.values[rows])
    weights = view.pairs.weights / view.pairs.within(view.copy.tau)
    counts = level_counts(frames.labels)
    effective = level_counts(some, weights).effective
    return columns(replace(counts, effective=effective).to_arrow())


def _leaks(frames: Frames, view: View) -> dict[str, Any] | None:
    found = leakage(view.pairs, frames.structure)
    if found is None:
        return None
    at = int(np.flatnonzero(found.taus == view.copy.tau)[0])
    people = found.subjects
    nearest = found.crossings
    pairs = None
    if nearest is not None:
        few = replace(
            nearest, i=nearest.i[:PAIRS], j=nearest.j[:PAIRS], cosine=nearest.cosine[:PAIRS]
        )
        pairs = {**columns(listed(few, frames.structure, _Keys(frames))), "total": nearest.total}
    return {
        "splits": list(found.splits),
        "frames": found.frames.tolist(),
        "near": found.near[at].tolist(),
        "people": None
        if people is None
        else [{"subject": one.subject, "frames": one.frames} for one in people[:200]],
        "people_shared": None if people is None else len(people),
        "pairs": pairs,
    }


class _Keys(Sequence[str]):
    """The keys by row, without a list of them all."""

    def __init__(self, frames: Frames) -> None:
        self._frames = frames

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, row: Any) -> Any:
        return self._frames.key(row)


def columns(table: pa.Table) -> dict[str, list[Any]]:
    """A table as plain lists."""
    return {name: table[name].to_pylist() for name in table.column_names}


def plain(value: Any) -> Any:
    """The same without numbers that JSON does not know: NaN and infinities become None."""
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
