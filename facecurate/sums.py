"""``SHA256SUMS``: digests of files that no JSON of ours names; ``sha256sum -c`` reads it too."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping

from facecurate import storage

SUMS = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64})  (?!\.{1,2}$)([^/\\\0\r\n]+)")  # never a folder: . or ..


def tell(folder: str, *files: str, coming: Mapping[str, bytes] | None = None) -> None:
    """Writes the digests of these files of a folder; lines about others stay.

    A file that is not there loses its line. ``coming``: files that are written right after, with
    their bytes, where the last file written says that all is finished.
    """
    url = storage.join(folder, SUMS)
    before = storage.read(url) if storage.exists(url) else b""
    found = dict(_lines(before.decode("utf-8", "replace")))
    for file in files:
        found.pop(file, None)
        if storage.exists(storage.join(folder, file)):
            found[file] = storage.digest(storage.join(folder, file))
    for file, data in (coming or {}).items():
        found[file] = hashlib.sha256(data).hexdigest()
    text = _text(found)
    if text.encode() != before:
        storage.write_atomic(url, text.encode())


def replace(url: str, data: bytes | None) -> None:
    """Writes a file with other bytes, or deletes it; if it has a line, that changes first.

    Killed between the two, the file is as it was: whoever does it again finds it to be changed.
    """
    file = storage.name(url)
    sums = url.removesuffix(file) + SUMS
    before = storage.read(sums) if storage.exists(sums) else b""
    found = dict(_lines(before.decode("utf-8", "replace")))
    if found.pop(file, None) is not None:
        found |= {} if data is None else {file: hashlib.sha256(data).hexdigest()}
        storage.write_atomic(sums, _text(found).encode())
    if data is None:
        storage.delete(url)
    else:
        storage.write_atomic(url, data)


def damaged(folder: str) -> Iterator[str]:
    """What of the files that are told is missing or altered, and lines that are none."""
    url = storage.join(folder, SUMS)
    if not storage.exists(url):
        return
    text = storage.read(url).decode("utf-8", "replace")
    found = dict(_lines(text))
    if text != _text(found):
        yield f"{SUMS} has other bytes than when it was written"
    for file, digest in found.items():
        there = storage.join(folder, file)
        if not storage.exists(there):
            yield f"{file} is missing"
        elif storage.digest(there) != digest:
            yield f"{file} has other bytes than when it was written"


def told(folder: str) -> list[str]:
    """The files whose digests are told."""
    url = storage.join(folder, SUMS)
    text = storage.read(url).decode("utf-8", "replace") if storage.exists(url) else ""
    return [file for file, _ in _lines(text)]


def _text(found: Mapping[str, str]) -> str:
    return "".join(f"{digest}  {file}\n" for file, digest in sorted(found.items()))


def _lines(text: str) -> Iterator[tuple[str, str]]:
    for line in text.split("\n"):
        match = _LINE.fullmatch(line)
        if match:
            yield match[2], match[1]
