"""Frames of each coded level: how many, and how many effective ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from facecurate.diversity.structure import Labels

Rows = NDArray[np.int64]

LEVELS = 6  # 0 to 5


@dataclass(frozen=True, slots=True)
class LevelCounts:
    """How many frames of each level there are, and what they weigh.

    frames: (A, 6) frames of level 0 to 5; effective: (A, 6) the sum of their weights: with 1 / c_i,
    the share of each frame in N_eff, they are effective frames; missing: (A,) frames not coded.
    """

    names: tuple[str, ...]
    frames: Rows
    effective: NDArray[np.float64]
    missing: Rows

    def at_least(self, level: int) -> tuple[Rows, NDArray[np.float64]]:
        """(A,) frames and (A,) effective frames of this level or a higher one."""
        return self.frames[:, level:].sum(axis=1), self.effective[:, level:].sum(axis=1)

    def sentence(self, unit: str, level: int) -> str:
        """Such as: effective frames with AU4 >= 3: 210 (of 5,144)."""
        at = self.names.index(unit)
        frames, effective = self.at_least(level)
        return f"effective frames with {unit} >= {level}: {effective[at]:,.0f} (of {frames[at]:,})"

    def to_arrow(self) -> pa.Table:
        """One row a unit and level."""
        units = len(self.names)
        return pa.table(
            {
                "unit": pa.array(np.repeat(self.names, LEVELS) if units else [], pa.string()),
                "level": pa.array(np.tile(np.arange(LEVELS, dtype=np.int32), units)),
                "frames": self.frames.ravel(),
                "effective": self.effective.ravel(),
            }
        )


def level_counts(labels: Labels, weights: ArrayLike | None = None) -> LevelCounts:
    """Counts of all frames, also of those without a time.

    weights: (N,) what each frame counts in ``effective``, 1 if there are none. A value between two
    levels counts as the lower one. Raises ValueError for labels that are no levels from 0 to 5.
    """
    hold_to_levels(labels)
    total, units = labels.values.shape
    heavy = np.ones(total) if weights is None else np.asarray(weights, np.float64)
    if heavy.shape != (total,):
        raise ValueError(f"{total} frames but weights {heavy.shape}")
    coded = ~np.isnan(labels.values)
    levels = np.where(coded, labels.values, 0).astype(np.int64)
    frames, effective = np.zeros((units, LEVELS), np.int64), np.zeros((units, LEVELS))
    for unit in range(units):
        mine, known = levels[:, unit], coded[:, unit]
        frames[unit] = np.bincount(mine[known], minlength=LEVELS)
        effective[unit] = np.bincount(mine[known], heavy[known], minlength=LEVELS)
    return LevelCounts(labels.names, frames, effective, (~coded).sum(axis=0))


def hold_to_levels(labels: Labels) -> None:
    """Raises ValueError for labels that are no levels from 0 to 5."""
    if not labels.levels:
        raise ValueError("these labels are no ordered levels: events are of action units")
    known = labels.values[~np.isnan(labels.values)]
    if known.size and (known.min() < 0 or known.max() >= LEVELS):
        raise ValueError(
            f"levels go from 0 to {LEVELS - 1}, but there is {known.min():g} to {known.max():g}: "
            "write a missing label as NaN"
        )
