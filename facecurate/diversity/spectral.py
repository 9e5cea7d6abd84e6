"""How many directions the vectors spread over: the Vendi score of a cosine kernel.

Friedman and Dieng (Transactions on Machine Learning Research, 2023): the exponential of the entropy
of the eigenvalues of K / n, of the order q as in Pasarkar and Dieng (2023). For K = X X^T of unit
vectors they are those of the (d, d) matrix X^T X / n, so that the score is cheap, never counts more
than d, and is no number of distinct frames. A mean direction that all vectors share makes it small
for q >= 2 whatever they show; the same of the vectors about their mean stands beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from facecurate.errors import FacecurateError

Floats = NDArray[np.float64]
Vectors = NDArray[np.float32] | NDArray[np.float16] | NDArray[np.float64]

ORDERS = (0.5, 1.0, 2.0, np.inf)
BLOCK = 4096  # rows at a time


@dataclass(frozen=True, slots=True)
class SpectralDiversity:
    """Vendi scores of N vectors at each of ``ORDERS``, none greater than ``dimension``.

    plain: of the unit vectors; centred: of their covariance, the mean direction taken away; NaN
    where all vectors are equal.
    """

    frames: int
    dimension: int
    orders: tuple[float, ...]
    plain: tuple[float, ...]
    centred: tuple[float, ...]

    def to_arrow(self) -> pa.Table:
        """One row an order."""
        columns = {"order": self.orders, "plain": self.plain, "centred": self.centred}
        most = min(self.frames, self.dimension)
        return pa.table({**columns, "at_most": [float(most)] * len(self.orders)})


@dataclass(frozen=True, slots=True)
class Moments:
    """gram: (d, d) mean of x x^T; mean: (d,); of ``frames`` vectors x."""

    gram: Floats
    mean: Floats
    frames: int


def moments(vectors: Vectors, *, unit: bool = True) -> Moments:
    """Means over (N, d) vectors, in float64, by blocks of rows.

    unit: of the vectors at length 1; FacecurateError if some have no direction.
    """
    count, dimension = vectors.shape
    gram, total = np.zeros((dimension, dimension)), np.zeros(dimension)
    for start in range(0, count, BLOCK):
        block = np.asarray(vectors[start : start + BLOCK], np.float64)
        if unit:
            block = _unit(block)
        gram += block.T @ block  # (d, B) @ (B, d) -> (d, d)
        total += block.sum(axis=0)
    return Moments(gram / max(count, 1), total / max(count, 1), count)


def spectral_diversity(vectors: Vectors) -> SpectralDiversity:
    """The Vendi scores of (N, d) vectors by cosine. Raises FacecurateError without any."""
    if not len(vectors):
        raise FacecurateError("no vectors to measure: embed at least one face")
    found = moments(vectors)
    covariance = found.gram - np.outer(found.mean, found.mean)
    return SpectralDiversity(
        frames=found.frames,
        dimension=vectors.shape[1],
        orders=ORDERS,
        plain=_scores(found.gram),
        centred=_scores(covariance),
    )


def vendi(eigenvalues: Floats, order: float) -> float:
    """The exponential of Renyi's entropy: (sum p^q)^(1 / (1 - q)), p the eigenvalues' shares."""
    share = eigenvalues[eigenvalues > 0] / eigenvalues[eigenvalues > 0].sum()
    if order == 1:
        return float(np.exp(-(share * np.log(share)).sum()))
    if np.isinf(order):
        return float(1 / share.max())
    return float((share**order).sum() ** (1 / (1 - order)))


def principal_components(vectors: Vectors, count: int) -> NDArray[np.float32]:
    """(N, count) places along the directions of most variance, the greatest first.

    Of the vectors as they are; each direction's largest entry is positive. Fewer than ``count``
    where the vectors have fewer dimensions.
    """
    found = moments(vectors, unit=False)
    _, directions = np.linalg.eigh(found.gram - np.outer(found.mean, found.mean))
    kept = directions[:, ::-1][:, :count]
    largest = np.abs(kept).argmax(axis=0)
    kept = kept * np.sign(kept[largest, np.arange(kept.shape[1])])
    blocks = [
        (np.asarray(vectors[start : start + BLOCK], np.float64) - found.mean) @ kept
        for start in range(0, len(vectors), BLOCK)
    ]
    return np.concatenate(blocks or [np.zeros((0, kept.shape[1]))]).astype(np.float32)


def _scores(matrix: Floats) -> tuple[float, ...]:
    eigenvalues = np.linalg.eigvalsh(matrix)
    trace, rounding = float(np.trace(matrix)), len(matrix) * np.finfo(np.float64).eps
    if trace <= rounding:
        return tuple(np.nan for _ in ORDERS)
    kept = np.where(eigenvalues > rounding * trace, eigenvalues, 0.0)
    return tuple(vendi(kept, order) for order in ORDERS)


def _unit(block: Floats) -> Floats:
    length = np.linalg.norm(block, axis=1, keepdims=True)
    bad = int((~(np.isfinite(length) & (length > 0))).sum())
    if bad:
        raise FacecurateError(
            f"{bad} vectors have no direction (zero or not finite): leave those frames out, or "
            "take another encoder"
        )
    unit: Floats = block / length
    return unit
