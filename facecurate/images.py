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

from facecurate.exif import strip_gps as strip_gps

Pixels = NDArray[np.uint8]

JPEG_QUALITY = 95


@dataclass(frozen=True, slots=True)
class Limits:
    """What is decoded at all."""

    max_bytes: int = 256 << 20
    max_pixels: int = 80_000_000
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
    """Checks the limits and reads size and orientation. Raises ImageRejectedError."""
    with _opened(data, limits) as image:
        return _header(image, limits)


def decode(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Picture:
    """Decodes a whole picture. Raises ImageRejectedError."""
    with _opened(data, limits) as image:
        header = _header(image, limits)
        pixels = _decode_jpeg(data) if header.format == "JPEG" else None
        if pixels is None:
            image.load()  # the first frame of an animation
            pixels = _to_rgb(image)
    return Picture(_turn(pixels, 1 if _is_turned(header.format) else header.orientation), header)


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


def luma(pixels: Pixels) -> Pixels:
    """(h, w, 3) uint8 RGB -> (h, w) uint8, ITU-R 601 weights as Pillow rounds them."""
    return np.asarray(Image.fromarray(pixels).convert("L"))


# -- opening ---------------------------------------------------------------------------------


@contextmanager
def _opened(data: bytes, limits: Limits) -> Iterator[Image.Image]:
    """The lazily opened image, with every way of failing turned into a reason."""
    if not data:
        raise ImageRejectedError("empty")
    if len(data) > limits.max_bytes:
        raise ImageRejectedError("too_many_bytes", f"{len(data)} > {limits.max_bytes}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            Image.init()  # ``formats=`` needs them registered, and Pillow does that when asked
            with Image.open(io.BytesIO(data), formats=_OPENABLE) as image:
                yield image
    except ImageRejectedError:
        raise
    except UnidentifiedImageError as error:
        raise ImageRejectedError(_unidentified(data)) from error
    except (MemoryError, Image.DecompressionBombError) as error:
        raise ImageRejectedError("too_many_pixels", str(error)) from error
    except Exception as error:  # Pillow's plugins raise what they like on bad bytes
        raise ImageRejectedError(_reason(error), str(error)) from error


def _unidentified(data: bytes) -> str:
    """Why no decoder took the bytes: another format, a damaged one, or no image at all."""
    if data.startswith(_FOREIGN) or _is_heif(data):
        return "unsupported"
    known = (
        b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+",
        b"\x00\x00\x00\x0cjP", b"\xff\x4f\xff\x51", b"DDS ", b"qoif",
    )  # fmt: skip
    webp = data[:4] == b"RIFF" and data[8:12] == b"WEBP"
    avif = data[4:12] in (b"ftypavif", b"ftypavis", b"ftypmif1")
    return "broken" if data.startswith(known) or webp or avif else "not_an_image"


def _is_heif(data: bytes) -> bool:
    """What telephones write: the container of AVIF around another codec, which is not read."""
    brands = data[8 : min(int.from_bytes(data[:4], "big"), 256)]
    return data[4:8] == b"ftyp" and any(b in brands for b in (b"heic", b"heix", b"hevc", b"hevx"))


def _reason(error: Exception) -> str:
    text = str(error).lower()
    if isinstance(error, EOFError) or "truncated" in text or "not enough" in text:
        return "truncated"
    if isinstance(error, NotImplementedError) or "unsupported" in text or "unknown" in text:
        return "unsupported"
    return "broken"


# Decoders that need 15 to 20 bytes a pixel of their own: this keeps a decode below 1 GiB.
_HUNGRY = {"WEBP": 60_000_000, "JPEG2000": 50_000_000}


def _header(image: Image.Image, limits: Limits) -> Header:
    width, height = image.size
    if width * height > min(limits.max_pixels, _HUNGRY.get(str(image.format), limits.max_pixels)):
        raise ImageRejectedError("too_many_pixels", f"{width} x {height}")
    if image.format == "PNG":
        image.load()  # its EXIF may stand behind the pixels; _orientation would hide their damage
    orientation = _orientation(image)
    if orientation >= 5 and not _is_turned(str(image.format)):
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


def _is_turned(format: str) -> bool:
    """Pillow turns a TIFF while it loads it, and gives its size after the turn."""
    return format == "TIFF"


# -- pixels ----------------------------------------------------------------------------------


def _decode_jpeg(data: bytes) -> Pixels | None:
    """libjpeg-turbo's slow-but-accurate path; None where Pillow has to judge."""
    import simplejpeg

    try:
        _, _, colorspace, _ = simplejpeg.decode_jpeg_header(data)
        if colorspace not in ("RGB", "YCbCr", "Gray", "YCC"):
            return None
        return np.asarray(simplejpeg.decode_jpeg(data, "RGB", fastdct=False, fastupsample=False))
    except ValueError:
        return None  # damaged, or merely odd: Pillow's verdict counts


_BAND = 256  # rows that are converted at once: the peak stays at one decoded picture and one RGB


def _to_rgb(image: Image.Image) -> Pixels:
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
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: a.transpose(1, 0, 2)[:, ::-1],
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: a.transpose(1, 0, 2)[::-1],
}


def _turn(pixels: Pixels, orientation: int) -> Pixels:
    """Turns the stored pixels as the EXIF orientation says (the names are the standard's rows)."""
    return np.ascontiguousarray(_TURNS[orientation](pixels))
