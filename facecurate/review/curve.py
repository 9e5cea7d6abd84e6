"""Precision and recall of a limit on labelled pairs, and the limit that they suggest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facecurate.metrics import wilson

FEWEST = 5  # pairs of each kind; fewer say nothing

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The labelled pairs of one level by one measure; a smaller distance is a surer copy.

    same: (S,) distances of the pairs called the same, infinite where the first stage does not even
    propose them; different: (D,) the same of pairs called different; apart: (D,) their distances
    whatever the first stage says; same_lines, different_lines: where they stand in the file;
    limits: to be tried, ascending; in_force: what ``dedupe`` uses; compared: pairs in the dataset;
    unseen: labelled pairs that have no such pictures.
    """

    level: str
    measure: str  # hash, cosine
    same: Floats
    different: Floats
    apart: Floats
    same_lines: NDArray[np.int64]
    different_lines: NDArray[np.int64]
    limits: Sequence[float]
    in_force: float | None
    compared: int
    unseen: int

    @property
    def enough(self) -> bool:
        """Whether there are so many pairs of each kind that they say something."""
        return min(len(self.same), len(self.different)) >= FEWEST

    def at(self, limit: float) -> Point:
        """What a limit does to the labelled pairs."""
        right = int((self.same <= limit).sum())
        wrong = int((self.different <= limit).sum())
        return Point(
            limit=limit,
            right=right,
            wrong=wrong,
            wrong_alone=int((self.apart <= limit).sum()),
            recall=(right / len(self.same), *wilson(right, len(self.same))),
            precision=(
                right / (right + wrong) if right + wrong else math.nan,
                *wilson(right, right + wrong),
            ),
            false_rate=(wrong / len(self.different), *wilson(wrong, len(self.different))),
        )

    @property
    def barrier(self) -> float:
        """The distance of the nearest different pair, whatever the first stage says of it."""
        return float(self.apart.min())

    def suggested(self) -> float | None:
        """The limit in force if none is better, else the tightest one of those that are best.

        Best: accepts every same pair nearer than the nearest different one, and none beyond. The
        tightest, because whoever labels pairs seldom finds the different ones that look most
        alike. None where a different pair is nearer than every same one.
        """
        safe = self.same[self.same < self.barrier]
        if not len(safe):
            return None
        tightest = float(safe.max())
        if self.in_force is not None and tightest <= self.in_force < self.barrier:
            return self.in_force
        return tightest


Share = tuple[float, float, float]  # a share and the ends of its 95 % interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A limit: same pairs accepted, different pairs accepted (and by the distance alone)."""

    limit: float
    right: int
    wrong: int
    wrong_alone: int
    recall: Share
    precision: Share
    false_rate: Share

    def to_json(self) -> dict[str, Any]:
        """Plain data; what is not known is null."""
        return {
            "limit": self.limit,
            "same_accepted": self.right,
            "different_accepted": self.wrong,
            "different_within": self.wrong_alone,
            "recall": list(self.recall),
            "precision": [None if math.isnan(v) else v for v in self.precision],
            "false_rate": list(self.false_rate),
        }
