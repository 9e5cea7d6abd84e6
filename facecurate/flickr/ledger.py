"""The file behind the budgets: opened, checked, and changed in whole transactions.

Write-ahead mode with ``synchronous = NORMAL``: a killed process loses nothing; a power cut may lose
the last seconds, which the slack of the windows covers.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator

import filelock

from facecurate import storage
from facecurate.errors import DamagedError, FacecurateError, LockedError, StoppedError
from facecurate.flickr.clock import Clock
from facecurate.text import printable

NAME = "budgets.sqlite"
FORMAT = 1
APPLICATION = 0x66636264  # "fcbd"
# After so long without a write nothing in the file can matter: no window is longer.
FORGOTTEN = 25 * 3600.0
STEP = 1.0  # seconds; a clock that goes back further than this was set

_TABLES = f"""
CREATE TABLE clock (seen REAL NOT NULL);
INSERT INTO clock VALUES (0);
CREATE TABLE buckets (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, total INTEGER NOT NULL DEFAULT 0,
  last REAL NOT NULL DEFAULT 0, blocked REAL NOT NULL DEFAULT 0, why TEXT NOT NULL DEFAULT '',
  rate REAL, clean INTEGER NOT NULL DEFAULT 0, slowed REAL NOT NULL DEFAULT 0);
CREATE TABLE grants (
  bucket INTEGER NOT NULL, before INTEGER NOT NULL, after INTEGER NOT NULL, place REAL NOT NULL,
  PRIMARY KEY (bucket, before)) WITHOUT ROWID;
CREATE INDEX grants_place ON grants (bucket, place);
PRAGMA user_version = {FORMAT};
PRAGMA application_id = {APPLICATION};
"""


class Ledger:
    """An open file of budgets; for any number of threads, one transaction at a time.

    Raises DamagedError for a file that cannot be read and may hold requests of the last day: what
    went out is then unknown, and a new file would let twice as much out. An older one is set aside.
    """

    def __init__(self, folder: str, clock: Clock) -> None:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        self._path = storage.join(folder, NAME)
        self._clock = clock
        self._lock = threading.Lock()
        with _alone(folder):
            self.db = self._opened()
            self._identity = self._found()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[float]:
        """All statements inside, or none, while no other process has any; yields the time.

        Raises FacecurateError where the file cannot be used.
        """
        with self._lock:
            if self._found() != self._identity:
                raise DamagedError(
                    f"{self._path} was removed or replaced while it was in use: "
                    "end every crawl, then begin again"
                )
            try:
                self.db.execute("BEGIN IMMEDIATE")
                yield self._now()
                self.db.execute("COMMIT")
            except sqlite3.Error as error:
                raise self._told(error) from error
            finally:
                if self.db.in_transaction:
                    self.db.execute("ROLLBACK")

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self.db.close()

    def _now(self) -> float:
        """The time; if the clock was set back, everything is moved back with it.

        Since then at least no time has passed, so waits stay as long as they were.
        """
        now = self._clock.time()
        seen = float(self.db.execute("SELECT seen FROM clock").fetchone()[0])
        if now < seen - STEP:
            back = seen - now
            self.db.execute("UPDATE grants SET place = place - ?", (back,))
            self.db.execute(
                "UPDATE buckets SET last = last - ?, blocked = blocked - ?, slowed = slowed - ?",
                (back, back, back),
            )
        if now < seen - STEP or now > seen + STEP / 2:
            self.db.execute("UPDATE clock SET seen = ?", (now,))
            return now
        return max(now, seen)

    def _found(self) -> tuple[int, int] | None:
        try:
            status = os.stat(self._path)
        except FileNotFoundError:
            return None
        return status.st_dev, status.st_ino

    def _opened(self) -> sqlite3.Connection:
        if not storage.exists(self._path):
            self._begin()
        try:
            return _connected(self._path)
        except sqlite3.Error as error:
            if not _is_damage(error):
                raise self._told(error) from error
        age = self._clock.time() - _last_write(self._path)
        if age < FORGOTTEN:
            raise DamagedError(
                f"{self._path} is damaged, so that nothing tells what went out in the last day. "
                f"It is set aside in {(FORGOTTEN - age) / 3600:.0f} hours; to go on sooner, remove "
                "it when no crawl has run for an hour"
            )
        storage.write_atomic(f"{self._path}.damaged", storage.read(self._path))
        storage.delete(self._path)
        self._begin()
        return _connected(self._path)

    def _begin(self) -> None:
        """Writes an empty file, whole; a log left of a former one would be read into it."""
        for end in ("-wal", "-shm"):
            storage.delete(self._path + end)
        with contextlib.closing(sqlite3.connect(":memory:")) as empty:
            empty.executescript(_TABLES)
            storage.write_atomic(self._path, empty.serialize())

    def _told(self, error: sqlite3.Error) -> FacecurateError:
        text = f"{self._path}: {printable(error, 100)}"
        if _is_damage(error):
            return DamagedError(f"{text}: the record of requests is damaged")
        if _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return LockedError(f"{text}: another process holds the record of requests")
        return StoppedError(f"{text}: the record of requests cannot be written, so none goes out")


@contextlib.contextmanager
def _alone(folder: str) -> Iterator[None]:
    """Keeps other processes from opening the file; they may go on using it."""
    try:
        with filelock.FileLock(storage.join(folder, ".budgets.lock"), timeout=60):
            yield
    except filelock.Timeout as error:
        raise LockedError(f"another process has been opening {folder}/{NAME} for long") from error


def _connected(path: str) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=30.0, isolation_level=None, check_same_thread=False)
    try:
        if os.path.getsize(path) == 0:  # else SQLite takes it for a new one
            raise _damage("it is empty")
        _check(db)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
    except BaseException:
        db.close()
        raise
    return db


def _check(db: sqlite3.Connection) -> None:
    if db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
        raise _damage("its pages contradict each other")
    if db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION:
        raise _damage("it is no record of requests")
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > FORMAT:
        raise FacecurateError(
            f"the record of requests was written by a newer facecurate (format {version}, this "
            f"one knows {FORMAT}): update facecurate"
        )


def _damage(text: str) -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError(text)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def _code(error: sqlite3.Error) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _is_damage(error: sqlite3.Error) -> bool:
    return _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _last_write(path: str) -> float:
    return max(os.path.getmtime(p) for p in (path, f"{path}-wal") if os.path.exists(p))
