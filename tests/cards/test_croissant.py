"""The description in JSON-LD, checked by the reference implementation."""

from __future__ import annotations

import json
import logging
import warnings
from pathlib import Path

import chain
import pytest

from facecurate import storage
from facecurate.cards.croissant import croissant
from facecurate.workspace import Dataset

mlcroissant = pytest.importorskip("mlcroissant", reason="not installed: run 'make test'")


def checked(folder: str, caplog: pytest.LogCaptureFixture) -> object:
    """The metadata as the reference implementation reads it; it raises what is wrong."""
    with warnings.catch_warnings(), caplog.at_level(logging.ERROR):
        warnings.simplefilter("ignore")
        return mlcroissant.Dataset(jsonld=storage.join(folder, "croissant.json")).metadata


def test_the_reference_implementation_finds_nothing_wrong(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    dataset = chain.world(tmp_path)
    metadata = checked(dataset.path("shards"), caplog)
    told = metadata.to_json()  # type: ignore[attr-defined]
    assert told["name"] == "tiny"
    assert {"rai:dataUseCases", "rai:personalSensitiveInformation"} <= set(told)
    files = {f["@id"]: f.get("sha256") for f in told["distribution"]}
    for name in ("train-000000.tar", "index.parquet", "decisions.parquet"):
        assert files[name] == storage.digest(dataset.path("shards", name))


def test_the_reference_implementation_reads_the_pictures_and_the_index(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        read = mlcroissant.Dataset(jsonld=dataset.path("shards", "croissant.json"))
        pictures = list(read.records("faces"))
        index = list(read.records("index"))
    keys = [row["key"] for row in chain.rows(dataset, "shards", "index.parquet")]
    assert [row["index/key"].decode() for row in index] == keys
    assert sorted(row["faces/name"].decode() for row in pictures) == sorted(
        f"{k}.jpg" for k in keys
    )
    assert pictures[0]["faces/image"].size[0] > 40


def test_a_hostile_name_is_one_printable_line(tmp_path: Path) -> None:
    dataset = Dataset(str(tmp_path), "x")
    name = "a\nb\x1b[31m\u202e" + "c" * 500
    told = {
        "name": name,
        "samples": 0,
        "licenses": {name: 1},
        "origins": {name: 1},
        "shards": {},
    }
    text = json.dumps(croissant(told, {}))
    assert dataset.name == "x" and "\\u001b" not in text and "\\u202e" not in text
    assert "c" * 300 not in text
