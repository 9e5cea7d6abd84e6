"""``verify``, ``status`` and ``why``: what is there, whether it is whole, and how it came about."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from facecurate import FORMAT, storage, tars
from facecurate.errors import DamagedError, FacecurateError
from facecurate.pool import PartInfo, Pool, is_sealed, read_info
from facecurate.pool import pools as every_pool
from facecurate.records import (
    CLUSTER_SCHEMA,
    DECISION_SCHEMA,
    FACE_SCHEMA,
    INDEX_SCHEMA,
    OVERLAP_SCHEMA,
    PHOTO_SCHEMA,
    from_parquet,
)
from facecurate.stats import Stats
from facecurate.text import counted, printable
from facecurate.workers import Progress, silent
from facecurate.workspace import Dataset

_STEPS = {"faces": "detect", "hashes": "dedupe"}
_TABLES = {  # and what makes them again; the page is remade by the next run of its command
    "clusters": "dedupe {} --redo",
    "dedupe": "dedupe {}",
    "calibration": "dedupe {} --calibrate PAIRS.tsv",
    "overlaps": "decontaminate {} --redo",
    "redundancy": "redundancy-report {} --redo",
}
_PAGES = ("quality", "dedupe", "calibration")  # with a JSON of their own beside them


def pools(dataset: Dataset) -> list[Pool]:
    """Every pool of a dataset that has parts: photos, faces, hashes, embeddings."""
    return every_pool(dataset.url)


# -- verify ----------------------------------------------------------------------------------


def verify(dataset: Dataset, *, progress: Progress = silent) -> tuple[Stats, list[str]]:
    """Reads everything again. Returns counts of files and one line for each thing found wrong."""
    if not storage.list(dataset.path("photos")):
        raise FacecurateError(f"{dataset.name} has no photos: 'facecurate import FOLDER'")
    jobs = [(pool, stem) for pool in pools(dataset) for stem in pool.stems()]
    findings: list[str] = []
    files = 0
    for done, (pool, stem) in enumerate(jobs):
        count, found = _verify_part(dataset, pool, stem)
        files += count
        findings += [f"{pool.name}/{line}: {_remedy(dataset, pool)}" for line in found]
        progress(done + 1, len(jobs))
    findings += _verify_keys(dataset)
    tables = [(words.format(_words(dataset, stem)), stem) for stem, words in _TABLES.items()]
    for stem in _quality(dataset):  # remade by the next run, without detecting again
        crop = stem.partition("-")[2]
        tables.append((f"detect {dataset.name}" + (f" --crop {crop}" if crop else ""), stem))
    checked = [(words, _verify_table(dataset, stem)) for words, stem in tables]
    for words, (count, found) in [
        (f"shard {dataset.name} --redo", _verify_shards(dataset)),
        *checked,
    ]:
        files += count
        findings += [f"{line}: facecurate {words}" for line in found]
    return Stats.of("files", [None] * files), findings


def _words(dataset: Dataset, stem: str) -> str:
    """The dataset's name and, for overlaps, the sets that it was compared with."""
    if stem != "overlaps" or not dataset.has("overlaps.json"):
        return dataset.name
    with suppress(DamagedError):  # named already
        named = read_info(dataset.path("overlaps.json")).settings.get("against")
        if named and isinstance(named, list):
            return f"{dataset.name} --against {printable(','.join(map(str, named)), 200)}"
    return dataset.name


def _remedy(dataset: Dataset, pool: Pool) -> str:
    if pool.name == "photos" and storage.exists(dataset.path("crawl.json")):
        return f"crawl again under another --name: {dataset.name} keeps what it has"
    if pool.name == "photos":
        return f"import the source again with --name {dataset.name} --redo"
    folder, _, crop = _relative(dataset, pool).partition("-")
    words = f"{_STEPS.get(folder, 'embed')} {dataset.name}"
    return f"facecurate {words} {f'--crop {crop} ' if folder == 'faces' and crop else ''}--redo"


def _verify_part(dataset: Dataset, pool: Pool, stem: str) -> tuple[int, list[str]]:
    try:
        info = pool.info(stem)
        found = _verify_json(pool.file(stem, "json"))
        found += _verify_inputs(dataset, f"{stem}.json", info.inputs)
        found += _verify_outputs(pool.url, info.outputs)
        if not found:
            found = [f"{stem}: {line}" for line in _verify_rows(pool, stem, info)]
        return len(info.outputs) + 1, found
    except DamagedError as error:
        return 1, [f"{stem}: {error}"]


def _verify_json(url: str) -> list[str]:
    """No other file holds the digest of these: it stands in themselves."""
    return (
        []
        if is_sealed(storage.read(url))
        else [f"{storage.name(url)} has other bytes than when it was written"]
    )


