"""What a probe reads off the vectors: the encoder check, and the learning curve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facecurate.choose.curve import Labelled, learning_curve
from facecurate.choose.design import Design
from facecurate.choose.kept import Kept, kept
from facecurate.choose.verdict import redundant_in_frames
from facecurate.diversity.structure import UNKNOWN
from facecurate.encoders import ENCODERS
from facecurate.probes.narrow import impersonal, narrow
from facecurate.redundancy.frames import Frames
from facecurate.workers import Progress, silent

FRAMES = 150_000
"""Frames that a probe reads at most, of each person the same share in the order of time."""

WIDTH = 256
"""Principal axes that a probe reads: a fit costs their number cubed, and there are thousands."""

ROOM = 1 << 29
"""Bytes of everybody's second moments: with many people fewer components are read."""

CHECKED = Design(frames=(100.0,), people=(100.0,), draws=1)

USUAL = 10.0
"""Percent of the frames that the headline speaks of where no smaller share loses nothing."""


def _coded(frames: Frames) -> NDArray[np.int64]:
    """The rows of people with labels."""
    if frames.labels is None:
        return np.empty(0, np.int64)
    known = ~np.isnan(frames.labels.values).all(axis=1)
    return np.flatnonzero((frames.structure.subject != UNKNOWN) & known)


def learnable(frames: Frames) -> bool:
    """Whether a probe can be tried: as many people with labels as there are folds."""
    return len(np.unique(frames.structure.subject[_coded(frames)])) >= CHECKED.folds


def labelled(frames: Frames, vectors: NDArray[np.float16]) -> Labelled | None:
    """The frames of people with labels; None without any, or with fewer people than folds.

    Each person's mean is taken away, of the people tested on too: labels do not enter it.
    """
    labels, subject = frames.labels, frames.structure.subject
    if labels is None or not learnable(frames):
        return None
    rows = _thinned(_coded(frames), subject, frames.structure.frame)
    codes, person = np.unique(subject[rows], return_inverse=True)
    widest = max(16, min(WIDTH, int(np.sqrt(ROOM / 8 / len(codes)))))
    return Labelled(
        keys=tuple(frames.keys.take(rows).to_pylist()),
        features=narrow(impersonal(vectors[rows].astype(np.float32), person), width=widest),
        targets=labels.values[rows],
        person=person.astype(np.int64),
        people=tuple(frames.structure.subject_names[code] for code in codes),
        names=labels.names,
        score="icc" if labels.levels else "ccc",
    )


def _thinned(
    rows: NDArray[np.int64], subject: NDArray[np.int32], frame: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Every so many-th frame of each person, so that at most ``FRAMES`` are left."""
    step = -(-len(rows) // FRAMES)
    if step <= 1:
        return rows
    order = rows[np.lexsort((frame[rows], subject[rows]))]
    return np.sort(order[::step])


def checked(data: Labelled, start: str) -> dict[str, Any]:
    """The score of a ridge probe on people left out, with its interval over them."""
    found = kept(learning_curve(data, CHECKED, start=start)).cell(0, 0)
    return {data.score: found["value"], "low": found["low"], "high": found["high"]}


def curve(data: Labelled, start: str, shares: Sequence[float], progress: Progress = silent) -> Kept:
    """The learning curve. shares: percentages to be on it beside the usual ones."""
    usual = Design()
    wanted = sorted({*usual.frames, *shares})
    return kept(learning_curve(data, Design(frames=tuple(wanted)), start=start, progress=progress))


def learned(curves: Sequence[Kept]) -> dict[str, Any]:
    """What the curves of all encoders say; the first is the main one's."""
    main = curves[0]
    share = main.smallest if main.smallest is not None else USUAL
    at = main.curve.design.frames.index(share)
    verdict = redundant_in_frames(curves, plain=tuple(ENCODERS))
    return {
        **main.to_json(),
        "at_share": main.cell(-1, at),
        "others": [one.to_json() for one in curves[1:]],
        "redundant": verdict.redundant,
        "reason": verdict.reason,
        "gaps": list(verdict.gaps),
    }
