"""``clusters.edges.parquet``: clusters are decided again without a picture being read."""

from __future__ import annotations

import sys
from pathlib import Path

import chain
import pytest

from facecurate import storage
from facecurate.copies.clusters import decide, read_edges, remake_clusters
from facecurate.copies.pictures import read_pictures
from facecurate.dedupe import dedupe
from facecurate.detect import detect
from facecurate.errors import FacecurateError
from facecurate.pool import Pool
from facecurate.workspace import Dataset

sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))

import _planted

FILES = ("clusters.parquet", "clusters.edges.parquet", "clusters.json")


def bytes_of(dataset: Dataset) -> dict[str, bytes]:
    return {file: storage.read(dataset.path(file)) for file in FILES}


def test_the_edges_alone_give_the_same_bytes(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "dedupe")
    made = bytes_of(dataset)
    for stem in ("photos", "faces"):
        storage.delete(dataset.path(stem, "00000.tar"))
    told = remake_clusters(dataset)
    assert told is not None and told.counts["faces"].dropped == {"duplicate": 7}
    assert bytes_of(dataset) == made


def test_edges_that_registration_decided_come_back_as_they_were(tmp_path: Path) -> None:
    dataset = Dataset(str(tmp_path / "work"), "cut")
    originals = [_planted.portrait(3, n) for n in range(4)]
    shown = [*originals, *(_planted.copied(one, "cut by 5 %", 3) for one in originals)]
    _planted.take(dataset, tmp_path / "files", shown, 1)
    dedupe(dataset)
    rows = chain.rows(dataset, "clusters.edges.parquet")
    assert "registered" in {row["verified"] for row in rows}
    made = bytes_of(dataset)
    remake_clusters(dataset)
    assert bytes_of(dataset) == made


@pytest.mark.parametrize("gone", [{"00.jpg", "10.jpg"}, {"copies/exact.jpg", "11.jpg", "02.jpg"}])
def test_without_some_photos_it_is_as_if_they_had_never_been_there(
    tmp_path: Path, gone: set[str]
) -> None:
    edges = read_edges(chain.world(tmp_path / "whole", "dedupe"))
    assert edges is not None
    left = Dataset(str(tmp_path / "work"), chain.NAME)
    chain.take(left, tmp_path / "files", [one for one in chain.shots() if one.file not in gone])
    detect(left, detector="given")
    dedupe(left)
    again = decide(read_pictures(left), edges, "largest")
    rows = chain.rows(left, "clusters.parquet")
    assert rows
    for level in ("photo", "face"):
        told = [(r["key"], r["cluster"], r["kept_key"]) for r in rows if r["level"] == level]
        assert [(r.key, r.cluster, r.kept_key) for r in again[level].rows] == told


def test_nothing_is_remade_where_nothing_was_made(tmp_path: Path) -> None:
    assert remake_clusters(chain.world(tmp_path, "detect")) is None


def test_clusters_written_without_edges_are_not_remade(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "dedupe")
    about = storage.read(dataset.path("clusters.json")).decode()
    name = '"clusters.edges.parquet"'
    lines = [line for line in about.splitlines() if name not in line]
    storage.write_atomic(dataset.path("clusters.json"), "\n".join(lines).encode())
    assert name in about and "clusters.parquet" in Pool(dataset.url).info("clusters").outputs
    with pytest.raises(FacecurateError, match="dedupe tiny --redo"):
        remake_clusters(dataset)
