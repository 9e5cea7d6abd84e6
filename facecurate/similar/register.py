"""Two face crops laid on each other, to tell whether they show one region of one photo.

Whole-photo hashes miss copies that were cut, and hashes of crops cannot tell a copy from the next
picture of a burst, where somebody begins to smile. Here the crops are registered first, by their
five points and then by their pixels, and compared block by block in a band of frequencies that
re-encoding keeps. In a copy every block with structure agrees; between two photos some do not,
however still the head was held.

The registration is the inverse compositional Gauss-Newton method (Baker and Matthews 2004) for six
affine parameters on luminance of zero mean and unit variance, which lighting and contrast do not
change (Evangelidis and Psarakis 2008), within the part that both photos show.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facecurate.errors import FacecurateError
from facecurate.faces.align import Points, invert, similarity

SIDE = 112  # pixels at which crops are compared
BLOCK = 14
BLOCKS = 24  # those with the most structure are looked at
QUANTILE = 0.1
LEAST = 12  # blocks that both photos must show; fewer say nothing
SAME = 0.96
"""``agreement`` from which two crops are one region of one photo.

Measured on 57 portraits: 93 % of the copies that are cut by 5 %, 90 % of those cut by 10 %, 95 % of
mirrored ones reach it, and 87 to 93 % of brighter, rescaled or re-encoded ones, which their hashes
find anyway; of 34 pairs of two portraits of one person in one pose and light, neutral and smiling,
none does (the highest is .937). A rendered face that turns by one degree between two pictures
reaches it, one that turns by four does not."""

_COARSE_TO_FINE = ((4.0, 15), (1.5, 15))  # blur in pixels, steps
_BAND = (1.0, 4.0)  # standard deviations of the two blurs whose difference is compared
_FLAT = 1e-3
_HOPEFUL = (0.75, 0.9)
"""Correlations of the blurred views below which a pair is given up, by its points alone and after
the first blur: of 971 copies that reach ``SAME`` the lowest have .87 and .95."""

Grey = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A crop brought to ``SIDE`` pixels.

    ``grey``: (SIDE, SIDE) float32 luminance; ``shown``: (SIDE, SIDE) uint8, 1 where the photo is;
    ``points``: (5, 2) the face's points in its pixels, NaN where unknown.
    """

    grey: Grey
    shown: NDArray[np.uint8]
    points: Points


def view(grey: NDArray[np.uint8], points: Points, matrix: Points, width: int, height: int) -> View:
    """The view of a square (n, n) uint8 crop.

    ``points``: (5, 2) in pixels of the crop; ``matrix``: (6,) photo -> crop of a (width, height)
    photo: what lies outside the photo is not compared.
    """
    size = grey.shape[0]
    scale = SIDE / size
    method = cv2.INTER_AREA if size > SIDE else cv2.INTER_LINEAR
    small = cv2.resize(grey, (SIDE, SIDE), interpolation=method).astype(np.float32)
    return View(small, _shown(matrix, size, width, height), (points + 0.5) * scale - 0.5)


def _shown(matrix: Points, size: int, width: int, height: int) -> NDArray[np.uint8]:
    """1 where a pixel of the view lies in the photo, a pixel from its edge."""
    back = invert(matrix).reshape(2, 3)
    at = (np.arange(SIDE) + 0.5) * size / SIDE - 0.5
    x = back[0, 0] * at[None, :] + back[0, 1] * at[:, None] + back[0, 2]
    y = back[1, 0] * at[None, :] + back[1, 1] * at[:, None] + back[1, 2]
    inside = (x >= 0.5) & (x <= width - 1.5) & (y >= 0.5) & (y <= height - 1.5)
    return np.asarray(inside, np.uint8)


def mirrored(one: View) -> View:
    """The view of the mirrored photo, its points named as seen there."""
    points = one.points[[1, 0, 2, 4, 3]].copy()
    points[:, 0] = SIDE - 1 - points[:, 0]
    return View(np.ascontiguousarray(one.grey[:, ::-1]), one.shown[:, ::-1].copy(), points)


