"""What image hosts may be asked, out of the budgets that all commands of a user share."""

from __future__ import annotations

from collections.abc import Callable

from facecurate.flickr.budget import Budgets, Limit
from facecurate.flickr.clock import LONG, Clock, day


class HostBudgets:
    """The budgets of image hosts: each has the same limit, known when it is first asked.

    ``say``: of long pauses, from any thread.
    """

    def __init__(
        self,
        budgets: Budgets,
        limit: Limit,
        clock: Clock,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._budgets, self._limit, self._clock, self._say = budgets, limit, clock, say
        self._told = 0.0  # until when

    def take(self, bucket: str, cost: int = 1) -> float:
        """Seconds to wait before a request; its place is taken."""
        self._budgets.limit(bucket, self._limit)
        wait = self._budgets.take(bucket, cost)
        if wait >= LONG and (left := self._budgets.blocked(bucket)) >= LONG:
            self._tell(bucket, left, "of before")
        return wait

    def block(self, bucket: str, seconds: float, reason: str) -> None:
        """Lets nothing out for so long, in all processes."""
        self._budgets.block(bucket, seconds, reason)
        if seconds >= LONG:
            self._tell(bucket, seconds, reason)

    def _tell(self, bucket: str, seconds: float, reason: str) -> None:
        until = self._clock.time() + seconds
        if until > self._told + 1:
            self._told = until
            host = bucket.removeprefix("img:")
            self._say(f"{host} asks for a pause ({reason}): no image of it until {day(until)}")

    def blocked(self, bucket: str) -> float:
        """Seconds until the block ends; 0 if there is none."""
        return self._budgets.blocked(bucket)

    def clean(self, bucket: str) -> None:
        """A request was answered well."""
        self._budgets.limit(bucket, self._limit)
        self._budgets.clean(bucket)

    def slower(self, bucket: str) -> None:
        """A request was refused for its rate."""
        self._budgets.limit(bucket, self._limit)
        self._budgets.slower(bucket)
