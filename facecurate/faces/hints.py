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
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from facecurate.faces.align import arcface_matrix, crop, invert, map_points

SIDE = 112
_SKIN = slice(42, 64), slice(51, 62)  # rows, columns between the eyes and down the nose
_LOWER = (56, 84, 27, 28)  # middle x y and half axes of the ellipse from below the eyes to the chin
_MOUTH = slice(80, 106), slice(32, 81)  # symmetric about the template's axis, x = 56
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
    """(112, 112) which pixels of the laid face lie in the photo, a pixel away from its edge."""
    rows, columns = np.indices((SIDE, SIDE))
    x, y = np.moveaxis(map_points(invert(matrix), np.stack([columns, rows], axis=-1)), -1, 0)
    return np.asarray((x >= 0.5) & (x <= width - 1.5) & (y >= 0.5) & (y <= height - 1.5))


def _other_colour(laid: NDArray[np.uint8], inside: NDArray[np.bool_]) -> float:
    rows, columns = np.indices((SIDE, SIDE))
    x, y, across, down = _LOWER
    lower = ((columns - x) / across) ** 2 + ((rows - y) / down) ** 2 <= 1
    if (lower & inside).sum() * 2 < lower.sum() or not inside[_SKIN].all():
        return math.nan
    lab = cv2.cvtColor(cv2.GaussianBlur(laid, (0, 0), FINE), cv2.COLOR_RGB2LAB)
    colour = lab[..., 1:].astype(np.float32)
    apart = colour - np.median(colour[_SKIN].reshape(-1, 2), axis=0)
    return float((np.hypot(apart[..., 0], apart[..., 1])[lower & inside] > OTHER).mean())


def _asymmetry(laid: NDArray[np.uint8], inside: NDArray[np.bool_]) -> float:
    """(1 - r) / 2, r the correlation of the mouth's fine structure with its mirror image."""
    if not inside[_MOUTH].all():
        return math.nan
    grey = cv2.cvtColor(laid, cv2.COLOR_RGB2GRAY).astype(np.float32)
    near = (cv2.GaussianBlur(grey, (0, 0), sigma) for sigma in (FINE, COARSE))
    part = np.subtract(*near)[_MOUTH]
    part = part - part.mean()
    if part.std() < FLAT:
        return math.nan
    alike = float((part * part[:, ::-1]).mean()) / float(part.var())
    return (1.0 - alike) / 2
