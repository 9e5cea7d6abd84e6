"""What one page of a search adds to the photos that a crawl knows."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from facecurate.flickr import rows as answers
from facecurate.flickr.query import Row
from facecurate.flickr.schema import PhotoState, Window, shrink

Gate = Callable[[Row], str | None]  # why a photo may not be had, or None

TOMBSTONED = "tombstoned"  # of such photos nothing is stored
_SILENT = ("unreadable", "no_size")  # say nothing about a photo that is stored already


@dataclass(frozen=True, slots=True)
class Sighting:
    """How many rows of a page were ... (each id counted once)."""

    uniques: int = 0  # not on an earlier page of the same window
    new: int = 0  # never seen by the crawl
    caught: int = 0  # of the uniques, uploaded in the window's range
    again: int = 0  # of the caught, seen by the first pass
    refused: int = 0  # of the new, by the gate


@dataclass(slots=True)
class _Known:
    updated: int
    license: int
    passes: int
    window: int
    state: int
    had: int  # whether its bytes were here once


def sight(
    db: sqlite3.Connection, window: Window, rows: Iterable[Row], at: int, gate: Gate
) -> Sighting:
    """Adds a page's photos, or refreshes those that are known; inside the caller's transaction."""
    different = {row.photo_id: row for row in rows}
    known = _known(db, different)
    new, changed, seen, counts = [], [], [], Sighting()
    bit = window.turn if window.turn < 3 else 0
    for number, row in different.items():
        before = known.get(number)
        if before is None:
            reason = gate(row)
            if reason == TOMBSTONED:
                continue
            new.append((row, reason))
        else:
            seen.append((before.passes | bit, window.id, at, number))
            if (before.updated, before.license) != (row.updated, row.license_id):
                changed.append((row, before, gate(row)))
        if before is None or before.window != window.id:
            counts = _count(counts, window, row, before)
    counts = replace(counts, new=len(new), refused=sum(reason is not None for _, reason in new))
    _insert(db, new, bit, window.id, at)
    db.executemany("UPDATE photos SET passes = ?, window = ?, seen_at = ? WHERE photo_id = ?", seen)
    _refresh(db, changed)
    return counts


def _known(db: sqlite3.Connection, numbers: Iterable[int]) -> dict[int, _Known]:
    wanted = list(numbers)
    marks = ", ".join("?" * len(wanted))
    found = db.execute(
        "SELECT photo_id, updated, license, passes, window, state, sha256 NOT NULL"
        " FROM photos "
        f"WHERE photo_id IN ({marks})",
        wanted,
    )
    return {number: _Known(*values) for number, *values in found}


def _count(counts: Sighting, window: Window, row: Row, before: _Known | None) -> Sighting:
    inside = window.since <= row.uploaded < window.until
    return replace(
        counts,
        uniques=counts.uniques + 1,
        caught=counts.caught + inside,
        again=counts.again + bool(inside and before and before.passes & 1),
    )


def _insert(
    db: sqlite3.Connection, new: list[tuple[Row, str | None]], bit: int, window: int, at: int
) -> None:
    nsids = list(dict.fromkeys(row.owner for row, _ in new))
    db.executemany("INSERT OR IGNORE INTO owners (nsid) VALUES (?)", [(nsid,) for nsid in nsids])
    marks = ", ".join("?" * len(nsids))
    found = db.execute(f"SELECT nsid, owner FROM owners WHERE nsid IN ({marks})", nsids)
    owners = dict(found.fetchall())
    db.executemany(
        "INSERT INTO photos (photo_id, owner, uploaded, updated, license, passes, window, seen_at,"
        " state, due, tries, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, ?)",
        [
            (row.photo_id, owners[row.owner], row.uploaded, row.updated, row.license_id, bit,
             window, at, PhotoState.WAITING if reason is None else PhotoState.REFUSED, reason)
            for row, reason in new
        ],
    )  # fmt: skip
    packed = [(row.photo_id, shrink(row.raw)) for row, _ in new]
    db.executemany("INSERT OR REPLACE INTO raw VALUES (?, ?)", packed)


def _refresh(db: sqlite3.Connection, changed: list[tuple[Row, _Known, str | None]]) -> None:
    """The owner has edited these. What is not stored obeys the gate now, failed or not.

    A stored photo with a reason is one that must be taken down: see ``Photos.withdrawn``. Of a row
    that cannot be read only the licence is kept, so that the next one counts as a change.
    """
    for row, before, reason in changed:
        readable = _readable(row)
        state, judged = _after(before, reason)
        db.execute(
            "UPDATE photos SET updated = ?, license = ?, uploaded = ?, state = ?,"
            " license_was = CASE WHEN license = ? THEN license_was ELSE license END,"
            " reason = CASE WHEN ? THEN ? ELSE reason END WHERE photo_id = ?",
            (row.updated if readable else 0, row.license_id, row.uploaded, state, row.license_id,
             judged, reason, row.photo_id),
        )  # fmt: skip
        if readable:
            db.execute("INSERT OR REPLACE INTO raw VALUES (?, ?)", (row.photo_id, shrink(row.raw)))


def _after(before: _Known, reason: str | None) -> tuple[PhotoState, bool]:
    """The state that a changed photo comes to, and whether the gate's word is its reason now.

    What was refused after its bytes had been here does not come back: its row stands in a part.
    """
    state = PhotoState(before.state)
    if state in (PhotoState.FETCHED, PhotoState.PACKED):
        return state, reason not in _SILENT
    if reason is not None and state is not PhotoState.QUARANTINED:
        return PhotoState.REFUSED, True
    if state is PhotoState.WAITING or (state is PhotoState.REFUSED and not before.had):
        return PhotoState.WAITING, True
    return state, False


def _readable(row: Row) -> bool:
    try:
        answers.parse(row.raw)
    except answers.RowError:
        return False
    return True
