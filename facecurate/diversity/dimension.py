"""How many directions a face can move in from where it is: the intrinsic dimension, by scale.

No single number: noise makes the nearest neighbours look higher-dimensional than the surface they
lie near, and a curved surface looks lower-dimensional from afar. So the dimension is a curve over
the distance to the n-th neighbour. Neighbours in time would fake a line: take one frame per
correlation time (``decimated``). A vector that comes again is taken once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from facecurate.diversity.stretches import stretches
from facecurate.diversity.structure import Structure
from facecurate.errors import FacecurateError

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

MOST = 10_000
"""Vectors above which as many are drawn at random: a sample sees a larger scale."""

NEIGHBOURS = 128
LEAST = 10  # points
_MLE = 20  # neighbours of Levina and Bickel's estimate
_BLOCK = 256
_HIGHEST = 1e4  # a dimension beyond which nothing is looked for


@dataclass(frozen=True, slots=True)
class Dimension:
    """Of P points: those asked of, a sample above ``MOST``, without ``repeated`` repetitions.

    two_nn: from the two nearest neighbours (Facco et al., Scientific Reports, 2017); mle: from 20
    (Levina and Bickel, NIPS 2004, the inverses averaged as MacKay and Ghahramani have it); NaN
    with too few points. near: (S,) the neighbour n, far = 2 n, from which each of the curve's
    ``dimension`` is estimated; distance: (S,) the median distance to neighbour n.
    """

    points: int
    repeated: int
    sampled: bool
    two_nn: float
    mle: float
    near: Rows
    distance: Floats
    dimension: Floats

    def to_arrow(self) -> pa.Table:
        """The curve, one row a scale."""
        return pa.table(
            {"neighbour": self.near, "distance": self.distance, "dimension": self.dimension}
        )


def intrinsic_dimension(vectors: ArrayLike, *, seed: int = 0) -> Dimension:
    """TwoNN, the maximum likelihood estimate, and the curve over scale of (N, d) vectors.

    Vectors are compared as they are. The curve is that of Denti et al. (Scientific Reports, 2022):
    the dimension that makes the ratios of the distances to neighbours 2 n and n most likely, for
    n = 1, 2, 4, ... 64; its first value is TwoNN. Exact neighbours, by blocks of products.
    Raises FacecurateError below ``LEAST`` different vectors.
    """
    asked = np.asarray(vectors)
    sampled = len(asked) > MOST
    if sampled:
        rng = np.random.default_rng([0xD13, seed])
        asked = asked[np.sort(rng.choice(len(asked), MOST, replace=False))]
    points = np.unique(asked.astype(np.float64), axis=0)
    repeated = len(asked) - len(points)
    if len(points) < LEAST:
        raise FacecurateError(f"{len(points)} different vectors are too few: take {LEAST} or more")
    distances = nearest(points, min(NEIGHBOURS, len(points) - 1))
    scales = 2 ** np.arange(int(np.log2(distances.shape[1])))
    curve = [gride(distances[:, n - 1], distances[:, 2 * n - 1], int(n)) for n in scales]
    return Dimension(
        points=len(points),
        repeated=repeated,
        sampled=sampled,
        two_nn=curve[0],
        mle=levina_bickel(distances[:, :_MLE]),
        near=scales.astype(np.int64),
        distance=np.median(distances[:, scales - 1], axis=0),
        dimension=np.array(curve),
    )


def nearest(points: Floats, count: int) -> Floats:
    """(P, count) distances from each of (P, d) different points to its nearest others, rising."""
    centred = points - points.mean(axis=0)  # so that little is lost to large numbers that cancel
    squares = (centred**2).sum(axis=1)
    out = np.empty((len(points), count))
    for start in range(0, len(points), _BLOCK):
        mine = slice(start, start + _BLOCK)
        block = squares[mine, None] + squares - 2 * centred[mine] @ centred.T  # (B, P)
        at = np.arange(len(block))
        block[at, at + start] = np.inf
        best = np.argpartition(block, count - 1, axis=1)[:, :count]
        out[mine] = np.sort(np.take_along_axis(block, best, axis=1), axis=1)
    return np.sqrt(np.maximum(out, 0.0))


def gride(near: Floats, far: Floats, n: int) -> float:
    """The dimension that makes the ratios of the distances to neighbours n and 2 n most likely.

    near, far: (P,) distances. Where m = far / near, the likelihood of dimension d is that of
    d (m^d - 1)^(n - 1) / m^((2 n - 1) d + 1); its slope falls with d, and is followed to 0.
    """
    usable = (near > 0) & (far > near)
    log = np.log(far[usable] / near[usable])
    if not len(log):
        return float("nan")
    low, high = 1e-3, _HIGHEST
    for _ in range(60):
        middle = np.sqrt(low * high)
        lifted = log / -np.expm1(-middle * log)  # m^d log m / (m^d - 1)
        slope = len(log) / middle + (n - 1) * lifted.sum() - (2 * n - 1) * log.sum()
        low, high = (middle, high) if slope > 0 else (low, middle)
    return float(np.sqrt(low * high))


def levina_bickel(distances: Floats) -> float:
    """From (P, k) rising distances; the bias of a small k taken away (k - 2 for k - 1)."""
    usable = distances[distances[:, 0] > 0]
    count = usable.shape[1]
    if not len(usable) or count < 3:
        return float("nan")
    inverse = np.log(usable[:, -1:] / usable[:, :-1]).sum(axis=1)
    return float((count - 2) / inverse.mean()) if inverse.mean() > 0 else float("nan")


def decimated(structure: Structure, interval: float) -> Rows:
    """Rows of frames of one person in a sequence at least ``interval`` frames apart.

    interval: of ``timing``, the longest of the vectors' first principal components. Frames without
    a time are all kept, since nobody knows what they follow.
    """
    lines = stretches(structure)
    timed = np.zeros(len(structure.frame), bool)
    timed[lines.rows] = True
    kept = np.flatnonzero(~timed).tolist()
    if not len(lines.rows):
        return np.array(kept, np.int64)
    who = np.stack([structure.sequence[lines.rows], structure.subject[lines.rows]])
    opens = np.ones(len(lines.rows), bool)
    opens[1:] = (np.diff(who, axis=1) != 0).any(axis=0)
    first = np.flatnonzero(opens)
    gaps = lines.step[lines.of(first)] * max(1, int(np.ceil(interval)))
    for rows, gap in zip(np.split(lines.rows, first[1:]), gaps, strict=True):
        number, at = structure.frame[rows], 0
        while at < len(rows):
            kept.append(int(rows[at]))
            at = int(np.searchsorted(number, number[at] + gap))
    return np.array(sorted(kept), np.int64)
