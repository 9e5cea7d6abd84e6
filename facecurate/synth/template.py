"""The head's fixed grid, its mean shape and the 68 points on it.

Frame of the head: x to the image's right, y down, z towards the viewer of an upright frontal face;
the unit is about 7 cm (half the width between the cheekbones), the eyes are at y = 0.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Rows of the grid (y) lie close where lids, nose wings and lips need them.
_TOP = [-1.6, -1.585, -1.55, -1.5, -1.42, -1.3, -1.15, -1.0, -0.88, -0.78, -0.68, -0.58, -0.5]
_BROWS = [-0.43, -0.37, -0.32, -0.28, -0.24, -0.2, -0.165, -0.13]
_LIDS = [-0.1, -0.075, -0.05, -0.025, 0.0, 0.025, 0.05, 0.075, 0.1]
_CHEEKS = [0.13, 0.17, 0.22, 0.28, 0.34, 0.4, 0.46, 0.51, 0.55]
_WINGS = [0.59, 0.62, 0.65, 0.68, 0.71, 0.75, 0.79, 0.83, 0.86]
_LIPS = [0.885, 0.91, 0.93, 0.945, 0.95, 0.955, 0.96, 0.965, 0.98, 1.0, 1.02, 1.045, 1.07, 1.1]
_CHIN = [1.14, 1.18, 1.22, 1.27, 1.32, 1.36, 1.4, 1.43, 1.46, 1.48, 1.495, 1.5]
ROWS: Floats = np.array(_TOP + _BROWS + _LIDS + _CHEEKS + _WINGS + _LIPS + _CHIN)
_FRONT = np.linspace(0.0, 0.75, 15)
_HALF = np.concatenate(
    [_FRONT, np.linspace(0.75, 1.5, 9)[1:], np.linspace(1.5, np.pi, 7)[1:]],
)
COLUMNS: Floats = np.concatenate([-_HALF[:0:-1], _HALF])  # azimuth, radians; 0 faces the viewer

EYE = (0.45, 0.21)  # |x| of the eye's centre, half its width
MOUTH = (0.945, 0.965)  # y of the inner edges of the closed lips
FACE_TOP = -1.0  # y above which a head is no longer counted as face in the box
FACE_SIDE = 1.4  # azimuth beyond which a head is no longer counted as face in the box

# y, half-width, z in front (without nose), z where it is widest, z at the back
_PROFILE: Floats = np.array(
    [
        [-1.60, 0.00, -0.10, -0.10, -0.10],
        [-1.57, 0.28, 0.26, -0.10, -0.46],
        [-1.50, 0.50, 0.50, -0.10, -0.74],
        [-1.35, 0.74, 0.79, -0.09, -1.02],
        [-1.10, 0.93, 1.01, -0.08, -1.25],
        [-0.80, 1.02, 1.13, -0.06, -1.38],
        [-0.50, 1.05, 1.19, -0.05, -1.42],
        [-0.25, 1.04, 1.20, -0.05, -1.40],
        [0.00, 1.02, 1.15, -0.05, -1.35],
        [0.30, 1.00, 1.15, -0.04, -1.22],
        [0.60, 0.97, 1.17, 0.00, -1.00],
        [0.85, 0.90, 1.18, 0.08, -0.75],
        [1.05, 0.80, 1.17, 0.20, -0.45],
        [1.20, 0.68, 1.14, 0.36, -0.15],
        [1.35, 0.50, 1.09, 0.56, 0.20],
        [1.44, 0.34, 0.99, 0.66, 0.40],
        [1.485, 0.20, 0.86, 0.70, 0.54],
        [1.50, 0.00, 0.72, 0.72, 0.72],
    ]
)


def smooth(value: Floats, low: float, high: float) -> Floats:
    """0 below ``low``, 1 above ``high``, a smooth cubic between (``low`` > ``high`` turns it)."""
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t))


def _curve(y: Floats, column: int) -> Floats:
    """One column of the profile at ``y``: a cubic through its knots (Catmull-Rom slopes)."""
    knots, values = _PROFILE[:, 0], _PROFILE[:, column]
    slopes = np.gradient(values, knots)
    i = np.clip(np.searchsorted(knots, y, side="right") - 1, 0, len(knots) - 2)
    step = knots[i + 1] - knots[i]
    t = np.clip((y - knots[i]) / step, 0.0, 1.0)
    low, high = values[i], values[i + 1]
    return np.asarray(
        low * (1 + 2 * t) * (1 - t) ** 2
        + high * t * t * (3 - 2 * t)
        + step * t * (1 - t) * (slopes[i] * (1 - t) - slopes[i + 1] * t)
    )


_FINE = np.linspace(_PROFILE[0, 0], _PROFILE[-1, 0], 3001)
_FINE_WIDTH = np.maximum(_curve(_FINE, 1), 0.0)


def half_width(y: Floats) -> Floats:
    """Half the mean head's width at ``y``."""
    return np.interp(y, _FINE, _FINE_WIDTH)


