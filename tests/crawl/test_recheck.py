"""Photos that may no longer be kept leave the parts, the state and everything made from them."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from crawled import check_stored, flickr, rows, stored
from flickr_standin.world import NEVER
from PIL import Image

import facecurate.pool
from facecurate import tars
from facecurate.crawl import recheck, removal
from facecurate.dedupe import dedupe
from facecurate.errors import FacecurateError, StoppedError
from facecurate.inspect import verify
from facecurate.pool import Pool
from facecurate.workspace import Dataset, tombstones

CALM = {"changes": 0.0, "odd": 0.0}


def test_what_is_gone_private_or_relicensed_is_taken_down_and_the_rest_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facecurate.pool, "PART_SIZE", 40)
    with flickr(tmp_path, photos=300, world=CALM) as found:
        found.crawl()
        before = sorted(stored(found.dataset), key=lambda key: (len(key), key))
        deleted, private, closed, other, opted = (
            before[0],
            before[1],
            before[45],
            before[46],
            before[2],
        )
        number = {key: int(key.removeprefix("flickr-")) for key in before}
        found.standin.change(number[deleted], deleted=0)
        found.standin.change(number[private], private=0)
        found.standin.change(number[closed], licence=0)
        found.standin.change(number[other], licence=6)
        world = found.standin.world
        world.opt_out[world.index(number[opted])] = 1
        world.updated[world.index(number[opted])] = int(found.clock.time())
        titles = {row["photo_id"]: row["title"] for row in rows(found.dataset)}
        found.clock.sleep(30 * 86_400)
        lines: list[str] = []
        stats = recheck(found.dataset, found.access, say=lines.append)
        gone = {deleted, private, closed, other, opted}
        assert stored(found.dataset) == set(before) - gone
        check_stored(found)
        assert dict(stats.counts["photos"].dropped) == {"gone": 2, "license": 2, "no_cv": 1}
        assert {line.split(":")[0] for line in lines if line.startswith("flickr-")} == gone
        assert {one["photo_id"] for one in stats.facts["removed"]} == gone
        _nothing_is_left(found.dataset, gone, titles)
        assert found.crawl().counts["photos"].kept == len(before) - len(gone)
        assert not stored(found.dataset) & gone, "a taken-down photo came back"
        assert recheck(found.dataset, found.access).counts["photos"].dropped == {}


def _nothing_is_left(dataset: Dataset, gone: set[str], titles: dict[str, str]) -> None:
    assert verify(dataset)[1] == []
    pool = Pool(dataset.path("photos"))
    names = {
        m.name.partition(".")[0] for s in pool.stems() for m in tars.members(pool.file(s, "tar"))
    }
    assert not names & gone
    assert not gone & {row["photo_id"] for row in rows(dataset)}
    listed = pq.read_table(Path(dataset.url) / "attribution.parquet")["photo_id"].to_pylist()
    assert not gone & set(listed)
    text = (Path(dataset.url) / "ATTRIBUTION.md").read_text()
    state = b"".join(f.read_bytes() for f in Path(dataset.url).glob("crawl.sqlite*"))
    for key in gone:
        assert f"/{key.removeprefix('flickr-')}/" not in text
        assert key.removeprefix("flickr-").encode() not in state
    buried = tombstones(dataset.workspace)
    assert {("photo", hashlib.sha256(key.encode()).digest()) for key in gone} <= buried


def test_what_was_made_of_the_parts_is_rewritten_with_them_and_stays_current(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facecurate.pool, "PART_SIZE", 40)
    with flickr(tmp_path, photos=250, world=CALM) as found:
        found.crawl()
        dedupe(found.dataset, workers=0)
        hashes = Pool(found.dataset.path("hashes"))
        before = {stem: hashes.info(stem).inputs for stem in hashes.stems()}
        first = min(stored(found.dataset), key=lambda key: (len(key), key))
        found.standin.change(int(first.removeprefix("flickr-")), deleted=0)
        found.clock.sleep(86_400)
        recheck(found.dataset, found.access)
        assert "clusters were up to date" in str(dedupe(found.dataset, workers=0))
        changed = [stem for stem in hashes.stems() if hashes.info(stem).inputs != before[stem]]
        assert len(before) > 1 and changed == ["00000"]
        assert verify(found.dataset)[1] == []


def test_a_sweep_costs_a_call_for_hundreds_and_only_the_unseen_are_asked_for(
    tmp_path: Path,
) -> None:
    with flickr(tmp_path, photos=200, world=CALM) as found:
        found.crawl()
        found.clock.sleep(30 * 86_400)
        one = int(min(stored(found.dataset)).removeprefix("flickr-"))
        found.standin.change(one, private=0)
        found.standin.reset()
        stats = recheck(found.dataset, found.access)
        assert "1 photo asked about one by one" in str(stats)
        methods = found.standin.counters()["methods"]
        assert methods["flickr.photos.getInfo"] == 1 and methods["flickr.photos.search"] < 20
        assert found.standin.world.timeline.private.min() < NEVER


def test_a_recheck_that_was_stopped_goes_on(tmp_path: Path) -> None:
    with flickr(tmp_path, photos=200, world=CALM) as found:
        found.crawl()
        key = min(stored(found.dataset))
        found.standin.change(int(key.removeprefix("flickr-")), deleted=0)
        found.clock.sleep(30 * 86_400)
        found.standin.set_faults([{"kind": "429", "path": "getInfo"}])
        with pytest.raises(StoppedError):
            recheck(found.dataset, found.access)
        assert key in stored(found.dataset)
        found.standin.set_faults([])
        found.clock.sleep(86_400)
        assert dict(recheck(found.dataset, found.access).counts["photos"].dropped) == {"gone": 1}
        assert key not in stored(found.dataset)


@pytest.mark.parametrize("done", ["tombstones", "state", "tar", "parquet"])
def test_a_taking_down_that_was_cut_short_is_finished_by_the_next_run(
    tmp_path: Path, done: str
) -> None:
    with flickr(tmp_path, photos=150, world=CALM) as found:
        found.crawl()
        key = min(stored(found.dataset))
        row = next(row for row in rows(found.dataset) if row["photo_id"] == key)
        one = removal.Removed(int(key.removeprefix("flickr-")), 0, row["sha256"], "gone")
        pool = Pool(found.dataset.path("photos"))
        before = {s: Path(pool.file("00000", s)).read_bytes() for s in ("tar", "parquet", "json")}
        removal.bury(found.dataset.workspace, [one], 1.7e9)
        if done != "tombstones":
            from facecurate.flickr.photos import Photos
            from facecurate.flickr.state import State

            with State(found.dataset.path("crawl.sqlite")) as state:
                Photos(state).forget([one.photo_id])
        if done in ("tar", "parquet"):
            removal.rewrite(pool, {key: "gone"})
            put_back = ("parquet", "json") if done == "tar" else ("json",)
            for suffix in put_back:
                Path(pool.file("00000", suffix)).write_bytes(before[suffix])
        found.crawl()
        assert key not in stored(found.dataset)
        assert verify(found.dataset)[1] == []
        check_stored(found)


def test_a_dataset_that_was_not_crawled_cannot_be_rechecked(tmp_path: Path) -> None:
    from facecurate.importing import import_folder

    (tmp_path / "in").mkdir()
    file = io.BytesIO()
    Image.new("RGB", (40, 40), 3).save(file, "JPEG")
    (tmp_path / "in/a.jpg").write_bytes(file.getvalue())
    with flickr(tmp_path, photos=30) as found:
        import_folder(found.dataset, str(tmp_path / "in"))
        with pytest.raises(FacecurateError, match="was not made by 'facecurate crawl'"):
            recheck(found.dataset, found.access)
        with pytest.raises(FacecurateError, match="source"):
            found.crawl()
