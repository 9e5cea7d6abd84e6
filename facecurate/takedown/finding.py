"""Which photos and faces a request names, and which others are copies of them, in all datasets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from facecurate import images, storage
from facecurate.copies.hashing import hashes_of
from facecurate.errors import FacecurateError, UsageError
from facecurate.similar.phash import Hashes
from facecurate.takedown import copies, known
from facecurate.text import printable
from facecurate.workers import Progress, silent
from facecurate.workspace import Dataset

_HEX = frozenset("0123456789abcdef")


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

    row: what is known of the photo (id, owner, addresses, digest); box: of a single face.
    """

    dataset: str
    key: str
    why: str
    of: str | None = None
    distance: int | None = None  # bits of the 256-bit hash
    mirrored: bool = False
    row: dict[str, Any] | None = None
    box: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture file of somebody who asks."""

    name: str
    sha256: bytes
    hashes: Hashes


@dataclass(slots=True)
class Found:
    """Photos and single faces by (dataset, key), the named ones first, and the pictures asked by.

    missing: ids and keys that are nowhere.
    """

    photos: dict[tuple[str, str], Match] = field(default_factory=dict)
    faces: dict[tuple[str, str], Match] = field(default_factory=dict)
    pictures: list[Picture] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    looks: dict[str, bytes] = field(default_factory=dict)  # 256-bit hashes of the named photos

    def __iter__(self) -> Iterator[Match]:
        yield from self.photos.values()
        yield from self.faces.values()

    def __len__(self) -> int:
        return len(self.photos) + len(self.faces)


def find(workspace: str, request: Request, progress: Progress = silent) -> Found:
    """Looks through every dataset. Raises FacecurateError for a picture that cannot be read.

    Copies are those of the named photos: pictures of the same bytes, members of their clusters and
    what verified edges join them with, and pictures whose 256-bit hash, upright or mirrored, lies
    within the limit of ``similar.verify``. Copies of copies are not followed further.
    """
    found = Found(pictures=[_picture(url) for url in request.files])
    places = [Dataset(workspace, name) for name in known.datasets(workspace)]
    for done, place in enumerate(places):
        progress(done, 3 * len(places))
        for row in known.named_rows(place, request):
            match = Match(dataset=place.name, key=row["photo_id"], why="named", row=row)
            found.photos.setdefault((place.name, match.key), match)
        for key, box in known.named_faces(place, request.faces):
            match = Match(dataset=place.name, key=key, why="named", box=box)
            found.faces.setdefault((place.name, key), match)
    here = {key for _, key in (*found.photos, *found.faces)}
    found.missing = sorted((request.photos | request.faces) - here)
    copies.add(places, found, request, progress)
    _drop_faces_of_photos(found)
    return found


def _drop_faces_of_photos(found: Found) -> None:
    """A face goes with its photo where that goes."""
    photos = {key for _, key in found.photos}
    for place, key in list(found.faces):
        if key.rpartition("_")[0] in photos:
            del found.faces[place, key]


def _picture(url: str) -> Picture:
    if not storage.is_file(url):
        raise FacecurateError(f"there is no file {printable(url)}: give a picture")
    data = storage.read(url)
    try:
        found = hashes_of(data)
    except images.ImageRejectedError as error:
        raise FacecurateError(f"{printable(url)} is no picture ({error}): give another") from error
    return Picture(storage.name(url), known.sha256_of(data), found)


def told(found: Found) -> list[dict[str, Any]]:
    """The list as plain data, for ``--json``."""
    return [
        {
            "dataset": one.dataset,
            "key": one.key,
            "why": one.why,
            "of": one.of,
            "distance": one.distance,
            "mirrored": one.mirrored,
        }
        for one in found
    ]


def columns(found: Found) -> list[Sequence[str]]:
    """The list as cells: dataset, photo or face, why."""
    return [(one.dataset, one.key, _why(one)) for one in found]


def _why(one: Match) -> str:
    if one.why == "named":
        return "named"
    words = {"exact": "the same bytes as", "cluster": "of one cluster with", "alike": "looks like"}
    bits = f", {one.distance} of 256 bits" if one.distance is not None else ""
    return f"{words[one.why]} {one.of}{', mirrored' if one.mirrored else ''}{bits}"
