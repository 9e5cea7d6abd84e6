"""A take-down of crawled photos reaches the crawl's state, its spool and its attribution."""

from __future__ import annotations

import sqlite3
from collections import Counter
from pathlib import Path

import pytest
from crawled import flickr, rows, stored

import facecurate.pool
from facecurate import tars
from facecurate.copies.hashing import hashes_of
from facecurate.crawl.pack import Spool
from facecurate.dedupe import dedupe
from facecurate.erase.burying import bury, picture_row
from facecurate.inspect import verify
from facecurate.pool import Pool
from facecurate.takedown import Request, find, takedown
from facecurate.workspace import Dataset

CALM = {"changes": 0.0, "odd": 0.0}


def searched(root: Path) -> bytes:
    """Everything that lies there, the state as text too."""
    import pyarrow.parquet as pq

    found = []
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        found.append(path.read_bytes())
        if path.suffix == ".parquet":
            found.append(str(pq.read_table(path).to_pylist()).encode())
        if path.suffix == ".sqlite":
            with sqlite3.connect(path) as db:
                found.append("\n".join(db.iterdump()).encode())
    return b"\0".join(found)


def test_all_photos_of_an_owner_leave_a_crawl_and_no_later_one_brings_them_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facecurate.pool, "PART_SIZE", 40)
    with flickr(tmp_path, photos=200, world=CALM) as found:
        found.crawl()
        dedupe(found.dataset, workers=0)
        table = rows(found.dataset)
        owner, count = Counter(row["owner"] for row in table).most_common(1)[0]
        mine = {row["photo_id"] for row in table if row["owner"] == owner}
        waiting = Path(Spool(found.dataset).url) / f"{min(mine)}.jpg"
        waiting.parent.mkdir(exist_ok=True)
        waiting.write_bytes(b"bytes that a kill left behind")
        before = searched(tmp_path / "data")
        assert owner.encode() in before and count == len(mine) > 1
        request = Request(owners=frozenset([owner]), only=True)
        listed = find(found.dataset.workspace, request)
        assert {key for _, key in listed.photos} >= mine
        takedown(found.dataset.workspace, request, listed, reason="owner", now=1.9e9)
        after = searched(tmp_path / "data")
        assert owner.encode() not in after
        assert not [key for key in mine if key.encode() in after], "an id is left"
        assert not waiting.exists() and verify(found.dataset)[1] == []
        assert "clusters were up to date" in str(dedupe(found.dataset, workers=0))
        left = stored(found.dataset)
        assert left == {row["photo_id"] for row in table} - mine
        found.clock.sleep(86_400)
        found.crawl()
        assert stored(found.dataset) == left
        assert owner.encode() not in searched(tmp_path / "data")


def looks(dataset: Dataset) -> dict[str, bytes]:
    pool = Pool(dataset.path("photos"))
    told = (m for s in pool.stems() for m in tars.read_members(pool.file(s, "tar")))
    return {name.partition(".")[0]: hashes_of(data).phash256 for name, data in told}


def test_a_crawl_does_not_store_what_looks_like_a_remembered_picture(tmp_path: Path) -> None:
    with flickr(tmp_path / "a", photos=60, world=CALM) as found:
        found.crawl()
        seen = looks(found.dataset)
    look = seen[min(seen)]
    alike = {
        k for k, v in seen.items() if (int.from_bytes(v) ^ int.from_bytes(look)).bit_count() <= 32
    }
    assert 0 < len(alike) < len(seen)
    with flickr(tmp_path / "b", photos=60, world=CALM) as found:
        bury(found.dataset.workspace, [picture_row(look, "person", 1.9e9)])
        found.crawl()
        assert stored(found.dataset) == set(seen) - alike
