"""Every metric once, vectorised; definitions as the benchmark's documentation states them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def inter_ocular(
    points: ArrayLike, left: int | Sequence[int], right: int | Sequence[int]
) -> Floats:
    """Distance of two points, in the points' unit: points (N, P, 2) -> (N,).

    ``left`` and ``right`` are the outer corners of the eyes: 36, 45 of 68 points; 60, 72 of 98;
    8, 9 of COFW's 29. Several indices stand for their mean (inter-pupil).
    """
    points = np.asarray(points, np.float64)
    ends = [points[..., np.atleast_1d(i), :].mean(axis=-2) for i in (left, right)]
    distance: Floats = np.linalg.norm(ends[0] - ends[1], axis=-1)
    return distance


def nme(prediction: ArrayLike, truth: ArrayLike, normaliser: ArrayLike) -> Floats:
    """Normalised mean error of each image in percent: (N, P, 2), (N, P, 2), (N,) -> (N,).

    The mean of the points' l2 errors over the image's normaliser; points whose truth is NaN are
    left out, and an image without any is NaN.
    """
    truth = np.asarray(truth, np.float64)
    error = np.linalg.norm(np.asarray(prediction, np.float64) - truth, axis=-1)
    known = ~np.isnan(truth).any(axis=-1)
    total = np.where(known, error, 0.0).sum(axis=-1)
    count = known.sum(axis=-1)
    mean = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    percent: Floats = 100.0 * mean / np.asarray(normaliser, np.float64)
    return percent


def auc(nmes: ArrayLike, threshold: float) -> float:
    """Area under the cumulative error curve up to ``threshold``, in percent of the whole.

    Exact for the empirical curve, 100 mean(max(0, 1 - NME / threshold)), where published code
    integrates a grid. NME and threshold in percent.
    """
    values = np.asarray(nmes, np.float64)
    return float(100.0 * np.maximum(0.0, 1.0 - values / threshold).mean())


def failure_rate(nmes: ArrayLike, threshold: float) -> float:
    """Percent of the images whose NME is strictly greater than ``threshold`` (both percent)."""
    return float(100.0 * (np.asarray(nmes, np.float64) > threshold).mean())


def icc31(prediction: ArrayLike, truth: ArrayLike) -> float:
    """ICC(3,1) of two raters over N targets: (N,), (N,) -> one number, at most 1.

    (BMS - EMS) / (BMS + EMS) of Shrout and Fleiss (1979) for two raters: consistency, so that a
    constant added to one of them changes nothing. NaN where it is undefined: fewer than two
    targets, or a truth that never varies.
    """
    a, b = (np.asarray(values, np.float64).ravel() for values in (prediction, truth))
    if len(b) < 2 or np.ptp(b) == 0:
        return float("nan")
    between = ((a + b) / 2).var(ddof=1) * 2
    within = (a - b).var(ddof=1) / 2
    return float((between - within) / (between + within))


def ccc(prediction: ArrayLike, truth: ArrayLike) -> float:
    """Concordance correlation of (N,) and (N,), variances divided by N (Lin, Biometrics, 1989).

    NaN where it is undefined: fewer than two values, or a truth that never varies.
    """
    a, b = (np.asarray(values, np.float64).ravel() for values in (prediction, truth))
    if len(b) < 2 or np.ptp(b) == 0:
        return float("nan")
    shared = 2 * ((a - a.mean()) * (b - b.mean())).mean()
    return float(shared / (a.var() + b.var() + (a.mean() - b.mean()) ** 2))


def student_quantile(level: float, freedom: int) -> float:
    """Half width, in standard errors, of a two-sided interval of Student's t: 2.776 for .95, 4."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 0.5 + level / 2))


def wilson(found: int, of: int, z: float = 1.959964) -> tuple[float, float]:
    """The 95 % interval of a share ``found / of`` (Wilson, 1927); 0 to 1 of nothing."""
    if not of:
        return 0.0, 1.0
    share, spread = found / of, z * z / of
    middle = (share + spread / 2) / (1 + spread)
    half = z * (share * (1 - share) / of + spread / (4 * of)) ** 0.5 / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)
