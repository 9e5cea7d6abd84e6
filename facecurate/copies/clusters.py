"""``clusters.parquet`` and the edges beside it: written, and decided again without a picture."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from facecurate import storage
from facecurate.copies.coinciding import coinciding
from facecurate.copies.pictures import LEVELS, Pictures, read_pictures
from facecurate.errors import DamagedError, FacecurateError
from facecurate.pool import Pool, digests_of, json_bytes, write_part
from facecurate.records import CLUSTER_SCHEMA, EDGE_SCHEMA, to_table
from facecurate.similar.deciding import ClusterRow, Decided, clusters_from_edges
from facecurate.stats import Count, Stats
from facecurate.text import printable
from facecurate.vectors import vectors_pool
from facecurate.workspace import Dataset

STEM, EDGES = "clusters", "edges.parquet"  # the edges are ``clusters.edges.parquet``

_COLUMNS = [field.name for field in dataclasses.fields(ClusterRow)]


def write_clusters(
    dataset: Dataset,
    decided: Mapping[str, Decided],
    settings: Mapping[str, Any],
    inputs: Mapping[str, str],
    stats: Stats,
    unasked: int,
    whole: bool = True,
) -> None:
    """Writes what was decided of each level, and the edges that it follows from.

    unasked: pairs in doubt that no registration was asked about; whole: whether all pictures are
    there that had a part in that. The JSON says of each part what
    it was like, so that a later search need not compare it again.
    """
    with write_part(dataset.url, STEM, tool="dedupe", settings=settings, inputs=inputs) as part:
        clusters, edges = tables_of(decided)
        part.write_table(clusters)
        part.write_table(edges, EDGES)
        part.stats = stats
        part.result = {"parts": part_digests(dataset), "not_registered": unasked, "whole": whole}


def tables_of(decided: Mapping[str, Decided]) -> tuple[pa.Table, pa.Table]:
    """What was decided of each level as one table of clusters and one of edges."""
    rows = [
        {"level": level, **{name: getattr(row, name) for name in _COLUMNS}}
        for level in LEVELS
        for row in decided[level].rows
    ]
    return to_table(rows, CLUSTER_SCHEMA), _edges(decided)


def _edges(decided: Mapping[str, Decided]) -> pa.Table:
    tables = [
        decided[level].edges.add_column(
            0, "level", pa.array([level] * len(decided[level].edges), pa.string())
        )
        for level in LEVELS
    ]
    return pa.concat_tables(tables).cast(EDGE_SCHEMA)


def read_edges(dataset: Dataset) -> dict[str, pa.Table] | None:
    """The edges by level; None where clusters were written without, or never."""
    if not dataset.has(f"{STEM}.json"):
        return None
    pool = Pool(dataset.url)
    if f"{STEM}.{EDGES}" not in pool.info(STEM).outputs:
        return None
    table = pool.table(STEM, EDGE_SCHEMA, EDGES)
    return {level: table.filter(pc.equal(table["level"], level)) for level in LEVELS}


def decide(pictures: Pictures, edges: Mapping[str, pa.Table], keep: str) -> dict[str, Decided]:
    """Both levels anew from the edges, for those of their pictures that are there."""
    photos = clusters_from_edges(edges["photo"], pictures.photo_items, keep)
    also = list(coinciding(photos.rows, pictures))
    faces = clusters_from_edges(edges["face"], pictures.face_items, keep, also)
    return {"photo": photos, "face": faces}


def remake_clusters(dataset: Dataset) -> Stats | None:
    """Writes the clusters again after photos or faces were taken out, and reads no picture.

    For what is left the edges hold as they are: a copy whose kept one is gone gets another one, or
    stays. ``hashes/`` is up to date, nothing but removals happened since ``dedupe``, and the caller
    holds the lock. None where there are no clusters. Raises FacecurateError for clusters that an
    older version wrote without edges.
    """
    if not dataset.has(f"{STEM}.json"):
        return None
    settings, result = Pool(dataset.url).info(STEM).settings, read_result(dataset)
    edges = read_edges(dataset)
    if edges is None:
        raise FacecurateError(
            f"clusters.parquet was written without its edges: 'facecurate dedupe {dataset.name} "
            "--redo'"
        )
    pictures = read_pictures(dataset)
    decided = decide(pictures, edges, settings["keep"])
    stats = counts("photos", len(pictures.photos), decided["photo"].rows)
    stats += counts("faces", len(pictures.faces), decided["face"].rows)
    inputs = inputs_of(dataset, settings)
    whole = result["whole"] and result["parts"] == part_digests(dataset)
    write_clusters(dataset, decided, settings, inputs, stats, result["not_registered"], whole)
    return stats


def part_digests(dataset: Dataset) -> dict[str, str]:
    """For each part one digest of its photos, faces and hashes."""
    pool = Pool(dataset.path("hashes"))
    told = ((stem, pool.info(stem)) for stem in pool.stems())
    return {
        stem: hashlib.sha256(json_bytes([info.inputs, info.outputs])).hexdigest()
        for stem, info in told
    }


def read_result(dataset: Dataset) -> dict[str, Any]:
    """``parts``, ``not_registered``, ``whole`` as ``write_clusters`` left them, or DamagedError."""
    url = dataset.path(f"{STEM}.json")
    try:
        result = json.loads(storage.read(url)).get("result", {})
        return {
            "parts": {str(k): str(v) for k, v in result.get("parts", {}).items()},
            "not_registered": int(result.get("not_registered", 0)),
            "whole": bool(result.get("whole", False)),
        }
    except (ValueError, TypeError, AttributeError) as error:
        raise DamagedError(f"{url} is damaged: {printable(error)}") from error


def inputs_of(dataset: Dataset, settings: Mapping[str, Any]) -> dict[str, str]:
    """Digests of everything that clusters are made of, as it is now."""
    inputs = digests_of(*(Pool(dataset.path(name)) for name in ("photos", "faces", "hashes")))
    if "encoder" in settings:
        told = settings["encoder"]
        inputs["embeddings"] = vectors_pool(dataset, told["name"], told["sha256"]).digest()
    return inputs


def counts(unit: str, total: int, rows: Sequence[ClusterRow]) -> Stats:
    """How many pictures of a level there are and how many of them are copies."""
    copies = sum(not row.keep for row in rows)
    return Stats({unit: Count(total, total - copies, {"duplicate": copies} if copies else {})})
