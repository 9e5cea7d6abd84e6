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


def _pairs(text: str) -> tuple[tuple[int, int], ...]:
    return tuple((int(a), int(b)) for a, _, b in (pair.partition("-") for pair in text.split()))


def _lips(first: int) -> tuple[tuple[int, int], ...]:
    """Twelve points of the outer and eight of the inner edge, from their left corners."""
    outer, inner = ((0, 6), (1, 5), (2, 4), (7, 11), (8, 10)), ((12, 16), (13, 15), (17, 19))
    return tuple((first + a, first + b) for a, b in (*outer, *inner))


_OUTLINE = tuple((i, 32 - i) for i in range(16))
_BROWS_DENSE = _pairs("33-46 34-45 35-44 36-43 37-42 38-50 39-49 40-48 41-47")
_NOSE98 = _pairs("55-59 56-58")
_EYES98 = _pairs("60-72 61-71 62-70 63-69 64-68 65-75 66-74 67-73")
_NOSE106 = _pairs("55-65 56-64 57-63 58-62 59-61")
_EYES106 = _pairs("66-79 67-78 68-77 69-76 70-75 71-82 72-81 73-80 74-83")

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
    "98": PointSet(  # WFLW
        count=98,
        pairs=(*_OUTLINE, *_BROWS_DENSE, *_NOSE98, *_EYES98, *_lips(76), (96, 97)),
        outer_eyes=(60, 72),
        left_eye=tuple(range(60, 68)),
        right_eye=tuple(range(68, 76)),
        nose=54,
        mouth=(76, 82),
    ),
    "106": PointSet(  # LaPa
        count=106,
        pairs=(*_OUTLINE, *_BROWS_DENSE, *_NOSE106, *_EYES106, *_lips(84), (104, 105)),
        outer_eyes=(66, 79),
        left_eye=tuple(range(66, 74)),
        right_eye=tuple(range(75, 83)),
        nose=54,
        mouth=(84, 90),
    ),
    "29": PointSet(  # COFW
        count=29,
        pairs=(*_pairs("0-1 2-3 4-6 5-7 8-9 10-11 12-14 13-15 16-17 18-19 22-23"),),
        outer_eyes=(8, 9),
        left_eye=(8, 10, 12, 13),
        right_eye=(9, 11, 14, 15),
        nose=20,
        mouth=(22, 23),
    ),
    "19": PointSet(  # AFLW-19
        count=19,
        pairs=(*_pairs("0-5 1-4 2-3 6-11 7-10 8-9 12-14 15-17"),),
        outer_eyes=(6, 11),
        left_eye=(6, 7, 8),
        right_eye=(9, 10, 11),
        nose=13,
        mouth=(15, 17),
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
