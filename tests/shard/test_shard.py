from __future__ import annotations

import hashlib
import io
import itertools
import json
import math
import warnings
from pathlib import Path

import chain
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from facecurate import storage, tars
from facecurate.dedupe import dedupe
from facecurate.detect import detect
from facecurate.errors import FacecurateError, SettingsError, UsageError
from facecurate.records import (
    FACE_SCHEMA,
    LABEL_COLUMNS,
    OVERLAP_SCHEMA,
    REASONS,
    TOMBSTONE_SCHEMA,
    to_parquet,
    to_table,
)
from facecurate.shard import shard
from facecurate.workspace import Dataset


def decisions(dataset: Dataset) -> dict[str, dict[str, object]]:
    return {row["key"]: row for row in chain.rows(dataset, "shards", "decisions.parquet")}


def kept(dataset: Dataset) -> list[str]:
    """The keys in the shards, in their order."""
    names = [n for n in storage.list(dataset.path("shards")) if n.endswith(".tar")]
    members = [m.name for n in names for m in tars.members(dataset.path("shards", n))]
    assert [m[:-5] for m in members[1::2]] == [m[:-4] for m in members[::2]]
    return [member.removesuffix(".jpg") for member in members[::2]]


def summary(dataset: Dataset) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = json.loads(
        storage.read(dataset.path("shards", "dataset.json"))
    )
    return found


