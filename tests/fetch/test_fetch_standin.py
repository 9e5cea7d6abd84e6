"""Every fault of the image host in one run, with a caller as simple as one can be."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import pytest
from flickr_standin import Fault, Standin, World
from loopback import FakeClock

from facecurate import images
from facecurate.fetch import FetchSettings, ImageFetcher, Kind, LocalBudgets, Robots, Wanted

PASSING = [
    Fault("429", "_b", p=0.04, tries=1, seed=1),
    Fault("429", "_b", value="2", p=0.02, tries=1, seed=2),
    Fault("429", "_b", value="date+90", p=0.02, tries=1, seed=3),
    Fault("429", "_b", value="0", p=0.02, tries=1, seed=4),
    Fault("429", "_b", value="soon", p=0.02, tries=1, seed=5),
    Fault("403", "_b", p=0.02, tries=1, seed=6),
    *(Fault(str(s), "_b", p=0.03, tries=1, seed=s) for s in (400, 418, 500, 502, 503, 504)),
    *(
        Fault(kind, "_b", p=0.04, tries=1, seed=20 + i)
        for i, kind in enumerate([
            "reset", "hang", "drip", "truncated", "truncated_chunked", "truncated_close",
            "html_image", "zero", "404", "410", "placeholder", "loop", "foreign", "private", "file",
            "gzip_bomb", "png", "gif",
        ])
    ),
    Fault("wrong_type", "_b", p=0.1, seed=50),
    Fault("exif", "_b", p=0.1, seed=51),
]  # fmt: skip


def listed(standin, count):
    """The first photos of a search, as wanted."""
    asked = {"api_key": standin.key, "text": "faces", "license": "4,5", "extras": "url_l"}
    photos = standin.search({**asked, "per_page": "500"})["photos"]["photo"]
    whole = [p for p in photos if "url_l" in p][:count]
    assert len(whole) == count
    return [
        Wanted(f"flickr-{p['id']}", p["url_l"], int(p["width_l"]), int(p["height_l"]))
        for p in whole
    ]


def crawl(fetcher, wanted, passes=40):
    """Asks until each is stored or given up; key -> the last answer, and how often it was asked."""
    open_, tries, last = {w.key: w for w in wanted}, Counter(), {}
    for _ in range(passes):
        got = []
        fetcher.fetch_many(list(open_.values()), got.append)
        for one in got:
            last[one.key] = one
            tries[one.key] += one.kind in (Kind.TRANSIENT, Kind.GONE)
            again = one.kind in (Kind.THROTTLE, Kind.TRANSIENT, Kind.GONE)
            if not again or tries[one.key] >= 5:
                del open_[one.key]
        if not open_:
            return last
    raise AssertionError(f"{len(open_)} are still open")


def settings(standin, folder, **more):
    return FetchSettings(
        folder=str(folder),
        hosts=("live.staticflickr.com",),
        local=(standin.image_host,),
        formats=("JPEG",),
        silent_seconds=1.0,
        total_seconds=3.0,
        slow_seconds=0.3,
        threads=8,
        connections=4,
        limits=images.Limits(max_bytes=4 << 20),
        **more,
    )


@pytest.fixture(scope="module")
def world():
    return World(photos=900, seed=3, odd=0.0)


def test_whatever_the_host_does_every_photo_comes_whole(world, tmp_path):
    clock = FakeClock()
    with Standin(world, faults=PASSING, quality=60) as standin:
        wanted = listed(standin, 120)
        budgets = LocalBudgets(clock=clock)
        options = settings(standin, tmp_path)
        last = crawl(ImageFetcher(options, budgets, clock=clock), wanted)
        fired = set(standin.counters()["fired"])
        sent = {w.key: standin.image(w.url) for w in wanted}
    assert fired >= {f.kind for f in PASSING} - {"exif"}
    assert {key: one.reason for key, one in last.items() if one.kind} == {}
    assert sorted(p.stem for p in tmp_path.iterdir()) == sorted(w.key for w in wanted)
    for key, one in last.items():
        stored = Path(one.path).read_bytes()
        assert hashlib.sha256(stored).hexdigest() == one.sha256
        assert images.decode(stored).header.width == one.width
        assert b"GPS" not in stored and key in sent


def test_what_forbids_is_obeyed_and_what_lasts_ends(world, tmp_path):
    lasting = [
        Fault("robots", p=0.3, tries=99, value="noai", path="_b"),
        Fault("robots", p=0.3, tries=99, value="facecurate: noai", path="_b", seed=1),
        Fault("huge", p=0.1, tries=99, path="_b", seed=2),
        Fault("truncated_close", p=0.3, tries=99, path="_b", seed=3),
    ]
    with Standin(world, faults=lasting, quality=60) as standin:
        wanted = listed(standin, 60)
        fetcher = ImageFetcher(settings(standin, tmp_path), LocalBudgets())
        last = crawl(fetcher, wanted)
    kinds = Counter(one.kind for one in last.values())
    assert kinds[Kind.OPTED_OUT] > 20 and kinds[Kind.REJECTED] > 1 and kinds[Kind.TRANSIENT] > 3
    assert len(list(tmp_path.iterdir())) == kinds[None] > 5


def test_robots_txt_of_the_image_host_is_obeyed(world, tmp_path):
    rules = {"images": "User-agent: facecurate\nDisallow: /\n"}
    with Standin(world, robots=rules, quality=60) as standin:
        fetcher = ImageFetcher(
            settings(standin, tmp_path), LocalBudgets(), Robots(), clock=FakeClock()
        )
        last = crawl(fetcher, listed(standin, 10))
        asked = [r for r in standin.requests if r.host == "images"]
    assert {one.reason for one in last.values()} == {"robots_txt"} and len(asked) == 1


def test_the_crawlers_own_budgets_hold_the_rate(world, tmp_path):
    from facecurate.flickr.budget import Budgets, image_bucket, image_limit

    clock = FakeClock()
    with Standin(world, quality=60) as standin:
        budgets = Budgets(str(tmp_path / "state"), clock)
        try:
            bucket = image_bucket(standin.image_host)
            budgets.limit(bucket, image_limit(per_second=2.0))
            began = clock.now
            fetcher = ImageFetcher(settings(standin, tmp_path / "spool"), budgets, clock=clock)
            last = crawl(fetcher, listed(standin, 30))
            assert budgets.recorded(bucket, 3600) == 31  # with robots.txt
        finally:
            budgets.close()
    assert not any(one.kind for one in last.values())
    assert clock.now - began >= 29
