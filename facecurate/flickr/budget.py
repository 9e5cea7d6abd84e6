"""How many requests went out, kept for all crawls of a user, so that limits hold over restarts.

One SQLite file in the user's state folder. A request takes a place in time first (``take``), then
waits for it and goes out; no two processes get the same place. For each bucket the grants keep a
running total, so that "which grant must be an hour old before this one" is one look-up.
"""

from __future__ import annotations

import hashlib
import os
import threading
from dataclasses import dataclass

import platformdirs

from facecurate import storage
from facecurate.errors import StoppedError
from facecurate.flickr.clock import Clock
from facecurate.flickr.ledger import Ledger
from facecurate.text import printable

HOUR, DAY = 3600.0, 86400.0
# A request goes out a little after its place: windows are counted longer by this much.
SLACK = 60.0
CLEAN_RUN, GROWTH, CUT, SLOWEST = 500, 1.05, 0.5, 1 / 60  # AIMD; requests per second
CLEAN_STEP = 50  # so many are counted before they are written


class BudgetSpent(StoppedError):
    """A day's budget is used up; ``seconds`` until the next request would fit."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message, seconds)
        self.message, self.seconds = message, seconds

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True, slots=True)
class Limit:
    """What one bucket may do; None: no such limit.

    ``start``: the rate with which an image host begins (requests per second); ``clean`` and
    ``slower`` then move it, never above ``per_second``.
    """

    per_hour: int | None = None
    per_second: float | None = None
    per_day: int | None = None
    start: float | None = None

    def __post_init__(self) -> None:
        for name in ("per_hour", "per_second", "per_day", "start"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name} must be above 0, not {value}")


API_LIMIT = Limit(per_hour=3000, per_second=1.0)  # Flickr asks for fewer than 3,600 an hour a key


def image_limit(per_second: float = 1.0, per_day: int | None = None) -> Limit:
    """The limit of an image host: begins at one a second or less, ``per_second`` is the ceiling."""
    return Limit(per_second=per_second, per_day=per_day, start=min(1.0, per_second))


def api_bucket(key: str) -> str:
    """The bucket of an API key, named by a digest."""
    return "api:" + hashlib.sha256(f"facecurate budget {key}".encode()).hexdigest()[:32]


def image_bucket(host: str) -> str:
    """The bucket of an image host."""
    return f"img:{host.lower()}"


def state_folder() -> str:
    """Where budgets lie: FACECURATE_STATE, else the user's state folder."""
    chosen = os.environ.get("FACECURATE_STATE")
    return storage.absolute(chosen) if chosen else str(platformdirs.user_state_path("facecurate"))


@dataclass(slots=True)
class _Bucket:
    """One row of ``buckets``; times in seconds since 1970."""

    id: int
    total: int
    last: float
    blocked: float
    rate: float | None
    clean: int
    slowed: float


