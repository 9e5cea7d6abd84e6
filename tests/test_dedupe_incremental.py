"""``dedupe --incremental``: the bytes of a run from the start, whatever came, went and changed."""

from __future__ import annotations

import random
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import chain
import pytest

from facecurate import storage
from facecurate.copies.clusters import remake_clusters
from facecurate.dedupe import dedupe
from facecurate.detect import detect
from facecurate.embed import embed
from facecurate.encoders import DctEncoder
from facecurate.errors import SettingsError, UsageError
from facecurate.importing import import_annotated
from facecurate.pool import Pool
from facecurate.stats import Stats
from facecurate.workspace import Dataset

sys.path.append(str(Path(__file__).resolve().parents[1] / "benchmarks"))

import _planted

FILES = ("clusters.parquet", "clusters.edges.parquet", "clusters.json")
KINDS = ("cut by 5 %", "mirrored", "rescaled", "cut by 10 %", "re-encoded", "written on")


def portraits() -> list[_planted.Portrait]:
    """Six portraits and two copies of each, of other kinds."""
    originals = [_planted.portrait(3, n) for n in range(len(KINDS))]
    first = [_planted.copied(one, kind, 3) for one, kind in zip(originals, KINDS, strict=True)]
    second = [
        _planted.Portrait(f"more/{copy.file}", copy.data, copy.labels)
        for one, kind in zip(originals, KINDS[::-1], strict=True)
        for copy in [_planted.copied(one, kind, 4)]
    ]
    return [*originals, *first, *second]


def add(dataset: Dataset, folder: Path, shown: Sequence[_planted.Portrait]) -> None:
    """One more part with its crops."""
    for one in shown:
        path = folder / one.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(one.data)
    told = (_planted.given(one, 1) for one in shown)
    import_annotated(dataset, str(folder), told, source_id="grown", rendered=True)
    detect(dataset, detector="given")


def written(dataset: Dataset) -> dict[str, bytes]:
    return {file: storage.read(dataset.path(file)) for file in FILES}


def from_start(dataset: Dataset, folder: Path, **options: int) -> dict[str, bytes]:
    """What a run from the start writes, on a copy."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(dataset.workspace, folder)
    copy = Dataset(str(folder), dataset.name)
    for file in FILES:
        storage.delete(copy.path(file))
    dedupe(copy, **options)
    return written(copy)


def grown(
    tmp_path: Path, seed: int, steps: int = 3
) -> tuple[Dataset, list[list[_planted.Portrait]]]:
    """An empty dataset, and the portraits dealt out by chance."""
    shown = portraits()
    random.Random(seed).shuffle(shown)
    dealt = [shown[n::steps] for n in range(steps)]
    return Dataset(str(tmp_path / "work"), "grown"), dealt


@pytest.mark.parametrize(("seed", "registrations"), [(1, 1000), (2, 1000), (3, 4)])
def test_part_after_part_is_what_all_at_once_is(
    tmp_path: Path, seed: int, registrations: int
) -> None:
    dataset, dealt = grown(tmp_path, seed)
    told = Stats()
    for step, shown in enumerate(dealt):
        add(dataset, tmp_path / "files", shown)
        told = dedupe(dataset, incremental=True, registrations=registrations)
        once = from_start(dataset, tmp_path / "once", registrations=registrations)
        assert written(dataset) == once
        assert ("first search" in str(told)) == (step == 0)
    rows = chain.rows(dataset, "clusters.edges.parquet")
    assert {"registered", "hash"} <= {row["verified"] for row in rows}
    if registrations == 1000:
        assert "1 new part compared with 2 parts of before" in str(told)
        asked = {row["verified"] for row in rows}.intersection({"registered", "refused"})
        known = sum(row["verified"] in asked for row in rows if row["method"] != "photo")
        assert 0 < told.facts["pairs_registered"] < known


def test_a_part_that_went_and_one_that_came_in_its_place_are_told(tmp_path: Path) -> None:
    dataset, dealt = grown(tmp_path, 4, 4)
    for shown in dealt[:3]:
        add(dataset, tmp_path / "files", shown)
    dedupe(dataset)
    photos = Pool(dataset.path("photos"))
    photos.remove("00001")
    photos.remove("00002")
    detect(dataset, detector="given")
    add(dataset, tmp_path / "files", dealt[3])
    told = dedupe(dataset, incremental=True)
    assert photos.stems() == ["00000", "00001"]
    assert "0 new parts compared with 1 part of before; 1 changed part" in str(told)
    assert "1 part of before gone" in str(told)
    assert written(dataset) == from_start(dataset, tmp_path / "once")


def test_where_pairs_were_left_out_and_pictures_went_it_starts_over(tmp_path: Path) -> None:
    dataset, dealt = grown(tmp_path, 5)
    for shown in dealt:
        add(dataset, tmp_path / "files", shown)
    dedupe(dataset, registrations=1)
    Pool(dataset.path("photos")).remove("00002")
    detect(dataset, detector="given")
    told = dedupe(dataset, registrations=1, incremental=True)
    assert "left out by --registrations" in str(told) and "everything was compared" in str(told)
    assert written(dataset) == from_start(dataset, tmp_path / "once", registrations=1)


def test_what_was_decided_again_without_pictures_is_built_upon(tmp_path: Path) -> None:
    dataset, dealt = grown(tmp_path, 6)
    for shown in dealt[:2]:
        add(dataset, tmp_path / "files", shown)
    dedupe(dataset)
    remake_clusters(dataset)
    add(dataset, tmp_path / "files", dealt[2])
    assert "compared with 2 parts" in str(dedupe(dataset, incremental=True))
    assert written(dataset) == from_start(dataset, tmp_path / "once")


def test_clusters_without_edges_are_made_from_the_start(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "dedupe")
    made = written(dataset)
    about = made["clusters.json"].decode()
    lines = [line for line in about.splitlines() if '"clusters.edges.parquet"' not in line]
    old = "\n".join(lines).replace('"hashes": "', '"hashes": "0')
    storage.write_atomic(dataset.path("clusters.json"), old.encode())
    assert "written without its edges" in str(dedupe(dataset, incremental=True))
    assert written(dataset) == made


def test_it_says_when_there_is_nothing_new_and_when_settings_differ(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "dedupe")
    assert "clusters were up to date" in str(dedupe(dataset, incremental=True))
    with pytest.raises(SettingsError, match="hash_distance = 10, now it is 9"):
        dedupe(dataset, incremental=True, hash_distance=9)


def test_it_goes_neither_with_redo_nor_with_vectors(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "detect")
    embed(dataset)
    with pytest.raises(UsageError, match="leave one of the two out"):
        dedupe(dataset, incremental=True, redo=True)
    with pytest.raises(UsageError, match="takes all of them"):
        dedupe(dataset, incremental=True, encoder=DctEncoder())
