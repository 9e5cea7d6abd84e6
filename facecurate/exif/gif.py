"""GIF blocks (GIF89a specification): comments and programs' own extensions go, looping stays."""

from __future__ import annotations

SIGNATURES = (b"GIF87a", b"GIF89a")
_COMMENT, _APPLICATION = 0xFE, 0xFF
_LOOPING = (b"\x0bNETSCAPE2.0\x03\x01", b"\x0bANIMEXTS1.0\x03\x01")


def edited(data: bytes) -> bytes:
    """The GIF without comments and application extensions but that of looping.

    XMP is one of them. Bytes after the trailer are cut. Raises ValueError.
    """
    at = 13 + _colours(_byte(data, 10))
    kept = [data[:at]]
    while True:
        start, kind = at, _byte(data, at)
        if kind == 0x3B:
            return b"".join([*kept, b";"])
        if kind == 0x2C:
            at = _blocks_end(data, start + 11 + _colours(_byte(data, start + 9)))
            kept.append(data[start:at])
        elif kind == 0x21:
            at = _blocks_end(data, start + 2)
            kept.append(_extension(data[start:at]))
        elif kind == 0:
            at += 1  # some encoders pad with them
        else:
            raise ValueError("the GIF has a block of an unknown kind")


def _extension(block: bytes) -> bytes:
    if block[1] not in (_COMMENT, _APPLICATION):
        return block
    return block[:18] + b"\0" if block.startswith(_LOOPING, 2) else b""


def _colours(flags: int) -> int:
    """Bytes of the table of colours that flags announce."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _blocks_end(data: bytes, at: int) -> int:
    """Where a chain of blocks ends, behind its empty one."""
    while size := _byte(data, at):
        at += 1 + size
    return at + 1


def _byte(data: bytes, at: int) -> int:
    if at >= len(data):
        raise ValueError("the GIF ends early")
    return data[at]
