"""Clusters decided again from their edges: where the kept one is gone, a copy is kept instead."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from facecurate import storage
from facecurate.copies.clusters import EDGES, STEM, counts, decide, inputs_of, read_edges, tables_of
from facecurate.copies.pictures import read_pictures
from facecurate.erase.parts import read_table
from facecurate.erase.snapshot import Digests
from facecurate.erase.tables import thin
from facecurate.erase.targets import Gone
from facecurate.pool import PartWriter, sealed
from facecurate.workspace import Dataset


def redecide(dataset: Dataset, gone: Gone, before: Digests) -> None:
    """Brings ``clusters.parquet`` and its edges up to date. ``before``: digests before all this.

    Clusters that were stale lose their rows alone and stay stale. Those of a version that wrote no
    edges are deleted: nobody can say which of the copies of what is gone equal each other.
    """
    url = dataset.path(f"{STEM}.json")
    if not dataset.has(f"{STEM}.json"):
        for suffix in ("parquet", EDGES):  # never finished
            storage.delete(dataset.path(f"{STEM}.{suffix}"))
        return
    told = json.loads(storage.read(url))
    now = inputs_of(dataset, told["settings"])
    if not _was_current(dataset, told, now, before):
        _thin(dataset, url, told, gone)
        return
    edges = read_edges(dataset)
    if edges is None:
        for file in (*told["outputs"], f"{STEM}.json"):
            storage.delete(dataset.path(file))
        return
    pictures = read_pictures(dataset)
    decided = decide(pictures, edges, told["settings"]["keep"])
    part = PartWriter(dataset.url, STEM)
    clusters, edges_left = tables_of(decided)
    part.write_table(edges_left, EDGES)
    part.write_table(clusters)
    stats = counts("photos", len(pictures.photos), decided["photo"].rows)
    stats += counts("faces", len(pictures.faces), decided["face"].rows)
    outputs = {file: part.outputs[file] for file in sorted(part.outputs)}
    told |= {"inputs": now, "outputs": outputs, "stats": stats.to_json()}
    storage.write_atomic(url, sealed(told))


def _was_current(
    dataset: Dataset, told: Mapping[str, Any], now: Mapping[str, str], before: Digests
) -> bool:
    """Whether the table was made from what was there before, or is decided already."""
    then = {name: before.get(name, digest) for name, digest in now.items()}
    if "embeddings" in now:
        folders = {d for path, d in before.items() if path.startswith("embeddings/")}
        named = told["inputs"].get("embeddings")
        then["embeddings"] = named if named in folders else then["embeddings"]
    return told["inputs"] in (then, dict(now))


def kept_now(dataset: Dataset) -> int:
    """How many faces stay out of the shards as copies and are none any more."""
    url = dataset.path("shards", "decisions.parquet")
    if not (storage.exists(url) and dataset.has(f"{STEM}.parquet")):
        return 0
    rows = read_table(url).select(["key", "reason"]).to_pylist()
    return len({r["key"] for r in rows if r["reason"] == "duplicate"} - _copies(dataset))


def _copies(dataset: Dataset) -> set[str]:
    """Keys of the faces that are dropped as copies."""
    rows = read_table(dataset.path(f"{STEM}.parquet")).select(["key", "level", "keep"])
    return {r["key"] for r in rows.to_pylist() if r["level"] == "face" and not r["keep"]}


def _thin(dataset: Dataset, url: str, told: dict[str, Any], gone: Gone) -> None:
    for file in told["outputs"]:
        if file.endswith(".parquet"):
            thin(dataset.path(file), gone)
    outputs = {file: storage.digest(dataset.path(file)) for file in told["outputs"]}
    if outputs != told["outputs"]:
        storage.write_atomic(url, sealed(told | {"outputs": outputs}))
