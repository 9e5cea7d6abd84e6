"""Maps that every head shares, computed once: hollows, blotches, strands, brows, beards."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facecurate.synth import template as head
from facecurate.synth.canvas import SIDE, Singles, Window, curve, normals, to_texels
from facecurate.synth.template import Floats, smooth

VARIANTS = 4  # of every random map
BEARDED: Window = (slice(250, SIDE), slice(0, SIDE))  # texels in which a beard can grow

_HOLLOWS = (  # darkening, |x|, y, sigma x, sigma y
    (0.30, 0.27, -0.06, 0.09, 0.08),  # inner corners of the eyes
    (0.22, 0.45, -0.11, 0.20, 0.05),  # under the brows
    (0.12, 0.45, 0.11, 0.18, 0.04),  # under the eyes
    (0.35, 0.0, 0.725, 0.14, 0.03),  # under the nose
    (0.22, 0.24, 0.62, 0.03, 0.06),  # beside its wings
    (0.10, 0.13, 0.25, 0.04, 0.18),  # beside its bridge
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
def plane() -> tuple[Floats, Floats]:
    """(SIDE, SIDE) frontal x and y of every texel."""
    azimuth, y = axes()
    x = head.half_width(y)[:, None] * np.sin(azimuth)[None]
    return x, np.ascontiguousarray(np.broadcast_to(y[:, None], x.shape))


def _spot(x: Floats, y: Floats, cx: float, cy: float, sx: float, sy: float) -> Floats:
    return np.asarray(np.exp(-0.5 * ((np.abs(x) - cx) / sx) ** 2 - 0.5 * ((y - cy) / sy) ** 2))


@lru_cache(maxsize=1)
def _relief() -> Singles:
    """(SIDE, SIDE, 3) factors that every skin shares: hollows darker, cheeks redder."""
    x, y = plane()
    front = smooth(np.cos(axes()[0]), 0.0, 0.3)[None]
    dark = sum((d * _spot(x, y, *where) for d, *where in _HOLLOWS), np.zeros_like(x)) * front
    red = sum((d * _spot(x, y, *where) for d, *where in _BLUSH), np.zeros_like(x)) * front
    base = (1 - dark) * (1 - 0.45 * smooth(y, 1.42, 1.5))
    return np.stack([base, base * (1 - red), base * (1 - 0.85 * red)], axis=2).astype(np.float32)


@lru_cache(maxsize=1)
def hollows() -> tuple[Window, Singles]:
    """Coverage (0..1) of the face's hollows, to be deepened where light does not show them."""
    relief = 1 - _relief()[:, :, 0]
    (top, bottom), (left, right) = (
        np.searchsorted(axis, ends)
        for axis, ends in zip(axes()[::-1], ((-0.35, 1.3), (-1.2, 1.2)), strict=True)
    )
    where = (slice(int(top), int(bottom)), slice(int(left), int(right)))
    return where, np.ascontiguousarray(np.clip(relief[where], 0, 1))


def noise(rng: np.random.Generator, cells: tuple[int, int], size: tuple[int, int]) -> Singles:
    """(height, width) smooth noise of unit variance at its knots; sizes are (rows, columns)."""
    knots = rng.standard_normal(cells).astype(np.float32)
    grown = cv2.resize(knots, size[::-1], interpolation=cv2.INTER_CUBIC)
    return np.asarray(grown, np.float32)


def _spread(rng: np.random.Generator, grains: Sequence[tuple[int, float]]) -> Singles:
    """(SIDE, SIDE) noise as coarse on the cheek as beside the eye: (cells, strength) of each."""
    plane_ = np.zeros((SIDE, SIDE), np.float32)
    for cells, strength in grains:
        plane_ += strength * noise(rng, (cells, cells), (SIDE, SIDE))
    azimuth, y = axes()
    along = np.broadcast_to((azimuth / np.pi + 1)[None] * (SIDE / 2 - 1), (SIDE, SIDE))
    down = np.broadcast_to(((y + 1.6) / 3.1)[:, None] * (SIDE - 1), (SIDE, SIDE))
    even: Any = cv2.remap(plane_, along.astype("f4"), down.astype("f4"), cv2.INTER_LINEAR)
    return np.asarray(even, np.float32)


@lru_cache(maxsize=VARIANTS)
def blotches(variant: int) -> Singles:
    """(SIDE, SIDE) factors near 1, as coarse on the cheek as beside the eye."""
    rng = np.random.default_rng([0x5C1, variant])
    return 1 + _spread(rng, ((10, 0.03), (36, 0.02), (140, 0.018)))


@lru_cache(maxsize=VARIANTS)
def skin(variant: int) -> Singles:
    """(SIDE, SIDE, 3) factors on the skin's colour."""
    return _relief() * blotches(variant)[:, :, None]


@lru_cache(maxsize=VARIANTS)
def strands(variant: int) -> Singles:
    """(SIDE, SIDE) factors near 1, long along the hair."""
    rng = np.random.default_rng([0x4A1, variant])
    fine = noise(rng, (14, 300), (SIDE, SIDE))
    broad = noise(rng, (7, 50), (SIDE, SIDE))
    return np.asarray(np.clip(1 + 0.2 * fine + 0.13 * broad, 0.4, 1.8), np.float32)


