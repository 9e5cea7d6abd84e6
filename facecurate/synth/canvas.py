"""What is painted on: the head's map, and a part of the picture for things without a mesh."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numba
import numpy as np
from numpy import float32 as f32
from numpy.typing import NDArray

from facecurate.synth import template as head
from facecurate.synth.template import Floats

SIDE = 512  # texels of the head's map, both ways
_SHIFT = 4  # fractional bits of polygon corners

Singles = NDArray[np.float32]
Window = tuple[slice, slice]
_jit = numba.njit(cache=True, fastmath=True)


def to_texels(points: Floats) -> Floats:
    """Frontal positions on the mean face (N, 2) -> texels (N, 2), x then y."""
    cells = np.array([len(head.COLUMNS) - 1, len(head.ROWS) - 1])
    return np.asarray(head.to_uv(points) / cells * (SIDE - 1))


def curve(points: Floats, count: int = 16) -> Floats:
    """A smooth line of ``count`` points through ``points`` (N, 2), evenly parametrised."""
    t = np.linspace(0, len(points) - 1, count)
    i = np.minimum(t.astype(int), len(points) - 2)
    f = (t - i)[:, None]
    slopes = _slopes(points)
    a, b, da, db = points[i], points[i + 1], slopes[i], slopes[i + 1]
    return np.asarray(
        a * (1 + 2 * f) * (1 - f) ** 2 + b * f * f * (3 - 2 * f)
        + f * (1 - f) * (da * (1 - f) - db * f)
    )  # fmt: skip


def ribbon(points: Floats, width: float) -> Floats:
    """The outline of a line of ``width`` that tapers towards both ends."""
    taper = np.sin(np.linspace(0.25, np.pi - 0.25, len(points)))[:, None] * width / 2
    normal = normals(points)
    return np.concatenate([points - normal * taper, (points + normal * taper)[::-1]])


def normals(points: Floats) -> Floats:
    """(N, 2) unit vectors across a line, to the right of its way in a frame with y down."""
    along = _slopes(points)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    return np.asarray(across / (np.sqrt((across * across).sum(axis=1, keepdims=True)) + 1e-9))


def rounded(corners: Floats) -> Floats:
    """A closed outline with its corners cut off three times (Chaikin 1974)."""
    for _ in range(3):
        after = np.roll(corners, -1, axis=0)
        pair = np.stack([0.75 * corners + 0.25 * after, 0.25 * corners + 0.75 * after], axis=1)
        corners = pair.reshape(-1, 2)
    return corners


def _slopes(points: Floats) -> Floats:
    ends = points[1:2] - points[:1], points[-1:] - points[-2:-1]
    return np.concatenate([ends[0], (points[2:] - points[:-2]) / 2, ends[1]])


class Canvas:
    """``pixels``: (SIDE, SIDE, >= 3) uint8, painted in place; colours are RGB 0..255."""

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self.pixels = pixels

    def fill(self, outlines: Sequence[Floats], colour: Floats, opacity: float, blur: float) -> None:
        """Paints polygons given by frontal positions, all at once; ``blur`` in texels."""
        if opacity < 0.02 or not outlines:
            return
        where, cover = coverage(outlines, blur)
        self.blend(where, cover, colour, opacity)

    def blend(self, where: Window, cover: Singles, colour: Floats, opacity: float = 1.0) -> None:
        """Mixes ``colour`` into a window by ``cover`` (0..1) times ``opacity``."""
        if opacity <= 0:
            return
        rgb = np.clip(colour, 0, 255).astype(np.float32)
        _mix(self.pixels[where], cover, rgb, f32(opacity))

    def grow(self, where: Window, cover: Singles, strands: Singles, colour: Floats) -> None:
        """Mixes hair of ``colour`` times ``strands`` into a window by ``cover`` (0..1)."""
        _hair(self.pixels[where], cover, strands[where], np.asarray(colour, np.float32))

    def scale(self, where: Window, change: Singles, strength: float) -> None:
        """Multiplies a window's colours by 1 + ``change`` (h, w, 3) times ``strength``."""
        _scale(self.pixels[where], change, f32(strength))

    def skin(self, factors: Singles, colour: Floats) -> None:
        """Paints everything with ``colour`` times ``factors`` (SIDE, SIDE, 3)."""
        _base(self.pixels, factors, np.asarray(colour, np.float32))


def dye(pixels: NDArray[np.uint8], factors: Singles, colour: Floats) -> None:
    """Paints ``pixels`` (h, w, >= 3) with ``colour`` times ``factors`` (h, w)."""
    _dye(pixels, factors, np.asarray(colour, np.float32))


@_jit
def _mix(pixels: Any, cover: Any, rgb: Any, opacity: Any) -> None:  # pragma: no cover
    for y in range(cover.shape[0]):
        for x in range(cover.shape[1]):
            part = cover[y, x] * opacity
            if part > f32(0.0):
                for k in range(3):
                    old = f32(pixels[y, x, k])
                    pixels[y, x, k] = np.uint8(old + (rgb[k] - old) * part + f32(0.5))


