"""Shards that mix datasets lose what is taken out of one of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import worlds

from facecurate.inspect import verify
from facecurate.shard import shard
from facecurate.takedown import Request, find, takedown
from facecurate.workspace import Dataset

MIXED = """
id = "mixed"
title = "Mixed"
kind = "mixture"
source = "real"
status = "made of other datasets"
terms = "Those of each part."
terms_certainty = "reported"
how = "From its parts."
labels = []
identity_labels = "not licensed"
traps = []
parts = ["mine", "theirs"]
parts_may_be_missing = false
"""


def test_a_mixture_loses_the_samples_and_keeps_the_slots(tmp_path: Path) -> None:
    mine, theirs = worlds.world(tmp_path, 60, part=20, shard_size="60KB")
    (tmp_path / "mixed.toml").write_text(MIXED)
    mixed = Dataset(mine.workspace, "mixed")
    options: dict[str, Any] = {
        "mix": str(tmp_path / "mixed.toml"),
        "shard_size": "60KB",
        "keep_embeddings": True,
    }
    shard(mixed, **options)
    slots = worlds.samples(mixed)
    gone = {f"mine-{n:016x}" for n in (9, 10, 33)}
    needles = worlds.needles(mine, gone)
    request = Request(photos=frozenset(gone), only=True)
    takedown(mine.workspace, request, find(mine.workspace, request), reason="person", now=1.7e9)
    assert worlds.seen(needles, worlds.haystack(tmp_path / "work")) == {}
    left = [None if s is None or s[0].partition("_")[0] in gone else s for s in slots]
    assert worlds.samples(mixed) == left and left.count(None) == len(gone)
    for place in (mine, theirs, mixed):
        assert verify(place)[1] == []
    assert "3 slots empty" in str(shard(mixed, **options))
