"""The kept photos and faces of a dataset as items to compare, in columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from facecurate.errors import FacecurateError
from facecurate.pool import Pool
from facecurate.records import FACE_SCHEMA, HASH_SCHEMA, PHOTO_SCHEMA
from facecurate.similar.items import Items
from facecurate.similar.verify import HashTable
from facecurate.workspace import Dataset

LEVELS = ("photo", "face")
_PHOTO = ["photo_id", "sha256", "width", "height"]
_FACE = ["key", "photo_id", "box", "landmarks", "matrix", "size", "sharpness"]


class Pictures(NamedTuple):
    """The kept rows, in the order of the parts, and the same as items with their hashes.

    photos: columns photo_id, sha256, width, height, part; faces: key, photo_id, box, landmarks,
    matrix, size, sharpness, part, and width and height of their photo. A million faces and their
    photos took 1.4 GiB at most while they were read.
    """

    photos: pa.Table
    faces: pa.Table
    photo_items: Items
    face_items: Items

    def rows(self, level: str) -> pa.Table:
        """The rows of a level."""
        return self.photos if level == "photo" else self.faces


class _Part(NamedTuple):
    """The kept rows of a part, and the hashes of its photos, its faces and their middles."""

    photos: pa.Table
    faces: pa.Table
    hashes: tuple[HashTable, HashTable, HashTable]


def read_pictures(dataset: Dataset) -> Pictures:
    """Everything that is kept. Raises FacecurateError where hashes and rows do not fit."""
    photos, faces, hashes = [], [], []
    for part in _parts(dataset):
        photos.append(part.photos)
        faces.append(part.faces)
        hashes.append(part.hashes)
    whole, crops, inner = (HashTable.concatenate(tables) for tables in zip(*hashes, strict=True))
    photo_rows, face_rows = (pa.concat_tables(rows).combine_chunks() for rows in (photos, faces))
    return Pictures(
        photo_rows, face_rows, _photo_items(photo_rows, whole), _face_items(face_rows, crops, inner)
    )


def _parts(dataset: Dataset) -> Iterator[_Part]:
    photos, faces, hashes = (Pool(dataset.path(name)) for name in ("photos", "faces", "hashes"))
    cropped, hashed = set(faces.stems()), set(hashes.stems())
    for stem in photos.stems():
        table = _kept(photos.table(stem, PHOTO_SCHEMA), _PHOTO, stem)
        crops = faces.table(stem, FACE_SCHEMA) if stem in cropped else FACE_SCHEMA.empty_table()
        crops = _with_size(_kept(crops, _FACE, stem), table)
        found = hashes.table(stem, HASH_SCHEMA) if stem in hashed else HASH_SCHEMA.empty_table()
        told = (
            ("photo", table["photo_id"]),
            ("face", crops["key"]),
            ("inner", crops["key"]),
        )
        photo, face, inner = (_hashes(dataset, found, level, keys) for level, keys in told)
        yield _Part(table, crops, (photo, face, inner))


def _kept(table: pa.Table, columns: list[str], stem: str) -> pa.Table:
    rows = table.filter(pc.equal(table["status"], "ok")).select(columns)
    part = pa.array([stem]).dictionary_encode().take(pa.array(np.zeros(len(rows), np.int32)))
    return rows.append_column("part", part)


def _with_size(faces: pa.Table, photos: pa.Table) -> pa.Table:
    """Beside each face width and height of its photo."""
    place = pc.index_in(faces["photo_id"], pc.unique(photos["photo_id"]))
    for name in ("width", "height"):
        faces = faces.append_column(name, photos[name].take(place))
    return faces


def _hashes(dataset: Dataset, table: pa.Table, level: str, keys: pa.ChunkedArray) -> HashTable:
    """The hashes of a part's pictures of one level, in the order of ``keys``."""
    rows = table.filter(pc.equal(table["level"], level))
    place = pc.index_in(keys, pc.unique(rows["key"]))
    if place.null_count:
        raise FacecurateError(
            f"the hashes are older than the pictures: 'facecurate dedupe {dataset.name}'"
        )
    return HashTable.of_table(rows.take(place))


def _photo_items(rows: pa.Table, hashes: HashTable) -> Items:
    sides = (rows[name].to_numpy().astype(np.float64) for name in ("width", "height"))
    return Items(
        keys=rows["photo_id"].to_pylist(),
        sha256=rows["sha256"].to_pylist(),
        hashes=hashes,
        size=np.prod(list(sides), axis=0),
        sharpness=np.full(len(rows), np.nan),
    )


def _face_items(rows: pa.Table, hashes: HashTable, inner: HashTable) -> Items:
    size, sharpness = (rows[name].to_numpy().astype(np.float64) for name in ("size", "sharpness"))
    return Items(
        keys=rows["key"].to_pylist(),
        sha256=[None] * len(rows),
        hashes=hashes,
        size=size,
        sharpness=sharpness,
        inner=inner,
    )


def named(rows: pa.Table, column: str, names: Iterable[str]) -> pa.Table:
    """The rows whose ``column`` is one of some names, in their order."""
    return rows.filter(pc.is_in(rows[column], pa.array(list(names), pa.string())))
