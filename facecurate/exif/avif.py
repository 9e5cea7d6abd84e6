"""Items of an AVIF (ISO 14496-12, the meta box; ISO 23008-12, annex A), edited where they stand."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from facecurate.exif import tiff
from facecurate.exif.tiff import Range

_MOST = 10_000  # items and their pieces: fields of no width could announce any number for nothing
_XMP_TYPE = b"application/rdf+xml"


def edited(data: bytes) -> bytes:
    """The file without what tells a place, of the same length; as it is if it cannot be read."""
    try:
        return _edited(data)
    except (struct.error, IndexError, ValueError):
        return data


def _edited(data: bytes) -> bytes:
    meta = _only(data, 0, len(data), b"meta")
    start, stop = meta[0] + 4, meta[1]  # behind version and flags
    editors = dict(_editors(data, *_only(data, start, stop, b"iinf")))
    if not editors:
        return data
    places = _places(data, start, stop)
    new, changed = bytearray(data), list[Range]()
    for item, editor in editors.items():
        ranges = places.get(item, [])
        old = b"".join(data[a:b] for a, b in ranges)
        body = editor(old)
        if body != old:
            changed += ranges
            for a, b in ranges:
                new[a:b], body = body[: b - a], body[b - a :]
    others = [r for item, ranges in places.items() if item not in editors for r in ranges]
    if tiff.meet(changed, others):
        raise ValueError("pixels stand where a place does")
    return bytes(new)


def _boxes(data: bytes, at: int, stop: int) -> Iterator[tuple[bytes, int, int]]:
    """(name, start, stop) of the contents of each box."""
    while at + 8 <= stop:
        size, name = struct.unpack_from(">I4s", data, at)
        head = 8
        if size == 1:
            size, head = struct.unpack_from(">Q", data, at + 8)[0], 16
        end = at + size if size else stop
        if not at + head <= end <= stop:
            raise ValueError("a box runs over the end")
        yield name, at + head, end
        at = end


def _only(data: bytes, at: int, stop: int, wanted: bytes) -> Range:
    for name, start, end in _boxes(data, at, stop):
        if name == wanted:
            return start, end
    raise ValueError("a box is missing")


def _editors(data: bytes, at: int, stop: int) -> Iterator[tuple[int, Callable[[bytes], bytes]]]:
    """How the items that hold metadata are edited, by their numbers."""
    wide = data[at] > 0
    for name, start, end in _boxes(data, at + (8 if wide else 6), stop):
        if name != b"infe" or data[start] not in (2, 3):
            continue
        letter = "I" if data[start] == 3 else "H"
        form = f">{letter}H4s"
        item, _, kind = struct.unpack_from(form, data, start + 4)
        texts = data[start + 4 + struct.calcsize(form) : end].split(b"\0")
        if kind == b"Exif":
            yield item, _exif
        elif kind == b"mime" and _XMP_TYPE in texts[1:2]:
            yield item, tiff.bare_xmp


def _exif(body: bytes) -> bytes:
    """The item begins with how many bytes stand before the TIFF structure."""
    at = 4 + int.from_bytes(body[:4], "big")
    if body.startswith(tiff.EXIF, at):  # some count without the name
        at += len(tiff.EXIF)
    new = tiff.cleaned(body[at:])
    return body[:at] + new if new else body


@dataclass(slots=True)
class _Numbers:
    """Reads one after the other."""

    data: bytes
    at: int
    stop: int
    taken: int = field(default=0)

    def next(self, size: int) -> int:
        """A whole number of ``size`` bytes, 0 for none."""
        self.at += size
        if self.at > self.stop:
            raise IndexError("a box ends early")
        return int.from_bytes(self.data[self.at - size : self.at], "big")

    def count(self, size: int) -> range:
        """So many times, unless they are more than any file has."""
        number = self.next(size)
        self.taken += number
        if self.taken > _MOST:
            raise IndexError("too many items")
        return range(number)


def _places(data: bytes, start: int, stop: int) -> dict[int, list[Range]]:
    """Where the pieces of each item lie in the file, from the box iloc."""
    read = _Numbers(data, *_only(data, start, stop, b"iloc"))
    version = read.next(4) >> 24
    sizes = read.next(2)
    offset, length, base, index = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    if version > 2 or {offset, length, base} - {0, 4, 8}:
        raise ValueError("an iloc of an unknown kind")
    wide = 4 if version == 2 else 2
    found: dict[int, list[Range]] = {}
    for _ in read.count(wide):
        item = read.next(wide)
        method = read.next(2) & 15 if version else 0
        read.next(2)  # the number of another file
        began, bound = (0, len(data)) if method == 0 else _idat(data, start, stop, method)
        began += read.next(base)
        pieces = []
        for _ in read.count(2):
            read.next(index if version else 0)
            at = began + read.next(offset)
            size = read.next(length)
            pieces.append((at, at + size if size else bound))  # 0: to the end
        if any(not a <= b <= bound for a, b in pieces):
            raise ValueError("an item runs over the end")
        found[item] = pieces
    return found


def _idat(data: bytes, start: int, stop: int, method: int) -> Range:
    if method != 1:
        raise ValueError("an item made of others")
    return _only(data, start, stop, b"idat")
