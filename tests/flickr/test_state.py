"""A crawl's state survives every moment of death, is small, and forgets when it must."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated import Crawl, ids, window

from facecurate.errors import DamagedError, FacecurateError, SettingsError
from facecurate.flickr.photos import Photos
from facecurate.flickr.query import Page, Row
from facecurate.flickr.schema import FORMAT, PhotoState, grow, shrink
from facecurate.flickr.sightings import sight
from facecurate.flickr.state import State


@pytest.fixture
def state(tmp_path):
    with State(str(tmp_path / "set" / "crawl.sqlite")) as opened:
        yield opened


def rows(*numbers: int, owner: str = "1@N00", licence: int = 4, updated: int = 5, **raw) -> list:
    return [
        Row(i, owner, 86400 + i, updated, licence, {"id": str(i), "owner": owner, **raw})
        for i in numbers
    ]


def add(state: State, found: list[Row], at: int = 100, gate=lambda row: None, **columns):
    with state.transaction() as db:
        return sight(db, window(id=1, **columns), found, at, gate)


def fetch(photos: Photos, number: int, sha256: bytes = b"") -> None:
    digest = sha256 or number.to_bytes(32)
    photos.fetched(number, sha256=digest, size=9, width=4, height=3, url="https://x/", at=7)


# -- the file ---------------------------------------------------------------------------------


def test_the_file_overwrites_what_is_deleted_and_syncs_what_must_last(state):
    def pragma(name):
        return state.db.execute(f"PRAGMA {name}").fetchone()[0]

    assert [pragma(name) for name in ("journal_mode", "secure_delete", "user_version")] == [
        "wal", 1, FORMAT,
    ]  # fmt: skip
    assert pragma("synchronous") == 1
    with state.transaction(durable=True):
        assert pragma("synchronous") == 2
    assert pragma("synchronous") == 1


def test_a_newer_state_is_refused_in_one_line(tmp_path):
    path = str(tmp_path / "crawl.sqlite")
    with State(path) as state:
        state.db.execute(f"PRAGMA user_version = {FORMAT + 1}")
    with pytest.raises(FacecurateError, match=r"newer facecurate .*upgrade facecurate"):
        State(path)


def test_what_is_no_state_is_refused_and_left_as_it_was(tmp_path):
    text, other = tmp_path / "text.sqlite", tmp_path / "other.sqlite"
    text.write_bytes(b"no database at all, but long enough to be looked at" * 50)
    with sqlite3.connect(other) as db:
        db.execute("CREATE TABLE mine (x)")
    db.close()
    for path in (text, other):
        with pytest.raises(DamagedError, match="state of a crawl"):
            State(str(path))
    assert text.read_bytes().startswith(b"no database")


def test_a_remote_place_is_refused():
    with pytest.raises(FacecurateError, match="local"):
        State("memory://workspace/set/crawl.sqlite")


def test_a_block_is_stored_as_a_whole_or_not_at_all(state):
    with pytest.raises(RuntimeError), state.transaction():
        state.put("a", 1)
        with state.transaction():
            state.put("b", 2)
        raise RuntimeError
    assert state.get("a") is None and state.get("b") is None
    state.put("a", [1, "x"])
    assert state.get("a") == [1, "x"]


def test_threads_take_turns(state):
    def count():
        for _ in range(50):
            with state.transaction():
                state.put("n", (state.get("n") or 0) + 1)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert state.get("n") == 200


def test_settings_are_kept_and_a_changed_one_is_named(state):
    state.settle({"queries": ["faces"], "licenses": (4, 5)})
    state.settle({"licenses": [4, 5]})  # some of them, and a tuple is a list
    state.settle({"size": "l"})  # one more
    with pytest.raises(SettingsError, match=r"size = \"l\", now it is \"o\""):
        state.settle({"size": "o", "queries": ["faces"]})
    with pytest.raises(SettingsError, match="queries"):
        state.settle({"queries": ["humans"]})
    assert state.get("settings") == {"queries": ["faces"], "licenses": [4, 5], "size": "l"}


def test_a_page_is_stored_once(state):
    page = Page(2, tuple(rows(1, 2)))
    state.add_page(1, page, 1, 2, 2, 100)
    with pytest.raises(sqlite3.IntegrityError):
        state.add_page(1, page, 1, 2, 2, 100)
    assert state.calls() == 1


def test_failures_are_counted_by_kind(state):
    state.attempt("image", 3, "throttle", 429, wait=60.0, at=1)
    state.attempt("image", 4, "throttle", 429, wait=60.0, at=2)
    state.attempt("search", 1, "code", 200, 105, at=3)
    assert state.attempts() == {("image", "throttle"): 2, ("search", "code"): 1}


def test_killed_at_any_statement_a_crawl_loses_at_most_the_page_in_hand(tmp_path):
    """A copy of the files at each statement is what a kill at that moment leaves behind."""
    crawl = Crawl(tmp_path / "whole", 200, bursts=2, scale=100)
    steps, copies = crawl.enumerator().steps(), []

    def copied(statement: str) -> None:
        folder = tmp_path / f"copy{len(copies)}"
        shutil.copytree(tmp_path / "whole", folder)
        copies.append((folder, done))

    for done in range(12):
        if done in (0, 5, 11):
            crawl.state.db.set_trace_callback(copied)
        next(steps)
        crawl.state.db.set_trace_callback(None)
    crawl.run()
    assert len(copies) > 25
    for folder, done in copies[::3]:
        with State(str(folder / "crawl.sqlite")) as left:
            assert left.calls() in (done, done + 1)
            crawl.enumerator(left).run()
            assert ids(left) == crawl.found and left.calls() == crawl.state.calls()


# -- photos -----------------------------------------------------------------------------------


def test_photos_come_oldest_id_first_and_those_that_failed_when_they_are_due(state):
    photos = Photos(state)
    add(state, rows(5, 3, 9, 7))
    assert [p.photo_id for p in photos.next(3, now=0)] == [3, 5, 7]
    assert photos.retry(3, "server", due=50) == 1
    assert photos.retry(3, "server", due=60) == 2
    assert [p.photo_id for p in photos.next(9, now=59, without=[5])] == [7, 9]
    assert [p.photo_id for p in photos.next(9, now=60)] == [5, 7, 9, 3]
    photos.end([5, 7], PhotoState.GONE, "gone")
    fetch(photos, 9)
    assert photos.next_due() == 60
    photos.end([3], PhotoState.FAILED, "server")
    assert photos.next_due() is None and photos.next(9, now=10**9) == []


def test_a_photo_keeps_what_flickr_said_and_what_became_of_it(state):
    photos = Photos(state)
    add(state, rows(8, owner="7@N01", title="é 😀"))
    fetch(photos, 8, b"h" * 32)
    photos.packed([8], 4)
    photo = photos.get(8)
    assert photo.raw == {"id": "8", "owner": "7@N01", "title": "é 😀"}
    assert (photo.owner, photo.license_id, photo.seen_at, photo.uploaded) == (
        "7@N01",
        4,
        100,
        86408,
    )
    assert (photo.state, photo.part, photo.sha256) == (PhotoState.PACKED, 4, b"h" * 32)
    assert (photo.size, photo.width, photo.height, photo.url) == (9, 4, 3, "https://x/")
    assert [p.photo_id for p in photos.each(part=4)] == [8] and photos.get(9) is None
    photos.again([8])
    assert photos.get(8).state is PhotoState.WAITING and photos.get(8).part is None


def test_counts_balance_by_state_and_reason(state):
    photos = Photos(state)
    add(state, rows(*range(1, 11)), gate=lambda row: "license" if row.photo_id > 8 else None)
    for number in (1, 2, 3):
        fetch(photos, number)
    photos.end([4], PhotoState.GONE, "gone")
    photos.end([5], PhotoState.FAILED, "server")
    assert photos.counts() == {
        (PhotoState.WAITING, None): 3, (PhotoState.FETCHED, None): 3,
        (PhotoState.GONE, "gone"): 1, (PhotoState.FAILED, "server"): 1,
        (PhotoState.REFUSED, "license"): 2,
    }  # fmt: skip
    assert photos.licences([PhotoState.FETCHED]) == {4: 3} and photos.owners() == 1


def test_an_end_must_be_one(state):
    with pytest.raises(ValueError, match="PACKED"):
        Photos(state).end([1], PhotoState.PACKED, "x")


def test_bytes_that_three_ids_share_are_found(state):
    photos = Photos(state)
    add(state, rows(1, 2, 3, 4, 5, 6))
    for number, digest in enumerate([b"a", b"a", b"a", b"b", b"b"], 1):
        fetch(photos, number, digest * 32)
    fetch(photos, 6, b"a" * 8 + b"c" * 24)  # shares what the index looks at, and no more
    assert photos.same_bytes(b"a" * 32) == [1, 2, 3]
    assert photos.shared_bytes() == [[1, 2, 3]]
    assert photos.shared_bytes(2) == [[1, 2, 3], [4, 5]]


def test_all_photos_can_be_read_while_they_are_changed(state):
    photos = Photos(state)
    add(state, rows(*range(1, 1201)))
    seen = []
    for photo in photos.each(PhotoState.WAITING):
        seen.append(photo.photo_id)
        fetch(photos, photo.photo_id)
    assert seen == list(range(1, 1201))
    assert [p.photo_id for p in photos.each(PhotoState.FETCHED)] == seen


def test_a_photo_seen_again_is_refreshed_and_judged_anew(state):
    photos = Photos(state)
    add(state, rows(1, 2, 3, 4))
    for number in (1, 2, 3):
        fetch(photos, number)
    photos.packed([1, 2], 0)

    def gate(row):
        return "license" if row.license_id == 3 else None

    changed = [*rows(1, licence=3, updated=6), *rows(2, licence=5, updated=6), *rows(4, licence=3)]
    add(state, changed, at=200, gate=gate, turn=3)
    assert [p.photo_id for p in photos.unseen(200)] == [3]
    assert [(p.photo_id, p.reason) for p in photos.withdrawn()] == [(1, "license")]
    assert [(p.license_was, p.license_id) for p in photos.relicensed()] == [(4, 3), (4, 5)]
    assert photos.get(4).state is PhotoState.REFUSED
    add(state, rows(1, 4, licence=4, updated=7), at=300, gate=gate, turn=3)
    assert list(photos.withdrawn()) == [] and photos.get(4).state is PhotoState.WAITING


def test_the_passes_that_saw_a_photo_are_told_apart(state):
    day = {"since": 86400, "until": 86403}
    add(state, rows(1, 2), **day)
    with state.transaction() as db:
        seen = sight(db, window(id=2, turn=2, **day), rows(2, 2, 5), 100, lambda row: None)
    assert (seen.uniques, seen.new, seen.caught, seen.again) == (2, 1, 1, 1)
    assert dict(state.db.execute("SELECT photo_id, passes FROM photos")) == {1: 1, 2: 3, 5: 2}


def test_what_is_forgotten_is_in_no_file_any_more(tmp_path):
    path = tmp_path / "crawl.sqlite"
    state, photos = State(str(path)), None
    photos = Photos(state)
    for number in range(1, 40):
        add(state, rows(number, owner=f"{number}secret@N00", title=f"mark{number:04d}"))
        fetch(photos, number, f"digest{number:04d}".encode().ljust(32))
    state.attempt("image", 7, "server", at=1)
    mine = [p.photo_id for p in photos.of_owner("7secret@N00")]
    photos.forget(mine)
    files = [file.read_bytes() for file in tmp_path.iterdir()]
    assert mine == [7]
    for trace in (b"7secret@N00", b"digest0007"):
        assert not any(trace in data.replace(b"17secret", b"").replace(b"27secret", b"")
                       .replace(b"37secret", b"") for data in files)  # fmt: skip
    assert any(b"8secret@N00" in data for data in files)
    assert photos.get(7) is None and photos.owners() == 38 and state.attempts() == {}
    state.close()


# -- small ------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=12), JSON, max_size=8))
@settings(max_examples=50, deadline=None)
def test_what_flickr_said_comes_back_as_it_was(raw):
    assert grow(shrink(raw)) == json.loads(json.dumps(raw))


def photo(i: int) -> dict:
    base = f"https://live.staticflickr.com/65535/{i}_{i * 7919 % 16**10:010x}"
    sizes = {f"url_{s}": f"{base}_{t}.jpg" for s, t in (("c", "c"), ("l", "b"), ("z", "z"))}
    return {
        "id": str(i), "owner": f"{i % 30011 * 331}@N0{i % 8}", "secret": base[-10:],
        "server": "65535", "farm": 66, "title": f"Portrait {i} in the park", "ispublic": 1,
        "isfriend": 0, "isfamily": 0, "license": "4", "dateupload": str(i), "lastupdate": str(i),
        "description": {"_content": "taken " * (i % 9)}, "datetaken": "2020-02-10 09:38:16",
        "ownername": f"Person {i % 30011}", "tags": "portrait face people street " * (i % 5),
        "media": "photo", "url_m": f"{base}.jpg", **sizes,
        **{f"{side}_{s}": 640 + i % 400 for s in "clzm" for side in ("width", "height")},
    }  # fmt: skip


def fill(state: State, count: int) -> None:
    for first in range(0, count, 500):
        raws = map(photo, range(5 * 10**9 + first, 5 * 10**9 + first + 500))
        add(state, [Row(int(r["id"]), r["owner"], int(r["id"]), 1, 4, r) for r in raws])


def test_a_photo_takes_less_than_half_a_kilobyte(tmp_path):
    with State(str(tmp_path / "crawl.sqlite")) as state:
        fill(state, 5000)
    assert (tmp_path / "crawl.sqlite").stat().st_size < 512 * 5000


READ = """
import resource, sys
from facecurate.flickr.photos import Photos
from facecurate.flickr.state import State
state = State(sys.argv[1])
photos = Photos(state)
print(sum(1 for _ in photos.each()), len(photos.counts()), len(photos.next(1000, 0)))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.soak
def test_a_million_photos_fit_into_memory(tmp_path):
    with State(str(tmp_path / "crawl.sqlite")) as state:
        fill(state, 1_000_000)
    command = [sys.executable, "-c", READ, state.path]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    *counts, kilobytes = map(int, run.stdout.split())
    file = (tmp_path / "crawl.sqlite").stat().st_size
    print(f"{kilobytes / 1024:.0f} MiB of memory, {file / 2**20:.0f} MiB of file")
    assert counts == [1_000_000, 1, 1000]
    assert kilobytes < 500 * 1024
    assert file < 512 * 1_000_000
