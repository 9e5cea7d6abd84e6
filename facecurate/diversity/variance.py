"""How much of what an encoder tells apart is merely who is in the frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facecurate.diversity.cosines import usable
from facecurate.diversity.structure import UNKNOWN, Codes
from facecurate.similar.products import Vectors

_ROWS = 8192


def variance_by_group(vectors: Vectors, codes: Codes) -> float | None:
    """The share of the variance of unit vectors that lies between groups (eta squared), 0 to 1.

    vectors: (N, D), read in blocks; codes: (N,) whose frame, ``UNKNOWN`` left out. The sum over
    groups of n_g |mean_g - mean|^2, over the sum of |x - mean|^2. None below two groups, or where
    nothing varies. With few frames a group it is large by chance: G groups of one frame have 1.
    """
    rows = usable(vectors)
    known = np.flatnonzero(codes != UNKNOWN)
    _, group = np.unique(codes[known], return_inverse=True)
    if not len(known) or group.max() == 0:
        return None
    sums = np.zeros((group.max() + 1, vectors.shape[1]))
    squares = 0.0
    for start in range(0, len(known), _ROWS):
        chosen = known[start : start + _ROWS]
        unit = np.asarray(vectors[chosen], np.float64) * rows.inverse[chosen, None]
        np.add.at(sums, group[start : start + _ROWS], unit)
        squares += float((unit**2).sum())
    return _share(sums, np.bincount(group), squares)


def _share(
    sums: NDArray[np.float64], sizes: NDArray[np.int64], squares: float
) -> float | None:  # fmt: skip
    middle = (sums.sum(axis=0) ** 2).sum() / sizes.sum()
    between = ((sums**2).sum(axis=1) / sizes).sum() - middle
    total = squares - middle
    return float(min(1.0, max(0.0, between / total))) if total > 1e-12 * squares else None
