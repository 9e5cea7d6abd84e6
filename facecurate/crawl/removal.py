"""Takes stored photos out of the pool again: bytes, rows, what the state knows, and their way back.

The order makes it safe to be killed in: tombstones first, then the state, then each part anew (its
tar, its table, its JSON, each renamed into place). ``settle`` does what was left undone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from facecurate import FORMAT, __version__, storage, sums, tars
from facecurate.crawl import attribution
from facecurate.crawl.downloads import key_of
from facecurate.flickr.photos import Photo, Photos
from facecurate.flickr.state import NAME, State
from facecurate.pool import PartInfo, PartWriter, Pool, sealed
from facecurate.records import (
    PHOTO_SCHEMA,
    TOMBSTONE_SCHEMA,
    from_parquet,
    to_parquet,
    to_table,
)
from facecurate.records import Photo as PhotoRow
from facecurate.stats import Stats
from facecurate.stones import Stones, stone, stones_of
from facecurate.text import counted
from facecurate.workspace import Dataset, file_lock, tombstones

_CREDIT = "attribution_due"  # a fact of the state: parts have changed since it was written
_NAMED = ["photo_id", "status", "owner", "url", "page_url", "sha256"]


@dataclasses.dataclass(frozen=True, slots=True)
class Removed:
    """A photo that is to be taken out, and why (of ``records.REASONS``)."""

    photo_id: int
    part: int | None
    sha256: bytes | None
    reason: str

    @classmethod
    def of(cls, photo: Photo, reason: str) -> Removed:
        """From what the state knows."""
        return cls(photo.photo_id, photo.part, photo.sha256, reason)


def bury(workspace: str, removed: list[Removed], now: float) -> None:
    """Adds tombstones: neither these ids nor these bytes come into the workspace again."""
    url = storage.join(workspace, "tombstones.parquet")
    with file_lock(url):
        before = _tombstones(url)
        known = {(row["kind"], row["id_sha256"]) for row in before}
        rows = [
            row for row in _stones(removed, now) if (row["kind"], row["id_sha256"]) not in known
        ]
        if rows:
            table = to_table([*before, *rows], TOMBSTONE_SCHEMA)
            storage.write_atomic(url, to_parquet(table))
        sums.tell(workspace, "tombstones.parquet")


def _tombstones(url: str) -> list[dict[str, Any]]:
    if not storage.exists(url):
        return []
    return list(from_parquet(storage.read(url), TOMBSTONE_SCHEMA, url).to_pylist())


def _stones(removed: list[Removed], now: float) -> Iterator[dict[str, Any]]:
    time = datetime.fromtimestamp(int(now), UTC)
    for one in removed:
        names = [("photo", key_of(one.photo_id))]
        names += [("sha256", one.sha256.hex())] if one.sha256 else []
        for kind, digest in (stone(kind, name) for kind, name in names):
            yield {
                "kind": kind,
                "id_sha256": digest,
                "phash256": None,
                "time": time,
                "reason": one.reason,
            }


def rewrite(pool: Pool, reasons: Mapping[str, str]) -> list[str]:
    """Parts without the bytes of some photos, whose rows keep nothing but the reason.

    ``reasons``: by ``photo_id``. Returns the parts that were written anew. What was made from them
    is made again by the next run of its step, because their digests have changed.
    """
    changed = []
    for stem in pool.stems():
        table = pool.table(stem, PHOTO_SCHEMA)
        status = dict(zip(*(table[c].to_pylist() for c in ("photo_id", "status")), strict=True))
        if any(status.get(photo_id) == "ok" for photo_id in reasons) or not _whole(pool, stem):
            _rewrite_part(pool, stem, table, reasons)
            changed.append(stem)
    return changed


def _whole(pool: Pool, stem: str) -> bool:
    """False where an earlier rewriting was cut short between the part's table and its JSON."""
    told = pool.info(stem).outputs.get(f"{stem}.parquet")
    return told is None or storage.digest(pool.file(stem, "parquet")) == told


