"""What a tombstone of any kind names stays out of the shards, and so do its copies."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import parts_by_hand as made
import pytest

from facecurate import storage
from facecurate.errors import FacecurateError
from facecurate.records import DECISION_SCHEMA, TOMBSTONE_SCHEMA, from_parquet, to_parquet, to_table
from facecurate.shard import shard
from facecurate.stones import stone
from facecurate.workspace import Dataset

OWNER, PAGE, URL = "12345@N00", "https://pages.example/1/", "https://pictures.example/1_b.jpg"


def world(folder: Path) -> Dataset:
    photos = [made.photo("mine", n) for n in range(6)]
    photos[1] |= {"owner": OWNER, "page_url": PAGE, "url": URL}
    faces = [made.face(row) for row in photos] + [made.face(photos[1], 1)]
    return made.store(Dataset(str(folder), "mine"), photos, faces)


def bury(dataset: Dataset, *marks: tuple[str, bytes], **more: Any) -> None:
    rows = [{"kind": kind, "id_sha256": digest, **more} for kind, digest in marks]
    url = storage.join(dataset.workspace, "tombstones.parquet")
    storage.write_atomic(url, to_parquet(to_table(rows, TOMBSTONE_SCHEMA)))


def dropped(dataset: Dataset) -> dict[str, str]:
    url = dataset.path("shards", "decisions.parquet")
    table = from_parquet(storage.read(url), DECISION_SCHEMA, url)
    return {row["key"]: row["reason"] for row in table.to_pylist() if not row["kept"]}


BOTH = {f"mine-{1:016x}_000", f"mine-{1:016x}_001"}


@pytest.mark.parametrize(
    ("mark", "keys"),
    [
        (stone("photo", f"mine-{1:016x}"), BOTH),
        (stone("owner", OWNER), BOTH),
        (stone("url", PAGE), BOTH),
        (stone("url", f"{URL}#x"), BOTH),
        (stone("sha256", hashlib.sha256(b"mine/1").hexdigest()), BOTH),
        (stone("face", f"mine-{1:016x}_001"), {f"mine-{1:016x}_001"}),
    ],
    ids=["photo", "owner", "page", "url", "sha256", "face"],
)
def test_every_kind_of_tombstone_keeps_out_what_it_names(
    tmp_path: Path, mark: tuple[str, bytes], keys: set[str]
) -> None:
    dataset = world(tmp_path)
    bury(dataset, mark)
    stats = shard(dataset)
    assert dropped(dataset) == dict.fromkeys(keys, "tombstoned")
    assert stats.counts["faces"].dropped == {"tombstoned": len(keys)}


def test_a_face_that_another_detector_gave_the_same_key_stays(tmp_path: Path) -> None:
    dataset = world(tmp_path)
    first, second = (f"mine-{n:016x}_000" for n in (2, 3))
    url = storage.join(dataset.workspace, "tombstones.parquet")
    places = {first: [1.0, 2.0, 30.0, 40.0], second: [500.0, 500.0, 600.0, 600.0]}
    marks = [(stone("face", key), box) for key, box in places.items()]
    rows = [{"kind": kind, "id_sha256": digest, "box": box} for (kind, digest), box in marks]
    storage.write_atomic(url, to_parquet(to_table(rows, TOMBSTONE_SCHEMA)))
    shard(dataset)
    assert dropped(dataset) == {first: "tombstoned"}


@pytest.mark.parametrize(("level", "most"), [("photo", 32), ("face", 12)])
def test_a_picture_that_is_remembered_keeps_out_what_looks_the_same(
    tmp_path: Path, level: str, most: int
) -> None:
    dataset = world(tmp_path)
    hashes = []
    for n, bits in enumerate((0, most, most + 1, 128)):
        value = ((1 << bits) - 1).to_bytes(32, "little")
        key = f"mine-{n:016x}" + ("_000" if level == "face" else "")
        far = bytes([255]) * 32
        hashes.append({"key": key, "level": level, "phash256": value, "phash256_mirror": far})
    hashes[3] |= {"phash256_mirror": bytes(32)}
    made.write_hashes(dataset, "00000", hashes)
    bury(dataset, ("picture", b"\1" * 32), phash256=bytes(32))
    shard(dataset)
    expected = {f"mine-{n:016x}_000" for n in (0, 1, 3)}
    assert {k for k in dropped(dataset) if k.endswith("_000")} == expected


def test_the_copies_of_what_is_gone_are_gone_too(tmp_path: Path) -> None:
    """Nothing is dropped as the copy of a face that is not there."""
    dataset = world(tmp_path)
    kept, copy = f"mine-{2:016x}_000", f"mine-{3:016x}_000"
    made.write_clusters(dataset, [made.cluster(k, 0, kept) for k in (kept, copy)])
    bury(dataset, stone("face", kept))
    shard(dataset)
    assert dropped(dataset) == {kept: "tombstoned", copy: "tombstoned"}


def test_where_nothing_is_left_it_says_why_and_writes_nothing(tmp_path: Path) -> None:
    dataset = world(tmp_path)
    bury(dataset, *(stone("photo", f"mine-{n:016x}") for n in range(6)))
    with pytest.raises(FacecurateError) as caught:
        shard(dataset)
    told = "no face of mine is left for shards (7 faces: 0 kept, 7 dropped (7 tombstoned))"
    assert str(caught.value) == told
    assert not dataset.has("shards")
