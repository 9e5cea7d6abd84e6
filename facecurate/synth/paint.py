"""Skin, lips, brows, eyes' outlines and hair, painted on the head's grid.

The atlas is one RGBA picture: on top the head (azimuth across, height down, spaced as the grid is),
below three tiles for hair, skin and cloth. Alpha marks the surface of the eyes.
"""

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from facecurate.synth import skin
from facecurate.synth import template as head
from facecurate.synth.canvas import SIDE, Canvas, coverage, curve, ribbon
from facecurate.synth.person import Person, person
from facecurate.synth.template import Floats, smooth

TILE = 170
TILES = {"hair": 0, "skin": 171, "cloth": 342}  # left edge of each tile
ATLAS = (SIDE + TILE, SIDE)
SIDES = (-1, 1)
_SCLERA, _TEETH = np.array([222.0, 214, 208]), np.array([226.0, 218, 202])
_MOUTH, _TONGUE = np.array([52.0, 18, 18]), np.array([140.0, 62, 62])

Atlas = NDArray[np.uint8]


def hairline(who: Person, azimuth: Floats) -> Floats:
    """y above which hair grows, for each azimuth: temples, sideburns, behind the ears, nape."""
    turn = np.abs(azimuth)
    start = -0.93 - who.hairline
    knots = np.array([0.0, 0.5, 0.95, 1.2, 1.36, 1.5, 1.75, 2.0, np.pi])
    low = np.array([start, start, start + 0.1, -0.52, 0.0, 0.12, 0.2, 0.6, 0.85])
    fringe = 0.16 if who.style == "medium" else 0.06
    wave = fringe * who.parting * np.sin(1.7 * azimuth + 0.5) * smooth(turn, 1.25, 0.6)
    return np.asarray(np.interp(turn, knots, low) + wave)


def _both(half: list[list[float]]) -> list[Floats]:
    """A line on the image's right and its mirror image."""
    return [np.array(half) * [side, 1] for side in SIDES]


def _paint_lines(canvas: Canvas, who: Person) -> None:
    shade, old = who.skin * 0.5, max(0.0, who.age - 0.25)
    folds = _both([[0.25, 0.62], [0.34, 0.74], [0.41, 0.86], [0.45, 0.97]])
    canvas.fill([ribbon(curve(f), 0.035) for f in folds], shade, 0.18 + 0.4 * old, 2.0)
    bags = _both([[0.28, 0.09], [0.40, 0.14], [0.52, 0.14], [0.62, 0.1]])
    canvas.fill([ribbon(curve(b), 0.03) for b in bags], shade, 0.10 + 0.45 * old, 2.0)
    feet = [f for k in range(3) for f in _both([[0.71, -0.02 + 0.03 * k], [0.82, -0.06 + 0.06 * k]])]
    canvas.fill([ribbon(curve(f, 6), 0.016) for f in feet], shade, 0.4 * old, 1.0)
    brow = np.array([[-0.5, -0.5], [-0.2, -0.53], [0.2, -0.53], [0.5, -0.5]])
    across = [ribbon(curve(brow - [0, 0.1 * k]), 0.022) for k in range(3)]
    canvas.fill(across, shade, 0.5 * old, 1.5)


def _paint_spots(canvas: Canvas, who: Person) -> None:
    rng = np.random.default_rng([0x5907, who.texture])
    count = int(rng.integers(0, 40)) if rng.uniform() < 0.25 else int(rng.integers(0, 4))
    turn = np.linspace(0, 2 * np.pi, 9)[:-1]
    ring = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    middles = rng.uniform([-0.75, 0.1], [0.75, 1.25], (count, 2))
    spots = [m + ring * rng.uniform(0.008, 0.02) for m in middles]
    canvas.fill(spots, who.skin * 0.55, float(rng.uniform(0.3, 0.8)), 0.7)


def _paint_beard(canvas: Canvas, who: Person) -> None:
    if who.beard == 0:
        return
    strands = skin.strands(who.texture % 4)
    cover = skin.beard() * np.clip(np.float32(who.beard) * (1.9 - strands), 0, 0.9)
    canvas.blend((slice(250, SIDE), slice(0, SIDE)), cover[250:], who.brow * 0.6 + who.hair * 0.3)


def _paint_nose(canvas: Canvas, who: Person) -> None:
    turn = np.linspace(0, 2 * np.pi, 17)[:-1]
    x, y = 0.105 + 0.055 * np.cos(turn), 0.672 + 0.018 * np.sin(turn) - 0.0055 * np.cos(turn)
    holes = [np.stack([side * x, y], axis=1) for side in SIDES]
    canvas.fill(holes, who.skin * 0.16, 0.85, 1.2)
    wings = _both([[0.215, 0.55], [0.24, 0.6], [0.235, 0.65], [0.2, 0.68]])
    canvas.fill([ribbon(curve(w), 0.03) for w in wings], who.skin * 0.5, 0.5, 1.5)


def _paint_mouth(canvas: Canvas, who: Person) -> None:
    p = head.POINTS
    outline = np.concatenate([curve(p[48:55], 31), curve(p[[54, 55, 56, 57, 58, 59, 48]], 31)])
    canvas.fill([outline], who.lips, 0.85, 1.6)
    edge = ribbon(curve(p[[48, 60, 61, 62, 63, 64, 54]], 31), 0.022)
    canvas.fill([edge], who.lips * 0.45, 0.75, 1.4)
    canvas.fill([p[[60, 61, 62, 63, 64, 65, 66, 67]]], _MOUTH, 1.0, 0.0)
    bite = np.array([[-0.24, 0.9455], [0.24, 0.9455], [0.2, 0.9515], [-0.2, 0.9515]])
    canvas.fill([bite], _TEETH, 0.9, 0.7)
    tongue = np.array([[-0.16, 0.9605], [0.16, 0.9605], [0.2, 0.9648], [-0.2, 0.9648]])
    canvas.fill([tongue], _TONGUE, 0.8, 1.5)