def _rewrite_part(pool: Pool, stem: str, table: pa.Table, reasons: Mapping[str, str]) -> None:
    info = pool.info(stem)
    rows = [_dropped(row, reasons) for row in table.to_pylist()]
    kept = {row["photo_id"] for row in rows if row["status"] == "ok"}
    part = PartWriter(pool.url, stem)
    with part.file("tar") as file:
        tar = tars.TarWriter(file)
        for name, data in tars.read_members(pool.file(stem, "tar")):
            if name.partition(".")[0] in kept:
                tar.add(name, data)
        tar.close()
    part.write_table(to_table(rows, PHOTO_SCHEMA))
    part.stats = Stats.of("photos", (row["reason"] for row in rows))
    storage.write_atomic(pool.file(stem, "json"), sealed(_json(info, part)))


def _dropped(row: dict[str, Any], reasons: Mapping[str, str]) -> dict[str, Any]:
    reason = reasons.get(row["photo_id"])
    if reason is None or row["status"] != "ok":
        return row
    bare = PhotoRow(row["photo_id"], "flickr", status="dropped", reason=reason)
    return dataclasses.asdict(bare)


def _json(info: PartInfo, part: PartWriter) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "tool": f"facecurate {__version__} crawl",
        "settings": info.settings,
        "inputs": info.inputs,
        "outputs": dict(sorted(part.outputs.items())),
        "stats": part.stats.to_json(),
    }


def take_down(
    dataset: Dataset, pool: Pool, photos: Photos, files: Mapping[int, str], removed: list[Removed],
    now: float,
) -> list[str]:  # fmt: skip
    """Everything above, in its order; the names of the parts that were written anew."""
    if not removed:
        return []
    bury(dataset.workspace, removed, now)
    photos.forget([one.photo_id for one in removed])
    for one in removed:
        if one.photo_id in files:
            storage.delete(files[one.photo_id])
    return rewrite(pool, {key_of(one.photo_id): one.reason for one in removed})


@dataclasses.dataclass(frozen=True, slots=True)
class Settled:
    """How many photos left the pool because they had been taken down, and how many parts."""

    photos: int = 0
    parts: int = 0

    def notes(self) -> list[str]:
        """For the last line."""
        if not self.photos:
            return []
        return [
            f"{counted(self.photos, 'photo')} that had been taken down left "
            f"{counted(self.parts, 'part')}: run detect and the steps after it again"
        ]


def settle(dataset: Dataset, contact: str, now: float) -> Settled:
    """Takes what has a tombstone out of finished parts, whoever set it; asks nobody.

    Tombstones may name a photo, an owner, a URL or bytes. It finishes a taking-down that was
    interrupted, too. What left is kept out by its id from then on, so that it is not fetched again.
    """
    pool, stones = Pool(dataset.path("photos")), tombstones(dataset.workspace)
    if not stones or not pool.stems():
        return Settled()
    with State(dataset.path(NAME)) as state:
        left, parts = buried(pool, stones), []
        if left or not all(_whole(pool, stem) for stem in pool.stems()):
            state.put(_CREDIT, True)
            numbers = [int(key.removeprefix("flickr-")) for key in left]
            bury(dataset.workspace, [Removed(n, None, None, left[key_of(n)]) for n in numbers], now)
            Photos(state).forget(numbers)
            parts = rewrite(pool, left)
        if state.get(_CREDIT):
            attribution.write(dataset, contact)
            state.put(_CREDIT, None)
    return Settled(len(left), len(parts))


def buried(pool: Pool, stones: Stones) -> dict[str, str]:
    """Photos of the pool that have a tombstone and still stand there as ok, with their reason."""
    found = {}
    for stem in pool.stems():
        for row in pool.table(stem, PHOTO_SCHEMA).select(_NAMED).to_pylist():
            urls = row["url"], row["page_url"]
            marks = stones_of(row["photo_id"], row["owner"], urls, row["sha256"])
            if row["status"] == "ok" and not stones.isdisjoint(marks):
                found[row["photo_id"]] = "tombstoned"
    return found
