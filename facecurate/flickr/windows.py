"""Finds every photo that a search of Flickr can give, page by page, from a state on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from facecurate.errors import UsageError
from facecurate.flickr.clock import Clock
from facecurate.flickr.query import (
    DESCENDING,
    SORTS,
    Page,
    Query,
    Retry,
    Row,
    Search,
    StopCrawl,
    Term,
    TooDeep,
)
from facecurate.flickr.schema import Window
from facecurate.flickr.sightings import Gate, Sighting, sight
from facecurate.flickr.state import State
from facecurate.flickr.walk import Rules, advance, first_window, split_licences

FLICKR_BEGAN = 1075593600  # 2004-02-01
DAY = 86400
LATE = DAY  # windows end so long before now: younger ones still grow


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a crawl looks for; times in seconds since 1970, UTC."""

    queries: tuple[str, ...] = ()  # each is walked by itself
    tags: tuple[str, ...] = ()  # any of them, in one walk
    licences: tuple[int, ...]
    since: int = FLICKR_BEGAN  # inclusive
    until: int | None = None  # exclusive; None: a day before the crawl began
    second_share: float = 0.15  # of the windows, asked again to estimate what was missed
    second_sort: str = "interestingness-desc"
    seed: int = 0
    per_page: int = 500
    cut: int = 3000
    cap: int = 4000
    grid: int = 300
    longest: int = 90 * DAY

    def __post_init__(self) -> None:
        if not self.terms:
            raise UsageError("nothing to look for: --query faces")
        if not self.licences:
            raise UsageError("no licence is allowed: --licenses open")
        if self.until is not None and self.until <= self.since:
            raise UsageError("--until must be later than --since")
        if not 0 <= self.second_share <= 1:
            raise UsageError("the share of the second pass must be between 0 and 1")
        if self.second_sort not in SORTS:
            raise UsageError(f"the second sort must be one of {', '.join(SORTS)}")

    @property
    def terms(self) -> tuple[Term, ...]:
        """What is walked, one after the other."""
        words = tuple(Term(text) for text in dict.fromkeys(self.queries))
        return words + ((Term(tags=tuple(dict.fromkeys(self.tags))),) if self.tags else ())

    def pinned(self) -> dict[str, Any]:
        """What every later run of the crawl must have the same, for ``State.settle``."""
        return {
            "queries": list(self.queries), "tags": list(self.tags), "since": self.since,
            "licenses": sorted(self.licences), "until": self.until, "seed": self.seed,
            "second_share": self.second_share, "second_sort": self.second_sort,
            "per_page": self.per_page, "cut": self.cut, "cap": self.cap, "grid": self.grid,
            "longest": self.longest,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Step:
    """One page has been asked and stored; ``window`` is as it is after it."""

    window: Window
    page: int
    seen: Sighting
    through: float  # share of the range that the first pass has behind it, 0 to 1


class Enumerator:
    """Asks page after page; each is one transaction, so any moment is a good one to be killed."""

    def __init__(
        self,
        state: State,
        search: Search,
        settings: Settings,
        clock: Clock,
        gate: Gate = lambda row: None,
        *,
        tries: int = 10,
    ) -> None:
        """Begins the crawl, or goes on with it.

        ``search``: one page; it may raise Retry, TooDeep and StopCrawl, and does not wait itself.
        ``gate``: why a photo may not be had; what is refused is stored with its reason.
        ``tries``: how often one page is asked before the crawl stops.
        Raises SettingsError if the state was begun with other settings.
        """
        self.state, self.search, self.clock = state, search, clock
        self.settings, self.gate, self.tries = settings, gate, tries
        self._last: tuple[int, frozenset[int]] = (0, frozenset())
        self._strays_are_usual = False
        self._front = 0  # where the farthest window begins
        state.settle(settings.pinned())
        self.rules = Rules(
            per_page=settings.per_page, cut=settings.cut, cap=settings.cap, grid=settings.grid,
            shortest=2 * settings.grid, longest=settings.longest, end=self._end(),
        )  # fmt: skip

    def _end(self) -> int:
        """Where the crawl ends, fixed at its first run."""
        with self.state.transaction():
            end = self.state.get("end")
            if end is None:
                end = int(self.clock.time()) - LATE
                end = min(end, self.settings.until or end)
                end -= end % self.settings.grid
                self.state.put("end", end)
            return int(end)

    def run(self) -> None:
        """Both passes to their end."""
        for _ in self.steps():
            pass

    def steps(self) -> Iterator[Step]:
        """The rest of the first pass, then of the second, one step a page.

        Stopping between steps is what a limit does; whatever is drawn next goes on from there.
        """
        if not self.state.get("begun"):
            self._begin()
        yield from self._work(1)
        if self.state.get("sampled") is None:
            self._sample()
        yield from self._work(2)

    def sweep(self) -> Iterator[Step]:
        """Asks all windows of the first pass again, to see what is still public.

        Photos that come have a new ``seen_at`` and licence; the fact ``sweep_began`` of the state
        says since when, for ``Photos.unseen``. A sweep that was broken off goes on.
        """
        turns = [w.turn for w in self.state.windows("turn > 2")]
        open_turns = [w.turn for w in self.state.windows("turn > 2 AND state = 'open'")]
        turn = min(open_turns, default=max(turns, default=2) + 1)
        if not open_turns:
            done = self.state.windows("turn = 1 AND state NOT IN ('open', 'split')")
            with self.state.transaction():
                self.state.put("sweep_began", int(self.clock.time()))
                self.state.open_windows([_again(w, turn, w.sort) for w in done])
        yield from self._work(turn)

    def _begin(self) -> None:
        with self.state.transaction():
            for term in self.settings.terms:
                start = first_window(term, self.settings.licences, self.settings.since, self.rules)
                self.state.open_windows(start)
            self.state.put("begun", True)

    def _sample(self) -> None:
        """Chooses the windows of the second pass: a seeded share of each stratum."""
        done = self.state.windows("turn = 1 AND state IN ('done', 'cut', 'turned', 'capped')")
        forward = [w for w in done if w.sort != DESCENDING and w.total]
        chosen = choose(forward, self.settings.second_share, self.settings.seed)
        with self.state.transaction():
            sort = self.settings.second_sort
            self.state.open_windows([_again(w, 2, sort) for w in chosen])
            self.state.put("sampled", len(chosen))

    def _work(self, turn: int) -> Iterator[Step]:
        while window := self.state.next_window([turn]):
            yield self._step(window)

    def _step(self, window: Window) -> Step:
        number = window.pages + 1
        page = self._ask(window, number)
        at = int(self.clock.time())
        inside = [row for row in page.rows if self._in_range(row)]
        with self.state.transaction() as db:
            seen = sight(db, window, inside, at, self.gate)
            after, more = advance(window, page, seen, self.rules)
            self.state.add_page(window.id, page, number, seen.uniques, seen.new, at)
            self.state.save_window(after)
            self.state.open_windows(more)
        return Step(after, number, seen, self._through(after))

    def _in_range(self, row: Row) -> bool:
        return self.settings.since <= row.uploaded < self.rules.end

    def _through(self, window: Window) -> float:
        """Terms are walked side by side, so the window that is farthest tells for all."""
        if window.turn > 1:
            return 1.0
        began = self.settings.since
        self._front = max(self._front, window.since, began)
        return min(1.0, (self._front - began) / (self.rules.end - began))

    # -- asking -------------------------------------------------------------------------------

    def _ask(self, window: Window, number: int) -> Page:
        query = Query(
            term=Term.read(window.term), since=window.since, until=window.until,
            licences=split_licences(window.licences), sort=window.sort, page=number,
            per_page=self.rules.per_page,
        )  # fmt: skip
        page = self._patient(query, window)
        if doubt := self._repeated(window, page) or self._strayed(window, page):
            self._failed(window, Retry(0, doubt))
            page = self._patient(query, window)
            self._strays_are_usual |= bool(_strays(window, page))
        self._last = (window.id, frozenset(row.photo_id for row in page.rows))
        return page

    def _patient(self, query: Query, window: Window) -> Page:
        for _ in range(self.tries):
            try:
                return self.search(query)
            except TooDeep:
                return Page(0, (), too_deep=True)
            except Retry as error:
                self._failed(window, error)
                self.clock.sleep(error.wait)
        raise StopCrawl(f"a page of the search failed {self.tries} times: run it again later")

    def _failed(self, window: Window, error: Retry) -> None:
        at, wait = int(self.clock.time()), error.wait
        self.state.attempt("search", window.id, error.kind, error.status, error.code, wait, at=at)

    def _repeated(self, window: Window, page: Page) -> str:
        same = (window.id, frozenset(row.photo_id for row in page.rows)) == self._last
        return "same_page" if page.rows and same else ""

    def _strayed(self, window: Window, page: Page) -> str:
        """Rows of another range stand where rows of this one should: it may be a passing fault."""
        strays = _strays(window, page)
        fewest = len(page.rows) / 2 if self._strays_are_usual else 0
        return "stray_rows" if strays > fewest else ""


def _strays(window: Window, page: Page) -> int:
    low, high = window.since - DAY, window.until + DAY
    return sum(not low <= row.uploaded < high for row in page.rows)


def _again(window: Window, turn: int, sort: str) -> Window:
    return Window(
        parent=window.id, turn=turn, stratum=window.stratum, mode="whole", term=window.term,
        licences=window.licences, sort=sort, since=window.since, until=window.reached,
    )  # fmt: skip


def choose(windows: Sequence[Window], share: float, seed: int) -> list[Window]:
    """About ``share`` of the windows of each stratum, evenly spread over time from a seeded start.

    At least one of each stratum unless ``share`` is 0.
    """
    chosen: list[Window] = []
    for stratum in sorted({stratum_of(w) for w in windows}):
        members = [w for w in windows if stratum_of(w) == stratum]
        members.sort(key=lambda w: (w.since, w.id))
        mixed = hashlib.sha256(f"{seed} {stratum}".encode()).digest()
        start = int.from_bytes(mixed[:6]) / 2**48
        steps = [int(start + share * i) for i in range(len(members) + 1)]
        picked = [w for i, w in enumerate(members) if steps[i + 1] > steps[i]]
        if not picked and share:
            picked = [members[int(start * len(members))]]
        chosen += picked
    return sorted(chosen, key=lambda w: w.id)


def stratum_of(window: Window) -> str:
    """Windows that may miss photos for the same reasons."""
    both_ends = window.state in ("turned", "capped") or window.sort == DESCENDING
    return "capped" if both_ends else window.stratum
