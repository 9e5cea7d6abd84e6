"""What one encoder sees of the frames: vectors, tolerances, effective numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from facecurate import images, storage, tars
from facecurate.diversity.effective import EffectiveNumber, effective
from facecurate.diversity.intervals import interval
from facecurate.diversity.label_pairs import label_pairs
from facecurate.diversity.label_tolerance import (
    LabelSight,
    LabelTolerance,
    label_sight,
    label_tolerance,
)
from facecurate.diversity.pairs import Pairs, compare
from facecurate.diversity.spectral import principal_components
from facecurate.diversity.timing import Timings, timings
from facecurate.diversity.tolerance import CopyTolerance, copies, copy_tolerance
from facecurate.diversity.variance import variance_by_group
from facecurate.encoders import Encoder
from facecurate.errors import DamagedError, FacecurateError
from facecurate.faces.align import crop_points
from facecurate.pool import Pool
from facecurate.records import FACE_SCHEMA
from facecurate.redundancy.frames import Frames, parts_of, read_in_parts
from facecurate.redundancy.probing import checked, labelled
from facecurate.vectors import read_part, vectors_pool
from facecurate.workers import Progress, silent
from facecurate.workspace import Dataset

SAMPLE = 500  # faces on which the tolerance is measured
CURVE = 24  # points of the curve N_eff(tau)
COMPONENTS = 3  # whose time constants are measured
JITTER = 0.5  # crop pixels, standard deviation

Points = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class View:
    """What one encoder makes of the frames.

    moving: time constants of the vectors' first principal components; label: None without labels;
    sight: what the encoder sees of these, None where they have no levels; pairs: one pass at
    tau_copy, tau_label and along the curve; effective: the effective numbers at all of these.
    """

    encoder: Encoder
    vectors: NDArray[np.float16]
    moving: Timings
    copy: CopyTolerance
    label: LabelTolerance | None
    sight: LabelSight | None
    pairs: Pairs
    effective: EffectiveNumber

    def at(self, tau: float) -> int:
        """The place of one of the tolerances."""
        return int(np.flatnonzero(self.effective.taus == tau)[0])


def vectors_of(dataset: Dataset, frames: Frames, encoder: Encoder) -> NDArray[np.float16]:
    """(N, d) float16 vectors of the kept faces. Raises FacecurateError if they are of others."""
    faces = Pool(dataset.path("faces"))
    pool = vectors_pool(dataset, encoder.name, encoder.sha256)
    made = {stem: pool.info(stem).inputs for stem in pool.stems()}
    if made != {stem: faces.lineage(stem) for stem in faces.stems()}:
        raise FacecurateError(
            f"the vectors are not those of the faces: 'facecurate embed {dataset.name} "
            f"--encoder {encoder.name}'"
        )
    return read_in_parts(frames, lambda stem: read_part(pool, stem), encoder.dimension)


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


def measure(
    dataset: Dataset,
    frames: Frames,
    encoder: Encoder,
    *,
    across: bool,
    progress: Progress = silent,
) -> View:
    """Calibrates the encoder on the data and compares all frames. across: groups too, for leaks."""
    vectors = vectors_of(dataset, frames, encoder)
    chosen = sample_of(frames)
    copy = calibrate(encoder, crops_of(dataset, frames, chosen), points_of(dataset, frames, chosen))
    moving = components(frames, vectors)
    label, sight = _labels(frames, vectors, apart(frames, moving))
    marked = {copy.tau} | ({label.tau} if label and label.tau is not None else set())
    asked = sorted({*marked, *curve_of(copy.tau)}, reverse=True)
    pairs = compare(
        vectors,
        frames.structure,
        asked,
        leak_tau=copy.tau if across else None,
        across=across,
        progress=progress,
    )
    return View(encoder, vectors, moving, copy, label, sight, pairs, effective(pairs))


def components(frames: Frames, vectors: NDArray[np.float16]) -> Timings:
    """The time constants of the vectors' first principal components."""
    found = principal_components(vectors, COMPONENTS)
    return timings(frames.structure, [f"component {k + 1}" for k in range(found.shape[1])], found)


