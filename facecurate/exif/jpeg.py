"""JPEG segments (ITU-T T.81, annex B) and what programs keep in them: Exif, XMP, Photoshop, IPTC.

XMP in JPEG: ISO 16684-3. IPTC: IIM 4.2. Several pictures in a file: CIPA DC-007.
"""

from __future__ import annotations

import itertools
import re
import struct
from collections.abc import Iterator

from facecurate.exif import tiff

_XMP, _MORE_XMP = b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"
_PHOTOSHOP = b"Photoshop 3.0\0"
_SCAN, _END = 0xDA, 0xD9
_ADOBE = 0xEE  # colour transform
_APP1, _COMMENT = 0xE1, 0xFE
# Words in a comment that tell a place: those of XMP in any case, degrees, long decimal fractions.
_TOLD = re.compile(
    rb"(?i:gps|geo\b|l(?:at|on|ng)\b|latitude|longitude|location|exif|xmp|city|country)"
    rb"|\xb0|&deg|\d[.,]\d{4}"
)
_MOST = 20_000  # segments that are looked at
_BARE = {0x01, 0xD8, 0xD9, *range(0xD0, 0xD8)}  # markers without a length
_MARKER = re.compile(rb"\xff+[^\x00\xff]")
_AFTER_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # neither stuffing nor a restart
_MOST_SCANS = 200  # decoding each takes its time: a small file could ask for hours
_LONGEST = 65_533  # bytes that a segment can hold


def segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """(marker, start, stop) of every segment of the first picture, its end marker the last.

    A scan's coded data belong to its segment. Raises ValueError where the end marker is missing, or
    the segments are too many.
    """
    at = marker = count = scans = 0
    while marker != _END:
        found, count = _MARKER.search(data, at), count + 1
        if not found or count > _MOST:
            raise ValueError("the JPEG has no end marker")
        if scans > _MOST_SCANS:
            raise ValueError("the JPEG has more scans than any encoder writes")
        at = found.end()
        marker, start = data[at - 1], at - 2
        if marker not in _BARE:
            at += max(int.from_bytes(data[at : at + 2], "big"), 2)
        if marker == _SCAN:
            scans += 1
            after = _AFTER_SCAN.search(data, at)
            at = after.start() if after else len(data)
        yield marker, start, at


def edited(data: bytes, exif: bytes | None) -> bytes:
    """The first picture without what tells a place. Raises ValueError.

    ``exif``: a TIFF structure to put in the place of the file's own; None edits that one.
    """
    found = list(segments(data))
    more_follows = found[-1][2] < len(data)
    if not exif and not more_follows and _is_plain(data, found):
        return data
    parts = [(marker, data[start:stop]) for marker, start, stop in found]
    xmp = _joined(parts, (_XMP, _MORE_XMP), 4)
    album = _joined(parts, (_PHOTOSHOP,), 4 + len(_PHOTOSHOP))
    kept = [parts[0][1]]
    if exif:
        kept.append(_segment(0xE1, tiff.EXIF + exif))
    for marker, segment in parts[1:]:
        payload = segment[4:] if 0xE0 <= marker <= 0xEF else b""
        if payload.startswith(tiff.EXIF):
            kept += [] if exif is not None else _exif(segment)
        elif payload.startswith((_XMP, _MORE_XMP)):
            kept += [] if tiff.TELLS.search(xmp) else [segment]
        elif payload.startswith(_PHOTOSHOP):
            kept += _album_segments(segment, album)
            album = b""  # the first segment takes the resources of all
        elif marker == _APP1 or payload[:4].lower() == b"exif":
            continue  # neither Exif nor XMP, or under a header that other readers may forgive
        elif marker == _COMMENT and _TOLD.search(segment, 4):
            continue
        elif payload.startswith(b"MPF\0"):
            kept += [] if more_follows else [segment]  # it points at the pictures that are cut off
        elif b"GPS" not in payload or payload.startswith(b"ICC_PROFILE\0"):
            kept.append(segment)
    return b"".join(kept)


def _is_plain(data: bytes, found: list[tuple[int, int, int]]) -> bool:
    """True if there is no segment that programs keep metadata in, and no gap between segments."""
    apart = any(a[2] != b[1] for a, b in itertools.pairwise(found))
    own = any(
        marker == _COMMENT or (0xE1 <= marker <= 0xEF and marker != _ADOBE)
        for marker, _, _ in found
    )
    return not apart and not own


def _joined(parts: list[tuple[int, bytes]], names: tuple[bytes, ...], skipped: int) -> bytes:
    return b"".join(
        s[skipped:] for marker, s in parts if 0xE0 <= marker <= 0xEF and s.startswith(names, 4)
    )


def _segment(marker: int, payload: bytes) -> bytes:
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(payload) + 2) + payload


def _exif(segment: bytes) -> list[bytes]:
    old = segment[4 + len(tiff.EXIF) :]
    new = tiff.cleaned(old)
    if new == old:
        return [segment]
    return [_segment(0xE1, tiff.EXIF + new)] if new else []


def _album_segments(segment: bytes, album: bytes) -> list[bytes]:
    new = _resources(album)
    if new == segment[4 + len(_PHOTOSHOP) :]:
        return [segment]
    step = _LONGEST - len(_PHOTOSHOP)
    return [_segment(0xED, _PHOTOSHOP + new[i : i + step]) for i in range(0, len(new), step)]


_RESOURCE = struct.Struct(">4sHB")  # signature, number, letters of the name
_SIGNATURES = (b"8BIM", b"MeSa", b"AgHg", b"PHUT", b"DCSR")
_IPTC, _IPTC_DIGEST = 0x0404, 0x0425
_COPIES = (0x0422, 0x0423, 0x0424)  # Exif and XMP once more


def _resources(album: bytes) -> bytes:
    """Photoshop's resources without places; nothing at all if they cannot be read."""
    kept, at, changed = [], 0, False
    while at + _RESOURCE.size <= len(album):
        signature, number, letters = _RESOURCE.unpack_from(album, at)
        head = at + 6 + (letters + 2) // 2 * 2
        size = int.from_bytes(album[head : head + 4], "big")
        body, stop = album[head + 4 : head + 4 + size], head + 4 + size + size % 2
        if signature not in _SIGNATURES or len(body) != size:
            return b""
        if number == _IPTC and (new := _iptc(body)) != body:
            changed = True
            kept.append((number, album[at:head] + struct.pack(">I", len(new)) + new))
            kept.append((number, bytes(len(new) % 2)))
        elif number not in _COPIES:
            kept.append((number, album[at:stop]))
        at = stop
    return b"".join(b for number, b in kept if not (changed and number == _IPTC_DIGEST))


# Location code and name, city, sublocation, province, country code and name (records 2:NN).
_IPTC_PLACES = {26, 27, 90, 92, 95, 100, 101}


def _iptc(records: bytes) -> bytes:
    """The records without places; those after one that cannot be read are left out."""
    kept, at, found = [], 0, False
    while records[at : at + 1] == b"\x1c" and at + 5 <= len(records):
        size = int.from_bytes(records[at + 3 : at + 5], "big")
        stop = at + 5 + size
        if size >= 0x8000 or stop > len(records):  # extended lengths: longer than any text
            found = True
            break
        if records[at + 1] == 2 and records[at + 2] in _IPTC_PLACES:
            found = True
        else:
            kept.append(records[at:stop])
        at = stop
    return b"".join(kept) if found else records