def strict(data: bytes) -> dict[str, object]:
    """JSON as the standard has it: no NaN, no infinity."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    found: dict[str, object] = json.loads(data, parse_constant=refuse)
    return found


# -- the ledger ----------------------------------------------------------------------------------


def test_each_face_has_one_decision_and_each_drop_a_reason(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path)
    faces = chain.rows(dataset, "faces", "00000.parquet")
    rows = chain.rows(dataset, "shards", "decisions.parquet")
    assert [row["key"] for row in rows] == [face["key"] for face in faces]
    for row in rows:
        if row["kept"]:
            assert (row["step"], row["reason"], row["ref"]) == (None, None, None)
        else:
            assert row["step"] in ("detect", "dedupe", "shard") and row["reason"] in REASONS
    assert sorted(k for k, row in decisions(dataset).items() if row["kept"]) == sorted(
        kept(dataset)
    )


def test_a_face_is_dropped_only_for_one_that_is_in_the_shards(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path)
    found = decisions(dataset)
    copies = [row for row in found.values() if row["reason"] == "duplicate"]
    assert len(copies) == 7
    assert {str(row["ref"]) for row in copies} <= set(kept(dataset))


def test_faces_that_detect_dropped_keep_its_reason(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "import")
    detect(dataset, detector="given", min_face=90)
    stats = shard(dataset)
    reasons = [row["reason"] for row in decisions(dataset).values() if not row["kept"]]
    assert reasons == ["face_too_small"] * 3
    assert stats.counts["faces"].dropped == {"dropped_earlier": 3}


def test_not_deduplicated_is_said_in_the_last_line_and_in_dataset_json(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "embed")
    assert "not deduplicated ('facecurate dedupe')" in str(shard(dataset))
    assert "not deduplicated" in str(summary(dataset)["steps"]["dedupe"])
    dedupe(dataset)
    stats = shard(dataset)
    assert "not deduplicated" not in str(stats)
    assert summary(dataset)["steps"]["dedupe"] == "done"
    assert "not deduplicated" not in storage.read(dataset.path("shards", "README.md")).decode()


def test_stale_clusters_name_the_command(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path)
    detect(dataset, detector="given", min_face=90, redo=True)
    with pytest.raises(FacecurateError, match="older than the faces: 'facecurate dedupe tiny'"):
        shard(dataset)
    dedupe(dataset)
    shard(dataset)


def test_stale_and_missing_faces_name_the_command(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path)
    more = [*chain.shots(), chain.recompressed(chain.shots()[6], "later.jpg")]
    chain.take(dataset, tmp_path / "files", more)
    with pytest.raises(FacecurateError, match="1 parts of photos .* 'facecurate detect tiny'"):
        shard(dataset)
    detect(dataset, detector="given")
    with pytest.raises(FacecurateError, match="'facecurate dedupe tiny'"):
        shard(dataset)
    other = chain.world(tmp_path / "other")
    storage.delete(other.path("photos"))
    chain.take(other, tmp_path / "files", more)
    with pytest.raises(FacecurateError, match="older than its photos: 'facecurate detect tiny'"):
        shard(other)


def test_overlaps_and_tombstones_are_left_out_with_their_step(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path)
    overlap = {"dataset": "wflw", "other_key": "w-1", "method": "phash", "distance": 3.0}
    rows = [
        {"key": chain.key("04.jpg"), **overlap, "drop": True},
        {"key": chain.key("05.jpg"), **overlap, "drop": False},
    ]
    storage.write_atomic(
        dataset.path("overlaps.parquet"), to_parquet(to_table(rows, OVERLAP_SCHEMA))
    )
    gone = [("photo", chain.key("06.jpg")[:-4]), ("face", chain.key("10.jpg", 1))]
    marks = [{"kind": k, "id_sha256": hashlib.sha256(i.encode()).digest()} for k, i in gone]
    storage.write_atomic(
        storage.join(dataset.workspace, "tombstones.parquet"),
        to_parquet(to_table(marks, TOMBSTONE_SCHEMA)),
    )
    stats = shard(dataset)
    found = decisions(dataset)
    assert found[chain.key("04.jpg")]["step"] == "decontaminate"
    assert found[chain.key("04.jpg")]["ref"] == "wflw:w-1"
    assert found[chain.key("05.jpg")]["kept"]
    assert found[chain.key("06.jpg")]["reason"] == "tombstoned"
    assert not {chain.key(f) for f in ("04.jpg", "06.jpg")} & set(kept(dataset))
    assert chain.key("10.jpg", 1) not in kept(dataset)
    assert stats.counts["faces"].dropped["overlap"] == 1
    assert "not compared" not in str(stats)


@pytest.mark.parametrize("kind", ["parquet", "txt"])
def test_a_subset_keeps_only_the_keys_it_lists(tmp_path: Path, kind: str) -> None:
    dataset = chain.world(tmp_path)
    wanted = [chain.key("04.jpg"), chain.key("05.jpg"), "nobody_000"]
    file = tmp_path / f"subset.{kind}"
    if kind == "parquet":
        schema = pa.schema([("key", pa.string())], metadata={"facecurate.format": "1"})
        pq.write_table(pa.table({"key": wanted}, schema=schema), file)
    else:
        file.write_text("\n".join(wanted) + "\n\n")
    with pytest.raises(SettingsError, match="subset = unset, now it is"):
        shard(dataset, subset=str(file))
    stats = shard(dataset, subset=str(file), redo=True)
    assert sorted(kept(dataset)) == sorted(wanted[:2])
    dropped = {"duplicate": 7, "not_in_subset": 12}
    assert stats.counts["faces"].dropped == dropped


# -- order, size, bytes --------------------------------------------------------------------------


def test_a_seed_is_one_order_and_another_seed_another(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path)
    first, before = kept(dataset), chain.files(dataset)
    shard(dataset, redo=True)
    assert chain.files(dataset) == before
    with pytest.raises(SettingsError, match="seed = 0, now it is 1"):
        shard(dataset, seed=1)
    shard(dataset, seed=1, redo=True)
    assert kept(dataset) != first and sorted(kept(dataset)) == sorted(first)
    assert first != sorted(first)


def test_shards_are_at_most_as_large_as_asked_and_in_one_order(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path)
    whole = kept(dataset)
    shard(dataset, shard_size="40KB", redo=True, workers=1)
    tars_ = [n for n in storage.list(dataset.path("shards")) if n.endswith(".tar")]
    assert len(tars_) > 2 and tars_[0] == "train-000000.tar" and len(summary(dataset)["shards"]) > 2
    sizes = [storage.size(dataset.path("shards", n)) for n in tars_]
    assert all(size <= 40_000 + 10_240 for size in sizes)  # a tar ends on a 10 KB block
    assert kept(dataset) == whole


def test_a_shard_that_is_no_longer_needed_goes(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "embed")
    shard(dataset, shard_size="40KB")
    many = len([n for n in storage.list(dataset.path("shards")) if n.endswith(".tar")])
    dedupe(dataset)
    shard(dataset, shard_size="40KB")
    few = [n for n in storage.list(dataset.path("shards")) if n.startswith("train-")]
    assert len(few) < 2 * many
    assert {n.split(".")[0] for n in few} == {n[:-4] for n in summary(dataset)["shards"]}


def test_the_index_points_at_the_bytes(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path)
    index = chain.rows(dataset, "shards", "index.parquet")
    assert [row["key"] for row in index] == kept(dataset)
    crops = dict(tars.read_members(dataset.path("faces", "00000.tar")))
    for row in index:
        url = dataset.path("shards", row["shard"])
        picture = storage.read(url, row["offset"], row["size"])
        assert picture == crops[f"{row['key']}.jpg"]  # copied, not encoded again
        told = strict(storage.read(url, row["json_offset"], row["json_size"]))
        assert told["key"] == row["key"]


def test_workers_and_memory_storage_give_the_same_bytes(tmp_path: Path, memory: str) -> None:
    on_disk = chain.files(chain.world(tmp_path))
    for url, workers in ((str(tmp_path / "other"), 1), (memory, 2)):
        dataset = Dataset(url, chain.NAME)
        chain.take(dataset, tmp_path / "files", chain.shots())
        chain.run(dataset, "detect", "dedupe")
        shard(dataset, workers=workers)
        for name in storage.list(dataset.path("shards")):
            assert storage.read(dataset.path("shards", name)) == on_disk[f"shards/{name}"], name


def test_the_same_call_again_writes_no_tar(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path)
    tar = Path(dataset.path("shards", "train-000000.tar"))
    before, inode = chain.files(dataset), tar.stat().st_ino
    shard(dataset)
    assert chain.files(dataset) == before and tar.stat().st_ino == inode


# -- what is in a sample -------------------------------------------------------------------------


def test_a_sample_s_json_is_its_face_row_and_what_must_be_said_of_the_photo(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path)
    faces = {row["key"]: row for row in chain.rows(dataset, "faces", "00000.parquet")}
    url = dataset.path("shards", "train-000000.tar")
    told = {n[:-5]: strict(d) for n, d in tars.read_members(url) if n.endswith(".json")}
    for key, sample in told.items():
        columns = set(FACE_SCHEMA.names) - {"status", "reason"} - set(LABEL_COLUMNS)
        assert columns <= set(sample)
        assert {"license", "author", "page_url", "origin", "split", "subject"} <= set(sample)
        assert not {"title", "owner", "source", "url"} & set(sample)  # nobody's name, no path
        for name in ("box", "matrix", "landmarks", "points"):
            assert sample[name] == pytest.approx(faces[key][name], rel=1e-6)
        assert sample["label_identity"] == faces[key]["label_identity"]
        assert "label_au" not in sample  # labels that are not there are left out
    assert len(told) == 14


def test_unknown_numbers_are_null_and_never_nan(tmp_path: Path) -> None:
    from facecurate.datasets.annotated import Annotated, GivenFace
    from facecurate.importing import import_annotated

    shot = chain.shots()[0]
    chain.write(tmp_path / "files", [shot])
    face = GivenFace(box=list(shot.faces[0].box), label_au=[math.nan, 2.0], label_valence=math.nan)
    photo = Annotated(shot.file, "train", faces=(face,))
    dataset = Dataset(str(tmp_path / "work"), "nan")
    import_annotated(dataset, str(tmp_path / "files"), [photo], source_id="x", rendered=True)
    detect(dataset, detector="given")
    shard(dataset)
    url = dataset.path("shards", "train-000000.tar")
    (data,) = [d for n, d in tars.read_members(url) if n.endswith(".json")]
    told = strict(data)
    assert told["label_au"] == [None, 2.0] and told["landmarks"] == [None] * 10
    assert told["yaw"] is None and told.get("label_valence") is None


def test_stock_webdataset_reads_the_shards_as_they_are(tmp_path: Path) -> None:
    import webdataset

    dataset = chain.world(tmp_path)
    shard(dataset, shard_size="60KB", redo=True)
    urls = [f"{dataset.path('shards')}/{name}" for name in sorted(summary(dataset)["shards"])]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stream = webdataset.WebDataset(urls, shardshuffle=False).decode("rgb8")
        samples = list(stream)
    assert [sample["__key__"] for sample in samples] == kept(dataset)
    for sample in samples:
        assert sample["json"]["key"] == sample["__key__"]
        side = sample["json"]["crop_size"]
        assert sample["jpg"].shape == (side, side, 3) and sample["jpg"].dtype == np.uint8


def test_the_members_are_plain_jpegs_beside_json(tmp_path: Path) -> None:
    url = chain.world(tmp_path).path("shards", "train-000000.tar")
    for (name, picture), (other, _) in (
        itertools.batched(tars.read_members(url), 2)
        if hasattr(itertools, "batched")
        else zip(*[iter(tars.read_members(url))] * 2, strict=True)
    ):
        assert name[:-4] == other[:-5] and "." not in name[:-4] and "/" not in name
        assert Image.open(io.BytesIO(picture)).format == "JPEG"


# -- cards and refusals --------------------------------------------------------------------------


def test_dataset_json_and_card_tell_the_counts(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path)
    told = summary(dataset)
    assert told["samples"] == 14 and told["origins"] == {"rendered": 14}
    assert told["licenses"] == {"unknown": 14} and told["name"] == "tiny"
    text = json.dumps(told)
    assert str(tmp_path) not in text and "embedding" not in text
    card = storage.read(dataset.path("shards", "README.md")).decode()
    assert "14 samples in 1 tar file " in card and "no person is shown" in card
    assert "| duplicate | 7 |" in card


def test_vectors_never_enter_the_shards(tmp_path: Path) -> None:
    names = storage.list(chain.world(tmp_path).path("shards"))
    assert sorted({n.split(".", 1)[1] for n in names}) == ["json", "md", "parquet", "tar"]


@pytest.mark.parametrize("size", ["", "many", "12XB", "-1MB", "1KB"])
def test_a_size_that_is_none_is_refused(tmp_path: Path, size: str) -> None:
    dataset = chain.world(tmp_path, "detect")
    with pytest.raises(UsageError, match="--shard-size"):
        shard(dataset, shard_size=size)


def test_without_faces_it_says_what_to_type(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "import")
    with pytest.raises(FacecurateError, match="'facecurate detect tiny'"):
        shard(dataset)
    assert not dataset.has("shards", "dataset.json")


def test_a_refused_redo_keeps_what_is_there(tmp_path: Path) -> None:
    """A step that cannot run must not first throw away what an earlier run made."""
    dataset = chain.world(tmp_path)
    before = chain.files(dataset)
    with pytest.raises(UsageError):
        shard(dataset, shard_size="many", redo=True)
    with pytest.raises(FacecurateError, match="no such file is no file"):
        shard(dataset, subset=str(tmp_path / "no such file"), redo=True)
    assert chain.files(dataset) == before
