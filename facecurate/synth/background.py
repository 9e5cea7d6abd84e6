"""What stands behind the faces: blurred rooms and landscapes of flat shapes, never a person."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


def background(
    width: int, height: int, seed: int, clutter: int | None = None, style: str = "plain"
) -> NDArray[np.uint8]:
    """(height, width, 3) uint8; ``clutter``: the number of things (default: up to 14)."""
    rng = np.random.default_rng([0xBAC, seed])
    small = (max(width // 2, 8), max(height // 2, 8))
    picture = _gradient(*small, rng)
    count = int(rng.integers(3, 15)) if clutter is None else clutter
    for _ in range(count):
        _thing(picture, rng)
    picture = cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.6, 5.0)))
    picture += _grain(*small, rng)
    large: Any = cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.clip(large, 0, 255), np.uint8)


def _gradient(width: int, height: int, rng: np.random.Generator) -> Any:
    corners = rng.uniform(30, 225) + rng.normal(0, 28, (2, 2, 3))
    return cv2.resize(corners.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)


def _grain(width: int, height: int, rng: np.random.Generator) -> Any:
    coarse = rng.standard_normal((height // 4 + 1, width // 4 + 1, 1)).astype(np.float32)
    grain: Any = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    return float(rng.uniform(1, 7)) * grain[:, :, None]


def _thing(picture: Any, rng: np.random.Generator) -> None:
    """One bar, pane, leaf or stripe pattern of one colour."""
    height, width = picture.shape[:2]
    colour = tuple(float(c) for c in np.clip(rng.uniform(15, 235) + rng.normal(0, 35, 3), 0, 255))
    middle = (int(rng.integers(width)), int(rng.integers(height)))
    size = (int(rng.integers(3, max(width // 3, 5))), int(rng.integers(3, max(height // 2, 5))))
    turn = float(rng.choice([0.0, rng.uniform(-90, 90)]))
    kind = int(rng.integers(4))
    if kind == 0:
        cv2.ellipse(picture, middle, size, turn, 0, float(rng.uniform(90, 360)), colour, -1)
        return
    corners = cv2.boxPoints((middle, size, turn)).astype(np.int32)
    if kind == 3:
        cv2.polylines(picture, [corners], True, colour, int(rng.integers(1, 5)))
    else:
        cv2.fillConvexPoly(picture, corners, colour)
