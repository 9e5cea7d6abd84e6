"""Glasses as a few grids of vertices in the head's frame, fitted to eyes, nose and cheeks."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from facecurate.synth import template as head
from facecurate.synth.person import Eyewear, Person
from facecurate.synth.template import Floats

ROUND = 28  # corners of a rim
_TUBE = 5  # corners of a rim's cross-section, the last one on the first
_CLEAR = 0.04  # units between a lens and the skin behind it
_TILT, _WRAP = 0.10, 0.10  # radians: lenses lean in at the bottom, and back at the sides
_EAR = (0.02, -0.26)  # y and z at which a temple rests on an ear


@dataclass(frozen=True, slots=True)
class Piece:
    """A grid of vertices (R, C, 3), columns to the right seen from outside, head's frame.

    ``colour``: sRGB 0..255. ``lens``: part of a dark lens, which hides what is behind it; a frame's
    parts are too thin to count.
    """

    points: Floats
    colour: Floats
    lens: bool = False


def _outline(shape: str) -> Floats:
    """(ROUND, 2) a rim on the image's right, x outwards, y down, within -1..1, from the right."""
    turn = np.linspace(0, 2 * np.pi, ROUND, endpoint=False)
    x, y = np.cos(turn), np.sin(turn)
    power = {"square": 0.5, "rectangle": 0.42, "cat": 0.75, "aviator": 0.8}.get(shape, 1.0)
    x, y = np.sign(x) * np.abs(x) ** power, np.sign(y) * np.abs(y) ** power
    if shape == "aviator":  # a drop that hangs outwards
        x, y = x * (1 - 0.12 * y) + 0.06 * y, y * 1.05 + 0.1 * x * y
    if shape == "cat":  # the upper outer corner is drawn up
        y = y - 0.3 * np.clip(x, 0, 1) ** 2 * (y < 0.3)
    if shape in ("square", "rectangle"):
        x = x * (1 - 0.06 * y)
    return np.stack([x, y], axis=1)


@lru_cache(maxsize=1)
def _anchors() -> Floats:
    """Grid positions of the pupils of both eyes and of the bridge of the nose."""
    x = head.EYE[0]
    return head.to_uv(np.array([[-x, 0.0], [x, 0.0], [0.0, 0.06]]))


def _lens_plane(worn: Eyewear, bare: Floats) -> tuple[Floats, float, float, float]:
    """(2,) x of the lenses' middles, their y, the half distance of the rims, and z of the plane.

    The plane stands before what it covers, brows and cheeks included.
    """
    eyes = head.on_grid(bare, _anchors()[:2])
    apart = max(float(eyes[1, 0] - eyes[0, 0]) / 2, worn.width + 0.07)
    middle = float(eyes[:, 0].mean())
    y = float(eyes[:, 1].mean()) + 0.05 + 0.1 * (worn.height - 0.25)
    beside = np.abs(bare[:, 0] - middle)
    covered = (
        (np.abs(beside - apart) < worn.width) & (np.abs(bare[:, 1] - y) < worn.height)
        & (bare[:, 2] > 0) & (beside > 0.16)
    )  # fmt: skip
    near = bare[covered]
    back = _bend(np.abs(near[:, 0] - middle), near[:, 1] - y)
    depth = float(np.quantile(near[:, 2] - back, 0.96)) if covered.any() else 1.2
    return middle + apart * np.array([-1.0, 1.0]), y, middle, depth + _CLEAR


def _bend(beside: Floats, below: Floats) -> Floats:
    """How far the lenses' surface lies in front of (z) its middle between the eyes."""
    return np.asarray(-_WRAP * beside**2 - np.tan(_TILT) * below)


def _rim(worn: Eyewear, middle: float, x: float, y: float, z: float) -> Floats:
    """(ROUND, 3) the middle line of one rim."""
    side = 1.0 if x > middle else -1.0
    flat = _outline(worn.shape) * [side * worn.width, worn.height] + [x, y]
    depth = z + _bend(np.abs(flat[:, 0] - middle), flat[:, 1] - y)
    return np.column_stack([flat, depth])


