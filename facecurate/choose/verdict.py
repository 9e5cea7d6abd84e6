"""Whether a dataset is redundant in frames: said only where several starts agree."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from facecurate.choose import scores
from facecurate.choose.kept import Kept

LARGEST = 10.0
"""Percent of the frames that are enough, at most, where "redundant in frames" is said."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """redundant: shown; share: the percentage that is enough for every start, None without one.

    reason: one sentence; gaps: for each pair of starts, worse first, the difference of their full
    scores with its interval.
    """

    redundant: bool
    share: float | None
    reason: str
    gaps: tuple[dict[str, Any], ...]


def redundant_in_frames(
    curves: Sequence[Kept], plain: Collection[str], *, largest: float = LARGEST
) -> Verdict:
    """What the curves of several starts say together; they share design, score and people.

    plain: the names of the starts that learned nothing before: scratch, or features made by hand.
    Shown if at most ``largest`` percent of everybody's frames lose nothing for two starts or more,
    one of them plain, and one of these is better than another by more than the margin: then the
    labels could have told more, and it is not that any model ends up here.
    """
    enough = [k for k in curves if k.smallest is not None and k.smallest <= largest]
    gaps = tuple(_gap(a, b) for i, a in enumerate(enough) for b in enough[i + 1 :])
    shares = [k.smallest for k in enough if k.smallest is not None]
    if len(enough) < 2:
        told = ", ".join(f"{k.curve.start} {_told(k)}" for k in curves)
        why = f"not shown: {largest:g} % of the frames must be enough for two starts ({told})"
    elif not any(k.curve.start in plain for k in enough):
        why = "not shown: no start from scratch or from features made by hand agrees"
    elif not any(gap["low"] > enough[0].margin for gap in gaps):
        why = "not shown: no start is better than another, so all may be saturated"
    else:
        names = " and ".join(k.curve.start for k in enough)
        why = f"{max(shares):g} % of the frames are as good as all for {names}"
        return Verdict(True, max(shares), why, gaps)
    return Verdict(False, None, why, gaps)


def _told(curve: Kept) -> str:
    if not curve.telling:
        return "reads too little to lose any"
    return "needs all" if curve.smallest is None else f"needs {curve.smallest:g} %"


def _gap(one: Kept, other: Kept) -> dict[str, Any]:
    """The difference of two starts on all frames, paired over resampled people."""
    score = one.curve.score
    worse, better = one, other
    if scores.loss(score, worse.value[-1, -1], better.value[-1, -1]) < 0:
        worse, better = better, worse
    gaps = scores.loss(score, worse.values[:, -1, -1], better.values[:, -1, -1])
    low, high = one.ends(gaps)
    at = scores.loss(score, worse.value[-1, -1], better.value[-1, -1])
    return {
        "worse": worse.curve.start,
        "better": better.curve.start,
        "gap": float(at),
        "low": float(low),
        "high": float(np.asarray(high)),
    }
