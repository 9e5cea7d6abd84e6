"""Hints that something is held or worn before a face; hints only: no model looks at the picture.

The face is laid on the ArcFace template at 112 pixels by its five points, and two things that are
true of bare faces are put to the test. Skin has one colour: ``other_colour`` is the share of the
lower face whose colour is not that between the eyes (a mask, a cup, a phone, a scarf; but also a
thick beard, and never on a picture without colours or under a hand). Left resembles right:
``asymmetry`` is how little the fine structure about the mouth is like its mirror image (a hand, a
phone at the cheek; but also a head that is turned). ``docs/faces.md`` says how well they separate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from facecurate.faces.align import arcface_matrix, corners, crop, invert, map_points

SIDE = 112
_SKIN = slice(42, 64), slice(51, 62)  # rows, columns between the eyes and down the nose
_LOWER = (56, 84, 27, 28)  # middle x y and half axes of the ellipse from below the eyes to the chin
_COLOURED = slice(38, 112), slice(26, 86)  # what both lie in
_MOUTH = slice(80, 106), slice(32, 81)  # symmetric about the template's axis, x = 56
_AROUND = slice(70, 112), slice(22, 91)  # what its blurred picture is made of
OTHER = 12.0  # distance in a* b* of CIELAB from which a colour is another one
FINE, COARSE = 1.0, 5.0  # pixels: the structure that is compared with its mirror image
FLAT = 1.0  # levels of luma: below so little structure about the mouth nothing can be compared


@dataclass(frozen=True, slots=True)
class Hints:
    """Both 0-1, larger is more suspicious; NaN where they cannot be told."""

    other_colour: float
    asymmetry: float


UNKNOWN = Hints(math.nan, math.nan)


def occlusion_hints(photo: NDArray[Any], landmarks: ArrayLike) -> Hints:
    """The hints of the face with ``landmarks`` (10,) in an (h, w, 3) RGB uint8 photo.

    NaN unless all five points are known, and where the part that is looked at leaves the photo.
    """
    points = np.asarray(landmarks, np.float64).reshape(5, 2)
    if not np.isfinite(points).all() or np.ptp(points, axis=0).max() < 1:
        return UNKNOWN
    matrix = arcface_matrix(points, SIDE)
    laid = crop(photo, matrix, SIDE)
    inside = _inside(matrix, photo.shape[1], photo.shape[0])
    return Hints(_other_colour(laid, inside), _asymmetry(laid, inside))


def _inside(matrix: ArrayLike, width: int, height: int) -> NDArray[np.bool_]:
    """(112, 112) which pixels of the laid face draw on nothing but the photo."""
    reach = max(0.5, 1 / math.hypot(*np.asarray(matrix)[[0, 3]]))  # photo pixels
    low, high = reach - 0.5, np.array([width, height]) - 0.5 - reach
    whole = corners(matrix, SIDE)
    if (whole >= low).all() and (whole <= high).all():
        return np.ones((SIDE, SIDE), np.bool_)
    places = map_points(invert(matrix), _places())
    return np.asarray(((places >= low) & (places <= high)).all(axis=-1))


@cache
def _places() -> NDArray[np.float64]:
    """(112, 112, 2) x and y of every pixel."""
    rows, columns = np.indices((SIDE, SIDE))
    return np.stack([columns, rows], axis=-1).astype(np.float64)


@cache
def _lower() -> NDArray[np.bool_]:
    """(112, 112) the lower face."""
    x, y, across, down = _LOWER
    return np.asarray(((_places() - [x, y]) ** 2 / [across**2, down**2]).sum(axis=-1) <= 1)


def _other_colour(laid: NDArray[np.uint8], inside: NDArray[np.bool_]) -> float:
    seen = (_lower() & inside)[_COLOURED]
    if seen.sum() * 2 < _lower().sum() or not inside[_SKIN].all():
        return math.nan
    lab = cv2.cvtColor(cv2.GaussianBlur(laid, (0, 0), FINE), cv2.COLOR_RGB2LAB)
    skin = np.median(lab[_SKIN].reshape(-1, 3), axis=0).astype(np.float32)
    apart = lab[_COLOURED][seen] - skin  # (N, 3)
    return float((np.hypot(apart[:, 1], apart[:, 2]) > OTHER).mean())


def _asymmetry(laid: NDArray[np.uint8], inside: NDArray[np.bool_]) -> float:
    """(1 - r) / 2, r the correlation of the mouth's fine structure with its mirror image."""
    if not inside[_AROUND].all():
        return math.nan
    grey = cv2.cvtColor(laid, cv2.COLOR_RGB2GRAY).astype(np.float32)
    fine, coarse = (cv2.GaussianBlur(grey, (0, 0), sigma)[_MOUTH] for sigma in (FINE, COARSE))
    part = fine - coarse
    part -= part.mean()
    power = float((part * part).mean())
    if power < FLAT**2:
        return math.nan
    return (1.0 - float((part * part[:, ::-1]).mean()) / power) / 2
