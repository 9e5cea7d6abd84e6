"""The features that lie at the same place on every head's map: lids, lips, nostrils, lines."""

from functools import lru_cache

import numpy as np

from facecurate.synth import template as head
from facecurate.synth.canvas import Singles, Window, coverage, curve, ribbon
from facecurate.synth.person import Person
from facecurate.synth.template import Floats

SIDES = (-1, 1)
Outlines = list[Floats]


def _both(half: list[list[float]], width: float) -> Outlines:
    """A stroke on the image's right and its mirror image."""
    return [ribbon(curve(np.array(half) * [side, 1]), width) for side in SIDES]


def _feet() -> Outlines:
    rows = [[[0.71, -0.02 + 0.03 * k], [0.82, -0.06 + 0.06 * k]] for k in range(3)]
    return [outline for row in rows for outline in _both(row, 0.016)]


def _forehead() -> Outlines:
    line = np.array([[-0.5, -0.5], [-0.2, -0.53], [0.2, -0.53], [0.5, -0.5]])
    return [ribbon(curve(line - [0, 0.1 * k]), 0.022) for k in range(3)]


def _nostrils() -> Outlines:
    turn = np.linspace(0, 2 * np.pi, 17)[:-1]
    x, y = 0.105 + 0.055 * np.cos(turn), 0.672 + 0.018 * np.sin(turn) - 0.0055 * np.cos(turn)
    return [np.stack([side * x, y], axis=1) for side in SIDES]


def _lips() -> Outlines:
    p = head.POINTS
    below = curve(p[[54, 55, 56, 57, 58, 59, 48]], 31)
    return [np.concatenate([curve(p[48:55], 31), below])]


def _upper_lip() -> Outlines:
    p = head.POINTS
    return [np.concatenate([curve(p[48:55], 31), curve(p[[54, 64, 63, 62, 61, 60, 48]], 31)])]


def _lids(upper: bool, lift: float) -> Outlines:
    """The edges of two lids as lines of 25 points."""
    centre, half = head.EYE
    across = [side * centre + half * np.linspace(-1, 1, 25) for side in SIDES]
    return [np.stack([x, head.lids(x)[0 if upper else 1] + lift], axis=1) for x in across]


def _ribbons(lines: Outlines, width: float) -> Outlines:
    return [ribbon(line, width) for line in lines]


def _eyes() -> Outlines:
    pairs = zip(_lids(True, 0.0), _lids(False, 0.0), strict=True)
    return [np.concatenate([above, below[::-1]]) for above, below in pairs]


def _quad(*corners: float) -> Outlines:
    return [np.array(corners).reshape(4, 2)]


@lru_cache(maxsize=1)
def stencils() -> dict[str, tuple[Window, Singles]]:
    """Name -> window of the head's map and coverage (0..1) in it."""
    p = head.POINTS
    shapes: dict[str, tuple[Outlines, float]] = {  # outlines, blur in texels
        "cheek fold": (_both([[0.25, 0.62], [0.34, 0.74], [0.41, 0.86], [0.45, 0.97]], 0.035), 2.0),
        "bag": (_both([[0.28, 0.09], [0.40, 0.14], [0.52, 0.14], [0.62, 0.1]], 0.03), 2.0),
        "crow's feet": (_feet(), 1.0),
        "forehead": (_forehead(), 1.5),
        "nostril": (_nostrils(), 1.2),
        "nose wing": (_both([[0.215, 0.55], [0.24, 0.6], [0.235, 0.65], [0.2, 0.68]], 0.03), 1.5),
        "lips": (_lips(), 1.6),
        "upper lip": (_upper_lip(), 1.6),
        "lower lip's light": (_quad(-0.12, 1.0, 0.12, 1.0, 0.09, 1.035, -0.09, 1.035), 4.0),
        "lips' edge": (_ribbons([curve(p[[48, 60, 61, 62, 63, 64, 54]], 31)], 0.022), 1.4),
        "mouth": ([p[60:68]], 0.0),
        "teeth": (_quad(-0.24, 0.9455, 0.24, 0.9455, 0.2, 0.9515, -0.2, 0.9515), 0.7),
        "tongue": (_quad(-0.16, 0.9605, 0.16, 0.9605, 0.2, 0.9648, -0.2, 0.9648), 1.5),
        "eye": (_eyes(), 0.0),
        "lid fold": (_ribbons(_lids(True, -0.045), 0.02), 1.2),
        "lower lid": (_ribbons(_lids(False, 0.006), 0.016), 0.8),
        "lashes": (_ribbons(_lids(True, -0.004), 0.026), 0.5),
        "eye shadow": (_ribbons(_lids(True, -0.03), 0.07), 3.0),
    }
    return {name: coverage(outlines, blur) for name, (outlines, blur) in shapes.items()}


def features(who: Person) -> list[tuple[str, Floats, float]]:
    """What is painted at fixed places, in this order: stencil, colour, opacity."""
    shade = who.skin * 0.5
    beside, under, feet, forehead = (float(v) for v in who.lines)
    made_up = max(0.0, who.lashes - 0.4)
    return [
        ("cheek fold", shade, 0.1 + 0.45 * beside),
        ("bag", shade, 0.05 + 0.4 * under),
        ("crow's feet", shade, 0.45 * max(0.0, feet - 0.3)),
        ("forehead", shade, 0.5 * max(0.0, forehead - 0.3)),
        ("nostril", who.skin * 0.12, 0.9),
        ("nose wing", shade, 0.5),
        ("lips", who.lips, 0.85),
        ("upper lip", who.lips * 0.6, 0.3),
        ("lower lip's light", np.minimum(who.lips * 1.2 + 14, 255), 0.45),
        ("lips' edge", who.lips * 0.45, 0.75),
        ("mouth", np.array([52.0, 18, 18]), 1.0),
        ("teeth", np.array([226.0, 218, 202]), 0.9),
        ("tongue", np.array([140.0, 62, 62]), 0.8),
        ("eye shadow", who.skin * [0.5, 0.42, 0.5], 0.8 * made_up),
        ("eye", np.array([170.0, 164, 160]) + 0.2 * who.skin, 1.0),
        ("lid fold", who.skin * 0.45, 0.6),
        ("lower lid", shade, 0.5 + 0.4 * made_up),
        ("lashes", who.skin * 0.16 + 4, 0.8 + 0.2 * who.lashes),
    ]
