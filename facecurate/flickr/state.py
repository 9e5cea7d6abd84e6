"""``crawl.sqlite``: everything a crawl knows, so that it can be killed at any moment and go on.

One writer at a time (the dataset's lock sees to that). In write-ahead mode a killed process loses
nothing that was committed; ``synchronous = NORMAL`` may lose the last transactions when the power
fails, which costs pages or photos that are asked again, and ``durable`` ones are synced.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from facecurate import storage
from facecurate.errors import DamagedError, FacecurateError, SettingsError
from facecurate.flickr.query import Page
from facecurate.flickr.schema import APPLICATION, FORMAT, TABLES, Window
from facecurate.text import printable

NAME = "crawl.sqlite"
_PRAGMAS = (
    "journal_mode = WAL",
    "synchronous = NORMAL",
    "secure_delete = ON",
    "busy_timeout = 30000",
    "cache_size = -32768",  # KiB
    "temp_store = MEMORY",
    "journal_size_limit = 16777216",
)
_COLUMNS = tuple(field.name for field in dataclasses.fields(Window))
_ROW = ", ".join(_COLUMNS)
_CHANGES = ", ".join(f"{name} = ?" for name in _COLUMNS[1:])
_MARKS = ", ".join("?" * len(_COLUMNS))


def _told(key: str, value: Any) -> str:
    """A setting as its user knows it."""
    if key in ("since", "until") and value is not None:
        return f"{datetime.fromtimestamp(value, UTC):%Y-%m-%d %H:%M} UTC"
    return "none" if value is None else printable(json.dumps(value))


class State:
    """An open ``crawl.sqlite``; may be used from several threads, one transaction at a time."""

    def __init__(self, path: str) -> None:
        """Opens or makes the file.

        Raises FacecurateError for a place that is not local or a file of a newer version, and
        DamagedError for one that is no state of a crawl.
        """
        if not storage.is_local(path):
            raise FacecurateError(f"{path}: a crawl keeps its state on a local disk: --workspace")
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
        self.path = path
        self._lock = threading.RLock()
        self._depth = 0
        self.db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            self._prepare()
        except sqlite3.DatabaseError as error:
            self.db.close()
            raise DamagedError(f"{path} cannot be read as the state of a crawl: {error}") from error
        except FacecurateError:
            self.db.close()
            raise

    def _prepare(self) -> None:
        version = self.db.execute("PRAGMA user_version").fetchone()[0]
        owner = self.db.execute("PRAGMA application_id").fetchone()[0]
        if version > FORMAT:
            raise FacecurateError(
                f"{self.path} was written by a newer facecurate (state format {version}, this one "
                f"knows {FORMAT}): upgrade facecurate, or give another --name"
            )
        for pragma in _PRAGMAS:
            self.db.execute(f"PRAGMA {pragma}")
        with self.transaction():
            tables = self.db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if not tables:
                for statement in TABLES:
                    self.db.execute(statement)
                self.db.execute(f"PRAGMA application_id = {APPLICATION}")
                self.db.execute(f"PRAGMA user_version = {FORMAT}")
            elif owner != APPLICATION:
                raise DamagedError(f"{self.path} is a database, but not the state of a crawl")

    def close(self) -> None:
        """Folds the write-ahead log into the file and closes it."""
        with self._lock:
            self.db.close()

    def __enter__(self) -> State:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextlib.contextmanager
    def transaction(self, *, durable: bool = False) -> Iterator[sqlite3.Connection]:
        """All statements inside, or none; inner transactions join the outer one.

        ``durable``: on the disk when the block has ended, whatever happens to the power.
        """
        with self._lock:
            if self._depth:
                yield self.db
                return
            if durable:
                self.db.execute("PRAGMA synchronous = FULL")
            self._depth = 1
            try:
                self.db.execute("BEGIN IMMEDIATE")
                yield self.db
                self.db.execute("COMMIT")
            except BaseException:
                if self.db.in_transaction:
                    self.db.execute("ROLLBACK")
                raise
            finally:
                self._depth = 0
                if durable:
                    self.db.execute("PRAGMA synchronous = NORMAL")

    # -- what the crawl is about --------------------------------------------------------------

    def get(self, key: str) -> Any:
        """A fact of the crawl by name; None if it was never stored."""
        found = self.db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return json.loads(found[0]) if found else None

    def put(self, key: str, value: Any) -> None:
        """Stores a fact of the crawl, anything that JSON can hold."""
        with self.transaction() as db:
            db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, json.dumps(value)))

    def settle(self, settings: Mapping[str, Any]) -> None:
        """Stores the settings that a crawl keeps for ever, or checks that they are the same.

        Settings that are not named are left alone; new ones are stored beside the others. Raises
        SettingsError that names the first one that differs.
        """
        wanted = json.loads(json.dumps(dict(settings)))
        with self.transaction():
            before = self.get("settings") or {}
            for key, new in sorted(wanted.items()):
                old = before.setdefault(key, new)
                if old != new:
                    raise SettingsError(
                        f"{self.path} was begun with {key} = {_told(key, old)}, now it is "
                        f"{_told(key, new)}: use that value, or another --name"
                    )
            self.put("settings", before)

    # -- windows and pages --------------------------------------------------------------------

    def windows(self, where: str = "1", values: Sequence[Any] = ()) -> list[Window]:
        """Windows in the order they were opened; ``where``: SQL over the columns."""
        rows = self.db.execute(f"SELECT {_ROW} FROM windows WHERE {where} ORDER BY id", values)
        return [Window(**dict(zip(_COLUMNS, row, strict=True))) for row in rows]

    def next_window(self, turns: Sequence[int] = (1,)) -> Window | None:
        """The window opened first of those that are open."""
        marks = ", ".join("?" * len(turns))
        where = f"id = (SELECT min(id) FROM windows WHERE state = 'open' AND turn IN ({marks}))"
        return next(iter(self.windows(where, turns)), None)

    def open_windows(self, windows: Sequence[Window]) -> None:
        """Adds windows; each is given its number."""
        with self.transaction() as db:
            for window in windows:
                values = dataclasses.astuple(window)
                db.execute(f"INSERT INTO windows ({_ROW}) VALUES ({_MARKS})", (None, *values[1:]))

    def save_window(self, window: Window) -> None:
        """Writes a window's changed columns."""
        values = dataclasses.astuple(window)
        with self.transaction() as db:
            db.execute(f"UPDATE windows SET {_CHANGES} WHERE id = ?", (*values[1:], window.id))

    def add_page(
        self, window: int, page: Page, number: int, uniques: int, new: int, at: int
    ) -> None:
        """Marks one page as asked. Raises sqlite3.IntegrityError if it was before."""
        dates = [row.uploaded for row in page.rows]
        values = (window, number, at, page.total, len(page.rows), uniques, new)
        ends = (min(dates), max(dates)) if dates else (None, None)
        with self.transaction() as db:
            db.execute("INSERT INTO pages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*values, *ends))

    def attempt(
        self, what: str, ref: int, kind: str, status: int = 0, code: int = 0, wait: float = 0.0,
        *, at: int,
    ) -> None:  # fmt: skip
        """Writes down a request that failed. ``what``: search, image ...; ``ref``: its number."""
        values = (at, what, ref, kind, status, code, wait)
        columns = "at, what, ref, kind, status, code, wait"
        with self.transaction() as db:
            db.execute(f"INSERT INTO attempts ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?)", values)

    def attempts(self) -> dict[tuple[str, str], int]:
        """How often each kind of failure was met, by (what, kind)."""
        rows = self.db.execute("SELECT what, kind, count(*) FROM attempts GROUP BY what, kind")
        return {(what, kind): count for what, kind, count in rows}

    def calls(self) -> int:
        """Pages asked and answered so far, of all passes."""
        return int(self.db.execute("SELECT count(*) FROM pages").fetchone()[0])


def rewrite(path: str) -> None:
    """Writes a local SQLite file anew without its free pages, and empties its write-ahead log."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA busy_timeout = 30000")
        db.execute("VACUUM")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
