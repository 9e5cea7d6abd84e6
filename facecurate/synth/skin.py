"""Maps that every head shares, computed once: hollows, blotches, strands, where a beard grows."""

from functools import lru_cache

import cv2
import numpy as np

from facecurate.synth import template as head
from facecurate.synth.canvas import SIDE, Singles
from facecurate.synth.template import Floats, smooth

_HOLLOWS = (  # darkening, |x|, y, sigma x, sigma y
    (0.30, 0.27, -0.06, 0.09, 0.08),  # inner corners of the eyes
    (0.20, 0.45, -0.11, 0.20, 0.05),  # under the brows
    (0.12, 0.45, 0.11, 0.18, 0.04),  # under the eyes
    (0.35, 0.0, 0.725, 0.14, 0.03),  # under the nose
    (0.22, 0.24, 0.62, 0.03, 0.06),  # beside its wings
    (0.25, 0.0, 1.135, 0.16, 0.03),  # under the lower lip
    (0.20, 0.40, 0.96, 0.05, 0.05),  # corners of the mouth
    (0.10, 0.0, 0.79, 0.03, 0.06),  # philtrum
)
_BLUSH = ((0.13, 0.55, 0.42, 0.2, 0.17), (0.14, 0.0, 0.55, 0.12, 0.08), (0.06, 0.0, 1.33, 0.2, 0.1))


@lru_cache(maxsize=1)
def axes() -> tuple[Floats, Floats]:
    """Azimuth of each texel's column and y of each row of the head's map."""
    at = np.arange(SIDE) / (SIDE - 1)
    azimuth = np.interp(at * (len(head.COLUMNS) - 1), np.arange(len(head.COLUMNS)), head.COLUMNS)
    y = np.interp(at * (len(head.ROWS) - 1), np.arange(len(head.ROWS)), head.ROWS)
    return azimuth, y


@lru_cache(maxsize=1)
def _plane() -> tuple[Floats, Floats]:
    """(SIDE, SIDE) frontal x and y of every texel."""
    azimuth, y = axes()
    x = head.half_width(y)[:, None] * np.sin(azimuth)[None]
    return x, np.ascontiguousarray(np.broadcast_to(y[:, None], x.shape))


def _spot(x: Floats, y: Floats, cx: float, cy: float, sx: float, sy: float) -> Floats:
    return np.asarray(np.exp(-0.5 * ((np.abs(x) - cx) / sx) ** 2 - 0.5 * ((y - cy) / sy) ** 2))


@lru_cache(maxsize=1)
def _relief() -> Singles:
    """(SIDE, SIDE, 3) factors that every skin shares: hollows darker, cheeks redder."""
    x, y = _plane()
    front = smooth(np.cos(axes()[0]), 0.0, 0.3)[None]
    dark = sum((d * _spot(x, y, *where) for d, *where in _HOLLOWS), np.zeros_like(x)) * front
    red = sum((d * _spot(x, y, *where) for d, *where in _BLUSH), np.zeros_like(x)) * front
    base = (1 - dark) * (1 - 0.45 * smooth(y, 1.42, 1.5))
    return np.stack([base, base * (1 - red), base * (1 - 0.85 * red)], axis=2).astype(np.float32)


def noise(rng: np.random.Generator, cells: tuple[int, int], size: tuple[int, int]) -> Singles:
    """(height, width) smooth noise of unit variance at its knots; sizes are (rows, columns)."""
    knots = rng.standard_normal(cells).astype(np.float32)
    grown = cv2.resize(knots, size[::-1], interpolation=cv2.INTER_CUBIC)
    return np.asarray(grown, np.float32)


@lru_cache(maxsize=4)
def blotches(variant: int) -> Singles:
    """(SIDE, SIDE) factors near 1, as coarse on the cheek as beside the eye."""
    rng = np.random.default_rng([0x5C1, variant])
    plane = np.zeros((SIDE, SIDE), np.float32)
    for cells, strength in ((10, 0.03), (36, 0.02), (140, 0.018)):
        plane += strength * noise(rng, (cells, cells), (SIDE, SIDE))
    azimuth, y = axes()
    along = np.broadcast_to((azimuth / np.pi + 1)[None] * (SIDE / 2 - 1), (SIDE, SIDE))
    down = np.broadcast_to(((y + 1.6) / 3.1)[:, None] * (SIDE - 1), (SIDE, SIDE))
    spread = cv2.remap(plane, along.astype("f4"), down.astype("f4"), cv2.INTER_LINEAR)
    return np.asarray(1 + spread, np.float32)


@lru_cache(maxsize=4)
def skin(variant: int) -> Singles:
    """(SIDE, SIDE, 3) factors on the skin's colour."""
    return _relief() * blotches(variant)[:, :, None]


@lru_cache(maxsize=4)
def strands(variant: int) -> Singles:
    """(SIDE, SIDE) factors near 1, long along the hair."""
    rng = np.random.default_rng([0x4A1, variant])
    fine = noise(rng, (14, 300), (SIDE, SIDE))
    broad = noise(rng, (7, 50), (SIDE, SIDE))
    return np.asarray(np.clip(1 + 0.2 * fine + 0.13 * broad, 0.4, 1.8), np.float32)


@lru_cache(maxsize=1)
def beard() -> Singles:
    """(SIDE, SIDE) where a beard grows: jaws, chin and above the lip, not on the lips."""
    x, y = _plane()
    reach = np.abs(x)
    top = np.interp(reach, [0.0, 0.28, 0.4, 0.55, 0.75, 0.9], [0.72, 0.75, 0.88, 0.92, 0.72, 0.25])
    soft = np.interp(reach, [0.3, 0.5], [0.05, 0.2])
    grown = np.clip((y - top) / soft + 0.3, 0, 1) * smooth(np.abs(axes()[0]), 1.55, 1.3)[None]
    below = 1 - 0.75 * _spot(x, y, 0.0, 1.14, 0.09, 0.03)
    return np.asarray(grown * below, np.float32)
