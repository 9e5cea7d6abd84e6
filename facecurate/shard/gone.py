"""Faces that a tombstone names: by their own key, by anything of their photo, or by its looks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from facecurate import storage
from facecurate.erase.parts import MATCH_IOU, iou
from facecurate.pool import Pool
from facecurate.records import (
    FACE_SCHEMA,
    HASH_SCHEMA,
    PHOTO_SCHEMA,
    TOMBSTONE_SCHEMA,
    from_parquet,
)
from facecurate.shard.sources import Source, column_of
from facecurate.similar.verify import FACE_VERIFIED_BITS, VERIFIED_BITS
from facecurate.stones import Stones, stone, stones_of
from facecurate.workspace import buried_faces

_NAMED = ["photo_id", "owner", "url", "page_url", "sha256"]
_BITS = {"photo": VERIFIED_BITS, "face": FACE_VERIFIED_BITS}
_CHUNK = 4096


def tombstoned(source: Source) -> list[str]:
    """The keys of the source's faces that were taken down from the workspace.

    Kinds: photo, owner, url, sha256 (each takes all faces of the photo), face, and pictures that
    are remembered by their 256-bit hash, upright or mirrored, as close as verified copies are.
    """
    url = storage.join(source.dataset.workspace, "tombstones.parquet")
    if not storage.exists(url):
        return []
    table = from_parquet(storage.read(url), TOMBSTONE_SCHEMA, url)
    stones = frozenset(zip(table["kind"].to_pylist(), table["id_sha256"].to_pylist(), strict=True))
    faces = buried_faces(source.dataset.workspace)
    looks = [value for value in table["phash256"].to_pylist() if value is not None]
    photos = {p for stem in source.photos.stems() for p in _photos(source, stem, stones)}
    named = _like(source, looks) if looks else set()
    found = []
    for stem in source.faces.stems():
        rows = source.faces.table(stem, FACE_SCHEMA).select(["key", "photo_id", "box"])
        for key, photo, box in zip(*(rows[c].to_pylist() for c in rows.column_names), strict=True):
            by_name = photo in photos or photo in named or key in named
            if by_name or _is_buried(key, box, faces):
                found.append(key)
    return found


def _is_buried(
    key: str, box: Sequence[float] | None, faces: Mapping[bytes, Sequence[float] | None]
) -> bool:
    """Whether a face has a tombstone of its own; of another detector its place says which it is."""
    digest = stone("face", key)[1]
    place = faces.get(digest)
    if digest not in faces or place is None or box is None:
        return digest in faces
    return iou(box, place) >= MATCH_IOU


def _photos(source: Source, stem: str, stones: Stones) -> Iterable[str]:
    """Photos of a part that have a tombstone, by id, owner, address or bytes."""
    rows: Sequence[Mapping[str, Any]]
    rows = source.photos.table(stem, PHOTO_SCHEMA).select(_NAMED).to_pylist()
    for row in rows:
        urls = row["url"], row["page_url"]
        marks = stones_of(row["photo_id"], row["owner"], urls, row["sha256"])
        if not stones.isdisjoint(marks):
            yield row["photo_id"]


def _like(source: Source, looks: Sequence[bytes]) -> set[str]:
    """Photos and faces whose hash is that of a picture that was taken down, or nearly."""
    pool = Pool(source.dataset.path("hashes"))
    wanted = np.frombuffer(b"".join(looks), np.uint8).reshape(len(looks), 32)
    found: set[str] = set()
    for stem in pool.stems():
        table = pool.table(stem, HASH_SCHEMA)
        for level, bits in _BITS.items():
            rows = table.filter(
                pc.and_(pc.equal(table["level"], level), pc.is_valid(table["phash256"]))
            )
            hit = np.zeros(len(rows), np.bool_)
            for column in ("phash256", "phash256_mirror"):
                hit |= _near(_hashes(rows, column), wanted, bits)
            found.update(rows.filter(pa.array(hit))["key"].to_pylist())
    return found


def _hashes(rows: pa.Table, column: str) -> NDArray[np.uint8]:
    """(N, 32) bytes."""
    values = b"".join(column_of(rows, column).to_pylist())
    return np.frombuffer(values, np.uint8).reshape(len(rows), 32)


def _near(hashes: NDArray[np.uint8], wanted: NDArray[np.uint8], bits: int) -> NDArray[np.bool_]:
    """(N,) whether a hash, (N, 32), is within so many bits of one that is wanted, (M, 32)."""
    hit = np.zeros(len(hashes), np.bool_)
    for one in wanted:
        for start in range(0, len(hashes), _CHUNK):
            part = slice(start, start + _CHUNK)
            hit[part] |= np.unpackbits(hashes[part] ^ one, axis=1).sum(axis=1) <= bits
    return hit
