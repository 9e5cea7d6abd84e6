"""JPEG bytes to pixels, with the fastest decoder that is installed."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facecurate import images
from facecurate.images.jpeg import divisor

Pixels = NDArray[np.uint8]
# bytes, the side that is needed (None: all), where the pixels may be written at once
Decoder = Callable[[bytes, int | None, Pixels | None], Pixels]


def decode_jpeg(data: bytes, side: int | None = None, out: Pixels | None = None) -> Pixels:
    """RGB pixels, (H, W, 3) uint8, or (side, side, 3) after a resize with antialiasing.

    A resize by s maps x to (x + 0.5) s - 0.5, pixel centres at integers; the aspect is not kept
    (crops are square). ``out``: (side, side, 3), filled and returned. Raises ValueError for bytes
    that are no whole JPEG, and, before memory is taken for them, for more pixels than
    ``images.DEFAULT_LIMITS`` lets pass.
    """
    with _told():
        pixels = _decoder()(data, side, out)
    pixels = pixels if side is None else resize(pixels, side)
    if out is None or np.may_share_memory(pixels, out):
        return pixels
    out[:] = pixels
    return out


def decode_reduced(data: bytes, least: int) -> Pixels:
    """RGB pixels at 1/8, 1/4, 1/2 or all of the size: the smallest with no side below ``least``.

    Decoders that cannot reduce give all of them. Raises as ``decode_jpeg`` does.
    """
    with _told():
        header = images.inspect(data)
        by = divisor(header.width, header.height, None, least)
        side = -(-min(header.width, header.height) // by) if by > 1 else None
        return _decoder()(data, side, None)


@contextlib.contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (ValueError, OSError, RuntimeError, SyntaxError, images.ImageRejectedError) as error:
        raise ValueError(f"not a JPEG that can be used: {error}") from error


def resize(pixels: Pixels, side: int) -> Pixels:
    """(side, side, 3) from (H, W, 3): a triangle filter as wide as the reduction asks for."""
    if pixels.shape[:2] == (side, side):
        return pixels
    image = Image.fromarray(pixels)
    return np.asarray(image.resize((side, side), Image.Resampling.BILINEAR), np.uint8)


@cache
def _decoder() -> Decoder:
    """The first of simplejpeg, torchvision and Pillow that can be imported."""
    for choice in (_simplejpeg, _torchvision):
        try:
            return choice()
        except (ImportError, OSError, RuntimeError):
            continue
    return _pillow


def _simplejpeg() -> Decoder:
    import simplejpeg

    def decode(data: bytes, side: int | None, out: Pixels | None) -> Pixels:
        height, width, *_ = simplejpeg.decode_jpeg_header(data)
        if width * height > images.DEFAULT_LIMITS.max_pixels:
            raise ValueError(f"too_many_pixels: {width} x {height}")
        if out is not None and out.shape[:2] == (height, width):
            simplejpeg.decode_jpeg(data, buffer=out)
            return out
        least = side or 0  # the inverse transform itself reduces by 2, 4 or 8, never below this
        pixels: Any = simplejpeg.decode_jpeg(data, min_height=least, min_width=least, min_factor=1)
        return np.asarray(pixels, np.uint8)

    return decode


def _torchvision() -> Decoder:
    import torch
    from torchvision.io import ImageReadMode
    from torchvision.io import decode_jpeg as read

    def decode(data: bytes, side: int | None, out: Pixels | None) -> Pixels:
        if not data:
            raise ValueError("no bytes")
        _check_header(data)
        packed = torch.from_numpy(np.frombuffer(data, np.uint8).copy())
        with warnings.catch_warnings():  # newer torchvision means to drop its decoders
            warnings.simplefilter("ignore", DeprecationWarning)
            pixels: Any = read(packed, mode=ImageReadMode.RGB)
        return np.asarray(pixels.permute(1, 2, 0).contiguous().numpy(), np.uint8)

    return decode


def _pillow(data: bytes, side: int | None, out: Pixels | None) -> Pixels:
    _check_header(data)
    with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
        if side:
            image.draft("RGB", (side, side))
        return np.asarray(image.convert("RGB"), np.uint8)


def _check_header(data: bytes) -> None:
    try:
        images.inspect(data)
    except images.ImageRejectedError as error:
        raise ValueError(str(error)) from error
