"""How a head may differ from the mean one: linear fields on the template."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from facecurate.synth import template as head
from facecurate.synth.template import Floats, Template, bump, smooth
from facecurate.synth.template import across as _x
from facecurate.synth.template import down as _y
from facecurate.synth.template import pair as _pair

Field = Callable[[Template], tuple[Floats | float, Floats | float, Floats | float]]
_EYE_X = head.EYE[0]


def _side(t: Template) -> Floats:
    """-1 on the image's left, 1 on its right, smooth between the eyes so that no skin is folded."""
    return np.asarray(np.clip(_x(t) / 0.15, -1.0, 1.0))


def _eyes(t: Template) -> Floats:
    return _pair(t, _EYE_X, 0.0, 0.22, 0.14)


def _lids(t: Template) -> Floats:
    return _pair(t, _EYE_X, 0.0, 0.27, 0.11)


def _from_eye(t: Template) -> Floats:
    """Signed distance outwards from the nearer eye's centre."""
    return np.asarray(np.abs(_x(t)) - _EYE_X)


def _out(t: Template) -> Floats:
    """Signed distance to the image's right from the nearer eye's centre."""
    return _side(t) * _from_eye(t)


def _mouth(t: Template) -> Floats:
    return bump(t, 0.0, 0.955, 0.34, 0.13)


def _corners(t: Template) -> Floats:
    return _pair(t, 0.36, 0.955, 0.1, 0.08)


def _bow(t: Template) -> Floats:
    """The dip in the middle of the upper lip's edge and the two peaks beside it."""
    return bump(t, 0.0, 0.876, 0.045, 0.03) - 0.6 * _pair(t, 0.12, 0.87, 0.06, 0.03)


def _tip(t: Template) -> Floats:
    return bump(t, 0.0, 0.57, 0.11, 0.07)


def _wings(t: Template) -> Floats:
    return _pair(t, 0.17, 0.62, 0.06, 0.05)


def _brows(t: Template) -> Floats:
    return _pair(t, 0.45, -0.32, 0.3, 0.1)


def _bones(t: Template) -> Floats:
    return _pair(t, 0.65, 0.32, 0.22, 0.18)


def _jowls(t: Template) -> Floats:
    return _pair(t, 0.6, 1.16, 0.14, 0.12)


