"""What was taken down leaves finished parts too, whatever the tombstone names, and stays out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from crawled import Flickr, check_stored, flickr, rows, stored

import facecurate.pool
from facecurate import storage
from facecurate.crawl import attribution, recheck, removal
from facecurate.errors import FacecurateError, StoppedError
from facecurate.flickr.photos import Photos
from facecurate.flickr.state import State
from facecurate.inspect import verify
from facecurate.records import TOMBSTONE_SCHEMA, to_parquet, to_table

CALM = {"changes": 0.0, "odd": 0.0}
NAMES: dict[str, Callable[[dict[str, Any]], str]] = {
    "photo": lambda row: row["photo_id"],
    "owner": lambda row: row["owner"],
    "url": lambda row: row["url"],
    "page": lambda row: row["page_url"].rstrip("/"),
    "sha256": lambda row: row["sha256"].hex(),
}


def set_stone(found: Flickr, kind: str, row: dict[str, Any]) -> None:
    """As somebody else's take-down sets it: one tombstone and nothing more."""
    stone = {
        "kind": "url" if kind == "page" else kind,
        "id_sha256": hashlib.sha256(NAMES[kind](row).encode()).digest(),
        "phash256": None, "time": datetime(2026, 7, 1, tzinfo=UTC), "reason": "asked",
    }  # fmt: skip
    url = storage.join(found.dataset.workspace, "tombstones.parquet")
    storage.write_atomic(url, to_parquet(to_table([stone], TOMBSTONE_SCHEMA)))


def named_by(kind: str, row: dict[str, Any], table: list[dict[str, Any]]) -> set[str]:
    return {r["photo_id"] for r in table if NAMES[kind](r) == NAMES[kind](row)}


def check_gone(found: Flickr, gone: set[str], before: set[str]) -> None:
    assert stored(found.dataset) == before - gone
    check_stored(found)
    assert verify(found.dataset)[1] == []
    assert not gone & {row["photo_id"] for row in rows(found.dataset)}
    listed = pq.read_table(Path(found.dataset.url) / attribution.PARQUET)["photo_id"]
    assert set(listed.to_pylist()) == before - gone
    with State(found.dataset.path("crawl.sqlite")) as state:
        photos = Photos(state)
        assert not [key for key in gone if photos.get(int(key.removeprefix("flickr-")))]


@pytest.mark.parametrize("command", ["crawl", "recheck"])
@pytest.mark.parametrize("kind", NAMES)
def test_a_tombstone_empties_finished_parts_and_keeps_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, command: str
) -> None:
    monkeypatch.setattr(facecurate.pool, "PART_SIZE", 40)
    with flickr(tmp_path, photos=200, world=CALM) as found:
        found.crawl()
        table = rows(found.dataset)
        before = stored(found.dataset)
        victim = table[45]
        gone = named_by(kind, victim, table)
        set_stone(found, kind, victim)
        stats = found.crawl() if command == "crawl" else recheck(found.dataset, found.access)
        plural = "photo" if len(gone) == 1 else "photos"
        assert f"{len(gone)} {plural} that had been taken down left" in str(stats)
        assert stats.facts["taken_down"] == len(gone)
        check_gone(found, gone, before)
        found.standin.reset()
        assert "taken down" not in str(recheck(found.dataset, found.access))
        found.crawl()
        numbers = [key.removeprefix("flickr-") for key in gone]
        asked = [r.path for r in found.standin.requests if ".jpg" in r.path]
        assert not [path for path in asked for number in numbers if f"/{number}_" in path]
        check_gone(found, gone, before)


def test_taking_down_needs_no_answer_of_flickr(tmp_path: Path) -> None:
    with flickr(tmp_path, photos=60, world=CALM) as found:
        found.crawl()
        victim, before = rows(found.dataset)[3], stored(found.dataset)
        set_stone(found, "sha256", victim)
        found.standin.set_faults([{"kind": "code", "value": 100, "path": "services/rest"}])
        with pytest.raises(FacecurateError, match="Flickr Pro"):
            found.crawl()
        check_gone(found, {victim["photo_id"]}, before)


@pytest.mark.parametrize(
    "step", ["removal.bury", "removal.take_out", "erase.begin", "erase.finish"]
)
def test_a_kill_between_its_steps_is_made_good_by_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    with flickr(tmp_path, photos=60, world=CALM) as found:
        found.crawl()
        victim, before = rows(found.dataset)[3], stored(found.dataset)
        gone = named_by("owner", victim, rows(found.dataset))
        set_stone(found, "owner", victim)

        def killed(*_: Any) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(f"facecurate.crawl.removal.{step.removeprefix('removal.')}", killed)
            with pytest.raises(KeyboardInterrupt):
                removal.settle(found.dataset, found.clock.time())
        found.standin.set_faults([{"kind": "429", "path": "services/rest"}])
        with pytest.raises(StoppedError):
            found.crawl()
        check_gone(found, gone, before)
