"""Everything that a search can give is found, with few calls, whatever order and caps it has."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from simulated import Crawl, ids

from facecurate.errors import SettingsError, StoppedError
from facecurate.flickr.clock import FakeClock
from facecurate.flickr.query import Page, Query, Retry, Row, StopCrawl, Term
from facecurate.flickr.state import State
from facecurate.flickr.windows import LATE, Enumerator, Settings

DAY = 86400


def page(*dates: int) -> Page:
    rows = tuple(Row(i + 1, "1@N00", date, date, 4, {}) for i, date in enumerate(dates))
    return Page(len(rows), rows)


# -- the whole --------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(2))
def test_a_growing_world_with_bursts_is_found_in_few_calls(tmp_path, seed):
    crawl = Crawl(tmp_path, seed=seed).run()
    assert crawl.share >= 0.99
    assert len(crawl.asked) <= 2.0 * crawl.pages_needed
    assert len(crawl.asked) == crawl.state.calls()


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(5))
def test_a_world_of_sixty_thousand_photos_is_found_in_few_calls(tmp_path, seed):
    crawl = Crawl(tmp_path, 60_000, seed, scale=1).run()
    calls = len(crawl.asked)
    print(
        f"{calls} calls, {calls / crawl.pages_needed:.2f} x photos / 500, {crawl.share:.3%} found"
    )
    assert crawl.share >= 0.99
    assert len(crawl.asked) <= 2.0 * crawl.pages_needed


@pytest.mark.parametrize(
    "how",
    [{"unordered": 0}, {"unordered": 30}, {"shuffle": 0.05}, {"beyond": "error"},
     {"date_quantum": 900}, {"date_quantum": 1}, {"total_bias": 0.0}, {"types": "legacy"}],
    ids=str,
)  # fmt: skip
def test_nothing_is_lost_where_the_search_is_odd(tmp_path, how):
    crawl = Crawl(tmp_path, 4000, burst=4500, bursts=2, behaviour=how).run()
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


def test_what_consecutive_queries_share_is_recorded(tmp_path):
    crawl = Crawl(tmp_path, 3000, scale=100).run()
    after_cuts = crawl.state.windows("turn = 1 AND expected > 0")
    assert len(after_cuts) > 20 and all(w.overlap >= w.expected for w in after_cuts)
    assert len(crawl.asked) <= 1.5 * crawl.pages_needed


def test_only_the_range_is_asked_and_kept(tmp_path):
    since, until = 1500000000, 1550000000
    crawl = Crawl(tmp_path, settings={"since": since, "until": until}).run()
    uploaded = crawl.world.uploaded
    end = until - until % 300
    wanted = set(crawl.world.ids[(uploaded >= since) & (uploaded < end)].tolist())
    assert crawl.found == wanted


# -- going on ---------------------------------------------------------------------------------


class Killed(BaseException):
    """The process ends here."""


@given(moments=st.lists(st.integers(0, 60), max_size=4))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
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


def test_rows_of_another_range_have_the_page_asked_once_more(tmp_path):
    answers = iter([page(DAY, 6 * DAY), page(DAY, DAY + 1)])
    enumerator, _ = tiny(tmp_path, lambda query: next(answers))
    next(enumerator.steps())
    assert len(ids(enumerator.state)) == 2
    assert enumerator.state.attempts() == {("search", "stray_rows"): 1}


def test_where_such_rows_are_usual_only_pages_full_of_them_are(tmp_path):
    asked = []

    def search(query):
        asked.append(query.page)
        dates = [*(DAY + 60 * i for i in range(499)), 6 * DAY]
        first = 500 * query.page
        return Page(2000, tuple(Row(first + i, "1@N00", d, 1, 4, {}) for i, d in enumerate(dates)))

    enumerator, _ = tiny(tmp_path, search)
    for _, _ in zip(range(2), enumerator.steps(), strict=False):
        pass
    assert asked[:3] == [1, 1, 2]
    assert enumerator.state.attempts() == {("search", "stray_rows"): 1}


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


# -- again ------------------------------------------------------------------------------------


def test_a_sweep_asks_every_window_again_and_goes_on_after_a_break(tmp_path):
    crawl = Crawl(tmp_path, 600, bursts=2, scale=50).run()
    crawl.clock.now += 30 * DAY
    began, before = int(crawl.clock.time()), crawl.found
    for _ in crawl.enumerator().sweep():
        break
    crawl.clock.now += DAY
    list(crawl.enumerator().sweep())
    asked = crawl.state.windows("turn = 3")
    leaves = crawl.state.windows("turn = 1 AND state <> 'split'")
    assert [(w.since, w.until) for w in asked] == [(w.since, w.reached) for w in leaves]
    assert crawl.state.get("sweep_began") == began
    unseen = crawl.state.db.execute("SELECT count(*) FROM photos WHERE seen_at < ?", (began,))
    assert crawl.found == before and unseen.fetchone()[0] == 0
