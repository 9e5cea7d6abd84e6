"""``clusters.parquet`` as columns: the clusters, and how each picture equals the kept one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from facecurate.pool import Pool
from facecurate.records import CLUSTER_SCHEMA
from facecurate.workspace import Dataset

LEVELS = ("photo", "face")


@dataclass(frozen=True, slots=True, eq=False)
class Ledger:
    """The n rows of one level, a column each.

    keys, kept_keys: n strings; cluster: (n,) int64, numbered from 0 without gaps; kept: (n,) bool;
    methods: the names that occur, sorted; method: (n,) position in them, -1 for kept rows;
    mirrored: (n,) bool; distance: (n,) float64, bits of the 256-bit hash to the kept one;
    verified: n strings or null, what decided (bytes, hash, registered), where the table tells it.
    """

    level: str
    keys: pa.Array
    kept_keys: pa.Array
    cluster: NDArray[np.int64]
    kept: NDArray[np.bool_]
    methods: Sequence[str]
    method: NDArray[np.int64]
    mirrored: NDArray[np.bool_]
    distance: NDArray[np.float64]
    verified: pa.Array

    def of(self, name: str) -> NDArray[np.bool_]:
        """(n,) whether a row is a copy found by that method."""
        place = self.methods.index(name) if name in self.methods else -2
        return np.asarray(self.method == place)

    def sizes(self) -> NDArray[np.int64]:
        """(clusters,) pictures in each cluster."""
        return np.bincount(self.cluster)

    def key(self, row: int) -> str:
        """The key of one row."""
        return str(self.keys[row].as_py())


def read_ledger(dataset: Dataset) -> dict[str, Ledger]:
    """The rows of ``clusters.parquet`` by level."""
    table = Pool(dataset.url).table("clusters", CLUSTER_SCHEMA)
    return {level: _level(table.filter(pc.equal(table["level"], level)), level) for level in LEVELS}


def _level(table: pa.Table, level: str) -> Ledger:
    kept = _array(table, "keep", False, np.bool_)
    methods = sorted({m for m in table["method"].unique().to_pylist() if m is not None})
    place = pc.fill_null(pc.index_in(table["method"], pa.array(methods, pa.string())), -1)
    cluster = _array(table, "cluster", 0, np.int64)
    return Ledger(
        level=level,
        keys=_whole(table["key"]),
        kept_keys=_whole(table["kept_key"]),
        cluster=np.unique(cluster, return_inverse=True)[1].astype(np.int64),
        kept=kept,
        methods=methods,
        method=np.where(kept, -1, place.to_numpy().astype(np.int64)),
        mirrored=_array(table, "mirrored", False, np.bool_),
        distance=_array(table, "distance", 0.0, np.float64),
        verified=_whole(table["verified"])
        if "verified" in table.column_names
        else pa.nulls(len(table), pa.string()),
    )


def _array(table: pa.Table, column: str, missing: Any, kind: Any) -> NDArray[Any]:
    return np.asarray(pc.fill_null(table[column], missing).to_numpy()).astype(kind)


def _whole(column: pa.ChunkedArray) -> pa.Array:
    found = column.combine_chunks()
    return pa.concat_arrays(found.chunks) if isinstance(found, pa.ChunkedArray) else found
