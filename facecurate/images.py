"""The one way in which bytes become pixels and pixels become bytes.

Nothing is allocated before the header has been checked against the limits. Every picture comes out
as RGB, turned as its EXIF orientation says, the first frame of an animation; or it is rejected with
a reason of ``records.REASONS``.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

Pixels = NDArray[np.uint8]

JPEG_QUALITY = 95


@dataclass(frozen=True, slots=True)
class Limits:
    """What is decoded at all."""

    max_bytes: int = 256 << 20
    max_pixels: int = 80_000_000  # 80 MP as RGBA and RGB at once stay below 600 MiB
    min_side: int = 1


DEFAULT_LIMITS = Limits()


class ImageRejectedError(Exception):
    """The bytes are no picture that can be used; ``reason`` is one of ``records.REASONS``."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Header:
    """What is known before decoding. Width and height are after the EXIF turn."""

    format: str  # Pillow's name
    width: int
    height: int
    orientation: int


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture.

    ``pixels``: (h, w, 3) uint8 RGB; ``header``: the photo at full size. A point x of the photo lies
    at ``(x + 0.5) * w / header.width - 0.5``.
    """

    pixels: Pixels
    header: Header


# First bytes of the formats that are read, with the file extension under which they are stored.
_FORMATS = {
    "JPEG": "jpg",
    "MPO": "jpg",
    "PNG": "png",
    "GIF": "gif",
    "WEBP": "webp",
    "AVIF": "avif",
    "BMP": "bmp",
    "DIB": "bmp",
    "TIFF": "tif",
    "JPEG2000": "jp2",
    "PPM": "ppm",
    "ICO": "ico",
    "SGI": "sgi",
    "PCX": "pcx",
    "QOI": "qoi",
    "DDS": "dds",
}
_OPENABLE = [name for name in _FORMATS if name != "MPO"]  # Pillow finds MPO inside JPEG by itself
# Known to be images, so that the reason is "unsupported" and not "not_an_image".
_FOREIGN = (
    b"8BPS", b"%!PS", b"\xc5\xd0\xd3\xc6", b"gimp xcf", b"\x00\x00\x00\x0cJXL ", b"\xff\x0a",
    b"SIMPLE  =", b"icns", b"\x76\x2f\x31\x01", b"#?RADIANCE", b"DICM", b"FPX",
)  # fmt: skip


def extension(header: Header) -> str:
    """The extension under which a picture's own bytes are stored."""
    return _FORMATS[header.format]


