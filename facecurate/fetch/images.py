"""Fetches images from strangers' servers: politely, in parallel, and nothing that is not one.

The caller keeps the list of what is still to do. Each image ends in one ``Got``; a failure says by
its kind whether to ask again later, and nothing is tried twice within one call.
"""

from __future__ import annotations

import queue
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable

import numpy as np

from facecurate import storage
from facecurate.fetch import addresses, gate
from facecurate.fetch.addresses import Target
from facecurate.fetch.client import Answer, Client
from facecurate.fetch.connections import Connections, StoppedRequest
from facecurate.fetch.kinds import Failure, Got, Kind, Wanted, failed
from facecurate.fetch.lanes import Job, Lane, Lanes
from facecurate.fetch.pace import Budgets, Clock, LocalBudgets, MachineClock
from facecurate.fetch.robots import Robots, tag_forbids
from facecurate.fetch.settings import FetchSettings
from facecurate.images import extension

Done = Callable[[Got], None]
_REFUSALS = 2  # of one image, after which they are its own
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,199}")


class ImageFetcher:
    """Fetches images in threads; one ``fetch_many`` at a time.

    ``budgets``: those that all who ask the same hosts share; without, one request a second and
    host. ``robots``: kept for the length of a run, as it remembers every robots.txt.
    """

    def __init__(
        self,
        settings: FetchSettings,
        budgets: Budgets | None = None,
        robots: Robots | None = None,
        *,
        clock: Clock | None = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        self.settings = settings
        self._clock = clock or MachineClock()
        self._budgets = budgets or LocalBudgets(1.0, self._clock)
        self._robots = robots or Robots(clock=self._clock)
        self._rng = rng or np.random.default_rng()
        self._lanes: dict[str, Lane] = {}
        self._refused: Counter[str] = Counter()

    def fetch_many(self, wanted: Iterable[Wanted], done: Done) -> None:
        """Fetches each image once and reports each through ``done``, in this thread, in any order.

        ``wanted`` is read in this thread too, at most ``lookahead`` ahead of the reports, so it may
        be a generator over the caller's own list. Raises HostClosedError, or what the budgets
        raise, when a host asks for a longer pause than is waited for. Then, and after Ctrl-C or an
        exception of ``wanted`` or ``done``, what was finished is reported, what was on its way
        leaves no file and is not reported, and the exception comes through.
        """
        lanes = Lanes(self.settings, self._budgets, self._clock, self._rng, self._lanes)
        with Connections(self.settings) as connections:
            run = _Run(self.settings, lanes, connections, self._robots, self._clock, self._refused)
            try:
                run.start()
                for one in wanted:
                    run.add(one)
                    run.report(done, most_held=self.settings.lookahead - 1)
                    if lanes.stopped:
                        break
                lanes.complete()
                run.report(done, most_held=0)
            except BaseException:
                connections.stop()
                raise
            finally:
                lanes.stop()
                run.join()
                run.report(done, most_held=None)
        if run.error or lanes.error:
            raise run.error or lanes.error or AssertionError


class _Run:
    """The threads of one ``fetch_many`` and what they bring back."""

    def __init__(
        self,
        settings: FetchSettings,
        lanes: Lanes,
        connections: Connections,
        robots: Robots,
        clock: Clock,
        refused: Counter[str],
    ) -> None:
        self._settings, self._lanes, self._connections = settings, lanes, connections
        self._robots, self._clock, self._refused = robots, clock, refused
        self._client = Client(settings, connections)
        self._results: queue.SimpleQueue[Got | None] = queue.SimpleQueue()  # None: a thread ended
        self._threads = [
            threading.Thread(target=self._work, name=f"fetch-{i}", daemon=True)
            for i in range(settings.threads)
        ]
        self._working = settings.threads
        self._held = 0
        self.error: BaseException | None = None

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def add(self, wanted: Wanted) -> None:
        if not _KEY.fullmatch(wanted.key):
            raise ValueError(f"{wanted.key!r} cannot be the name of a file")
        self._held += 1
        try:
            target = addresses.check(wanted.url, self._settings)
        except Failure as failure:
            self._results.put(failed(wanted, wanted.url, failure))
        else:
            self._lanes.put(wanted, target)

    def report(self, done: Done, most_held: int | None) -> None:
        """Reports what is there, and waits until no more than ``most_held`` are unreported.

        None: waits for nothing. It also ends when no thread works any more.
        """
        while self._working or not self._results.empty():
            waits = most_held is not None and self._held > most_held and self._working > 0
            if self._results.empty() and not waits:
                return
            got = self._results.get()
            if got is None:
                self._working -= 1
            else:
                self._held -= 1
                done(got)

    def _work(self) -> None:
        try:
            while job := self._lanes.next():
                got = self._fetch(job)
                self._lanes.finish(job, got)
                self._results.put(got)
        except StoppedRequest:
            pass
        except BaseException as error:  # a full disk, a spent budget, or our own mistake
            self.error = self.error or error
            self._lanes.stop()
        finally:
            self._results.put(None)

    def _fetch(self, job: Job) -> Got:
        asked = [job.target.url]

        def before(target: Target, hop: int) -> None:
            asked.append(target.url)
            self._robots.check(target, self._read_robots)
            if hop:
                self._reserve(target)

        try:
            if job.lane.closed:
                raise Failure("host_closed", str(job.lane.closed))
            answer = self._client.get(job.target, self._settings.limits.max_bytes, before)
            return self._store(job.wanted, answer)
        except Failure as failure:
            return failed(job.wanted, asked[-1], self._own(job, failure))

    def _own(self, job: Job, failure: Failure) -> Failure:
        """A refusal that is no longer its host's way to slow us down, but this one image's.

        403 becomes that when it comes back for the image; 429 when, besides, the host refused no
        other image since one came well. Then what failed before (``Wanted.tries``) counts too, or
        an image that is always refused would pause its host in every run.
        """
        if failure.kind is not Kind.THROTTLE or failure.status is None:
            return failure
        key, alone = job.wanted.key, not self._lanes.others_refused(job)
        self._refused[key] += 1
        count = self._refused[key] + (job.wanted.tries if alone else 0)
        if count <= _REFUSALS or not (alone or failure.reason == "forbidden"):
            return failure
        status, asked = failure.status, failure.retry_after
        return Failure("denied", failure.detail, status=status, retry_after=asked)

    def _store(self, wanted: Wanted, answer: Answer) -> Got:
        forbidding = tag_forbids(answer.headers.get_all("X-Robots-Tag", []), self._robots.token)
        if forbidding:
            raise Failure("robots_header", forbidding, status=200)
        image = gate.verify(answer, wanted, self._settings)
        path, suffix = None, extension(image.header)
        if self._settings.folder is not None:
            path = storage.join(self._settings.folder, f"{wanted.key}.{suffix}")
            storage.write_atomic(path, image.data)
        return Got(
            wanted.key,
            answer.url,
            status=200,
            path=path,
            data=image.data if path is None else None,
            extension=suffix,
            sha256=image.sha256,
            bytes=len(image.data),
            width=image.header.width,
            height=image.header.height,
            orientation=image.header.orientation,
            headers=gate.kept_headers(answer.headers),
        )

    def _read_robots(self, url: str, limit: int) -> bytes:
        target = addresses.check(url, self._settings)
        return self._client.get(target, limit, lambda hop, _: self._reserve(hop)).body

    def _reserve(self, target: Target) -> None:
        """Waits for the time of a request beside those that the lanes count."""
        due = self._clock.time() + self._lanes.reserve(target.bucket)
        while (left := due - self._clock.time()) > 0:
            if self._connections.stopping:
                raise StoppedRequest
            if left > self._settings.longest_pause:
                raise Failure("throttled", "its host is paused", retry_after=left)
            self._clock.sleep(min(left, 0.1))
