"""Pairs beyond hashes: crops that are laid on each other, and pairs that vectors propose."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import chain
import numpy as np
import pytest

from facecurate import images, storage
from facecurate.dedupe import dedupe
from facecurate.embed import embed
from facecurate.encoders import DctEncoder
from facecurate.errors import FacecurateError, RefusedError
from facecurate.importing import import_folder
from facecurate.shard import shard
from facecurate.similar.register import SAME
from facecurate.workspace import Dataset

sys.path.append(str(Path(__file__).resolve().parents[1] / "benchmarks"))

import _clusters
import _planted

CUT = "cut by 5 %"


def cut_world(tmp_path: Path, count: int = 6) -> tuple[Dataset, list[_planted.Portrait]]:
    """Portraits and a cut copy of each, with boxes as inexact as a detector's."""
    dataset = Dataset(str(tmp_path / "work"), "cut")
    originals = [_planted.portrait(3, n) for n in range(count)]
    shown = [*originals, *(_planted.copied(one, CUT, 3) for one in originals)]
    _planted.take(dataset, tmp_path / "files", shown, 1)
    return dataset, shown


def test_cut_copies_are_one_face_and_two_photos(tmp_path: Path) -> None:
    dataset, shown = cut_world(tmp_path)
    told = dedupe(dataset)
    rows = chain.rows(dataset, "clusters.parquet")
    assert {row["level"] for row in rows} == {"face"}
    known = {
        frozenset(_planted.face_key(dataset, file) for file in (one.file, one.copy_of))
        for one in shown
        if one.copy_of
    }
    assert copies(dataset) == known
    registered = [row for row in rows if row["verified"] == "registered"]
    assert registered and all(row["agreement"] >= SAME for row in registered)
    assert all((row["agreement"] is None) == (row["verified"] != "registered") for row in rows)
    assert told.facts["pairs_registered"] >= len(registered)
    assert f"registered, {len(registered)} dropped by it" in str(told)


def test_what_the_budget_leaves_out_is_counted_and_told(tmp_path: Path) -> None:
    dataset, _ = cut_world(tmp_path)
    asked = dedupe(dataset).facts["pairs_registered"]
    told = dedupe(dataset, registrations=2, redo=True)
    assert told.facts["pairs_registered"] == 2
    assert told.facts["pairs_not_registered"] == asked - 2 > 0
    assert f"{asked - 2} pairs in doubt not asked about" in str(told)
    assert sum(r["verified"] == "registered" for r in chain.rows(dataset, "clusters.parquet")) <= 2


def test_vectors_propose_what_the_hash_does_not_and_decide_nothing(tmp_path: Path) -> None:
    dataset, _ = cut_world(tmp_path)
    dedupe(dataset)
    usual = copies(dataset)
    embed(dataset)
    dedupe(dataset, hash_distance=0, redo=True)
    assert copies(dataset) < usual  # one has the same 64 bits
    told = dedupe(dataset, hash_distance=0, encoder=DctEncoder(), similarity=0.1, redo=True)
    rows = chain.rows(dataset, "clusters.parquet")
    assert {row["method"] for row in rows if not row["keep"]} == {"phash", "embedding"}
    assert copies(dataset) == usual
    assert told.facts["pairs_registered"] > len(usual)  # others were near too, and were no copies


def test_shards_follow_clusters_that_vectors_had_a_part_in(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "embed")
    dedupe(dataset, encoder=DctEncoder())
    assert shard(dataset).counts["faces"].dropped["duplicate"] == 7


def copies(dataset: Dataset) -> set[frozenset[str]]:
    """The faces that are dropped, each with the one it is dropped for."""
    rows = chain.rows(dataset, "clusters.parquet")
    return {frozenset((row["key"], row["kept_key"])) for row in rows if not row["keep"]}


def test_an_encoder_that_recognises_people_is_refused_on_rendered_faces_too(
    tmp_path: Path,
) -> None:
    dataset = chain.world(tmp_path, "embed")
    with pytest.raises(RefusedError, match="a copy is a picture, not a person"):
        dedupe(dataset, encoder=replace(DctEncoder(), identity=True))
    assert not dataset.has("clusters.parquet")


def test_vectors_of_other_faces_are_not_taken(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "embed")
    (slug,) = storage.list(dataset.path("embeddings"))
    storage.delete(dataset.path("embeddings", slug, "00000.json"))
    with pytest.raises(FacecurateError, match="facecurate embed tiny"):
        dedupe(dataset, encoder=DctEncoder())


# -- large clusters ------------------------------------------------------------------------------


def crowd(tmp_path: Path, copies: int) -> Dataset:
    """1,010 flat pictures, ``copies`` of them with the same bytes."""
    folder = tmp_path / "files"
    folder.mkdir()
    for n in range(1010):
        grey = 0 if n < copies else n
        flat = np.full((16, 16, 3), (grey % 256, grey // 256 * 40, 99), np.uint8)
        (folder / f"{n:04d}.jpg").write_bytes(images.encode_jpeg(flat) + b"%d" % grey)
    dataset = Dataset(str(tmp_path / "work"), "crowd")
    import_folder(dataset, str(folder))
    return dataset


def test_a_cluster_above_one_percent_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    dataset = crowd(tmp_path, 11)
    with pytest.raises(FacecurateError, match="11 of 1,010 photos, .* --hash-distance 10"):
        dedupe(dataset)
    assert not dataset.has("clusters.parquet") and not dataset.has("clusters.json")
    told = dedupe(dataset, allow_large_clusters=True)
    assert told.counts["photos"].dropped == {"duplicate": 10}
    assert told.facts["largest_photos_cluster"] == 11 and "the largest of 11" in str(told)


def test_a_cluster_of_one_percent_is_written(tmp_path: Path) -> None:
    assert dedupe(crowd(tmp_path, 10)).facts["largest_photos_cluster"] == 10


# -- at scale ------------------------------------------------------------------------------------


@pytest.mark.soak
def test_planted_copies_are_found_and_nobody_is_merged_with_another() -> None:
    figures = _clusters.figures(False)
    print([(one.figure, one.value) for one in figures])
    assert [one.figure for one in figures if one.holds is False] == []
    assert sum(one.holds is True for one in figures) == 5
