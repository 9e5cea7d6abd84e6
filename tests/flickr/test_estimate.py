"""The estimate of what was missed is near the truth, which the simulated world knows."""

from __future__ import annotations

import pytest
from simulated import Crawl, window

from facecurate.flickr.estimate import estimate
from facecurate.flickr.query import Row
from facecurate.flickr.sightings import sight
from facecurate.flickr.state import State


@pytest.mark.parametrize("seed", range(2))
def test_where_all_was_found_the_estimate_says_so_with_an_interval(tmp_path, seed):
    crawl = Crawl(tmp_path, seed=seed).run()
    found = estimate(crawl.state)
    assert abs(found.share - crawl.share) < 0.02
    assert found.found == len(crawl.found)
    assert found.low <= crawl.share <= 1.0 and found.low < found.high


@pytest.mark.parametrize("missing", [0.05, 0.1])
def test_photos_that_each_query_leaves_out_by_chance_are_estimated(tmp_path, missing):
    """One tenth of the photos is a small sample: three standard deviations are three points."""
    crawl = Crawl(tmp_path, behaviour={"missing": missing}).run()
    found = estimate(crawl.state)
    assert crawl.share < 1 - missing / 2
    assert found.share == pytest.approx(crawl.share, abs=0.03)
    assert found.low <= crawl.share <= found.high


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("missing", [0.0, 0.05, 0.2])
def test_sixty_thousand_photos_are_estimated_within_two_points(tmp_path, missing, seed):
    crawl = Crawl(tmp_path, 60_000, seed, scale=1, behaviour={"missing": missing}).run()
    found = estimate(crawl.state)
    print(f"estimated {found.share:.3%}, true {crawl.share:.3%}")
    assert found.share == pytest.approx(crawl.share, abs=0.02)


def test_a_cell_beyond_the_cap_is_estimated_by_an_order_that_ignores_time(tmp_path):
    crawl = Crawl(tmp_path, burst=12_000, bursts=1, mix={4: 1.0}).run()
    found = estimate(crawl.state)
    assert crawl.share < 0.97
    assert found.share == pytest.approx(crawl.share, abs=0.02)
    assert [s.name for s in found.strata] == ["walk", "capped"] or len(found.strata) == 3


def test_the_estimate_is_the_same_every_time(tmp_path):
    crawl = Crawl(tmp_path, 600, scale=50, behaviour={"missing": 0.2}).run()
    assert estimate(crawl.state) == estimate(crawl.state)
    assert estimate(crawl.state, seed=1).low != estimate(crawl.state).low


def test_there_is_none_before_the_second_pass_has_ended(tmp_path):
    crawl = Crawl(tmp_path, 600, bursts=2, scale=50)
    assert estimate(crawl.state) is None
    for step in crawl.enumerator().steps():
        if step.window.turn == 2:
            assert estimate(crawl.state) is None
            break
    crawl.run()
    assert estimate(crawl.state) is not None


def test_there_is_none_without_a_second_pass(tmp_path):
    crawl = Crawl(tmp_path, 600, bursts=0, scale=50, settings={"second_share": 0.0}).run()
    assert len(crawl.state.windows("turn = 2")) == 0
    assert estimate(crawl.state) is None


def test_it_is_chapmans_estimate_by_hand(tmp_path):
    """The first pass sees 1-8, the second 5-9: (8 + 1) (5 + 1) / (4 + 1) - 1 photos in all."""
    state = State(str(tmp_path / "crawl.sqlite"))
    first, second = window(id=1, state="done", reached=2 * 86400), window(id=2, turn=2, parent=1)
    for turn, seen in ((first, range(1, 9)), (second, range(5, 10))):
        rows = [Row(i, "1@N00", 86400 + i, 1, 4, {}) for i in seen]
        counts = sight(state.db, turn, rows, 0, lambda row: None)
        values = {"new": counts.new, "caught": counts.caught, "again": counts.again}
        state.open_windows([window(**{**_columns(turn), **values, "state": "done"})])
    state.put("sampled", 1)
    found = estimate(state)
    assert found.total == pytest.approx(9 * 6 / 5 - 1) and found.found == 9
    assert found.share == pytest.approx(9 / 9.8)
    assert found.low < found.share < found.high


def _columns(known):
    return {"turn": known.turn, "parent": known.parent, "reached": known.reached}


def test_an_empty_crawl_is_complete(tmp_path):
    crawl = Crawl(tmp_path, 300, bursts=0, settings={"queries": ("nothing",)}).run()
    found = estimate(crawl.state)
    assert found is None or found.share == 1.0
