"""Yaw, pitch and roll of a head from the five points of its face."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

# An average adult face in millimetres, x right in the image, y down, z away from the camera: left
# eye, right eye, nose tip, left and right mouth corner. Rounded from anthropometric means (eyes 63
# apart, mouth 50 wide); the nose is so far down that portraits of people who look into the camera
# have a median pitch of zero (a test). Poses of other faces are off by a few degrees.
FACE = np.array(
    [
        (-31.5, 0.0, 0.0),
        (31.5, 0.0, 0.0),
        (0.0, 40.0, -33.0),
        (-25.0, 68.0, -5.0),
        (25.0, 68.0, -5.0),
    ]
)


def pose_from_points(landmarks: ArrayLike) -> tuple[float, float, float]:
    """Yaw, pitch and roll in degrees, approximately, from five points (10,) of a face.

    All are 0 for a face that looks into the camera. Yaw grows as the face turns to the image's
    right, pitch as it looks up, roll as the head tilts clockwise in the image. The turn is roll
    after yaw after pitch. From a scaled orthographic fit of ``FACE`` (DeMenthon and Davis 1995,
    first iteration). Without all five points yaw and pitch are NaN and roll is the slope of the
    line between the eyes; without the eyes that is NaN too.
    """
    points = np.asarray(landmarks, np.float64).reshape(5, 2)
    turn = _orthographic_turn(points) if np.isfinite(points).all() else None
    if turn is None:
        return math.nan, math.nan, eye_roll(points)
    yaw = math.asin(max(-1.0, min(1.0, float(turn[2, 0]))))
    pitch = -math.atan2(float(turn[2, 1]), float(turn[2, 2]))
    roll = math.atan2(float(turn[1, 0]), float(turn[0, 0]))
    return math.degrees(yaw), math.degrees(pitch), math.degrees(roll)


def eye_roll(points: NDArray[np.float64]) -> float:
    """The slope of the line from left to right eye of (5, 2) points, degrees clockwise, or NaN."""
    dx, dy = points[1] - points[0]
    return math.degrees(math.atan2(dy, dx)) if (dx, dy) != (0.0, 0.0) else math.nan


def _orthographic_turn(points: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """The rotation matrix (3, 3) whose scaled first two rows best give (5, 2) ``points``."""
    model = FACE - FACE.mean(axis=0)
    rows = np.linalg.lstsq(model, points - points.mean(axis=0), rcond=None)[0].T  # (2, 3)
    left, strength, right = np.linalg.svd(rows, full_matrices=False)
    if strength[0] <= 0.0 or strength[1] < 1e-6 * strength[0]:
        return None  # all points on one line
    across = left @ right  # the nearest two orthogonal unit rows
    return np.vstack([across, np.cross(across[0], across[1])])
