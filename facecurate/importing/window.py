"""Addresses in flight: a few parts at once, each packed when its last address has ended.

The list is walked in its order and each part is a fixed stretch of it, so that parts do not depend
on who answered first. Only so many parts are open at a time: memory and spool do not grow with the
list. An address that failed for now comes back after a pause, between new ones.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from facecurate.errors import StoppedError
from facecurate.fetch import Got, ImageFetcher, Kind, Wanted, final_reason
from facecurate.importing.lists import Line
from facecurate.importing.polite import Politeness
from facecurate.importing.spool import Ended, Spool
from facecurate.text import counted

OPEN = 32  # parts that are open at once, at most
_NETWORK = {
    "unknown_host": "no name is known",
    "connection": "no connection",
    "no_answer": "silence",
}
_NOBODY = 50  # addresses without any answer, after which nothing more is asked


@dataclass(slots=True)
class Stretch:
    """The addresses of one part, in the order of the list, and what is left to do of them."""

    stem: str
    lines: dict[str, Line]  # by photo id
    ended: dict[str, Ended] = field(default_factory=dict)
    waiting: int = 0  # for hosts that are closed

    @property
    def is_over(self) -> bool:
        """Whether every address has ended."""
        return len(self.ended) == len(self.lines)


@dataclass(slots=True)
class _Asked:
    """An address that is being asked for, and how often that failed."""

    line: Line
    stretch: Stretch
    closed: int  # runs in which its host was closed
    misses: int = 0
    refusals: int = 0


class Window:
    """Fetches stretch after stretch; ``pack`` is called for each that is over.

    ``judge``: why an address is not asked at all, or None. ``earlier``: what earlier runs left, by
    photo id. ``done``: told of every number of addresses that ended.
    """

    def __init__(
        self,
        stretches: Iterator[Stretch],
        spool: Spool,
        polite: Politeness,
        *,
        judge: Callable[[str, Line], str | None],
        earlier: dict[str, Ended],
        pack: Callable[[Stretch], None],
        done: Callable[[int], None],
    ) -> None:
        self._stretches, self._spool, self._polite = stretches, spool, polite
        self._judge, self._earlier, self._pack, self._done = judge, earlier, pack, done
        self._open: dict[str, Stretch] = {}
        self._exhausted = False
        self._asked: dict[str, _Asked] = {}
        self._again: list[tuple[float, int, str]] = []  # when, order, photo id
        self._order = itertools.count()
        self._answered: set[str] = set()  # hosts that said anything in this run
        self._unheard = 0  # addresses that were put off before anybody answered
        self._why = ""  # what is waited for

    def run(self, fetcher: ImageFetcher) -> None:
        """Fetches all. Raises StoppedError when what is left waits for hosts that are closed."""
        clock = self._polite.clock
        while True:
            fetcher.fetch_many(self._wanted(), self._take)
            if self._has_room():
                continue
            if self._again:
                clock.sleep(max(0.0, self._again[0][0] - clock.time()))
            elif self._open:
                raise self._stopped()
            else:
                return

    def _stopped(self) -> StoppedError:
        waiting = sum(stretch.waiting for stretch in self._open.values())
        what = counted(waiting, "address", "addresses")
        return StoppedError(f"{what} could not be asked for: {self._why}")

    # -- what is asked for -----------------------------------------------------------------------

    def _wanted(self) -> Iterator[Wanted]:
        """New addresses in the order of the list, and between them those whose pause is over."""
        yield from self._due()
        while self._has_room():
            for key in self._next_stretch():
                yield self._want(key)
                yield from self._due()

    def _has_room(self) -> bool:
        return len(self._open) < OPEN and not self._exhausted

    def _due(self) -> Iterator[Wanted]:
        while self._again and self._again[0][0] <= self._polite.clock.time():
            yield self._want(heapq.heappop(self._again)[2])

    def _want(self, key: str) -> Wanted:
        return Wanted(key, self._asked[key].line.url)

    def _next_stretch(self) -> list[str]:
        """Opens the next part; the ids in it that are to be asked for."""
        stretch = next(self._stretches, None)
        if stretch is None:
            self._exhausted = True
            return []
        self._open[stretch.stem] = stretch
        fresh = []
        for key, line in stretch.lines.items():
            before = self._earlier.pop(key, None)
            reason = self._judge(key, line)
            if reason:
                stretch.ended[key] = Ended(key, line.url, reason)
            elif before and before.is_over:
                stretch.ended[key] = before
            else:
                self._asked[key] = _Asked(line, stretch, before.closed if before else 0)
                fresh.append(key)
        self._done(len(stretch.lines) - len(fresh))
        self._finish(stretch)
        return fresh

    # -- what comes of it ------------------------------------------------------------------------

    def _take(self, got: Got) -> None:
        asked, pauses = self._asked[got.key], self._polite.pauses
        if _cause(got) not in (*_NETWORK, "address", "host_closed"):
            self._answered.add(_host(got.url))
        if got.kind is None:
            self._end(asked, _stored(got, int(self._polite.clock.time())))
        elif got.reason == "host_closed":
            self._put_off(asked, got, got.detail, counts=_host(got.url) in self._answered)
        elif got.kind is Kind.THROTTLE:
            asked.refusals += 1
            last = asked.refusals >= self._polite.refusals
            self._try_again(asked, got, None if last else pauses[0])
        elif got.kind is Kind.TRANSIENT and got.reason != "denied":
            asked.misses += 1
            silent = _reason(got) == "unreachable"  # else bad bytes came: twice is enough
            last = asked.misses > (len(pauses) if silent else 1)
            self._try_again(asked, got, None if last else pauses[asked.misses - 1])
        else:
            self._try_again(asked, got, None)

    def _try_again(self, asked: _Asked, got: Got, pause: float | None) -> None:
        """After a pause; None: that was the last try."""
        if pause is not None:
            longest = self._polite.longest
            due = self._polite.clock.time() + max(pause, min(got.retry_after or 0.0, longest))
            heapq.heappush(self._again, (due, next(self._order), got.key))
        elif _cause(got) in _NETWORK and not self._answered:
            why = f"nobody answers ({_NETWORK[_cause(got)]}): check the network, then run it again"
            self._unheard += self._put_off(asked, got, why)
            if self._unheard >= _NOBODY:
                raise self._stopped()
        else:
            self._end(asked, Ended(got.key, got.url, _reason(got)))

    def _put_off(self, asked: _Asked, got: Got, why: str, *, counts: bool = True) -> bool:
        """The address waits for another run, but not for ever: then it ends, and False.

        ``counts``: False while a host's pause of an earlier run goes on and it is not even asked.
        """
        self._why, asked.closed = why, asked.closed + counts
        if asked.closed >= self._polite.runs:
            self._end(asked, Ended(got.key, got.url, _reason(got)))
            return False
        del self._asked[got.key]
        asked.stretch.waiting += 1
        self._spool.note(asked.stretch.stem, Ended(got.key, got.url, closed=asked.closed))
        return True

    def _end(self, asked: _Asked, ended: Ended) -> None:
        stretch = asked.stretch
        self._spool.note(stretch.stem, ended)
        del self._asked[ended.id]
        stretch.ended[ended.id] = ended
        self._done(1)
        self._finish(stretch)

    def _finish(self, stretch: Stretch) -> None:
        """Packs a part whose last address has ended."""
        if stretch.is_over:
            self._pack(stretch)
            self._spool.forget(stretch.stem, stretch.ended.values())
            del self._open[stretch.stem]


def _host(url: str) -> str:
    return url.split("/", 3)[2] if url.count("/") > 1 else url


def _cause(got: Got) -> str:
    """Why nothing came; the same for an address and for its host's robots.txt."""
    return got.detail if got.reason == "robots_unknown" else got.reason or ""


def _reason(got: Got) -> str:
    assert got.reason is not None
    return final_reason(got.reason)


def _stored(got: Got, at: int) -> Ended:
    return Ended(
        got.key,
        got.url,
        file=f"{got.key}.{got.extension}",
        sha256=got.sha256,
        bytes=got.bytes,
        width=got.width,
        height=got.height,
        orientation=got.orientation,
        at=at,
    )
