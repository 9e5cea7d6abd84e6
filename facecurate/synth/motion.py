"""How action units move a head: linear fields on the template, one a unit, at its strongest.

A field is (dx, dy, dz) in the head's frame (see ``template``); its size is what makes a clearly
visible movement, not a measurement of people. Fields add up, so every unit can be recovered from
the moved vertices by a linear map.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from facecurate.synth import template as head
from facecurate.synth.facs import ACTION_UNITS, STRONGEST, Strengths
from facecurate.synth.template import Floats, Template, bump, smooth
from facecurate.synth.template import across as _x
from facecurate.synth.template import down as _y
from facecurate.synth.template import pair as _pair

Parts = tuple[Floats | float, Floats | float, Floats | float]
Field = Callable[[Template], Parts]

_EYE_X, _EYE_HALF = head.EYE
_UPPER, _LOWER = head.MOUTH
_MIDDLE = 0.955  # y of the closed lips
_LIDS = (5, 7, 43)  # units that never differ between the sides
REACH = 0.05  # standard deviation of how much further one person's units reach than another's


def _side(t: Template) -> Floats:
    """-1 on the image's left, 1 on its right, smooth over the nose's ridge."""
    return np.asarray(np.clip(_x(t) / 0.06, -1.0, 1.0))


def _below_lips(t: Template) -> Floats:
    """0 on the upper lip, 1 on the lower one, rising through the closed mouth."""
    return np.asarray(np.clip((_y(t) - _UPPER) / (_LOWER - _UPPER), 0.0, 1.0))


def _in_mouth(t: Template) -> Floats:
    """1 at the middle of the lips, 0 from their corners outwards."""
    reach = np.clip(1 - (_x(t) / 0.315) ** 2, 0.0, 1.0)
    return np.asarray(np.sqrt(reach) * t.front)


def _corners(t: Template) -> Floats:
    return _pair(t, 0.36, _MIDDLE, 0.14, 0.11)


def _lips(t: Template) -> Floats:
    return bump(t, 0.0, _MIDDLE, 0.30, 0.10)


def _thinner(t: Template) -> Floats:
    """Towards the closed mouth's line, from above and from below, the mouth itself unmoved."""
    off = np.where(_y(t) < _UPPER, _UPPER - _y(t), np.where(_y(t) > _LOWER, _LOWER - _y(t), 0.0))
    return np.asarray(off * _lips(t))


def _inner_brow(t: Template) -> Parts:
    rise = _pair(t, 0.24, -0.36, 0.19, 0.17)
    return -0.012 * _side(t) * rise, -0.14 * rise, 0.012 * rise


def _outer_brow(t: Template) -> Parts:
    rise = _pair(t, 0.66, -0.34, 0.20, 0.17)
    return 0.01 * _side(t) * rise, -0.14 * rise, 0.0


def _brow_lowerer(t: Template) -> Parts:
    brow, root = _pair(t, 0.36, -0.31, 0.22, 0.11), _pair(t, 0.13, -0.27, 0.10, 0.10)
    return -0.06 * _side(t) * brow, 0.105 * brow, 0.05 * root


def _lid_line(t: Template, upper: bool) -> tuple[Floats, Floats]:
    """How far a vertex lies above the upper lid (below the lower one), and the bow there."""
    top, bottom = head.lids(_x(t))
    along = np.clip((np.abs(_x(t)) - _EYE_X) / _EYE_HALF, -1.0, 1.0)
    bow = (1.0 - along * along) * (t.front > 0.5)
    return (top - _y(t) if upper else _y(t) - bottom), bow


def _upper_lid(t: Template) -> Parts:
    """The lid's edge rises; the skin above it folds away."""
    above, bow = _lid_line(t, upper=True)
    drawn = np.where(above > 0, smooth(above, 0.12, 0.0), smooth(-above, 0.05, 0.0))
    return 0.0, -0.05 * bow * drawn, -0.012 * bow * drawn


