"""Copies of what is named, in all datasets: by bytes, by cluster and edge, by perceptual hash."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from facecurate import images, storage, tars
from facecurate.copies.clusters import read_edges
from facecurate.copies.hashing import hashes_of
from facecurate.erase.spools import spools
from facecurate.erase.targets import member_of, photo_of
from facecurate.pool import Pool
from facecurate.records import CLUSTER_SCHEMA, HASH_SCHEMA
from facecurate.similar import hamming
from facecurate.similar.verify import FACE_VERIFIED_BITS, VERIFIED_BITS, HashTable
from facecurate.takedown import known
from facecurate.takedown.found import Found, Match, Request
from facecurate.workers import Progress
from facecurate.workspace import Dataset

Names = list[tuple[str, str]]  # dataset and key


class Looks(NamedTuple):
    """The usable hashes of N pictures and whose they are."""

    names: Names
    hashes: HashTable


def add(places: Sequence[Dataset], found: Found, request: Request, progress: Progress) -> None:
    """Adds to what is named the pictures asked by, and unless ``request.only`` all copies."""
    if request.only and not (found.pictures or request.remember):
        return
    seeds, faces = set(found.photos), set(found.faces)
    if not request.only:
        for place in places:
            _add_clusters(place, found, seeds, faces)
    _add_exact(places, found, seeds, named=not request.only)
    looks = []
    for done, place in enumerate(places):
        progress(len(places) + done, 3 * len(places))
        looks.append(_photo_looks(place))
    _add_alike(_joined(looks), found, seeds, request, VERIFIED_BITS)
    if faces and not request.only:
        _add_alike_faces(_joined([_face_looks(place) for place in places]), found, faces)
    progress(3 * len(places), 3 * len(places))


# -- clusters and edges ------------------------------------------------------------------------


def _add_clusters(
    place: Dataset, found: Found, seeds: set[tuple[str, str]], faces: set[tuple[str, str]]
) -> None:
    """Who shares a cluster or a verified edge with a named photo, a face of it, or a named face."""
    photos = {key for name, key in seeds if name == place.name}
    single = {key for name, key in faces if name == place.name}
    for level, keys in _groups(place):
        whole = next((key for key in keys if photo_of(key) in photos), None)
        face = next((key for key in keys if key in single), None)
        for other in keys if whole else ():
            of = photo_of(str(whole))
            found.add_photo(_match(place.name, photo_of(other), "cluster", of))
        for other in keys if face and level == "face" else ():
            found.add_face(_match(place.name, other, "cluster", str(face)))


def _groups(place: Dataset) -> Iterator[tuple[str, list[str]]]:
    """Level and keys of every cluster, and of the two ends of every verified edge."""
    if place.has("clusters.parquet"):
        table = Pool(place.url).table("clusters", CLUSTER_SCHEMA)
        members: dict[tuple[str, int], list[str]] = {}
        for row in table.select(["level", "cluster", "key"]).to_pylist():
            members.setdefault((row["level"], row["cluster"]), []).append(row["key"])
        yield from ((level, keys) for (level, _), keys in members.items())
    for level, edges in (read_edges(place) or {}).items():
        for row in edges.select(["key", "other", "verified"]).to_pylist():
            if row["verified"] != "refused":
                yield level, [row["key"], row["other"]]


# -- bytes -------------------------------------------------------------------------------------


def _add_exact(
    places: Sequence[Dataset], found: Found, seeds: set[tuple[str, str]], *, named: bool
) -> None:
    """Photos with the bytes of a picture asked by or, if ``named``, of a named photo."""
    of = {picture.sha256: picture.name for picture in found.pictures}
    for match in [found.photos[seed] for seed in seeds] if named else ():
        if match.row and match.row["sha256"]:
            of.setdefault(match.row["sha256"], match.key)
    if not of:
        return
    asked = Request(sha256=frozenset(digest.hex() for digest in of))
    for place in places:
        for row in known.named_rows(place, asked):
            match = _match(place.name, row["photo_id"], "exact", of[row["sha256"]], row=row)
            found.add_photo(match)


# -- how they look -----------------------------------------------------------------------------


def _photo_looks(place: Dataset) -> Looks:
    """Of every stored photo, from ``hashes/`` where that is current, else from the photo itself."""
    photos, pool = Pool(place.path("photos")), Pool(place.path("hashes"))
    hashed = set(pool.stems())
    rows: list[dict[str, Any]] = []
    for stem in photos.stems():
        if stem in hashed and photos.lineage(stem).items() <= pool.info(stem).inputs.items():
            rows += _rows(pool, stem, "photo")
        else:
            members = tars.read_members(photos.file(stem, "tar"))
            rows += (_row(member_of(name), data) for name, data in members)
    for folder in spools(place):
        for name in storage.list(folder):
            if not name.endswith((".jsonl", ".json")):
                rows.append(_row(member_of(name), storage.read(storage.join(folder, name))))
    return _looks(place, rows)


def _row(key: str, data: bytes) -> dict[str, Any]:
    try:
        hashes = hashes_of(data)
    except images.ImageRejectedError:
        return {"key": key, **dict.fromkeys(HASH_SCHEMA.names[2:])}
    if not hashes.informative:
        return {"key": key, **dict.fromkeys(HASH_SCHEMA.names[2:])}
    return {"key": key, **{name: getattr(hashes, name) for name in HASH_SCHEMA.names[2:]}}


def _face_looks(place: Dataset) -> Looks:
    pool = Pool(place.path("hashes"))
    return _looks(place, [row for stem in pool.stems() for row in _rows(pool, stem, "face")])


def _rows(pool: Pool, stem: str, level: str) -> list[dict[str, Any]]:
    table = pool.table(stem, HASH_SCHEMA)
    chosen = pc.equal(table["level"], level)
    return list(table.filter(chosen).select(["key", *HASH_SCHEMA.names[2:]]).to_pylist())


def _looks(place: Dataset, rows: Iterable[dict[str, Any]]) -> Looks:
    usable = [row for row in rows if row["phash256"] is not None]
    columns = [[row[name] for row in usable] for name in HASH_SCHEMA.names[2:]]
    return Looks([(place.name, row["key"]) for row in usable], HashTable.of(*columns))


def _joined(parts: Sequence[Looks]) -> Looks:
    tables = [looks.hashes for looks in parts]
    columns = [
        np.concatenate([getattr(table, name) for table in tables])
        for name in ("phash64", "phash64_mirror", "phash256", "phash256_mirror", "informative")
    ]
    return Looks([name for looks in parts for name in looks.names], HashTable(*columns))


def _add_alike(
    looks: Looks, found: Found, seeds: set[tuple[str, str]], request: Request, limit: int
) -> None:
    rows = [i for i, name in enumerate(looks.names) if name in seeds]
    found.looks = {looks.names[i][1]: looks.hashes.phash256[i].tobytes() for i in rows}
    asked = [p for p in found.pictures if p.hashes.informative]
    told = HashTable.of(*([getattr(p.hashes, n) for p in asked] for n in HASH_SCHEMA.names[2:]))
    names = [("", picture.name) for picture in asked]
    if not request.only:
        mine = looks.hashes.take(np.array(rows, np.int64))
        names += [looks.names[i] for i in rows]
        told = _joined([Looks([], told), Looks([], mine)]).hashes
    for seed, other, distance, mirrored in _near(told, looks.hashes, limit):
        how: dict[str, Any] = {"distance": distance, "mirrored": mirrored}
        found.add_photo(_match(*looks.names[other], "alike", names[seed][1], **how))


def _add_alike_faces(looks: Looks, found: Found, faces: set[tuple[str, str]]) -> None:
    rows = [i for i, name in enumerate(looks.names) if name in faces]
    mine = looks.hashes.take(np.array(rows, np.int64))
    for seed, other, distance, mirrored in _near(mine, looks.hashes, FACE_VERIFIED_BITS):
        of = looks.names[rows[seed]][1]
        how: dict[str, Any] = {"distance": distance, "mirrored": mirrored}
        found.add_face(_match(*looks.names[other], "alike", of, **how))


def _match(place: str, key: str, why: str, of: str, **more: Any) -> Match:
    return Match(dataset=place, key=key, why=why, of=of, **more)


def _near(seeds: HashTable, every: HashTable, limit: int) -> Iterator[tuple[int, int, int, bool]]:
    """Rows of seeds and of all within ``limit`` bits of 256, upright first, then mirrored."""
    for one, other, mirrored in (
        (seeds.phash256, every.phash256, False),
        (seeds.phash256_mirror, every.phash256, True),
        (seeds.phash256, every.phash256_mirror, True),
    ):
        pairs = hamming.join(_array(one), _array(other), limit)
        for i, j, distance in zip(*(column.tolist() for column in pairs), strict=True):
            yield i, j, distance, mirrored


def _array(hashes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(hashes)
