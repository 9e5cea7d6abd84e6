"""The landmark sets: how many points, which pairs a mirror exchanges, where the eyes end.

All indices count from 0, image-left first; unnamed points lie in the middle and stay themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True)
class PointSet:
    """``pairs``: exchanged by a mirror; ``outer_eyes``: left and right outer corner.

    ``left_eye``, ``right_eye``: points whose mean is the eye's centre; ``nose``, ``mouth``: tip,
    and left and right corner.
    """

    count: int
    pairs: tuple[tuple[int, int], ...]
    outer_eyes: tuple[int, int]
    left_eye: tuple[int, ...]
    right_eye: tuple[int, ...]
    nose: int
    mouth: tuple[int, int]


_JAW = tuple((i, 16 - i) for i in range(8))
_BROWS = tuple((17 + i, 26 - i) for i in range(5))
_NOSE = ((31, 35), (32, 34))
_EYES = ((36, 45), (37, 44), (38, 43), (39, 42), (40, 47), (41, 46))
_LIPS = ((48, 54), (49, 53), (50, 52), (55, 59), (56, 58), (60, 64), (61, 63), (65, 67))

POINT_SETS: dict[str, PointSet] = {
    "68": PointSet(
        count=68,
        pairs=(*_JAW, *_BROWS, *_NOSE, *_EYES, *_LIPS),
        outer_eyes=(36, 45),
        left_eye=tuple(range(36, 42)),
        right_eye=tuple(range(42, 48)),
        nose=30,
        mouth=(48, 54),
    ),
}


def permutation(points: PointSet) -> list[int]:
    """For each point of the mirrored face, the point of the face that takes its place."""
    order = list(range(points.count))
    for a, b in points.pairs:
        order[a], order[b] = b, a
    return order


def landmarks(points: ArrayLike, layout: PointSet) -> list[float]:
    """Ten numbers, x y of left eye, right eye, nose, left and right corner of the mouth."""
    p = np.asarray(points, np.float64).reshape(layout.count, 2)
    rows = [p[list(layout.left_eye)].mean(axis=0), p[list(layout.right_eye)].mean(axis=0)]
    rows += [p[layout.nose], *p[list(layout.mouth)]]
    return [float(v) for v in np.concatenate(rows)]


def tight_box(points: ArrayLike) -> list[float]:
    """The smallest x0 y0 x1 y1 that holds all points."""
    p: NDArray[np.float64] = np.asarray(points, np.float64).reshape(-1, 2)
    corners: Sequence[float] = np.concatenate([p.min(axis=0), p.max(axis=0)]).tolist()
    return list(corners)
