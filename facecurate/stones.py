"""How tombstones name what was taken down: by digests, so that they tell nothing by themselves."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

Stones = frozenset[tuple[str, bytes]]  # as ``workspace.tombstones`` reads them

PICTURE = "picture"
"""The kind of a tombstone that remembers a 256-bit perceptual hash: ``Stones`` hold that itself."""

KINDS = ("photo", "owner", "url", "sha256", "face", PICTURE)

REASONS: dict[str, str] = {
    "person": "somebody who is shown asked for it",
    "owner": "whoever owns it asked for it",
    "license": "its license does not allow its use, or no longer",
    "law": "an authority or a court asked for it",
    "minor": "it shows a child",
    "gone": "it is no longer there, or no longer public",
    "not_public": "it is not shown to everybody",
    "no_cv": "its owner asks that computers do not look at it",
    "recheck": "Flickr was asked again, and it may no longer be kept",
    "tombstoned": "a tombstone named it before it was taken out",
    "other": "for another reason, which is not kept",
}
"""Why something was taken down. A closed list: what is kept for ever holds nobody's words."""


def stone(kind: str, name: str) -> tuple[str, bytes]:
    """The tombstone of a photo's id, an owner, a URL, or bytes (their SHA-256 in hexadecimal).

    A URL counts without its fragment and the slash at its end.
    """
    if kind == "url":
        name = plain_url(name)
    return kind, hashlib.sha256(name.encode()).digest()


def plain_url(url: str) -> str:
    """A URL as tombstones compare it."""
    return url.strip().partition("#")[0].rstrip("/")


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
