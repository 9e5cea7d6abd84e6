"""Where things lie on every head's map: lids, lips, nostrils, and the lines that skin folds by."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from facecurate.synth import template as head
from facecurate.synth.canvas import Singles, Window, coverage, curve, ribbon
from facecurate.synth.template import Floats

SIDES = (-1, 1)
Outlines = list[Floats]
Line = list[list[float]]
Draw = Callable[[np.random.Generator], "Strokes"]


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


@dataclass(frozen=True, slots=True)
class Strokes:
    """Lines on the image's right half that cross to the left as their mirror image.

    ``width`` in the head's unit and ``blur`` in texels are those of the crease; the lit ridge lies
    ``beside`` it (in widths, > 0: to the right of the line's way, y down) and is twice as broad.
    """

    lines: list[Line]
    width: float
    blur: float
    beside: float = 1.2
    central: bool = False  # lines over the middle, not mirrored


def _brow_lines(rng: np.random.Generator, lo: float, hi: float, arch: float) -> list[Line]:
    """Horizontal lines on the forehead from |x| ``lo`` to ``hi``."""
    count = int(rng.integers(3, 5))
    x = np.linspace(lo, hi, 6)
    lines = []
    for k in range(count):
        y = -0.47 - 0.33 * (k + 0.5) / count + rng.normal(0, 0.008, 6) + arch * (x - lo) ** 2
        lines.append(np.stack([x, y], axis=1).tolist())
    return lines


def _middle_lines(rng: np.random.Generator) -> Strokes:
    half = float(rng.uniform(0.26, 0.38))
    lines = _brow_lines(rng, -half, half, 0.0)
    return Strokes(lines, 0.03, 1.1, 0.9, central=True)


def _side_lines(rng: np.random.Generator) -> Strokes:
    return Strokes(_brow_lines(rng, 0.3, float(rng.uniform(0.72, 0.85)), 0.35), 0.03, 1.1, 0.9)


def _grief(rng: np.random.Generator) -> Strokes:
    """Slanted lines above the inner ends of brows that are raised and drawn together."""
    lean = rng.normal(0, 0.01)
    lines = [[[0.1, -0.42], [0.2, -0.5], [0.33, -0.53 + lean]], [[0.06, -0.5], [0.2, -0.59]]]
    return Strokes(lines, 0.03, 1.2)


def _furrow(rng: np.random.Generator) -> Strokes:
    x = float(rng.uniform(0.05, 0.085))
    lines = [[[x - 0.012, -0.14], [x, -0.26], [x + 0.02, -0.38], [x + 0.03, -0.44]]]
    if rng.uniform() < 0.5:
        lines.append([[x + 0.075, -0.24], [x + 0.085, -0.34]])
    return Strokes(lines, 0.034, 1.3, -1.0)


def _rays(rng: np.random.Generator) -> Strokes:
    spread, reach = rng.uniform(0.05, 0.08), rng.uniform(0.1, 0.16)
    lines = [
        [[0.69, -0.03 + 0.025 * k], [0.69 + reach, -0.03 + 0.025 * k + spread * (k - 1.3)]]
        for k in range(4)
    ]
    return Strokes(lines, 0.024, 0.9, 1.0)


def _eye_bag(rng: np.random.Generator) -> Strokes:
    low = float(rng.uniform(0.15, 0.18))
    return Strokes([[[0.26, 0.085], [0.38, low - 0.01], [0.52, low], [0.67, 0.1]]], 0.036, 1.8, -1)


def _cheek(rng: np.random.Generator) -> Strokes:
    """The upper edge of a raised cheek, the cheek itself lit."""
    y = float(rng.uniform(0.22, 0.26))
    return Strokes(
        [[[0.28, y - 0.06], [0.45, y], [0.62, y - 0.01], [0.76, y - 0.09]]], 0.06, 3.5, 1.4
    )


def _lid(_: np.random.Generator) -> Strokes:
    return Strokes([[[0.28, 0.05], [0.40, 0.082], [0.52, 0.08], [0.64, 0.04]]], 0.018, 1.0, -1.0)


def _bunny(rng: np.random.Generator) -> Strokes:
    lines = [
        [[0.035, 0.06 + 0.085 * k], [0.09, 0.08 + 0.085 * k], [0.155, 0.15 + 0.09 * k]]
        for k in range(3)
    ]
    return Strokes(lines, 0.026, float(rng.uniform(0.9, 1.2)))


def _root(rng: np.random.Generator) -> Strokes:
    lift = float(rng.normal(0, 0.006))
    lines = [[[-0.12, y + 0.02], [0.0, y + lift], [0.12, y + 0.02]] for y in (-0.02, -0.1)]
    return Strokes(lines, 0.028, 1.1, central=True)


def _fold_above(_: np.random.Generator) -> Strokes:
    return Strokes([[[0.2, 0.5], [0.26, 0.58], [0.32, 0.68], [0.36, 0.77]]], 0.045, 1.8, -1.1)


def _fold_below(rng: np.random.Generator) -> Strokes:
    out = float(rng.uniform(0.47, 0.51))
    line = [[0.25, 0.62], [0.35, 0.73], [0.44, 0.86], [out, 0.99], [out - 0.01, 1.06]]
    return Strokes([line], 0.05, 2.0, -1.1)


def _parenthesis(rng: np.random.Generator) -> Strokes:
    out = float(rng.uniform(0.58, 0.64))
    return Strokes([[[out - 0.05, 0.66], [out, 0.8], [out - 0.01, 0.97]]], 0.035, 2.0, -1.0)


def _dimple(rng: np.random.Generator) -> Strokes:
    x = float(rng.uniform(0.45, 0.49))
    return Strokes([[[x - 0.01, 0.88], [x, 0.945], [x - 0.02, 1.03]]], 0.055, 1.8, -1.2)


def _marionette(rng: np.random.Generator) -> Strokes:
    x = float(rng.uniform(0.45, 0.5))
    return Strokes([[[0.365, 0.97], [0.42, 1.05], [x, 1.18], [x - 0.02, 1.26]]], 0.042, 1.6, -1.2)


def _under_lip(_: np.random.Generator) -> Strokes:
    line = [[-0.24, 1.15], [-0.1, 1.125], [0.1, 1.125], [0.24, 1.15]]
    return Strokes([line], 0.05, 1.8, 1.2, central=True)


def _chin(rng: np.random.Generator) -> Strokes:
    """Dimples like an orange's peel."""
    at = rng.uniform([-0.2, 1.19], [0.2, 1.37], (26, 2))
    turn = rng.uniform([-0.025, -0.012], [0.025, 0.012], (26, 2))
    lines = [[(a - t).tolist(), (a + t).tolist()] for a, t in zip(at, turn, strict=True)]
    return Strokes(lines, 0.022, 1.0, central=True)


def _stretch(rng: np.random.Generator) -> Strokes:
    out = float(rng.uniform(0.52, 0.56))
    lines = [
        [[0.44, 0.84], [out, 0.94], [out, 1.06], [0.47, 1.16]],
        [[out + 0.04, 0.88], [out + 0.09, 0.99], [out + 0.05, 1.13]],
    ]
    return Strokes(lines, 0.032, 1.5, -1.0)


def _rolls(_: np.random.Generator) -> Strokes:
    """The skin that pressed lips push up and down."""
    above = [[-0.3, 0.87], [-0.14, 0.825], [0.14, 0.825], [0.3, 0.87]]
    below = [[0.28, 1.07], [0.14, 1.105], [-0.14, 1.105], [-0.28, 1.07]]
    return Strokes([above, below], 0.03, 1.4, -1.3, central=True)


def _purse(rng: np.random.Generator) -> Strokes:
    """Short lines across the lips' edges."""
    lines = []
    for x in np.linspace(-0.26, 0.26, 9) + rng.normal(0, 0.01, 9):
        lines.append([[x, 0.82], [0.92 * x, 0.9]])
        lines.append([[0.92 * x, 1.03], [x, 1.11]])
    return Strokes(lines, 0.02, 0.9, 1.0, central=True)


def _between_lips(_: np.random.Generator) -> Strokes:
    line = [[-0.37, 0.958], [-0.18, 0.94], [0.0, 0.945], [0.18, 0.94], [0.37, 0.958]]
    return Strokes([line], 0.03, 1.0, 0.0, central=True)


def _upper_lid(_: np.random.Generator) -> Strokes:
    return Strokes(
        [[[0.25, -0.055], [0.38, -0.105], [0.52, -0.105], [0.66, -0.045]]], 0.03, 1.4, -1
    )


def _jaw_side(rng: np.random.Generator) -> Strokes:
    out = float(rng.uniform(0.62, 0.68))
    return Strokes([[[out - 0.02, 0.55], [out, 0.78], [out - 0.08, 1.02]]], 0.09, 4.0, -1.0)


FOLDS: dict[str, Draw] = {
    "forehead": _middle_lines, "forehead's sides": _side_lines, "grief": _grief, "furrow": _furrow,
    "crow's feet": _rays, "bag": _eye_bag, "cheek": _cheek, "lower lid": _lid, "bunny": _bunny,
    "root": _root, "upper nasolabial": _fold_above, "nasolabial": _fold_below,
    "parenthesis": _parenthesis, "dimple": _dimple, "marionette": _marionette,
    "under lip": _under_lip, "chin": _chin, "stretch": _stretch, "rolls": _rolls, "purse": _purse,
    "between lips": _between_lips, "upper lid": _upper_lid, "jaw side": _jaw_side,
}  # fmt: skip
