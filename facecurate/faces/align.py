"""Crops: which square of the photo, at what size, and the matrix that leads there and back.

A matrix has six numbers, row-major (2, 3), and maps photo pixels to crop pixels, both with a
pixel's centre at its integer coordinates: crop = M @ [x, y, 1]. ``place`` says where a crop lies,
``crop`` draws it, ``map_points`` and ``invert`` carry points both ways.

Crop ``box``: the square of side 1.4 max(w, h) about the box's centre. Its side in crop pixels is
the rounded side in the photo, at most ``crop_size``: a smaller face keeps its size. Crop
``arcface112`` and its multiples: the five points are laid on the template that ArcFace models
expect (Deng et al. 2019). The template's published coordinates are used as every published pipeline
uses them, as arguments of cv2.warpAffine, so with a pixel's centre at its integers. A multiple k
resizes that 112-pixel crop: x -> (x + 0.5) k - 0.5.

Outside the photo a crop is black; ``outside`` is that share of its area.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from facecurate.errors import FacecurateError, UsageError
from facecurate.text import printable

MARGIN = 1.4
ARCFACE = np.array(  # left eye, right eye, nose, left and right mouth corner in a 112 x 112 crop
    [
        (38.2946, 51.6963),
        (73.5318, 51.5014),
        (56.0252, 71.7366),
        (41.5493, 92.3655),
        (70.7299, 92.2041),
    ]
)
Points = NDArray[np.float64]
_NEAR, _FAR = 0.01, 1e7  # pixels: no two points of a face are closer, no face is larger


class NoPointsError(FacecurateError):
    """The crop needs points that are not known (reason ``no_points``)."""


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """Where a crop lies.

    ``matrix`` (6,) float32 photo -> crop, ``size`` its side in pixels, ``outside`` the share (0-1)
    of its area outside the photo.
    """

    matrix: NDArray[np.float32]
    size: int
    outside: float


def place(
    spec: str,
    *,
    box: ArrayLike,
    landmarks: ArrayLike,
    crop_size: int,
    width: int,
    height: int,
) -> Placement:
    """The crop ``spec`` (of ``faces.CROPS``, or ``arcface`` and any multiple of 112).

    ``box`` (4,) and ``landmarks`` (10,) in pixels of the (width, height) photo; ``crop_size`` is
    the largest side of a ``box`` crop and nothing to the others. Raises NoPointsError, UsageError.
    """
    if spec == "box":
        matrix, size = box_matrix(box, crop_size)
    else:
        size = fixed_size(spec)
        matrix = arcface_matrix(landmarks, size)
    stored = matrix.astype(np.float32)  # what is stored is what is drawn
    return Placement(stored, size, outside_share(stored, size, width, height))


def fixed_size(spec: str) -> int:
    """112 for ``arcface112`` and so on for its multiples; UsageError for other words."""
    match = re.fullmatch(r"arcface([1-9]\d{2,3})", spec)
    size = int(match[1]) if match else 0
    if size == 0 or size % 112:
        raise UsageError(
            f"no crop '{printable(spec, 40)}': give box, arcface112 or a multiple like arcface224"
        )
    return size


def box_matrix(box: ArrayLike, crop_size: int) -> tuple[Points, int]:
    """The matrix (6,) and side in pixels of the ``box`` crop of ``box`` (x0, y0, x1, y1).

    Halves are rounded up. Raises FacecurateError for a box of no size or of impossible numbers.
    """
    x0, y0, x1, y1 = (float(v) for v in np.asarray(box, np.float64))
    side = MARGIN * max(x1 - x0, y1 - y0)
    if not _NEAR < side < _FAR:
        raise FacecurateError(f"{x0:g} {y0:g} {x1:g} {y1:g} is no box of a face in pixels")
    size = max(1, min(crop_size, math.floor(side + 0.5)))
    scale = size / side
    left, top = (x0 + x1 - side) / 2, (y0 + y1 - side) / 2  # becomes the crop's corner, -0.5 -0.5
    return np.array([scale, 0, -left * scale - 0.5, 0, scale, -top * scale - 0.5]), size


def arcface_matrix(landmarks: ArrayLike, size: int) -> Points:
    """The matrix (6,) that lays the known ``landmarks`` (10,) on the template at ``size`` pixels.

    Raises NoPointsError for fewer than two known points.
    """
    points = np.asarray(landmarks, np.float64).reshape(5, 2)
    known = np.isfinite(points).all(axis=1)
    factor = size / 112
    return similarity(points[known], (ARCFACE[known] + 0.5) * factor - 0.5)


def similarity(source: ArrayLike, target: ArrayLike) -> Points:
    """The rotation, scale and shift (6,) that bring ``source`` closest to ``target``, both (N, 2).

    Least squares without reflection (Umeyama 1991). In the plane its singular value decomposition
    comes down to one complex division: with centred points as complex numbers, minimising
    |t - a s|^2 gives a = conj(s) . t / conj(s) . s, and a is a rotation times a scale whatever the
    points are. Raises NoPointsError for fewer than two points, or no two a hundredth apart.
    """
    s, t = (np.asarray(points, np.float64).reshape(-1, 2) for points in (source, target))
    spread = float(((s - s.mean(axis=0)) ** 2).sum()) if len(s) > 1 else 0.0
    if not _NEAR**2 < spread < _FAR**2:
        raise NoPointsError(
            "this crop needs at least two known points of the face, apart in pixels"
        )
    (sx, sy), (tx, ty) = (s - s.mean(axis=0)).T, (t - t.mean(axis=0)).T
    real = float((sx * tx + sy * ty).sum()) / spread
    imaginary = float((sx * ty - sy * tx).sum()) / spread
    turn = np.array([[real, -imaginary], [imaginary, real]])
    shift = t.mean(axis=0) - turn @ s.mean(axis=0)
    return np.column_stack([turn, shift]).reshape(6)


def map_points(matrix: ArrayLike, points: ArrayLike) -> Points:
    """``points`` through ``matrix``, in their own shape: (..., 2) or flat x y ...; NaN stays."""
    m = np.asarray(matrix, np.float64).reshape(2, 3)
    given = np.asarray(points, np.float64)
    return (given.reshape(-1, 2) @ m[:, :2].T + m[:, 2]).reshape(given.shape)


def crop_points(row: Mapping[str, Any]) -> NDArray[np.float32]:
    """A face's five landmarks and the source's points in crop pixels, as encoders take them.

    row: its columns ``landmarks``, ``points`` and ``matrix``. (10 + 2 P,), NaN where unknown.
    """
    told = [*(row["landmarks"] or [math.nan] * 10), *(row["points"] or [])]
    return map_points(row["matrix"], told).astype(np.float32)


def invert(matrix: ArrayLike) -> Points:
    """The matrix (6,) that leads back, crop -> photo."""
    m = np.asarray(matrix, np.float64).reshape(2, 3)
    back = np.linalg.inv(m[:, :2])
    return np.column_stack([back, -back @ m[:, 2]]).reshape(6)


def corners(matrix: ArrayLike, size: int) -> Points:
    """The crop's four corners in the photo, (4, 2), in turn from the upper left."""
    low, high = -0.5, size - 0.5
    return map_points(invert(matrix), [(low, low), (high, low), (high, high), (low, high)])


