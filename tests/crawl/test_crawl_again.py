"""A second run, and what has become of photos in between: nothing comes in by a back door."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from crawled import OPEN, flickr, rows, stored

from facecurate.crawl import removal
from facecurate.crawl.sieve import Sieve
from facecurate.flickr.gate import GateSettings
from facecurate.flickr.photos import Photos
from facecurate.flickr.query import page_of
from facecurate.flickr.schema import PhotoState
from facecurate.flickr.sightings import sight
from facecurate.flickr.state import State

CALM = {"changes": 0.0, "odd": 0.0}


def opened(f: Any) -> tuple[State, Photos]:
    state = State(f.dataset.path("crawl.sqlite"))
    return state, Photos(state)


def seen_again(f: Any, state: State, *raw: dict[str, Any]) -> None:
    """The photos come in a search once more, as ``raw`` says."""
    page = page_of({"photos": {"total": len(raw), "photo": list(raw)}})
    sieve = Sieve(frozenset(OPEN), "m", GateSettings(), frozenset())
    with state.transaction() as db:
        sight(db, state.windows()[0], page.rows, int(f.clock.time()), sieve)


def test_what_was_tombstoned_opted_out_or_relicensed_meanwhile_is_not_stored(
    tmp_path: Path,
) -> None:
    with flickr(tmp_path, photos=1500, world=CALM) as f:
        f.crawl(limit=5)
        state, photos = opened(f)
        gone, shy, closed = list(photos.each(PhotoState.WAITING))[:3]
        stone = removal.Removed(gone.photo_id, None, None, "gone")
        removal.bury(f.dataset.workspace, [stone], f.clock.time())
        photos.end([shy.photo_id, closed.photo_id], PhotoState.FAILED, "unreachable")
        later = {"lastupdate": str(int(f.clock.time()))}
        seen_again(
            f, state, {**shy.raw, "tags": "nocv", **later}, {**closed.raw, "license": "3", **later}
        )
        state.close()
        f.crawl(limit=40)
        kept = stored(f.dataset)
        assert len(kept) > 5
        assert not {f"flickr-{p.photo_id}" for p in (gone, shy, closed)} & set(kept)


def test_photos_put_aside_before_a_kill_do_not_come_back_as_stored(tmp_path: Path) -> None:
    with flickr(tmp_path, photos=60, world=CALM) as f:
        f.crawl(limit=2)
        state, photos = opened(f)
        ids = [p.photo_id for p in photos.each(PhotoState.PACKED)]
        photos.end(ids, PhotoState.QUARANTINED, "many_ids")
        state.close()
        f.crawl(limit=4)
        assert not {f"flickr-{i}" for i in ids} & set(stored(f.dataset))


def test_one_photo_that_nobody_can_say_anything_about_does_not_hold_up_the_others(
    tmp_path: Path,
) -> None:
    with flickr(tmp_path / "a", photos=60, world=CALM) as f:
        victim = sorted(f.there())[10].removeprefix("flickr-")
    faults = [
        {"kind": "404", "path": f"/{victim}_"},
        {"kind": "500", "path": f"getSizes.*{victim}"},
    ]
    with flickr(tmp_path / "b", photos=60, world=CALM, faults=faults) as f:
        f.crawl()
        assert f"flickr-{victim}" not in stored(f.dataset)
        assert len(stored(f.dataset)) >= len(f.there()) - 2  # a title may speak of children


def test_an_owner_who_opts_out_and_in_again_leaves_one_row(tmp_path: Path) -> None:
    with flickr(tmp_path, photos=60, world=CALM) as f:
        f.crawl()
        state, photos = opened(f)
        one = next(iter(photos.each(PhotoState.PACKED)))
        now = int(f.clock.time())
        seen_again(f, state, {**one.raw, "tags": "nocv", "lastupdate": str(now)})
        state.close()
        f.crawl()
        state, _ = opened(f)
        seen_again(f, state, {**one.raw, "tags": "", "lastupdate": str(now + 5)})
        state.close()
        f.crawl()
        mine = [r for r in rows(f.dataset) if r["photo_id"] == f"flickr-{one.photo_id}"]
        assert [r["status"] for r in mine] == ["dropped"]
