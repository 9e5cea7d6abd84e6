"""Skin, lips, brows, eyes' outlines and hair: painted on the head's grid, and the hair's shape.

The atlas is one RGBA picture: on top the head (azimuth across, height down, spaced as the grid is),
below three tiles for hair, skin and cloth. Alpha marks the surface of the eyes.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from facecurate.synth import skin
from facecurate.synth import template as head
from facecurate.synth.canvas import SIDE, Canvas, Singles, dye
from facecurate.synth.person import Person, person
from facecurate.synth.stencils import stencils
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
    if who.style == "receding":
        low[:4] = [start - 0.12, start - 0.34, start - 0.2, -0.62]
    elif who.style in ("medium", "long", "short", "curly"):
        low[:3] += np.array([0.36, 0.36, 0.3]) * who.fringe * (0.5 if who.style == "short" else 1)
    sweep = {"parted": 0.16, "medium": 0.12, "long": 0.1, "tied": 0.0}.get(who.style, 0.04)
    wave = sweep * who.parting * np.sin(1.7 * azimuth + 0.5) * smooth(turn, 1.25, 0.6)
    return np.asarray(np.interp(turn, knots, low) + wave)


# How far hair stands off the skull, of the person's own depth.
_VOLUME = {"bald": 0.0, "receding": 0.4, "short": 0.7, "tied": 0.35, "curly": 1.5}


@lru_cache(maxsize=64)
def _hair_depth(who: Person) -> Floats:
    """(N, 1) how far the hair stands off each vertex of the head."""
    azimuth, y = head.template().flat.T
    volume = _VOLUME.get(who.style, 1.0)
    depth = who.hair_depth * volume + (0.1 if who.style == "curly" else 0.0)
    rise = smooth(hairline(who, azimuth) - y, 0.02, 0.3) * (0.55 + 0.45 * smooth(y, 0.3, -0.9))
    side = 0.7 if who.style == "parted" else 0.35
    rise *= 1 + side * who.parting * np.sin(azimuth) * smooth(y, -0.6, -1.2)
    if who.style == "curly":
        rng = np.random.default_rng([0xC1, who.texture])
        rise *= 1 + 0.12 * rng.standard_normal(len(y)) * smooth(np.abs(y), 1.6, 1.4)
    return np.asarray((depth * rise * (who.style != "bald"))[:, None])


def grown(bare: Floats, who: Person) -> Floats:
    """(N, 3) the bare head ``bare`` with the hair's thickness on it."""
    out = bare * [1.0, 0.9, 1.0]
    out /= np.linalg.norm(out, axis=1, keepdims=True) + 1e-9
    return np.asarray(bare + out * _hair_depth(who))


@lru_cache(maxsize=64)
def hanging(who: Person) -> tuple[Floats, ...]:
    """Grids (R, C, 3) of hair beside and behind the face, in the head's frame; hair as material.

    A curtain for whoever has ``length``, a knot or a tail for hair that is tied back, else none.
    """
    if who.length > 0:
        return (_curtain(who),)
    return (_knot(who),) if who.style == "tied" else ()


def _curtain(who: Person) -> Floats:
    y = np.linspace(-1.15, who.length, 16)[:, None]
    share = np.linspace(-1, 1, 29)
    edge = 1.62 + 0.25 * np.clip(who.fringe, 0, 1) * smooth(y, 0.2, 1.2)  # half the way round
    azimuth = np.pi + share * edge
    cap = smooth(y, -1.35, -0.4)
    curly = who.style == "curly"
    spread = 0.1 + 0.22 * curly + 0.12 * ((who.texture >> 3) % 3 - 1)
    depth = who.hair_depth * (1.6 if curly else 1.0)
    half = 0.75 + 0.38 * cap + spread * smooth(y, 0.0, 1.4) + 0.6 * depth
    deep = 1.05 + 0.5 * cap + 0.4 * depth
    wave = 0.035 * np.sin(5 * y + who.texture % 7) + 0.02 * np.sin(9 * azimuth)
    if curly:
        wave = 0.06 * np.random.default_rng([0xC2, who.texture]).standard_normal(azimuth.shape)
    x, z = (half + wave) * np.sin(azimuth), -0.08 + (deep + wave) * np.cos(azimuth)
    return np.stack([x, np.broadcast_to(y, x.shape), z], axis=2)


