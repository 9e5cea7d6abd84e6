"""What stands behind the faces: rooms, landscapes and patterns, never a person."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Rng = np.random.Generator


def background(
    width: int, height: int, seed: int, clutter: int | None = None, style: str = "plain"
) -> Image:
    """(height, width, 3) uint8; ``clutter``: the number of things (default: up to 14).

    ``style``: a key of :data:`KINDS`.
    """
    rng = np.random.default_rng([0xBAC, seed])
    small = (max(width // 2, 8), max(height // 2, 8))
    picture = KINDS[style](small, rng, clutter)
    large: Any = cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(large, np.uint8)


# -- plain: blurred flat shapes on a gradient ------------------------------------------------


def _shapes(size: tuple[int, int], rng: Rng, clutter: int | None) -> Image:
    picture = _gradient(size, rng.uniform(30, 225), 28, rng)
    count = int(rng.integers(3, 15)) if clutter is None else clutter
    for _ in range(count):
        _thing(picture, rng)
    blurred: Any = cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.6, 5.0)))
    grain = _noise(size, 4, rng) * np.float32(rng.uniform(1, 7))
    return np.asarray(cv2.add(blurred, cv2.merge([grain] * 3), dtype=cv2.CV_8U), np.uint8)


def _gradient(size: tuple[int, int], level: float, spread: float, rng: Rng) -> Any:
    corners = np.clip(level + rng.normal(0, spread, (2, 2, 3)), 0, 255)
    return cv2.resize(corners.astype(np.uint8), size, interpolation=cv2.INTER_LINEAR)


def _noise(size: tuple[int, int], cell: int, rng: Rng) -> NDArray[np.float32]:
    """(h, w) smooth noise with unit variance at knots ``cell`` pixels apart."""
    knots = rng.standard_normal((size[1] // cell + 2, size[0] // cell + 2), dtype=np.float32)
    return np.asarray(cv2.resize(knots, size, interpolation=cv2.INTER_LINEAR), np.float32)


def _thing(picture: Any, rng: Rng) -> None:
    """One bar, pane, leaf or frame of one colour."""
    height, width = picture.shape[:2]
    colour = _colour(rng.uniform(15, 235), 35, rng)
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


def _colour(level: float, spread: float, rng: Rng) -> tuple[float, ...]:
    return tuple(float(c) for c in np.clip(level + rng.normal(0, spread, 3), 0, 255))


# -- second: surfaces with a texture, and lights out of focus --------------------------------


def _surface(size: tuple[int, int], rng: Rng, clutter: int | None) -> Image:
    """A dull colour times a pattern, rough as plaster or cloth is."""
    picture = _gradient(size, rng.uniform(35, 190), 12, rng)
    pattern = _PATTERNS[int(rng.integers(len(_PATTERNS)))](size, rng)
    for cell, strength in ((24, 0.10), (8, 0.05), (2, 0.04)):
        pattern += np.float32(strength * rng.uniform(0.4, 1.6)) * _noise(size, cell, rng)
    factors = cv2.merge([np.maximum(pattern, np.float32(0))] * 3)
    out = np.asarray(cv2.multiply(picture, factors, dtype=cv2.CV_8U), np.uint8)
    for _ in range(clutter or 0):
        _glow(out, rng)
    return out


def _plaster(size: tuple[int, int], rng: Rng) -> NDArray[np.float32]:
    return np.float32(1) + np.float32(0.12) * _noise(size, 48, rng)


@lru_cache(maxsize=4)
def _places(size: tuple[int, int]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    x, y = np.meshgrid(np.arange(size[0], dtype=np.float32), np.arange(size[1], dtype=np.float32))
    return x, y


def _stripes(size: tuple[int, int], rng: Rng) -> NDArray[np.float32]:
    """Boards, blinds or corduroy, straight or leaning."""
    x, y = _places(size)
    turn, period = rng.choice([0.0, np.pi / 2, rng.uniform(-1, 1)]), rng.uniform(5, 40)
    phase = x * np.float32(np.cos(turn) / period) + y * np.float32(np.sin(turn) / period)
    saw = phase - np.floor(phase)
    depth = np.float32(rng.uniform(0.1, 0.4))
    return np.asarray(1 - depth * (saw if rng.uniform() < 0.5 else (saw < 0.35)), np.float32)


def _tiles(size: tuple[int, int], rng: Rng) -> NDArray[np.float32]:
    """Bricks or tiles with joints, each of its own tone."""
    x, y = _places(size)
    wide, high = rng.uniform(10, 50), rng.uniform(6, 24)
    row = y * np.float32(1 / high)
    line = np.floor(row)
    column = x * np.float32(1 / wide) + line * np.float32(rng.choice([0.0, 0.5]))
    stone = np.floor(column)
    joint = (row - line < np.float32(1.5 / high)) | (column - stone < np.float32(1.5 / wide))
    tones = np.float32(0.1) * rng.standard_normal((64, 64), dtype=np.float32) + np.float32(1)
    tone = tones[line.astype(np.int32) % 64, stone.astype(np.int32) % 64]
    return np.where(joint, np.float32(rng.uniform(0.55, 1.3)), tone)


def _lights(size: tuple[int, int], rng: Rng, clutter: int | None) -> Image:
    """A dark scene with the discs that far lamps leave out of focus."""
    picture = _gradient(size, rng.uniform(10, 60), 10, rng)
    radius = float(rng.uniform(0.02, 0.09)) * max(size)
    count = int(rng.integers(8, 40)) if clutter is None else clutter
    for _ in range(count):
        _disc(picture, radius * float(rng.uniform(0.7, 1.2)), rng)
    rough = np.float32(rng.uniform(2, 6)) * _noise(size, 2, rng)
    return np.asarray(cv2.add(picture, cv2.merge([rough] * 3), dtype=cv2.CV_8U), np.uint8)


def _disc(picture: Image, radius: float, rng: Rng) -> None:
    """Adds light in a disc, a little brighter at its rim."""
    height, width = picture.shape[:2]
    reach = int(np.ceil(radius)) + 1
    x, y = int(rng.integers(width)), int(rng.integers(height))
    window = picture[max(y - reach, 0) : y + reach + 1, max(x - reach, 0) : x + reach + 1]
    middle = (min(x, reach), min(y, reach))
    light, colour = np.zeros_like(window), _colour(rng.uniform(30, 130), 35, rng)
    cv2.circle(light, middle, round(radius), colour, -1, cv2.LINE_AA)
    cv2.circle(light, middle, round(radius), tuple(1.2 * c for c in colour), 1, cv2.LINE_AA)
    cv2.add(window, light, dst=window)


def _glow(picture: Image, rng: Rng) -> None:
    _disc(picture, float(rng.uniform(0.01, 0.05)) * max(picture.shape), rng)


def _other(size: tuple[int, int], rng: Rng, clutter: int | None) -> Image:
    return (_lights if rng.uniform() < 0.3 else _surface)(size, rng, clutter)


_PATTERNS = (_plaster, _stripes, _tiles)
KINDS: dict[str, Callable[[tuple[int, int], Rng, int | None], Image]] = {
    "plain": _shapes,
    "second": _other,
}
