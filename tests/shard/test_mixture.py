"""``--mix``: several datasets in one folder of shards, and a part of one that is drawn by seed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import parts_by_hand as made
import pyarrow.parquet as pq
import pytest

from facecurate import storage, tars
from facecurate.cli import run as command
from facecurate.datasets import manifest
from facecurate.errors import FacecurateError, SettingsError, UsageError
from facecurate.inspect import status, verify
from facecurate.loading import FaceShards
from facecurate.shard import shard
from facecurate.workspace import Dataset, Workspace

HEAD = """
title = "Mixed"
kind = "mixture"
source = "real"
status = "made of other datasets"
terms = "Those of each part."
terms_certainty = "reported"
how = "From its parts."
labels = [{labels}]
identity_labels = "not licensed"
traps = []
parts = [{parts}]
parts_may_be_missing = {missing}
"""


def write(folder: Path, *parts: str, labels: str = "", missing: bool = True, more: str = "") -> str:
    told = ", ".join(f'"{part}"' for part in parts)
    text = HEAD.format(parts=told, labels=labels, missing=str(missing).lower())
    (folder / "mixed.toml").write_text(f'id = "mixed"\n{text}{more}\n')
    return str(folder / "mixed.toml")


def facts(dataset: Dataset) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(storage.read(dataset.path("shards", "dataset.json")))
    return found


def test_the_faces_of_all_parts_lie_in_one_order_with_their_bytes(tmp_path: Path) -> None:
    one, two = (made.plain(str(tmp_path), name, 20) for name in ("one", "two"))
    mixed = Dataset(str(tmp_path), "mixed")
    shard(mixed, mix=write(tmp_path, "one", "two", "three"), shard_size="20KB")
    index = FaceShards(mixed.path("shards"))
    keys = [index.key(i) for i in range(len(index))]
    assert len(keys) == 40 and {k.split("-")[0] for k in keys[:10]} == {"one", "two"}
    crops = {}
    for part in (one, two):
        for stem in ("00000", "00001"):
            crops |= dict(tars.read_members(part.path("faces", f"{stem}.tar")))
    assert all(index.read(i).jpeg == crops[f"{key}.jpg"] for i, key in enumerate(keys))
    told = facts(mixed)
    assert told["parts"] == {"one": 20, "two": 20} and told["missing_parts"] == ["three"]
    assert told["sources"] == {"one": 20, "two": 20}
    assert {n.split("/")[0] for n in told["lineage"]} == {"one", "two"}
    card = storage.read(mixed.path("shards", "README.md")).decode()
    assert "| one | 20 |" in card and "Missing: three." in card
    assert verify(mixed)[1] == [] and [s.name for s in status(mixed)] == ["shards"]
    assert Workspace(str(tmp_path)).names() == ["mixed", "one", "two"]


def test_the_same_call_writes_no_tar_and_a_new_part_needs_redo(tmp_path: Path) -> None:
    made.plain(str(tmp_path), "one", 10)
    mixed, file = Dataset(str(tmp_path), "mixed"), write(tmp_path, "one", "two")
    assert "without two" in str(shard(mixed, mix=file))
    inode = Path(mixed.path("shards", "train-000000.tar")).stat().st_ino
    shard(mixed, mix=file)
    assert Path(mixed.path("shards", "train-000000.tar")).stat().st_ino == inode
    made.plain(str(tmp_path), "two", 10)
    with pytest.raises(SettingsError, match=r"mix\.parts"):
        shard(mixed, mix=file)


def test_what_the_manifest_does_not_list_as_labels_is_not_told(tmp_path: Path) -> None:
    photos = [made.photo("one", n, subject="anna") for n in range(3)]
    faces = [made.face(p, label_identity="anna", label_valence=0.5, points=[1.0]) for p in photos]
    made.store(Dataset(str(tmp_path), "one"), photos, faces)
    mixed = Dataset(str(tmp_path), "mixed")
    shard(mixed, mix=write(tmp_path, "one", labels='"valence"'))
    told = FaceShards(mixed.path("shards")).metadata(0)
    assert told["label_valence"] == 0.5
    assert not {"label_identity", "subject", "points"} & set(told)
    for data in (mixed.path("shards", n) for n in storage.list(mixed.path("shards"))):
        assert b"anna" not in storage.read(data)


def test_missing_parts_are_an_error_where_they_are_not_allowed(tmp_path: Path) -> None:
    made.plain(str(tmp_path), "one", 3)
    with pytest.raises(FacecurateError, match="mixed lacks vggface2: 'facecurate datasets show"):
        file = write(tmp_path, "one", "vggface2", missing=False)
        shard(Dataset(str(tmp_path), "mixed"), mix=file)
    with pytest.raises(FacecurateError, match="lacks two"):
        shard(Dataset(str(tmp_path), "mixed"), mix=write(tmp_path, "two"))


def test_a_dataset_with_photos_is_no_place_for_a_mixture(tmp_path: Path) -> None:
    one = made.plain(str(tmp_path), "one", 3)
    with pytest.raises(UsageError, match="give the mixture another name"):
        shard(one, mix=write(tmp_path, "one"))
    with pytest.raises(UsageError, match="is no mixture"):
        shard(Dataset(str(tmp_path), "x"), mix="300w")


def test_a_drawn_subset_is_seeded_by_photo_and_its_keys_are_published(tmp_path: Path) -> None:
    photos = [made.photo("one", n) for n in range(40)]
    faces = [made.face(p, i) for p in photos for i in range(2)]
    one = made.store(Dataset(str(tmp_path), "one"), photos, faces)
    file = write(tmp_path, "one", more="drawn = 10")
    small, other = (Dataset(str(tmp_path), name) for name in ("small", "other"))
    shard(small, mix=file)
    listed = pq.read_table(small.path("shards", "subset.parquet"))["key"].to_pylist()
    assert len(listed) == 20 and len({key[:-4] for key in listed}) == 10
    index = FaceShards(small.path("shards"))
    assert sorted(index.key(i) for i in range(20)) == listed == sorted(listed)
    shard(other, mix=file, seed=1)
    assert pq.read_table(other.path("shards", "subset.parquet"))["key"].to_pylist() != listed
    shard(one, subset=small.path("shards", "subset.parquet"))
    again = FaceShards(one.path("shards"))
    assert [again.read(i) for i in range(20)] == [index.read(i) for i in range(20)]


def test_fewer_photos_than_are_to_be_drawn_are_all_taken_and_counted(tmp_path: Path) -> None:
    made.plain(str(tmp_path), "one", 5)
    small = Dataset(str(tmp_path), "small")
    stats = shard(small, mix=write(tmp_path, "one", more="drawn = 9"))
    assert "only 5 photos, not 9" in str(stats) and facts(small)["samples"] == 5


def test_only_the_training_part_of_a_known_dataset_is_mixed(tmp_path: Path) -> None:
    splits = [s.name for s in manifest.load("vggface2").splits]
    photos = [made.photo("vggface2", n, split=splits[n % 2]) for n in range(10)]
    dataset = Dataset(str(tmp_path), "vggface2")
    made.store(dataset, photos, [made.face(p) for p in photos], source="vggface2")
    mixed = Dataset(str(tmp_path), "vgg-face")
    stats = shard(mixed, mix="vgg-face")
    assert stats.counts["faces"].dropped == {"not_training": 5}


def test_test_pictures_that_a_part_holds_by_construction_are_named(tmp_path: Path) -> None:
    made.plain(str(tmp_path), "300w-lp", 3, origin="dataset", source="300w-lp")
    mixed = Dataset(str(tmp_path), "large-scale-face")
    shard(mixed, mix="large-scale-face")
    (line,) = facts(mixed)["known_overlaps"]
    assert line.startswith("300w-lp holds pictures of 300w (")
    card = storage.read(mixed.path("shards", "README.md")).decode()
    assert "Known from their owners" in card and "Not compared" in card


def test_the_command_puts_a_mixture_under_its_own_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for part in ("wider-face", "imdb-face"):
        made.plain(str(tmp_path), part, 2)
    assert command(["shard", "--mix", "large-scale-face", "--workspace", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert told.startswith("large-scale-face: 4 faces: 4 kept; 1 shard; ")
    assert "without vggface2" in told and "a picture may be in two parts" in told
    words = ["verify", "large-scale-face", "--workspace", str(tmp_path)]
    assert command(words) == 0


def test_the_known_subset_draws_a_million() -> None:
    assert manifest.load("vgg-face-small").drawn == 1_000_000
