"""What an action unit moves, as numbers: lengths on the unposed head, and the one that defines it.

Lengths are per cent of the distance between the mean face's outer corners of the eyes; both sides
are averaged.
"""

from collections.abc import Callable

import numpy as np

from facecurate.synth import template as head
from facecurate.synth.facs import ACTION_UNITS, STRONGEST, strengths
from facecurate.synth.motion import moved
from facecurate.synth.template import Floats

Place = Callable[[float, float], Floats]  # frontal x, y -> mean of both sides: |x|, y, z

_LIDS = tuple(float(line[0]) for line in head.lids(np.array([head.EYE[0]])))
_UPPER, _LOWER = head.MOUTH

MEASURES: dict[str, Callable[[Place], float]] = {
    "inner brow up": lambda at: -at(0.24, -0.34)[1],
    "outer brow up": lambda at: -at(0.66, -0.31)[1],
    "brows together": lambda at: -at(0.34, -0.31)[0],
    "upper lid up": lambda at: -at(0.45, _LIDS[0])[1],
    "lower lid up": lambda at: -at(0.45, _LIDS[1])[1],
    "cheek up": lambda at: -at(0.54, 0.36)[1],
    "nose wing up": lambda at: -at(0.16, 0.58)[1],
    "upper lip up": lambda at: -at(0.2, 0.89)[1],
    "corner up": lambda at: -at(0.36, 0.955)[1],
    "corner out": lambda at: at(0.36, 0.955)[0],
    "corner in": lambda at: -at(0.36, 0.955)[2],
    "lips thin": lambda at: -(at(0.0, 1.088)[1] - at(0.0, _LOWER)[1]),
    "chin up": lambda at: -at(0.0, 1.25)[1],
    "lips apart": lambda at: at(0.0, _LOWER)[1] - at(0.0, _UPPER)[1],
    "jaw down": lambda at: at(0.0, 1.44)[1],
}

# The measure that the unit's definition names, and which way it goes.
DEFINING: dict[int, tuple[str, int]] = {
    1: ("inner brow up", 1),
    2: ("outer brow up", 1),
    4: ("brows together", 1),
    5: ("upper lid up", 1),
    6: ("cheek up", 1),
    7: ("lower lid up", 1),
    9: ("nose wing up", 1),
    10: ("upper lip up", 1),
    12: ("corner up", 1),
    14: ("corner in", 1),
    15: ("corner up", -1),
    17: ("chin up", 1),
    20: ("corner out", 1),
    23: ("corner out", -1),
    24: ("lips thin", 1),
    25: ("lips apart", 1),
    26: ("jaw down", 1),
    43: ("upper lid up", -1),
}


def measures(bare: Floats) -> Floats:
    """(len(MEASURES),) of a bare head (V, 3) in its own frame, per cent of the eyes' distance."""

    def at(x: float, y: float) -> Floats:
        left, right = head.on_grid(bare, head.to_uv(np.array([[-x, y], [x, y]])))
        return np.asarray((left * [-1, 1, 1] + right) / 2)

    eyes = 2 * (head.EYE[0] + head.EYE[1])
    return np.array([100.0 * measure(at) / eyes for measure in MEASURES.values()])


def chart(intensity: float = STRONGEST) -> Floats:
    """(18, len(MEASURES)) how far each unit alone moves each measure on the mean head."""
    mean = head.template().mean
    rest = measures(mean)
    rows = [strengths(**{f"au{number}": intensity}) for number in ACTION_UNITS]
    return np.stack([measures(mean + moved(units, 0, 0.0)) - rest for units in rows])
