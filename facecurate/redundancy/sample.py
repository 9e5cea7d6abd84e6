"""A sample of the faces, and how alike their copies are to an encoder: tau_copy."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from facecurate import images, storage, tars
from facecurate.diversity.tolerance import CopyTolerance, copies, copy_tolerance
from facecurate.encoders import Encoder
from facecurate.errors import DamagedError
from facecurate.faces.align import crop_points
from facecurate.pool import Pool
from facecurate.records import FACE_SCHEMA
from facecurate.redundancy.frames import Frames, parts_of
from facecurate.workspace import Dataset

SAMPLE = 500  # faces on which the tolerance is measured
JITTER = 0.5  # crop pixels, standard deviation

Points = NDArray[np.float32]


def sample_of(frames: Frames, count: int = SAMPLE) -> NDArray[np.int64]:
    """Frames to measure on: the first in the hash order of the keys, whatever the order of rows."""
    digests = [hashlib.sha256(key.encode()).digest() for key in frames.keys.to_pylist()]
    order = sorted(range(len(digests)), key=digests.__getitem__)
    return np.array(order[:count], np.int64)


def crops_of(
    dataset: Dataset, frames: Frames, chosen: NDArray[np.int64]
) -> list[NDArray[np.uint8]]:
    """The (h, w, 3) crops of the chosen frames, in their order. Raises DamagedError."""
    faces = Pool(dataset.path("faces"))
    found: list[Any] = [None] * len(chosen)
    for stem, places in parts_of(frames, chosen):
        url = faces.file(stem, "tar")
        members = tars.index(url)
        for place in places:
            key = frames.key(chosen[place])
            found[place] = _crop(url, members.get(f"{key}.jpg"), key)
    return found


def _crop(url: str, member: tars.Member | None, key: str) -> NDArray[np.uint8]:
    try:
        if member is None:
            raise ValueError("it is not there")
        return images.decode(storage.read(url, member.offset, member.size)).pixels
    except (ValueError, images.ImageRejectedError) as error:
        raise DamagedError(
            f"{url} does not hold the crop {key} ({error}): 'facecurate verify' says what to do"
        ) from error


def points_of(dataset: Dataset, frames: Frames, chosen: NDArray[np.int64]) -> list[Points]:
    """The landmarks and points of the chosen frames in pixels of their crops."""
    faces = Pool(dataset.path("faces"))
    found: list[Any] = [None] * len(chosen)
    for stem, places in parts_of(frames, chosen):
        table = faces.table(stem, FACE_SCHEMA).select(["landmarks", "points", "matrix"])
        rows = table.take(pa.array(frames.row[chosen[places]])).to_pylist()
        for place, row in zip(places, rows, strict=True):
            found[place] = crop_points(row)
    return found


def calibrate(
    encoder: Encoder, sample: Sequence[NDArray[np.uint8]], points: Sequence[Points]
) -> CopyTolerance:
    """tau_copy on a sample of crops; copies have their points ``JITTER`` pixels off, as tracked."""
    rng = np.random.default_rng(0)
    made = [copies(image) for image in sample]
    copied = {
        kind: encoder.encode(
            [copy[kind] for copy in made],
            [told + rng.normal(0, JITTER, len(told)).astype(np.float32) for told in points],
        )
        for kind in made[0]
    }
    return copy_tolerance(encoder.encode(sample, points), copied)
