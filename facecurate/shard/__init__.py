"""``shard``: the faces that are kept, as plain WebDataset tars in one seeded global order."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from facecurate import storage, tars
from facecurate.cards import facts_of, tally_of, write_cards
from facecurate.copies.certificate import read_certificate
from facecurate.errors import DamagedError, FacecurateError, UsageError
from facecurate.pool import (
    Pool,
    Room,
    check_settings,
    digests_of,
    read_info,
    write_part,
)
from facecurate.records import (
    CLUSTER_SCHEMA,
    DECISION_SCHEMA,
    FACE_SCHEMA,
    INDEX_SCHEMA,
    LABEL_COLUMNS,
    OVERLAP_SCHEMA,
    PHOTO_SCHEMA,
    SUBSET_SCHEMA,
    from_parquet,
    to_parquet,
    to_table,
)
from facecurate.stats import Stats
from facecurate.text import counted
from facecurate.workers import Progress, Task, map_tasks, silent
from facecurate.workspace import Dataset, tombstones

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9}
_FACE_COLUMNS = [n for n in FACE_SCHEMA.names if n not in ("status", "reason")]
_PHOTO_COLUMNS = ["split", "subject", "license", "author", "page_url", "origin"]
_MEMBER_OVERHEAD = 2048  # two headers and the padding of two members, at most


def shard(
    dataset: Dataset,
    *,
    shard_size: str = "512MB",
    subset: str | None = None,
    seed: int = 0,
    workers: int = 0,
    redo: bool = False,
    progress: Progress = silent,
) -> Stats:
    """Writes ``shards/`` from the kept faces and says of each face why it is in or out.

    Raises FacecurateError when an earlier step is stale or missing, SettingsError when the shards
    were written with other settings.
    """
    with dataset.lock("shard") as taken_over:
        folder = dataset.path("shards")
        faces = Pool(dataset.path("faces"))
        if not faces.stems():
            raise FacecurateError(
                f"{dataset.name} has no faces yet: 'facecurate detect {dataset.name}'"
            )
        ledger = Ledger.read(dataset, subset)
        kept = [row for row in ledger.rows if ledger.reason(row) is None]
        settings = {
            "shard_size": _bytes(shard_size),
            "seed": seed,
            "subset": _digest_of(subset),
            "compression": "none",
        }
        if redo:  # only now: what cannot be made again stays
            storage.delete(folder)
        storage.sweep(folder)
        _check(folder, settings)
        tasks = plan_shards(folder, faces, kept, settings)
        _remove_others(folder, {task.name for task in tasks})
        missing = [task for task in tasks if not _current(task)]
        if missing:  # until they are written, both would speak of other tars
            storage.delete(storage.join(folder, "dataset.json"))
            storage.delete(storage.join(folder, "index.parquet"))
        room = Room(folder, len(missing))
        map_tasks(
            write_shard,
            missing,
            workers=workers,
            in_process=not storage.is_shared(folder),
            total=sum(len(task.rows) for task in missing),
            progress=progress,
            finished=lambda task: room.check(Pool(folder), task.name),
        )
        stats = _finish(dataset, folder, ledger, tasks, settings)
        return stats.noted(taken_over or "", *ledger.remarks)


def _bytes(text: str) -> int:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMG]?B?)", text.strip().upper())
    if not match or match[2] not in _UNITS:
        raise UsageError(f"--shard-size {text} is no size: write 512MB, 1GB or a number of bytes")
    size = int(float(match[1]) * _UNITS[match[2]])
    if size < 4096:
        raise UsageError(f"--shard-size {text} holds no face: give at least 4KB")
    return size


def _digest_of(url: str | None) -> str | None:
    return storage.digest(url) if url else None


# -- the ledger: why a face is in or out -----------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ledger:
    """Every face row with what the earlier steps decided about it."""

    rows: list[dict[str, Any]]
    dropped: Mapping[str, tuple[str, str, str | None]]  # key -> step, reason, reference
    remarks: tuple[str, ...]
    steps: Mapping[str, str]

    @staticmethod
    def read(dataset: Dataset, subset: str | None) -> Ledger:
        """Reads faces, clusters, overlaps, tombstones and the subset list."""
        rows = _face_rows(dataset)
        dropped: dict[str, tuple[str, str, str | None]] = {}
        remarks, steps = [], {}
        for step, read in (("dedupe", _duplicates), ("decontaminate", _overlaps)):
            decisions, remark = read(dataset)
            decisions = _through_copies(dropped, decisions)
            dropped |= {k: v for k, v in decisions.items() if k not in dropped}
            remarks += [remark] if remark else []
            steps[step] = remark or "done"
        dropped |= {k: v for k, v in _tombstoned(dataset, rows).items() if k not in dropped}
        if subset:
            listed = _subset_keys(subset)
            unknown = len(listed.difference(row["key"] for row in rows))
            if unknown == len(listed):
                raise FacecurateError(f"no key of {subset} is a face of {dataset.name}")
            if unknown:
                remarks.append(f"{unknown:,} keys of {storage.name(subset)} are not here")
            unlisted = (r["key"] for r in rows if r["key"] not in listed)
            dropped |= {k: ("shard", "not_in_subset", None) for k in unlisted if k not in dropped}
        return Ledger(rows, dropped, tuple(remarks), steps)

    def reason(self, row: Mapping[str, Any]) -> str | None:
        """Why the face is left out; None if it is in."""
        if row["status"] != "ok":
            return "dropped_earlier"
        decision = self.dropped.get(row["key"])
        return decision[1] if decision else None

    def decisions(self) -> Iterator[dict[str, Any]]:
        """One row a face for ``decisions.parquet``."""
        for row in self.rows:
            if row["status"] != "ok":
                yield _decision(row["key"], "detect", row["reason"], None)
            elif row["key"] in self.dropped:
                yield _decision(row["key"], *self.dropped[row["key"]])
            else:
                yield {"key": row["key"], "kept": True, "step": None, "reason": None, "ref": None}


def _decision(key: str, step: str, reason: str, ref: str | None) -> dict[str, Any]:
    return {"key": key, "kept": False, "step": step, "reason": reason, "ref": ref}


def _face_rows(dataset: Dataset) -> list[dict[str, Any]]:
    """Face rows joined with what is told of their photos."""
    photos = Pool(dataset.path("photos"))
    faces = Pool(dataset.path("faces"))
    rows = []
    present = set(photos.stems())
    behind = present.difference(faces.stems())
    if behind:
        raise FacecurateError(
            f"{len(behind)} parts of photos have no faces yet: 'facecurate detect {dataset.name}'"
        )
    for stem in faces.stems():
        if faces.info(stem).inputs != (photos.lineage(stem) if stem in present else {}):
            raise FacecurateError(
                f"faces/{stem} is older than its photos: 'facecurate detect {dataset.name}'"
            )
        table = photos.table(stem, PHOTO_SCHEMA)
        about = {r["photo_id"]: r for r in table.select(["photo_id", *_PHOTO_COLUMNS]).to_pylist()}
        for row in faces.table(stem, FACE_SCHEMA).to_pylist():
            photo = about[row["photo_id"]]
            rows.append({**row, **{c: photo[c] for c in _PHOTO_COLUMNS}, "part": stem})
    return rows


_Decisions = dict[str, tuple[str, str, str | None]]


def _duplicates(dataset: Dataset) -> tuple[_Decisions, str | None]:
    if not dataset.has("clusters.json"):
        return {}, "not deduplicated ('facecurate dedupe')"
    _check_age(dataset, "clusters", "dedupe")
    url = dataset.path("clusters.parquet")
    table = from_parquet(storage.read(url), CLUSTER_SCHEMA, url)
    return {
        row["key"]: ("dedupe", "duplicate", row["kept_key"])
        for row in table.to_pylist()
        if row["level"] == "face" and not row["keep"]
    }, None


def _overlaps(dataset: Dataset) -> tuple[_Decisions, str | None]:
    if not dataset.has("overlaps.parquet"):
        return {}, "not compared with evaluation sets"
    if dataset.has("overlaps.json"):
        _check_age(dataset, "overlaps", "decontaminate")
    url = dataset.path("overlaps.parquet")
    table = from_parquet(storage.read(url), OVERLAP_SCHEMA, url)
    return {
        row["key"]: ("decontaminate", "overlap", f"{row['dataset']}:{row['other_key']}")
        for row in table.to_pylist()
        if row["drop"]
    }, None


def _check_age(dataset: Dataset, table: str, command: str) -> None:
    """Raises FacecurateError for a table that was made of other photos, faces or hashes."""
    made = read_info(dataset.path(f"{table}.json")).inputs
    now = digests_of(*(Pool(dataset.path(name)) for name in ("photos", "faces", "hashes")))
    if any(made.get(name) != digest for name, digest in now.items()):
        raise FacecurateError(
            f"{table}.parquet is older than the faces: 'facecurate {command} {dataset.name}'"
        )


def _through_copies(duplicates: _Decisions, overlaps: _Decisions) -> _Decisions:
    """Kept faces, too, whose copy equals a picture of an evaluation set."""
    kept = {ref: overlaps[k] for k, (_, _, ref) in duplicates.items() if ref and k in overlaps}
    return kept | overlaps


def _tombstoned(dataset: Dataset, rows: Sequence[Mapping[str, Any]]) -> _Decisions:
    gone = tombstones(dataset.workspace)
    if not gone:
        return {}

    def is_gone(row: Mapping[str, Any]) -> bool:
        marks = (("photo", row["photo_id"]), ("face", row["key"]))
        return any((kind, hashlib.sha256(i.encode()).digest()) in gone for kind, i in marks)

    return {r["key"]: ("takedown", "tombstoned", None) for r in rows if is_gone(r)}


def _subset_keys(url: str) -> frozenset[str]:
    """The keys of a list: Parquet with a column ``key``, or text with one key a line."""
    if url.endswith(".parquet"):
        return frozenset(from_parquet(storage.read(url), SUBSET_SCHEMA, url)["key"].to_pylist())
    return frozenset(line.strip() for line in storage.text_lines(url) if line.strip())


# -- the plan and the tars -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ShardTask(Task):
    """One tar to be written."""

    folder: str
    faces: str  # url of the pool that holds the crops
    rows: tuple[Mapping[str, Any], ...]
    settings: Mapping[str, Any]
    inputs: Mapping[str, str]


def plan_shards(
    folder: str, faces: Pool, kept: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]
) -> list[ShardTask]:
    """Cuts the seeded order of all kept faces into tars of at most ``shard_size`` bytes."""
    sizes = {s: tars.index(faces.file(s, "tar")) for s in {row["part"] for row in kept}}
    lineage = {stem: faces.info(stem).outputs[f"{stem}.tar"] for stem in sizes}
    order = sorted(kept, key=lambda row: _place(settings["seed"], row["key"]))
    tasks: list[ShardTask] = []
    for rows in _cut(order, sizes, settings["shard_size"]):
        told = hashlib.sha256(b"\n".join(_metadata(row) for row in rows)).hexdigest()
        parts = sorted({row["part"] for row in rows})
        inputs = {f"faces/{stem}.tar": lineage[stem] for stem in parts} | {"rows": told}
        name = f"train-{len(tasks):06d}"
        tasks.append(ShardTask(name, folder, faces.url, tuple(rows), settings, inputs))
    return tasks


def _place(seed: int, key: str) -> bytes:
    """A hash order: what comes first does not depend on what else is there."""
    return hashlib.sha256(f"{seed}/{key}".encode()).digest()


def _cut(
    order: Sequence[Mapping[str, Any]], sizes: Mapping[str, Mapping[str, tars.Member]], limit: int
) -> Iterator[list[Mapping[str, Any]]]:
    rows: list[Mapping[str, Any]] = []
    used = 0
    for row in order:
        member = sizes[row["part"]].get(f"{row['key']}.jpg")
        if member is None:
            raise DamagedError(f"faces/{row['part']}.tar lacks {row['key']}: 'facecurate verify'")
        size = member.size + len(_metadata(row)) + _MEMBER_OVERHEAD
        if rows and used + size > limit:
            yield rows
            rows, used = [], 0
        rows.append(row)
        used += size
    if rows:
        yield rows


def _metadata(row: Mapping[str, Any]) -> bytes:
    """``KEY.json``: the face row, its labels, and what must be said of the photo."""
    told = {c: row[c] for c in (*_FACE_COLUMNS, *_PHOTO_COLUMNS)}
    told = {c: v for c, v in told.items() if v is not None or c not in LABEL_COLUMNS}
    return json.dumps(_plain(told), ensure_ascii=True, separators=(",", ":")).encode()


def _plain(value: Any) -> Any:
    """NaN is no JSON: unknown numbers become null."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return None if isinstance(value, float) and value != value else value