@_jit
def _hair(pixels: Any, cover: Any, strands: Any, rgb: Any) -> None:  # pragma: no cover
    for y in range(cover.shape[0]):
        for x in range(cover.shape[1]):
            part = cover[y, x]
            if part > f32(0.0):
                for k in range(3):
                    old = f32(pixels[y, x, k])
                    new = min(rgb[k] * strands[y, x], f32(255.0))
                    pixels[y, x, k] = np.uint8(old + (new - old) * part + f32(0.5))


@_jit
def _scale(pixels: Any, change: Any, strength: Any) -> None:  # pragma: no cover
    for y in range(change.shape[0]):
        for x in range(change.shape[1]):
            for k in range(3):
                part = f32(1.0) + change[y, x, k] * strength
                new = f32(pixels[y, x, k]) * part + f32(0.5)
                pixels[y, x, k] = np.uint8(min(max(new, f32(0.0)), f32(255.0)))


@_jit
def _base(pixels: Any, factors: Any, rgb: Any) -> None:  # pragma: no cover
    for y in range(factors.shape[0]):
        for x in range(factors.shape[1]):
            for k in range(3):
                pixels[y, x, k] = np.uint8(min(factors[y, x, k] * rgb[k] + f32(0.5), f32(255.0)))


@_jit
def _dye(pixels: Any, factors: Any, rgb: Any) -> None:  # pragma: no cover
    for y in range(factors.shape[0]):
        for x in range(factors.shape[1]):
            for k in range(3):
                pixels[y, x, k] = np.uint8(min(factors[y, x] * rgb[k] + f32(0.5), f32(255.0)))


def coverage(outlines: Sequence[Floats], blur: float) -> tuple[Window, Singles]:
    """Coverage (0..1) of polygons and the window in which they lie."""
    parts = np.split(
        to_texels(np.concatenate(outlines)), np.cumsum([len(o) for o in outlines])[:-1]
    )
    every = np.concatenate(parts)
    reach = int(3 * blur) + 2
    low = np.maximum(np.floor(every.min(axis=0)).astype(int) - reach, 0)
    high = np.minimum(np.ceil(every.max(axis=0)).astype(int) + reach + 1, SIDE)
    window = np.zeros((int(high[1] - low[1]), int(high[0] - low[0])), np.uint8)
    for part in parts:
        fixed = np.rint((part - low) * (1 << _SHIFT)).astype(np.int32)
        cv2.fillPoly(window, [fixed], 255, cv2.LINE_AA, _SHIFT)
    soft: Any = cv2.GaussianBlur(window, (0, 0), blur) if blur > 0 else window
    where = (slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0])))
    return where, soft.astype(np.float32) * np.float32(1 / 255)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A part of the picture in which solid things are drawn by their normals alone.

    ``light``: (h, w, 4) float32 linear light times coverage, and coverage; ``corner``: x and y of
    the pixel at its upper left in the picture; ``lamps``: (L, >= 6) float32 directions to the lamps
    (x right, y down, z towards the camera) and linear colours; ``sky``: (2, 3) float32 light from
    above and from below. Everything else is in pixels of the picture; colours are linear.
    """

    light: Singles
    corner: tuple[int, int]
    lamps: Singles
    sky: Singles

    def bar(self, a: Floats, b: Floats, radii: tuple[float, float], colour: Floats) -> None:
        """A round bar from ``a`` to ``b`` with a radius at each end."""
        ends = np.concatenate([a - self.corner, b - self.corner, radii]).astype(np.float32)
        _bar(self.light, ends, np.asarray(colour, np.float32), self.lamps, self.sky)

    def polygon(self, corners: Floats) -> tuple[Window, Singles, Singles, Singles]:
        """The window of a polygon (N, 2), its pixels' x and y in the picture, and its coverage."""
        height, width = self.light.shape[:2]
        low = np.floor(corners.min(axis=0)).astype(int) - 1 - self.corner
        high = np.ceil(corners.max(axis=0)).astype(int) + 2 - self.corner
        x0, y0 = np.clip(low, 0, [width, height])
        x1, y1 = np.clip(high, [x0, y0], [width, height])
        cover = np.zeros((y1 - y0, x1 - x0), np.uint8)
        if cover.size:
            fixed = np.rint((corners - self.corner - [x0, y0]) * (1 << _SHIFT)).astype(np.int32)
            cv2.fillPoly(cover, [fixed], 255, cv2.LINE_AA, _SHIFT)
        x = (np.arange(x0, x1) + self.corner[0]).astype(np.float32)
        y = (np.arange(y0, y1) + self.corner[1]).astype(np.float32)[:, None]
        where = (slice(int(y0), int(y1)), slice(int(x0), int(x1)))
        grids = [np.broadcast_to(v, cover.shape) for v in (x, y)]
        return where, grids[0], grids[1], cover.astype(np.float32) * np.float32(1 / 255)

    def lay(self, where: Window, cover: Singles, colours: Floats, slopes: Floats) -> None:
        """A surface in a window: ``cover`` (h, w), ``colours`` (h, w, 3) and its ``slopes``.

        Slopes: (h, w, 2), x and y of the normal where its z is 1.
        """
        whole = np.broadcast_to(colours, (*cover.shape, 3)).astype(np.float32)
        _lay(self.light[where], cover, whole, slopes.astype(np.float32), self.lamps, self.sky)

    def cut(self, blur: float) -> tuple[Singles, Window]:
        """What was drawn, with the soft shadow it throws on what is behind it, and its window.

        ``blur``: standard deviation of the shadow's edge, pixels. A shadow covers less than a half.
        """
        cover = self.light[:, :, 3]
        rows, columns = np.flatnonzero(cover.any(axis=1)), np.flatnonzero(cover.any(axis=0))
        if not len(rows):
            return np.zeros((0, 0, 4), np.float32), (slice(0, 0), slice(0, 0))
        reach = int(2.5 * blur) + 1
        y0, x0 = max(int(rows[0]) - reach, 0), max(int(columns[0]) - reach, 0)
        y1, x1 = int(rows[-1]) + 1 + reach, int(columns[-1]) + 1 + reach
        layer = np.ascontiguousarray(self.light[y0:y1, x0:x1])
        dark: Any = cv2.GaussianBlur(layer[:, :, 3], (0, 0), blur)
        layer[:, :, 3] += (1 - layer[:, :, 3]) * np.float32(0.45) * dark
        height, width = layer.shape[:2]
        top, left = y0 + self.corner[1], x0 + self.corner[0]
        return layer, (slice(top, top + height), slice(left, left + width))


