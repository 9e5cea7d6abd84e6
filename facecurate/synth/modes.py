"""How a head may differ from the mean one, and how a face moves: linear fields on the template."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from facecurate.synth import template as head
from facecurate.synth.template import Floats, Template, bump, smooth

Field = Callable[[Template], tuple[Floats | float, Floats | float, Floats | float]]
_EYE_X, _EYE_HALF = head.EYE
_UPPER, _LOWER = head.MOUTH


def _x(t: Template) -> Floats:
    return np.asarray(t.frontal[:, 0])


def _y(t: Template) -> Floats:
    return np.asarray(t.frontal[:, 1])


def _side(t: Template) -> Floats:
    return np.sign(_x(t))


def _near_eye(t: Template) -> Floats:
    return bump(t, _EYE_X, 0.0, 0.22, 0.14, both=True)


def _from_eye(t: Template) -> Floats:
    """Signed distance outwards from the nearer eye's centre."""
    return np.asarray(np.abs(_x(t)) - _EYE_X)


def _near_mouth(t: Template) -> Floats:
    return bump(t, 0.0, 0.955, 0.34, 0.13)


# One standard deviation of each trait: (dx, dy, dz).
IDENTITY_MODES: dict[str, Field] = {
    "face width": lambda t: (0.045 * _x(t), 0, 0),
    "jaw width": lambda t: (0.07 * _x(t) * smooth(_y(t), 0.3, 1.1), 0, 0),
    "lower face length": lambda t: (0, 0.065 * smooth(_y(t), 0.6, 1.4), 0),
    "midface length": lambda t: (0, 0.045 * smooth(_y(t), 0.05, 0.75), 0),
    "nose height": lambda t: (0, 0, 0.16 * head.nose(t)),
    "nose width": lambda t: (0.22 * _x(t) * bump(t, 0.0, 0.6, 0.2, 0.12), 0, 0),
    "nose length": lambda t: (0, 0.045 * bump(t, 0.0, 0.62, 0.2, 0.16), 0),
    "nose tip": lambda t: (0, -0.03 * bump(t, 0.0, 0.56, 0.1, 0.09), 0),
    "nose bridge": lambda t: (0, 0, 0.04 * bump(t, 0.0, 0.15, 0.09, 0.18)),
    "eye distance": lambda t: (0.035 * _side(t) * bump(t, _EYE_X, 0, 0.26, 0.2, both=True), 0, 0),
    "eye size": lambda t: (
        0.09 * _side(t) * _from_eye(t) * _near_eye(t),
        0.16 * _y(t) * _near_eye(t),
        0,
    ),
    "eye tilt": lambda t: (0, -0.10 * _from_eye(t) * _near_eye(t), 0),
    "eye depth": lambda t: (0, 0, 0.03 * _near_eye(t)),
    "brow height": lambda t: (0, 0.03 * bump(t, 0.45, -0.32, 0.3, 0.1, both=True), 0),
    "brow tilt": lambda t: (0, -0.1 * _from_eye(t) * bump(t, 0.45, -0.32, 0.3, 0.1, both=True), 0),
    "brow ridge": lambda t: (0, 0, 0.035 * bump(t, 0.38, -0.26, 0.25, 0.09, both=True)),
    "mouth width": lambda t: (0.12 * _x(t) * _near_mouth(t), 0, 0),
    "lip fullness": lambda t: (0, 0.24 * (_y(t) - 0.955) * _near_mouth(t), 0.02 * _near_mouth(t)),
    "mouth height": lambda t: (0, 0.03 * bump(t, 0.0, 0.955, 0.4, 0.17), 0),
    "chin forward": lambda t: (0, 0, 0.05 * bump(t, 0.0, 1.35, 0.25, 0.15)),
    "chin width": lambda t: (0.13 * _x(t) * smooth(_y(t), 1.1, 1.35), 0, 0),
    "cheekbones": lambda t: (
        0.03 * _side(t) * bump(t, 0.7, 0.32, 0.22, 0.18, both=True),
        0,
        0.035 * bump(t, 0.6, 0.32, 0.22, 0.18, both=True),
    ),
    "full cheeks": lambda t: (
        0.05 * _side(t) * bump(t, 0.8, 0.7, 0.25, 0.25, both=True),
        0,
        0.03 * bump(t, 0.55, 0.7, 0.25, 0.25, both=True),
    ),
    "forehead slope": lambda t: (0, 0, 0.05 * smooth(_y(t), -0.3, -1.1) * t.front),
    "skull height": lambda t: (0, -0.05 * smooth(_y(t), -0.3, -1.3), 0),
    "crooked nose": lambda t: (0.018 * bump(t, 0.0, 0.5, 0.2, 0.3), 0, 0),
    "crooked mouth": lambda t: (0, 0.03 * _x(t) * _near_mouth(t), 0),
    "uneven brows": lambda t: (0, 0.012 * _side(t) * bump(t, 0.45, -0.3, 0.3, 0.1, both=True), 0),
}


