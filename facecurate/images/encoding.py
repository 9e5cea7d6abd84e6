"""Pixels to JPEG, and the one way of resizing."""

from __future__ import annotations

import numpy as np

from facecurate.images.pixels import Pixels

JPEG_QUALITY = 95


def encode_jpeg(pixels: Pixels, quality: int = JPEG_QUALITY) -> bytes:
    """(h, w, 3) uint8 RGB -> JPEG, 4:2:0, without metadata."""
    import simplejpeg

    pixels = np.ascontiguousarray(pixels)
    return bytes(simplejpeg.encode_jpeg(pixels, quality, "RGB", colorsubsampling="420"))


def resize(pixels: Pixels, width: int, height: int) -> Pixels:
    """Resizes with area averaging when it gets smaller, linear interpolation when larger."""
    import cv2

    smaller = width < pixels.shape[1] or height < pixels.shape[0]
    method = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    resized = cv2.resize(pixels, (width, height), interpolation=method)
    return resized.astype(np.uint8, copy=False)