def outside_share(matrix: ArrayLike, size: int, width: int, height: int) -> float:
    """The share (0-1) of the crop's area that lies outside the (width, height) photo."""
    whole = corners(matrix, size)
    inside = [(float(x), float(y)) for x, y in whole]
    for axis, limit in ((0, width - 0.5), (1, height - 0.5)):
        inside = _keep_above(_keep_below(inside, axis, limit), axis, -0.5)
    share = 1.0 - abs(_area(inside)) / abs(_area(whole.tolist()))
    return min(1.0, max(0.0, share))


def _keep_below(
    polygon: list[tuple[float, float]], axis: int, limit: float
) -> list[tuple[float, float]]:
    """The part of a convex polygon below ``limit`` on one axis (Sutherland and Hodgman 1974)."""
    kept: list[tuple[float, float]] = []
    for here, there in zip(polygon, polygon[1:] + polygon[:1], strict=True):
        if here[axis] <= limit:
            kept.append(here)
        if (here[axis] <= limit) != (there[axis] <= limit):
            part = (limit - here[axis]) / (there[axis] - here[axis])
            kept.append(
                (here[0] + part * (there[0] - here[0]), here[1] + part * (there[1] - here[1]))
            )
    return kept


def _keep_above(
    polygon: list[tuple[float, float]], axis: int, limit: float
) -> list[tuple[float, float]]:
    turned = _keep_below([(-x, -y) for x, y in polygon], axis, -limit)
    return [(-x, -y) for x, y in turned]