def _smile(t: Template) -> tuple[Floats, Floats, Floats]:
    corner = bump(t, 0.36, 0.955, 0.15, 0.12, both=True)
    cheek = bump(t, 0.52, 0.5, 0.2, 0.18, both=True)
    below = _in_mouth(t) * (2 * smooth(_y(t), _UPPER, _LOWER) - 1)
    lift = -0.09 * corner - 0.03 * cheek - 0.02 * _near_eye(t) * smooth(_y(t), 0.0, 0.1)
    part = 0.022 * below * smooth(np.abs(_y(t) - 0.955), 0.4, 0.0)
    depth = 0.04 * cheek - 0.04 * corner
    return 0.085 * _side(t) * corner, lift + part, depth


def _in_mouth(t: Template) -> Floats:
    """1 at the middle of the lips, 0 from their corners outwards."""
    reach = np.clip(1 - (_x(t) / 0.315) ** 2, 0.0, 1.0)
    return np.asarray(np.sqrt(reach) * t.front)


def _jaw_open(t: Template) -> tuple[Floats, Floats, Floats]:
    inside = _in_mouth(t)
    lips = np.clip((_y(t) - _UPPER) / (_LOWER - _UPPER), 0.0, 1.0)
    skin = smooth(_y(t), 0.72, 1.2)
    hinge = np.clip((t.mean[:, 2] + 0.05) / 1.1, 0.0, 1.15)
    fall = hinge * (inside * lips + (1 - inside) * skin)
    hollow = inside * np.clip(4 * lips * (1 - lips), 0.0, 1.0)
    corner = bump(t, 0.36, 0.955, 0.12, 0.12, both=True)
    return -0.05 * _side(t) * corner, 0.34 * fall, -0.08 * fall - 0.22 * hollow


def _brow_raise(t: Template) -> tuple[float, Floats, float]:
    return 0.0, -0.10 * bump(t, 0.45, -0.32, 0.34, 0.12, both=True), 0.0


def _blink(t: Template) -> tuple[float, Floats, Floats]:
    """The upper lid comes down to the lower one and draws the skin above it along."""
    x, y = _x(t), _y(t)
    upper, lower = head.lids(x)
    eye = (np.abs(np.abs(x) - _EYE_X) < _EYE_HALF) & (t.front > 0.5)
    inside = np.clip((lower - y) / np.maximum(lower - upper, 1e-6), 0.0, 1.0)
    drawn = smooth(upper - y, 0.16, 0.0)
    fall = np.where(eye & (y < lower), (lower - upper) * inside * drawn, 0.0)
    return 0.0, fall, 0.1 * fall


EXPRESSIONS: dict[str, Field] = {
    "smile": _smile,
    "jaw_open": _jaw_open,
    "brow_raise": _brow_raise,
    "blink": _blink,
}


def _stack(fields: dict[str, Field]) -> Floats:
    t = head.template()
    rows = []
    for trait in fields.values():
        columns = [np.broadcast_to(np.asarray(c, np.float64), len(t.mean)) for c in trait(t)]
        rows.append(np.stack(columns, axis=1))
    return np.stack(rows)


@lru_cache(maxsize=1)
def identity_basis() -> Floats:
    """(modes, N, 3) displacements of one standard deviation, in the order of IDENTITY_MODES."""
    return _stack(IDENTITY_MODES)


@lru_cache(maxsize=1)
def expression_basis() -> Floats:
    """(expressions, N, 3) displacements at full strength, in the order of EXPRESSIONS."""
    return _stack(EXPRESSIONS)