def _verify_inputs(dataset: Dataset, file: str, inputs: Mapping[str, str]) -> list[str]:
    """What a part was made from must be what lies there now."""
    found = []
    for name, digest in inputs.items():
        folder, _, member = name.partition("/")
        source = Pool(dataset.path(folder))
        with suppress(DamagedError):  # named already
            stem = member.split(".", 1)[0]
            known = source.info(stem).outputs if stem in source.stems() else {}
            if known.get(member) != digest:
                found.append(f"{file} was made from another {printable(name)}")
    return found


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
    folder, url = dataset.path("shards"), dataset.path("shards", "dataset.json")
    if not storage.exists(url):
        return 0, []
    try:
        summary = json.loads(storage.read(url))
        outputs = {**summary["shards"], **summary["outputs"]}
        found = _verify_json(url) + _verify_outputs(folder, outputs)
        for file in summary["shards"]:
            found += _verify_shard_info(dataset, file, summary)
        if not found:
            found = [*_verify_index(folder, summary), *_verify_summary(dataset, summary)]
        return len(outputs) + len(summary["shards"]) + 1, [f"shards/{line}" for line in found]
    except (ValueError, KeyError, TypeError, AttributeError, DamagedError) as error:
        return 1, [f"shards/dataset.json is damaged: {printable(error)}"]


def _verify_shard_info(dataset: Dataset, file: str, summary: Mapping[str, Any]) -> list[str]:
    url = dataset.path("shards", f"{file.split('.', 1)[0]}.json")
    if not storage.exists(url):
        return [f"{storage.name(url)} is missing"]
    info = read_info(url)
    same = info.outputs == {file: summary["shards"][file]} and info.settings == summary["settings"]
    parts = {name: digest for name, digest in info.inputs.items() if "/" in name}
    found = _verify_json(url) + _verify_inputs(dataset, storage.name(url), parts)
    return found + ([] if same else [f"{storage.name(url)} and dataset.json differ"])


def _verify_summary(dataset: Dataset, summary: Mapping[str, Any]) -> Iterator[str]:
    """The counts of dataset.json must be those of the ledger, its faces those that are here."""
    url = dataset.path("shards", "decisions.parquet")
    kept = from_parquet(storage.read(url), DECISION_SCHEMA, url)["kept"].to_pylist()
    told = summary["stats"]["faces"]
    counts = {sum(summary[name].values()) for name in ("origins", "licenses")}
    if (told["taken"], told["kept"]) != (len(kept), sum(kept)) or counts != {sum(kept)}:
        yield "the counts of dataset.json are not those of decisions.parquet"
    if summary["name"] != dataset.name or summary["format"] != FORMAT:
        yield "dataset.json is another dataset's"
    if summary["lineage"] != {"faces": Pool(dataset.path("faces")).digest()}:
        yield "dataset.json was made from other faces"


def _verify_index(folder: str, summary: Mapping[str, Any]) -> Iterator[str]:
    url = storage.join(folder, "index.parquet")
    index = from_parquet(storage.read(url), INDEX_SCHEMA, url).to_pylist()
    named = {row["key"]: (row["shard"], row["offset"], row["size"]) for row in index}
    emptied = sum(row["key"] is None for row in index)
    if (len(index), emptied) != (summary["samples"] + emptied, summary.get("emptied", 0)):
        yield f"index.parquet has {len(index)} slots for {summary['samples']} samples"
    for file in summary["shards"]:
        for member in tars.members(storage.join(folder, file)):
            key, _, kind = member.name.partition(".")
            if kind == "jpg" and named.get(key) != (file, member.offset, member.size):
                yield f"index.parquet does not find {key} in {file}"


def _quality(dataset: Dataset) -> list[str]:
    """The reports on faces: ``quality``, and one for each further crop."""
    names = (name.partition(".")[0] for name in storage.list(dataset.url))
    return sorted({name for name in names if name.startswith("quality")})


def _verify_table(dataset: Dataset, stem: str) -> tuple[int, list[str]]:
    if not dataset.has(f"{stem}.json"):
        left = dataset.has(f"{stem}.html") and stem.startswith(_PAGES)
        return 0, [f"{stem}.json is missing"] if left else []
    try:
        info = read_info(dataset.path(f"{stem}.json"))
    except DamagedError as error:
        return 1, [str(error)]
    found = _verify_json(dataset.path(f"{stem}.json"))
    for name in sorted(n for n in info.inputs if n == "hashes" or n.startswith("faces")):
        with suppress(DamagedError):  # named already
            if info.inputs[name] != Pool(dataset.path(name)).digest():
                found.append(f"{stem}.json was made from other {name}")
    clusters = info.inputs.get("clusters.parquet")
    if clusters and clusters != _digest(dataset.path("clusters.parquet")):
        found.append(f"{stem}.json was made from other clusters")
    return len(info.outputs) + 1, found + _verify_outputs(dataset.url, info.outputs)


def _digest(url: str) -> str | None:
    return storage.digest(url) if storage.exists(url) else None


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
        state = counted(len(pool.stems()), "part") + (f", {behind} to do" if behind else "")
        stages.append(Stage(_relative(dataset, pool), state, pool.stats()))
    for stem in (*_quality(dataset), *(name for name in _TABLES if name not in _PAGES)):
        if dataset.has(f"{stem}.json"):
            stages.append(Stage(stem, "done", read_info(dataset.path(f"{stem}.json")).stats))
    if dataset.has("shards", "dataset.json"):
        summary = json.loads(storage.read(dataset.path("shards", "dataset.json")))
        state = counted(len(summary["shards"]), "shard")
        stages.append(Stage("shards", state, Stats.from_json(summary["stats"])))
    return stages


def _relative(dataset: Dataset, pool: Pool) -> str:
    return pool.url[len(dataset.url) :].lstrip("/")


# -- why -------------------------------------------------------------------------------------


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
            rows = (row for row in table.to_pylist() if _is_of(row["key"], key, photo))
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
