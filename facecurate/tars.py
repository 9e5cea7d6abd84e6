"""Plain tar files with fixed metadata: the same members give the same bytes; never extracted."""

from __future__ import annotations

import contextlib
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from facecurate import storage
from facecurate.errors import DamagedError

_BLOCK = tarfile.BLOCKSIZE


@dataclass(frozen=True, slots=True)
class Member:
    """Where a member's bytes lie in its tar."""

    name: str
    offset: int
    size: int


class TarWriter:
    """Appends members to a binary file; no clock, user or host enters the bytes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._end = 0

    def add(self, name: str, data: bytes) -> Member:
        """Adds one member and says where its bytes lie."""
        header = _header(name, len(data))
        padding = bytes(-len(data) % _BLOCK)
        self._file.write(b"".join((header, data, padding)))
        member = Member(name, self._end + len(header), len(data))
        self._end = member.offset + len(data) + len(padding)
        return member

    def close(self) -> None:
        """Writes the end of the archive; the file itself stays open."""
        end = 2 * _BLOCK
        self._file.write(bytes(end + -(self._end + end) % tarfile.RECORDSIZE))


def _library_header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o644
    return info.tobuf(tarfile.USTAR_FORMAT)


def _fixed() -> tuple[bytes, bytes, bytes, int]:
    """What is the same in every header, from the library, so that both write the same bytes.

    Between name and size, between size and checksum, behind the checksum, and the sum of these and
    of the eight blanks that stand for the checksum while it is taken.
    """
    header = _library_header("", 0)
    kept = header[100:124], header[135:148], header[154:]
    return *kept, sum(map(sum, kept)) - sum(header[154:156]) + 8 * ord(" ")


_AFTER_NAME, _AFTER_SIZE, _AFTER_SUM, _SUM = _fixed()
_PLAIN = re.compile(r"[!-~]{1,100}")


def _header(name: str, size: int) -> bytes:
    """The library's header; for a short name and less than 8 GiB put together much faster."""
    if not _PLAIN.fullmatch(name) or size >= 1 << 33:
        return _library_header(name, size)
    text, digits = name.encode(), b"%011o" % size
    total = b"%06o" % (_SUM + sum(text) + sum(digits))
    padded = text.ljust(100, b"\0")
    return b"".join((padded, _AFTER_NAME, digits, _AFTER_SIZE, total, _AFTER_SUM))


def members(url: str) -> Iterator[Member]:
    """The regular files of a tar, in order, read from the headers alone.

    Raises DamagedError if the archive is cut short or is no tar.
    """
    with _damage_told(url), storage.reading(url) as file:
        yield from _plain_members(file)
        for _, info in _entries(file):
            yield Member(info.name, info.offset_data, info.size)


def read_members(url: str) -> Iterator[tuple[str, bytes]]:
    """Names and bytes of the regular files of a tar, in order. Raises as ``members`` does."""
    with _damage_told(url), storage.reading(url) as file:
        for tar, info in _entries(file):
            content = tar.extractfile(info)
            assert content is not None
            yield info.name, content.read()


@contextlib.contextmanager
def _damage_told(url: str) -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, EOFError) as error:
        raise DamagedError(f"{url} is damaged: {error}") from error


def _plain_members(file: BinaryIO) -> Iterator[Member]:
    """Members with headers like ours, several times faster than the library reads them.

    Stops before the first block that is anything else, and leaves the file there.
    """
    at = file.tell()
    while (header := file.read(_BLOCK))[156:157] == b"0" and header[257:263] == b"ustar\0":
        name, size = header[:100].rstrip(b"\0").decode("ascii", "replace"), header[124:135]
        if header[345:500].strip(b"\0") or not _PLAIN.fullmatch(name) or not size.isdigit():
            break
        if _checksum(header) != header[148:154]:
            break
        member = Member(name, at + _BLOCK, int(size, 8))
        yield member
        at = member.offset + member.size + -member.size % _BLOCK
        file.seek(at)
    file.seek(at)


def _checksum(header: bytes) -> bytes:
    return b"%06o" % (sum(header) - sum(header[148:156]) + 8 * ord(" "))


def _entries(file: BinaryIO) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    """Members from where the file stands, as the library reads them.

    Looks for the zeros at the end as well: the library takes a damaged header for the end.
    """
    at = file.tell()
    if at and file.read(_BLOCK) == bytes(_BLOCK):
        return
    file.seek(at)
    with tarfile.open(fileobj=file, mode="r:") as tar:
        for info in tar:
            if info.isfile():
                yield tar, info
        file.seek(tar.offset)
        if file.read(_BLOCK) != bytes(_BLOCK):
            raise EOFError(f"it stops or breaks at byte {tar.offset}")


def index(url: str) -> dict[str, Member]:
    """Members of a tar by name."""
    return {member.name: member for member in members(url)}