# One standard deviation of each trait: (dx, dy, dz). "uneven" and "crooked": left and right differ.
IDENTITY_MODES: dict[str, Field] = {
    "face width": lambda t: (0.045 * _x(t), 0, 0),
    "jaw width": lambda t: (0.06 * _x(t) * smooth(_y(t), 0.3, 1.1), 0, 0),
    "lower face length": lambda t: (0, 0.06 * smooth(_y(t), 0.6, 1.4), 0),
    "midface length": lambda t: (0, 0.045 * smooth(_y(t), 0.05, 0.75), 0),
    "nose height": lambda t: (0, 0, 0.15 * head.nose(t)),
    "nose width": lambda t: (0.2 * _x(t) * bump(t, 0.0, 0.6, 0.2, 0.12), 0, 0),
    "nose length": lambda t: (0, 0.045 * bump(t, 0.0, 0.62, 0.2, 0.16), 0),
    "nose tip": lambda t: (0, -0.03 * bump(t, 0.0, 0.56, 0.1, 0.09), 0),
    "nose bridge": lambda t: (0, 0, 0.04 * bump(t, 0.0, 0.15, 0.09, 0.18)),
    "nose hump": lambda t: (0, 0, 0.028 * bump(t, 0.0, 0.3, 0.07, 0.1)),
    "nose ball": lambda t: (0.2 * _x(t) * _tip(t), 0, 0.02 * _tip(t)),
    "nose root": lambda t: (0.22 * _x(t) * bump(t, 0.0, 0.12, 0.14, 0.15), 0, 0),
    "nose wings": lambda t: (0.016 * _side(t) * _wings(t), -0.014 * _wings(t), 0),
    "eye distance": lambda t: (0.035 * _side(t) * _pair(t, _EYE_X, 0, 0.26, 0.2), 0, 0),
    "eye size": lambda t: (0.09 * _out(t) * _lids(t), 0.13 * _y(t) * _lids(t), 0),
    "eye width": lambda t: (0.07 * _out(t) * _eyes(t), 0, 0),
    "upper lid": lambda t: (0, 0.1 * np.minimum(_y(t), 0.0) * _eyes(t), 0),
    "lower lid": lambda t: (0, 0.13 * np.maximum(_y(t), 0.0) * _eyes(t), 0),
    "inner corners": lambda t: (0, 0.014 * _pair(t, 0.25, 0.0, 0.07, 0.06), 0),
    "eye tilt": lambda t: (0, -0.10 * _from_eye(t) * _eyes(t), 0),
    "eye depth": lambda t: (0, 0, 0.03 * _eyes(t)),
    "eye bulge": lambda t: (0, 0, 0.016 * _pair(t, _EYE_X, 0.0, 0.15, 0.09)),
    "brow height": lambda t: (0, 0.03 * _brows(t), 0),
    "brow tilt": lambda t: (0, -0.1 * _from_eye(t) * _brows(t), 0),
    "brow arch": lambda t: (0, -0.02 * _pair(t, 0.58, -0.34, 0.12, 0.1), 0),
    "brow distance": lambda t: (0.03 * _side(t) * _pair(t, 0.25, -0.3, 0.13, 0.1), 0, 0),
    "brow ridge": lambda t: (0, 0, 0.035 * _pair(t, 0.38, -0.26, 0.25, 0.09)),
    "mouth width": lambda t: (0.11 * _x(t) * _mouth(t), 0, 0),
    "lip fullness": lambda t: (0, 0.2 * (_y(t) - 0.955) * _mouth(t), 0.02 * _mouth(t)),
    "upper lip": lambda t: (0, 0.18 * np.minimum(_y(t) - 0.955, 0.0) * _mouth(t), 0),
    "lower lip": lambda t: (0, 0.18 * np.maximum(_y(t) - 0.955, 0.0) * _mouth(t), 0),
    "lip bow": lambda t: (0, 0.013 * _bow(t), 0),
    "mouth corners": lambda t: (0, -0.022 * _corners(t), 0),
    "mouth height": lambda t: (0, 0.03 * bump(t, 0.0, 0.955, 0.4, 0.17), 0),
    "mouth forward": lambda t: (0, 0, 0.035 * bump(t, 0.0, 0.96, 0.3, 0.2)),
    "chin forward": lambda t: (0, 0, 0.05 * bump(t, 0.0, 1.35, 0.25, 0.15)),
    "chin width": lambda t: (0.12 * _x(t) * smooth(_y(t), 1.1, 1.35), 0, 0),
    "chin height": lambda t: (0, 0.035 * smooth(_y(t), 1.12, 1.4), 0),
    "chin cleft": lambda t: (0, 0, -0.014 * bump(t, 0.0, 1.37, 0.05, 0.08)),
    "jaw angle": lambda t: (0.045 * _side(t) * _pair(t, 0.85, 0.98, 0.2, 0.2), 0, 0),
    "jowls": lambda t: (0.03 * _side(t) * _jowls(t), 0.02 * _jowls(t), 0.02 * _jowls(t)),
    "cheekbones": lambda t: (0.03 * _side(t) * _bones(t), 0, 0.035 * _bones(t)),
    "full cheeks": lambda t: (
        0.05 * _side(t) * _pair(t, 0.8, 0.7, 0.25, 0.25),
        0,
        0.03 * _pair(t, 0.55, 0.7, 0.25, 0.25),
    ),
    "hollow cheeks": lambda t: (0, 0, -0.035 * _pair(t, 0.62, 0.76, 0.16, 0.18)),
    "temples": lambda t: (0.035 * _side(t) * _pair(t, 0.95, -0.5, 0.2, 0.3), 0, 0),
    "forehead slope": lambda t: (0, 0, 0.05 * smooth(_y(t), -0.3, -1.1) * t.front),
    "forehead height": lambda t: (0, -0.05 * smooth(_y(t), -0.35, -0.85), 0),
    "forehead bulge": lambda t: (0, 0, 0.035 * bump(t, 0.0, -0.62, 0.4, 0.2)),
    "skull height": lambda t: (0, -0.05 * smooth(_y(t), -0.3, -1.3), 0),
    "head depth": lambda t: (0, 0, 0.03 * t.mean[:, 2]),
    "crooked nose": lambda t: (0.018 * bump(t, 0.0, 0.5, 0.2, 0.3), 0, 0),
    "crooked nose tip": lambda t: (0.014 * _tip(t), 0, 0),
    "uneven nostrils": lambda t: (0, 0.01 * _side(t) * _wings(t), 0),
    "crooked mouth": lambda t: (0, 0.03 * _x(t) * _mouth(t), 0),
    "uneven mouth": lambda t: (0.014 * _mouth(t), 0, 0),
    "uneven mouth corners": lambda t: (0, 0.012 * _side(t) * _corners(t), 0),
    "uneven brows": lambda t: (0, 0.012 * _side(t) * _brows(t), 0),
    "uneven brow arch": lambda t: (0, 0.01 * _side(t) * _pair(t, 0.58, -0.34, 0.12, 0.1), 0),
    "uneven eyes": lambda t: (0, 0.011 * _side(t) * _eyes(t), 0),
    "uneven lids": lambda t: (0, 0.09 * _side(t) * _y(t) * _eyes(t), 0),
    "uneven cheeks": lambda t: (0.015 * _bones(t), 0, 0.02 * _side(t) * _bones(t)),
    "uneven jaws": lambda t: (0.022 * _pair(t, 0.85, 0.95, 0.22, 0.25), 0, 0),
    "crooked chin": lambda t: (0.022 * smooth(_y(t), 0.9, 1.4), 0, 0),
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