def _current(task: ShardTask) -> bool:
    url = storage.join(task.folder, f"{task.name}.json")
    if not storage.exists(url):
        return False
    info = read_info(url)
    present = storage.exists(storage.join(task.folder, f"{task.name}.tar"))
    return present and info.inputs == task.inputs and dict(info.settings) == dict(task.settings)


def _check(folder: str, settings: Mapping[str, Any]) -> None:
    url = storage.join(folder, "dataset.json")
    if storage.exists(url):
        check_settings(json.loads(storage.read(url))["settings"], settings, "shards")


def _remove_others(folder: str, names: set[str]) -> None:
    for file in storage.list(folder):
        if file.startswith("train-") and file.split(".", 1)[0] not in names:
            storage.delete(storage.join(folder, file))


def write_shard(task: ShardTask, tick: Callable[[int], None]) -> None:
    """Copies the crops of one tar, byte for byte, each followed by its JSON."""
    faces = Pool(task.faces)
    parts = {row["part"] for row in task.rows}
    crops = {stem: tars.index(faces.file(stem, "tar")) for stem in parts}
    writer = write_part(
        task.folder, task.name, tool="shard", settings=task.settings, inputs=task.inputs
    )
    with writer as part:
        with part.file("tar") as file:
            tar = tars.TarWriter(file)
            for row in task.rows:
                member = crops[row["part"]][f"{row['key']}.jpg"]
                data = storage.read(faces.file(row["part"], "tar"), member.offset, member.size)
                tar.add(member.name, data)
                tar.add(f"{row['key']}.json", _metadata(row))
                tick(1)
            tar.close()
        part.stats = Stats.of("faces", [None] * len(task.rows))
        part.result = tally_of(task.rows)


