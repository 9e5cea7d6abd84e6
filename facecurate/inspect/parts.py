"""``verify`` of pools: each part's files, rows, members and counts, and keys that appear twice."""

from __future__ import annotations

from collections.abc import Iterator

from facecurate import storage, tars
from facecurate.errors import DamagedError
from facecurate.inspect import checks
from facecurate.pool import PartInfo, Pool
from facecurate.records import FACE_SCHEMA, PHOTO_SCHEMA
from facecurate.stats import Stats
from facecurate.workspace import Dataset

_STEPS = {"faces": "detect", "hashes": "dedupe"}


def verify_part(dataset: Dataset, pool: Pool, stem: str) -> tuple[int, list[str]]:
    """How many files a part has, and what is wrong with it, each with what to do."""
    files, found = _part(dataset, pool, stem)
    remedy = _remedy(dataset, pool)
    return files, [f"{pool.name}/{line}: {remedy}" for line in found]


def _remedy(dataset: Dataset, pool: Pool) -> str:
    if pool.name == "photos" and storage.exists(dataset.path("crawl.json")):
        return f"crawl again under another --name: {dataset.name} keeps what it has"
    if pool.name == "photos":
        return f"import the source again with --name {dataset.name} --redo"
    if pool.name == "synth":
        return f"facecurate synth {dataset.name} --redo, with the options of before"
    folder, _, crop = relative(dataset, pool).partition("-")
    words = f"{_STEPS.get(folder, 'embed')} {dataset.name}"
    return f"facecurate {words} {f'--crop {crop} ' if folder == 'faces' and crop else ''}--redo"


def relative(dataset: Dataset, pool: Pool) -> str:
    """The pool's folder as seen from the dataset's."""
    return pool.url[len(dataset.url) :].lstrip("/")


def _part(dataset: Dataset, pool: Pool, stem: str) -> tuple[int, list[str]]:
    try:
        info = pool.info(stem)
        found = list(checks.sealed_json(pool.file(stem, "json")))
        if pool.name != "synth":  # its inputs are settings
            found += checks.inputs(dataset, f"{stem}.json", info.inputs)
        found += checks.outputs(pool.url, info.outputs)
        if not found:
            found = [f"{stem}: {line}" for line in _rows(pool, stem, info)]
        return len(info.outputs) + 1, found
    except DamagedError as error:
        return 1, [f"{stem}: {error}"]


def _rows(pool: Pool, stem: str, info: PartInfo) -> Iterator[str]:
    """Rows, members and counts of one part must agree."""
    photos = pool.name == "photos"
    schema, id_column = (PHOTO_SCHEMA, "photo_id") if photos else (FACE_SCHEMA, "key")
    if f"{stem}.tar" not in info.outputs:
        return
    rows = pool.table(stem, schema).select([id_column, "status", "reason"]).to_pylist()
    kept = [row[id_column] for row in rows if row["status"] == "ok"]
    stored = [m.name.split(".", 1)[0] for m in tars.members(pool.file(stem, "tar"))]
    if kept != stored:
        yield f"{len(kept)} rows are ok and {len(stored)} members are stored, or in another order"
    unit = "photos" if photos else "faces"
    counted = Stats.of(unit, (row["reason"] for row in rows)).counts[unit]
    if info.stats.counts.get(unit) != counted:
        yield f"the counts of {stem}.json are not those of its rows"


def verify_keys(dataset: Dataset) -> Iterator[str]:
    """Keys that appear more than once."""
    for pool, schema, column in (
        (Pool(dataset.path("photos")), PHOTO_SCHEMA, "photo_id"),
        (Pool(dataset.path("faces")), FACE_SCHEMA, "key"),
    ):
        try:
            keys = [k for s in pool.stems() for k in pool.table(s, schema)[column].to_pylist()]
        except DamagedError:
            continue  # named already
        if len(keys) != len(set(keys)):
            yield f"{pool.name}: {len(keys) - len(set(keys))} keys appear more than once"
