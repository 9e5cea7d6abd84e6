"""``dedupe``: which photos and which faces are the same picture, and which of them is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from facecurate import images, tars
from facecurate.errors import FacecurateError
from facecurate.pool import PartTask, Pool, digests_of, run_step, table_is_current, write_part
from facecurate.records import (
    CLUSTER_SCHEMA,
    FACE_SCHEMA,
    HASH_SCHEMA,
    PHOTO_SCHEMA,
    Hash,
    to_table,
)
from facecurate.similar.duplicates import Duplicates, Items, SamePicture, find_duplicates
from facecurate.similar.phash import hashes
from facecurate.similar.verify import CANDIDATE_BITS, FACE_VERIFIED_BITS, VERIFIED_BITS, HashTable
from facecurate.stats import Count, Stats
from facecurate.text import counted
from facecurate.workers import Progress, silent
from facecurate.workspace import Dataset

COINCIDE_IOU = 0.5  # faces of two copies of a photo are one face if their boxes overlap so much


def dedupe(
    dataset: Dataset,
    *,
    hash_distance: int = CANDIDATE_BITS,
    keep: str = "largest",
    workers: int = 0,
    redo: bool = False,
    progress: Progress = silent,
) -> Stats:
    """Hashes photos and faces, finds the copies and writes ``clusters.parquet``.

    ``hash_distance``: bits of the 64-bit hash within which two pictures are compared closely.
    Nothing is deleted: ``shard`` reads the table.
    """
    photos, faces = Pool(dataset.path("photos")), Pool(dataset.path("faces"))
    if not photos.stems():
        raise FacecurateError(f"{dataset.name} has no photos: 'facecurate import FOLDER'")
    with dataset.lock("dedupe") as taken_over:
        pool = Pool(dataset.path("hashes"))
        run_step(
            photos,
            pool,
            _HashPart(faces.url),
            tool="dedupe",
            settings={"hash": "phash64 phash256 2"},
            beside=[faces],
            workers=workers,
            redo=redo,
            progress=progress,
        )
        settings = {
            "hash_distance": hash_distance,
            "verified_distance": {"photo": VERIFIED_BITS, "face": FACE_VERIFIED_BITS},
            "keep": keep,
        }
        inputs = digests_of(photos, faces, pool)
        if table_is_current(dataset.url, "clusters", settings=settings, inputs=inputs, redo=redo):
            stats = Pool(dataset.url).info("clusters").stats.noted("clusters were up to date")
        else:
            stats = _write_clusters(dataset, pool, settings, inputs)
        return stats.noted(taken_over or "", "" if faces.stems() else "no faces yet: photos only")


# -- hashes ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _HashPart:
    """The part function, with the pool of faces beside the one of photos."""

    faces: str

    def __call__(self, task: PartTask, tick: Callable[[int], None]) -> None:
        with task.writer() as part:
            rows = list(_hash_rows("photo", Pool(task.source), task.name, tick))
            faces = Pool(self.faces)
            if f"faces/{task.name}.tar" in task.inputs:
                rows += _hash_rows("face", faces, task.name, lambda n: None)
            part.write_table(to_table(rows, HASH_SCHEMA))
            part.stats = Stats.of("pictures", [None] * len(rows))


def _hash_rows(level: str, pool: Pool, stem: str, tick: Callable[[int], None]) -> Iterator[Hash]:
    """Hashes of every stored picture of a part; null ones for pictures without structure."""
    for name, data in tars.read_members(pool.file(stem, "tar")):
        key = name.split(".", 1)[0]
        found = hashes(images.decode(data).pixels)
        yield (
            Hash(
                key,
                level,
                found.phash64,
                found.phash64_mirror,
                found.phash256,
                found.phash256_mirror,
            )
            if found.informative
            else Hash(key, level)
        )
        tick(1)


# -- clusters --------------------------------------------------------------------------------


def _write_clusters(
    dataset: Dataset, pool: Pool, settings: Mapping[str, Any], inputs: Mapping[str, str]
) -> Stats:
    table = pool.tables(HASH_SCHEMA).to_pylist()
    by_level = {level: {r["key"]: r for r in table if r["level"] == level} for level in _LEVELS}
    options = {"keep": settings["keep"], "candidate_bits": settings["hash_distance"]}
    photos = _rows(dataset, "photos", PHOTO_SCHEMA, "photo_id")
    faces = _rows(dataset, "faces", FACE_SCHEMA, "key")
    photo_result = find_duplicates(_photo_items(photos, by_level["photo"]), **options)
    coinciding = list(_coinciding(photo_result, photos, faces))
    face_result = find_duplicates(
        _face_items(faces, by_level["face"]),
        verified_bits=FACE_VERIFIED_BITS,
        also=coinciding,
        **options,
    )
    stats = Stats()
    with write_part(
        dataset.url, "clusters", tool="dedupe", settings=settings, inputs=inputs
    ) as part:
        rows = [
            {"level": level, **{name: getattr(row, name) for name in _CLUSTER_COLUMNS}}
            for level, result in (("photo", photo_result), ("face", face_result))
            for row in result.rows
        ]
        part.write_table(to_table(rows, CLUSTER_SCHEMA))
        stats += _counted("photos", len(photos), photo_result)
        stats += _counted("faces", len(faces), face_result)
        part.stats = Stats(stats.counts)
    return stats


_LEVELS = ("photo", "face")
_CLUSTER_COLUMNS = ("key", "cluster", "keep", "kept_key", "method", "mirrored", "distance")


def _counted(unit: str, total: int, result: Duplicates) -> Stats:
    copies = sum(not row.keep for row in result.rows)
    dropped = {"duplicate": copies} if copies else {}
    stats = Stats({unit: Count(total, total - copies, dropped)})
    if not copies:
        return stats
    clusters = len({row.cluster for row in result.rows})
    bound = {f"false_{unit}_edges_at_most": result.false_edges_at_most}  # 95 %, by its rate
    return stats.noted(f"{counted(clusters, 'cluster')} of {unit}").with_facts(**bound)


def _rows(dataset: Dataset, name: str, schema: Any, key: str) -> dict[str, dict[str, Any]]:
    """The ok rows of a pool, by key, in the order of the parts."""
    table = Pool(dataset.path(name)).tables(schema).to_pylist()
    return {row[key]: row for row in table if row["status"] == "ok"}


def _photo_items(
    rows: Mapping[str, Mapping[str, Any]], found: Mapping[str, Mapping[str, Any]]
) -> Items:
    return Items(
        keys=list(rows),
        sha256=[row["sha256"] for row in rows.values()],
        hashes=_hash_table(rows, found),
        size=np.array([row["width"] * row["height"] for row in rows.values()], np.float64),
        sharpness=np.full(len(rows), np.nan),
    )


def _face_items(
    rows: Mapping[str, Mapping[str, Any]], found: Mapping[str, Mapping[str, Any]]
) -> Items:
    return Items(
        keys=list(rows),
        sha256=[None] * len(rows),
        hashes=_hash_table(rows, found),
        size=np.array([row["size"] for row in rows.values()], np.float64),
        sharpness=np.array([row["sharpness"] for row in rows.values()], np.float64),
    )


def _hash_table(rows: Mapping[str, Any], found: Mapping[str, Mapping[str, Any]]) -> HashTable:
    names = HASH_SCHEMA.names[2:]
    columns = [[found[key][name] for key in rows] for name in names]
    return HashTable.of(*columns)


def _coinciding(
    result: Duplicates,
    photos: Mapping[str, Mapping[str, Any]],
    faces: Mapping[str, Mapping[str, Any]],
) -> Iterator[SamePicture]:
    """Faces that lie in the same place of two copies of one photo.

    Copies that whole-photo hashes find are rescaled, re-encoded or mirrored, so registration is a
    scale a side, and a flip. A face without a partner stays as it is.
    """
    by_photo: dict[str, list[Mapping[str, Any]]] = {}
    for face in faces.values():
        by_photo.setdefault(face["photo_id"], []).append(face)
    for row in result.rows:
        if row.keep:
            continue
        here, there = photos[row.key], photos[row.kept_key]
        kept = by_photo.get(row.kept_key, [])
        for face in by_photo.get(row.key, []):
            box = _moved(face["box"], here, there, row.mirrored)
            for other in kept:
                if _iou(box, other["box"]) >= COINCIDE_IOU:
                    yield SamePicture(face["key"], other["key"], row.mirrored, row.distance)


def _moved(
    box: Sequence[float], here: Mapping[str, Any], there: Mapping[str, Any], mirrored: bool
) -> list[float]:
    """A box of one photo in the pixels of its copy: continuous frame, so (x + .5) scales."""
    x0, y0, x1, y1 = (value + 0.5 for value in box)
    if mirrored:
        x0, x1 = here["width"] - x1, here["width"] - x0
    sx, sy = there["width"] / here["width"], there["height"] / here["height"]
    return [x0 * sx - 0.5, y0 * sy - 0.5, x1 * sx - 0.5, y1 * sy - 0.5]


def _iou(a: Sequence[float], b: Sequence[float]) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return shared / (areas - shared)
