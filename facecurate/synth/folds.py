"""Skin that folds when a face moves: lines, furrows and bulges by action unit.

Each fold is a pattern on the head's map: dark along a crease, lit on the skin that bulges beside it.
Several units deepen one fold and a unit deepens several folds, so that no unit is one patch of
colour. Which unit creases what follows the appearance changes of the FACS manual (Ekman, Friesen
and Hager, 2002) in outline.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from facecurate.synth.canvas import SIDE, Singles, Window, coverage, curve, normals, ribbon
from facecurate.synth.facs import ACTION_UNITS, STRONGEST
from facecurate.synth.paint import Atlas
from facecurate.synth.person import Person
from facecurate.synth.stencils import stencils
from facecurate.synth.template import Floats

VARIANTS = 3  # ways in which people's lines run
_CREASE: Floats = np.array([0.56, 0.68, 0.72])  # darkening of red, green, blue in a crease
_RIDGE: Floats = np.array([0.26, 0.23, 0.21])

Line = list[list[float]]
Draw = Callable[[np.random.Generator], "Strokes"]


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


def _feet(rng: np.random.Generator) -> Strokes:
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
    "crow's feet": _feet, "bag": _eye_bag, "cheek": _cheek, "lower lid": _lid, "bunny": _bunny,
    "root": _root, "upper nasolabial": _fold_above, "nasolabial": _fold_below,
    "parenthesis": _parenthesis, "dimple": _dimple, "marionette": _marionette,
    "under lip": _under_lip, "chin": _chin, "stretch": _stretch, "rolls": _rolls, "purse": _purse,
    "between lips": _between_lips, "upper lid": _upper_lid, "jaw side": _jaw_side,
}  # fmt: skip

# How strongly the strongest unit shows in a fold.
CREASES: dict[int, dict[str, float]] = {
    1: {"forehead": 0.75, "forehead's sides": 0.15},
    2: {"forehead's sides": 0.75, "forehead": 0.25, "upper lid": 0.15},
    4: {"furrow": 0.9, "root": 0.25, "forehead": 0.06},
    5: {"forehead's sides": 0.12, "bag": 0.12, "upper lid": 0.55},
    6: {"crow's feet": 0.85, "bag": 0.45, "cheek": 0.7, "nasolabial": 0.2},
    7: {"lower lid": 0.75, "bag": 0.25, "crow's feet": 0.15, "furrow": 0.08},
    9: {"bunny": 0.9, "root": 0.8, "upper nasolabial": 0.75, "nasolabial": 0.2, "furrow": 0.25,
        "bag": 0.2},
    10: {"upper nasolabial": 0.6, "nasolabial": 0.55, "cheek": 0.15, "bunny": 0.12},
    12: {"nasolabial": 0.75, "upper nasolabial": 0.25, "parenthesis": 0.45, "cheek": 0.4,
         "dimple": 0.3, "crow's feet": 0.15},
    14: {"dimple": 0.9, "nasolabial": 0.25, "parenthesis": 0.25},
    15: {"marionette": 0.85, "under lip": 0.3, "nasolabial": 0.2, "chin": 0.15},
    17: {"chin": 0.85, "under lip": 0.75, "marionette": 0.2, "rolls": 0.12},
    20: {"stretch": 0.8, "under lip": 0.2, "nasolabial": 0.25, "marionette": 0.15},
    23: {"purse": 0.75, "between lips": 0.35, "rolls": 0.2},
    24: {"rolls": 0.8, "between lips": 0.8, "under lip": 0.2, "dimple": 0.12, "purse": 0.12},
    25: {"under lip": 0.3, "nasolabial": 0.08},
    26: {"jaw side": 0.55, "nasolabial": 0.25, "under lip": 0.2},
    43: {"upper lid": 0.3, "bag": 0.12, "lower lid": 0.12},
}  # fmt: skip
_TOGETHER = (1, 4, "grief", 0.85)  # a fold of two units at once
_NARROWER = {23: 0.6, 24: 0.8, 20: 0.15}  # how far the lips' edges fade into the skin


@dataclass(frozen=True, slots=True)
class Fold:
    """One side of a fold: a window of the head's map and its (h, w, 4) change at full strength.

    ``side``: -1 the image's left, 1 its right, 0 both.
    """

    where: Window
    change: Singles
    side: int


def _outlines(strokes: Strokes, side: int, shift: float, width: float) -> list[Floats]:
    out = []
    for line in strokes.lines:
        path = curve(np.array(line, np.float64), 12)
        path = path + normals(path) * shift * strokes.width
        out.append(ribbon(path * [side, 1], width))
    return out


def _fold(strokes: Strokes, side: int) -> Fold:
    flip = -1 if side < 0 else 1
    dark = _outlines(strokes, flip, 0.0, strokes.width)
    lit = _outlines(strokes, flip, strokes.beside, 2.0 * strokes.width)
    where, crease = _within(dark, strokes.blur, dark + lit, 2 * strokes.blur)
    _, ridge = _within(lit, 2 * strokes.blur, dark + lit, 2 * strokes.blur)
    ridge = ridge * (1 - crease) * (strokes.beside != 0)
    change = np.zeros((*crease.shape, 4), np.float32)
    change[:, :, :3] = ridge[:, :, None] * _RIDGE - crease[:, :, None] * _CREASE
    return Fold(where, change, side)


def _within(
    outlines: list[Floats], blur: float, every: list[Floats], reach: float
) -> tuple[Window, Singles]:
    """Coverage of ``outlines`` in the window that holds ``every`` outline blurred by ``reach``."""
    where, whole = coverage(every, reach)
    inner, cover = coverage(outlines, blur)
    out = np.zeros(whole.shape, np.float32)
    rows, columns = (
        slice(max(i.start - w.start, 0), i.stop - w.start)
        for i, w in zip(inner, where, strict=True)
    )
    spare = [max(w.start - i.start, 0) for i, w in zip(inner, where, strict=True)]
    part = out[rows, columns]
    part[:] = cover[spare[0] : spare[0] + part.shape[0], spare[1] : spare[1] + part.shape[1]]
    return where, out


@lru_cache(maxsize=VARIANTS)
def patterns(variant: int) -> dict[str, tuple[Fold, ...]]:
    """All folds as they run in one variant of people."""
    out: dict[str, tuple[Fold, ...]] = {}
    for index, (name, draw) in enumerate(FOLDS.items()):
        strokes = draw(np.random.default_rng([0xF01D, variant, index]))
        sides = (0,) if strokes.central else (-1, 1)
        out[name] = tuple(_fold(strokes, side) for side in sides)
    return out


def depths(who: Person, units: Sequence[float]) -> dict[str, float]:
    """How deep (0..1) each fold is: grows with every unit's intensity, never beyond 1.

    ``units``: 0..5 in the order of ``facs.ACTION_UNITS``.
    """
    share = {n: float(v) / STRONGEST for n, v in zip(ACTION_UNITS, units, strict=True) if v > 0}
    liable = who.folding * (0.65 + 0.5 * who.age)
    smooth: dict[str, float] = {}
    for number, part in share.items():
        for name, weight in CREASES[number].items():
            flat = 1 - min(0.97, weight * liable * part**0.9 * 0.8)
            smooth[name] = smooth.get(name, 1.0) * flat
    one, other, name, weight = _TOGETHER
    both = min(share.get(one, 0.0), share.get(other, 0.0)) 
    if both > 0:
        smooth[str(name)] = 1 - min(0.97, float(weight) * liable * both)
    return {name: 1 - flat for name, flat in smooth.items()}


def fold(atlas: Atlas, who: Person, units: Sequence[float], lopsided: float = 0.0) -> Atlas:
    """A copy of a person's atlas with the folds of ``units``; the atlas itself when all are 0.

    ``units``: 0..5 in the order of ``facs.ACTION_UNITS``; ``lopsided`` (-1..1) deepens folds on the
    image's right (> 0) and flattens those on its left, as the units move them.
    """
    deep = depths(who, units)
    if not deep:
        return atlas
    out = atlas.copy()
    known = patterns(who.texture % VARIANTS)
    for name, depth in deep.items():
        for one in known[name]:
            strength = depth * (1 + 0.5 * lopsided * one.side)
            if strength > 0.004:
                _apply(out, one, strength)
    _narrow(out, who, units)
    return out


def _apply(out: Atlas, one: Fold, strength: float) -> None:
    window: Any = out[one.where]
    factors = cv2.addWeighted(one.change, strength, one.change, 0.0, 1.0)
    out[one.where] = cv2.multiply(window, factors, dtype=cv2.CV_8U)


@lru_cache(maxsize=1)
def _rim() -> tuple[Window, Singles]:
    """The outer part of the lips, which goes when they are narrowed."""
    where, lips = stencils()["lips"]
    rows = np.arange(SIDE)[where[0]]
    inner: Any = cv2.erode(lips, np.ones((9, 5), np.uint8))
    inner = cv2.GaussianBlur(inner, (0, 0), 1.5)
    return where, np.asarray(np.clip(lips - inner, 0, 1) * (rows[:, None] >= 0), np.float32)


def _narrow(out: Atlas, who: Person, units: Sequence[float]) -> None:
    """The lips' edges take the skin's colour."""
    left = 1.0
    for number, weight in _NARROWER.items():
        left *= 1 - weight * float(units[ACTION_UNITS.index(number)]) / STRONGEST
    if left == 1.0:
        return
    where, rim = _rim()
    window: Any = out[where]
    cover = rim * np.float32(0.9 * (1 - left))
    flat = np.empty_like(window)
    flat[:] = window
    flat[:, :, :3] = np.clip(np.rint(0.94 * who.skin), 0, 255).astype(np.uint8)
    out[where] = cv2.blendLinear(flat, window, cover, 1 - cover)
