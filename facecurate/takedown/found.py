"""What is asked for, and the list of what that finds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from facecurate.errors import UsageError
from facecurate.similar.phash import Hashes
from facecurate.text import printable

Row = dict[str, Any]
_HEX = frozenset("0123456789abcdef")
_WORDS = {"exact": "the same bytes as", "cluster": "of one cluster with", "alike": "looks like"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked for. ``only``: without copies; ``remember``: how the pictures look is kept.

    photos, faces: ids and keys; sha256: hexadecimal; files: pictures that somebody holds.
    """

    photos: frozenset[str] = frozenset()
    owners: frozenset[str] = frozenset()
    urls: frozenset[str] = frozenset()
    sha256: frozenset[str] = frozenset()
    faces: frozenset[str] = frozenset()
    files: tuple[str, ...] = ()
    only: bool = False
    remember: bool = False

    def __post_init__(self) -> None:
        for digest in self.sha256:
            if len(digest) != 64 or not _HEX.issuperset(digest):
                raise UsageError(
                    f"--sha256 {printable(digest, 80)} is no digest: give 64 hexadecimal digits"
                )

    def __bool__(self) -> bool:
        named = (self.photos, self.owners, self.urls, self.sha256, self.faces, self.files)
        return any(named)


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A photo or a face that leaves. why: named, exact, cluster, alike; of: what it is a copy of.

    row: what names the photo (id, owner, addresses, digest); box: of a single face.
    """

    dataset: str
    key: str
    why: str = "named"
    of: str | None = None
    distance: int | None = None  # bits of the 256-bit hash
    mirrored: bool = False
    row: Row | None = None
    box: tuple[float, ...] | None = None

    def __str__(self) -> str:
        if self.why == "named":
            return "named"
        bits = f", {self.distance} of 256 bits" if self.distance is not None else ""
        return f"{_WORDS[self.why]} {self.of}{', mirrored' if self.mirrored else ''}{bits}"


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture file of somebody who asks."""

    name: str
    sha256: bytes
    hashes: Hashes


@dataclass(slots=True)
class Found:
    """Photos and single faces by (dataset, key), the named ones first, and the pictures asked by.

    missing: ids and keys that are nowhere; looks: 256-bit hashes of named photos by id.
    """

    photos: dict[tuple[str, str], Match] = field(default_factory=dict)
    faces: dict[tuple[str, str], Match] = field(default_factory=dict)
    pictures: list[Picture] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    looks: dict[str, bytes] = field(default_factory=dict)

    def add_photo(self, match: Match) -> None:
        """Adds a photo unless it is there; the first reason stands."""
        self.photos.setdefault((match.dataset, match.key), match)

    def add_face(self, match: Match) -> None:
        """Adds a single face unless it is there."""
        self.faces.setdefault((match.dataset, match.key), match)

    def __iter__(self) -> Iterator[Match]:
        yield from self.photos.values()
        yield from self.faces.values()

    def __len__(self) -> int:
        return len(self.photos) + len(self.faces)

    def to_json(self) -> list[dict[str, Any]]:
        """The list as plain data."""
        names = ("dataset", "key", "why", "of", "distance", "mirrored")
        return [{name: getattr(one, name) for name in names} for one in self]