def _area(polygon: Sequence[Sequence[float]]) -> float:
    """Signed area (the shoelace formula); 0 for fewer than three corners."""
    if len(polygon) < 3:
        return 0.0
    x, y = np.array(polygon).T
    return float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum() / 2)


def crop(image: NDArray[Any], matrix: ArrayLike, size: int) -> NDArray[np.uint8]:
    """The (size, size, channels) uint8 crop of an (h, w, channels) or (h, w) uint8 photo.

    Pixels are read bilinearly; when the crop is smaller than half the scale of the photo, blocks of
    k x k photo pixels are averaged first (INTER_AREA), k the largest whole number that leaves the
    crop no larger than what it is read from, so that nothing is skipped. Outside is black.
    """
    m = np.asarray(matrix, np.float64).reshape(2, 3)
    scale = math.sqrt(abs(float(np.linalg.det(m[:, :2]))))
    block = max(1, min(math.floor(1 / scale + 1e-6), max(image.shape[:2])))
    window = _window(m, size, block, image.shape[1], image.shape[0])
    if window is None:
        return np.zeros((size, size, *image.shape[2:]), np.uint8)
    x0, y0, x1, y1 = window
    part = _shrink(image[y0:y1, x0:x1], block)
    # A pixel j of the part covers the photo's x0 + j k ... x0 + (j + 1) k - 1.
    offset = np.array([x0, y0]) + (block - 1) / 2
    to_crop = np.column_stack([m[:, :2] * block, m[:, :2] @ offset + m[:, 2]])
    drawn = cv2.warpAffine(
        part,
        to_crop,
        (size, size),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=0,
    )
    return np.asarray(drawn, np.uint8)


def _window(
    matrix: Points, size: int, block: int, width: int, height: int
) -> tuple[int, int, int, int] | None:
    """The photo's pixels a crop needs, from a multiple of ``block`` on; None if there are none."""
    reach = corners(matrix, size)
    end = np.array([width, height])
    x0, y0 = (reach.min(axis=0) - 2 * block).clip(0, end).astype(int) // block * block
    x1, y1 = np.ceil(reach.max(axis=0) + 2 * block + 1).clip(0, end).astype(int)
    return (int(x0), int(y0), int(x1), int(y1)) if x0 < x1 and y0 < y1 else None


def _shrink(part: NDArray[Any], block: int) -> NDArray[Any]:
    """Means of ``block`` x ``block`` pixels; black fills up the last, incomplete blocks."""
    if block == 1:
        return np.ascontiguousarray(part)
    height, width = part.shape[:2]
    down, right = -height % block, -width % block
    whole = cv2.copyMakeBorder(part, 0, down, 0, right, cv2.BORDER_CONSTANT, value=0)
    size = (width + right) // block, (height + down) // block
    return np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_AREA))
