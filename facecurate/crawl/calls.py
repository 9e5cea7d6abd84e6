"""Calls to Flickr with all that surrounds one: a place in the budget, patience, and its end."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Protocol

from facecurate.errors import FacecurateError
from facecurate.flickr.budget import Budgets
from facecurate.flickr.clock import LONG, Clock, day
from facecurate.flickr.failures import Backoff, CallFailure, Kind, Stop
from facecurate.flickr.query import BadReply, Page, Query, Retry, StopCrawl, TooDeep, page_of

LOST = 10  # items in a row that gave nothing: it is Flickr that is ill, so the run stops
SEARCH = "flickr.photos.search"


class Client(Protocol):
    """One call, one HTTP request."""

    def call(self, method: str, /, **params: str | int) -> dict[str, Any]:
        """The reply. Raises CallFailure."""
        ...


Failed = Callable[[str, CallFailure, float], None]  # method, what went wrong, seconds of waiting


class ItemFailed(CallFailure):
    """Nothing could be learned about this one item now; others may be asked about."""


class Api:
    """A key's calls, one after another, within the budget that all crawls of the user share."""

    def __init__(
        self,
        client: Client,
        budgets: Budgets,
        bucket: str,
        clock: Clock,
        *,
        backoff: Backoff | None = None,
        failed: Failed = lambda method, failure, wait: None,
    ) -> None:
        """``failed`` is told of every call that gave nothing, for the record."""
        self._client, self._budgets, self._bucket, self._clock = client, budgets, bucket, clock
        self._backoff = backoff or Backoff()
        self._random = random.Random()
        self._refusals = 0  # throttled or unknown answers in a row
        self._lost = 0  # calls in a row that were given up
        self._known = 0.0  # until when a pause is known to whom ``say`` speaks
        self.failed = failed
        self.say: Callable[[str], None] = lambda line: None
        self.calls = 0  # attempts, as Flickr counts them

    def call(self, method: str, **params: str | int) -> dict[str, Any]:
        """The reply to one call, asked again as often as its failures allow.

        Raises CallFailure for what is gone or refused, ItemFailed for what cannot be learned now,
        StopCrawl (exit code 75) if Flickr wants us to go away for a while or is ill.
        """
        tries = 0
        while True:
            self._wait()
            try:
                self.calls += 1
                reply = self._client.call(method, **params)
            except CallFailure as failure:
                tries += failure.kind is Kind.TRANSIENT
                self._clock.sleep(self._after(method, failure, tries))
            else:
                self._refusals = self._lost = 0
                return reply

    def needed(self, method: str, **params: str | int) -> dict[str, Any]:
        """As ``call``, for what the run cannot go on without: ItemFailed ends the run."""
        try:
            return self.call(method, **params)
        except ItemFailed as failure:
            raise _given_up(failure, failure.message) from failure

    def search(self, query: Query) -> Page:
        """One page of a search, as the enumeration asks for it."""
        try:
            return page_of(self.needed(SEARCH, **query.params()))
        except BadReply as error:
            raise Retry(self._random.random() * 5.0, "bad_reply") from error
        except CallFailure as failure:
            if failure.kind is Kind.GONE:
                raise TooDeep from None
            raise

    def _wait(self) -> None:
        """Takes a place in the budget and waits for it; a long block is no time to wait."""
        left = self._budgets.blocked(self._bucket)
        if left > self._backoff.pause_longest + 60:
            raise self._stopped("Flickr had asked for a long pause", left)
        until = self._clock.time() + left
        if left >= LONG and until > self._known + 1:  # of an earlier run, or of another crawl
            self._known = until
            self.say(f"Flickr had asked for a pause: waiting until {day(until)}")
        self._budgets.acquire(self._bucket)

    def _after(self, method: str, failure: CallFailure, tries: int) -> float:
        """Seconds until the next try. Raises what ends the call, or the run."""
        if failure.kind in (Kind.GONE, Kind.OWNER_GONE, Kind.STOP, Kind.BUG):
            self.failed(method, failure, 0.0)
            raise failure
        refused = failure.kind in (Kind.THROTTLE, Kind.UNKNOWN)
        self._refusals += refused
        count = self._refusals if refused else tries
        pause = self._backoff.pause(failure.kind, count, failure.retry_after, self._random)
        if isinstance(pause, Stop):
            self.failed(method, failure, 0.0)
            raise self._end(failure, pause)
        self.failed(method, failure, pause)
        if refused:  # in all processes; the next place in the budget lies behind it
            self._budgets.block(self._bucket, pause, failure.message)
            self._known = self._clock.time() + pause
            return 0.0
        return pause

    def _end(self, failure: CallFailure, stop: Stop) -> FacecurateError:
        if failure.kind is Kind.UNKNOWN or stop.ends == "item":
            self._lost += 1
            told = f"{failure.message} ({stop.why})"
            if self._lost >= LOST:
                return _given_up(failure, told)
            return ItemFailed(failure.kind, failure.status, failure.code, told)
        seconds = max(failure.retry_after or 0.0, self._backoff.pause_longest)
        self._budgets.block(self._bucket, seconds, failure.message)
        return self._stopped(failure.message, seconds)

    def _stopped(self, why: str, seconds: float) -> StopCrawl:
        then = day(self._clock.time() + seconds)
        return StopCrawl(f"{why}: stopped; run the same command again after {then}")


def _given_up(failure: CallFailure, told: str) -> FacecurateError:
    if failure.kind is Kind.UNKNOWN:
        return FacecurateError(told)
    return StopCrawl(f"{told}: run the same command again later")