def without_rim(one: View) -> View:
    """The same view, its outer eighth not to be compared: what is written there, or cut off.

    Measured on 135 portraits and copies found again by a detector: 98 % of those cut by 5 % then
    reach ``SAME`` (96 % with the rim), 93 % of those cut by 10 % (93 %), 100 % of those with a line
    of text at their foot (96 %), 99 % of brighter or re-encoded ones (90 to 92 %); neutral against
    smiling reaches .92 (.93).
    """
    shown = np.zeros_like(one.shown)
    shown[BLOCK:-BLOCK, BLOCK:-BLOCK] = one.shown[BLOCK:-BLOCK, BLOCK:-BLOCK]
    return View(one.grey, shown, one.points)


def agreement(a: View, b: View, least: float = -1.0) -> float:
    """How well two views agree block by block, -1 to 1, and 1 for the same pixels; symmetric.

    The lowest tenth of the correlations of the 24 blocks with the most structure. NaN where the
    views cannot be laid on each other, or both show too little: that is no copy. With ``least``
    only values from there on are exact: what shows early that it will stay below is given up,
    which costs a quarter of the time, and is NaN or some value below.
    """
    early = least > -1.0
    forth = _one_way(a, b, early)
    if forth < least:
        return forth
    return float(np.fmin(forth, _one_way(b, a, early)))


def _one_way(a: View, b: View, early: bool) -> float:
    known = np.isfinite(a.points).all(axis=1) & np.isfinite(b.points).all(axis=1)
    try:
        start = similarity(a.points[known], b.points[known]).reshape(2, 3)
    except FacecurateError:  # fewer than two points that both have
        return float("nan")
    matrix = registered(a, b, start, _HOPEFUL if early else None)
    return _blocks(a, b, matrix) if matrix is not None else float("nan")


def registered(
    a: View, b: View, start: Points, hopeful: tuple[float, float] | None = None
) -> Points | None:
    """The affine matrix (2, 3) from pixels of ``a`` to ``b``, improved from ``start``.

    None if lost: the common part became small, or the matrix left what two crops of a face can be;
    or if given up: the blurred views correlate by less than ``hopeful`` at the start, and after the
    first blur.
    """
    matrix = np.vstack([start, (0.0, 0.0, 1.0)])
    for stage, (blur, steps) in enumerate(_COARSE_TO_FINE):
        template, picture = _smooth(a, blur), _smooth(b, blur)
        if hopeful and stage == 0 and _correlation(template, picture, a, b, matrix) < hopeful[0]:
            return None
        steepest = _steepest(template)
        for _ in range(steps):
            drawn, common = _warped(picture, b.shown, matrix)
            common &= a.shown
            step = _step(template, drawn, steepest, common)
            if step is None:
                return None
            matrix = matrix @ np.linalg.inv(step)
            if np.abs(step - np.eye(3))[:2].max() < 1e-4:
                break
        if hopeful and stage == 0 and _correlation(template, picture, a, b, matrix) < hopeful[1]:
            return None
    turn = matrix[:2, :2]
    if not 0.5 < abs(float(np.linalg.det(turn))) < 2.0:
        return None
    return matrix[:2]


def _correlation(template: Grey, picture: Grey, a: View, b: View, matrix: Points) -> float:
    """Of two blurred views where both show the photo; NaN where one is flat there."""
    drawn, common = _warped(picture, b.shown, matrix)
    where = (common & a.shown).astype(bool)
    if not where.any():
        return float("nan")
    t, d = template[where] - template[where].mean(), drawn[where] - drawn[where].mean()
    size = float(np.sqrt((t @ t) * (d @ d)))
    return float(t @ d) / size if size > _FLAT else float("nan")


