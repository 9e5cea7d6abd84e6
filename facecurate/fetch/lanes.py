"""Which image is fetched next: one lane a host, few requests at once in each, none before its time.

No thread waits for a slow or blocked host while another host has work: a request whose time has
not come lies in a heap. One thread at a time sleeps by the clock, so a clock of tests works too.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections import deque
from dataclasses import dataclass, field

import numpy as np

from facecurate.errors import StoppedError
from facecurate.fetch.addresses import Target
from facecurate.fetch.kinds import Got, Kind, Wanted, final_reason
from facecurate.fetch.pace import Budgets, Clock, HostClosedError, pause
from facecurate.fetch.settings import FetchSettings

_SLICE = 0.1  # seconds slept at a time: how late a stop is noticed


@dataclass(slots=True, eq=False)
class Lane:
    """One host."""

    bucket: str
    host: str
    fresh: deque[Job] = field(default_factory=deque)
    out: int = 0  # waiting for their time or on their way
    ready: bool = False  # stands in the line of lanes that have work
    throttles: int = 0  # in a row
    refused: set[str] = field(default_factory=set)  # images, since one came well
    misses: int = 0  # transient failures in a row
    paused_at: float = float("-inf")
    closed: HostClosedError | None = None


@dataclass(slots=True, eq=False)
class Job:
    """One image on its way."""

    wanted: Wanted
    target: Target
    lane: Lane
    sent: float = 0.0


class Lanes:
    """Hands jobs to worker threads. Every method may be called from any thread.

    ``lanes``: by bucket, those that an earlier call left because their hosts had complained.
    """

    def __init__(
        self,
        settings: FetchSettings,
        budgets: Budgets,
        clock: Clock,
        rng: np.random.Generator,
        lanes: dict[str, Lane],
    ) -> None:
        self._settings, self._budgets, self._clock, self._rng = settings, budgets, clock, rng
        self._changed = threading.Condition()
        self._lanes = lanes
        for lane in lanes.values():
            lane.fresh.clear()
            lane.out, lane.ready, lane.closed = 0, False, None
        self._ready: deque[Lane] = deque()
        self._reserved: list[tuple[float, int, Job]] = []
        self._count = itertools.count()
        self._slice = _SLICE
        self._fresh = 0  # jobs that have no place in time yet
        self._complete = self._sleeping = self.stopped = False
        self.error: StoppedError | None = None  # why it was stopped early

    def put(self, wanted: Wanted, target: Target) -> None:
        """Adds an image at the end of its host's lane."""
        with self._changed:
            lane = self._lanes.setdefault(target.bucket, Lane(target.bucket, target.host))
            lane.fresh.append(Job(wanted, target, lane))
            self._fresh += 1
            self._line_up(lane)
            self._changed.notify_all()

    def complete(self) -> None:
        """Says that nothing more comes."""
        with self._changed:
            self._complete = True
            self._changed.notify_all()

    def stop(self, error: StoppedError | None = None) -> None:
        """Lets no job out any more."""
        with self._changed:
            self.stopped = True
            self.error = self.error or error
            self._changed.notify_all()

    def next(self) -> Job | None:
        """The next job, when its time has come; None when there will be none."""
        with self._changed:
            while not self.stopped:
                job = self._due()
                if job is not None:
                    job.sent = self._clock.time()
                    return job
                if self.stopped or (self._complete and not self._reserved and not self._fresh):
                    break
                self._wait()
            return None

    def finish(self, job: Job, got: Got) -> None:
        """Frees the job's place and learns from how its host answered."""
        with self._changed:
            lane = job.lane
            lane.out -= 1
            if lane.closed is None:
                self._learn(lane, job, got)
            self._line_up(lane)
            if not (lane.fresh or lane.out or lane.misses or lane.throttles):
                self._lanes.pop(lane.bucket, None)  # lists may name millions of hosts
            self._changed.notify_all()

    def others_refused(self, job: Job) -> bool:
        """Whether the job's host refused other images too since it last answered well."""
        with self._changed:
            return bool(job.lane.refused - {job.wanted.key})

    def reserve(self, bucket: str) -> float:
        """Seconds to wait before one more request of a job that is on its way already."""
        with self._changed:
            return self._budgets.take(bucket)

    def _line_up(self, lane: Lane) -> None:
        if lane.fresh and lane.out < self._settings.connections and not lane.ready:
            lane.ready = True
            self._ready.append(lane)

    def _due(self) -> Job | None:
        now = self._clock.time()
        while self._reserved and self._reserved[0][0] <= now:
            job = heapq.heappop(self._reserved)[2]
            left = self._budgets.blocked(job.lane.bucket)
            if left <= 0 or job.lane.closed:
                return job
            self._hold(job, left)
        while self._ready and not self.stopped:
            lane = self._ready.popleft()
            lane.ready = False
            job = lane.fresh.popleft()
            self._fresh -= 1
            lane.out += 1
            self._line_up(lane)
            wait = 0.0 if lane.closed else self._take(lane.bucket)
            if wait <= 0:
                return job
            self._hold(job, wait)
        return None

    def _take(self, bucket: str) -> float:
        try:
            return self._budgets.take(bucket)
        except StoppedError as error:  # the day's budget is spent
            self.stop(error)
            return float("inf")

    def _hold(self, job: Job, wait: float) -> None:
        if wait > self._settings.longest_pause and not self.stopped:
            self._close(job.lane, wait, "its pause of before is not over")
            wait = 0.0
        heapq.heappush(self._reserved, (self._clock.time() + wait, next(self._count), job))

    def _wait(self) -> None:
        """Lets time pass; the lock is free meanwhile."""
        if self._sleeping or not self._reserved:
            self._changed.wait()
            return
        self._sleeping = True
        seconds = min(max(self._reserved[0][0] - self._clock.time(), 0.0), self._slice)
        self._changed.release()
        try:
            began = time.monotonic()
            self._clock.sleep(seconds)
            simulated = time.monotonic() - began < seconds / 2
            self._slice = self._slice * 2 if simulated else _SLICE
        finally:
            self._changed.acquire()
            self._sleeping = False
            self._changed.notify_all()

    def _learn(self, lane: Lane, job: Job, got: Got) -> None:
        if got.kind is Kind.THROTTLE:
            lane.refused.add(job.wanted.key)
            again = job.sent <= lane.paused_at  # it was on its way when the pause began
            self._throttled(lane, got.retry_after, f"{got.reason} {got.status}", again)
        elif got.kind is Kind.TRANSIENT:
            silent = got.reason is not None and final_reason(got.reason) == "unreachable"
            lane.misses = lane.misses + 1 if silent else 0  # else it answered, with bad bytes
            asked = got.retry_after or 0.0
            if got.reason == "denied" and 0 < asked <= self._settings.longest_pause:
                self._budgets.block(lane.bucket, asked, "denied")  # its word is kept all the same
            if lane.misses >= self._settings.most_misses:
                self._throttled(lane, got.retry_after, f"{lane.misses} failures in a row", False)
        elif got.kind is not Kind.REFUSED:
            lane.misses = lane.throttles = 0
            lane.refused.clear()
            self._budgets.clean(lane.bucket)

    def _throttled(self, lane: Lane, asked: float | None, reason: str, again: bool) -> None:
        """Blocks a host. ``again``: its pause has begun already and can only become longer."""
        if not again:
            lane.misses, lane.throttles = 0, lane.throttles + 1
            lane.paused_at = self._clock.time()
            self._budgets.slower(lane.bucket)
        first, longest = self._settings.first_pause, self._settings.longest_pause
        seconds = pause(lane.throttles, asked, self._rng, first=first, longest=longest)
        self._budgets.block(lane.bucket, seconds if not again else asked or 0.0, reason)
        if lane.throttles >= self._settings.most_throttles or (asked or 0.0) > longest:
            self._close(lane, seconds, reason)

    def _close(self, lane: Lane, seconds: float, reason: str) -> None:
        lane.closed = HostClosedError(lane.host, seconds, reason)
        if self._settings.stop_when_closed:
            self.stop(lane.closed)
