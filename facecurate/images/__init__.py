"""The one way in which bytes become pixels and pixels become bytes.

Nothing is allocated before the header has been checked against the limits. Every picture comes out
as RGB (or its luminance), turned as its EXIF orientation says, the first frame of an animation; or
it is rejected with a reason of ``records.REASONS``.
"""

from facecurate.exif import strip_gps
from facecurate.images.decoding import Picture, decode
from facecurate.images.encoding import JPEG_QUALITY, encode_jpeg, resize
from facecurate.images.opening import (
    DEFAULT_LIMITS,
    Header,
    ImageRejectedError,
    Limits,
    extension,
    inspect,
)
from facecurate.images.pixels import Pixels, luma

__all__ = [
    "DEFAULT_LIMITS",
    "JPEG_QUALITY",
    "Header",
    "ImageRejectedError",
    "Limits",
    "Picture",
    "Pixels",
    "decode",
    "encode_jpeg",
    "extension",
    "inspect",
    "luma",
    "resize",
    "strip_gps",
]
