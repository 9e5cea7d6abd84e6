"""The hashed pictures of one level as arrays, in the order in which one is kept before another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from facecurate.pool import Pool
from facecurate.records import FACE_SCHEMA, HASH_SCHEMA, PHOTO_SCHEMA
from facecurate.similar import clusters
from facecurate.similar.verify import HashTable
from facecurate.workspace import Dataset


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """N hashed pictures.

    keys: N strings; hashes: N rows; rank: (N,) place in the order of keeping, 0 before all others.
    """

    keys: list[str]
    hashes: HashTable
    rank: NDArray[np.int64]


def read_pictures(dataset: Dataset, level: str, keep: str) -> Pictures:
    """The stored pictures of a level that have a row in ``hashes/``; ``keep`` as for ``dedupe``."""
    keys: list[str] = []
    tables, sizes, sharpness = [], [np.empty(0)], [np.empty(0)]
    for part_keys, table, size, sharp in _parts(dataset, level):
        keys += part_keys
        tables.append(table)
        sizes.append(size)
        sharpness.append(sharp)
    rank = clusters.ranks(keys, np.concatenate(sizes), np.concatenate(sharpness), keep)
    return Pictures(keys, _joined(tables), rank)


_Part = tuple[list[str], HashTable, NDArray[np.float64], NDArray[np.float64]]


def _parts(dataset: Dataset, level: str) -> Iterator[_Part]:
    """Keys, hashes, size and sharpness of each part's pictures."""
    hashes = Pool(dataset.path("hashes"))
    source = Pool(dataset.path("photos" if level == "photo" else "faces"))
    there = set(source.stems())
    for stem in hashes.stems():
        rows = hashes.table(stem, HASH_SCHEMA)
        known = _looks(source, stem, level) if stem in there else {}
        names = zip(rows["key"].to_pylist(), rows["level"].to_pylist(), strict=True)
        here = [of == level and key in known for key, of in names]
        rows = rows.filter(pa.array(here, pa.bool_()))
        keys = rows["key"].to_pylist()
        looks = np.array([known[key] for key in keys], np.float64).reshape(-1, 2)
        yield keys, hash_table(rows), looks[:, 0], looks[:, 1]


def _looks(source: Pool, stem: str, level: str) -> dict[str, tuple[float, float]]:
    """Size and sharpness of the stored pictures of a part by key, as ``dedupe`` ranks them."""
    table = source.table(stem, PHOTO_SCHEMA if level == "photo" else FACE_SCHEMA)
    if level == "photo":
        rows = table.select(["photo_id", "status", "width", "height"]).to_pylist()
        return {
            row["photo_id"]: (row["width"] * row["height"], np.nan)
            for row in rows
            if row["status"] == "ok"
        }
    rows = table.select(["key", "status", "size", "sharpness"]).to_pylist()
    return {
        row["key"]: (row["size"], np.nan if row["sharpness"] is None else row["sharpness"])
        for row in rows
        if row["status"] == "ok"
    }


def hash_table(rows: pa.Table) -> HashTable:
    """The hashes of some rows of ``hashes/``."""
    return HashTable.of_table(rows)


def _joined(tables: list[HashTable]) -> HashTable:
    """All parts' rows, one after the other."""
    return HashTable.concatenate(tables) if tables else HashTable.of([], [], [], [])
