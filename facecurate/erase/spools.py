"""What a crawl or a list knows of photos: its state, and pictures that wait for a part."""

from __future__ import annotations

import hashlib
import json

import platformdirs

from facecurate import storage
from facecurate.erase.targets import Gone, member_of
from facecurate.flickr.photos import Photos
from facecurate.flickr.state import NAME, State, rewrite
from facecurate.workspace import Dataset


def spools(dataset: Dataset) -> list[str]:
    """Folders of pictures that are in no part yet; a list's may lie in the user's state folder."""
    lists = dataset.path("photos", ".urls")
    if not storage.is_local(lists):
        mark = hashlib.sha256(lists.encode()).hexdigest()[:32]
        lists = str(platformdirs.user_state_path("facecurate") / "spool" / mark)
    return [dataset.path("photos", ".spool"), lists]


def forget(dataset: Dataset, gone: Gone) -> int:
    """Deletes waiting pictures, their lines in journals, and rows and raw answers of the crawl."""
    files = sum(_empty(folder, gone) for folder in spools(dataset))
    numbers = [int(p.removeprefix("flickr-")) for p in sorted(gone.photos) if is_flickr(p)]
    if numbers and dataset.has(NAME):
        with State(dataset.path(NAME)) as state:
            Photos(state).forget(numbers)
    return files


def is_flickr(photo_id: str) -> bool:
    """Whether an id is one of Flickr's, which are numbers."""
    number = photo_id.removeprefix("flickr-")
    return number != photo_id and number.isascii() and number.isdigit()


def _empty(folder: str, gone: Gone) -> int:
    found = 0
    for name in storage.list(folder):
        url = storage.join(folder, name)
        if gone.has(member_of(name)):
            storage.delete(url)
            found += 1
        elif name.endswith(".jsonl"):
            _without_lines(url, gone)
    return found


def _without_lines(url: str, gone: Gone) -> None:
    lines = storage.read(url).splitlines(keepends=True)
    left = [line for line in lines if not gone.has(_id(line))]
    if len(left) < len(lines):
        storage.write_atomic(url, b"".join(left))


def _id(line: bytes) -> str | None:
    try:
        found = json.loads(line)["id"]
    except (ValueError, KeyError, TypeError):
        return None
    return found if isinstance(found, str) else None


def vacuum(dataset: Dataset) -> None:
    """Writes every SQLite file of a dataset anew, so that no free page holds what was deleted."""
    for name in storage.list(dataset.url):
        if name.endswith(".sqlite"):
            rewrite(dataset.path(name))
