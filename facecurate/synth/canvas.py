"""The head's map while it is painted: polygons and strokes with soft edges."""

from collections.abc import Sequence
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
        rgb = np.clip(colour, 0, 255).astype(np.float32)
        _mix(self.pixels[where], cover, rgb, f32(opacity))

    def grow(self, where: Window, cover: Singles, strands: Singles, colour: Floats) -> None:
        """Mixes hair of ``colour`` times ``strands`` into a window by ``cover`` (0..1)."""
        _hair(self.pixels[where], cover, strands[where], np.asarray(colour, np.float32))

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
