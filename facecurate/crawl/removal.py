"""Photos that leave a crawl: those that were taken down, and those that turned out to be none.

Taking down is ``facecurate.erase``'s: rows, bytes and everything made from them. ``rewrite`` is for
pictures that are no photos or that their owners withdrew while the crawl ran: their rows stay.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from facecurate import FORMAT, __version__, erase, storage, tars
from facecurate.crawl.downloads import key_of
from facecurate.erase import Gone, Order, Outcome
from facecurate.errors import StoppedError
from facecurate.flickr.photos import Photo, Photos
from facecurate.pool import PartInfo, PartWriter, Pool, sealed
from facecurate.records import PHOTO_SCHEMA, to_table
from facecurate.records import Photo as PhotoRow
from facecurate.stats import Stats
from facecurate.stones import Stones, stones_of
from facecurate.text import counted
from facecurate.workspace import Dataset, tombstones

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
    for one in removed:
        row = {"photo_id": key_of(one.photo_id), "sha256": one.sha256}
        erase.bury(workspace, erase.stones_for([row], one.reason, now))


def condemn(
    dataset: Dataset, photos: Photos, files: Mapping[int, str], removed: list[Removed], now: float
) -> None:
    """The beginning of a take-down: from here on nothing brings these photos back.

    Their tombstones, what the state knows of them, and their files in the spool. Should the rest
    not follow, the next run finds the tombstones (``settle``).
    """
    bury(dataset.workspace, removed, now)
    photos.forget([one.photo_id for one in removed])
    for one in removed:
        if one.photo_id in files:
            storage.delete(files[one.photo_id])


def take_out(dataset: Dataset, keys: Iterable[str], reason: str, now: float) -> Outcome:
    """The rest: every file of the dataset without these photos. The caller holds its lock.

    Shards that mix it with others are concerned as well. Raises LockedError for those.
    """
    gone = Gone(frozenset(keys))
    others = erase.concerned(dataset.workspace, gone) - {dataset.name}
    with contextlib.ExitStack() as held:
        for name in sorted(others):
            held.enter_context(Dataset(dataset.workspace, name).lock("takedown"))
        order = Order(
            workspace=dataset.workspace,
            datasets=sorted({dataset.name, *others}),
            gone=gone,
            stones=(),
            reason=reason,
            now=now,
        )
        return erase.finish(dataset.workspace, erase.begin(order))


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
            f"{counted(self.parts, 'part')} and all that was made from them"
        ]


def settle(dataset: Dataset, now: float) -> Settled:
    """Takes what has a tombstone out of finished parts, whoever set it; asks nobody.

    Tombstones may name a photo, an owner, a URL or bytes. It finishes a taking-down that was
    interrupted, too. What left is kept out by its id from then on, so that it is not fetched again.
    Raises StoppedError for an interrupted take-down that other datasets wait for as well.
    """
    photos = _finish_begun(dataset)
    pool, stones = Pool(dataset.path("photos")), tombstones(dataset.workspace)
    if not stones or not pool.stems():
        return photos
    if not all(_whole(pool, stem) for stem in pool.stems()):
        rewrite(pool, {})
    left = buried(pool, stones)
    if not left:
        return photos
    numbers = [int(key.removeprefix("flickr-")) for key in left]
    bury(dataset.workspace, [Removed(n, None, None, left[key_of(n)]) for n in numbers], now)
    done = take_out(dataset, left, "tombstoned", now)
    return Settled(photos.photos + len(left), photos.parts + done.parts)


def _finish_begun(dataset: Dataset) -> Settled:
    photos = parts = 0
    for url, names in erase.unfinished(dataset.workspace).items():
        if set(names) == {dataset.name}:
            done = erase.finish(dataset.workspace, url)
            photos, parts = photos + done.photos, parts + done.parts
        elif dataset.name in names:
            raise StoppedError(
                f"a take-down of {', '.join(names)} was interrupted: finish it with "
                "'facecurate takedown'"
            )
    return Settled(photos, parts)


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
