"""After a take-down nothing is left of what was taken, and everything else is as it was."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

import pytest
import worlds

from facecurate.decontaminate import decontaminate
from facecurate.dedupe import dedupe
from facecurate.detect import detect
from facecurate.embed import embed
from facecurate.encoders import load_encoder
from facecurate.inspect import verify
from facecurate.redundancy import redundancy_report
from facecurate.stats import Stats
from facecurate.takedown import Request, find, takedown

NOW = 1.7e9
PARTS = ("photos", "faces", "hashes")


def request(rows: dict, photos: int, owners: int, seed: int) -> Request:
    """Some photos and owners, drawn."""
    draw = random.Random(seed)
    accounts = sorted({row["owner"] for row in rows.values()})
    return Request(
        photos=frozenset(draw.sample(sorted(rows), photos)),
        owners=frozenset(draw.sample(accounts, owners)),
    )


def check(tmp_path: Path, count: int, *, part: int, shard_size: str, photos: int, owners: int):
    mine, theirs = worlds.world(tmp_path, count, part=part, shard_size=shard_size)
    rows = worlds.photo_rows(mine)
    asked = request(rows, photos, owners, seed=count)
    found = find(mine.workspace, asked)
    gone = {key for _, key in found.photos}
    named = {k for k, r in rows.items() if k in asked.photos or r["owner"] in asked.owners}
    copies = {key for key, row in worlds.photo_rows(theirs).items() if key in gone}
    assert named < gone & set(rows) and copies, "copies are found in both datasets"
    needles = worlds.needles(mine, gone)
    needles["photo_id"] |= {key.encode() for key in copies}
    root = tmp_path / "work"
    before = worlds.seen(needles, worlds.haystack(root))
    assert set(before) == set(needles), "every kind of trace is found before"
    others = [worlds.members(place, gone) for place in (mine, theirs)]
    slots = [worlds.samples(place) for place in (mine, theirs)]
    stays = {
        (place.name, *name): worlds.table(place, gone, *name)
        for place in (mine, theirs)
        for name in [(p, f"{s:05d}.parquet") for p in PARTS for s in range(-(-count // part))]
        if place.has(*name)
    }

    began = time.monotonic()
    stats = takedown(mine.workspace, asked, found, reason="person", now=NOW)
    took = time.monotonic() - began

    assert worlds.seen(needles, worlds.haystack(root)) == {}
    assert [worlds.members(place, gone) for place in (mine, theirs)] == others
    for place, old in zip((mine, theirs), slots, strict=True):
        kept = [None if s is None or s[0].partition("_")[0] in gone else s for s in old]
        assert worlds.samples(place) == kept
        assert verify(place)[1] == []
    for (name, *path), told in stays.items():
        place = mine if name == "mine" else theirs
        assert worlds.table(place, set(), *path) == told
    return mine, theirs, stats, took


def test_no_trace_is_left_and_nothing_else_changes(tmp_path: Path) -> None:
    mine, theirs, stats, _ = check(tmp_path, 200, part=60, shard_size="100KB", photos=8, owners=2)
    assert stats.facts["slots"] > 0
    for place, against in ((theirs, None), (mine, theirs)):
        assert "up to date already: " in str(detect(place, detector="given", min_face=10))
        assert "up to date already: " in str(embed(place))
        assert "clusters were up to date" in str(dedupe(place))
        told = redundancy_report(place, load_encoder("dct", place.workspace))
        assert "the report was up to date" in str(told)
        if against:
            assert "overlaps were up to date" in str(decontaminate(place, [against]))
        assert verify(place)[1] == []


def test_only_the_parts_and_the_shard_that_hold_a_photo_are_written(tmp_path: Path) -> None:
    mine, _ = worlds.world(tmp_path, 60, part=20, shard_size="60KB")
    one = next(slot[0] for slot in worlds.samples(mine) if slot is not None)
    asked = Request(photos=frozenset([one.partition("_")[0]]), only=True)
    before = {n: d for n, d in worlds.haystack(tmp_path).items() if n.endswith((".tar", ".npy"))}
    stats = takedown(mine.workspace, asked, find(mine.workspace, asked), reason="person", now=NOW)
    after = worlds.haystack(tmp_path)
    changed = {name for name, data in before.items() if after[name] != data}
    assert (stats.facts["shards"], stats.facts["parts"]) == (1, 5)
    assert len(changed) == 5, "one of photos, faces, further crops, vectors, shards each"


@pytest.mark.soak
def test_a_hundred_photos_and_ten_owners_of_twenty_thousand(tmp_path: Path) -> None:
    """Prints how long it took, for how many shards and parts; then the same for one photo."""
    mine, _, many, took = check(
        tmp_path, 20_000, part=1000, shard_size="4MB", photos=100, owners=10
    )
    show(many, took)
    one = next(slot[0] for slot in worlds.samples(mine) if slot is not None)
    asked = Request(photos=frozenset([one.partition("_")[0]]), only=True)
    began = time.monotonic()
    stats = takedown(mine.workspace, asked, find(mine.workspace, asked), reason="person", now=NOW)
    show(stats, time.monotonic() - began)
    assert (stats.facts["shards"], stats.facts["parts"]) == (1, 5)


def show(stats: Stats, seconds: float) -> None:
    told = {name: stats.facts[name] for name in ("photos", "slots", "shards", "parts")}
    print(json.dumps({"seconds": round(seconds, 2), **told}))
