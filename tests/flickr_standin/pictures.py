"""A few drawn photos at every size, made distinct for each photo by a comment in the file."""

from __future__ import annotations

import io
import struct
import threading
import zlib
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from . import sizes

_EDGE = 1024  # of the drawing, pixels
_SOI_APP0 = 20  # bytes before the comment: start marker and the JFIF segment
_LOCK = threading.Lock()
COMMENT_BYTES = 40  # all comments are this long, so that lengths are known beforehand


@cache
def _master(shape: int, number: int) -> NDArray[np.uint8]:
    """(H, W, 3) RGB, one or two faces in a room."""
    from facecurate.synth.render import render_photo  # slow to import, and not always needed
    from facecurate.synth.spec import IDENTITIES, PhotoSpec, random_face

    width, height = sizes.pixels(shape, _EDGE)
    rng = np.random.default_rng([0x57A7D, shape, number])
    count = 1 + int(rng.integers(2)) if width >= height else 1
    size = min(0.45 * width / count, 0.4 * height)
    faces = tuple(
        random_face(
            rng,
            IDENTITIES["photos"],
            max_yaw=30.0,
            max_pitch=15.0,
            size_px=size,
            centre=((face + 0.5) * width / count, float(rng.uniform(0.4, 0.55)) * height),
        )
        for face in range(count)
    )
    image, _ = render_photo(PhotoSpec(width, height, int(rng.integers(2**31)), faces, noise=3.0))
    return image


@cache
def _jpeg(shape: int, number: int, edge: int, square: bool, quality: int) -> bytes:
    image: NDArray[np.uint8] = _master(shape, number)
    width, height = sizes.pixels(shape, edge, square)
    if square:
        side = min(image.shape[:2])
        top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
        image = image[top : top + side, left : left + side]
    if image.shape[:2] != (height, width):
        way = cv2.INTER_AREA if width <= image.shape[1] else cv2.INTER_CUBIC
        image = np.asarray(cv2.resize(image, (width, height), interpolation=way), np.uint8)
    done, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise RuntimeError("OpenCV wrote no JPEG")
    return data.tobytes()


def jpeg(shape: int, number: int, edge: int, square: bool = False, quality: int = 95) -> bytes:
    """A drawn photo whose longest edge is ``edge``; drawn once in a process."""
    with _LOCK:
        return _jpeg(shape, number, edge, square, quality)


def parts(data: bytes, text: str) -> tuple[bytes, bytes]:
    """A JPEG in two parts; the first one holds ``text`` as a comment of ``COMMENT_BYTES``."""
    padded = text.encode("ascii")[:COMMENT_BYTES].ljust(COMMENT_BYTES)
    return data[:_SOI_APP0] + _segment(0xFE, padded), data[_SOI_APP0:]


def _segment(marker: int, payload: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(payload) + 2) + payload


@cache
def exif_segment() -> bytes:
    """An EXIF segment with a camera and a place on earth."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0112] = "Maker", "Camera 1", 1
    exif.get_ifd(0x8825).update({1: "N", 2: (51.0, 30.0, 26.0), 3: "W", 4: (0.0, 7.0, 39.0)})
    data = exif.tobytes()
    return _segment(0xE1, data if data.startswith(b"Exif") else b"Exif\0\0" + data)


def with_exif(head: bytes) -> bytes:
    """The first part of a JPEG with an EXIF segment."""
    return head[:_SOI_APP0] + exif_segment() + head[_SOI_APP0:]


def png(shape: int, number: int, edge: int, text: str) -> bytes:
    """An original that is no JPEG."""
    width, height = sizes.pixels(shape, edge)
    image = cv2.resize(_master(shape, number), (width, height))
    small = Image.fromarray(image).quantize(32)  # 32 colours: quickly packed
    with io.BytesIO() as file:
        small.save(file, "PNG", compress_level=1)
        return with_text(file.getvalue(), text.encode())


def with_text(data: bytes, text: bytes) -> bytes:
    """A PNG with a comment after its header."""
    body = b"tEXtComment\0" + text
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return data[:33] + chunk + data[33:]


@cache
def placeholder() -> bytes:
    """What stands for a photo that is no longer there: a PNG of 2,051 bytes, as the old one."""
    with io.BytesIO() as file:
        Image.new("L", (500, 375), 222).save(file, "PNG")
        bare = file.getvalue()
    return with_text(bare, b"x" * (2051 - len(with_text(bare, b""))))


@cache
def gif() -> bytes:
    """A GIF of one colour."""
    with io.BytesIO() as file:
        Image.new("P", (500, 375), 3).save(file, "GIF")
        return file.getvalue()
