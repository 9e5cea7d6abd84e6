"""Parts without what is gone: rows, members of tars and vectors, each file once and only if needed.

Derived parts go first and the photos last: so a row that is still there says what else may be. Each
file is replaced whole and told in the part's JSON afterwards; doing it again changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from facecurate import storage, tars
from facecurate.erase.targets import Gone, member_of, photo_of
from facecurate.errors import DamagedError
from facecurate.faces.gates import photo_reason
from facecurate.pool import Pool, pools, sealed
from facecurate.records import FACE_SCHEMA, PHOTO_SCHEMA, to_parquet
from facecurate.stats import Stats
from facecurate.workspace import Dataset

Rows = list[dict[str, Any]]
MATCH_IOU = 0.5  # a given face is the one that is gone if their boxes overlap at least so much


def take_out(dataset: Dataset, gone: Gone, stems: Sequence[str], before: Mapping[str, str]) -> int:
    """Rewrites the parts of these names that hold something of what is gone; how many.

    ``stems``: those that ``affected`` found before anything was taken out. Where the last file was
    written and its JSON was not, no row tells any more. ``before``: digests before all this.
    """
    _clear_unfinished(dataset)
    found = sorted(pools(dataset.url), key=_order)
    jobs = [(pool, stem) for pool in found for stem in stems if stem in set(pool.stems())]
    return sum(_rewrite(dataset, pool, stem, gone, before) for pool, stem in jobs)


def _clear_unfinished(dataset: Dataset) -> None:
    """Files of parts that were never finished: nobody can say what is in them."""
    folders = [n for n in storage.list(dataset.url) if n.startswith(("photos", "faces", "hashes"))]
    urls = [dataset.path(name) for name in folders]
    urls += [dataset.path("embeddings", n) for n in storage.list(dataset.path("embeddings"))]
    for url in urls:
        finished = set(Pool(url).stems())
        for name in storage.list(url):
            if name[0].isdigit() and name.partition(".")[0] not in finished:
                storage.delete(storage.join(url, name))


def affected(dataset: Dataset, gone: Gone) -> list[str]:
    """The parts in which anything that is gone has a row, in photos or in what was made of them."""
    found = set()
    for pool in pools(dataset.url):
        column = {"photos": "photo_id"}.get(pool.name, "key")
        for stem in pool.stems():
            url = pool.file(stem, "parquet")
            if storage.exists(url) and any(map(gone.has, _column(url, column))):
                found.add(stem)
    return sorted(found)


def _column(url: str, name: str) -> list[str]:
    with storage.reading(url) as file:
        return list(pq.read_table(file, columns=[name])[name].to_pylist())


def _order(pool: Pool) -> tuple[int, str]:
    """Vectors, hashes, further crops, faces, photos."""
    return ("vectors", "hashes", "crops", "faces", "photos").index(_kind(pool)), pool.url


def _kind(pool: Pool) -> str:
    if pool.url.rstrip("/").rsplit("/", 2)[-2] == "embeddings":
        return "vectors"
    further = "crops" if pool.name.startswith("faces-") else "vectors"
    return pool.name if pool.name in ("photos", "faces", "hashes") else further


def _rewrite(
    dataset: Dataset, pool: Pool, stem: str, gone: Gone, before: Mapping[str, str]
) -> bool:
    url = pool.file(stem, "json")
    if _kind(pool) == "vectors" and _is_stale(dataset, pool, stem, before):
        pool.remove(stem)
        return True
    told = json.loads(storage.read(url))
    faces = Pool(dataset.path("faces"))
    for file in _tables_last(told["outputs"]):
        suffix = file.removeprefix(f"{stem}.")
        target = storage.join(pool.url, file)
        if suffix == "tar":
            without_members(target, gone)
        elif suffix == "npy":
            _without_vectors(target, faces, stem, gone)
        else:
            _without_rows(target, _drops(pool, suffix, gone))
    outputs = {file: storage.digest(storage.join(pool.url, file)) for file in told["outputs"]}
    if outputs == told["outputs"]:
        return False
    told |= {"outputs": outputs, "stats": _stats(dataset, pool, stem, gone).to_json()}
    storage.write_atomic(url, sealed(told))
    return True


def _is_stale(dataset: Dataset, pool: Pool, stem: str, before: Mapping[str, str]) -> bool:
    """Vectors of other faces than those that are here: nobody can say whose each one is.

    Of those that were here before, while the vectors' JSON does not yet tell of the new ones.
    """
    faces = Pool(dataset.path("faces"))
    if stem not in set(faces.stems()):
        return True
    now = faces.lineage(stem)
    then = {name: before.get(name, digest) for name, digest in now.items()}
    return pool.info(stem).inputs not in (then, now)


def _tables_last(files: Iterable[str]) -> list[str]:
    """The table of rows last: while it names what is gone, the other files may hold it."""
    return sorted(
        files, key=lambda file: (file.count(".") == 1 and file.endswith(".parquet"), file)
    )


# -- one file ----------------------------------------------------------------------------------


def without_members(url: str, gone: Gone) -> None:
    """A tar without the members of what is gone; all others keep their bytes and their order."""
    if not any(gone.has(member_of(member.name)) for member in tars.members(url)):
        return
    with storage.writing(url) as file:
        tar = tars.TarWriter(file)
        for name, data in tars.read_members(url):
            if not gone.has(member_of(name)):
                tar.add(name, data)
        tar.close()


def _without_rows(url: str, drops: Callable[[Rows], Iterator[bool]]) -> None:
    table = read_table(url)
    keep = [not drop for drop in drops(table.to_pylist())]
    if not all(keep):
        storage.write_atomic(url, to_parquet(table.filter(pa.array(keep, pa.bool_()))))


def read_table(url: str) -> pa.Table:
    """A table as it is, with columns that this version does not know. Raises DamagedError."""
    try:
        return pq.read_table(pa.BufferReader(storage.read(url)))
    except (pa.ArrowException, OSError) as error:
        raise DamagedError(f"{url} is damaged: {error}") from error


def _drops(pool: Pool, suffix: str, gone: Gone) -> Callable[[Rows], Iterator[bool]]:
    if suffix == "given.parquet":
        boxes = _boxes(gone)
        return lambda rows: (gone.has(r["photo_id"]) or _is_one(r, boxes) for r in rows)
    column = "photo_id" if pool.name == "photos" else "key"
    return lambda rows: (gone.has(r[column]) for r in rows)


def _boxes(gone: Gone) -> dict[str, list[tuple[float, ...]]]:
    """Where the single faces that are gone lie, by photo."""
    found: dict[str, list[tuple[float, ...]]] = {}
    for key, box in gone.boxes.items():
        if box:
            found.setdefault(photo_of(key), []).append(box)
    return found


def _is_one(row: dict[str, Any], boxes: dict[str, list[tuple[float, ...]]]) -> bool:
    box = row["box"]
    return box is not None and any(iou(box, b) >= MATCH_IOU for b in boxes.get(row["photo_id"], ()))


def iou(a: Iterable[float], b: Iterable[float]) -> float:
    """The overlap of two boxes, x0 y0 x1 y1: shared area over the area of both, 0 to 1."""
    (ax0, ay0, ax1, ay1), (bx0, by0, bx1, by1) = a, b
    shared = max(0.0, min(ax1, bx1) - max(ax0, bx0)) * max(0.0, min(ay1, by1) - max(ay0, by0))
    both = (ax1 - ax0) * (ay1 - ay0) + (bx1 - bx0) * (by1 - by0) - shared
    return shared / both if both > 0 else 0.0


def _without_vectors(url: str, faces: Pool, stem: str, gone: Gone) -> None:
    """Rows of the vectors go with the rows of the faces, which are rewritten after them."""
    keys = _column(faces.file(stem, "parquet"), "key")
    with storage.buffer(storage.read(url)) as file:
        vectors: NDArray[Any] = np.load(file, allow_pickle=False)
    keep = np.array([not gone.has(key) for key in keys], np.bool_)
    if keep.all() or len(vectors) != len(keys):  # done before it was interrupted
        return
    with storage.buffer() as file:
        np.save(file, vectors[keep], allow_pickle=False)
        storage.write_atomic(url, file.getvalue())


# -- what the part tells of itself -------------------------------------------------------------


def _stats(dataset: Dataset, pool: Pool, stem: str, gone: Gone) -> Stats:
    """The counts of what is left, as the step that made the part would count them."""
    if pool.name == "photos":
        return Stats.of("photos", (r["reason"] for r in _left(pool, stem, PHOTO_SCHEMA, gone)))
    if pool.name == "hashes":
        rows = read_table(pool.file(stem, "parquet")).select(["key", "level"]).to_pylist()
        return Stats.of("pictures", [None for r in rows if r["level"] != "inner"])
    if _kind(pool) == "vectors":
        faces = _left(Pool(dataset.path("faces")), stem, FACE_SCHEMA, gone)
        kept = (None if r["status"] == "ok" else "dropped_earlier" for r in faces)
        return Stats.of("faces", kept)
    rows = _left(pool, stem, FACE_SCHEMA, gone)
    found: dict[str, list[str | None]] = {}
    for row in _left(Pool(dataset.path("photos")), stem, PHOTO_SCHEMA, gone):
        if row["status"] == "ok":
            found[row["photo_id"]] = []
    for row in rows:
        found.setdefault(row["photo_id"], []).append(row["reason"])
    photos = Stats.of("photos", map(photo_reason, found.values()))
    return photos + Stats.of("faces", (row["reason"] for row in rows))


def _left(pool: Pool, stem: str, schema: pa.Schema, gone: Gone) -> Rows:
    column = "photo_id" if pool.name == "photos" else "key"
    names = list(dict.fromkeys([column, "photo_id", "status", "reason"]))
    rows = pool.table(stem, schema).select(names).to_pylist()
    return [row for row in rows if not gone.has(row[column])]