def apart(frames: Frames, moving: Timings) -> NDArray[np.float64]:
    """(N,) frames beyond which two of a sequence are compared: the correlation time.

    At most a quarter of the sequence: a time that is not reliable would leave no pairs.
    """
    length = np.bincount(frames.structure.sequence + 1)[frames.structure.sequence + 1]
    return np.asarray(np.minimum(moving.interval, length / 4), np.float64)


def _labels(
    frames: Frames, vectors: NDArray[np.float16], reach: NDArray[np.float64]
) -> tuple[LabelTolerance | None, LabelSight | None]:
    """tau_label and the check, from pairs further apart than ``reach`` frames."""
    labels = frames.labels
    if labels is None:
        return None, None
    if not labels.levels:
        return label_tolerance(labels, None), None
    pairs = label_pairs(vectors, frames.structure, labels, reach)
    return label_tolerance(labels, pairs), label_sight(pairs)


def curve_of(copy: float) -> list[float]:
    """The tolerances of the curve, from a tenth of tau_copy's distance to fifty times it."""
    far = max(1 - copy, 1e-4)
    return [float(tau) for tau in 1 - far * np.geomspace(0.1, min(50.0, 1 / far), CURVE)]


def told(view: View, frames: Frames) -> dict[str, Any]:
    """The numbers of one encoder as they stand in the JSON."""
    found = view.effective
    copy = view.at(view.copy.tau)
    return {
        "encoder": view.encoder.name,
        "copy": {**counted_at(view, frames, view.copy.tau), **asdict(view.copy)},
        "label": _label(view, frames),
        "label_reason": view.label.reason if view.label else "",
        "check": _check(view, frames),
        "curve": {
            "tau": found.taus.tolist(),
            "n_eff": found.total0.tolist(),
            "order1": found.total1.tolist(),
            "order2": found.total2.tolist(),
            "standard_error": found.error0.tolist(),
        },
        "compared": len(view.pairs.rows),
        "per_group": [
            {"group": group, "frames": int(count), "n_eff": float(value)}
            for group, count, value in zip(found.groups, found.frames, found.d0[copy], strict=True)
        ],
    }


def _label(view: View, frames: Frames) -> dict[str, Any] | None:
    if view.label is None or view.label.tau is None:
        return None
    far = float(np.median(apart(frames, view.moving)))
    found = {**asdict(view.label), "supported": view.label.supported, "apart_frames": far}
    return {**found, **counted_at(view, frames, view.label.tau)}


def _check(view: View, frames: Frames) -> dict[str, Any] | None:
    """Whether the encoder sees the labels, and how much of what it sees is who is there."""
    share = variance_by_group(view.vectors, frames.structure.subject)
    data = labelled(frames, view.vectors)
    if view.sight is None and share is None:
        return None
    over = view.sight.interval if view.sight else None
    return {
        "auroc": view.sight.auroc if view.sight else None,
        "auroc_interval": asdict(over) if over else None,
        "pairs_equal": int(view.sight.equal.sum()) if view.sight else 0,
        "pairs_different": int(view.sight.different.sum()) if view.sight else 0,
        "probe": checked(data, view.encoder.name) if data else None,
        "subject_variance": share,
    }


def counted_at(view: View, frames: Frames, tau: float) -> dict[str, Any]:
    """N_eff at one tolerance: orders 0, 1 and 2, frames for one, the interval over people."""
    found, at = view.effective, view.at(tau)
    people = view.pairs.groups.unit == "subject"
    over = interval(found.d0[at]) if people else None
    return {
        "n_eff": float(found.total0[at]),
        "ratio": len(frames) / float(found.total0[at]),
        "orders": {
            "0": float(found.total0[at]),
            "1": float(found.total1[at]),
            "2": float(found.total2[at]),
        },
        "interval": asdict(over) if over else None,
        "standard_error": float(found.error0[at]),
        "tau": tau,
    }


def names_of(encoders: Sequence[Encoder]) -> list[dict[str, str]]:
    """Encoders as settings."""
    return [{"encoder": one.name, "sha256": one.sha256} for one in encoders]
