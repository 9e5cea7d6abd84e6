"""The time that crawling goes by: the machine's, or one that tests and simulations move."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

LONG = 30.0  # seconds of pause that are worth a line


class Clock(Protocol):
    """Seconds since 1970, and a way to let them pass."""

    def time(self) -> float:
        """Now, in seconds since 1970."""
        ...

    def sleep(self, seconds: float) -> None:
        """Returns when so many seconds have passed; at once for none or fewer."""
        ...


@dataclass(frozen=True, slots=True)
class RealClock:
    """The machine's clock, which all processes share."""

    def time(self) -> float:
        """Now, in seconds since 1970."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Waits."""
        if seconds > 0:
            time.sleep(seconds)


@dataclass(slots=True)
class FakeClock:
    """A clock that moves only when somebody sleeps by it."""

    now: float = 1_700_000_000.0  # seconds since 1970

    def time(self) -> float:
        """Now, in seconds since 1970."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Moves the clock, at no cost."""
        self.now += max(0.0, seconds)


def day(seconds: float) -> str:
    """A moment for people, UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
