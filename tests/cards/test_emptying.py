"""Samples leave finished shards: their slots stay, and nothing of the others changes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import chain
import pyarrow as pa
import pytest

from facecurate import storage, tars
from facecurate.cards import empty_slots, facts_of, write_cards
from facecurate.cards import emptying as module
from facecurate.errors import DamagedError
from facecurate.inspect import verify
from facecurate.loading import FaceShards
from facecurate.records import INDEX_SCHEMA, SUBSET_SCHEMA, to_parquet, to_table
from facecurate.shard import shard
from facecurate.workspace import Dataset

GONE = ("04.jpg", "06.jpg")


@pytest.fixture
def many(tmp_path: Path) -> Dataset:
    """Finished shards of about two faces each."""
    dataset = chain.world(tmp_path)
    shard(dataset, shard_size="40KB", redo=True)
    return dataset


def take_out(dataset: Dataset, *keys: str) -> tuple[int, tuple[str, ...]]:
    folder = dataset.path("shards")
    done = empty_slots(folder, keys, {})
    write_cards(folder, facts_of(folder))
    return done.slots, done.shards


def test_the_slots_stay_empty_and_all_others_are_as_they_were(many: Dataset) -> None:
    folder, keys = many.path("shards"), [chain.key(f) for f in GONE]
    before = FaceShards(folder)
    samples = {before.key(i): before.read(i).jpeg for i in range(len(before))}
    rows = {before.key(i): before.metadata(i) for i in range(len(before))}
    order = [before.key(i) for i in range(len(before))]
    slots, shards = take_out(many, *keys)
    after = FaceShards(folder)
    assert slots == 2 and 1 <= len(shards) <= 2 and len(after) == len(before)
    for i, key in enumerate(order):
        assert after.is_empty(i) == (key in keys)
        if not after.is_empty(i):
            assert after.key(i) == key
            assert after.read(i).jpeg == samples[key] and after.metadata(i) == rows[key]
    slot = chain.rows(many, "shards", "index.parquet")[order.index(keys[0])]
    assert set(slot.values()) == {None}


def test_no_byte_and_no_name_of_them_is_left(many: Dataset) -> None:
    keys = [chain.key(f) for f in GONE]
    pictures = dict(tars.read_members(many.path("faces", "00000.tar")))
    take_out(many, *keys)
    left = {f: d for f, d in chain.files(many).items() if f.startswith("shards/")}
    for file, data in left.items():
        for key in keys:
            assert key.encode() not in data, file
            assert pictures[f"{key}.jpg"] not in data, file
    decided = {row["key"] for row in chain.rows(many, "shards", "decisions.parquet")}
    assert decided.isdisjoint(keys)


def test_only_the_shards_that_hold_them_are_written(many: Dataset) -> None:
    before = {n: Path(many.path("shards", n)).stat().st_ino for n in tars_of(many)}
    _, shards = take_out(many, chain.key("04.jpg"))
    written = {
        n for n, inode in before.items() if Path(many.path("shards", n)).stat().st_ino != inode
    }
    assert written == set(shards) and len(shards) == 1 < len(before)


def tars_of(dataset: Dataset) -> list[str]:
    return [n for n in storage.list(dataset.path("shards")) if n.endswith(".tar")]


def test_the_cards_are_right_again(many: Dataset) -> None:
    take_out(many, *(chain.key(f) for f in GONE))
    told = json.loads(storage.read(many.path("shards", "dataset.json")))
    assert (told["samples"], told["slots"], told["emptied"]) == (12, 14, 2)
    assert told["licenses"] == {"unknown": 12} and told["splits"] == {"train": 12}
    assert told["stats"]["faces"]["kept"] == 12
    assert "12 samples" in storage.read(many.path("shards", "README.md")).decode()
    assert verify(many)[1] == []


def test_who_was_dropped_for_one_of_them_names_nobody(many: Dataset) -> None:
    kept = chain.key("02.jpg")
    take_out(many, kept)
    rows = {row["key"]: row for row in chain.rows(many, "shards", "decisions.parquet")}
    copy = rows[chain.key("copies/rescaled.jpg")]
    assert copy["reason"] == "duplicate" and copy["ref"] is None


def test_an_interrupted_emptying_is_finished_by_the_same_call(
    many: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [chain.key(f) for f in GONE]
    other = Dataset(f"{many.workspace}-other", many.name)
    shutil.copytree(many.workspace, other.workspace)
    take_out(other, *keys)
    writes = 0
    for stop_at in range(1, 12):
        original = storage.write_atomic

        def write(url: str, data: bytes, stop_at: int = stop_at, original=original) -> None:  # type: ignore[no-untyped-def]
            nonlocal writes
            writes += 1
            if writes == stop_at:
                raise KeyboardInterrupt
            original(url, data)

        writes = 0
        monkeypatch.setattr(module.storage, "write_atomic", write)
        try:
            take_out(many, *keys)
        except KeyboardInterrupt:
            continue
        finally:
            monkeypatch.undo()
    take_out(many, *keys)
    assert chain.files(many) == chain.files(other)


def test_what_they_were_made_from_moves_with_the_caller(many: Dataset) -> None:
    folder = many.path("shards")
    old = json.loads(storage.read(many.path("shards", "dataset.json")))["lineage"]["faces"]
    part = json.loads(storage.read(many.path("faces", "00000.json")))["outputs"]["00000.tar"]
    empty_slots(folder, [], {old: "new pool", part: "new part"})
    write_cards(folder, facts_of(folder))
    told = json.loads(storage.read(many.path("shards", "dataset.json")))
    assert told["lineage"]["faces"] == "new pool"
    for name in tars_of(many):
        info = json.loads(storage.read(many.path("shards", name.replace(".tar", ".json"))))
        assert info["inputs"]["faces/00000.tar"] == "new part"


def test_a_published_list_forgets_them_too(many: Dataset) -> None:
    folder, keys = many.path("shards"), [chain.key("04.jpg"), chain.key("05.jpg")]
    table = pa.table({"key": keys}, schema=SUBSET_SCHEMA)
    storage.write_atomic(storage.join(folder, "subset.parquet"), to_parquet(table))
    take_out(many, keys[0])
    assert [row["key"] for row in chain.rows(many, "shards", "subset.parquet")] == keys[1:]


def test_all_samples_of_a_shard_may_go(many: Dataset) -> None:
    first = tars_of(many)[0]
    keys = [m.name[:-4] for m in tars.members(many.path("shards", first)) if m.name.endswith("jpg")]
    assert take_out(many, *keys) == (len(keys), (first,))
    assert list(tars.members(many.path("shards", first))) == []
    assert verify(many)[1] == []
    shards = FaceShards(many.path("shards"))
    assert shards.emptied == len(keys) and not shards.is_empty(len(shards) - 1)


def test_the_first_slots_of_a_split_stay_its_own(many: Dataset) -> None:
    folder = many.path("shards")
    shard(many, split="train=50%,val=50%", redo=True)
    before = {name: len(FaceShards(folder, split=name)) for name in ("train", "val")}
    rows = chain.rows(many, "shards", "index.parquet")
    of_val = [row["key"] for row in rows if row["shard"] == "val-000000.tar"]
    for key in of_val[:2]:
        take_out(many, key)
    assert {name: len(FaceShards(folder, split=name)) for name in before} == before
    shards = FaceShards(folder, split="val")
    assert [shards.is_empty(i) for i in range(3)] == [True, True, False]


def test_an_index_that_names_another_folder_s_tar_changes_nothing_there(many: Dataset) -> None:
    url = many.path("shards", "index.parquet")
    rows = chain.rows(many, "shards", "index.parquet")
    rows[0]["shard"] = "../faces/00000.tar"
    storage.write_atomic(url, to_parquet(to_table(rows, INDEX_SCHEMA)))
    before = chain.files(many)
    with pytest.raises(DamagedError, match="00000.tar, which is no shard of it"):
        empty_slots(many.path("shards"), [rows[0]["key"]], {})
    assert chain.files(many) == before
