"""``verify``, ``status`` and ``why``: what is there, whether it is whole, and how it came about."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from facecurate import storage, tars
from facecurate.errors import DamagedError, FacecurateError
from facecurate.pool import PartInfo, Pool, read_info
from facecurate.records import (
    CLUSTER_SCHEMA,
    DECISION_SCHEMA,
    FACE_SCHEMA,
    INDEX_SCHEMA,
    PHOTO_SCHEMA,
    from_parquet,
)
from facecurate.stats import Stats
from facecurate.workers import Progress, silent
from facecurate.workspace import Dataset

_STEPS = {"photos": "import", "faces": "detect", "hashes": "dedupe", "shards": "shard"}


def pools(dataset: Dataset) -> list[Pool]:
    """Every pool of a dataset that has parts: photos, faces, hashes, embeddings."""
    folders = ["photos", *(n for n in storage.list(dataset.url) if n.startswith("faces")), "hashes"]
    urls = [dataset.path(name) for name in folders]
    slugs = storage.list(dataset.path("embeddings"))
    urls += [dataset.path("embeddings", slug) for slug in slugs]
    return [pool for pool in map(Pool, urls) if pool.stems()]


# -- verify ----------------------------------------------------------------------------------


def verify(dataset: Dataset, *, progress: Progress = silent) -> tuple[Stats, list[str]]:
    """Reads everything again. Returns counts of files and one line for each thing found wrong."""
    if not storage.list(dataset.path("photos")):
        raise FacecurateError(f"{dataset.name} has no photos: 'facecurate import FOLDER'")
    jobs = [(pool, stem) for pool in pools(dataset) for stem in pool.stems()]
    findings: list[str] = []
    files = 0
    for done, (pool, stem) in enumerate(jobs):
        count, found = _verify_part(pool, stem)
        files += count
        findings += [f"{pool.name}/{line}: {_remedy(dataset, pool)}" for line in found]
        progress(done + 1, len(jobs))
    findings += _verify_keys(dataset)
    count, found = _verify_shards(dataset)
    files += count
    findings += [f"shards/{line}: facecurate shard {dataset.name} --redo" for line in found]
    count, found = _verify_table(dataset, "clusters")
    files += count
    findings += [f"{line}: facecurate dedupe {dataset.name} --redo" for line in found]
    return Stats.of("files", [None] * files), findings


def _remedy(dataset: Dataset, pool: Pool) -> str:
    if pool.name == "photos":
        return f"import the source again with --name {dataset.name} --redo"
    step = _STEPS.get(pool.name.split("-")[0], "embed")
    return f"facecurate {step} {dataset.name} --redo"


def _verify_part(pool: Pool, stem: str) -> tuple[int, list[str]]:
    try:
        info = pool.info(stem)
        found = _verify_outputs(pool.url, info.outputs)
        if not found:
            found = [f"{stem}: {line}" for line in _verify_rows(pool, stem, info)]
        return len(info.outputs) + 1, found
    except DamagedError as error:
        return 1, [f"{stem}: {error}"]


def _verify_outputs(folder: str, outputs: Mapping[str, str]) -> list[str]:
    found = []
    for file, digest in outputs.items():
        url = storage.join(folder, file)
        if not storage.exists(url):
            found.append(f"{file} is missing")
        elif storage.digest(url) != digest:
            found.append(f"{file} has other bytes than when it was written")
    return found


def _verify_rows(pool: Pool, stem: str, info: PartInfo) -> Iterator[str]:
    """Rows, members and counts of one part must agree."""
    schema, id_column = (
        (PHOTO_SCHEMA, "photo_id") if pool.name == "photos" else (FACE_SCHEMA, "key")
    )
    if f"{stem}.tar" not in info.outputs:
        return
    rows = pool.table(stem, schema).select([id_column, "status", "reason"]).to_pylist()
    kept = [row[id_column] for row in rows if row["status"] == "ok"]
    stored = [m.name.split(".", 1)[0] for m in tars.members(pool.file(stem, "tar"))]
    if kept != stored:
        yield f"{len(kept)} rows are ok and {len(stored)} members are stored, or in another order"
    unit = "photos" if pool.name == "photos" else "faces"
    counted = Stats.of(unit, (row["reason"] for row in rows)).counts[unit]
    if info.stats.counts.get(unit) != counted:
        yield f"the counts of {stem}.json are not those of its rows"


def _verify_keys(dataset: Dataset) -> list[str]:
    found = []
    for pool, schema, column in (
        (Pool(dataset.path("photos")), PHOTO_SCHEMA, "photo_id"),
        (Pool(dataset.path("faces")), FACE_SCHEMA, "key"),
    ):
        try:
            keys = pool.tables(schema)[column].to_pylist()
        except DamagedError:
            continue  # named already
        if len(keys) != len(set(keys)):
            found.append(f"{pool.name}: {len(keys) - len(set(keys))} keys appear more than once")
    return found


def _verify_shards(dataset: Dataset) -> tuple[int, list[str]]:
    folder = dataset.path("shards")
    if not dataset.has("shards", "dataset.json"):
        return 0, []
    try:
        summary = json.loads(storage.read(storage.join(folder, "dataset.json")))
        outputs = {**summary["shards"], **summary["outputs"]}
        found = _verify_outputs(folder, outputs)
        return len(outputs) + 1, found or list(_verify_index(folder, summary))
    except (ValueError, KeyError, TypeError) as error:
        return 1, [f"dataset.json is damaged: {error}"]


def _verify_index(folder: str, summary: Mapping[str, Any]) -> Iterator[str]:
    url = storage.join(folder, "index.parquet")
    index = from_parquet(storage.read(url), INDEX_SCHEMA, url).to_pylist()
    named = {row["key"]: (row["shard"], row["offset"], row["size"]) for row in index}
    if len(index) != summary["samples"]:
        yield f"index.parquet has {len(index)} rows for {summary['samples']} samples"
    for file in summary["shards"]:
        for member in tars.members(storage.join(folder, file)):
            key, _, kind = member.name.partition(".")
            if kind == "jpg" and named.get(key) != (file, member.offset, member.size):
                yield f"index.parquet does not find {key} in {file}"


def _verify_table(dataset: Dataset, stem: str) -> tuple[int, list[str]]:
    if not dataset.has(f"{stem}.json"):
        return 0, []
    try:
        info = read_info(dataset.path(f"{stem}.json"))
    except DamagedError as error:
        return 1, [str(error)]
    return len(info.outputs) + 1, _verify_outputs(dataset.url, info.outputs)


# -- status ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a dataset: its state and its counts."""

    name: str
    state: str
    stats: Stats


