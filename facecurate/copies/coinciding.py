"""Faces in one place of two copies of a photo: they are one face, whatever their hashes say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from facecurate.copies.pictures import Pictures, named
from facecurate.similar.deciding import ClusterRow, SamePicture

COINCIDE_IOU = 0.5  # faces of two copies of a photo are one face if their boxes overlap so much


def coinciding(rows: Sequence[ClusterRow], pictures: Pictures) -> Iterator[SamePicture]:
    """Faces that lie in the same place of two copies of one photo.

    Copies that whole-photo hashes find are rescaled, re-encoded or mirrored, so registration is a
    scale a side, and a flip. A face without a partner stays as it is.
    """
    keys = [row.key for row in rows]
    photos = {photo["photo_id"]: photo for photo in _told(pictures.photos, keys)}
    by_photo: dict[str, list[dict[str, Any]]] = {}
    for face in _told(pictures.faces, keys):
        by_photo.setdefault(face["photo_id"], []).append(face)
    for row in rows:
        if row.keep:
            continue
        here, there = photos[row.key], photos[row.kept_key]
        kept = by_photo.get(row.kept_key, [])
        for face in by_photo.get(row.key, []):
            box = _moved(face["box"], here, there, row.mirrored)
            for other in kept:
                if _iou(box, other["box"]) >= COINCIDE_IOU:
                    yield SamePicture(face["key"], other["key"], row.mirrored, row.distance)


def _told(rows: pa.Table, photos: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of some photos."""
    found: list[dict[str, Any]] = named(rows, "photo_id", photos).to_pylist()
    return found


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
