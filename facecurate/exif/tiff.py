"""The TIFF structure, of Exif (CIPA DC-008) and of TIFF files (TIFF 6.0, BigTIFF).

Entries that tell a place are blanked. Every offset stays valid, because nothing moves: an entry
leaves its directory, its bytes become zero.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

# Properties of XMP that tell a place, or name people (Exif, Photoshop, IPTC, MWG and MP regions).
TELLS = re.compile(
    rb"GPS|Location|Latitude|Longitude|Province|photoshop:(?:City|State|Country)|Iptc4xmp\w+:City"
    rb"|Iptc4xmp\w+:Country|\bgeo:|PersonInImage|PersonDisplayName|RegionInfo|:Regions"
)
EXIF = b"Exif\0\0"

_GPS, _THUMBNAIL, _THUMBNAIL_SIZE, _XMP = 0x8825, 0x0201, 0x0202, 0x02BC
_FOLDERS = {0x8769, 0xA005, 0x014A}  # Exif, interoperability, further pictures
_BLANKED = {
    _GPS,
    _XMP,
    0x83BB,  # IPTC
    0x8649,  # Photoshop's resources
    0x927C,  # the camera maker's notes: some hold places, none says where
    0xC634,  # the same inside DNG
    *(0x830E, 0x8480, 0x8482, 0x85D8, 0x87AF, 0x87B0, 0x87B1),  # GeoTIFF
}
# Where pixels lie, and how many bytes of them: strips, tiles, one JPEG.
_PIXELS = ((0x0111, 0x0117), (0x0144, 0x0145), (_THUMBNAIL, _THUMBNAIL_SIZE))
_SIZES = {
    1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8,
    18: 8,
}  # fmt: skip
_LETTERS = {3: "H", 16: "Q", 18: "Q"}  # of whole numbers by type; the others are LONG or IFD
_MOST_FOLDERS = 32  # in Exif; a file has one or two for each page
_MOST_PAGES = 4096
_CARRIERS = (EXIF, b"http://ns.adobe.com/", b"Photoshop 3.0")
_TURN = re.compile(rb'tiff:Orientation(?:="|>)[1-8]')  # as Pillow looks for it


@dataclass(frozen=True, slots=True)
class _Form:
    """How wide counts and offsets are."""

    first: int  # where the offset of the first directory stands
    count: str  # of a directory's entries
    entry: int  # bytes
    word: str  # counts and offsets of an entry
    size: int  # of a word

    @property
    def head(self) -> int:
        """Bytes before the entries of a directory."""
        return struct.calcsize(self.count)


_CLASSIC, _BIG = _Form(4, "H", 12, "I", 4), _Form(8, "Q", 20, "Q", 8)
FORMS = {b"II*\0": _CLASSIC, b"MM\0*": _CLASSIC, b"II+\0": _BIG, b"MM\0+": _BIG}


def only_orientation(turn: int) -> bytes:
    """A TIFF structure with an orientation (2-8) and nothing else; b"" for an upright picture."""
    entry = struct.pack(">HHIHH", 0x0112, 3, 1, turn, 0)
    return b"MM\0*\0\0\0\x08\0\x01" + entry + bytes(4) if turn > 1 else b""


def cleaned(tiff: bytes) -> bytes:
    """``tiff`` without what tells a place, of the same length; b"" if it cannot be read whole.

    Bytes without such entries come back equal.
    """
    if FORMS.get(tiff[:4]) is not _CLASSIC:
        return b""
    try:
        return bytes(_Editor(tiff).run())
    except (struct.error, IndexError):
        return b""


def edited_file(data: bytes) -> bytes:
    """A TIFF file without what tells a place, of the same length; as it is if it cannot be read.

    The bytes of its pixels are left alone: a file that keeps them where its places stand comes back
    as it is, too.
    """
    if data[:4] not in FORMS:
        return data
    try:
        return bytes(_Editor(data, file=True).run())
    except (struct.error, IndexError):
        return data


def bare_xmp(packet: bytes) -> bytes:
    """A packet of XMP that tells a place or a name, with its orientation alone and spaces.

    Others come back as they are; the length stays.
    """
    if not TELLS.search(packet):
        return packet
    turn = _TURN.search(packet)
    return (turn[0] if turn else b"").ljust(len(packet))


Range = tuple[int, int]  # start, stop


def meet(some: list[Range], others: list[Range]) -> bool:
    """Whether a range of one list has a byte in common with one of the other."""
    reached = [0, 0]
    listed = [(*r, 0) for r in some] + [(*r, 1) for r in others]
    for start, stop, side in sorted(r for r in listed if r[0] < r[1]):
        if start < reached[1 - side]:
            return True
        reached[side] = max(reached[side], stop)
    return False


class _Editor:
    """Walks all directories once; reads out of bounds raise struct.error."""

    def __init__(self, tiff: bytes, file: bool = False) -> None:
        self.data = bytearray(tiff)
        self.file = file
        self.order = "<" if tiff[:2] == b"II" else ">"
        self.form = FORMS[tiff[:4]]
        self.waiting = [self._number(self.form.first, self.form.word)]
        self.first = self.waiting[0]
        self.seen: set[int] = set()
        self.left = (1 << 20) + 4 * len(tiff)  # bytes to look at: directories may overlap
        self.changed: list[Range] = []
        self.pixels: list[Range] = []

    def run(self) -> bytearray:
        most = _MOST_PAGES if self.file else _MOST_FOLDERS
        while self.waiting:
            at = self.waiting.pop()
            if 0 < at < len(self.data) - 1 and at not in self.seen:  # some lead nowhere
                self.seen.add(at)
                if len(self.seen) > most:
                    raise IndexError("too many directories")
                self._folder(at)
        if self.file and meet(self.changed, self.pixels):
            raise IndexError("pixels stand where a place does")
        return self.data

    def _spend(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise IndexError("more than a file of its size can hold")

    def _number(self, at: int, letter: str = "I") -> int:
        return int(struct.unpack_from(self.order + letter, self.data, at)[0])

    def _entries(self, at: int) -> list[bytes]:
        form, count = self.form, self._number(at, self.form.count)
        start, size = at + form.head, form.entry * count
        self._spend(size)
        if start + size > len(self.data):
            raise IndexError("a directory runs over the end")
        return [
            bytes(self.data[i : i + form.entry]) for i in range(start, start + size, form.entry)
        ]

    def _folder(self, at: int) -> None:
        """Cleans one directory and notes those that it leads to."""
        entries, form = self._entries(at), self.form
        stop = at + form.head + form.entry * len(entries)
        following = bytes(self.data[stop : stop + form.size])  # some files end before it
        if self.file:
            # A JPEG in a later directory is a thumbnail; in the first it is the picture.
            self._note_pixels(entries, _PIXELS if at == self.first else _PIXELS[:-1])
        drop = {tag for e in entries if (tag := self._tag(e)) in _BLANKED}
        drop -= {_XMP} if self.file else set()
        drop |= self._thumbnail_tags(entries) if not self.file or at != self.first else set()
        for entry in entries:
            if self._tag(entry) in drop:
                self._blank(entry)
            elif self._tag(entry) in _FOLDERS:
                self.waiting += self._numbers(entry)
            elif self._tag(entry) == _XMP:
                self._bare(entry)
        if len(following) == form.size:
            self.waiting.append(struct.unpack(self.order + form.word, following)[0])
        kept = [e for e in entries if self._tag(e) not in drop]
        if len(kept) < len(entries):
            packed = struct.pack(self.order + form.count, len(kept)) + b"".join(kept) + following
            self._put(at, packed.ljust(stop + len(following) - at, b"\0"))

    def _tag(self, entry: bytes) -> int:
        return int(struct.unpack_from(self.order + "H", entry)[0])

    def _values(self, entry: bytes) -> tuple[int, int]:
        """Where an entry's values stand outside of it, and how many bytes; 0 bytes inside it."""
        word = self.form.word
        kind, count, at = struct.unpack_from(f"{self.order}H{word}{word}", entry, 2)
        size = _SIZES.get(kind, 1) * count
        if size <= self.form.size:
            return 0, 0
        if at + size > len(self.data):
            raise IndexError("values run over the end")
        return at, size

    def _numbers(self, entry: bytes) -> list[int]:
        """The values of an entry that holds offsets or sizes."""
        kind, count = struct.unpack_from(f"{self.order}H{self.form.word}", entry, 2)
        letter = _LETTERS.get(kind, "I")
        at, size = self._values(entry)
        self._spend(size)
        raw = bytes(self.data[at : at + size]) if size else entry[-self.form.size :]
        step = struct.calcsize(letter)
        count = min(max(count, 1), len(raw) // step)
        return list(struct.unpack(f"{self.order}{count}{letter}", raw[: count * step]))

    def _note_pixels(self, entries: list[bytes], pairs: tuple[tuple[int, int], ...]) -> None:
        found = {self._tag(entry): entry for entry in entries}
        for place, size in pairs:
            if place in found:
                sizes = self._numbers(found[size]) if size in found else []
                starts = self._numbers(found[place])
                if len(sizes) != len(starts):
                    raise IndexError("nobody says where the pixels end")
                self.pixels += [(a, a + s) for a, s in zip(starts, sizes, strict=True)]

    def _blank(self, entry: bytes) -> None:
        if self._tag(entry) == _GPS:
            self._blank_folder(self._numbers(entry)[0])
        else:
            self._zero(*self._values(entry))

    def _blank_folder(self, at: int) -> None:
        entries = self._entries(at)
        for entry in entries:
            self._zero(*self._values(entry))
        self._zero(at, self.form.head + self.form.entry * len(entries))

    def _bare(self, entry: bytes) -> None:
        at, size = self._values(entry)
        packet = bytes(self.data[at : at + size])
        if (bare := bare_xmp(packet)) != packet:
            self._put(at, bare)

    def _zero(self, at: int, size: int) -> None:
        self._put(at, bytes(size))

    def _put(self, at: int, new: bytes) -> None:
        self._spend(len(new))
        self.data[at : at + len(new)] = new
        self.changed.append((at, at + len(new)))

    def _thumbnail_tags(self, entries: list[bytes]) -> set[int]:
        """The entries of a thumbnail that has metadata of its own; its bytes are blanked."""
        place = {t: e for e in entries if (t := self._tag(e)) in (_THUMBNAIL, _THUMBNAIL_SIZE)}
        if len(place) < 2:
            return set()
        at, size = (self._numbers(place[t])[0] for t in (_THUMBNAIL, _THUMBNAIL_SIZE))
        thumbnail = bytes(self.data[at : at + size])
        if not any(carrier in thumbnail for carrier in _CARRIERS):
            return set()
        self._zero(at, len(thumbnail))
        return set(place)