def status(dataset: Dataset) -> list[Stage]:
    """The stages of a dataset in the order of the chain."""
    if not storage.list(dataset.path("photos")):
        raise FacecurateError(f"{dataset.name} has no photos: 'facecurate import FOLDER'")
    stages = []
    photos = set(Pool(dataset.path("photos")).stems())
    for pool in pools(dataset):
        behind = len(photos.difference(pool.stems()))
        state = f"{len(pool.stems())} parts" + (f", {behind} to do" if behind else "")
        stages.append(Stage(_relative(dataset, pool), state, pool.stats()))
    for stem in ("clusters", "redundancy"):
        if dataset.has(f"{stem}.json"):
            stages.append(Stage(stem, "done", _table_stats(dataset, stem)))
    if dataset.has("shards", "dataset.json"):
        summary = json.loads(storage.read(dataset.path("shards", "dataset.json")))
        state = f"{len(summary['shards'])} shards"
        stages.append(Stage("shards", state, Stats.from_json(summary["stats"])))
    return stages


def _relative(dataset: Dataset, pool: Pool) -> str:
    return pool.url[len(dataset.url) :].lstrip("/")


def _table_stats(dataset: Dataset, stem: str) -> Stats:
    return read_info(dataset.path(f"{stem}.json")).stats


# -- why -------------------------------------------------------------------------------------


def why(dataset: Dataset, key: str) -> list[dict[str, Any]]:
    """The history of one photo or face: one dict a step, in the order of the chain.

    Raises FacecurateError if nothing has that key.
    """
    photo = key.rsplit("_", 1)[0] if "_" in key else key
    events = _events(dataset, "photos", PHOTO_SCHEMA, "photo_id", photo)
    events += _events(dataset, "faces", FACE_SCHEMA, "photo_id", photo, only=key)
    for file, schema in (
        ("clusters.parquet", CLUSTER_SCHEMA),
        ("shards/decisions.parquet", DECISION_SCHEMA),
        ("shards/index.parquet", INDEX_SCHEMA),
    ):
        url = dataset.path(*file.split("/"))
        if storage.exists(url):
            table = from_parquet(storage.read(url), schema, url)
            rows = (row for row in table.to_pylist() if _is_of(row["key"], key, photo))
            events += [{"table": file.removesuffix(".parquet"), **row} for row in rows]
    if not events:
        raise FacecurateError(f"{dataset.name} knows no photo or face '{key[:80]}'")
    return events


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