def _tube(path: Floats, thickness: float, flatness: float = 1.0) -> Floats:
    """(R, 5, 3) a bar with a square section about a line (R, 3) that runs across the view."""
    along = np.gradient(path[:, :2], axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
    out = np.column_stack([-along[:, 1], along[:, 0], np.zeros(len(path))])
    front = np.array([0.0, 0.0, flatness])
    corners = [(1, 1), (-1, 1), (-1, -1), (1, -1), (1, 1)]
    rows = [path + thickness / 2 * (a * out + b * front) for a, b in corners]
    return np.stack(rows, axis=1)


def _closed(path: Floats) -> Floats:
    return np.concatenate([path, path[:1]])


def _temple(start: Floats, end: Floats, worn: Eyewear) -> Floats:
    """(6, 5, 3) the bar from a hinge to an ear, and a little down behind it."""
    side = np.sign(end[0])
    steps = np.array(
        [
            [0.0, 0.0, 0.0],
            [side * 0.03, 0.0, -0.05],
            [side * 0.02, 0.0, 0.0],
            [0.0, 0.0, 0.0],
            [0.0, 0.06, -0.1],
            [0.0, 0.22, -0.16],
        ]
    )
    share = np.array([0.0, 0.0, 0.5, 1.0, 1.0, 1.0])[:, None]
    path = start + share * (end - start) + steps
    half = max(worn.thickness, 0.024) / 2 * np.array([0.5, 1.0, 0.0])
    corners = np.array([[1, -1, 0], [1, 1, 0], [-1, 1, 0], [-1, -1, 0], [1, -1, 0]])
    return np.asarray(path[:, None] + half * corners)


def _sheet(rim: Floats) -> Floats:
    """(5, ROUND / 2 + 1, 3) a lens between the two halves of its rim."""
    half = ROUND // 2
    near, far = rim[: half + 1], _closed(rim)[half:][::-1]
    share = np.linspace(0, 1, 5)[:, None, None]
    return np.asarray(near + share * (far - near))


def pieces(who: Person, bare: Floats) -> list[Piece]:
    """The parts of a person's glasses on a head ``bare`` (N, 3), head's frame; none without any.

    Clear glasses are rims, bridge and temples alone (their glare: :func:`glare`); dark ones have
    lenses too.
    """
    worn = who.glasses
    if worn is None:
        return []
    xs, y, middle, z = _lens_plane(worn, bare)
    rims = [_rim(worn, middle, float(x), y, z) for x in xs]
    parts = [Piece(_outwards(_tube(_closed(rim), worn.thickness)), worn.colour) for rim in rims]
    parts.append(Piece(_outwards(_tube(_bridge(rims, middle), worn.thickness)), worn.colour))
    width = float(np.abs(bare[np.abs(bare[:, 1] - _EAR[0]) < 0.1, 0]).max())
    for rim, side in zip(rims, (-1.0, 1.0), strict=True):
        hinge = rim[np.argmax(side * rim[:, 0] - 0.8 * rim[:, 1])]
        end = np.array([side * (width + 0.02), *_EAR])
        parts.append(Piece(_outwards(_temple(hinge, end, worn)), worn.colour))
    if worn.dark:
        glass = np.minimum(0.35 * worn.colour + 12, 60.0)
        for rim in rims:
            parts.append(Piece(_towards_viewer(_sheet(rim)), glass, lens=True))
    return parts


def _bridge(rims: list[Floats], middle: float) -> Floats:
    """(7, 3) from rim to rim over the nose."""
    left, right = (rim[np.argmin(np.abs(rim[:, 0] - middle) + 0.3 * rim[:, 1])] for rim in rims)
    share = np.linspace(0, 1, 7)[:, None]
    bow = np.sin(np.pi * share) * [0.0, -0.03, 0.04]
    return np.asarray(left + share * (right - left) + bow)


def _outwards(grid: Floats) -> Floats:
    """The grid of a bar with its columns in the order that makes its normals point outwards."""
    middle = grid[:, :-1].mean(axis=1)
    across, down = grid[1, 1] - grid[1, 0], grid[2, 0] - grid[1, 0]
    normal = np.cross(across, down)
    face = (grid[1, 0] + grid[1, 1]) / 2 - middle[1]
    return grid if float(normal @ face) > 0 else grid[:, ::-1]


def _towards_viewer(grid: Floats) -> Floats:
    middle = grid.shape[1] // 2
    across, down = grid[2, middle + 1] - grid[2, middle], grid[3, middle] - grid[2, middle]
    return grid if float(np.cross(across, down)[2]) > 0 else grid[:, ::-1]


def lenses(who: Person, bare: Floats) -> Floats:
    """(2, ROUND, 3) the outlines of a person's lenses, head's frame; (0, ROUND, 3) without any."""
    worn = who.glasses
    if worn is None:
        return np.zeros((0, ROUND, 3))
    xs, y, middle, z = _lens_plane(worn, bare)
    return np.stack([_rim(worn, middle, float(x), y, z) for x in xs])


def glare(
    layer: NDArray[np.float32], outlines: Floats, strength: float, slant: float, tint: float = 0.06
) -> None:
    """Lays the tint and a streak of glare of clear lenses on a picture, in place.

    ``layer``: (h, w, 4) linear light times coverage; ``outlines``: (2, N, 2) corners of the lenses
    in its pixels; ``strength``: 0..1 of the streak; ``slant``: -1..1, where it crosses a lens.
    Lenses that are seen edge-on have none.
    """
    for outline in outlines:
        low, high = np.floor(outline.min(axis=0)).astype(int), np.ceil(outline.max(axis=0))
        x0, y0 = np.maximum(low, 0)
        x1, y1 = np.minimum(high.astype(int) + 1, [layer.shape[1], layer.shape[0]])
        width, height = x1 - x0, y1 - y0
        if width < 3 or height < 3 or width < 0.35 * height:
            continue
        cover = np.zeros((height, width), np.uint8)
        fixed = np.rint((outline - [x0, y0]) * 16).astype(np.int32)
        cv2.fillPoly(cover, [fixed], 255, cv2.LINE_AA, 4)
        inside = cover.astype(np.float32) * np.float32(1 / 255)
        u = np.linspace(-1, 1, width, dtype=np.float32) + np.float32(0.8 * slant)
        v = np.linspace(-0.6, 0.6, height, dtype=np.float32)
        off = u[None] + v[:, None]
        streak = np.exp(-((off / np.float32(0.28)) ** 2)) * np.float32(0.4 * strength) * inside
        part = layer[y0:y1, x0:x1]
        seen = part[:, :, 3:]
        part[:, :, :3] *= 1 - (streak + np.float32(tint) * inside)[:, :, None]
        part[:, :, :3] += streak[:, :, None] * seen
