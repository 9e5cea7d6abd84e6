"""PNG chunks (third edition: eXIf) and WebP chunks (RFC 9649), and the metadata in them."""

from __future__ import annotations

import struct
import zlib

from facecurate.exif import tiff

PNG = b"\x89PNG\r\n\x1a\n"
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")


def edited_png(data: bytes, exif: bytes | None) -> bytes:
    """The PNG without what tells a place. ``exif`` as in ``jpeg.edited``. Raises ValueError."""
    kept, at, name = [PNG], len(PNG), b""
    while name != b"IEND":
        if at + 12 > len(data):
            raise ValueError("the PNG has no end chunk")
        size, name = struct.unpack_from(">I4s", data, at)
        chunk, at = data[at : at + 12 + size], at + 12 + size
        body = chunk[8 : 8 + size]
        if name == b"eXIf":
            new = tiff.cleaned(body) if exif is None else b""
            kept.append(chunk if new == body else _chunk(name, new) if new else b"")
        elif name not in _TEXTS or not _text_tells(body):
            kept.append(chunk)
        if name == b"IHDR" and exif:
            kept.append(_chunk(b"eXIf", exif))
    return b"".join(kept)


def _text_tells(body: bytes) -> bool:
    """True for profiles in hexadecimal or compressed, and for texts that tell a place."""
    if body.startswith((b"Raw profile type", b"XML:com.adobe.xmp\0\x01")):
        return True
    return bool(tiff.TELLS.search(body))


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def edited_webp(data: bytes, exif: bytes | None) -> bytes:
    """The WebP without what tells a place. ``exif`` as in ``jpeg.edited``. Raises ValueError."""
    old = _webp_chunks(data)
    new = [(name, kept) for name, body in old if (kept := _webp_body(name, body, exif)) is not None]
    if exif and b"EXIF" not in dict(old):
        new.append((b"EXIF", exif))
    if new and new[0][0] == b"VP8X" and new[0][1]:
        names = {name for name, _ in new}
        flags = 8 * (b"EXIF" in names) | 4 * (b"XMP " in names)
        new[0] = (b"VP8X", bytes([new[0][1][0] & ~0x0C | flags]) + new[0][1][1:])
    padded = [n + struct.pack("<I", len(b)) + b + bytes(len(b) % 2) for n, b in new]
    body = b"WEBP" + b"".join(padded)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _webp_chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise ValueError("the WebP ends early")
    chunks, at = [], 12
    while at + 8 <= end:
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        chunks.append((data[at : at + 4], data[at + 8 : at + 8 + size]))
        at += 8 + size + size % 2
    if at > end + 1:
        raise ValueError("a chunk of the WebP runs over its end")
    return chunks


def _webp_body(name: bytes, body: bytes, exif: bytes | None) -> bytes | None:
    """What is kept of a chunk; None for none of it."""
    if name == b"EXIF":
        start = len(tiff.EXIF) if body.startswith(tiff.EXIF) else 0
        new = tiff.cleaned(body[start:]) if exif is None else exif
        return body[:start] + new if new else None
    return None if name == b"XMP " and tiff.TELLS.search(body) else body