@_jit
def _lit(nx: Any, ny: Any, nz: Any, lamps: Any, sky: Any, k: int) -> Any:  # pragma: no cover
    """One channel of the light on a surface; its edge is darker than its middle."""
    up = f32(0.5) - f32(0.5) * ny
    out = sky[1, k] + (sky[0, k] - sky[1, k]) * up
    for i in range(lamps.shape[0]):
        facing = nx * lamps[i, 0] + ny * lamps[i, 1] + nz * lamps[i, 2]
        out += max((facing + f32(0.25)) * f32(0.8), f32(0.0)) * lamps[i, 3 + k]
    return out * (f32(0.7) + f32(0.3) * nz)


@_jit
def _bar(light: Any, ends: Any, rgb: Any, lamps: Any, sky: Any) -> None:  # pragma: no cover
    ax, ay, bx, by, ra, rb = ends
    reach = max(ra, rb) + f32(1.0)
    wx, wy = bx - ax, by - ay
    inverse = f32(1.0) / max(wx * wx + wy * wy, f32(1e-6))
    x0, x1 = max(0, int(min(ax, bx) - reach)), min(light.shape[1], int(max(ax, bx) + reach) + 2)
    y0, y1 = max(0, int(min(ay, by) - reach)), min(light.shape[0], int(max(ay, by) + reach) + 2)
    for y in range(y0, y1):
        for x in range(x0, x1):
            px, py = f32(x) - ax, f32(y) - ay
            t = min(max((px * wx + py * wy) * inverse, f32(0.0)), f32(1.0))
            dx, dy, radius = px - t * wx, py - t * wy, ra + (rb - ra) * t
            off = np.sqrt(dx * dx + dy * dy)
            cover = min(max(radius - off + f32(0.5), f32(0.0)), f32(1.0))
            if cover <= 0:
                continue
            rim = min(off / radius, f32(0.98)) / max(off, f32(1e-6))
            nx, ny = dx * rim, dy * rim
            nz = np.sqrt(f32(1.0) - nx * nx - ny * ny)
            for k in range(3):
                lit = rgb[k] * _lit(nx, ny, nz, lamps, sky, k)
                light[y, x, k] += (lit - light[y, x, k]) * cover
            light[y, x, 3] += (f32(1.0) - light[y, x, 3]) * cover


@_jit
def _lay(
    light: Any, cover: Any, rgb: Any, slopes: Any, lamps: Any, sky: Any
) -> None:  # pragma: no cover
    for y in range(cover.shape[0]):
        for x in range(cover.shape[1]):
            part = cover[y, x]
            if part <= 0:
                continue
            nx, ny = slopes[y, x, 0], slopes[y, x, 1]
            nz = f32(1.0) / np.sqrt(nx * nx + ny * ny + f32(1.0))
            for k in range(3):
                lit = rgb[y, x, k] * _lit(nx * nz, ny * nz, nz, lamps, sky, k)
                light[y, x, k] += (lit - light[y, x, k]) * part
            light[y, x, 3] += (f32(1.0) - light[y, x, 3]) * part
