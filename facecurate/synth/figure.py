"""The parts of a figure beside the bare face: hair, ears, neck, shoulders, glasses."""

from dataclasses import dataclass

import numpy as np

from facecurate.synth import glasses, paint
from facecurate.synth import template as head
from facecurate.synth.canvas import SIDE
from facecurate.synth.person import Person
from facecurate.synth.template import Floats, smooth

HEAD, SKIN, HAIR, CLOTH, FRAME, LENS = range(6)  # materials


@dataclass(frozen=True, slots=True)
class Patch:
    """A grid of vertices (R, C, 3) with texels (R, C, 2); ``stiff`` 1 turns with the head."""

    points: Floats
    uv: Floats
    material: int
    stiff: Floats | float = 1.0


def _head_patch(points: Floats) -> Patch:
    rows, columns = len(head.ROWS), len(head.COLUMNS)
    v, u = np.meshgrid(np.linspace(0, 1, rows), np.linspace(0, 1, columns), indexing="ij")
    uv = np.stack([u, v], axis=2) * (SIDE - 1)
    return Patch(points.reshape(rows, columns, 3), uv, HEAD)


def _tile(name: str, rows: int, columns: int) -> Floats:
    """Texels of one of the atlas's tiles for a grid."""
    v, u = np.meshgrid(np.linspace(0, 1, rows), np.linspace(0, 1, columns), indexing="ij")
    inner = paint.TILE - 4
    return np.stack([paint.TILES[name] + 2 + u * inner, SIDE + 2 + v * inner], axis=2)


def _ear(side: int, cheek: float) -> Patch:
    """A flat shell beside the head, its rim thicker than its middle; ``cheek``: |x| there."""
    lat, lon = np.meshgrid(np.linspace(-np.pi / 2, np.pi / 2, 9), np.linspace(-np.pi, np.pi, 13))
    x = np.cos(lat) * np.cos(lon)
    y, z = np.sin(lat), np.cos(lat) * np.sin(lon)
    rim = 0.06 * np.sqrt(np.clip(y * y + z * z, 0, 1))
    x = 0.05 * x + np.where(x > 0, rim, 0.0) + 0.35 * (0.2 - z) * 0.18
    points = np.stack([side * (cheek - 0.02 + x), 0.2 + 0.33 * y, -0.22 + 0.19 * z - 0.06 * y], 2)
    return Patch(points[:, ::side], _tile("skin", *lat.shape), SKIN)


def _neck(width: float) -> Patch:
    """From inside the head down into the shirt."""
    y = np.linspace(0.55, 2.6, 9)
    azimuth = np.linspace(-np.pi, np.pi, 21)
    spread = np.interp(y, [0.5, 1.4, 2.0, 2.6], [0.60, 0.58, 0.61, 0.61]) * width
    x = spread[:, None] * np.sin(azimuth)
    z = -0.38 + spread[:, None] * np.cos(azimuth)
    points = np.stack([x, np.broadcast_to(y[:, None], x.shape), z], axis=2)
    stiff = np.broadcast_to(smooth(y, 2.0, 0.7)[:, None, None], (*x.shape, 1))
    return Patch(points, _tile("skin", *x.shape), SKIN, stiff)


def _shoulders(build: float) -> Patch:
    y = np.array([1.95, 2.02, 2.1, 2.2, 2.4, 2.7, 3.1, 3.8, 16.0])
    azimuth = np.linspace(-np.pi, np.pi, 29)
    half = np.array([0.66, 0.74, 0.95, 1.35, 1.85, 2.25, 2.45, 2.5, 2.45]) * build
    deep = np.array([0.62, 0.68, 0.74, 0.80, 0.88, 0.98, 1.05, 1.1, 1.1])
    x = half[:, None] * np.sin(azimuth)
    z = -0.42 + deep[:, None] * np.cos(azimuth)
    drop = 0.12 * np.cos(azimuth) * np.exp(-((y[:, None] - 1.95) ** 2) / 0.1)  # the collar
    points = np.stack([x, y[:, None] + drop, z], axis=2)
    return Patch(points, _tile("cloth", *x.shape), CLOTH, 0.0)


def _hair(points: Floats) -> Patch:
    stiff = smooth(points[:, :, 1:2], 2.4, 0.6)
    return Patch(points, _tile("hair", *points.shape[:2]), HAIR, stiff)


def _worn(piece: glasses.Piece) -> Patch:
    rows, columns = piece.points.shape[:2]
    return Patch(piece.points, _tile("cloth", rows, columns), LENS if piece.lens else FRAME)


def patches(who: Person, bare: Floats, *, wears_glasses: bool = True) -> list[Patch]:
    """Everything of a person whose bare head (V, 3) is given, the head first."""
    width = 1.0 + 0.04 * float(who.shape[1])
    cheek = float(np.abs(bare[head.template().frontal[:, 1] == 0.22, 0]).max())
    parts = [
        _head_patch(paint.grown(bare, who)), _neck(width), _shoulders(0.95 + 0.1 * width),
    ]  # fmt: skip
    if who.length == 0:
        parts += [_ear(-1, cheek), _ear(1, cheek)]
    parts += [_hair(grid) for grid in paint.hanging(who)]
    if wears_glasses:
        parts += [_worn(piece) for piece in glasses.pieces(who, bare)]
    return parts
