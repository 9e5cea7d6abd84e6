"""How a face looks, measured on the photo itself: sharpness, brightness, contrast.

What is measured is the part of the face's box that lies in the photo, brought to 112 pixels along
the box's longer side. So the numbers belong to the face: they are the same whatever crop is cut and
at what size it is stored, nothing black from outside the photo enters them, and a face of few
pixels counts as blurred, because its fine structure is not there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from facecurate.faces.align import crop

SIDE = 112  # pixels along the box's longer side
LEAST = 16  # pixels of these each way that must lie in the photo
FINE = 1.0  # pixels of these: standard deviation of the Gaussian below which noise lies
FLAT = 0.5  # levels of luma: below so little contrast there is nothing to be sharp

Grey = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Looks:
    """Sharpness in percent (see ``sharpness``), brightness and contrast in levels of luma."""

    sharpness: float
    brightness: float
    contrast: float


UNKNOWN = Looks(math.nan, math.nan, math.nan)


def looks(photo: NDArray[Any], box: ArrayLike) -> Looks:
    """The looks of the face in ``box`` (x0, y0, x1, y1) of an (h, w, 3) RGB or (h, w) uint8 photo.

    NaN where less than 16 of the 112 pixels lie in the photo, across or down.
    """
    seen = face_in_box(photo, box)
    if min(seen.shape[:2]) < LEAST:
        return UNKNOWN
    grey = luma(seen)
    return Looks(sharpness(grey), float(grey.mean()), float(grey.std()))


def face_in_box(photo: NDArray[Any], box: ArrayLike) -> NDArray[np.uint8]:
    """What of the box lies in the photo, 112 pixels along the box's longer side; maybe empty."""
    x0, y0, x1, y1 = (float(v) for v in np.asarray(box, np.float64))
    scale = SIDE / max(x1 - x0, y1 - y0)
    columns = _inside(x0, x1, scale, photo.shape[1])
    rows = _inside(y0, y1, scale, photo.shape[0])
    shift_x, shift_y = -(x0 * scale) - 0.5, -(y0 * scale) - 0.5
    drawn = crop(photo, [scale, 0, shift_x, 0, scale, shift_y], SIDE)
    return drawn[rows, columns]


def _inside(low: float, high: float, scale: float, length: int) -> slice:
    """The pixels of the square within the box whose neighbours lie in the photo as well.

    One axis: pixel j lies at ``low + (j + 0.5) / scale`` of the photo's -0.5..length-0.5.
    """
    reach = max(1.0, 1 / scale)  # photo pixels that an interpolated pixel may draw on
    first = (max(low, reach - 0.5) - low) * scale - 0.5 if low < reach - 0.5 else 0.0
    end = min(high, length - 0.5 - reach) if high > length - 0.5 - reach else high
    last = (end - low) * scale - 0.5
    return slice(max(0, math.ceil(first)), max(0, min(SIDE, math.floor(last) + 1)))


def sharpness(grey: NDArray[Any]) -> float:
    """How much of a picture's contrast is fine structure, in percent; 0 for a flat picture.

    ``grey``: (h, w) luma. The standard deviation of the Laplacian of a Gaussian of one pixel (Marr
    and Hildreth 1980) over that of the luma. The variance of the plain Laplacian, which is usual,
    measures noise first, and grows with the square of the contrast: it calls a face in dim light
    blurred. This ratio is the same for any exposure.
    """
    values = np.asarray(grey, np.float32)
    contrast = float(values.std())
    if contrast < FLAT:
        return 0.0
    fine = cv2.Laplacian(cv2.GaussianBlur(values, (0, 0), FINE), cv2.CV_32F)
    return 100.0 * float(fine.std()) / contrast


def luma(picture: NDArray[Any]) -> Grey:
    """(h, w) luma, 0-255, of (h, w, 3) RGB or (h, w), by the weights of ITU-R BT.601."""
    if picture.ndim == 2:
        return picture.astype(np.float32)
    return np.asarray(picture[..., :3].astype(np.float32) @ np.array([0.299, 0.587, 0.114], "f4"))
