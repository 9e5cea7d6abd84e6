"""Ridge regression on cached features from sums that add up over people.

Each person's second moments are computed once. Any set of people is then trained on, chooses its
penalty by leaving out some of its own people, and is tested, without a look at a frame. One
eigendecomposition gives every penalty's model, so a cost is d^3 whatever the number of frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

PENALTIES = 10.0 ** np.arange(-4, 3)
"""Times the mean eigenvalue of the training frames' covariance sum."""

UNINFORMED = int(np.searchsorted(PENALTIES, 1.0))
"""The penalty where nobody can be left out to choose one."""


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums over the frames of each of G groups, d features and T targets.

    count (G,), x (G, d), y (G, T), xx (G, d, d), xy (G, d, T), yy (G, T): squares and products.
    """

    count: Floats
    x: Floats
    y: Floats
    xx: Floats
    xy: Floats
    yy: Floats

    def of(self, groups: Sequence[int] | NDArray[np.int64]) -> Sums:
        """The same of these groups together, as one."""
        once = np.zeros(len(self.count))
        once[np.asarray(groups, np.int64)] = 1.0
        parts = (self.count, self.x, self.y, self.xx, self.xy, self.yy)
        return Sums(*(np.tensordot(once, part, axes=1)[None] for part in parts))


@dataclass(frozen=True, slots=True)
class Linear:
    """y = x @ weights + offset; weights (d, T), offset (T,)."""

    weights: Floats
    offset: Floats

    def predict(self, features: ArrayLike) -> Floats:
        """(N, d) -> (N, T)."""
        x = np.asarray(features)
        return np.asarray(x @ self.weights.astype(x.dtype) + self.offset, np.float64)

    def moments(self, sums: Sums) -> Floats:
        """(G, T, 6) ``moments.moments`` of the predictions and the truth of each group's frames."""
        xw = sums.x @ self.weights  # (G, T)
        bent = np.einsum("gdt,dt->gt", sums.xx @ self.weights, self.weights)
        n, c = np.broadcast_to(sums.count[:, None], xw.shape), self.offset
        a = xw + n * c
        aa = bent + 2 * c * xw + n * c * c
        ab = np.einsum("gdt,dt->gt", sums.xy, self.weights) + c * sums.y
        return np.stack([n, a, sums.y, aa, sums.yy, ab], axis=-1)


def gather(features: ArrayLike, targets: ArrayLike, groups: ArrayLike, total: int) -> Sums:
    """The sums of (N, d) features and (N, T) targets without NaN; (N,) group codes 0...total-1.

    float32 features are multiplied in float32: subtract a common mean first.
    """
    x, y, codes = np.asarray(features), np.asarray(targets, np.float64), np.asarray(groups)
    d, t = x.shape[1], y.shape[1]
    sums = Sums(
        np.bincount(codes, minlength=total).astype(np.float64),
        np.zeros((total, d)), np.zeros((total, t)),
        np.zeros((total, d, d)), np.zeros((total, d, t)), np.zeros((total, t)),
    )  # fmt: skip
    order = np.argsort(codes, kind="stable")
    ends = np.searchsorted(codes[order], np.arange(total + 1))
    for g in np.flatnonzero(sums.count):
        rows = order[ends[g] : ends[g + 1]]
        mine, told = x[rows], y[rows]
        sums.x[g], sums.y[g] = mine.sum(axis=0, dtype=np.float64), told.sum(axis=0)
        sums.xx[g] = mine.T @ mine
        sums.xy[g] = mine.T @ told.astype(mine.dtype)
        sums.yy[g] = (told**2).sum(axis=0)
    return sums


class _Normal(NamedTuple):
    """One group's normal equations: means (d,), (T,), centred products (d, d), (d, T), and the
    mean eigenvalue of the former, by which penalties are measured.
    """  # noqa: D205

    mx: Floats
    my: Floats
    xx: Floats
    xy: Floats
    usual: float

    @staticmethod
    def of(sums: Sums) -> _Normal:
        n = max(float(sums.count[0]), 1.0)
        mx, my = sums.x[0] / n, sums.y[0] / n
        xx = sums.xx[0] - n * np.outer(mx, mx)
        usual = float(np.trace(xx)) / len(xx)
        usual = usual if usual > 0 else 1.0  # features that never vary: every weight is 0
        return _Normal(mx, my, xx, sums.xy[0] - n * np.outer(mx, my), usual)


def _path(sums: Sums) -> tuple[Floats, Floats]:
    """Weights (L, d, T) and offsets (L, T) for every penalty, of one group's sums."""
    normal = _Normal.of(sums)
    spread, vectors = np.linalg.eigh(normal.xx)
    spread = np.maximum(spread, 0.0)
    strength = (PENALTIES * normal.usual)[:, None, None]
    weights = vectors @ ((vectors.T @ normal.xy) / (spread[:, None] + strength))
    return weights, normal.my - np.einsum("d,ldt->lt", normal.mx, weights)


def _squares(weights: Floats, offset: Floats, sums: Sums) -> Floats:
    """(L, T) sums of squared errors on one group's sums."""
    several = [Linear(w, c).moments(sums)[0] for w, c in zip(weights, offset, strict=True)]
    m = np.stack(several)
    return np.asarray(m[..., 3] - 2 * m[..., 5] + m[..., 4])


def choose_penalties(sums: Sums, groups: Sequence[int], *, folds: int = 3) -> NDArray[np.int64]:
    """(T,) for each target the place in ``PENALTIES`` with the least error on people left out.

    groups: the people to train on, in an order that means nothing; every ``folds``-th of them is
    left out together. With fewer than two of them it is ``UNINFORMED``.
    """
    targets = sums.y.shape[1]
    seen = [g for g in groups if sums.count[g]]
    if len(seen) < 2:
        return np.full(targets, UNINFORMED)
    error = np.zeros((len(PENALTIES), targets))
    for fold in range(min(folds, len(seen))):
        left = seen[fold::folds]
        weights, offset = _path(sums.of([g for g in seen if g not in left]))
        error += _squares(weights, offset, sums.of(left))
    return np.asarray(error.argmin(axis=0))


def fit(sums: Sums, groups: Sequence[int], penalties: NDArray[np.int64]) -> Linear:
    """The ridge of these people's frames, each target with its penalty."""
    normal = _Normal.of(sums.of(groups))
    weights = np.empty_like(normal.xy)
    for place in np.unique(penalties):  # few: a solution is cheaper than the eigenvectors
        mine = penalties == place
        strength = PENALTIES[place] * normal.usual * np.eye(len(normal.xx))
        weights[:, mine] = np.linalg.solve(normal.xx + strength, normal.xy[:, mine])
    return Linear(weights, normal.my - normal.mx @ weights)
