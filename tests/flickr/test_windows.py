"""Everything that a search can give is found, with few calls, whatever order and caps it has."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from simulated import OPEN, Crawl, ids, window

from facecurate.errors import SettingsError, StoppedError, UsageError
from facecurate.flickr.clock import FakeClock
from facecurate.flickr.query import BadReply, Page, Query, Retry, Row, StopCrawl, Term, page_of
from facecurate.flickr.sightings import Sighting
from facecurate.flickr.state import State
from facecurate.flickr.walk import Rules, advance
from facecurate.flickr.windows import LATE, Enumerator, Settings, choose

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


# -- the whole --------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_a_growing_world_with_bursts_is_found_in_few_calls(tmp_path, seed):
    crawl = Crawl(tmp_path, seed=seed).run()
    assert crawl.share >= 0.99
    assert len(crawl.asked) <= 2.0 * crawl.pages_needed
    assert len(crawl.asked) == crawl.state.calls()


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(5))
def test_a_world_of_sixty_thousand_photos_is_found_in_few_calls(tmp_path, seed):
    crawl = Crawl(tmp_path, 60_000, seed, scale=1).run()
    assert crawl.share >= 0.99
    assert len(crawl.asked) <= 2.0 * crawl.pages_needed


@pytest.mark.parametrize(
    "how",
    [{"unordered": 0}, {"unordered": 30}, {"shuffle": 0.05}, {"beyond": "error"},
     {"date_quantum": 900}, {"date_quantum": 1}, {"total_bias": 0.0}, {"types": "legacy"}],
    ids=str,
)  # fmt: skip
def test_nothing_is_lost_where_the_search_is_odd(tmp_path, how):
    crawl = Crawl(tmp_path, behaviour=how).run()
    assert crawl.share >= 0.999
    assert len(crawl.asked) <= 3.5 * crawl.pages_needed


def test_a_burst_of_one_licence_is_asked_from_both_ends(tmp_path):
    crawl = Crawl(tmp_path, burst=7000, bursts=1, mix={4: 1.0}).run()
    assert crawl.share >= 0.999
    (turned,) = crawl.state.windows("state = 'turned'")
    (back,) = crawl.state.windows("parent = ? AND turn = 1", (turned.id,))
    assert (back.sort, back.state) == ("date-posted-desc", "done")


def test_a_burst_beyond_both_ends_is_reported_as_capped(tmp_path):
    crawl = Crawl(tmp_path, burst=12_000, bursts=1, mix={4: 1.0}).run()
    (capped,) = crawl.state.windows("state = 'capped'")
    assert crawl.share < 0.99 and capped.rows == 400


def test_several_queries_and_tags_are_walked_and_their_photos_kept_once(tmp_path):
    more = {"queries": ("faces", "portrait"), "tags": ("wedding", "faces")}
    crawl = Crawl(tmp_path, settings=more, photos=2000, bursts=0).run()
    assert crawl.share >= 0.999
    texts = {query.term for query in crawl.asked}
    assert texts == {Term("faces"), Term("portrait"), Term(tags=("wedding", "faces"))}


def test_a_dense_cell_of_tags_is_split_by_tag(tmp_path):
    tags = {"queries": (), "tags": ("faces", "portrait")}
    crawl = Crawl(tmp_path, burst=9000, bursts=1, mix={4: 1.0}, settings=tags).run()
    assert {Term(tags=("faces",)), Term(tags=("portrait",))} <= {q.term for q in crawl.asked}


def test_nothing_younger_than_a_day_is_asked_for(tmp_path):
    crawl = Crawl(tmp_path, photos=500, bursts=0)
    now = crawl.clock.time()
    crawl.run()
    assert max(query.until for query in crawl.asked) <= now - LATE
    crawl.clock.now += 100 * DAY  # later runs end where the first one did
    crawl.asked.clear()
    crawl.run()
    assert crawl.asked == []


def test_only_the_range_is_asked_and_kept(tmp_path):
    since, until = 1500000000, 1550000000
    crawl = Crawl(tmp_path, settings={"since": since, "until": until}).run()
    uploaded = crawl.world.uploaded
    end = until - until % 300
    wanted = set(crawl.world.ids[(uploaded >= since) & (uploaded < end)].tolist())
    assert crawl.found == wanted


# -- one page after another -------------------------------------------------------------------


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
    covered = [(w.since, w.until, set(w.licences.split(","))) for w in opened]
    until = max([w.until for w in opened], default=after.until)
    if before.mode == "walk":
        assert until > before.until or until == RULES.end or len(opened) > 0
    for moment in range(max(after.reached, before.since), before.until, 100):
        assert any(since <= moment < until for since, until, _ in covered)
    if after.state == "split":
        spans = [c for c in covered if c[1] <= before.until]
        assert min(c[0] for c in spans) == before.since
        assert max(c[1] for c in spans) == before.until
        assert set().union(*(c[2] for c in spans)) == {"4", "5"}


# -- going on ---------------------------------------------------------------------------------


class Killed(BaseException):
    """The process ends here."""


@given(moments=st.lists(st.integers(0, 60), max_size=6))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_crawl_killed_at_any_page_finds_the_same_and_asks_no_finished_page_again(
    tmp_path_factory, moments
):
    crawl = Crawl(tmp_path_factory.mktemp("crawl"), 600, bursts=2, scale=50)
    other = crawl.opened("other.sqlite")
    answered: list[Query] = []
    for calls in [*moments, 10**9]:
        left = iter(range(calls))

        def search(query: Query, left=left) -> Page:
            found = crawl.search(query)
            if next(left, None) is None:
                raise Killed  # answered, but not stored
            answered.append(query)
            return found

        try:
            crawl.enumerator(other, search).run()
        except Killed:
            other.close()
            other = crawl.opened("other.sqlite")
    assert len(answered) == len(set(answered))
    crawl.run()
    assert ids(other) == crawl.found
    assert list(map(replace, other.windows())) == crawl.state.windows()
    other.close()


def test_stopping_between_steps_is_a_good_moment_too(tmp_path):
    crawl = Crawl(tmp_path, 600, bursts=2, scale=50)
    for _ in crawl.enumerator().steps():
        break
    assert crawl.state.calls() == 1
    steps = list(crawl.enumerator().steps())
    assert crawl.state.calls() == 1 + len(steps) == len(crawl.asked)
    through = [s.through for s in steps]
    assert through == sorted(through) and through[-1] == 1.0


def test_other_settings_are_refused_by_name(tmp_path):
    crawl = Crawl(tmp_path, 300, bursts=0)
    crawl.enumerator()
    crawl.settings = {"licences": (4,)}
    with pytest.raises(SettingsError, match="licenses = .*another --name"):
        crawl.enumerator()


# -- what goes wrong --------------------------------------------------------------------------


def tiny(tmp_path, search, **more):
    """An enumeration of one day, and its clock."""
    clock = FakeClock(10.0 * DAY)
    state = State(str(tmp_path / "crawl.sqlite"))
    wanted = Settings(queries=("faces",), licences=(4,), since=DAY, until=2 * DAY, second_share=0)
    return Enumerator(state, search, wanted, clock, **more), clock


def test_a_page_may_be_asked_again_after_the_wait_it_names(tmp_path):
    answers = iter([Retry(7.0, "throttle", 429), Retry(5.0, "code", 200, 201), page(DAY)])

    def search(query):
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    enumerator, clock = tiny(tmp_path, search)
    enumerator.run()
    assert clock.time() == 10 * DAY + 12
    assert enumerator.state.attempts() == {("search", "throttle"): 1, ("search", "code"): 1}
    assert ids(enumerator.state) == {1}


def test_a_page_that_never_comes_stops_the_crawl_for_now(tmp_path):
    def search(query):
        raise Retry(1.0, "server")

    enumerator, clock = tiny(tmp_path, search, tries=4)
    with pytest.raises(StopCrawl) as stopped:
        enumerator.run()
    assert isinstance(stopped.value, StoppedError) and stopped.value.exit_code == 75
    assert clock.time() == 10 * DAY + 4


def test_the_same_page_twice_is_asked_once_more(tmp_path):
    pages = [list(range(i * 500, i * 500 + 500)) for i in range(2)]
    answers = iter([pages[0], pages[0], pages[1], []])

    def search(query):
        rows = [Row(i + 1, "1@N00", DAY + 60 * i, 1, 4, {}) for i in next(answers)]
        return Page(1000, tuple(rows))

    enumerator, _ = tiny(tmp_path, search)
    for _ in range(2):
        next(enumerator.steps())
    assert len(ids(enumerator.state)) == 1000
    assert enumerator.state.attempts() == {("search", "same_page"): 1}


def test_another_querys_page_is_asked_once_more(tmp_path):
    answers = iter([page(5 * DAY, 6 * DAY), page(DAY, DAY + 1)])
    enumerator, _ = tiny(tmp_path, lambda query: next(answers))
    next(enumerator.steps())
    assert len(ids(enumerator.state)) == 2
    assert enumerator.state.attempts() == {("search", "other_page"): 1}


def test_photos_that_the_gate_refuses_are_kept_with_the_reason_and_tombstoned_ones_not_at_all(
    tmp_path,
):
    reasons = {1: None, 2: "no_cv", 3: "tombstoned"}
    search = iter([page(DAY, DAY + 1, DAY + 2)])
    enumerator, _ = tiny(
        tmp_path, lambda query: next(search), gate=lambda row: reasons[row.photo_id]
    )
    steps = list(enumerator.steps())
    assert (steps[0].seen.new, steps[0].seen.refused) == (2, 1)
    rows = enumerator.state.db.execute("SELECT photo_id, state, reason FROM photos").fetchall()
    assert rows == [(1, 0, None), (2, 5, "no_cv")]
    stored = enumerator.state.db.execute("SELECT count(*) FROM owners, raw").fetchone()
    assert stored == (2,)


# -- queries and answers ----------------------------------------------------------------------


def test_a_query_asks_for_safe_photos_with_inclusive_bounds_and_never_for_places():
    asked = Query(term=Term("faces"), since=600, until=900, licences=(4, 5), page=2).params()
    wanted = {
        "text": "faces", "license": "4,5", "min_upload_date": 600, "max_upload_date": 899,
        "sort": "date-posted-asc", "content_types": 0, "media": "photos", "safe_search": 1,
        "per_page": 500, "page": 2,
    }  # fmt: skip
    assert wanted.items() <= asked.items() and "geo" not in asked["extras"]
    tagged = Query(term=Term(tags=("a", "b")), since=0, until=1, licences=(4,)).params()
    assert (tagged["tags"], tagged["tag_mode"]) == ("a,b", "any") and "text" not in tagged


def test_numbers_in_answers_may_be_strings_and_bad_rows_are_counted():
    good = {"id": "7", "owner": "1@N00", "dateupload": "100", "lastupdate": "200", "license": 4}
    bad = [{}, None, {**good, "id": "x"}, {**good, "id": -3}, {**good, "dateupload": None}]
    found = page_of({"photos": {"total": "6", "photo": [good, *bad]}, "stat": "ok"})
    assert found == Page(6, (Row(7, "1@N00", 100, 200, 4, good),), 5)


@pytest.mark.parametrize("reply", [{}, {"photos": None}, {"photos": {"total": 1}}, {"photos": []}])
def test_an_answer_without_photos_is_no_page(reply):
    with pytest.raises(BadReply):
        page_of(reply)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [({"queries": ()}, "--query"), ({"licences": ()}, "--licenses"),
     ({"since": 5, "until": 5}, "--until"), ({"second_share": 1.5}, "share"),
     ({"second_sort": "x"}, "sort")],
)  # fmt: skip
def test_settings_that_make_no_sense_are_named(wrong, words):
    with pytest.raises(UsageError, match=words):
        Settings(**{"queries": ("faces",), "licences": OPEN, **wrong})


# -- the second pass --------------------------------------------------------------------------


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


def test_a_sweep_asks_every_window_again_and_goes_on_after_a_break(tmp_path):
    crawl = Crawl(tmp_path, 600, bursts=2, scale=50).run()
    crawl.clock.now += 30 * DAY
    began, before = int(crawl.clock.time()), crawl.found
    for _ in crawl.enumerator().sweep():
        break
    list(crawl.enumerator().sweep())
    asked = crawl.state.windows("turn = 3")
    leaves = crawl.state.windows("turn = 1 AND state <> 'split'")
    assert [(w.since, w.until) for w in asked] == [(w.since, w.reached) for w in leaves]
    unseen = crawl.state.db.execute("SELECT count(*) FROM photos WHERE seen_at < ?", (began,))
    assert crawl.found == before and unseen.fetchone()[0] == 0