def _smooth(one: View, blur: float) -> Grey:
    """Blurred luminance; what is not shown takes part in no mean."""
    weight = one.shown.astype(np.float32)
    known = cv2.GaussianBlur(one.grey * weight, (0, 0), blur)
    return np.asarray(known / np.maximum(cv2.GaussianBlur(weight, (0, 0), blur), 1e-3), np.float32)


def _warped(
    picture: Grey, shown: NDArray[np.uint8], matrix: Points
) -> tuple[Grey, NDArray[np.uint8]]:
    """``picture`` as seen in the other's frame, and where it is shown there."""
    size, way = (SIDE, SIDE), cv2.WARP_INVERSE_MAP
    drawn = cv2.warpAffine(picture, matrix[:2], size, flags=cv2.INTER_LINEAR | way)
    where = cv2.warpAffine(shown, matrix[:2], size, flags=cv2.INTER_NEAREST | way)
    return np.asarray(drawn, np.float32), np.asarray(where, np.uint8)


_ROWS, _COLUMNS = np.mgrid[:SIDE, :SIDE].astype(np.float32)


def _steepest(template: Grey) -> NDArray[np.float32]:
    """(6, SIDE, SIDE) how luminance changes with each entry of the matrix, row by row."""
    gy, gx = np.gradient(template)
    return np.stack([gx * _COLUMNS, gx * _ROWS, gx, gy * _COLUMNS, gy * _ROWS, gy])


def _step(
    template: Grey, drawn: Grey, steepest: NDArray[np.float32], common: NDArray[np.uint8]
) -> Points | None:
    """One Gauss-Newton step as a (3, 3) matrix; None if too little is common or all is flat."""
    where = common.astype(bool)
    if where.sum() < LEAST * BLOCK * BLOCK:
        return None
    t, d = template[where], drawn[where]
    spread = float(t.std()), float(d.std())
    if min(spread) < _FLAT:
        return None
    error = (d - d.mean()) / spread[1] - (t - t.mean()) / spread[0]
    jacobian = steepest[:, where] / spread[0]
    jacobian = jacobian - jacobian.mean(axis=1, keepdims=True)
    try:
        found = np.linalg.solve(
            (jacobian @ jacobian.T).astype(np.float64), (jacobian @ error).astype(np.float64)
        )
    except np.linalg.LinAlgError:
        return None
    return np.vstack([found.reshape(2, 3), (0.0, 0.0, 0.0)]) + np.eye(3)


def _blocks(a: View, b: View, matrix: Points) -> float:
    """The lowest tenth of the correlations of the blocks with the most structure."""
    drawn, common = _warped(b.grey, b.shown, np.vstack([matrix, (0.0, 0.0, 1.0)]))
    common &= a.shown
    x, y = _cut(_band(a.grey)), _cut(_band(drawn))
    whole = _cut(common).all(axis=1)
    if whole.sum() < LEAST:
        return float("nan")
    x, y = x[whole], y[whole]
    strength = np.maximum(x.std(axis=1), y.std(axis=1))
    chosen = np.argsort(-strength, kind="stable")[:BLOCKS]
    return float(np.quantile(_correlations(x[chosen], y[chosen]), QUANTILE))


def _band(grey: Grey) -> Grey:
    low, high = (cv2.GaussianBlur(grey, (0, 0), blur) for blur in _BAND)
    return np.asarray(low - high, np.float32)


def _cut(picture: NDArray[Any]) -> NDArray[Any]:
    """(blocks, BLOCK * BLOCK) of a (SIDE, SIDE) picture, row by row."""
    n = SIDE // BLOCK
    return picture.reshape(n, BLOCK, n, BLOCK).swapaxes(1, 2).reshape(n * n, -1)


def _correlations(x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float64]:
    """Of each row of one with the same row of the other; 0 where one is flat."""
    x = x - x.mean(axis=1, keepdims=True)
    y = y - y.mean(axis=1, keepdims=True)
    size = np.sqrt((x * x).sum(axis=1) * (y * y).sum(axis=1))
    return np.asarray((x * y).sum(axis=1) / np.maximum(size, _FLAT), np.float64)
