"""Bytes opened and checked before anything is decoded: limits, size, EXIF turn, or a reason."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError


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
    with opened(data, limits) as image:
        return read_header(image, limits)


@contextmanager
def opened(data: bytes, limits: Limits) -> Iterator[Image.Image]:
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


def read_header(image: Image.Image, limits: Limits) -> Header:
    """Checks an opened image against the limits and reads its EXIF turn."""
    width, height = image.size
    if width * height > min(limits.max_pixels, _HUNGRY.get(str(image.format), limits.max_pixels)):
        raise ImageRejectedError("too_many_pixels", f"{width} x {height}")
    if image.format == "PNG":
        image.load()  # its EXIF may stand behind the pixels; _orientation would hide their damage
    orientation = _orientation(image)
    if orientation >= 5 and not turned_by_pillow(str(image.format)):
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


def turned_by_pillow(format: str) -> bool:
    """Pillow turns a TIFF while it loads it, and gives its size after the turn."""
    return format == "TIFF"
