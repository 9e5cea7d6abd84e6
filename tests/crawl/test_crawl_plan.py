"""The costs of a crawl against calculations by hand."""

from __future__ import annotations

import pytest

from facecurate.crawl.plan import cost, mean_bytes, year_windows


def test_the_papers_crawl_of_a_million_and_a_half():
    plan = cost(1_500_000)
    assert plan.calls == 6_000  # 3,000 full pages, twice
    assert plan.hours == 2.0  # at 3,000 calls an hour
    assert plan.bytes == 300_000_000_000  # 200 KB each
    assert plan.days == pytest.approx(17.361, abs=0.001)  # 1,500,000 / 86,400
    assert cost(1_500_000, image_rate=0.2).days == pytest.approx(86.8, abs=0.01)
    assert str(plan) == (
        "about 1,500,000 photos (Flickr's totals run short: up to 1,875,000), 1,500,000 to "
        "download: 6,000 calls (2.0 h), 300.0 GB, 17.4 days at 1 images/s"
    )


def test_a_limit_ends_the_search_early_and_what_is_stored_is_not_fetched_again():
    plan = cost(1_500_000, kept=0.5, limit=10_000, stored=4_000)
    assert (plan.photos, plan.downloads, plan.calls) == (20_000, 6_000, 80)
    assert cost(100, kept=0.5, limit=1000).downloads == 50
    assert cost(100, stored=200).downloads == 0


def test_a_window_takes_a_call_however_little_it_holds():
    assert cost(100, windows=93).calls == 107  # 93 and 15 % of them again
    assert cost(100, windows=93, limit=50).calls == 1
    assert cost(1_500_000, windows=93).calls == 6_000


def test_the_size_of_files_follows_from_their_pixels():
    assert mean_bytes([(1000, 500), (500, 500)]) == 0.28 * 375_000
    assert mean_bytes([]) == 200_000


def test_windows_are_equal_and_cover_the_range():
    year = 365 * 86_400
    assert year_windows(0, 3 * year) == [(0, year), (year, 2 * year), (2 * year, 3 * year)]
    assert year_windows(5, 5 + 86_400) == [(5, 86_405)]
    assert len(year_windows(0, 60 * year)) == 24
