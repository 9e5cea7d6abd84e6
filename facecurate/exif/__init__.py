"""Where a photo was taken, and who is in it, leaves its metadata; pixels and orientation stay.

Segments and chunks are dropped or edited where they stand and nothing is decoded, so the pixels
cannot change. What names author and rights is kept where it can be told from the rest.
"""

from __future__ import annotations

import io

from PIL import Image

from facecurate.exif import avif, chunks, gif, jpeg, tiff


def strip_gps(data: bytes) -> bytes:
    """The same picture without GPS, place names and names of people; bytes after its end are cut.

    JPEG, PNG, WebP, GIF, TIFF and AVIF are edited; other formats, and files without such metadata,
    come back as they are. Pixels and orientation (as Pillow reads it) stay. Vendors' maker notes,
    which may hold anything, go, and so do thumbnails that carry metadata of their own. Raises
    ValueError where the file contradicts its format or ends early; TIFF and AVIF, which are edited
    in place and keep their length, come back as they are then.
    """
    if data.startswith(b"\xff\xd8"):
        edit, kind = jpeg.edited, "JPEG"
    elif data.startswith(chunks.PNG):
        edit, kind = chunks.edited_png, "PNG"
    elif data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        edit, kind = chunks.edited_webp, "WEBP"
    elif data.startswith(gif.SIGNATURES):
        return gif.edited(data)
    elif data[:4] in tiff.FORMS:
        return _if_turned_alike(data, tiff.edited_file(data), "TIFF")
    elif data[4:8] == b"ftyp":
        return _if_turned_alike(data, avif.edited(data), "AVIF")
    else:
        return data
    stripped = edit(data, None)
    if stripped == data:
        return data
    turn = _orientation(data, kind)
    if _orientation(stripped, kind) != turn:  # it stood in what had to go
        stripped = edit(data, tiff.only_orientation(turn))
    return stripped


def _if_turned_alike(data: bytes, stripped: bytes, kind: str) -> bytes:
    """The stripped file unless its pixels would be shown otherwise."""
    if stripped == data or _orientation(data, kind) == _orientation(stripped, kind):
        return stripped
    return data


def _orientation(data: bytes, kind: str) -> int:
    try:
        with Image.open(io.BytesIO(data), formats=[kind]) as image:
            value = image.getexif().get(0x0112, 1)
    except Exception:  # damaged metadata does not make the pixels unusable
        return 1
    return value if value in range(1, 9) else 1
