"""Skin that folds when a face moves: lines, furrows and bulges by action unit.

Each fold is a pattern on the head's map: dark along a crease, lit on the skin that bulges beside.
Several units deepen one fold and a unit deepens several folds, so that no unit is one patch of
colour. Which unit creases what follows the appearance changes of the FACS manual (Ekman, Friesen
and Hager, 2002) in outline.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from facecurate.synth.canvas import Canvas, Singles, Window, coverage, curve, normals, ribbon
from facecurate.synth.facs import ACTION_UNITS, STRONGEST
from facecurate.synth.paint import Atlas
from facecurate.synth.person import Person
from facecurate.synth.stencils import FOLDS, Strokes, stencils
from facecurate.synth.template import Floats

VARIANTS = 3  # ways in which people's lines run
_CREASE: Floats = np.array([0.56, 0.68, 0.72])  # darkening of red, green, blue in a crease
_RIDGE: Floats = np.array([0.26, 0.23, 0.21])

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
_OPENING = {25: 3.0, 26: 3.0, 10: 1.5, 9: 0.7}  # how soon teeth come in sight
_INSIDE = {"teeth": np.array([226.0, 218, 202]), "tongue": np.array([140.0, 62, 62])}
_NARROWER = {23: 0.6, 24: 0.8, 20: 0.15}  # how far the lips' edges fade into the skin


@dataclass(frozen=True, slots=True)
class Fold:
    """One side of a fold: a window of the head's map and its (h, w, 3) change at full strength.

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
    change = ridge[:, :, None] * _RIDGE - crease[:, :, None] * _CREASE
    return Fold(where, change.astype(np.float32), side)


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
    liable = who.folding * (0.6 + 0.45 * who.age)
    flat: dict[str, float] = {}
    for number, part in share.items():
        for name, weight in CREASES[number].items():
            flat[name] = flat.get(name, 1.0) * (1 - min(0.97, weight * liable * part))
    grief = min(share.get(1, 0.0), share.get(4, 0.0))  # inner brows raised and drawn together
    if grief > 0:
        flat["grief"] = 1 - min(0.97, 0.85 * liable * grief)
    return {name: 1 - left for name, left in flat.items()}


def fold(atlas: Atlas, who: Person, units: Sequence[float], lopsided: float = 0.0) -> Atlas:
    """A copy of a person's atlas with the folds of ``units``; the atlas itself when all are 0.

    Teeth and tongue are painted as the lips part: between closed lips they would shine through.

    ``units``: 0..5 in the order of ``facs.ACTION_UNITS``; ``lopsided`` (-1..1) deepens folds on the
    image's right (> 0) and flattens those on its left, as the units move them.
    """
    deep = depths(who, units)
    if not deep:
        return atlas
    out = atlas.copy()
    canvas = Canvas(out)
    known = patterns(who.texture % VARIANTS)
    for name, depth in deep.items():
        for one in known[name]:
            strength = depth * (1 + 0.5 * lopsided * one.side)
            if strength > 0.004:
                canvas.scale(one.where, one.change, strength)
    share = dict(zip(ACTION_UNITS, np.asarray(units) / STRONGEST, strict=True))
    opening = min(1.0, sum(speed * float(share[n]) for n, speed in _OPENING.items()))
    for name, colour in _INSIDE.items():
        canvas.blend(*stencils()[name], colour, 0.9 * opening)
    _narrow(canvas, who, 1 - float(np.prod([1 - w * share[n] for n, w in _NARROWER.items()])))
    return out


@lru_cache(maxsize=1)
def _edge() -> tuple[Window, Singles]:
    """The outer part of the lips, which goes when they are narrowed."""
    where, lips = stencils()["lips"]
    inner: Any = cv2.erode(lips, np.ones((9, 5), np.uint8))
    inner = cv2.GaussianBlur(inner, (0, 0), 1.5)
    return where, np.asarray(np.clip(lips - inner, 0, 1), np.float32)


def _narrow(canvas: Canvas, who: Person, part: float) -> None:
    """The lips' edges take the skin's colour."""
    where, edge = _edge()
    canvas.blend(where, edge, 0.94 * who.skin, 0.9 * part)
