"""The head's map while it is painted: polygons and strokes with soft edges."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facecurate.synth import template as head
from facecurate.synth.template import Floats

SIDE = 512  # texels of the head's map, both ways
_SHIFT = 4  # fractional bits of polygon corners

Singles = NDArray[np.float32]
Window = tuple[slice, slice]


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
    along = _slopes(points)
    normal = np.stack([-along[:, 1], along[:, 0]], axis=1)
    normal /= np.sqrt((normal * normal).sum(axis=1, keepdims=True)) + 1e-9
    taper = np.sin(np.linspace(0.25, np.pi - 0.25, len(points)))[:, None] * width / 2
    return np.concatenate([points - normal * taper, (points + normal * taper)[::-1]])


def _slopes(points: Floats) -> Floats:
    ends = points[1:2] - points[:1], points[-1:] - points[-2:-1]
    return np.concatenate([ends[0], (points[2:] - points[:-2]) / 2, ends[1]])


class Canvas:
    """``pixels``: (SIDE, SIDE, 3) uint8, painted in place; colours are RGB 0..255."""

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self.pixels = pixels

    def fill(self, outlines: Sequence[Floats], colour: Floats, opacity: float, blur: float) -> None:
        """Paints polygons given by frontal positions, all at once; ``blur`` in texels."""
        if opacity < 0.02 or not outlines:
            return
        where, cover = coverage(outlines, blur)
        self.blend(where, cover * np.float32(opacity), colour)

    def blend(self, where: Window, cover: Singles, colour: Floats) -> None:
        """Mixes ``colour`` into a window by ``cover`` (0..1)."""
        window = self.pixels[where]
        flat = np.empty_like(window)
        flat[:] = np.clip(np.rint(colour), 0, 255).astype(np.uint8)
        self.pixels[where] = cv2.blendLinear(flat, window, cover, 1 - cover)


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