def _cheek_raiser(t: Template) -> Parts:
    cheek, outer = _pair(t, 0.54, 0.36, 0.22, 0.17), _pair(t, 0.74, 0.02, 0.10, 0.10)
    below, bow = _lid_line(t, upper=False)
    lid = bow * np.where(below > 0, smooth(below, 0.12, 0.0), 0.0)
    return -0.035 * _side(t) * outer, -0.13 * cheek - 0.026 * lid, 0.12 * cheek


def _lid_tightener(t: Template) -> Parts:
    below, bow = _lid_line(t, upper=False)
    above, _ = _lid_line(t, upper=True)
    rise = bow * np.where(below > 0, smooth(below, 0.10, 0.0), smooth(-below, 0.04, 0.0))
    fall = bow * np.where(above > 0, smooth(above, 0.10, 0.0), smooth(-above, 0.03, 0.0))
    return 0.0, -0.055 * rise + 0.018 * fall, 0.008 * rise


def _nose_wrinkler(t: Template) -> Parts:
    wings, root = _pair(t, 0.16, 0.58, 0.10, 0.14), bump(t, 0.0, -0.02, 0.14, 0.10)
    brow, lip = _pair(t, 0.18, -0.28, 0.15, 0.10), _pair(t, 0.12, 0.87, 0.13, 0.07)
    lip = lip * (1 - _below_lips(t))
    sides = _pair(t, 0.16, 0.25, 0.08, 0.16)
    return (
        0.03 * _side(t) * wings,
        -0.10 * wings - 0.05 * lip + 0.065 * brow + 0.03 * root,
        0.045 * sides + 0.035 * root,
    )


def _upper_lip(t: Template) -> Parts:
    lip = _pair(t, 0.20, 0.90, 0.13, 0.07) * (1 - _below_lips(t))
    fold = _pair(t, 0.34, 0.74, 0.09, 0.10)
    return 0.0, -0.085 * lip - 0.03 * fold, 0.02 * lip + 0.025 * fold


def _lip_corner_puller(t: Template) -> Parts:
    corner, cheek = _corners(t), _pair(t, 0.54, 0.58, 0.18, 0.16)
    fold = _pair(t, 0.40, 0.80, 0.06, 0.10)
    return (
        0.13 * _side(t) * corner,
        -0.14 * corner - 0.05 * cheek,
        0.075 * cheek - 0.06 * corner - 0.03 * fold,
    )


def _dimpler(t: Template) -> Parts:
    corner, beside = _pair(t, 0.38, _MIDDLE, 0.09, 0.09), _pair(t, 0.52, 0.95, 0.08, 0.12)
    return 0.075 * _side(t) * corner, -0.015 * corner, 0.06 * beside - 0.11 * corner


def _lip_corner_depressor(t: Template) -> Parts:
    corner, pouch = _pair(t, 0.37, 0.97, 0.13, 0.11), _pair(t, 0.46, 1.12, 0.10, 0.09)
    return 0.015 * _side(t) * corner, 0.12 * corner, 0.045 * pouch - 0.03 * corner


def _chin_raiser(t: Template) -> Parts:
    boss, lips = bump(t, 0.0, 1.25, 0.24, 0.12), bump(t, 0.0, 1.0, 0.24, 0.10)
    pout = bump(t, 0.0, 1.01, 0.22, 0.07)
    return 0.0, -0.17 * boss - 0.11 * lips, 0.07 * boss + 0.12 * pout


def _lip_stretcher(t: Template) -> Parts:
    corner, jaw = _pair(t, 0.38, 0.97, 0.15, 0.10), _pair(t, 0.55, 1.10, 0.18, 0.16)
    across = 0.16 * _side(t) * corner + 0.04 * _side(t) * jaw
    return across, 0.03 * corner + 0.25 * _thinner(t), -0.02 * corner


def _lip_tightener(t: Template) -> Parts:
    return -0.28 * _x(t) * _lips(t), 0.6 * _thinner(t), -0.03 * _lips(t)


def _lip_pressor(t: Template) -> Parts:
    rolls = bump(t, 0.0, 0.83, 0.25, 0.05) + bump(t, 0.0, 1.10, 0.22, 0.05)
    return 0.05 * _x(t) * _lips(t), 0.85 * _thinner(t), 0.05 * rolls - 0.04 * _lips(t)


