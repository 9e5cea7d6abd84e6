"""What several draws of two arms say: paired differences and their intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from facecurate.metrics import student_quantile

FEWEST_FOR_SENTENCE, FEWEST_FOR_INTERVAL = 4, 5


@dataclass(frozen=True, slots=True)
class Paired:
    """One arm against another over draws that they share: ratios, 0.9 = an error 10 % smaller.

    ratio: geometric mean; least, most: of the draws; low, high: 95 % t interval over draws, None
    below five of them; items_low, items_high: 95 % bootstrap interval over test images.
    """

    draws: int
    ratio: float
    least: float
    most: float
    low: float | None
    high: float | None
    items_low: float
    items_high: float

    @property
    def clear(self) -> bool:
        """True if both intervals leave 1 out on the same side."""
        if self.low is None or self.high is None:
            return False
        return max(self.high, self.items_high) < 1 or min(self.low, self.items_low) > 1


def paired_ratio(
    ours: ArrayLike, others: ArrayLike, *, resamples: int = 1000, seed: int = 0
) -> Paired:
    """Compares two arms by their errors, (draws, test images) each, in the same order.

    The mean error over images of each draw gives a log ratio; the t interval is over draws, the
    bootstrap resamples test images, the same ones for both arms and all draws.
    """
    one, two = np.asarray(ours, np.float64), np.asarray(others, np.float64)
    logs = np.log(one.mean(axis=1) / two.mean(axis=1))
    low = high = None
    if len(logs) >= FEWEST_FOR_INTERVAL:
        half = _half_width(logs)
        low, high = math.exp(logs.mean() - half), math.exp(logs.mean() + half)
    draws = np.random.default_rng(seed)
    count = one.shape[1]
    picked = draws.multinomial(count, np.full(count, 1 / count), size=resamples) / count
    spread = np.log((picked @ one.T) / (picked @ two.T)).mean(axis=1)
    items = np.exp(np.percentile(spread, [2.5, 97.5]))
    return Paired(
        draws=len(logs),
        ratio=float(np.exp(logs.mean())),
        least=float(np.exp(logs.min())),
        most=float(np.exp(logs.max())),
        low=low,
        high=high,
        items_low=float(items[0]),
        items_high=float(items[1]),
    )


def over_draws(values: Sequence[float]) -> str:
    """A cell of a table: mean, and its 95 % interval, or the range below five draws."""
    mean = sum(values) / len(values)
    if len(values) == 1:
        return f"{mean:.2f} (1 draw)"
    if len(values) < FEWEST_FOR_INTERVAL:
        return f"{mean:.2f} [{min(values):.2f} to {max(values):.2f}, {len(values)} draws]"
    return f"{mean:.2f} ± {_half_width(values):.2f} ({len(values)} draws)"


def _half_width(values: ArrayLike) -> float:
    """Half of the 95 % t interval of a mean over draws."""
    x = np.asarray(values, np.float64)
    return student_quantile(0.95, len(x) - 1) * float(x.std(ddof=1)) / math.sqrt(len(x))