# -- index, ledger and cards -----------------------------------------------------------------


def _finish(
    dataset: Dataset,
    folder: str,
    ledger: Ledger,
    tasks: Sequence[ShardTask],
    settings: Mapping[str, Any],
) -> Stats:
    files = [f"{t.name}.tar" for t in tasks]
    outputs = {
        "index.parquet": to_parquet(build_index(folder, files)),
        "decisions.parquet": to_parquet(to_table(ledger.decisions(), DECISION_SCHEMA)),
    }
    for file, data in outputs.items():
        storage.write_atomic(storage.join(folder, file), data)
    told = {
        "name": dataset.name,
        "settings": settings,
        "steps": ledger.steps,
        "lineage": {"faces": Pool(dataset.path("faces")).digest()},
        "decontaminated": read_certificate(dataset),
    }
    facts = facts_of(folder, told)
    write_cards(folder, facts)
    stats = Stats.from_json(facts["stats"])
    return stats.noted(counted(len(files), "shard")).with_facts(
        shards=len(files), samples=facts["samples"]
    )


def build_index(folder: str, files: Sequence[str]) -> pa.Table:
    """``index.parquet`` from the tars' headers: where each face's picture and JSON lie."""
    rows = []
    for file in files:
        found = tars.index(storage.join(folder, file))
        for name, picture in found.items():
            if not name.endswith(".jpg"):
                continue
            key = name[:-4]
            told = found[f"{key}.json"]
            rows.append((key, file, picture.offset, picture.size, told.offset, told.size))
    columns = zip(*rows, strict=True) if rows else [[]] * len(INDEX_SCHEMA)
    arrays = [pa.array(list(c), f.type) for c, f in zip(columns, INDEX_SCHEMA, strict=True)]
    return pa.Table.from_arrays(arrays, schema=INDEX_SCHEMA)
