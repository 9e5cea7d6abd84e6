"""What to do after one more page of a window: pure decisions, no clock, no file, no network.

Flickr gives at most about 4,000 rows a query, its totals are short by up to 20 %, and its date
bounds are rounded outward to a grid of about five minutes. So a window is walked in ascending
order, cut after 3,000 rows, and the next query begins at the grid cell of the last rows. A cell
that holds too much is split by licence, then by tag, then asked from its other end. Windows whose
rows come out of order are halved instead (as Openverse's crawler does with all windows).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from facecurate.flickr.query import ASCENDING, DESCENDING, Page, Term
from facecurate.flickr.schema import Window
from facecurate.flickr.sightings import Sighting

_LAST = 3  # rows whose least date is the cursor: neighbours may be swapped where pages meet
_STRAY = 4  # cells beyond its window from which a row says nothing about how far a walk is
_CUT, _WHOLE = 1.2, 0.75  # of a walk: what a window should hold if it may be cut, and if it may not
_GROWTH = 8.0  # a window is at most so many times longer than its density was measured on


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The sizes that enumeration goes by; times in seconds."""

    per_page: int = 500
    cut: int = 3000  # rows after which a walk is cut; a total above it means: split
    cap: int = 4000  # rows that a query gives at most
    grid: int = 300  # to which Flickr rounds date bounds, outward
    shortest: int = 600  # halves are not made of windows up to this long
    longest: int = 90 * 86400
    end: int  # exclusive

    def __post_init__(self) -> None:
        if not 0 < self.per_page <= self.cut <= self.cap:
            raise ValueError("per_page <= cut <= cap")
        if self.grid < 1 or self.shortest < 2 * self.grid or self.longest < self.shortest:
            raise ValueError("2 grid <= shortest <= longest")

    def floor(self, time: int) -> int:
        """``time`` rounded down to the grid."""
        return time - time % self.grid


def advance(
    window: Window, page: Page, seen: Sighting, rules: Rules
) -> tuple[Window, list[Window]]:
    """The window after its next page, and the windows to open because of it."""
    after = _counted(window, page, seen, rules)
    if after.turn > 1:
        return (_closed(after) if _ended(after, page, rules) else after), []
    if after.mode == "walk":
        if not _disordered(after):
            return _walk(after, page, rules)
        after = replace(after, mode="whole", stratum="halved")
        return _and(_whole(after, page, rules), _next(after, after.until, rules))
    return _whole(after, page, rules)


def first_window(term: Term, licences: Sequence[int], since: int, rules: Rules) -> list[Window]:
    """Where the enumeration of a term begins."""
    start = rules.floor(since)
    window = Window(
        term=str(term), licences=_join(licences), sort=ASCENDING, since=start,
        until=min(rules.end, start + rules.longest),
    )  # fmt: skip
    return [window] if start < rules.end else []


def _and(result: tuple[Window, list[Window]], more: list[Window]) -> tuple[Window, list[Window]]:
    return result[0], result[1] + more


def _counted(window: Window, page: Page, seen: Sighting, rules: Rules) -> Window:
    low, high = window.since - _STRAY * rules.grid, window.until + _STRAY * rules.grid
    dates = [row.uploaded for row in page.rows if low <= row.uploaded < high]
    late, top = 0, window.top
    for date in dates:
        late += date < top - rules.grid
        top = max(top, date)
    # From the other end of a cell, only what is new to the crawl is progress.
    progress = seen.new if window.sort == DESCENDING and window.turn == 1 else seen.uniques
    return replace(
        window,
        pages=window.pages + 1,
        total=max(window.total, page.total),
        rows=window.rows + len(page.rows),
        uniques=window.uniques + seen.uniques,
        new=window.new + seen.new,
        caught=window.caught + seen.caught,
        again=window.again + seen.again,
        malformed=window.malformed + page.malformed,
        dry=0 if progress else window.dry + 1,
        late=window.late + late,
        top=top,
        cursor=rules.floor(min(dates[-_LAST:])) if dates else window.cursor,
    )


def _disordered(window: Window) -> bool:
    return window.late > 3 and window.late > 0.1 * window.rows


def _full(window: Window, page: Page, rules: Rules) -> bool:
    """The query gives no more rows although there may be more photos."""
    stuck = window.dry >= 2 and bool(page.rows) and window.uniques < window.total
    return page.too_deep or stuck or window.rows >= rules.cap


def _ended(window: Window, page: Page, rules: Rules) -> bool:
    short = len(page.rows) + page.malformed < rules.per_page
    if short and page.rows and window.rows + window.malformed >= window.total:
        return True  # both signs agree: no need to ask for an empty page
    return not page.rows or window.dry >= 2 or _full(window, page, rules)


def _closed(window: Window, state: str = "done", reached: int | None = None) -> Window:
    return replace(window, state=state, reached=window.until if reached is None else reached)


# -- windows that may be cut -------------------------------------------------------------------


