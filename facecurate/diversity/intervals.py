"""Confidence intervals of a sum over people, from one value a person."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facecurate.metrics import student_quantile

METHODS = ("log-t", "t")


@dataclass(frozen=True, slots=True)
class Interval:
    """A sum over groups with its interval, and the same by the delete-one jackknife.

    The interval says how the sum would vary with as many *other* people; frames of one person
    are never resampled, and groups are people only where the source says so.
    """

    total: float
    low: float
    high: float
    jackknife_low: float
    jackknife_high: float
    groups: int
    method: str
    level: float


def interval(values: ArrayLike, *, method: str = "log-t", level: float = 0.95) -> Interval | None:
    """The interval of ``sum(values)`` over G groups; None below two groups.

    values: (G,) one additive value a group (its N_eff). ``t``: Student's interval of the mean,
    times G. ``log-t``: the same for the logarithm of the sum, its standard error by the delta
    method; it suits positive values with a long tail, and its ends stay positive. The jackknife
    estimates the standard error on the same scale by leaving out one group at a time.
    """
    x = np.asarray(values, dtype=np.float64)
    if method not in METHODS:
        raise ValueError(f"method {method!r}: choose one of {', '.join(METHODS)}")
    if len(x) < 2:
        return None
    logarithmic = method == "log-t"
    if logarithmic and x.min() <= 0:
        raise ValueError("log-t needs positive values: take 't'")
    total, error = float(x.sum()), float(x.std(ddof=1) * np.sqrt(len(x)))
    reach = student_quantile(level, len(x) - 1)
    left = x.sum() - x  # the sums without each group
    if logarithmic:
        low, high = total * np.exp(np.array([-1, 1]) * reach * error / total)
        spread = reach * _jackknife(np.log(left * len(x) / (len(x) - 1)))
        jackknife = total * np.exp([-spread, spread])
    else:
        low, high = total - reach * error, total + reach * error
        spread = reach * _jackknife(left * len(x) / (len(x) - 1))
        jackknife = np.array([total - spread, total + spread])
    ends = float(low), float(high), float(jackknife[0]), float(jackknife[1])
    return Interval(total, *ends, groups=len(x), method=method, level=level)


def _jackknife(left_out: NDArray[np.float64]) -> float:
    """The delete-one jackknife's standard error from the G estimates without one group."""
    g = len(left_out)
    return float(np.sqrt((g - 1) / g * ((left_out - left_out.mean()) ** 2).sum()))
