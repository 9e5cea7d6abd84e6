from __future__ import annotations

import json
from pathlib import Path

import chain
import pytest

from facecurate import storage
from facecurate.datasets import DATASETS
from facecurate.errors import FacecurateError
from facecurate.importing import photo_id
from facecurate.prepare import adapter, import_linked, import_rendered, prepare
from facecurate.synthesise import synthesise, truth
from facecurate.workspace import Dataset, Link, Workspace, links


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    where = Workspace(str(tmp_path_factory.mktemp("prepare")))
    synthesise(where.dataset("rendered-300w"), layout="300w", count=12, seed=2)
    return where


def link_of(workspace: Workspace) -> Link:
    (link,) = links(workspace.url)["300w"]
    return link


def test_a_linked_dataset_is_imported_cropped_and_sharded_and_says_so(workspace: Workspace) -> None:
    dataset = workspace.dataset("rendered-300w")
    said: list[str] = []
    prepare(dataset, link_of(workspace), say=said.append)
    assert [line.split(":")[0] for line in said] == [
        "import 300w",
        "detect --detector given",
        "shard",
    ]
    photos = chain.rows(dataset, "photos", "00000.parquet")
    assert len(photos) == 12 and {row["origin"] for row in photos} == {"rendered"}
    info = json.loads(storage.read(dataset.path("photos", "00000.json")))
    assert info["settings"]["source"] == "300w" and workspace.url not in json.dumps(info)
    faces = chain.rows(dataset, "faces", "00000.parquet")
    assert len(faces) == 12 and all(len(row["points"]) == 136 for row in faces)
    assert {row["status"] for row in faces} == {"ok"}  # no smallest size for a benchmark
    assert json.loads(storage.read(dataset.path("shards", "dataset.json")))["samples"] == 12
    splits = {row["split"] for row in photos}
    assert {"train"} < splits


def test_prepared_again_does_nothing(workspace: Workspace) -> None:
    dataset = workspace.dataset("rendered-300w")
    prepare(dataset, link_of(workspace))
    before = chain.files(dataset)
    said: list[str] = []
    prepare(dataset, link_of(workspace), say=said.append)
    assert chain.files(dataset) == before
    assert "12 were here already" in said[0] and "up to date already: 1 part" in said[1]


def test_points_are_those_that_were_rendered(workspace: Workspace) -> None:
    dataset = workspace.dataset("rendered-300w")
    prepare(dataset, link_of(workspace), shards=False)
    known = {photo_id(dataset.name, row["file"]): row for row in truth(dataset)}
    for face in chain.rows(dataset, "faces", "00000.parquet"):
        told = known[face["photo_id"]]["points"][0]
        # written as text with a few decimals in the owner's files
        assert face["points"] == pytest.approx(told, abs=0.01)


def test_a_dataset_without_an_adapter_says_which_have_one() -> None:
    with pytest.raises(FacecurateError, match=f"no adapter reads wflw yet.*{sorted(DATASETS)[0]}"):
        adapter("wflw")


def test_a_user_s_own_link_is_no_rendered_data(workspace: Workspace, tmp_path: Path) -> None:
    own = Link("300w", link_of(workspace).root)
    dataset = Dataset(str(tmp_path), "own")
    stats = import_linked(dataset, own, license="research only")
    assert stats.counts["photos"].kept == 12
    rows = chain.rows(dataset, "photos", "00000.parquet")
    assert {row["origin"] for row in rows} == {"dataset"}
    assert {row["license"] for row in rows} == {"LicenseRef-research-only"}


def test_rendered_photos_come_in_with_their_labels(tmp_path: Path) -> None:
    dataset = Dataset(str(tmp_path), "practice")
    synthesise(dataset, count=8, seed=6)
    stats = import_rendered(dataset)
    assert stats.counts["photos"].kept == 8
    given = chain.rows(dataset, "photos", "00000.given.parquet")
    told = [box for row in truth(dataset) for box in row["boxes"]]
    assert [row["box"] for row in given] == told
    assert all(row["label_pose"] is not None for row in given)
    assert "8 were here already" in str(import_rendered(dataset))
