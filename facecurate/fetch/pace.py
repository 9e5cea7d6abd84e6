"""When the next request to a host may go out, and how long a host that complains is left alone."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from facecurate.errors import StoppedError


class Clock(Protocol):
    """Seconds since 1970, and a way to let them pass."""

    def time(self) -> float:
        """Now."""
        ...

    def sleep(self, seconds: float) -> None:
        """Returns when so many seconds have passed."""
        ...


class Budgets(Protocol):
    """What each host may be asked, counted by bucket; safe to call from several threads."""

    def take(self, bucket: str, cost: int = 1) -> float:
        """Seconds to wait before a request; its place is taken. StoppedError: the day is spent."""
        ...

    def block(self, bucket: str, seconds: float, reason: str) -> None:
        """Lets nothing out for so long; never shortens a block."""
        ...

    def blocked(self, bucket: str) -> float:
        """Seconds until the block ends; 0 if there is none."""
        ...

    def clean(self, bucket: str) -> None:
        """A request was answered well."""
        ...

    def slower(self, bucket: str) -> None:
        """A request was refused for its rate."""
        ...


class HostClosedError(StoppedError):
    """A host asks for a longer pause than is waited for; ``seconds`` of it are left."""

    def __init__(self, host: str, seconds: float, reason: str) -> None:
        super().__init__(
            f"{host} asks for a pause ({reason}): run the same command again "
            f"in {seconds / 3600:.1f} hours"
        )
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class MachineClock:
    """The machine's clock."""

    def time(self) -> float:
        """Now."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Waits."""
        time.sleep(max(seconds, 0.0))


@dataclass(slots=True)
class _Bucket:
    due: float = 0.0
    blocked: float = 0.0
    gap: float = 0.0
    run: int = 0


@dataclass(slots=True)
class LocalBudgets:
    """Budgets of this process alone: ``per_second`` requests to each host (None: no limit).

    A refused request halves a host's rate; 500 clean ones in a row raise it by 5 %, up to the
    limit (additive increase would do too; what matters is that the cut is the faster).
    """

    per_second: float | None = None
    clock: Clock = field(default_factory=MachineClock)
    _buckets: dict[str, _Bucket] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def _of(self, bucket: str) -> _Bucket:
        gap = 1 / self.per_second if self.per_second else 0.0
        return self._buckets.setdefault(bucket, _Bucket(gap=gap))

    def take(self, bucket: str, cost: int = 1) -> float:
        """Seconds to wait before a request; its place is taken."""
        with self._lock:
            one, now = self._of(bucket), self.clock.time()
            place = max(now, one.due, one.blocked)
            one.due = place + one.gap * cost
            return place - now

    def block(self, bucket: str, seconds: float, reason: str) -> None:
        """Lets nothing out for so long; never shortens a block."""
        with self._lock:
            one = self._of(bucket)
            one.blocked = max(one.blocked, self.clock.time() + seconds)

    def blocked(self, bucket: str) -> float:
        """Seconds until the block ends; 0 if there is none."""
        with self._lock:
            return max(self._of(bucket).blocked - self.clock.time(), 0.0)

    def clean(self, bucket: str) -> None:
        """A request was answered well."""
        with self._lock:
            one = self._of(bucket)
            one.run += 1
            if one.run >= 500 and self.per_second:
                one.gap, one.run = max(one.gap / 1.05, 1 / self.per_second), 0

    def slower(self, bucket: str) -> None:
        """A request was refused for its rate."""
        with self._lock:
            one = self._of(bucket)
            one.gap, one.run = min(one.gap * 2, 60.0), 0


_LONGEST_BLOCK = 86400.0  # what an absurd Retry-After is cut to


def pause(
    throttles: int, asked: float | None, rng: np.random.Generator, *, first: float, longest: float
) -> float:
    """Seconds to leave a host alone after its ``throttles``-th refusal in a row (from 1).

    Doubles each time, with up to a quarter of jitter, up to ``longest``; never less than ``asked``.
    """
    own = min(first * 2.0 ** min(throttles - 1, 30) * rng.uniform(1.0, 1.25), longest)
    return max(own, min(asked or 0.0, _LONGEST_BLOCK))
