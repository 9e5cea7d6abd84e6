"""Bytes to pixels: whole, or as small as JPEG's own transform can make them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facecurate.images.jpeg import decode_jpeg, divisor
from facecurate.images.opening import (
    DEFAULT_LIMITS,
    Header,
    Limits,
    opened,
    read_header,
    turned_by_pillow,
)
from facecurate.images.pixels import FLIPPED_X, FLIPPED_Y, Pixels, luma, to_rgb, turn


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A decoded picture.

    ``pixels``: (h, w, 3) uint8 RGB, or (h, w) where grey was asked for; ``header``: the photo at
    full size; ``scale``: pixels of the picture per pixel of the photo, 1, 1/2, 1/4 or 1/8;
    ``shift``: photo pixels, not zero where a scaled picture was turned and the column or row that
    reaches over the photo's end came to lie at its beginning.
    """

    pixels: Pixels
    header: Header
    scale: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)

    def to_photo(self, points: ArrayLike) -> NDArray[np.float64]:
        """Points (..., 2) of the picture in pixels of the photo, both x then y."""
        there: NDArray[np.float64] = (np.asarray(points, np.float64) + 0.5) / self.scale - 0.5
        there += np.array(self.shift)
        return there


def decode(
    data: bytes,
    limits: Limits = DEFAULT_LIMITS,
    *,
    longest: int | None = None,
    shortest: int | None = None,
    grey: bool = False,
) -> Picture:
    """Decodes a picture. Raises ImageRejectedError.

    ``longest``, ``shortest``: the longer (shorter) side need not have more pixels than this: a JPEG
    is scaled while it is decoded, to the smallest of its scales that has them. Other formats come
    at full size, and nothing is ever enlarged. ``grey``: luminance alone, a JPEG's own where it has
    it. The verdict on damaged bytes does not depend on these.
    """
    with opened(data, limits) as image:
        header = read_header(image, limits)
        by, pixels = 1, None
        if header.format in ("JPEG", "MPO"):
            by = divisor(header.width, header.height, longest, shortest)
            pixels = decode_jpeg(data, by, grey)
        if pixels is None:
            by = 1
            image.load()  # the first frame of an animation
            pixels = to_rgb(image)
            pixels = luma(pixels) if grey else pixels
    orientation = 1 if turned_by_pillow(header.format) else header.orientation
    turned = turn(pixels, orientation)
    return Picture(turned, header, 1 / by, _shift(turned, header, orientation, by))


def _shift(pixels: Pixels, header: Header, orientation: int, by: int) -> tuple[float, float]:
    height, width = pixels.shape[:2]
    x = header.width - width * by if orientation in FLIPPED_X else 0
    y = header.height - height * by if orientation in FLIPPED_Y else 0
    return float(x), float(y)
