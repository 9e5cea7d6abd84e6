"""Samples of foreign WebDataset tars: members found by their headers, grouped as webdataset does.

Members are read where they lie and never extracted, so a name is only a name. The library itself
reads a whole member before anybody could look at its size; so headers are read here, members above
the limits are left where they are, and ``webdataset.tariterators`` says which members belong
together. What lies behind a damaged place is found again by the next good header.
"""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from facecurate import images, storage
from facecurate.errors import DamagedError
from facecurate.importing.lists import CARRIED, OTHER_NAMES, cell
from facecurate.importing.rows import Content
from facecurate.text import printable

PICTURES = frozenset(
    ("jpg", "jpeg", "jpe", "jfif", "png", "gif", "webp", "avif", "bmp", "dib", "tif", "tiff", "jp2",
     "j2k", "ppm", "pgm", "pbm", "pnm", "mpo", "ico", "qoi")
)  # fmt: skip
_LONGEST_JSON, _LONGEST_TEXT = 1 << 20, 1 << 16  # bytes
_META = re.compile(r"__[^/]*__($|/)")  # webdataset's own notes
_BLOCK = 1 << 16
_UNIT = tarfile.BLOCKSIZE


@dataclass(frozen=True, slots=True)
class Member:
    """A regular file of a tar. ``begin`` to ``end``: all its bytes, headers and padding too."""

    key: str
    suffix: str  # in lower case, all that follows the first dot
    begin: int
    offset: int
    size: int
    end: int
    whole: bool  # False if the tar ends inside it

    @property
    def is_picture(self) -> bool:
        """By the last part of its suffix."""
        return self.suffix.rpartition(".")[2] in PICTURES


def members(
    url: str, damage: list[str], begin: int = 0, end: int | None = None
) -> Iterator[Member | None]:
    """The members between two bytes, in order; None for one whose name makes it no sample's.

    What is wrong with the tar is added to ``damage`` in words. Raises DamagedError for a file that
    is no tar at all.
    """
    total, at, found = storage.size(url), begin, False
    with storage.reading(url) as file:
        _check_plain(file, url)
        file.seek(begin)
        try:
            tar = tarfile.TarFile(
                fileobj=file, mode="r", ignore_zeros=True, errors="surrogateescape"
            )
            while (end is None or at < end) and (info := tar.next()) is not None:
                tar.members = []  # type: ignore[attr-defined]  # else it remembers all
                if info.offset > at and not _is_nothing(file, at, info.offset):
                    damage.append(f"it cannot be read from byte {at:,} to {info.offset:,}")
                at, found = tar.offset, True
                if not info.isreg() or info.issparse() or _META.match(info.name):
                    continue
                whole = info.offset_data + info.size <= total
                if not whole:
                    damage.append(f"it stops inside {printable(info.name, 80)}")
                yield _member(info, at, whole)
            if end is None and at <= total and not _has_end_mark(file, at):
                damage.append(f"it stops or breaks at byte {at:,}")
        except tarfile.TarError as error:
            if not damage:
                damage.append(f"{printable(error)} at byte {at:,}")
    if not found:
        raise DamagedError(f"{printable(url)}: it is no tar, or nothing in it can be read")


def _check_plain(file: BinaryIO, url: str) -> None:
    start = file.read(6)
    if start.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")):
        raise DamagedError(f"{printable(url)}: it is compressed: unpack it to a plain .tar first")


def _has_end_mark(file: BinaryIO, at: int) -> bool:
    file.seek(at)
    return file.read(_UNIT) == bytes(_UNIT)


def _is_nothing(file: BinaryIO, begin: int, end: int) -> bool:
    """Whether only zeros lie there, or a header for all; the file's place is as before."""
    before = file.tell()
    file.seek(begin)
    start = file.read(_UNIT)
    is_global = start[156:157] == tarfile.XGLTYPE and start[257:262] == b"ustar"
    file.seek(begin)
    while not is_global and begin < end and (block := file.read(min(_BLOCK, end - begin))):
        if block.count(0) != len(block):
            break
        begin += len(block)
    file.seek(before)
    return is_global or begin >= end


def _member(info: tarfile.TarInfo, end: int, whole: bool) -> Member | None:
    from webdataset.tariterators import base_plus_ext

    key, suffix = base_plus_ext(info.name)
    if key is None:
        return None
    return Member(key, suffix.lower(), info.offset, info.offset_data, info.size, end, whole)


@dataclass(frozen=True, slots=True)
class Sample:
    """What has one key: its pictures by suffix, in the order of the tar, and what is said of them.

    ``said``: columns of ``photos/``.
    """

    key: str
    pictures: dict[str, Content]
    said: dict[str, str]


def samples(url: str, begin: int, end: int) -> Iterator[Sample]:
    """The samples between two bytes, read one after the other."""
    from webdataset.tariterators import group_by_keys

    with storage.reading(url) as file:
        files = (
            {"fname": f"{one.key}.{one.suffix}", "data": (one, _content(file, one)), "__url__": url}
            for one in members(url, [], begin, end)
            if one is not None
        )
        # A name that stands twice in one sample is an error there: the first one counts.
        for group in group_by_keys(files, handler=lambda error: True):
            yield _sample(group["__key__"], [v for v in group.values() if isinstance(v, tuple)])


def _content(file: BinaryIO, member: Member) -> Content | None:
    """The bytes of a picture or a note; None for what is neither, or a note that is too long."""
    longest = {"json": _LONGEST_JSON, "txt": _LONGEST_TEXT}.get(member.suffix, 0)
    if member.is_picture:
        longest = images.DEFAULT_LIMITS.max_bytes
    if member.size > longest:
        return images.ImageRejectedError("too_many_bytes") if member.is_picture else None
    if not member.whole:
        return images.ImageRejectedError("truncated") if member.is_picture else None
    file.seek(member.offset)
    return file.read(member.size)


def _sample(key: str, found: list[tuple[Member, Content | None]]) -> Sample:
    pictures = {m.suffix: data for m, data in found if m.is_picture and data is not None}
    notes = {m.suffix: data for m, data in found if isinstance(data, bytes)}
    return Sample(key, pictures, said(notes.get("json"), notes.get("txt")))


def said(data: bytes | None, text: bytes | None) -> dict[str, str]:
    """The columns that a sample's ``.json`` tells; its ``.txt`` is the title where that is silent.

    Nothing for bytes that are no JSON object.
    """
    try:
        given: Any = json.loads(data) if data else {}
    except (ValueError, RecursionError):
        given = {}
    given = {str(k).lower(): v for k, v in given.items()} if isinstance(given, dict) else {}
    found = {}
    for name in ("url", *CARRIED):
        values = (cell(given.get(n)) for n in (name, *OTHER_NAMES.get(name, ())))
        if value := next((v for v in values if v), None):
            found[name] = value
    if "title" not in found and text and (title := cell(text)):
        found["title"] = title
    return found
