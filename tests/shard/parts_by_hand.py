"""Datasets as ``import``, ``detect`` and ``dedupe`` leave them, without a picture being drawn."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image

from facecurate import tars
from facecurate.pool import PartWriter, Pool, digests_of, stem_of, write_part
from facecurate.records import (
    CLUSTER_SCHEMA,
    FACE_SCHEMA,
    HASH_SCHEMA,
    PHOTO_SCHEMA,
    to_table,
)
from facecurate.stats import Stats
from facecurate.workspace import Dataset

Row = dict[str, Any]


def crop(number: int) -> bytes:
    """A JPEG unlike that of every other number."""
    file = io.BytesIO()
    colour = number % 256, number // 256 % 256, 60
    Image.new("RGB", (48, 48), colour).save(file, "JPEG", quality=95)
    return file.getvalue()


def photo(name: str, number: int, **columns: Any) -> Row:
    """A photo's row."""
    data = hashlib.sha256(f"{name}/{number}".encode()).digest()
    told = {"photo_id": f"{name}-{number:016x}", "source": f"{number}.jpg", "sha256": data}
    return {**told, "origin": "collected", "status": "ok", **columns}


def face(photo: Mapping[str, Any], index: int = 0, **columns: Any) -> Row:
    """A face's row."""
    told = {"key": f"{photo['photo_id']}_{index:03d}", "photo_id": photo["photo_id"]}
    numbers = {"size": 80.0, "score": 0.9, "yaw": 20.0, "crop_size": 48, "crop": "box"}
    geometry = {"box": [1.0, 2.0, 30.0, 40.0], "matrix": [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]}
    return {**told, "face_index": index, **geometry, **numbers, "status": "ok", **columns}


def store(
    dataset: Dataset,
    photos: Sequence[Row],
    faces: Sequence[Row],
    *,
    part: int = 10,
    origin: str = "collected",
    source: str | None = None,
) -> Dataset:
    """``photos/`` and ``faces/`` in parts of so many photos."""
    settings: Row = {"origin": origin} | ({"source": source} if source else {})
    by_photo: dict[str, list[Row]] = {}
    for row in faces:
        by_photo.setdefault(row["photo_id"], []).append(row)
    for number, start in enumerate(range(0, len(photos), part)):
        stem, rows = stem_of(number), photos[start : start + part]
        _part(dataset.path("photos"), stem, rows, "photo_id", PHOTO_SCHEMA, settings, {})
        found = [face for row in rows for face in by_photo.get(row["photo_id"], [])]
        made_from = Pool(dataset.path("photos")).lineage(stem)
        _part(dataset.path("faces"), stem, found, "key", FACE_SCHEMA, {}, made_from)
    return dataset


def _part(
    folder: str, stem: str, rows: Sequence[Row], key: str, schema: Any, settings: Row, inputs: Row
) -> None:
    unit = {"photo_id": "photos", "key": "faces"}[key]
    with write_part(folder, stem, tool="made", settings=settings, inputs=inputs) as part:
        _write_tar(part, [row[key] for row in rows if row["status"] == "ok"])
        part.write_table(to_table(rows, schema))
        part.stats = Stats.of(unit, [row.get("reason") for row in rows])


def _write_tar(part: PartWriter, names: Sequence[str]) -> None:
    with part.file("tar") as file:
        tar = tars.TarWriter(file)
        for name in names:
            tar.add(f"{name}.jpg", crop(int(hashlib.sha256(name.encode()).hexdigest()[:4], 16)))
        tar.close()


def cluster(key: str, number: int, kept: str, level: str = "face") -> Row:
    """A row of ``clusters.parquet``."""
    return {"key": key, "level": level, "cluster": number, "keep": key == kept, "kept_key": kept}


def write_clusters(dataset: Dataset, rows: Sequence[Row]) -> None:
    """``clusters.parquet``, current."""
    pools = (Pool(dataset.path(name)) for name in ("photos", "faces", "hashes"))
    with write_part(
        dataset.url, "clusters", tool="dedupe", settings={}, inputs=digests_of(*pools)
    ) as part:
        part.write_table(to_table(rows, CLUSTER_SCHEMA))


def write_hashes(dataset: Dataset, stem: str, rows: Sequence[Row]) -> None:
    """One part of ``hashes/``."""
    inputs = {
        **Pool(dataset.path("photos")).lineage(stem),
        **Pool(dataset.path("faces")).lineage(stem),
    }
    with write_part(
        dataset.path("hashes"), stem, tool="dedupe", settings={}, inputs=inputs
    ) as part:
        part.write_table(to_table(rows, HASH_SCHEMA))


def plain(workspace: str, name: str, count: int, **options: Any) -> Dataset:
    """A dataset of ``count`` photos with a face each."""
    photos = [photo(name, n) for n in range(count)]
    return store(Dataset(workspace, name), photos, [face(row) for row in photos], **options)