def _lips_part(t: Template) -> Parts:
    lower = _below_lips(t)
    opening = _in_mouth(t) * (0.075 * lower - 0.022 * (1 - lower))
    near = smooth(np.abs(_y(t) - _MIDDLE), 0.24, 0.02)
    hollow = _in_mouth(t) * np.clip(4 * lower * (1 - lower), 0.0, 1.0)
    return 0.0, opening * near, -0.08 * hollow


def _jaw_drop(t: Template) -> Parts:
    inside, lower = _in_mouth(t), _below_lips(t)
    skin = smooth(_y(t), 0.88, 1.28)
    hinge = np.clip((t.mean[:, 2] + 0.05) / 1.1, 0.0, 1.15)
    fall = hinge * (inside * lower + (1 - inside) * skin)
    hollow = inside * np.clip(4 * lower * (1 - lower), 0.0, 1.0)
    corner = _pair(t, 0.36, _MIDDLE, 0.12, 0.12)
    return -0.05 * _side(t) * corner, 0.32 * fall, -0.08 * fall - 0.22 * hollow


def _eyes_closed(t: Template) -> Parts:
    """The upper lid comes down over the lower one, far enough for large eyes."""
    x, y = _x(t), _y(t)
    upper, lower = head.lids(x)
    eye = (np.abs(np.abs(x) - _EYE_X) < _EYE_HALF) & (t.front > 0.5)
    inside = np.clip((lower - y) / np.maximum(lower - upper, 1e-6), 0.0, 1.0)
    drawn = smooth(upper - y, 0.16, 0.0)
    fall = np.where(eye & (y < lower), 1.25 * (lower - upper) * inside * drawn, 0.0)
    return 0.0, fall, 0.1 * fall


FIELDS: dict[int, Field] = {
    1: _inner_brow,
    2: _outer_brow,
    4: _brow_lowerer,
    5: _upper_lid,
    6: _cheek_raiser,
    7: _lid_tightener,
    9: _nose_wrinkler,
    10: _upper_lip,
    12: _lip_corner_puller,
    14: _dimpler,
    15: _lip_corner_depressor,
    17: _chin_raiser,
    20: _lip_stretcher,
    23: _lip_tightener,
    24: _lip_pressor,
    25: _lips_part,
    26: _jaw_drop,
    43: _eyes_closed,
}


@lru_cache(maxsize=1)
def motion_basis() -> Floats:
    """(18, V, 3) displacements of the strongest units, in the order of ``ACTION_UNITS``."""
    t = head.template()
    rows = []
    for number in ACTION_UNITS:
        parts = [np.broadcast_to(np.asarray(p, np.float64), len(t.mean)) for p in FIELDS[number](t)]
        rows.append(np.stack(parts, axis=1))
    return np.stack(rows)


@lru_cache(maxsize=64)
def reach(identity: int) -> Floats:
    """(18,) how far a person's units reach, about 1."""
    rng = np.random.default_rng([0x4EAC4, identity])
    return np.asarray(np.clip(1 + rng.normal(0, REACH, len(ACTION_UNITS)), 0.85, 1.15))


@lru_cache(maxsize=1)
def _sides() -> Floats:
    """(V,) -1 on the image's left, 1 on its right."""
    return _side(head.template()) * head.template().front


_BOTH = np.array([number not in _LIDS for number in ACTION_UNITS])


def moved(units: Strengths, identity: int, lopsided: float) -> Floats:
    """(V, 3) how far the units move each vertex of a person's head.

    ``lopsided``: units move the image's right (1 + lopsided / 2) and its left (1 - lopsided / 2)
    times as far, lids apart.
    """
    share = np.array(units) / STRONGEST * reach(identity)
    active = np.flatnonzero(share)
    if not len(active):
        return np.zeros_like(head.template().mean)
    basis = motion_basis()
    fixed, free = active[~_BOTH[active]], active[_BOTH[active]]
    out = np.tensordot(share[free], basis[free], 1)
    if lopsided:
        out *= (1 + 0.5 * lopsided * _sides())[:, None]
    return np.asarray(out + np.tensordot(share[fixed], basis[fixed], 1))
