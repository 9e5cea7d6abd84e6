"""``why``: the history of one photo or face."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from facecurate import storage
from facecurate.errors import FacecurateError
from facecurate.pool import Pool
from facecurate.records import (
    CLUSTER_SCHEMA,
    DECISION_SCHEMA,
    FACE_SCHEMA,
    INDEX_SCHEMA,
    OVERLAP_SCHEMA,
    PHOTO_SCHEMA,
    from_parquet,
)
from facecurate.workspace import Dataset


def why(dataset: Dataset, key: str) -> list[dict[str, Any]]:
    """The history of one photo or face: one dict a step, in the order of the chain.

    Raises FacecurateError if nothing has that key.
    """
    photo = key.rsplit("_", 1)[0] if "_" in key else key
    events = _events(dataset, "photos", PHOTO_SCHEMA, "photo_id", photo)
    faces = _events(dataset, "faces", FACE_SCHEMA, "photo_id", photo, only=key)
    events += faces or [{"table": t, "reason": "no_face"} for t in _looked_at(dataset, events)]
    for file, schema in (
        ("clusters.parquet", CLUSTER_SCHEMA),
        ("overlaps.parquet", OVERLAP_SCHEMA),
        ("shards/decisions.parquet", DECISION_SCHEMA),
        ("shards/index.parquet", INDEX_SCHEMA),
    ):
        url = dataset.path(*file.split("/"))
        if storage.exists(url):
            table = from_parquet(storage.read(url), schema, url)
            rows = (
                row for row in table.to_pylist() if row["key"] and _is_of(row["key"], key, photo)
            )
            events += [{"table": file.removesuffix(".parquet"), **row} for row in rows]
    if not events:
        raise FacecurateError(f"{dataset.name} knows no photo or face '{key[:80]}'")
    return events


def _looked_at(dataset: Dataset, photo: list[dict[str, Any]]) -> list[str]:
    """The part of faces in which a photo without a face was looked at, if it was."""
    done = set(Pool(dataset.path("faces")).stems())
    parts = [row["table"].rsplit("/", 1)[-1] for row in photo if row["status"] == "ok"]
    return [f"faces/{stem}" for stem in parts if stem in done]


def _is_of(found: str, key: str, photo: str) -> bool:
    """A photo's key stands for its faces too; a face's key for itself and its photo."""
    return found in (key, photo) or (key == photo and found.rsplit("_", 1)[0] == photo)


def _events(
    dataset: Dataset, name: str, schema: pa.Schema, column: str, value: str, only: str | None = None
) -> list[dict[str, Any]]:
    pool = Pool(dataset.path(name))
    found = []
    for stem in pool.stems():
        for row in pool.table(stem, schema).to_pylist():
            if row[column] == value and (only is None or _is_of(row["key"], only, value)):
                told = {k: v for k, v in row.items() if v is not None}
                found.append({"table": f"{name}/{stem}", **told})
    return found