class Budgets:
    """The buckets of a user; for any number of threads and processes of one machine.

    Limits are each process's own settings, the requests are counted together: of two processes
    with different limits the stricter one waits for both. Every method raises FacecurateError if
    the file cannot be used: see ``Ledger``.
    """

    def __init__(self, folder: str, clock: Clock) -> None:
        self._ledger = Ledger(folder, clock)
        self._clock = clock
        self._limits: dict[str, Limit] = {}
        self._clean: dict[str, int] = {}  # not yet written
        self._counting = threading.Lock()
        self._takes = 0

    def limit(self, bucket: str, limit: Limit) -> None:
        """Sets what ``bucket`` may do; each bucket needs one before ``take``."""
        self._limits[bucket] = limit

    def take(self, bucket: str, cost: int = 1) -> float:
        """Seconds to wait before a request may go out; its place is taken, whether used or not.

        Every attempt takes one, retries too. After a long wait look at ``blocked`` again, or let
        ``acquire`` do both. Raises BudgetSpent if the day's budget has no room for ``cost``.
        """
        limit = self._limits.get(bucket)
        if limit is None:
            raise ValueError(f"no limit is set for bucket {bucket}")
        if cost < 1 or cost > min(limit.per_hour or cost, limit.per_day or cost):
            raise ValueError(f"cost {cost} does not fit into the limits of {bucket}")
        with self._ledger.transaction() as now:
            state = self._bucket(bucket)
            place = self._place(bucket, state, limit, cost, now)
            self._grant(state, place, cost)
            self._prune(state, now)
        return max(0.0, place - now)

    def acquire(self, bucket: str, cost: int = 1) -> None:
        """Takes a place and sleeps until then; again if the bucket was blocked meanwhile."""
        while True:
            wait = self.take(bucket, cost)
            due = self._clock.time() + wait
            self._clock.sleep(wait)
            late = self._clock.time() - due > SLACK / 2  # a machine that slept, for example
            if not late and not self.blocked(bucket):
                return

    def block(self, bucket: str, seconds: float, reason: str) -> None:
        """Lets nothing out of the bucket for so long, in all processes; never shortens a block."""
        with self._ledger.transaction() as now:
            state, until = self._bucket(bucket), now + max(0.0, seconds)
            if until > state.blocked:
                change = "UPDATE buckets SET blocked = ?, why = ? WHERE id = ?"
                self._ledger.db.execute(change, (until, printable(reason, 100), state.id))

    def blocked(self, bucket: str) -> float:
        """Seconds until the bucket's block ends; 0 if there is none."""
        with self._ledger.transaction() as now:
            return max(0.0, self._bucket(bucket).blocked - now)

    def recorded(self, bucket: str, seconds: float) -> int:
        """What went out of the bucket in the last so many seconds, a day at most."""
        query = "SELECT sum(after - before) FROM grants WHERE bucket = ? AND place > ? AND place<=?"
        with self._ledger.transaction() as now:
            row = (self._bucket(bucket).id, now - seconds, now)
            return int(self._ledger.db.execute(query, row).fetchone()[0] or 0)

    def rate(self, bucket: str) -> float | None:
        """Requests a second that the bucket gives now; None if it has no such limit."""
        with self._ledger.transaction():
            return _rate(self._bucket(bucket), self._limits.get(bucket, Limit()))

    def clean(self, bucket: str) -> None:
        """One request went well: after every 500 without a refusal the rate grows by 5 %."""
        with self._counting:
            run = self._clean[bucket] = self._clean.get(bucket, 0) + 1
            if run < CLEAN_STEP:
                return
            self._clean[bucket] = 0
        limit = self._limits.get(bucket, Limit())
        with self._ledger.transaction():
            state = self._bucket(bucket)
            rate, run = _rate(state, limit), state.clean + run
            if rate is None or limit.per_second is None or run < CLEAN_RUN:
                self._set_rate(state, state.rate, run, state.slowed)
                return
            # A ceiling of this process is none for the others: it is not written.
            grown = min(rate * GROWTH, limit.per_second)
            self._set_rate(state, grown if grown > rate else state.rate, 0, state.slowed)

    def slower(self, bucket: str) -> None:
        """The host refused a request: half the rate; once for all that were out at that moment."""
        query = "SELECT 1 FROM grants WHERE bucket = ? AND place > ? AND place <= ? LIMIT 1"
        with self._counting:
            self._clean[bucket] = 0
        with self._ledger.transaction() as now:
            state = self._bucket(bucket)
            rate = _rate(state, self._limits.get(bucket, Limit()))
            fresh = self._ledger.db.execute(query, (state.id, state.slowed, now)).fetchone()
            if rate is not None and (fresh or not state.slowed):
                self._set_rate(state, max(SLOWEST, rate * CUT), 0, now)

    def close(self) -> None:
        """Closes the file."""
        self._ledger.close()

    def _place(self, name: str, state: _Bucket, limit: Limit, cost: int, now: float) -> float:
        """The first moment at which ``cost`` more breaks no limit; never before an earlier one."""
        rate = _rate(state, limit)
        gap = cost / rate if rate else 0.0
        place = max(now, state.blocked, state.last + gap if state.total else now)
        if limit.per_hour is not None:
            place = max(place, self._room(state, limit.per_hour - cost) + HOUR + SLACK)
        if limit.per_day is not None:
            free = self._room(state, limit.per_day - cost) + DAY + SLACK
            if free > place:
                text = f"the day's budget of {limit.per_day:,} of {printable(name, 60)} is used"
                hours = (free - now) / HOUR
                raise BudgetSpent(f"{text}: run it again in {hours:.1f} hours", free - now)
        return place

    def _room(self, state: _Bucket, others: int) -> float:
        """When the newest grant was made that, with all after it, is more than ``others``."""
        query = (
            "SELECT place FROM grants WHERE bucket=? AND before < ? ORDER BY before DESC LIMIT 1"
        )
        row = self._ledger.db.execute(query, (state.id, state.total - others)).fetchone()
        return float(row[0]) if row else float("-inf")

    def _grant(self, state: _Bucket, place: float, cost: int) -> None:
        """Writes a grant; those of one second share a row, at the time of the last of them."""
        change = "UPDATE buckets SET total = ?, last = ? WHERE id = ?"
        total = state.total + cost
        self._ledger.db.execute(change, (total, place, state.id))
        if state.total and int(place) == int(state.last):
            newest = "SELECT max(before) FROM grants WHERE bucket = ?"
            before = self._ledger.db.execute(newest, (state.id,)).fetchone()[0]
            change = "UPDATE grants SET after = ?, place = ? WHERE bucket = ? AND before = ?"
            self._ledger.db.execute(change, (total, place, state.id, before))
        else:
            row = (state.id, state.total, total, place)
            self._ledger.db.execute("INSERT INTO grants VALUES (?, ?, ?, ?)", row)

    def _prune(self, state: _Bucket, now: float) -> None:
        self._takes += 1
        if self._takes % 256 == 0:
            old = "DELETE FROM grants WHERE bucket = ? AND place < ?"
            self._ledger.db.execute(old, (state.id, now - DAY - 2 * SLACK))

    def _bucket(self, name: str) -> _Bucket:
        query = "SELECT id, total, last, blocked, rate, clean, slowed FROM buckets WHERE name = ?"
        row = self._ledger.db.execute(query, (name,)).fetchone()
        if row is None:
            self._ledger.db.execute("INSERT INTO buckets (name) VALUES (?)", (name,))
            row = self._ledger.db.execute(query, (name,)).fetchone()
        return _Bucket(*row)

    def _set_rate(self, state: _Bucket, rate: float | None, clean: int, slowed: float) -> None:
        change = "UPDATE buckets SET rate = ?, clean = ?, slowed = ? WHERE id = ?"
        self._ledger.db.execute(change, (rate, clean, slowed, state.id))


def _rate(state: _Bucket, limit: Limit) -> float | None:
    """Requests a second; None without a limit on them."""
    if limit.per_second is None:
        return None
    found = state.rate if state.rate is not None else limit.start or limit.per_second
    return min(found, limit.per_second)