def to_uv(points: Floats) -> Floats:
    """Frontal positions on the mean face (N, 2) as fractional (column, row) of the grid."""
    points = np.asarray(points, np.float64)
    ratio = points[:, 0] / np.maximum(half_width(points[:, 1]), 1e-6)
    azimuth = np.arcsin(np.clip(ratio, -0.99, 0.99))
    u = np.interp(azimuth, COLUMNS, np.arange(len(COLUMNS)))
    v = np.interp(points[:, 1], ROWS, np.arange(len(ROWS)))
    return np.stack([u, v], axis=1)


def _mirrored(half: list[tuple[float, float]]) -> list[tuple[float, float]]:
    return [(-x, y) for x, y in reversed(half)]


def _eye(side: int) -> list[tuple[float, float]]:
    centre, half = EYE
    t = np.array([-1.0, -0.36, 0.36, 1.0, 0.36, -0.36])
    x = side * centre + half * t
    upper, lower = lids(x)
    y = [float(v) for v in np.where([1, 1, 1, 1, 0, 0], upper, lower)]
    return list(zip(x.tolist(), y, strict=True))


def lids(x: Floats) -> tuple[Floats, Floats]:
    """The y of the upper and the lower lid's edge of an open eye at ``x``."""
    centre, half = EYE
    t = np.clip((np.abs(x) - centre) / half, -1.0, 1.0)
    bow = 1.0 - t * t
    corner = -0.012 * t  # the outer corner sits a little higher
    return corner - 0.068 * bow**0.8, corner + 0.042 * bow


def _frontal_points() -> Floats:
    """The 68 points in iBUG's order, image-left first, as frontal positions on the mean face."""
    jaw = [(-0.985, 0.03), (-0.97, 0.29), (-0.94, 0.54), (-0.87, 0.79), (-0.75, 1.02)]
    jaw += [(-0.59, 1.22), (-0.40, 1.35), (-0.21, 1.43)]
    brow = [(-0.80, -0.22), (-0.66, -0.32), (-0.50, -0.36), (-0.34, -0.345), (-0.19, -0.29)]
    nose = [(0.0, 0.02), (0.0, 0.2), (0.0, 0.38), (0.0, 0.56)]
    wings = [(-0.19, 0.66), (-0.1, 0.685)]
    lip = [(-0.36, 0.955), (-0.23, 0.895), (-0.08, 0.862)]
    under = [(0.22, 1.04), (0.09, 1.08)]
    inner, below = [(-0.31, 0.955), (-0.1, MOUTH[0])], [(0.1, MOUTH[1])]
    points = [*jaw, (0.0, 1.455), *_mirrored(jaw), *brow, *_mirrored(brow), *nose]
    points += [*wings, (0.0, 0.70), *_mirrored(wings), *_eye(-1), *_eye(1)]
    points += [*lip, (0.0, 0.876), *_mirrored(lip), *under, (0.0, 1.088), *_mirrored(under)]
    points += [*inner, (0.0, MOUTH[0]), *_mirrored(inner), *below, (0.0, MOUTH[1])]
    return np.array([*points, *_mirrored(below)])


POINTS: Floats = _frontal_points()
POINTS_UV: Floats = to_uv(POINTS)


@dataclass(frozen=True, slots=True)
class Template:
    """The mean head as a flattened grid; N = len(ROWS) * len(COLUMNS), row-major."""

    mean: Floats  # (N, 3)
    flat: Floats  # (N, 2) azimuth, y: where a vertex lies on the grid
    frontal: Floats  # (N, 2) x, y before any bump
    front: Floats  # (N,) 1 on the face, 0 behind the ears
    face: NDArray[np.bool_]  # (N,) vertices that span the face's box


def across(t: "Template") -> Floats:
    """(N,) frontal x of every vertex."""
    return np.asarray(t.frontal[:, 0])


def down(t: "Template") -> Floats:
    """(N,) frontal y of every vertex."""
    return np.asarray(t.frontal[:, 1])


def pair(t: "Template", x: float, y: float, sx: float, sy: float) -> Floats:
    """(N,) a hill on either side of the face: see :func:`bump`."""
    return bump(t, x, y, sx, sy, both=True)


