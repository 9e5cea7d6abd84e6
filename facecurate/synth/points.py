"""Where the landmark sets lie on the head: 5, 19, 29, 68, 98 and 106 points.

Every point is a place on the mean face, as frontal x and y (see ``template``), image-left first; a
rendered face has it at the same place of its own mesh. The orders are those of AFLW-19, COFW, 300W,
WFLW and LaPa. Two rules move a point off its place on the mesh: pupils follow the gaze, and the
outline of the jaws in the sets "68", "98" and "106" follows what is seen, as annotators of 2-D
pictures draw it, while "68-3d" stays on the surface, as 300W-LP has it.
"""

import numpy as np

from facecurate.synth import template as head
from facecurate.synth.canvas import curve
from facecurate.synth.template import Floats

_P = head.POINTS
_FLIP = np.array([-1.0, 1.0])
OUTLINE = 33  # points of the jaws' outline, every second one of 300W's


def _both(left: Floats) -> Floats:
    """The image's left half and its mirror image, in the same order."""
    return np.concatenate([left, left * _FLIP])


def _outline() -> Floats:
    dense = curve(_P[:17], OUTLINE)
    return np.asarray((dense + dense[::-1] * _FLIP) / 2)


def _brow() -> tuple[Floats, Floats]:
    """Five points on the upper edge of the left brow, four on the lower, both outside inwards."""
    upper = _P[17:22] + np.array([0.0, -0.016])
    lower = curve(_P[17:22], 17)[[3, 7, 11, 15]] + [0.0, 0.05]
    return upper, lower


def _eye() -> Floats:
    """Eight points of the left eye: outer corner, upper lid, inner corner, lower lid."""
    centre, half = head.EYE
    x = -centre + half * np.array([-1.0, -0.55, 0.0, 0.55, 1.0, 0.55, 0.0, -0.55])
    upper, lower = head.lids(x)
    return np.stack([x, np.where(np.arange(8) < 5, upper, lower)], axis=1)


_OPEN = head.lids(np.array([-head.EYE[0]]))
_PUPIL = np.array([[-head.EYE[0], float(_OPEN[0][0] + _OPEN[1][0]) / 2]])  # looking straight on


def _mirrored_eye(left: Floats) -> Floats:
    """The right eye beginning at its inner corner."""
    return np.asarray(left[[4, 3, 2, 1, 0, 7, 6, 5]] * _FLIP)


def _brows98() -> Floats:
    upper, lower = _brow()
    right = [upper[::-1] * _FLIP, lower * _FLIP]
    return np.concatenate([upper, lower[::-1], *right])


def _lips98() -> Floats:
    return _P[48:68]


def _wflw() -> Floats:
    left = _eye()
    eyes = [left, _mirrored_eye(left)]
    return np.concatenate(
        [_outline(), _brows98(), _P[27:31], _P[31:36], *eyes, _lips98(), _both(_PUPIL)]
    )


def _nose106() -> Floats:
    """From beside the bridge down round the left wing to under the nose, and up again."""
    left = np.array([[-0.10, 0.12], [-0.155, 0.50], [-0.225, 0.62], [-0.19, 0.675], [-0.1, 0.685]])
    return np.concatenate([left, _P[33:34], left[::-1] * _FLIP])


def _lapa() -> Floats:
    left = _eye()
    eyes = [left, _PUPIL, _mirrored_eye(left), _PUPIL * _FLIP]
    return np.concatenate(
        [_outline(), _brows98(), _P[27:31], _nose106(), *eyes, _lips98(), _both(_PUPIL)]
    )


def _cofw() -> Floats:
    upper, lower = _brow()
    eye = _eye()
    brow = np.stack([upper[0], upper[4], upper[2], lower[1]])  # outer, inner, above, below
    corners = np.stack([eye[0], eye[4], eye[2], eye[6]])
    pairs = [brow, corners]
    (bo, bi, ba, bb), (eo, ei, ea, eb) = pairs

    def twice(point: Floats) -> list[Floats]:
        return [point, point * _FLIP]

    rows = [*twice(bo), *twice(bi), ba, bb, ba * _FLIP, bb * _FLIP]
    rows += [*twice(eo), *twice(ei), ea, eb, ea * _FLIP, eb * _FLIP, *twice(_PUPIL[0])]
    rows += [*twice(np.array([-0.225, 0.62])), _P[30], _P[33]]
    rows += [_P[48], _P[54], _P[51], _P[62], _P[66], _P[57], _P[8]]
    return np.stack(rows)


def _aflw() -> Floats:
    brow, eye = _P[[17, 19, 21]], np.stack([_eye()[0], _PUPIL[0], _eye()[4]])
    mouth = np.stack([_P[48], (_P[62] + _P[66]) / 2, _P[54]])
    nose = np.stack([np.array([-0.225, 0.62]), _P[30], np.array([0.225, 0.62])])
    sides = [np.concatenate([half, half[::-1] * _FLIP]) for half in (brow, eye)]
    return np.concatenate([*sides, nose, mouth, _P[8:9]])


SETS: dict[str, Floats] = {
    "19": _aflw(),
    "29": _cofw(),
    "68": _P,
    "68-3d": _P,
    "98": _wflw(),
    "106": _lapa(),
}
OUTLINES: dict[str, int] = {"68": 17, "98": 33, "106": 33}  # how many of the first points
PUPILS: dict[str, tuple[int, int]] = {"29": (16, 17), "98": (96, 97), "106": (74, 83)}
NAMES = ("5", *SETS)

_STACKED = np.concatenate([*SETS.values(), _outline()])
ENDS = np.cumsum([len(points) for points in SETS.values()])
UV: Floats = head.to_uv(_STACKED)  # all sets after each other, then the outline


def _mirror(points: Floats) -> list[int]:
    """For each point the one that takes its place in the mirrored picture."""
    gaps = np.linalg.norm((points * _FLIP)[:, None] - points[None], axis=2)
    return [int(i) for i in gaps.argmin(axis=1)]


def _mirrors() -> dict[str, list[int]]:
    """By set; where two points lie on one place (LaPa's pupils and eyes' centres), each its own."""
    found = {name: _mirror(points) for name, points in SETS.items()}
    found["106"][74], found["106"][83], found["106"][104:] = 83, 74, [105, 104]
    return found | {"5": [1, 0, 2, 4, 3]}


MIRRORS = _mirrors()
