"""How long a video's file says it is: one that is shorter was cut, whatever a decoder makes of it.

Counts of frames in headers are no measure: an AVI counts pictures that were never stored. Sizes of
the outermost boxes are.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

from facecurate import storage

_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"moof", b"mfra", b"uuid", b"meta",
          b"sidx", b"styp", b"udta", b"pnot")  # fmt: skip
_SEGMENT = b"\x18\x53\x80\x67"


def is_cut(url: str) -> bool:
    """Whether a file ends before its own container does; False where nothing tells."""
    size = storage.size(url)
    with storage.reading(url) as file:
        start = file.read(16)
        if start[:4] == b"RIFF":
            return _riff_end(file, size) > size
        if start[:4] == b"\x1a\x45\xdf\xa3":
            return _segment_end(file) > size
        if start[4:8] in _BOXES:
            return _boxes_end(file, size) > size
    return False


def _riff_end(file: BinaryIO, size: int) -> int:
    """One list after the other; a size of 0 or of all ones is what an interrupted writer leaves."""
    end = 0
    while end < size:
        file.seek(end)
        head = file.read(8)
        length = struct.unpack("<I", head[4:])[0] if len(head) == 8 else 0
        if head[:4] != b"RIFF" or length in (0, 0xFFFFFFFF):
            break
        end += 8 + length + length % 2
    return end


def _boxes_end(file: BinaryIO, size: int) -> int:
    """ISO 14496-12, section 4.2: 32-bit sizes, 1 for a 64-bit one behind the name, 0 to the end."""
    end = 0
    while end < size:
        file.seek(end)
        head = file.read(16)
        if head[4:8] not in _BOXES:
            break
        length = struct.unpack(">I", head[:4])[0]
        if length == 1 and len(head) == 16:
            length = struct.unpack(">Q", head[8:])[0]
        if length < 8:
            break
        end += length
    return end


def _segment_end(file: BinaryIO) -> int:
    """RFC 9559: a segment's size is a number of 1 to 8 bytes; all ones: the writer did not know."""
    file.seek(0)
    head = file.read(4096)
    at = head.find(_SEGMENT)
    if at < 0 or at + 12 > len(head) or head[at + 4] == 0:
        return 0
    width = 9 - head[at + 4].bit_length()
    length = int.from_bytes(head[at + 4 : at + 4 + width], "big") & ((1 << 7 * width) - 1)
    return 0 if length == (1 << 7 * width) - 1 else at + 4 + width + length