def _knot(who: Person) -> Floats:
    """A ball on the crown, one in the nape, or a tail over a shoulder."""
    middle, radii = (
        ((0.0, -1.55, -0.55), (0.42, 0.4, 0.4)),
        ((0.0, 0.35, -1.45), (0.4, 0.4, 0.35)),
        ((0.75 * np.sign(who.parting), 1.05, -0.75), (0.24, 0.95, 0.22)),
    )[who.texture % 3]
    lat = np.linspace(-np.pi / 2, np.pi / 2, 9)[:, None]
    lon = np.linspace(-np.pi, np.pi, 17)
    ball = [np.cos(lat) * np.sin(lon), np.sin(lat) + 0 * lon, np.cos(lat) * np.cos(lon)]
    return np.stack([m + r * b for m, r, b in zip(middle, radii, ball, strict=True)], axis=2)


def _features(who: Person) -> list[tuple[str, Floats, float]]:
    """What is painted at fixed places, in this order: stencil, colour, opacity.

    The darker the skin the darker what stands out from it, as between a light skin and its lids.
    """
    shade, deep = who.skin * 0.5, _darkness(who)
    beside, under, feet, forehead = (float(v) for v in who.lines)
    made_up = max(0.0, who.lashes - 0.4)
    lips, edge = who.lips * (1 - 0.25 * deep), who.skin * (0.45 - 0.2 * deep)
    white = 36.0 + 0.72 * float(who.skin.mean()) + np.array([6.0, 0.0, -2.0])
    return [
        ("cheek fold", shade, 0.1 + 0.45 * beside),
        ("bag", shade, 0.05 + 0.4 * under),
        ("crow's feet", shade, 0.45 * max(0.0, feet - 0.3)),
        ("forehead", shade, 0.5 * max(0.0, forehead - 0.3)),
        ("nostril", who.skin * 0.1, 0.9),
        ("nose wing", shade * (1 - 0.4 * deep), 0.5 + 0.2 * deep),
        ("lips", lips, 0.85),
        ("upper lip", lips * 0.6, 0.3),
        ("lower lip's light", np.minimum(lips * 1.2 + 14, 255), 0.45),
        ("lips' edge", lips * (0.45 - 0.15 * deep), 0.75 + 0.2 * deep),
        ("mouth", np.array([52.0, 18, 18]), 1.0),
        ("eye shadow", edge * [1.0, 0.87, 0.92], 0.15 + 0.35 * deep + 0.5 * made_up),
        ("eye", white, 1.0),
        ("lid fold", edge, 0.6 + 0.2 * deep),
        ("lower lid", edge * 0.7, 0.5 + 0.35 * max(made_up, deep)),
        ("lashes", who.skin * 0.1 + 3, 0.85 + 0.15 * who.lashes),
    ]


def _darkness(who: Person) -> float:
    """How dark a skin is: 0 the lightest .. 1 the darkest."""
    return float(np.clip((215.0 - who.skin.mean()) / 150.0, 0, 1))


def _paint_features(canvas: Canvas, who: Person) -> None:
    known = stencils()
    where, cover = skin.hollows()
    canvas.blend(where, cover, who.skin * 0.15, 0.3 + 0.9 * _darkness(who))
    for name, colour, opacity in _features(who):
        if opacity > 0.01:
            where, cover = known[name]
            canvas.blend(where, cover, colour, opacity)


def _paint_spots(canvas: Canvas, who: Person) -> None:
    """Freckles, and moles at places of the identity's own."""
    if who.freckles > 0:
        where, cover = skin.freckles(who.texture % skin.VARIANTS)
        canvas.blend(where, cover, who.skin * [0.72, 0.6, 0.52], 0.75 * who.freckles)
    rng = np.random.default_rng([0x5907, who.texture])
    count = int(rng.choice(6, p=[0.3, 0.25, 0.2, 0.12, 0.08, 0.05]))
    turn = np.linspace(0, 2 * np.pi, 9)[:-1]
    ring = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    for _ in range(count):
        middle = rng.uniform([-0.75, -0.55], [0.75, 1.25])
        dark = float(rng.uniform(0.5, 0.9))
        canvas.fill([middle + ring * rng.uniform(0.01, 0.024)], who.skin * 0.42, dark, 0.6)


