"""The TIFF structure inside Exif (CIPA DC-008, TIFF 6.0): entries that tell a place are blanked.

Every offset stays valid, because nothing moves: an entry leaves its directory, its bytes become
zero.
"""

from __future__ import annotations

import re
import struct

# Properties of XMP that tell a place, or name people (Exif, Photoshop, IPTC, MWG and MP regions).
TELLS = re.compile(
    rb"GPS|Location|Latitude|Longitude|Province|photoshop:(?:City|State|Country)|Iptc4xmp\w+:City"
    rb"|Iptc4xmp\w+:Country|\bgeo:|PersonInImage|PersonDisplayName|RegionInfo|:Regions"
)
EXIF = b"Exif\0\0"

_GPS, _THUMBNAIL, _THUMBNAIL_SIZE = 0x8825, 0x0201, 0x0202
_FOLDERS = {0x8769, 0xA005, 0x014A}  # Exif, interoperability, further pictures
_BLANKED = {
    _GPS,
    0x02BC,  # XMP
    0x83BB,  # IPTC
    0x8649,  # Photoshop's resources
    0x927C,  # the camera maker's notes: some hold places, none says where
    0xC634,  # the same inside DNG
    *(0x830E, 0x8480, 0x8482, 0x85D8, 0x87AF, 0x87B0, 0x87B1),  # GeoTIFF
}
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_MOST_FOLDERS = 32
_CARRIERS = (EXIF, b"http://ns.adobe.com/", b"Photoshop 3.0")


def only_orientation(turn: int) -> bytes:
    """A TIFF structure with an orientation (2-8) and nothing else; b"" for an upright picture."""
    entry = struct.pack(">HHIHH", 0x0112, 3, 1, turn, 0)
    return b"MM\0*\0\0\0\x08\0\x01" + entry + bytes(4) if turn > 1 else b""


def cleaned(tiff: bytes) -> bytes:
    """``tiff`` without what tells a place, of the same length; b"" if it cannot be read whole.

    Bytes without such entries come back equal.
    """
    if tiff[:4] not in (b"II*\0", b"MM\0*"):
        return b""
    try:
        return bytes(_Editor(tiff).run())
    except (struct.error, IndexError):
        return b""


class _Editor:
    """Walks all directories once; reads out of bounds raise struct.error."""

    def __init__(self, tiff: bytes) -> None:
        self.data = bytearray(tiff)
        self.order = "<" if tiff[:2] == b"II" else ">"
        self.waiting = [self._number(4)]
        self.seen: set[int] = set()

    def run(self) -> bytearray:
        while self.waiting:
            at = self.waiting.pop()
            if 0 < at < len(self.data) - 1 and at not in self.seen:  # some lead nowhere
                self.seen.add(at)
                if len(self.seen) > _MOST_FOLDERS:
                    raise IndexError("too many directories")
                self._folder(at)
        return self.data

    def _number(self, at: int, letter: str = "I") -> int:
        return int(struct.unpack_from(self.order + letter, self.data, at)[0])

    def _folder(self, at: int) -> None:
        """Cleans one directory and notes those that it leads to."""
        count = self._number(at, "H")
        stop = at + 2 + 12 * count
        following = bytes(self.data[stop : stop + 4])  # some files end before it
        entries = [bytes(self.data[at + 2 + 12 * i :][:12]) for i in range(count)]
        if stop > len(self.data):
            raise IndexError("a directory runs over the end")
        drop = {tag for e in entries if (tag := self._tag(e)) in _BLANKED}
        drop |= self._thumbnail_tags(entries)
        for entry in entries:
            if self._tag(entry) in drop:
                self._blank(entry)
            elif self._tag(entry) in _FOLDERS:
                self.waiting += self._pointers(entry)
        if len(following) == 4:
            self.waiting.append(struct.unpack(self.order + "I", following)[0])
        kept = [e for e in entries if self._tag(e) not in drop]
        if len(kept) < count:
            packed = struct.pack(self.order + "H", len(kept)) + b"".join(kept) + following
            size = stop + len(following) - at
            self.data[at : at + size] = packed.ljust(size, b"\0")

    def _tag(self, entry: bytes) -> int:
        return int(struct.unpack_from(self.order + "H", entry)[0])

    def _values(self, entry: bytes) -> tuple[int, int]:
        """Where an entry's values stand outside of it, and how many bytes; 0 bytes inside it."""
        kind, count, at = struct.unpack_from(self.order + "HII", entry, 2)
        size = _SIZES.get(kind, 1) * count
        if size <= 4:
            return 0, 0
        if at + size > len(self.data):
            raise IndexError("values run over the end")
        return at, size

    def _pointers(self, entry: bytes) -> list[int]:
        at, size = self._values(entry)
        raw = bytes(self.data[at : at + size]) if size else entry[8:12]
        return list(struct.unpack(f"{self.order}{len(raw) // 4}I", raw))

    def _blank(self, entry: bytes) -> None:
        if self._tag(entry) == _GPS:
            self._blank_folder(struct.unpack_from(self.order + "I", entry, 8)[0])
        else:
            self._zero(*self._values(entry))

    def _blank_folder(self, at: int) -> None:
        count = self._number(at, "H")
        if at + 2 + 12 * count > len(self.data):
            raise IndexError("the GPS directory runs over the end")
        for i in range(count):
            self._zero(*self._values(bytes(self.data[at + 2 + 12 * i :][:12])))
        self._zero(at, 2 + 12 * count)

    def _zero(self, at: int, size: int) -> None:
        self.data[at : at + size] = bytes(size)

    def _thumbnail_tags(self, entries: list[bytes]) -> set[int]:
        """The entries of a thumbnail that has metadata of its own; its bytes are blanked."""
        place = {t: e for e in entries if (t := self._tag(e)) in (_THUMBNAIL, _THUMBNAIL_SIZE)}
        if len(place) < 2:
            return set()
        at, size = (self._pointers(place[t])[0] for t in (_THUMBNAIL, _THUMBNAIL_SIZE))
        thumbnail = bytes(self.data[at : at + size])
        if not any(carrier in thumbnail for carrier in _CARRIERS):
            return set()
        self._zero(at, len(thumbnail))
        return set(place)