def bump(t: "Template", x: float, y: float, sx: float, sy: float, *, both: bool = False) -> Floats:
    """(N,) a Gaussian hill at frontal (x, y), ``both``: and at (-x, y)."""
    rise = np.exp(-0.5 * ((t.frontal[:, 1] - y) / sy) ** 2) * t.front
    hill = np.exp(-0.5 * ((t.frontal[:, 0] - x) / sx) ** 2)
    if both:
        hill = hill + np.exp(-0.5 * ((t.frontal[:, 0] + x) / sx) ** 2)
    return np.asarray(rise * hill)


def nose(t: Template) -> Floats:
    """(N,) how far the mean nose stands out: a ridge that ends in a ball and two wings."""
    x, y = t.frontal[:, 0], t.frontal[:, 1]
    knots = [-0.12, 0.02, 0.2, 0.38, 0.5, 0.56, 0.62, 0.665, 0.71]
    height = np.interp(y, knots, [0.0, 0.05, 0.15, 0.25, 0.33, 0.345, 0.29, 0.12, 0.0])
    width = np.interp(y, [0.0, 0.2, 0.4, 0.55, 0.7], [0.10, 0.10, 0.115, 0.135, 0.16])
    ridge = height * np.exp(-((np.abs(x) / width) ** 2.2)) * t.front
    return np.asarray(ridge + 0.11 * bump(t, 0.165, 0.605, 0.065, 0.06, both=True))


_BUMPS = (  # height, x, y, sigma x, sigma y: mirrored where x > 0
    (-0.125, 0.44, -0.02, 0.22, 0.13),  # eye sockets
    (-0.06, 0.24, -0.02, 0.08, 0.10),  # inner corners
    (0.075, 0.45, 0.0, 0.14, 0.085),  # eyeballs under the lids
    (0.05, 0.40, -0.27, 0.24, 0.08),  # brow ridges
    (0.06, 0.60, 0.34, 0.20, 0.18),  # cheekbones
    (-0.05, 0.92, -0.42, 0.15, 0.25),  # temples
    (0.055, 0.0, 0.885, 0.20, 0.045),  # upper lip
    (0.065, 0.0, 1.03, 0.17, 0.05),  # lower lip
    (-0.035, 0.0, 0.955, 0.26, 0.02),  # between them
    (-0.015, 0.0, 0.79, 0.035, 0.05),  # philtrum
    (-0.03, 0.36, 0.955, 0.06, 0.06),  # corners of the mouth
    (-0.04, 0.0, 1.16, 0.20, 0.05),  # above the chin
    (0.10, 0.0, 1.34, 0.17, 0.11),  # chin
    (0.05, 0.0, 0.80, 0.28, 0.22),  # the jaws under the lips
)


@lru_cache(maxsize=1)
def template() -> Template:
    """The mean head, closed-mouthed, eyes open."""
    azimuth, y = (a.ravel() for a in np.meshgrid(COLUMNS, ROWS))
    width, front, side, back = (_curve(y, k) for k in range(1, 5))
    turn = np.cos(azimuth)
    x = np.maximum(width, 0.0) * np.sin(azimuth)
    z = side + np.where(turn > 0, front - side, side - back) * turn
    inside = (np.abs(azimuth) <= FACE_SIDE) & (y >= FACE_TOP)
    bare = Template(
        np.stack([x, y, z], axis=1),
        np.stack([azimuth, y], axis=1),
        np.stack([x, y], axis=1),
        smooth(turn, -0.05, 0.35),
        inside,
    )
    lift = nose(bare)
    for height, cx, cy, sx, sy in _BUMPS:
        lift = lift + height * bump(bare, cx, cy, sx, sy, both=cx > 0)
    mean = bare.mean + np.stack([np.zeros_like(lift), np.zeros_like(lift), lift], axis=1)
    return Template(mean, bare.flat, bare.frontal, bare.front, inside)


def on_grid(values: Floats, uv: Floats) -> Floats:
    """``values`` (N, K) of the grid's vertices at fractional positions ``uv`` (P, 2) -> (P, K).

    Linear within the triangles that :func:`facecurate.synth.scene.triangles` cuts, so a point
    lies exactly on the drawn surface.
    """
    columns = len(COLUMNS)
    i = np.clip(np.floor(uv).astype(np.intp), 0, [columns - 2, len(ROWS) - 2])
    a, b = (uv - i).T
    corner = i[:, 1] * columns + i[:, 0]
    lower = b > a  # the cell is cut from its top left to its bottom right corner
    middle = np.where(lower, corner + columns, corner + 1)
    near, far = np.where(lower, b, a), np.where(lower, a, b)
    weights = np.stack([1 - near, near - far, far], axis=1)
    at = np.stack([corner, middle, corner + columns + 1], axis=1)
    return np.asarray(np.einsum("pk,pkc->pc", weights, values[at]))
