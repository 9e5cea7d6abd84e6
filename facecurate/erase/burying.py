"""Tombstones: what was taken down is known by digests, so that it stays out and nobody is named."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from facecurate import storage, sums
from facecurate.records import TOMBSTONE_SCHEMA, from_parquet, to_parquet, to_table
from facecurate.stones import PICTURE, stone, stones_of
from facecurate.workspace import TOMBSTONES, file_lock

Row = dict[str, Any]


def bury(workspace: str, rows: Iterable[Row]) -> int:
    """Adds tombstones that are not there yet; how many."""
    url = storage.join(workspace, TOMBSTONES)
    with file_lock(url):
        before = _read(url)
        known = {(row["kind"], row["id_sha256"]) for row in before}
        new = {(row["kind"], row["id_sha256"]): row for row in rows}
        added = [row for mark, row in new.items() if mark not in known]
        if added:
            table = to_table([*before, *added], TOMBSTONE_SCHEMA)
            storage.write_atomic(url, to_parquet(table))
        sums.tell(workspace, TOMBSTONES)
    return len(added)


def _read(url: str) -> list[Row]:
    if not storage.exists(url):
        return []
    return list(from_parquet(storage.read(url), TOMBSTONE_SCHEMA, url).to_pylist())


def stones_for(
    photos: Iterable[Mapping[str, Any]], reason: str, now: float, *, bytes_too: bool = True
) -> Iterator[Row]:
    """The tombstones of photos, by their rows: id and, unless told otherwise, bytes and addresses.

    ``now``: seconds since 1970. An owner is buried only where the owner was named.
    """
    for row in photos:
        marks = stones_of(row["photo_id"], None, (row.get("url"), row.get("page_url")),
                          row.get("sha256"))  # fmt: skip
        for kind, digest in marks if bytes_too else [stone("photo", row["photo_id"])]:
            yield _row(kind, digest, reason, now)


def stone_row(kind: str, name: str, reason: str, now: float, **more: Any) -> Row:
    """The tombstone of one name; ``more``: further columns."""
    return _row(*stone(kind, name), reason, now) | more


def picture_row(phash256: bytes, reason: str, now: float) -> Row:
    """The tombstone that remembers how a picture looks: 32 bytes, from which nobody is seen."""
    digest = hashlib.sha256(phash256).digest()
    return _row(PICTURE, digest, reason, now) | {"phash256": phash256}


def _row(kind: str, digest: bytes, reason: str, now: float) -> Row:
    time = datetime.fromtimestamp(int(now), UTC)
    return {
        "kind": kind, "id_sha256": digest, "phash256": None, "time": time, "reason": reason,
        "box": None,
    }  # fmt: skip