def _paint_eyes(canvas: Canvas, alpha: NDArray[np.uint8], who: Person) -> None:
    centre, half = head.EYE
    upper, lower, openings = [], [], []
    for side in SIDES:
        x = side * centre + half * np.linspace(-1, 1, 25)
        above, below = (np.stack([x, y], axis=1) for y in head.lids(x))
        upper.append(above)
        lower.append(below)
        openings.append(np.concatenate([above, below[::-1]]))
    where, cover = coverage(openings, 0.0)
    alpha[where] = np.rint(cover * 255).astype(np.uint8)
    canvas.fill(openings, _SCLERA, 1.0, 0.0)
    folds = [ribbon(line + [0, -0.045], 0.02) for line in upper]
    canvas.fill(folds, who.skin * 0.45, 0.6, 1.2)
    canvas.fill([ribbon(line + [0, 0.006], 0.016) for line in lower], who.skin * 0.5, 0.5, 0.8)
    lashes = [ribbon(line + [0, -0.004], 0.026) for line in upper]
    canvas.fill(lashes, who.skin * 0.16 + 4, 0.95, 0.5)


def _paint_brows(canvas: Canvas, who: Person) -> None:
    rng = np.random.default_rng([0xB0, who.texture])
    lines = [curve(head.POINTS[first : first + 5], 26) + [0, 0.012] for first in (17, 22)]
    canvas.fill([ribbon(b, who.brow_width * 1.5) for b in lines], who.brow, 0.62, 2.2)
    hairs = []
    for line, side in zip(lines, SIDES, strict=True):
        feet = line[rng.integers(2, 24, 26)] + rng.normal(0, who.brow_width * 0.22, (26, 2))
        leans = rng.uniform([0.03, -0.035], [0.08, 0.0], (26, 2)) * [side, 1]
        hairs += [_hair(foot, lean) for foot, lean in zip(feet, leans, strict=True)]
    canvas.fill(hairs, who.brow * 0.8, 0.55, 0.5)


def _hair(foot: Floats, lean: Floats) -> Floats:
    """A sliver of a triangle from a broad foot to its tip."""
    return np.stack([foot - lean / 2 - [0, 0.006], foot - lean / 2 + [0, 0.006], foot + lean / 2])


def _paint_hair(canvas: Canvas, who: Person) -> None:
    azimuth, y = skin.axes()
    rng = np.random.default_rng([0x4A, who.texture])
    ragged = np.repeat(rng.normal(0, 0.02, SIDE // 4), 4) + rng.normal(0, 0.015, SIDE)
    line = (hairline(who, azimuth) + ragged).astype(np.float32)
    last = int(np.searchsorted(y, 1.0))
    height = y[:last, None].astype(np.float32)
    cover = np.clip((line[None] - height + np.float32(0.02)) / np.float32(0.09), 0, 1)
    if who.style == "bald":
        cover *= np.float32(0.3 * (who.texture % 2))
    strands = skin.strands(who.texture % 4)[:last]
    hair = _dyed(strands, who.hair)
    canvas.pixels[:last] = cv2.blendLinear(hair, canvas.pixels[:last], cover, 1 - cover)


def _tiles(who: Person) -> NDArray[np.uint8]:
    """(TILE, SIDE, 3): hair, skin and cloth side by side."""
    row = np.empty((TILE, SIDE, 3), np.uint8)
    row[:, : TILE + 1] = _tile(skin.strands(who.texture % 4), who.hair)
    row[:, TILES["skin"] : TILES["cloth"]] = _tile(skin.blotches(1), who.skin)
    row[:, TILES["cloth"] :] = _tile(skin.blotches(2), np.full(3, 200.0))[:, :TILE]
    return row


def _tile(factors: NDArray[np.float32], colour: Floats) -> NDArray[np.uint8]:
    return _dyed(factors[:TILE, : TILE + 1], colour)


def _dyed(factors: NDArray[np.float32], colour: Floats) -> NDArray[np.uint8]:
    """(h, w) factors on one colour -> (h, w, 3)."""
    planes = [cv2.convertScaleAbs(factors, alpha=float(c)) for c in colour]
    return np.asarray(cv2.merge(planes), np.uint8)


@lru_cache(maxsize=8)
def atlas(identity: int) -> Atlas:
    """(ATLAS[0], ATLAS[1], 4) uint8, read-only: the picture on the head of ``identity``."""
    who = person(identity)
    tone = (float(who.skin[0]), float(who.skin[1]), float(who.skin[2]), 0.0)
    canvas = Canvas(cv2.multiply(skin.skin(who.texture % 4), tone, dtype=cv2.CV_8U))
    alpha = np.zeros((SIDE, SIDE), np.uint8)
    for paint in (_paint_lines, _paint_spots, _paint_beard, _paint_nose, _paint_mouth):
        paint(canvas, who)
    _paint_eyes(canvas, alpha, who)
    _paint_brows(canvas, who)
    _paint_hair(canvas, who)
    out = np.zeros((*ATLAS, 4), np.uint8)
    out[:SIDE, :, :3], out[:SIDE, :, 3] = canvas.pixels, alpha
    out[SIDE:, :, :3] = _tiles(who)
    out.setflags(write=False)
    return out
