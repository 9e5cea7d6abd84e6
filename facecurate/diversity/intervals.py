"""Confidence intervals of a sum over people, from one value a person.

Which method: measured on 3,000 sets of 27 people with lognormal values (nominal 95 %), the
intervals covered the truth

    sigma of the logarithm    0.25   0.5    0.75   1.0    1.25   1.5
    Student's t               .951   .931   .915   .876   .849   .795
    log-t                     .950   .935   .930   .900   .883   .843
    bootstrap-t               .946   .939   .935   .923   .913   .888

so bootstrap-t is the usual one for 8 to 39 people. Below 8 its ends are many times too wide, from
40 on it agrees with log-t (.923 and .922 at sigma 1 and 60 people), which is taken there.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facecurate.metrics import student_quantile

METHODS = ("auto", "log-t", "bootstrap-t", "t")
RESAMPLED = 2000
FEW, MANY = 8, 40

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """A sum over groups with its interval, and the same by the delete-one jackknife.

    The interval says how the sum would vary with as many *other* people; frames of one person
    are never resampled, and groups are people only where the source says so. ``total`` is the
    mean instead of the sum where ``mean_interval`` made it.
    """

    total: float
    low: float
    high: float
    jackknife_low: float
    jackknife_high: float
    groups: int
    method: str
    level: float


def interval(values: ArrayLike, *, method: str = "auto", level: float = 0.95) -> Interval | None:
    """The interval of ``sum(values)`` over G groups; None below two groups.

    values: (G,) one additive value a group (its N_eff). ``t``: Student's interval of the mean,
    times G. ``log-t``: the same for the logarithm of the sum, its standard error by the delta
    method; it suits positive values with a long tail, and its ends stay positive. ``bootstrap-t``
    (Efron, 1981): the quantiles of t from resampled groups, whose values are added, never counted
    anew. ``auto``: bootstrap-t for 8 to 39 groups, else log-t, or t where a value is not positive.
    The jackknife estimates the standard error, on the scale of t or log-t, by leaving out one
    group at a time.
    """
    x = np.sort(np.asarray(values, dtype=np.float64))  # no result depends on the order of groups
    if method not in METHODS:
        raise ValueError(f"method {method!r}: choose one of {', '.join(METHODS)}")
    if len(x) < 2:
        return None
    if method == "auto":
        usual = "bootstrap-t" if FEW <= len(x) < MANY else "log-t"
        method = usual if x[0] > 0 else "t"
    if method == "log-t" and x[0] <= 0:
        raise ValueError("log-t needs positive values: take 't'")
    low, high = _ends(x, method, level)
    jackknife = _jackknife_ends(x, logarithmic=x[0] > 0 and method != "t", level=level)
    return Interval(float(x.sum()), low, high, *jackknife, len(x), method, level)


def mean_interval(values: ArrayLike, *, level: float = 0.95) -> Interval | None:
    """Student's interval of the mean over G groups, such as of a share; None below two groups."""
    found = interval(values, method="t", level=level)
    if found is None:
        return None
    names = ("total", "low", "high", "jackknife_low", "jackknife_high")
    return replace(found, **{name: getattr(found, name) / found.groups for name in names})


def _ends(x: Floats, method: str, level: float) -> tuple[float, float]:
    total, error = float(x.sum()), float(x.std(ddof=1) * np.sqrt(len(x)))
    if method == "bootstrap-t":
        above, below = _resampled_quantiles(x, level)
        low = total - above * error
        return (max(0.0, low) if x[0] >= 0 else low), total - below * error
    reach = student_quantile(level, len(x) - 1)
    if method == "t":
        return total - reach * error, total + reach * error
    factor = float(np.exp(reach * error / total))
    return total / factor, total * factor


def _resampled_quantiles(x: Floats, level: float) -> tuple[float, float]:
    """The upper and the lower quantile of Student's statistic among resampled groups."""
    drawn = x[np.random.default_rng(0).integers(0, len(x), (RESAMPLED, len(x)))]
    errors = drawn.std(axis=1, ddof=1) / np.sqrt(len(x))
    varied = errors > 0
    if not varied.any():
        return 0.0, 0.0
    t = (drawn.mean(axis=1)[varied] - x.mean()) / errors[varied]
    high, low = np.quantile(t, [0.5 + level / 2, 0.5 - level / 2])
    return float(high), float(low)


def _jackknife_ends(x: Floats, *, logarithmic: bool, level: float) -> tuple[float, float]:
    total = float(x.sum())
    left = (x.sum() - x) * len(x) / (len(x) - 1)  # the sums estimated without each group
    reach = student_quantile(level, len(x) - 1)
    if logarithmic:
        factor = float(np.exp(reach * _jackknife(np.log(left))))
        return total / factor, total * factor
    spread = reach * _jackknife(left)
    return total - spread, total + spread


def _jackknife(left_out: Floats) -> float:
    """The delete-one jackknife's standard error from the G estimates without one group."""
    g = len(left_out)
    return float(np.sqrt((g - 1) / g * ((left_out - left_out.mean()) ** 2).sum()))
