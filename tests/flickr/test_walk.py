"""After each page a window goes on, ends, is cut or is split, and no time is left out."""

from __future__ import annotations

import itertools
import random

from hypothesis import given, settings
from hypothesis import strategies as st
from simulated import window

from facecurate.flickr.query import Page, Row
from facecurate.flickr.sightings import Sighting
from facecurate.flickr.walk import Rules, advance
from facecurate.flickr.windows import choose

RULES = Rules(per_page=50, cut=300, cap=400, end=10 * 86400)
DAY = 86400


def page(*dates: int, total: int | None = None, licence: int = 4) -> Page:
    rows = tuple(Row(i + 1, "1@N00", date, date, licence, {}) for i, date in enumerate(dates))
    return Page(len(rows) if total is None else total, rows)


def step(before, dates, total=None, rules=RULES):
    """(window after, windows opened) of a page whose rows are all new."""
    seen = Sighting(len(dates), len(dates), len(dates))
    return advance(before, page(*dates, total=total), seen, rules)


def spread(count: int, first: int, last: int) -> list[int]:
    return [first + (last - first) * i // count for i in range(count)]


def test_a_short_page_with_all_that_was_announced_ends_a_window():
    after, opened = step(window(), spread(20, DAY, 2 * DAY), total=20)
    assert (after.state, after.reached) == ("done", 2 * DAY)
    assert [w.since for w in opened] == [2 * DAY]


def test_a_short_page_with_less_than_was_announced_does_not():
    after, opened = step(window(), spread(20, DAY, 2 * DAY), total=21)
    assert after.state == "open" and opened == []


def test_after_enough_rows_the_next_query_begins_at_the_last_rows_cell():
    before = window(rows=250, uniques=250, pages=5, top=100_000)
    dates = spread(50, 100_000, 130_000)
    after, (following,) = step(before, dates, total=700)
    assert after.state == "cut"
    assert after.reached == following.since == dates[-3] // 300 * 300
    assert following.mode == "walk" and following.expected >= 3


def test_rows_that_change_places_at_the_cut_are_not_skipped():
    dates = [*spread(48, DAY, DAY + 4000), DAY + 80_000, DAY + 70_000]
    after, _ = step(window(rows=250, uniques=250, pages=5), dates, total=700)
    assert after.reached <= DAY + 4000


def test_rows_of_another_range_do_not_move_the_cursor():
    dates = [*spread(47, DAY, DAY + 4000), *[9 * DAY] * 3]
    after, (following,) = step(window(rows=250, uniques=250, pages=5), dates, total=700)
    assert after.reached == following.since <= DAY + 4000


def test_a_page_within_one_cell_has_the_cell_asked_alone():
    dates = [DAY + 600 + i for i in range(50)]
    _, (cell, following) = step(window(), dates, total=400)
    assert (cell.mode, cell.since, cell.until) == ("whole", DAY + 600, DAY + 900)
    assert following.since == DAY + 900


def test_a_cell_with_too_much_is_split_into_licences_that_hold_about_as_much():
    cell = window(mode="whole", since=DAY, until=DAY + 300, licences="4,5,9,11")
    rows = [Row(i, "1@N00", DAY, DAY, 4 if i % 2 else 9, {}) for i in range(50)]
    after, parts = advance(cell, Page(301, tuple(rows)), Sighting(50, 50, 50), RULES)
    assert after.state == "split"
    assert sorted(p.licences for p in parts) == ["4,5", "9,11"]  # those seen are kept apart


def test_rows_out_of_order_have_the_window_halved():
    dates = spread(50, DAY, 2 * DAY)
    random.Random(1).shuffle(dates)
    after, opened = step(window(), dates, total=900)
    halves, following = opened[:2], opened[2]
    assert after.state == "split" and {w.mode for w in halves} == {"whole"}
    assert [(w.since, w.until) for w in halves] == [
        (DAY, DAY + DAY // 2), (DAY + DAY // 2, 2 * DAY)
    ]  # fmt: skip
    assert following.since == 2 * DAY and following.mode == "walk"


def test_an_early_empty_page_loses_nothing_behind_it():
    before = window(rows=50, uniques=50, pages=1, total=90, cursor=DAY + 3000, top=DAY + 3000)
    after, opened = step(before, [], total=90)
    assert after.state == "cut" and opened[0].since == DAY + 3000


def test_pages_that_repeat_end_a_window():
    before = window(mode="whole", rows=100, uniques=100, pages=2, total=120, licences="4")
    dates = spread(50, DAY, 2 * DAY)
    for _ in range(2):
        before, opened = advance(before, page(*dates, total=120), Sighting(), RULES)
    assert before.state != "open"
    assert [w.sort for w in opened] in ([], ["date-posted-asc"] * 2)


@given(st.lists(st.integers(DAY, 3 * DAY), max_size=60), st.integers(0, 900), st.data())
@settings(max_examples=200, deadline=None)
def test_no_moment_between_a_window_and_the_next_is_left_out(dates, total, data):
    before = window(
        rows=data.draw(st.sampled_from([0, 50, 250, 390])),
        mode=data.draw(st.sampled_from(["walk", "whole"])),
        dry=data.draw(st.integers(0, 2)),
        late=data.draw(st.sampled_from([0, 100])),
    )
    rows = sorted(dates) if data.draw(st.booleans()) else dates
    after, opened = step(before, rows, total)
    if after.state == "open":
        assert [w.since for w in opened] in ([], [before.until])
        return
    ends = {"walk": RULES.end}  # a walk goes on to the end, whatever its windows
    covered = [(w.since, ends.get(w.mode, w.until), set(w.licences.split(","))) for w in opened]
    if before.mode == "walk":
        assert [w.since <= max(before.until, after.reached + 300) for w in opened if
                w.mode == "walk"] == [True]  # fmt: skip
    for moment in range(max(after.reached, before.since), before.until, 100):
        assert any(since <= moment < until for since, until, _ in covered)
    if after.state == "split":
        spans = [c for c in covered if c[1] <= before.until]
        assert min(c[0] for c in spans) == before.since
        assert max(c[1] for c in spans) == before.until
        assert set().union(*(c[2] for c in spans)) == {"4", "5"}


def test_the_second_pass_takes_its_share_of_each_kind_spread_over_time():
    walks = [window(id=i, state="done", since=i, total=1) for i in range(1, 201)]
    cells = [window(id=500 + i, state="done", stratum="cell", total=1) for i in range(3)]
    chosen = choose([*cells, *walks], 0.15, seed=3)
    picked = [w.since for w in chosen if w.stratum == "walk"]
    gaps = [b - a for a, b in itertools.pairwise(picked)]
    assert len(picked) == 30 and set(gaps) <= {6, 7}
    assert sum(w.stratum == "cell" for w in chosen) == 1
    assert chosen == choose(walks + cells, 0.15, seed=3)
    assert choose(walks, 0.0, seed=3) == []
    assert [w.id for w in choose(walks, 1.0, seed=3)] == [w.id for w in walks]