def _walk(window: Window, page: Page, rules: Rules) -> tuple[Window, list[Window]]:
    ended, full = _ended(window, page, rules), _full(window, page, rules)
    missing = ended and window.rows and not page.rows and window.uniques < window.total
    if ended and not full and not missing:
        return _closed(window), _next(window, window.until, rules)
    dense = _in_one_cell(page, rules)
    if ended or dense or window.rows >= rules.cut:
        return _cut(window, page, dense, rules)
    return window, []


def _in_one_cell(page: Page, rules: Rules) -> bool:
    cells = {rules.floor(row.uploaded) for row in page.rows}
    return len(cells) == 1 and len(page.rows) + page.malformed >= rules.per_page


def _cut(window: Window, page: Page, dense: bool, rules: Rules) -> tuple[Window, list[Window]]:
    """The next query begins at the cursor; a cell that is dense, or stops us, is asked alone."""
    cursor = max(window.cursor, window.since)
    if cursor >= window.until:
        return _closed(window), _next(window, window.until, rules)
    expected = sum(row.uploaded >= cursor for row in page.rows)
    if not dense and cursor > window.since:
        return _closed(window, "cut", cursor), _next(window, cursor, rules, expected)
    cell = Window(
        parent=window.id, stratum="cell", mode="whole", term=window.term, licences=window.licences,
        sort=window.sort, since=cursor, until=cursor + rules.grid, rate=window.rate,
    )  # fmt: skip
    plain = replace(window, uniques=window.uniques - expected)
    return _closed(window, "cut", cursor), [cell, *_next(plain, cell.until, rules)]


def _next(window: Window, since: int, rules: Rules, expected: int = 0) -> list[Window]:
    """The window that follows, so long that it should hold what one walk takes."""
    if since >= rules.end:
        return []
    covered = min(since, window.until) - window.since
    whole = covered == window.until - window.since
    photos = max(window.uniques, window.total) if whole else window.uniques
    rate = photos / covered if covered > rules.grid else window.rate
    fill = rules.cut * (_WHOLE if window.stratum == "halved" else _CUT)
    length = min(rules.longest, fill / rate if rate else rules.longest)
    if covered > rules.grid:
        length = min(length, max(_GROWTH * covered, rules.shortest))
    until = since + max(rules.shortest, rules.floor(int(length)))
    return [
        Window(
            parent=window.id, term=window.term, licences=window.licences, sort=ASCENDING,
            since=since, until=min(rules.end, until), rate=rate, expected=expected,
        )
    ]  # fmt: skip


# -- windows that are asked to their end -------------------------------------------------------


def _whole(window: Window, page: Page, rules: Rules) -> tuple[Window, list[Window]]:
    full = _full(window, page, rules)
    parts = _parts(window, page, rules) if full or window.total > rules.cut else []
    if parts:
        return _closed(window, "split"), parts
    if not _ended(window, page, rules):
        return window, []
    if not full or (window.dry >= 2 and window.sort == DESCENDING):
        return _closed(window), []  # to the end, or up to what the other end had brought
    if window.sort == DESCENDING:
        return _closed(window, "capped"), []  # both ends, and perhaps more between them
    back = Window(
        parent=window.id, stratum=window.stratum, mode="whole", term=window.term,
        licences=window.licences, sort=DESCENDING, since=window.since, until=window.until,
    )  # fmt: skip
    return _closed(window, "turned"), [back]


def _parts(window: Window, page: Page, rules: Rules) -> list[Window]:
    """Two windows that together hold what this one does, by the first axis that can be cut."""
    if window.sort == DESCENDING:
        return []
    part = replace(
        window, id=0, parent=window.id, pages=0, total=0, rows=0, uniques=0, new=0, caught=0,
        again=0, malformed=0, dry=0, late=0, top=0, cursor=0, expected=0,
    )  # fmt: skip
    if window.until - window.since > rules.shortest:
        middle = rules.floor((window.since + window.until) // 2)
        return [replace(part, until=middle), replace(part, since=middle)]
    licences = split_licences(window.licences)
    if len(licences) > 1:
        parts = _balanced(licences, Counter(row.license_id for row in page.rows))
        return [replace(part, licences=_join(half)) for half in parts]
    tags = Term.read(window.term).tags
    halves = [half for half in (tags[::2], tags[1::2]) if half]
    return [replace(part, term=str(Term(tags=h))) for h in halves] if len(halves) > 1 else []


def _balanced(licences: Sequence[int], counts: Counter[int]) -> tuple[list[int], list[int]]:
    """Two groups of licences of about equal numbers of photos, neither of them empty."""
    halves: tuple[list[int], list[int]] = ([], [])
    sizes = [0, 0]
    for licence in sorted(licences, key=lambda known: (-counts[known], known)):
        lighter = sizes.index(min(sizes))
        halves[lighter].append(licence)
        sizes[lighter] += counts[licence] + 1
    return sorted(halves[0]), sorted(halves[1])


def split_licences(joined: str) -> tuple[int, ...]:
    """The licence ids in a window's column."""
    return tuple(int(part) for part in joined.split(","))


def _join(licences: Sequence[int]) -> str:
    return ",".join(map(str, sorted(licences)))
