"""Agreement from sums: each person's six sums give ICC and CCC of any set of people at once.

ICC(3,1) and CCC of pooled frames depend on the number, the two sums, the two sums of squares and
the sum of products alone, and these add up over people. A resample of people is a weighted sum.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

NUMBERS = 6
"""n, sum of predictions, of truths, of their squares, and of their product, in this order."""


def moments(prediction: ArrayLike, truth: ArrayLike, groups: ArrayLike, total: int) -> Floats:
    """(total, T, 6) the sums of each group: (N, T) predictions and truths, (N,) codes 0...total-1.

    Frames whose truth is NaN are left out, target by target.
    """
    b = np.asarray(truth, np.float64)
    known = ~np.isnan(b)
    a, b = np.where(known, prediction, 0.0), np.where(known, b, 0.0)
    told = np.stack([known.astype(np.float64), a, b, a * a, b * b, a * b], axis=-1)
    sums = np.zeros((total, *told.shape[1:]))
    np.add.at(sums, np.asarray(groups), told)
    return sums


def _spreads(sums: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Variance of predictions and of truths, covariance, difference of means; (...,) each."""
    n = np.maximum(sums[..., 0], 1)
    a, b, aa, bb, ab = (sums[..., k] / n for k in range(1, NUMBERS))
    # A truth that never varies leaves rounding behind.
    steady = bb - b * b <= 1e-12 * np.maximum(bb, 1e-300)
    spread = np.where(steady | (sums[..., 0] < 2), np.nan, bb - b * b)
    return aa - a * a, spread, ab - a * b, a - b


def icc_of(sums: Floats) -> Floats:
    """ICC(3,1), (..., 6) -> (...); NaN where it is undefined (``metrics.icc31`` of the frames)."""
    ours, theirs, shared, _ = _spreads(sums)
    icc: Floats = 2 * shared / (ours + theirs)
    return icc


def ccc_of(sums: Floats) -> Floats:
    """Concordance correlation, (..., 6) -> (...); NaN where undefined (``metrics.ccc``)."""
    ours, theirs, shared, apart = _spreads(sums)
    ccc: Floats = 2 * shared / (ours + theirs + apart**2)
    return ccc


def mean_of_defined(values: Floats) -> Floats:
    """The mean over the last axis of what is defined; NaN where nothing is."""
    known = ~np.isnan(values)
    count = known.sum(axis=-1)
    total = np.where(known, values, 0.0).sum(axis=-1)
    mean = np.full(total.shape, np.nan)
    return np.asarray(np.divide(total, count, out=mean, where=count > 0))
