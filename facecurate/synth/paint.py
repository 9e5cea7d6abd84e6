"""Skin, lips, brows, eyes' outlines and hair, painted on the head's grid.

The atlas is one RGBA picture: on top the head (azimuth across, height down, spaced as the grid is),
below three tiles for hair, skin and cloth. Alpha marks the surface of the eyes.
"""

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facecurate.synth import skin
from facecurate.synth import template as head
from facecurate.synth.canvas import SIDE, Canvas, curve, ribbon
from facecurate.synth.person import Person, person
from facecurate.synth.stencils import SIDES, stencils
from facecurate.synth.template import Floats, smooth

TILE = 170
TILES = {"hair": 0, "skin": 171, "cloth": 342}  # left edge of each tile
ATLAS = (SIDE + TILE, SIDE)

Atlas = NDArray[np.uint8]


def hairline(who: Person, azimuth: Floats) -> Floats:
    """Height (y) above which hair grows, for each azimuth: temples, sideburns, nape."""
    turn = np.abs(azimuth)
    start = -0.93 - who.hairline
    knots = np.array([0.0, 0.5, 0.95, 1.2, 1.36, 1.5, 1.75, 2.0, np.pi])
    low = np.array([start, start, start + 0.1, -0.52, 0.0, 0.12, 0.2, 0.6, 0.85])
    fringe = 0.16 if who.style == "medium" else 0.06
    wave = fringe * who.parting * np.sin(1.7 * azimuth + 0.5) * smooth(turn, 1.25, 0.6)
    return np.asarray(np.interp(turn, knots, low) + wave)


def _features(who: Person) -> list[tuple[str, Floats, float]]:
    """What is painted at fixed places, in this order: stencil, colour, opacity."""
    shade, old = who.skin * 0.5, max(0.0, who.age - 0.25)
    return [
        ("cheek fold", shade, 0.18 + 0.4 * old),
        ("bag", shade, 0.10 + 0.45 * old),
        ("crow's feet", shade, 0.4 * old),
        ("forehead", shade, 0.5 * old),
        ("nostril", who.skin * 0.12, 0.9),
        ("nose wing", shade, 0.5),
        ("lips", who.lips, 0.85),
        ("lips' edge", who.lips * 0.45, 0.75),
        ("mouth", np.array([52.0, 18, 18]), 1.0),
        ("teeth", np.array([226.0, 218, 202]), 0.9),
        ("tongue", np.array([140.0, 62, 62]), 0.8),
        ("eye", np.array([170.0, 164, 160]) + 0.2 * who.skin, 1.0),
        ("lid fold", who.skin * 0.45, 0.6),
        ("lower lid", shade, 0.5),
        ("lashes", who.skin * 0.16 + 4, 0.95),
    ]


def _paint_features(canvas: Canvas, who: Person) -> None:
    known = stencils()
    for name, colour, opacity in _features(who):
        if opacity > 0.01:
            where, cover = known[name]
            canvas.blend(where, cover * np.float32(opacity), colour)


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


def _paint_brows(canvas: Canvas, who: Person) -> None:
    rng = np.random.default_rng([0xB0, who.texture])
    drop = np.array([0, 0.012])  # the points lie on the upper half of the brow
    lines = [curve(head.POINTS[first : first + 5], 26) + drop for first in (17, 22)]
    canvas.fill([ribbon(b, who.brow_width * 1.5) for b in lines], who.brow, 0.62, 2.2)
    hairs: list[Floats] = []
    for line, side in zip(lines, SIDES, strict=True):
        feet = line[rng.integers(2, 24, 26)] + rng.normal(0, who.brow_width * 0.22, (26, 2))
        half = rng.uniform([0.015, -0.018], [0.04, 0.0], (26, 2)) * [side, 1]
        root = np.array([0, 0.006])  # a hair is a sliver of a triangle
        hairs += list(np.stack([feet - half - root, feet - half + root, feet + half], axis=1))
    canvas.fill(hairs, who.brow * 0.8, 0.55, 0.5)


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
    tone: Any = (*map(float, who.skin), 0.0)
    base: Any = cv2.multiply(skin.skin(who.texture % 4), tone, dtype=cv2.CV_8U)
    canvas = Canvas(base)
    alpha = np.zeros((SIDE, SIDE), np.uint8)
    for paint in (_paint_spots, _paint_beard, _paint_features, _paint_brows, _paint_hair):
        paint(canvas, who)
    where, cover = stencils()["eye"]
    alpha[where] = np.rint(cover * 255).astype(np.uint8)
    out = np.zeros((*ATLAS, 4), np.uint8)
    out[:SIDE, :, :3], out[:SIDE, :, 3] = canvas.pixels, alpha
    out[SIDE:, :, :3] = _tiles(who)
    out.setflags(write=False)
    return out
