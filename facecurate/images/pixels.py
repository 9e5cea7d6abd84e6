"""Any mode of Pillow's as RGB, and the eight turns of EXIF."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]  # (h, w, 3) RGB, or (h, w) where grey is asked for

_BAND = 256  # rows that are converted at once: the peak stays at one decoded picture and one RGB


def to_rgb(image: Image.Image) -> Pixels:
    """RGB of any mode: 16-bit scaled by its own range, transparency over black."""
    scale = _deep_scale(image) if image.mode in _DEEP else None
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    for top, band in _bands(image):
        rows = pixels[top : top + band.height]
        if scale is not None:
            values = (_values(band) - scale[0]) * scale[1]
            rows[:] = np.clip(np.rint(values), 0, 255).astype(np.uint8)[..., None]
        else:
            rows[:] = np.asarray(_band_to_rgb(band))
    return pixels


def _bands(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    for top in range(0, image.height, _BAND):
        yield top, image.crop((0, top, image.width, min(top + _BAND, image.height)))


def _band_to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        black = Image.new("RGB", rgba.size)
        black.paste(rgba, mask=rgba.getchannel("A"))
        return black
    return image if image.mode == "RGB" else image.convert("RGB")


_DEEP = ("I;16", "I;16B", "I;16L", "I;16N", "I", "F")  # grey pictures of 16 or 32 bits


def _values(image: Image.Image) -> NDArray[np.float64]:
    return np.nan_to_num(np.asarray(image).astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)


def _deep_scale(image: Image.Image) -> tuple[float, float]:
    """Offset and factor to 0-255: 16-bit codes are divided by 257, others by their range."""
    ranges = [(values.min(), values.max()) for _, b in _bands(image) for values in (_values(b),)]
    low, high = float(min(r[0] for r in ranges)), float(max(r[1] for r in ranges))
    if low >= 0 and high <= 65535 and image.mode != "F":
        return 0.0, 1 / 257
    return low, 255.0 / (high - low) if high > low else 0.0


_TURNS: dict[int, Any] = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a.swapaxes(0, 1)[:, ::-1],
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: a.swapaxes(0, 1)[::-1],
}


# Where the picture's left (upper) edge is the end of a stored row or column.
FLIPPED_X, FLIPPED_Y = (2, 3, 6, 7), (3, 4, 7, 8)


def turn(pixels: Pixels, orientation: int) -> Pixels:
    """Turns the stored pixels as the EXIF orientation says (the names are the standard's rows)."""
    return np.ascontiguousarray(_TURNS[orientation](pixels))


def luma(pixels: Pixels) -> Pixels:
    """(h, w, 3) uint8 RGB -> (h, w) uint8, ITU-R 601 weights as Pillow rounds them."""
    return np.asarray(Image.fromarray(pixels).convert("L"))
