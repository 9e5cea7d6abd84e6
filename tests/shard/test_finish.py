"""What ``shard`` leaves: lineage, vectors that go, and slots that stay empty."""

from __future__ import annotations

import json
from pathlib import Path

import chain
import parts_by_hand as made
import pytest

from facecurate import storage
from facecurate.cards import empty_slots, facts_of, write_cards
from facecurate.cli import run as command
from facecurate.dedupe import dedupe
from facecurate.encoders import load_encoder
from facecurate.errors import FacecurateError
from facecurate.loading import FaceShards
from facecurate.pool import Pool
from facecurate.redundancy import redundancy_report
from facecurate.shard import shard
from facecurate.workspace import add_link


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("origin", ["collected", "dataset", "rendered"])
def test_vectors_of_collected_photos_go_when_the_shards_are_finished(
    tmp_path: Path, origin: str, keep: bool
) -> None:
    dataset = made.plain(str(tmp_path), "mine", 4, origin=origin)
    storage.write_atomic(dataset.path("embeddings", "dct-00000000", "00000.npy"), b"x")
    stats = shard(dataset, keep_embeddings=keep)
    gone = origin == "collected" and not keep
    assert dataset.has("embeddings") == (not gone)
    assert ("'facecurate embed mine' makes them again" in str(stats)) == gone


def test_steps_that_need_vectors_later_say_how_to_make_them_again(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "dedupe")
    storage.delete(dataset.path("embeddings"))
    dct = load_encoder("dct", dataset.workspace)
    with pytest.raises(FacecurateError, match="'facecurate embed tiny --encoder dct'"):
        redundancy_report(dataset, dct)
    with pytest.raises(FacecurateError, match="'facecurate embed tiny'"):
        dedupe(dataset, encoder=dct, redo=True)


def test_the_lineage_names_every_pool_and_table(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path)
    told = json.loads(storage.read(dataset.path("shards", "dataset.json")))["lineage"]
    assert told == {
        "photos": Pool(dataset.path("photos")).digest(),
        "faces": Pool(dataset.path("faces")).digest(),
        "clusters.parquet": storage.digest(dataset.path("clusters.parquet")),
    }


def test_an_emptied_slot_stays_empty_when_shard_runs_again(tmp_path: Path) -> None:
    """A take-down removes the face everywhere and tells the shards what became of their inputs."""
    dataset = made.plain(str(tmp_path), "mine", 12)
    shard(dataset, shard_size="10KB")
    key, folder = f"mine-{5:016x}_000", dataset.path("shards")
    before = {name: Pool(dataset.path(name)).digest() for name in ("photos", "faces")}
    parts = {name: Pool(dataset.path(name)).lineage("00000") for name in before}
    photos = [made.photo("mine", n) for n in range(12) if n != 5]
    made.store(dataset, photos, [made.face(row) for row in photos])
    moved = {before[name]: Pool(dataset.path(name)).digest() for name in before}
    for name, files in parts.items():
        now = Pool(dataset.path(name)).lineage("00000")
        moved |= {files[file]: now[file] for file in files}
    empty_slots(folder, [key], moved)
    write_cards(folder, facts_of(folder))
    left = {n: storage.digest(storage.join(folder, n)) for n in storage.list(folder)}
    stats = shard(dataset, shard_size="10KB")
    assert {n: storage.digest(storage.join(folder, n)) for n in storage.list(folder)} == left
    assert "1 slot empty" in str(stats) and FaceShards(folder).emptied == 1


def test_a_changed_step_is_found_though_the_faces_are_the_same(tmp_path: Path) -> None:
    dataset = made.plain(str(tmp_path), "mine", 6)
    shard(dataset)
    kept, copy = f"mine-{2:016x}_000", f"mine-{3:016x}_000"
    made.write_clusters(dataset, [made.cluster(k, 0, kept) for k in (kept, copy)])
    assert shard(dataset).counts["faces"].dropped == {"duplicate": 1}


def test_a_lost_tar_is_written_again(tmp_path: Path) -> None:
    dataset = made.plain(str(tmp_path), "mine", 30)
    shard(dataset, shard_size="20KB")
    url = dataset.path("shards", "train-000001.tar")
    data = storage.read(url)
    storage.delete(url)
    shard(dataset, shard_size="20KB")
    assert storage.read(url) == data


def test_the_command_names_linked_evaluation_sets_that_were_not_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made.plain(str(tmp_path), "mine", 4)
    made.plain(str(tmp_path), "wflw", 4)
    user = storage.join(str(tmp_path), "facecurate.toml")
    add_link(user, "wflw", name="wflw", rendered=True)
    for name, told in (("mine", True), ("wflw", False)):
        assert command(["shard", name, "--workspace", str(tmp_path)]) == 0
        assert ("'facecurate decontaminate mine'" in capsys.readouterr().err) == told
