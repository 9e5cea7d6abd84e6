"""The kept photos and faces of a dataset as items to compare."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from facecurate.errors import FacecurateError
from facecurate.pool import Pool
from facecurate.records import FACE_SCHEMA, HASH_SCHEMA, PHOTO_SCHEMA
from facecurate.similar.items import Items
from facecurate.similar.verify import HashTable
from facecurate.workspace import Dataset

Rows = dict[str, dict[str, Any]]

LEVELS = ("photo", "face")
_PHOTO = ["photo_id", "sha256", "width", "height", "status"]
_FACE = ["key", "photo_id", "box", "landmarks", "matrix", "size", "sharpness", "status"]


class Pictures(NamedTuple):
    """Rows by key, in the order of the parts, and the same as items with their hashes.

    ``faces`` hold the part they lie in, and width and height of their photo.
    """

    photos: Rows
    faces: Rows
    photo_items: Items
    face_items: Items

    def items(self, level: str) -> Items:
        """The items of a level."""
        return self.photo_items if level == "photo" else self.face_items


def read_pictures(dataset: Dataset) -> Pictures:
    """Everything that is kept. Raises FacecurateError where hashes and rows do not fit."""
    photos = _rows(Pool(dataset.path("photos")), PHOTO_SCHEMA, _PHOTO)
    faces = _rows(Pool(dataset.path("faces")), FACE_SCHEMA, _FACE)
    for face in faces.values():
        photo = photos[face["photo_id"]]
        face["width"], face["height"] = photo["width"], photo["height"]
    hashed: dict[str, Rows] = {level: {} for level in (*LEVELS, "inner")}
    for row in Pool(dataset.path("hashes")).tables(HASH_SCHEMA).to_pylist():
        hashed[row["level"]][row["key"]] = row
    for rows, found in (
        (photos, hashed["photo"]),
        (faces, hashed["face"]),
        (faces, hashed["inner"]),
    ):
        if not rows.keys() <= found.keys():
            raise FacecurateError(
                f"the hashes are older than the pictures: 'facecurate dedupe {dataset.name}'"
            )
    return Pictures(
        photos,
        faces,
        _photo_items(photos, hashed["photo"]),
        _face_items(faces, hashed["face"], hashed["inner"]),
    )


def _rows(pool: Pool, schema: Any, columns: list[str]) -> Rows:
    """The ok rows of a pool by key, with the part that each lies in."""
    found = {}
    for stem in pool.stems():
        for row in pool.table(stem, schema).select(columns).to_pylist():
            if row["status"] == "ok":
                found[row[columns[0]]] = {**row, "part": stem}
    return found


def _photo_items(rows: Rows, found: Rows) -> Items:
    return Items(
        keys=list(rows),
        sha256=[row["sha256"] for row in rows.values()],
        hashes=_hash_table(rows, found),
        size=np.array([row["width"] * row["height"] for row in rows.values()], np.float64),
        sharpness=np.full(len(rows), np.nan),
    )


def _face_items(rows: Rows, found: Rows, inner: Rows) -> Items:
    return Items(
        keys=list(rows),
        sha256=[None] * len(rows),
        hashes=_hash_table(rows, found),
        size=np.array([row["size"] for row in rows.values()], np.float64),
        sharpness=np.array([row["sharpness"] for row in rows.values()], np.float64),
        inner=_hash_table(rows, inner),
    )


def _hash_table(rows: Mapping[str, Any], found: Rows) -> HashTable:
    names = HASH_SCHEMA.names[2:]
    columns = [[found[key][name] for key in rows] for name in names]
    return HashTable.of(*columns)
