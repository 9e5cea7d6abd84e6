"""How alike frames with the same labels are: the tolerance tau_label, and what an encoder sees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from facecurate.diversity.intervals import Interval, mean_interval
from facecurate.diversity.label_pairs import EDGES, LabelPairs
from facecurate.diversity.structure import Labels
from facecurate.diversity.tables import Tabular
from facecurate.metrics import wilson

SHARE = 0.05
"""Pairs that may differ in a label at tau_label. This is our convention, not a known error rate."""

LEAST = 100
"""Pairs below which a share says nothing: 0 of 73 is the least whose Wilson bound is 5 %."""

NO_LEVELS = "no levels: tau_label not defined"


@dataclass(frozen=True, slots=True)
class LabelTolerance:
    """The loosest cosine at which at most ``allowed`` of the pairs differ in a label.

    tau: None where there is none, and ``reason`` says why. pairs: how many were at or above tau
    (all that were compared, where tau is None); different: of those; upper: the upper end of
    Wilson's 95 % interval of the share, as if pairs were independent, which they are not.
    """

    tau: float | None
    allowed: float
    pairs: int
    different: int
    upper: float
    reason: str

    @property
    def supported(self) -> bool:
        """Whether even the upper end of the share is allowed."""
        return self.tau is not None and self.upper <= self.allowed


@dataclass(frozen=True, slots=True)
class LabelSight(Tabular):
    """How well distance tells pairs of one person with equal labels from those that differ.

    auroc: the mean over people of the area under the ROC curve: the chance that a pair that
    differs lies further apart than one that agrees, 0.5 for an encoder that sees nothing; None
    where no person has both kinds. interval: over people; pooled: of all pairs in one, where
    people whose frames are all alike weigh against others. groups, areas, equal, different: of
    each person; an area is NaN where one kind is missing.
    """

    auroc: float | None
    interval: Interval | None
    pooled: float | None
    groups: tuple[str, ...]
    areas: NDArray[np.float64]
    equal: NDArray[np.int64]
    different: NDArray[np.int64]

    def to_arrow(self) -> pa.Table:
        """One row a group: group, auroc, equal, different."""
        return pa.table(
            {
                "group": list(self.groups),
                "auroc": pa.array(self.areas, from_pandas=True),
                "equal": self.equal,
                "different": self.different,
            }
        )


def label_tolerance(
    labels: Labels, pairs: LabelPairs | None, share: float = SHARE, least: int = LEAST
) -> LabelTolerance:
    """tau_label from pairs of one person; pairs: None where the labels have no levels.

    The loosest: of all distances at which the share of differing pairs *up to there* is allowed,
    the greatest. Only distances with ``least`` pairs or more up to there are considered.
    """
    if not labels.levels or pairs is None:
        return LabelTolerance(None, share, 0, 0, 1.0, NO_LEVELS)
    differ_at, equal_at = pairs.different.sum(axis=0), pairs.equal.sum(axis=0)
    different, both = differ_at.cumsum(), (differ_at + equal_at).cumsum()
    if both[-1] < least:
        total, differ = int(both[-1]), int(different[-1])
        reason = f"only {total} pairs of one {pairs.groups.unit} far enough apart"
        return LabelTolerance(None, share, total, differ, wilson(differ, total)[1], reason)
    met = differ_at + equal_at > 0  # a distance at which there are pairs
    allowed = np.flatnonzero(met & (both >= least) & (different <= share * both))
    if not len(allowed):
        first = int(np.flatnonzero(both >= least)[0])
        some, differ = int(both[first]), int(different[first])
        reason = f"even of the {some} nearest pairs {differ / some:.1%} differ in a label"
        return LabelTolerance(None, share, int(both[-1]), int(different[-1]), 1.0, reason)
    last = int(allowed[-1])
    upper = wilson(int(different[last]), int(both[last]))[1]
    tau = float(1 - EDGES[last + 1])
    return LabelTolerance(tau, share, int(both[last]), int(different[last]), upper, "")


def label_sight(pairs: LabelPairs) -> LabelSight:
    """The encoder check: whether frames with other labels lie further apart."""
    areas = np.array([_area(*two) for two in zip(pairs.equal, pairs.different, strict=True)])
    known = areas[~np.isnan(areas)]
    pooled = _area(pairs.equal.sum(axis=0), pairs.different.sum(axis=0))
    return LabelSight(
        float(known.mean()) if len(known) else None,
        mean_interval(known) if pairs.groups.unit == "subject" else None,
        None if np.isnan(pooled) else pooled,
        pairs.groups.names,
        areas,
        pairs.equal.sum(axis=1),
        pairs.different.sum(axis=1),
    )


def _area(equal: NDArray[np.int64], different: NDArray[np.int64]) -> float:
    """The area under the ROC curve of two histograms over distance, ties for half; NaN if empty."""
    if not equal.sum() or not different.sum():
        return float("nan")
    nearer = np.cumsum(equal) - equal  # equal pairs below each bin
    wins = float((different * (nearer + equal / 2)).sum())
    return wins / float(equal.sum()) / float(different.sum())
