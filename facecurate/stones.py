"""How tombstones name what was taken down: by digests, so that they tell nothing by themselves."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

Stones = frozenset[tuple[str, bytes]]  # as ``workspace.tombstones`` reads them


def stone(kind: str, name: str) -> tuple[str, bytes]:
    """The tombstone of a photo's id, an owner, a URL, or bytes (their SHA-256 in hexadecimal).

    A URL counts without its fragment and the slash at its end.
    """
    if kind == "url":
        name = name.strip().partition("#")[0].rstrip("/")
    return kind, hashlib.sha256(name.encode()).digest()


def stones_of(
    photo_id: str, owner: str | None, urls: Iterable[str | None], sha256: bytes | None
) -> Iterator[tuple[str, bytes]]:
    """All tombstones that would name a photo. ``urls``: its page's, and its images'."""
    yield stone("photo", photo_id)
    if owner:
        yield stone("owner", owner)
    yield from (stone("url", url) for url in urls if url)
    if sha256:
        yield stone("sha256", sha256.hex())