def _paint_beard(canvas: Canvas, who: Person) -> None:
    if who.beard == 0:
        return
    grown = skin.beards()[who.beard_style]
    hairs = skin.strands(who.texture % skin.VARIANTS)[skin.BEARDED]
    if who.beard_style == "stubble":
        cover = grown * (np.float32(0.22 + 0.3 * who.beard) * (1.6 - 0.6 * hairs))
    else:
        cover = grown * np.clip(np.float32(who.beard) * (1.9 - hairs), 0, 0.92)
    canvas.blend(skin.BEARDED, cover, who.brow * 0.6 + who.hair * 0.3)


def _paint_brows(canvas: Canvas, who: Person) -> None:
    for first in (17, 22):
        where, along, below = skin.brow(first)
        hairs = skin.brow_hairs(first, who.texture % skin.VARIANTS)
        half = np.interp(along, [-0.02, 0.12, 0.6, 1.0], [0.55, 1.0, 1 - 0.3 * who.brow_taper, 0.2])
        half = (half * (0.72 * who.brow_width)).astype(np.float32)
        within = np.clip((half - np.abs(below)) * np.float32(60.0) + np.float32(0.5), 0, 1)
        ends = np.clip((along + 0.05) * 9, 0, 1) * np.clip((1.06 - along) * 9, 0, 1)
        cover = within * ends * (0.35 + 0.65 * hairs) * np.float32(who.brow_density)
        canvas.blend(where, np.asarray(cover, np.float32), who.brow)


def _hairs(who: Person) -> Singles:
    variant = who.texture % skin.VARIANTS
    return skin.curls(variant) if who.style == "curly" else skin.strands(variant)


def _paint_hair(canvas: Canvas, who: Person) -> None:
    azimuth, y = skin.axes()
    rng = np.random.default_rng([0x4A, who.texture])
    ragged = np.repeat(rng.normal(0, 0.02, SIDE // 4), 4) + rng.normal(0, 0.015, SIDE)
    line = (hairline(who, azimuth) + ragged).astype(np.float32)
    last = int(np.searchsorted(y, float(line.max()) + 0.03))
    height = y[:last, None].astype(np.float32)
    cover = np.clip((line[None] - height + np.float32(0.02)) / np.float32(0.09), 0, 1)
    if who.style == "bald":
        cover *= np.float32(0.3 * (who.texture % 2))
    canvas.grow((slice(0, last), slice(0, SIDE)), cover, _hairs(who), who.hair)


def _paint_tiles(out: Atlas, who: Person) -> None:
    """Hair, skin and cloth side by side, below the head's map."""
    parts = (
        (TILES["hair"], _hairs(who), who.hair),
        (TILES["skin"], skin.blotches(1), who.skin),
        (TILES["cloth"], skin.blotches(2), np.full(3, 200.0)),
    )
    for left, factors, colour in parts:
        width = min(TILE + 1, SIDE - left)
        dye(out[SIDE:, left : left + width], factors[:TILE, :width], colour)


@lru_cache(maxsize=8)
def atlas(identity: int) -> Atlas:
    """(ATLAS[0], ATLAS[1], 4) uint8, read-only: the picture on the head of ``identity``."""
    who = person(identity)
    out = np.zeros((*ATLAS, 4), np.uint8)
    canvas = Canvas(out[:SIDE])
    canvas.skin(skin.skin(who.texture % skin.VARIANTS), who.skin)
    for paint in (_paint_spots, _paint_beard, _paint_features, _paint_brows, _paint_hair):
        paint(canvas, who)
    where, cover = stencils()["eye"]
    out[:SIDE][where][:, :, 3] = np.rint(cover * 255).astype(np.uint8)
    _paint_tiles(out, who)
    out.setflags(write=False)
    return out