@lru_cache(maxsize=VARIANTS)
def curls(variant: int) -> Singles:
    """(SIDE, SIDE) factors near 1 in small round clumps."""
    rng = np.random.default_rng([0xC0, variant])
    clumps = _spread(rng, ((110, 0.2), (50, 0.12)))
    return np.asarray(np.clip(1 + clumps, 0.45, 1.6), np.float32)


@lru_cache(maxsize=VARIANTS)
def freckles(variant: int) -> tuple[Window, Singles]:
    """Coverage (0..1) of freckles on nose and cheeks, no two alike on both sides."""
    rng = np.random.default_rng([0xF2EC, variant])
    x = rng.normal(0, 0.42, 260)
    y = 0.36 + 0.05 * np.abs(x) + rng.normal(0, 0.15, 260)
    marks = to_texels(np.stack([x, y], axis=1)[(np.abs(x) < 0.85) & (y > 0.13) & (y < 0.8)])
    dots = np.zeros((SIDE, SIDE), np.float32)
    for column, row in marks:
        centre = (round(float(column) * 16), round(float(row) * 16))
        cv2.circle(
            dots, centre, int(rng.integers(10, 22)), float(rng.uniform(0.3, 1)), -1, cv2.LINE_AA, 4
        )
    where = (slice(int(marks[:, 1].min()) - 4, int(marks[:, 1].max()) + 5), slice(0, SIDE))
    soft: Any = cv2.GaussianBlur(dots[where], (0, 0), 0.8)
    return where, np.asarray(soft, np.float32)


@lru_cache(maxsize=1)
def beards() -> dict[str, Singles]:
    """Where each style of beard grows: coverage (0..1) in the window ``BEARDED``."""
    x, y = (np.abs(a[BEARDED]) for a in plane())
    top = np.interp(x, [0.0, 0.28, 0.4, 0.55, 0.75, 0.9], [0.72, 0.75, 0.88, 0.92, 0.72, 0.25])
    soft = np.interp(x, [0.3, 0.5, 0.9], [0.05, 0.25, 0.4])
    sides = smooth(np.abs(axes()[0]), 1.5, 1.1)[None]
    below = 1 - 0.75 * _spot(x, y, 0.0, 1.14, 0.09, 0.03)
    full = np.clip((y - top) / soft + 0.3, 0, 1) * sides * below
    lip = smooth(y, 0.72, 0.78) * smooth(y, 1.0, 0.93) * smooth(x, 0.44, 0.34)
    lip = lip * (1 - 0.5 * _spot(x, y, 0.0, 0.8, 0.03, 0.08))
    chin = np.maximum(smooth(y, 1.06, 1.14) * smooth(x, 0.36, 0.24), 0.0)
    beside = smooth(x, 0.45, 0.38) * smooth(x, 0.3, 0.36) * smooth(y, 0.88, 0.95)
    ring = np.maximum(np.maximum(chin, beside * smooth(y, 1.3, 1.2)), lip) * below
    maps = {"stubble": full, "full": full, "moustache": lip, "goatee": ring}
    return {name: np.asarray(cover, np.float32) for name, cover in maps.items()}


@lru_cache(maxsize=2)
def brow(first: int) -> tuple[Window, Singles, Singles]:
    """The window about the brow through five points of ``template.POINTS`` from ``first`` on.

    Also (h, w) how far along each texel lies (0 towards the nose, 1 towards the temple) and how far
    below the brow's middle line, in the head's unit.
    """
    drop = np.array([0.0, 0.012])  # the points lie a little high
    line = curve(head.POINTS[first : first + 5], 61) + drop
    corners = to_texels(np.stack([line.min(axis=0) - 0.09, line.max(axis=0) + 0.09]))
    (x0, y0), (x1, y1) = np.rint(corners).astype(int)
    where = (slice(int(y0), int(y1)), slice(int(x0), int(x1)))
    at = np.stack([a[where] for a in plane()], axis=2)
    gaps = np.linalg.norm(at[:, :, None] - line, axis=3)
    nearest = gaps.argmin(axis=2)
    across = normals(line) * np.sign(normals(line)[:, 1:])
    below = ((at - line[nearest]) * across[nearest]).sum(axis=2)
    past = np.abs(((at - line[nearest]) * across[nearest][:, :, ::-1] * [1, -1]).sum(axis=2))
    along = nearest / 60 if first == 22 else 1 - nearest / 60
    along = np.where(along > 0.5, along + past, along - past)
    return where, along.astype(np.float32), below.astype(np.float32)


@lru_cache(maxsize=2 * VARIANTS)
def brow_hairs(first: int, variant: int) -> Singles:
    """(h, w) factors 0.3..1 in the window of :func:`brow`: hairs that lean towards the temple."""
    _, along, below = brow(first)
    rng = np.random.default_rng([0xB0, first, variant])
    knots: NDArray[np.float32] = rng.uniform(0.3, 1, 400).astype(np.float32)
    slant = along * 70 + below * np.interp(along, [0, 0.4, 1], [150, 420, 700])
    ripple = np.interp(slant * 1.5 + 120, np.arange(400), knots)
    return np.asarray(ripple, np.float32)
