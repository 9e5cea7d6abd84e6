"""What a learning curve says: values, what smaller sets keep, and the smallest that loses nothing.

Every interval resamples the people tested on, the same ones for all cells. It says how the numbers
would vary with other people to test on; other people to train on enter by splits and draws alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facecurate.choose import scores
from facecurate.choose.curve import Curve
from facecurate.choose.design import MARGINS

Floats = NDArray[np.float64]

LEAST = 10.0
"""Margins of ICC or CCC that a start must reach: one that reads nothing loses nothing either."""

_CHUNK = 20  # resamples at once


@dataclass(frozen=True, slots=True)
class Kept:
    """P shares of people by F shares of frames, against all frames of all people.

    value, retention, loss: (P, F); draws: (P, F) standard deviation of the value over draws;
    values: (B, P, F) of the resamples; margin: the loss that counts as none.
    """

    curve: Curve
    value: Floats
    draws: Floats
    values: Floats
    margin: float

    @property
    def full(self) -> float:
        """The score of all frames of all people."""
        return float(self.value[-1, -1])

    @property
    def retention(self) -> Floats:
        """(P, F) the share of the full score that each cell keeps."""
        return scores.retention(self.curve.score, self.value, self.value[-1:, -1:])

    @property
    def loss(self) -> Floats:
        """(P, F) how much worse each cell is than all frames."""
        return scores.loss(self.curve.score, self.value, self.value[-1:, -1:])

    @property
    def losses(self) -> Floats:
        """(B, P, F) the same of the resamples, paired."""
        return scores.loss(self.curve.score, self.values, self.values[:, -1:, -1:])

    @property
    def retentions(self) -> Floats:
        """(B, P, F) the retention of the resamples, paired."""
        return scores.retention(self.curve.score, self.values, self.values[:, -1:, -1:])

    def ends(self, values: Floats, level: float | None = None) -> tuple[Floats, Floats]:
        """The percentile interval over resamples, at the design's level unless another is given."""
        beyond = 50 * (1 - (self.curve.design.level if level is None else level))
        known = ~np.isnan(values).any(axis=0)
        low, high = np.percentile(np.where(known, values, 0.0), [beyond, 100 - beyond], axis=0)
        return np.where(known, low, np.nan), np.where(known, high, np.nan)

    @property
    def no_worse(self) -> NDArray[np.bool_]:
        """(P, F) the worse end of the loss's interval stays within the margin."""
        return np.asarray(self.ends(self.losses)[1] <= self.margin)

    @property
    def telling(self) -> bool:
        """Whether the full score is at least ``LEAST`` margins: else nothing is there to lose."""
        return self.curve.score == "nme" or self.full >= LEAST * self.margin

    @property
    def smallest(self) -> float | None:
        """The smallest share of everybody's frames, in percent, from which on nothing is lost.

        None if only all frames are as good as all frames, or if the curve is not ``telling``.
        """
        found = None
        if not self.telling:
            return None
        for share, fine in zip(
            reversed(self.curve.design.frames), self.no_worse[-1, ::-1], strict=True
        ):
            if not fine:
                break
            found = share
        return None if found == 100 else found

    def share_keeping(self, retention: float) -> float | None:
        """The share of everybody's frames, in percent, from which on ``retention`` is kept.

        Between two measured shares by a line over the logarithm; None outside of what was
        measured: the smallest share keeps more, or nothing does.
        """
        shares, kept = np.log(self.curve.design.frames), self.retention[-1]
        below = np.flatnonzero(~(kept >= retention))
        if not len(below) or below[-1] == len(kept) - 1:
            return None
        at = int(below[-1])
        part = (retention - kept[at]) / (kept[at + 1] - kept[at])
        return float(np.exp(shares[at] + part * (shares[at + 1] - shares[at])))

    def half_the_people(self) -> dict[str, float] | None:
        """What all frames of half of the people give; None if the design has no 50 %."""
        if 50.0 not in self.curve.design.people:
            return None
        return self.cell(self.curve.design.people.index(50.0), -1)

    def cell(self, p: int, f: int) -> dict[str, float]:
        """One cell's numbers with 95 % intervals; ``loss_worst`` is that of the design's level."""
        value, kept = (self.ends(v[:, p, f], 0.95) for v in (self.values, self.retentions))
        return {
            "people": self.curve.design.people[p],
            "frames": self.curve.design.frames[f],
            "trained": float(self.curve.trained[p, f]),
            "value": float(self.value[p, f]),
            "low": float(value[0]),
            "high": float(value[1]),
            "over_draws": float(self.draws[p, f]),
            "retention": float(self.retention[p, f]),
            "retention_low": float(kept[0]),
            "retention_high": float(kept[1]),
            "loss": float(self.loss[p, f]),
            "loss_worst": float(self.ends(self.losses[:, p, f])[1]),
        }

    def to_json(self) -> dict[str, Any]:
        """Every number; NaN where something is undefined."""
        design, curve = self.curve.design, self.curve
        per_target = scores.each(curve.score, curve.sums[-1, -1].sum(axis=2)).mean(axis=(0, 1))
        named = zip(curve.names, per_target.tolist(), strict=False)
        return {
            "start": curve.start,
            "score": curve.score,
            "people": len(curve.people),
            "draws": design.draws,
            "repeats": design.repeats,
            "folds": design.folds,
            "margin": self.margin,
            "level": design.level,
            "full": self.full,
            "per_target": {} if curve.score == "nme" else dict(named),
            "cells": [self.cell(p, f) for p, f in np.ndindex(*self.value.shape)],
            "telling": self.telling,
            "smallest_share": self.smallest,
            "half_the_people": self.half_the_people(),
        }


def kept(curve: Curve) -> Kept:
    """Reads a curve: means over draws and splits, of targets that are defined."""
    design = curve.design
    by_draw = scores.value(curve.score, curve.sums.sum(axis=4)).mean(axis=3)  # (P, F, draws)
    weights = scores.resampled(len(curve.people), design.resamples, design.seed)
    values = []
    for start in range(0, len(weights), _CHUNK):
        # (B, G) with (P, F, draws, repeats, G, T, m) -> (B, P, F, draws, repeats, T, m)
        sums = np.tensordot(weights[start : start + _CHUNK], curve.sums, axes=(1, 4))
        values.append(scores.value(curve.score, sums).mean(axis=(3, 4)))
    return Kept(
        curve=curve,
        value=by_draw.mean(axis=2),
        draws=by_draw.std(axis=2, ddof=1) if design.draws > 1 else np.zeros(by_draw.shape[:2]),
        values=np.concatenate(values),
        margin=MARGINS[curve.score] if design.margin is None else design.margin,
    )
