"""The k-nearest-neighbour probe: what the labels of the most similar training frames say."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

_BLOCK = 1024


def nearest_mean(
    train: ArrayLike, targets: ArrayLike, test: ArrayLike, *, k: int = 20
) -> NDArray[np.float64]:
    """(M, T) means of the targets (N, T) of the k training vectors of largest cosine.

    train (N, d), test (M, d), of any length but 0; with fewer than k vectors all of them count.
    Which of equally near frames count at the k-th place is left open.
    """
    known, told = _unit(train), np.asarray(targets, np.float64)
    asked = _unit(test)
    few = min(k, len(known))
    found = np.empty((len(asked), told.shape[1]))
    for start in range(0, len(asked), _BLOCK):
        near = asked[start : start + _BLOCK] @ known.T  # (B, d) @ (d, N)
        best = np.argpartition(-near, few - 1, axis=1)[:, :few]
        found[start : start + _BLOCK] = told[best].mean(axis=1)
    return found


def _unit(vectors: ArrayLike) -> NDArray[np.float32]:
    v = np.asarray(vectors, np.float32)
    unit: NDArray[np.float32] = v / np.linalg.norm(v, axis=1, keepdims=True)
    return unit
