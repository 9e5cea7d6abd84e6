"""How many requests are too many: a sliding hour a key, a bucket of tokens a client of images."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass

TOO_MANY = (
    b"<html><body><h1>429 Too Many Requests</h1>\n"
    b"You have sent too many requests in a given amount of time.\n</body></html>\n"
)


@dataclass(frozen=True, slots=True)
class Rate:
    """Limits; None for none.

    ``per_hour`` calls of a key in any ``window`` seconds. Beyond it, ``over`` is one of "429",
    "201" (the code), "latency" (``latency`` seconds more) and "expire": 429, and after
    ``offences`` of them the key has expired for good. ``images_per_second`` and
    ``originals_per_second`` fill a bucket of ``burst`` tokens a client (address and user agent).
    ``retry_after`` is sent as it stands.
    """

    per_hour: int | None = 3600
    window: float = 3600.0
    over: str = "429"
    latency: float = 1.0
    offences: int = 3
    images_per_second: float | None = None
    originals_per_second: float | None = None
    burst: int = 20
    retry_after: str | None = None


class Meter:
    """Counts requests against a :class:`Rate`; ``now`` gives seconds that only grow."""

    def __init__(self, rate: Rate, now: Callable[[], float]) -> None:
        self.rate, self._now = rate, now
        self._lock = threading.Lock()
        self._calls: defaultdict[str, deque[float]] = defaultdict(deque)
        self._offences: defaultdict[str, int] = defaultdict(int)
        self._buckets: dict[tuple[str, bool], tuple[float, float]] = {}

    def call(self, key: str) -> str | None:
        """What is wrong with one more call of a key, one of ``over``; None for nothing."""
        limit, rate = self.rate.per_hour, self.rate
        with self._lock:
            now, calls = self._now(), self._calls[key]
            if rate.over == "expire" and self._offences[key] >= rate.offences:
                return "expired"
            while calls and calls[0] <= now - rate.window:
                calls.popleft()
            calls.append(now)
            if limit is None or len(calls) <= limit:
                return None
            self._offences[key] += 1
            return "429" if rate.over == "expire" else rate.over

    def image(self, client: str, original: bool) -> bool:
        """Whether one more picture may go to a client."""
        rate = self.rate
        speed = rate.originals_per_second if original else rate.images_per_second
        if speed is None:
            return True
        with self._lock:
            now = self._now()
            tokens, last = self._buckets.get((client, original), (float(rate.burst), now))
            tokens = min(float(rate.burst), tokens + (now - last) * speed)
            allowed = tokens >= 1
            self._buckets[client, original] = (tokens - allowed, now)
            return allowed
