"""``--split``: what belongs together stays together, the rest is drawn by seed alone."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import parts_by_hand as made
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facecurate import storage, tars
from facecurate.errors import FacecurateError, SettingsError, UsageError
from facecurate.inspect import verify
from facecurate.loading import read_index
from facecurate.records import CLUSTER_SCHEMA, to_table
from facecurate.shard import shard
from facecurate.shard.ledger import Ledger
from facecurate.shard.splits import assign, parse_split

HALVES = {"train": Fraction(1, 2), "val": Fraction(1, 2)}


def ledger(rows: list[dict[str, Any]], clusters: list[dict[str, Any]] = []) -> Ledger:  # noqa: B006
    columns = ("key", "photo_id", "status", "reason", "label_identity", "subject", "owner")
    table = pa.table({c: pa.array([r.get(c) for r in rows], pa.string()) for c in columns})
    kept = np.array([row.get("kept", True) for row in rows], np.bool_)
    words = (np.full(len(rows), None, np.object_) for _ in range(3))
    return Ledger(table, kept, *words, to_table(clusters, CLUSTER_SCHEMA), [], {})


def row(number: int, index: int = 0, **more: Any) -> dict[str, Any]:
    return {"key": f"p-{number:04x}_{index:03d}", "photo_id": f"p-{number:04x}", **more}


@pytest.mark.parametrize("text", ["train=90%,val=10%", "train=0.9,val=0.1", " train=90%, val=0.1"])
def test_shares_are_written_in_percent_or_as_a_decimal(text: str) -> None:
    assert parse_split(text) == {"train": Fraction(9, 10), "val": Fraction(1, 10)}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("train=90,val=10", r"write train=90% or a share like 0\.9"),
        ("train=90%", "gives 90% of the faces, not 100%"),
        ("train=100%,val=0%", "gives 100% of the faces"),
        ("train=50%,train=50%", "names train twice"),
        ("../x=100%", "write it as train=90%,val=10%"),
        ("", "write it as"),
    ],
)
def test_other_words_are_refused_with_what_to_write(text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        parse_split(text)


def test_faces_of_a_photo_a_person_an_owner_and_a_cluster_stay_together() -> None:
    rows = [row(n) for n in range(40)]
    rows += [row(100, 0), row(100, 1)]
    rows += [row(n, subject="anna") for n in range(200, 210)]
    rows += [row(n, owner="67@N01") for n in range(300, 310)]
    rows += [row(n, label_identity="7") for n in range(400, 410)]
    copies = [made.cluster(f"p-{n:04x}", 3, "p-01f4", "photo") for n in range(500, 510)]
    rows += [row(n) for n in range(500, 510)]
    split = assign([ledger(rows, copies)], HALVES, seed=0)
    found = defaultdict(set)
    for one, number in zip(rows, split.tolist(), strict=True):
        found[int(one["photo_id"][2:], 16) // 100].add(number)
    assert found[0] == {0, 1}
    assert all(len(found[hundred]) == 1 for hundred in (1, 2, 3, 4, 5))


def test_an_owner_of_a_named_person_joins_nobody() -> None:
    """Subject, else owner: one who uploads photos of many people does not make them one."""
    rows = [row(n, subject=f"s{n}", owner="one@N01") for n in range(50)]
    split = assign([ledger(rows)], HALVES, seed=0)
    assert np.bincount(split).tolist() == [25, 25]


def test_a_subject_s_name_means_something_within_its_source_alone() -> None:
    ledgers = [ledger([row(n + 1000 * k, subject="1") for n in range(5)]) for k in range(2)]
    split = assign(ledgers, HALVES, seed=0)
    assert {*split[:5].tolist()} != {*split[5:].tolist()}


world = st.lists(
    st.fixed_dictionaries(
        {
            "photo": st.integers(0, 25),
            "subject": st.none() | st.integers(0, 8).map("s{}".format),
            "owner": st.none() | st.integers(0, 8).map("o{}".format),
            "cluster": st.none() | st.integers(0, 8),
            "kept": st.booleans(),
        }
    ),
    min_size=12,
    max_size=60,
)


@settings(max_examples=80, deadline=None)
@given(world, st.randoms(use_true_random=False), st.integers(0, 3))
def test_no_group_is_in_two_splits_and_the_order_of_files_changes_nothing(
    drawn: list[dict[str, Any]], random: Any, seed: int
) -> None:
    rows, clusters, seen = [], [], defaultdict(int)
    for one in drawn:
        key = row(one["photo"], seen[one["photo"]])
        seen[one["photo"]] += 1
        told = {k: one[k] for k in ("subject", "owner", "kept")}
        rows.append({**key, **told, "cluster": one["cluster"]})
        if one["cluster"] is not None:
            clusters.append(made.cluster(key["key"], one["cluster"], "x"))
    try:
        split = assign([ledger(rows, clusters)], HALVES, seed)
    except FacecurateError as error:
        assert "would be empty" in str(error)
        return
    kept = [one for one in rows if one["kept"]]
    by_key = {one["key"]: int(s) for one, s in zip(kept, split, strict=True)}
    for words in ("photo_id", "cluster", "subject"):
        groups = defaultdict(set)
        for one in kept:
            if one[words] is not None:
                groups[one[words]].add(by_key[one["key"]])
        assert all(len(found) == 1 for found in groups.values()), words
    random.shuffle(rows)
    again = assign([ledger(rows, clusters)], HALVES, seed)
    kept = [one for one in rows if one["kept"]]
    assert {one["key"]: int(s) for one, s in zip(kept, again, strict=True)} == by_key


def test_shares_are_met_where_single_faces_allow_it() -> None:
    rows = [row(n) for n in range(1000)]
    shares = parse_split("train=80%,val=15%,test=5%")
    assert np.bincount(assign([ledger(rows)], shares, seed=5)).tolist() == [800, 150, 50]


def test_another_seed_is_another_draw() -> None:
    rows = [row(n) for n in range(100)]
    one, two = (assign([ledger(rows)], HALVES, seed).tolist() for seed in (0, 1))
    assert one != two


def test_a_split_without_a_face_is_an_error_that_says_how_many_groups_there_are() -> None:
    rows = [row(n, subject="one") for n in range(10)]
    with pytest.raises(FacecurateError, match="split val would be empty: 10 faces make 1 groups"):
        assign([ledger(rows)], HALVES, seed=0)


def test_each_split_has_tars_of_its_own_which_the_loader_tells_apart(tmp_path: Path) -> None:
    dataset = made.plain(str(tmp_path), "mine", 40)
    stats = shard(dataset, split="train=75%,val=25%", shard_size="20KB")
    assert "train 30, val 10" in str(stats)
    names = [n for n in storage.list(dataset.path("shards")) if n.endswith(".tar")]
    held = {
        n: [m.name[:-4] for m in tars.members(dataset.path("shards", n)) if m.name.endswith("jpg")]
        for n in names
    }
    for split, count in (("train", 30), ("val", 10)):
        keys = [key for name in names if name.startswith(split) for key in held[name]]
        index = read_index(dataset.path("shards"), split)
        assert index.keys.to_pylist() == keys and len(keys) == count
    card = storage.read(dataset.path("shards", "README.md")).decode()
    assert "Splits: `train` 30, `val` 10." in card and '"path": "val-*.tar"' in card
    assert verify(dataset)[1] == []


def test_other_shares_need_redo(tmp_path: Path) -> None:
    dataset = made.plain(str(tmp_path), "mine", 20)
    shard(dataset)
    with pytest.raises(SettingsError, match=r"split\.train = unset, now it is 0\.5"):
        shard(dataset, split="train=50%,val=50%")
    shard(dataset, split="train=50%,val=50%", redo=True)
    names = {n.split("-")[0] for n in storage.list(dataset.path("shards")) if n.endswith(".tar")}
    assert names == {"train", "val"}
    shard(dataset, redo=True)
    assert not [n for n in storage.list(dataset.path("shards")) if n.startswith("val")]
