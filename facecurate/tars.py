"""Plain tar files with fixed metadata: the same members give the same bytes; never extracted."""

from __future__ import annotations

import contextlib
import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from facecurate import storage
from facecurate.errors import DamagedError


@dataclass(frozen=True, slots=True)
class Member:
    """Where a member's bytes lie in its tar."""

    name: str
    offset: int
    size: int


class TarWriter:
    """Appends members to a binary file; no clock, user or host enters the bytes."""

    def __init__(self, file: BinaryIO) -> None:
        self._tar = tarfile.TarFile(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT)

    def add(self, name: str, data: bytes) -> Member:
        """Adds one member and says where its bytes lie."""
        info = tarfile.TarInfo(name)
        info.size = len(data)
        info.mode = 0o644
        offset = self._tar.offset + tarfile.BLOCKSIZE
        self._tar.addfile(info, io.BytesIO(data))
        return Member(name, offset, len(data))

    def close(self) -> None:
        """Writes the end of the archive; the file itself stays open."""
        self._tar.close()


def members(url: str) -> Iterator[Member]:
    """The regular files of a tar, in order, read from the headers alone.

    Raises DamagedError if the archive is cut short or is no tar.
    """
    with _damage_told(url):
        for _, info in _entries(url):
            yield Member(info.name, info.offset_data, info.size)


def read_members(url: str) -> Iterator[tuple[str, bytes]]:
    """Names and bytes of the regular files of a tar, in order. Raises as ``members`` does."""
    with _damage_told(url):
        for tar, info in _entries(url):
            content = tar.extractfile(info)
            assert content is not None
            yield info.name, content.read()


@contextlib.contextmanager
def _damage_told(url: str) -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, EOFError) as error:
        raise DamagedError(f"{url} is damaged: {error}") from error


def _entries(url: str) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    """Looks for the zeros at the end as well: the library takes a damaged header for the end."""
    with storage.reading(url) as file, tarfile.open(fileobj=file, mode="r:") as tar:
        for info in tar:
            if info.isfile():
                yield tar, info
        file.seek(tar.offset)
        if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise EOFError(f"it stops or breaks at byte {tar.offset}")


def index(url: str) -> dict[str, Member]:
    """Members of a tar by name."""
    return {member.name: member for member in members(url)}
