"""JPEG by libjpeg-turbo, at full size or, in the frequency domain, at a half, a quarter, an eighth.

Scaling while decoding keeps the low frequencies of each 8 x 8 block, so nothing is skipped and a
small copy of a large photo costs little more than its entropy decoding. Of the scales the library
knows only these run in vector instructions; the others are slower than a full decode.
"""

from __future__ import annotations

import numpy as np

from facecurate.images.pixels import Pixels

DIVISORS = (8, 4, 2)
_KNOWN = ("RGB", "YCbCr", "Gray", "YCC")


def divisor(width: int, height: int, longest: int | None, shortest: int | None) -> int:
    """The largest divisor that leaves the sides as long as asked for; 1 if none does.

    ``longest`` and ``shortest``: pixels that the longer and the shorter side must keep.
    """
    if longest is None and shortest is None:
        return 1
    for by in DIVISORS:
        long, short = max(width, height) / by, min(width, height) / by
        if long >= (longest or 0) and short >= (shortest or 0):
            return by
    return 1


def decode_jpeg(data: bytes, by: int, grey: bool) -> Pixels | None:
    """libjpeg-turbo's slow-but-accurate path; None where Pillow has to judge.

    (ceil(h / by), ceil(w / by), 3) RGB, or without the last axis if ``grey`` (then the file's own
    luminance). The last row and column cover what is left of the photo and what the encoder
    filled up.
    """
    import simplejpeg

    try:
        height, width, colorspace, _ = simplejpeg.decode_jpeg_header(data)
        if colorspace not in _KNOWN:
            return None
        size = -(-height // by), -(-width // by)
        pixels = np.asarray(
            simplejpeg.decode_jpeg(
                data,
                "GRAY" if grey else "RGB",
                fastdct=False,
                fastupsample=False,
                min_height=size[0] if by > 1 else 0,
                min_width=size[1] if by > 1 else 0,
            )
        )
    except ValueError:
        return None  # damaged, or merely odd: Pillow's verdict counts
    if pixels.shape[:2] != size:
        return None  # so thin that another scale gives the same sides
    return pixels[:, :, 0] if grey else pixels
