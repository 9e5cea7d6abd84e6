"""The effective sample size of series in time, and how long a value stays correlated.

n frames whose correlation at lag k is rho_k tell of a mean as much as n / tau independent ones,
tau = 1 + 2 (rho_1 + rho_2 + ...), the integrated time. The sum is cut by Geyer's initial monotone
sequence (Statistical Science, 1992): sums of neighbouring pairs of rho while they are positive,
none greater than the one before.

What biases it, by simulation (27 series of 4,845 frames, AR(1), truth 657 and 65 frames for
phi = .99 and .999; means of 60 sets, benchmarks/redundancy.py): to estimate each series alone, its
own mean taken away, says 786 and 195. Pooling the autocovariances of all series before the sum is
cut says 756 and 154; the mean of all series instead of each one's 663 and 72, but that reads
lasting differences between people as correlation in time. So each series' own mean is taken away,
the series are pooled, and the variance that went with the means, gamma_0 tau / n, is put back: 648,
and 33 for phi = .999, where all are marked as unreliable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LONGEST = 1 / 50
"""A time is reliable up to this share of a series' length, and biased beyond."""

NOISIEST = 0.075
"""A time is reliable up to this relative standard error: 15 % in 95 of 100 cases."""

_ROUNDS = 100
_CLOSE = 1e-6


@dataclass(frozen=True, slots=True)
class Correlation:
    """A series, or several alike: its integrated time and effective sample size.

    frames: values in all, n; time: tau in frames, NaN where the series never changes; length: mean
    frames of one series, weighed by its frames.
    """

    frames: int
    time: float
    length: float

    @property
    def effective(self) -> float:
        """What the frames are worth, n / tau."""
        return self.frames / self.time

    @property
    def reliable(self) -> bool:
        """Whether the time is short for the length of the series, and they are many enough."""
        return self.time <= self.length * LONGEST and self.error <= NOISIEST

    @property
    def error(self) -> float:
        """The relative standard error of the time and of the effective size, from their length.

        Madras and Sokal's (Journal of Statistical Physics, 1988), 2 (2 W + 1) / n squared, for a
        window W of three e-folding times of an exponential correlation.
        """
        return float(np.sqrt(2 * (3 * self.time + 1) / max(self.frames, 1)))

    @property
    def interval(self) -> float:
        """Frames from one to the next of those that are nearly independent, NaN without a time."""
        return float(np.ceil(self.time))


def correlation(series: Sequence[Sequence[Floats]], *, common_mean: bool = False) -> Correlation:
    """Pooled over series, each given as the pieces that were seen without a gap.

    series: one or more series of (T,) values at equal distances in time. ``common_mean``: take the
    mean of all away and not each one's own: the effective sample size of that mean, in which
    lasting differences between the series count as correlation.
    """
    lengths = np.array([sum(map(len, pieces)) for pieces in series])
    frames = int(lengths.sum())
    if not frames:
        return Correlation(0, np.nan, np.nan)
    length = float((lengths**2).sum() / frames)
    whole = [np.concatenate(pieces) for pieces in series if sum(map(len, pieces))]
    mean = float(np.concatenate(whole).mean())
    centred = [
        piece - (mean if common_mean else float(np.concatenate(pieces).mean()))
        for pieces in series
        if sum(map(len, pieces))
        for piece in pieces
    ]
    covariance = autocovariance(centred)
    if covariance[0] <= 1e-12 * max(1.0, mean**2):
        return Correlation(frames, np.nan, length)
    time = integrated_time(covariance) if common_mean else _restored(covariance, length)
    # Of a series that swings from frame to frame; the floor is Stan's, that of arviz too.
    return Correlation(frames, max(time, 1 / np.log10(max(frames, 10))), length)


def autocovariance(pieces: Sequence[Floats]) -> Floats:
    """(T,) the mean product of values k frames apart, over all pieces, of mean 0, by FFT.

    T: the longest piece's length. Each lag is divided by the number of pairs there are.
    """
    longest = max(map(len, pieces))
    products, pairs = np.zeros(longest), np.zeros(longest)
    for piece in pieces:
        size = len(piece)
        if not size:
            continue
        spectrum = np.fft.rfft(piece, 1 << (2 * size - 1).bit_length())
        products[:size] += np.fft.irfft(np.abs(spectrum) ** 2)[:size]
        pairs[:size] += np.arange(size, 0, -1)
    return products / pairs


def integrated_time(covariance: Floats) -> float:
    """1 + 2 sum of rho_k, in frames, cut by Geyer's initial monotone sequence.

    covariance: (T,) from lag 0, which is positive.
    """
    rho = np.append(covariance, 0.0)[: (len(covariance) + 1) // 2 * 2] / covariance[0]
    pairs = rho.reshape(-1, 2).sum(axis=1)
    ends = np.flatnonzero(pairs <= 0)
    kept = pairs[: ends[0]] if len(ends) else pairs
    return float(2 * np.minimum.accumulate(kept).sum() - 1) if len(kept) else 0.0


def _restored(covariance: Floats, length: float) -> float:
    """The integrated time with the variance of the means, gamma_0 tau / n, put back into all lags.

    tau stands on both sides, so it is repeated until it stays; it cannot exceed the length.
    """
    lost, time = 0.0, 1.0
    for _ in range(_ROUNDS):
        time = min(integrated_time(covariance + lost), length)
        more = float(covariance[0] + lost) * time / length
        if abs(more - lost) <= _CLOSE * covariance[0]:
            break
        lost = min(more, 1e3 * float(covariance[0]))
    return time
