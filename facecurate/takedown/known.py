"""What the datasets of a workspace know of photos: rows of parts, of a crawl, of a spool."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator

from facecurate import storage
from facecurate.erase.spools import spools
from facecurate.flickr import rows
from facecurate.flickr.photos import Photo, Photos
from facecurate.flickr.state import NAME, State
from facecurate.pool import Pool
from facecurate.records import FACE_SCHEMA, PHOTO_SCHEMA
from facecurate.stones import plain_url
from facecurate.takedown.found import Request, Row
from facecurate.workspace import Dataset, Workspace

_DIGITS = 18
_COLUMNS = ["photo_id", "owner", "url", "page_url", "source", "sha256"]


def datasets(workspace: str) -> list[str]:
    """Every dataset of a workspace that holds photos, or a crawl that has none yet."""
    named = set(Workspace(workspace).names())
    begun = (n for n in storage.list(workspace) if storage.exists(storage.join(workspace, n, NAME)))
    return sorted(named.union(begun))


def sha256_of(data: bytes) -> bytes:
    """32 bytes."""
    return hashlib.sha256(data).digest()


def photo_rows(dataset: Dataset) -> Iterator[tuple[str, Row]]:
    """The part and what names each photo, of dropped photos too."""
    pool = Pool(dataset.path("photos"))
    for stem in pool.stems():
        for row in pool.table(stem, PHOTO_SCHEMA).select(_COLUMNS).to_pylist():
            yield stem, row


def rows_of(dataset: Dataset, keys: Collection[str]) -> Iterator[Row]:
    """The rows of some photos: first as a crawl or a spool knows them, last as parts do."""
    if not keys:
        return
    if dataset.has(NAME):
        with State(dataset.path(NAME)) as state:
            named = Request(photos=frozenset(keys))
            yield from (_row(photo) for photo in _crawled(Photos(state), named))
    yield from (row for row in _waiting(dataset) if row["photo_id"] in keys)
    yield from (row for _, row in photo_rows(dataset) if row["photo_id"] in keys)


def named_rows(dataset: Dataset, request: Request) -> Iterator[Row]:
    """The photos that a request names by id, owner, address or bytes."""
    urls = frozenset(map(plain_url, request.urls))
    for _, row in photo_rows(dataset):
        if is_named(row, request, urls):
            yield row
    yield from (row for row in _waiting(dataset) if is_named(row, request, urls))
    if dataset.has(NAME):
        with State(dataset.path(NAME)) as state:
            yield from (_row(photo) for photo in _crawled(Photos(state), request))


def is_named(row: Row, request: Request, urls: frozenset[str]) -> bool:
    """Whether any of a photo's names is asked for. ``urls``: plain ones."""
    if row["photo_id"] in request.photos or row["owner"] in request.owners:
        return True
    sha256 = row["sha256"]
    if request.sha256 and sha256 is not None and sha256.hex() in request.sha256:
        return True
    if not urls:
        return False
    own = (row["url"], row["page_url"], row["source"])
    return any(plain_url(url) in urls for url in own if url)


def _waiting(dataset: Dataset) -> Iterator[Row]:
    """Pictures of a list of addresses that are in no part yet, as its journals tell."""
    for folder in spools(dataset):
        for name in storage.list(folder):
            if name.endswith(".jsonl"):
                for line in storage.text_lines(storage.join(folder, name)):
                    if (row := _journalled(line)) is not None:
                        yield row


def _journalled(line: str) -> Row | None:
    """None for a line that was cut off."""
    try:
        told = json.loads(line)
        sha256 = bytes.fromhex(told["sha256"]) or None
        row = {"photo_id": str(told["id"]), "url": str(told["url"]), "sha256": sha256}
    except (ValueError, KeyError, TypeError):
        return None
    return row | {"owner": None, "page_url": None, "source": None}


def _crawled(photos: Photos, request: Request) -> Iterator[Photo]:
    """Photos that a crawl has found, stored or not."""
    numbers = {n for key in request.photos if (n := _number(key)) is not None}
    numbers |= {n for url in request.urls if (n := _number_of_page(url)) is not None}
    for digest in request.sha256:
        numbers |= set(photos.same_bytes(bytes.fromhex(digest)))
    for url in request.urls:
        found = "SELECT photo_id FROM photos WHERE url = ?"
        numbers |= {row[0] for row in photos.state.db.execute(found, (url.strip(),))}
    yield from (photo for n in sorted(numbers) if (photo := photos.get(n)) is not None)
    for owner in sorted(request.owners):
        yield from photos.of_owner(owner)


def _number(key: str) -> int | None:
    return _as_number(key.removeprefix("flickr-")) if key.startswith("flickr-") else None


def _as_number(word: str) -> int | None:
    """A number that Flickr can have given, which 63 bits hold."""
    return int(word) if word.isascii() and word.isdigit() and len(word) <= _DIGITS else None


def _number_of_page(url: str) -> int | None:
    """The number at the end of the address of a photo's page on Flickr."""
    words = plain_url(url).split("/")
    return _as_number(words[-1]) if len(words) > 2 and words[-3] == "photos" else None


def _row(photo: Photo) -> Row:
    return {
        "photo_id": f"flickr-{photo.photo_id}",
        "owner": photo.owner,
        "url": photo.url,
        "page_url": rows.page_of(photo.owner, photo.photo_id),
        "source": "flickr",
        "sha256": photo.sha256,
    }


def faces(dataset: Dataset, keys: frozenset[str]) -> Iterator[tuple[str, tuple[float, ...]]]:
    """Those of the faces that are here, each with its box, empty where none is known."""
    pool = Pool(dataset.path("faces"))
    for stem in pool.stems() if keys else ():
        for row in pool.table(stem, FACE_SCHEMA).select(["key", "box"]).to_pylist():
            if row["key"] in keys:
                yield row["key"], tuple(row["box"] or ())
