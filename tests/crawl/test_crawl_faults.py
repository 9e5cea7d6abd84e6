"""Everything that can go wrong, in one run: nothing is lost, nothing wrong is stored, it ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from crawled import Flickr, check_stored, flickr, stored
from flickr_standin import Behaviour, Fault
from flickr_standin.bend import KINDS

from facecurate.flickr.photos import Photos
from facecurate.flickr.schema import PhotoState
from facecurate.flickr.state import State
from facecurate.inspect import verify

IMAGES = r"\.jpg"
SEARCH = "photos.search"
# What an image host may answer once to any address, and how often; the second answer is well.
ONCE: dict[str, float] = {
    "403": 0.004, "404": 0.02, "410": 0.02, "500": 0.02, "502": 0.01, "503": 0.01, "504": 0.01,
    "400": 0.01, "418": 0.01, "reset": 0.02, "truncated": 0.02, "truncated_chunked": 0.02,
    "truncated_close": 0.02, "html_image": 0.02, "wrong_type": 0.02, "png": 0.02, "gif": 0.02,
    "zero": 0.02, "placeholder": 0.02, "loop": 0.01, "foreign": 0.01, "private": 0.01,
    "file": 0.01, "gzip_bomb": 0.01, "secret": 0.02, "exif": 0.05, "same_bytes": 0.01,
}  # fmt: skip
SLOW = {"hang": 2, "drip": 2, "huge": 1}  # so many of each
OPTED_OUT = r"/\d*7_[0-9a-f]{10}\.jpg"  # ids that end in 7: each answer forbids the use
FORMS: list[Any] = [None, "2", "date+5", "0", "soon"]  # of Retry-After
STRAYS = 0  # rows of another query that stand in the place of a page's last ones
# What the search may answer: one of these at each second or third call.
ANSWERS: list[tuple[str, Any]] = [
    ("429", None), ("code", 201), ("429", "2"), ("code", 0), ("429", "date+30"), ("vanish", 3),
    ("code", 105), ("429", "0"), ("code", 10), ("429", "soon"), ("500", None), ("503", None),
    ("reset", None), ("hang", None), ("truncated_json", None), ("fragment", 201),
    ("truncated", None), ("truncated_chunked", None), ("truncated_close", None),
    ("same_page", None), ("other_query", None), ("total_drift", 0.5), ("two_windows", STRAYS),
    ("418", None), ("html_image", None), ("clock_step", None),
]  # fmt: skip
CALLS = [
    Fault(kind, SEARCH, value=value, nth=2 + 3 * i // 2) for i, (kind, value) in enumerate(ANSWERS)
]


NAMED = {*ONCE, *SLOW, "robots", "429", *(call.kind for call in CALLS)}


def faults(seed: int, often: float = 1.0) -> list[Fault]:
    once = [Fault(kind, IMAGES, p=often * p, tries=1, seed=seed) for kind, p in ONCE.items()]
    slow = [
        Fault(kind, IMAGES, every=37 + 2 * i, times=times)
        for i, (kind, times) in enumerate(SLOW.items())
    ]
    throttled = [Fault("429", IMAGES, value=form, nth=20 + 30 * i) for i, form in enumerate(FORMS)]
    sizes = Fault("503", "getSizes", p=0.2, tries=1, seed=seed)
    return [*once, *slow, *throttled, Fault("robots", OPTED_OUT), *CALLS, sizes]


def check_faulted(found: Flickr, since: int) -> None:
    check_stored(found)
    assert verify(found.dataset)[1] == []
    with State(found.dataset.path("crawl.sqlite")) as state:
        photos = {f"flickr-{p.photo_id}": p for p in Photos(state).each()}
    there, have = found.there(since), stored(found.dataset)
    lost = there - set(photos)
    assert len(lost) <= STRAYS, "photos that the search gave and the crawl does not know"
    left = {key: photos[key] for key in there - have - lost}
    for key, photo in left.items():
        assert photo.state is PhotoState.REFUSED, (key, photo.state, photo.reason)
        assert photo.reason in {"minors", "no_cv", "noai", "license"}, (key, photo.reason)
    asked_out = {key for key, p in left.items() if p.reason == "noai"}
    assert asked_out == {key for key in left if key.endswith("7")} - {
        key for key, p in left.items() if p.reason in {"minors", "no_cv"}
    }
    assert not any(key.endswith("7") for key in have)
    assert not any(p.state is PhotoState.WAITING for p in photos.values())


def test_every_fault_in_one_run(tmp_path: Path) -> None:
    world = {"since": "2022-01-01"}
    with flickr(tmp_path, photos=420, faults=faults(1, 3.0), world=world) as found:
        found.crawl(since=1640995200)
        fired = set(found.standin.counters()["fired"])
        check_faulted(found, 1640995200)
    assert fired >= NAMED, sorted(NAMED - fired)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(3))
def test_every_fault_in_a_large_run(tmp_path: Path, seed: int) -> None:
    behaviour = Behaviour(total_bias=0.2, jitter=0.02)
    world = {"since": "2014-01-01", "bursts": 1, "burst_size": 4500}
    options: dict[str, Any] = {"behaviour": behaviour, "seed": seed + 5, "world": world}
    with flickr(tmp_path, photos=12_000, faults=faults(seed), **options) as found:
        found.crawl(since=1388534400)
        fired = set(found.standin.counters()["fired"])
        check_faulted(found, 1388534400)
    assert fired >= NAMED, sorted(NAMED - fired)
    unused = set(KINDS[:-1]) - NAMED
    assert unused == {"relicense", "appear", "latency", "oauth"}  # each has a test of its own