def inspect(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Header:
    """Reads the header alone. Raises ImageRejectedError."""
    if not data:
        raise ImageRejectedError("empty")
    if len(data) > limits.max_bytes:
        raise ImageRejectedError("too_many_bytes", f"{len(data)} > {limits.max_bytes}")
    with _opened(data) as image:
        return _header(image, limits)


def decode(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Picture:
    """Decodes a whole picture. Raises ImageRejectedError."""
    header = inspect(data, limits)
    pixels = _decode_jpeg(data) if header.format == "JPEG" else None
    if pixels is None:
        pixels = _decode_pillow(data)
    return Picture(_turn(pixels, header.orientation), header)


def encode_jpeg(pixels: Pixels, quality: int = JPEG_QUALITY) -> bytes:
    """(h, w, 3) uint8 RGB -> JPEG, 4:2:0, without metadata."""
    import simplejpeg

    pixels = np.ascontiguousarray(pixels)
    return bytes(simplejpeg.encode_jpeg(pixels, quality=quality, colorspace="RGB"))


def resize(pixels: Pixels, width: int, height: int) -> Pixels:
    """Resizes with area averaging when it gets smaller, linear interpolation when larger."""
    import cv2

    smaller = width < pixels.shape[1] or height < pixels.shape[0]
    method = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    resized = cv2.resize(pixels, (width, height), interpolation=method)
    return resized.astype(np.uint8, copy=False)


def luma(pixels: Pixels) -> Pixels:
    """(h, w, 3) uint8 RGB -> (h, w) uint8, ITU-R 601 weights as Pillow rounds them."""
    return np.asarray(Image.fromarray(pixels).convert("L"))


# -- opening ---------------------------------------------------------------------------------

_plugins_loaded = False


def _load_plugins() -> None:
    """Pillow registers most formats only when asked; ``formats=`` needs them registered."""
    global _plugins_loaded
    if not _plugins_loaded:
        Image.init()
        _plugins_loaded = True


@contextmanager
def _opened(data: bytes) -> Iterator[Image.Image]:
    """The lazily opened image, with every way of failing turned into a reason."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _load_plugins()
            with Image.open(io.BytesIO(data), formats=_OPENABLE) as image:
                yield image
    except ImageRejectedError:
        raise
    except UnidentifiedImageError as error:
        raise ImageRejectedError(_unidentified(data)) from error
    except MemoryError as error:
        raise ImageRejectedError("too_many_pixels") from error
    except Image.DecompressionBombError as error:
        raise ImageRejectedError("too_many_pixels", str(error)) from error
    except Exception as error:  # Pillow's plugins raise what they like on bad bytes
        raise ImageRejectedError(_reason(error), str(error)) from error


def _unidentified(data: bytes) -> str:
    """Why no decoder took the bytes: another format, a damaged one, or no image at all."""
    if data.startswith(_FOREIGN):
        return "unsupported"
    known = (
        b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+",
        b"\x00\x00\x00\x0cjP", b"\xff\x4f\xff\x51", b"DDS ", b"qoif",
    )  # fmt: skip
    container = data[:4] == b"RIFF" and data[8:12] == b"WEBP"
    container = container or data[4:12] in (b"ftypavif", b"ftypavis", b"ftypheic", b"ftypmif1")
    return "broken" if data.startswith(known) or container else "not_an_image"


def _reason(error: Exception) -> str:
    text = str(error).lower()
    if isinstance(error, EOFError) or "truncated" in text or "not enough" in text:
        return "truncated"
    if isinstance(error, NotImplementedError) or "unsupported" in text or "unknown" in text:
        return "unsupported"
    return "broken"


def _header(image: Image.Image, limits: Limits) -> Header:
    width, height = image.size
    if width * height > limits.max_pixels:
        raise ImageRejectedError("too_many_pixels", f"{width} x {height}")
    orientation = _orientation(image)
    if orientation >= 5:
        width, height = height, width
    if min(width, height) < limits.min_side:
        raise ImageRejectedError("too_small", f"{width} x {height}")
    return Header(str(image.format), width, height, orientation)


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 where there is none or it cannot be read."""
    try:
        value = image.getexif().get(0x0112, 1)
    except Exception:  # damaged metadata does not make the pixels unusable
        return 1
    return value if value in range(1, 9) else 1


# -- pixels ----------------------------------------------------------------------------------


def _decode_jpeg(data: bytes) -> Pixels | None:
    """libjpeg-turbo's slow-but-accurate path; None where Pillow has to judge."""
    try:
        import simplejpeg
    except ImportError:
        return None
    try:
        _, _, colorspace, _ = simplejpeg.decode_jpeg_header(data)
        if colorspace not in ("RGB", "YCbCr", "Gray", "YCC"):
            return None
        pixels: Pixels = simplejpeg.decode_jpeg(data, "RGB", fastdct=False, fastupsample=False)
    except ValueError:
        return None  # damaged, or merely odd: Pillow's verdict counts
    return pixels


def _decode_pillow(data: bytes) -> Pixels:
    with _opened(data) as image:
        image.seek(0)
        image.load()
        # The array below is a copy: the plugin's own buffers go when the image is closed.
        return np.array(_to_rgb(image))


def _to_rgb(image: Image.Image) -> Image.Image:
    """RGB of any mode: 16-bit scaled by its own range, transparency over black."""
    if image.mode in ("I;16", "I;16B", "I;16L", "I;16N", "I", "F"):
        return _from_deep(image)
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        black = Image.new("RGB", rgba.size)
        black.paste(rgba, mask=rgba.getchannel("A"))
        return black
    return image if image.mode == "RGB" else image.convert("RGB")


def _from_deep(image: Image.Image) -> Image.Image:
    """Grey pictures of 16 or 32 bits: 16-bit codes are divided by 257, others by their range."""
    values = np.asarray(image).astype(np.float64)
    values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if low >= 0 and high <= 65535 and image.mode != "F":
        scaled = values / 257.0
    else:
        scaled = (values - low) * (255.0 / (high - low)) if high > low else values * 0
    return Image.fromarray(np.clip(np.rint(scaled), 0, 255).astype(np.uint8)).convert("RGB")


_TURNS: dict[int, Any] = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: a.transpose(1, 0, 2)[:, ::-1],
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: a.transpose(1, 0, 2)[::-1],
}


def _turn(pixels: Pixels, orientation: int) -> Pixels:
    """Turns the stored pixels as the EXIF orientation says (the names are the standard's rows)."""
    return np.ascontiguousarray(_TURNS[orientation](pixels))
