"""The photos of a crawl on their way into the pool: what is next, what became of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from facecurate.flickr.schema import PhotoState, grow
from facecurate.flickr.state import State

_FIELDS = (
    "p.photo_id, o.nsid, p.uploaded, p.updated, p.license, p.license_was, p.seen_at, p.state,"
    " p.reason, p.due, p.tries, p.sha256, p.bytes, p.width, p.height, p.url, p.fetched_at, p.part,"
    " r.data"
)
_DUE = "photos p INDEXED BY photos_due"
_JOINS = "JOIN owners o ON o.owner = p.owner JOIN raw r ON r.photo_id = p.photo_id"
_STORED = (int(PhotoState.FETCHED), int(PhotoState.PACKED))


@dataclass(frozen=True, slots=True)
class Photo:
    """All that the crawl knows of a photo; times in seconds since 1970, UTC."""

    photo_id: int
    owner: str
    uploaded: int
    updated: int
    license_id: int
    license_was: int | None  # the licence before the last change, if it changed during the crawl
    seen_at: int  # when a search last brought it, and so when the licence was last seen
    state: PhotoState
    reason: str | None
    due: int
    tries: int
    sha256: bytes | None
    size: int | None  # bytes
    width: int | None
    height: int | None
    url: str | None
    fetched_at: int | None
    part: int | None
    raw: dict[str, Any]  # Flickr's own words


def _photo(values: Sequence[Any]) -> Photo:
    fields = [*values[:-1], grow(values[-1])]
    fields[7] = PhotoState(fields[7])
    return Photo(*fields)


class Photos:
    """The photos in an open state; every change is one transaction."""

    def __init__(self, state: State) -> None:
        self.state = state

    # -- one after another --------------------------------------------------------------------

    def get(self, photo_id: int) -> Photo | None:
        """One photo by Flickr's number."""
        return next(iter(self._select("p.photo_id = ?", (photo_id,), "p.photo_id", 1)), None)

    def next(self, count: int, now: int, without: Iterable[int] = ()) -> list[Photo]:
        """Photos to fetch now: new ones and those whose next try is due, the oldest ids first.

        ``without``: ids that are being fetched already, at most some thousands.
        """
        busy = list(without)
        where = f"p.state = 0 AND p.due <= ? AND p.photo_id NOT IN ({_marks(busy)})"
        return self._select(where, (now, *busy), "p.due, p.photo_id", count, _DUE)

    def next_due(self) -> int | None:
        """When the first waiting photo may be fetched; None if none waits."""
        row = self.state.db.execute("SELECT min(due) FROM photos WHERE state = 0").fetchone()
        return row[0] if row[0] is None else int(row[0])

    def each(self, state: PhotoState | None = None, part: int | None = None) -> Iterator[Photo]:
        """Photos in the order of their ids, in constant memory; they may be changed meanwhile."""
        where = "p.photo_id > ?"
        where += "" if state is None else f" AND p.state = {int(state)}"
        where += "" if part is None else f" AND p.part = {int(part)}"
        yield from self._each(where)

    def of_owner(self, nsid: str) -> Iterator[Photo]:
        """All photos of one account."""
        yield from self._each("p.photo_id > ? AND o.nsid = ?", (nsid,))

    def unseen(self, since: int) -> Iterator[Photo]:
        """Stored photos that no search has brought since ``since``: they may be gone."""
        yield from self._each(
            f"p.photo_id > ? AND +p.state IN {_STORED} AND p.seen_at < ?", (since,)
        )

    def withdrawn(self) -> Iterator[Photo]:
        """Stored photos that the gate refuses by what Flickr says of them now."""
        yield from self._each(f"p.photo_id > ? AND +p.state IN {_STORED} AND p.reason NOT NULL")

    def relicensed(self) -> Iterator[Photo]:
        """Stored photos whose licence is not the one they were found with."""
        yield from self._each(f"p.photo_id > ? AND +p.state IN {_STORED} AND license_was NOT NULL")

    def _each(self, where: str, values: tuple[Any, ...] = ()) -> Iterator[Photo]:
        last = -1
        while block := self._select(where, (last, *values), "p.photo_id", 500):
            yield from block
            last = block[-1].photo_id

    def _select(
        self, where: str, values: tuple[Any, ...], order: str, count: int, photos: str = "photos p"
    ) -> list[Photo]:
        query = (
            f"SELECT {_FIELDS} FROM {photos} {_JOINS} WHERE {where}"
            f" ORDER BY {order} LIMIT {int(count)}"
        )
        return [_photo(row) for row in self.state.db.execute(query, values).fetchall()]

    # -- what became of them ------------------------------------------------------------------

    def fetched(
        self, photo_id: int, *, sha256: bytes, size: int, width: int, height: int, url: str, at: int
    ) -> None:
        """The verified bytes are in the spool. ``sha256``: 32 bytes; ``size`` in bytes."""
        self._set(
            [photo_id],
            "state = 1, reason = NULL, sha256 = ?, bytes = ?, width = ?, height = ?, url = ?,"
            " fetched_at = ?",
            (sha256, size, width, height, url, at),
        )

    def retry(self, photo_id: int, reason: str, due: int) -> int:
        """The try failed; another may be made from ``due`` on. How many tries there were."""
        self._set([photo_id], "tries = tries + 1, reason = ?, due = ?", (reason, due))
        found = "SELECT tries FROM photos WHERE photo_id = ?"
        return int(self.state.db.execute(found, (photo_id,)).fetchone()[0])

    def end(self, photo_ids: Sequence[int], state: PhotoState, reason: str) -> None:
        """These photos are not had, for a reason: gone, failed, refused, quarantined."""
        if state in (PhotoState.WAITING, *_STORED):
            raise ValueError(f"{state.name} is no end")
        self._set(photo_ids, "state = ?, reason = ?, part = NULL", (int(state), reason))

    def again(self, photo_ids: Sequence[int], due: int = 0) -> None:
        """These photos are to be fetched (again): their bytes are not where they should be."""
        self._set(photo_ids, "state = 0, reason = NULL, part = NULL, due = ?", (due,))

    def packed(self, photo_ids: Sequence[int], part: int) -> None:
        """These photos are in a finished part; on the disk before this returns."""
        with self.state.transaction(durable=True):
            self._set(photo_ids, "state = 2, reason = NULL, part = ?", (part,))

    def forget(self, photo_ids: Sequence[int]) -> None:
        """Removes all that is known of photos; their bytes in the file are overwritten.

        The gate must refuse them from then on as tombstoned, or the next search brings them back.
        """
        with self.state.transaction(durable=True) as db:
            for block in _blocks(photo_ids):
                these = f"IN ({_marks(block)})"
                owners = db.execute(f"SELECT owner FROM photos WHERE photo_id {these}", block)
                left = [row[0] for row in owners.fetchall()]
                db.execute(f"DELETE FROM photos WHERE photo_id {these}", block)
                db.execute(f"DELETE FROM raw WHERE photo_id {these}", block)
                db.execute(f"DELETE FROM attempts WHERE what <> 'search' AND ref {these}", block)
                db.execute(
                    f"DELETE FROM owners WHERE owner IN ({_marks(left)})"
                    " AND owner NOT IN (SELECT owner FROM photos)",
                    left,
                )
        self.state.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _set(self, photo_ids: Sequence[int], change: str, values: tuple[Any, ...]) -> None:
        with self.state.transaction() as db:
            for block in _blocks(photo_ids):
                where = f"photo_id IN ({_marks(block)})"
                db.execute(f"UPDATE photos SET {change} WHERE {where}", (*values, *block))

    # -- counts -------------------------------------------------------------------------------

    def counts(self) -> dict[tuple[PhotoState, str | None], int]:
        """How many photos by state and reason."""
        db = self.state.db
        all_of = dict(db.execute("SELECT state, count(*) FROM photos GROUP BY state").fetchall())
        reasons = db.execute(
            "SELECT state, reason, count(*) FROM photos WHERE reason IS NOT NULL"
            " GROUP BY state, reason"
        ).fetchall()
        counts: dict[tuple[PhotoState, str | None], int] = {}
        for state, reason, count in reasons:
            counts[PhotoState(state), reason] = count
            all_of[state] -= count
        counts |= {(PhotoState(state), None): count for state, count in all_of.items() if count}
        return counts

    def owners(self) -> int:
        """How many accounts the photos come from."""
        return int(self.state.db.execute("SELECT count(*) FROM owners").fetchone()[0])

    def same_bytes(self, sha256: bytes) -> list[int]:
        """Ids of the photos whose bytes have that SHA-256 (32 bytes)."""
        rows = self.state.db.execute(
            "SELECT photo_id FROM photos WHERE substr(sha256, 1, 8) = ? AND sha256 = ?"
            " ORDER BY photo_id",
            (sha256[:8], sha256),
        )
        return [row[0] for row in rows]

    def shared_bytes(self, least: int = 3) -> list[list[int]]:
        """Groups of at least so many ids with the same bytes."""
        rows = self.state.db.execute(
            "SELECT sha256 FROM photos WHERE sha256 IS NOT NULL"
            " GROUP BY substr(sha256, 1, 8), sha256 HAVING count(*) >= ?",
            (least,),
        ).fetchall()
        return [self.same_bytes(row[0]) for row in rows]

    def licences(self, states: Sequence[PhotoState] = (PhotoState.PACKED,)) -> dict[int, int]:
        """How many photos of some states by licence id."""
        marks = _marks(states)
        rows = self.state.db.execute(
            f"SELECT license, count(*) FROM photos WHERE state IN ({marks}) GROUP BY license",
            [int(state) for state in states],
        )
        return dict(rows.fetchall())


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))


def _blocks(values: Sequence[int], size: int = 500) -> Iterator[Sequence[int]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]
