"""``detect``: photos in, faces out: boxes, points, quality and crops that can be undone."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from facecurate import images, tars
from facecurate.errors import DamagedError, FacecurateError, UsageError
from facecurate.faces import CROPS, load_detector
from facecurate.faces.align import NoPointsError, crop, place
from facecurate.faces.base import Detection, Detector
from facecurate.faces.quality import brightness, pose_from_points, sharpness
from facecurate.pool import PartTask, Pool, run_step
from facecurate.records import (
    FACE_SCHEMA,
    GIVEN_SCHEMA,
    LABEL_COLUMNS,
    PHOTO_SCHEMA,
    Face,
    face_key,
    to_table,
)
from facecurate.stats import Stats
from facecurate.workers import Progress, limit_threads, silent
from facecurate.workspace import Dataset

MATCH_IOU = 0.5  # a detection takes the labels of the given face that it overlaps at least so much


def detect(
    dataset: Dataset,
    *,
    detector: str = "retinaface-mobile",
    weights: str | None = None,
    crop: str = "box",
    crop_size: int = 256,
    min_face: float = 40,
    threshold: float | None = None,
    device: str = "cpu",
    workers: int = 0,
    redo: bool = False,
    progress: Progress = silent,
) -> Stats:
    """Finds the faces of every photo and writes ``faces/`` (``faces-arcface112/`` for that crop).

    ``min_face``: longer side of the box in photo pixels below which a face is dropped;
    ``crop_size``: largest side of a ``box`` crop. Raises SettingsError for other settings than
    before, FacecurateError for a detector that cannot run.
    """
    if crop not in CROPS:
        raise UsageError(f"no crop '{crop}': choose one of {', '.join(CROPS)}")
    if crop_size < 16:
        raise UsageError(f"--crop-size {crop_size} leaves nothing to see: give at least 16")
    photos = Pool(dataset.path("photos"))
    if not photos.stems():
        raise FacecurateError(f"{dataset.name} has no photos: 'facecurate import FOLDER'")
    with dataset.lock("detect") as taken_over:
        source = photos
        options: dict[str, Any] = {"name": detector, "weights": weights, "device": device}
        finder: dict[str, Any] = {}
        if crop != "box" and dataset.has("faces"):
            source, options = Pool(dataset.path("faces")), {"name": "faces"}
        else:
            model = load_detector(detector, weights=weights, threshold=threshold, device=device)
            finder, options = dict(model.settings), {**options, "threshold": threshold}
        settings = {"finder": finder, "crop": crop, "crop_size": crop_size, "min_face": min_face}
        target = Pool(dataset.path("faces" if crop == "box" else f"faces-{crop}"))
        stats = run_step(
            source,
            target,
            _MakePart(json.dumps(options), photos.url),
            tool="detect",
            settings=settings,
            beside=[photos] if source is not photos else [],
            workers=workers,
            redo=redo,
            progress=progress,
        )
        remark = "boxes of faces/ taken, no detector ran" if source is not photos else ""
        return stats.noted(taken_over or "", remark)


@dataclasses.dataclass(frozen=True, slots=True)
class _MakePart:
    """The part function with what a worker needs and the part's settings must not hold.

    Where the weights lie and on which device they run does not enter the settings: the weights'
    digest does.
    """

    options: str  # JSON
    photos: str  # url

    def __call__(self, task: PartTask, tick: Callable[[int], None]) -> None:
        detect_part(task, json.loads(self.options), Pool(self.photos), tick)


@lru_cache(maxsize=1)
def _detector(options: str) -> Detector:
    words = json.loads(options)
    name = words.pop("name")
    detector = load_detector(name, **words)
    limit_threads()  # libraries that the detector has just loaded
    return detector


def detect_part(
    task: PartTask, options: Mapping[str, Any], photos: Pool, tick: Callable[[int], None]
) -> None:
    """Finds, crops and measures the faces of one part of photos."""
    given = _given_rows(photos, task.name)
    earlier = _earlier_faces(task) if options["name"] == "faces" else None
    reasons: list[str | None] = []
    rows: list[Face] = []
    with task.writer() as part:
        with part.file("tar") as file:
            tar = tars.TarWriter(file)
            for photo_id, width, height, pixels in _photos(photos, task.name):
                labels = given.get(photo_id, [])
                if earlier is not None:
                    found = earlier.get(photo_id, [])
                elif options["name"] == "given":
                    found = [_labelled(row, None) for row in labels]
                else:
                    model = _detector(json.dumps(options))
                    found = _with_labels(model.detect([pixels])[0], labels)
                faces = [
                    _cropped(face, photo_id, i, pixels, (width, height), task.settings, tar)
                    for i, face in enumerate(found)
                ]
                reasons.append(_photo_reason(faces))
                rows += faces
                tick(1)
            tar.close()
        part.write_table(to_table(rows, FACE_SCHEMA))
        part.stats = Stats.of("photos", reasons) + Stats.of("faces", (f.reason for f in rows))


def _photos(photos: Pool, stem: str) -> Iterator[tuple[str, int, int, images.Pixels]]:
    """The photos of a part that are ok, decoded, in row order."""
    columns = ["photo_id", "status"]
    rows = photos.table(stem, PHOTO_SCHEMA).select(columns).to_pylist()
    wanted = [row["photo_id"] for row in rows if row["status"] == "ok"]
    stored = tars.read_members(photos.file(stem, "tar"))
    for photo_id in wanted:
        name, data = next(stored, ("nothing", b""))
        if name.split(".", 1)[0] != photo_id:
            raise DamagedError(
                f"{photos.file(stem, 'tar')} holds {name} where {photo_id} belongs: "
                "'facecurate verify' says what to do"
            )
        picture = images.decode(data)
        yield photo_id, picture.header.width, picture.header.height, picture.pixels


def _given_rows(photos: Pool, stem: str) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    if f"{stem}.given.parquet" in photos.info(stem).outputs:
        for row in photos.table(stem, GIVEN_SCHEMA, "given.parquet").to_pylist():
            found.setdefault(row["photo_id"], []).append(row)
    return found


# -- what was found, before it is cropped ----------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True)
class _Found:
    box: Sequence[float] | None
    landmarks: Sequence[float] | None
    score: float | None
    labels: Mapping[str, Any]
    reason: str | None = None


def _labelled(row: Mapping[str, Any], reason: str | None) -> _Found:
    """A given row as a face, or as a face that was not detected."""
    labels = {c: row[c] for c in LABEL_COLUMNS}
    return _Found(row["box"], row["landmarks"], None, labels, reason)


def _with_labels(
    detections: Sequence[Detection], given: Sequence[Mapping[str, Any]]
) -> list[_Found]:
    """Detections with the labels of the given rows they overlap most, then the rows not found."""
    pairs = match(
        np.array([d.box for d in detections]).reshape(-1, 4),
        np.array([row["box"] or [math.nan] * 4 for row in given]).reshape(-1, 4),
    )
    found = []
    for i, face in enumerate(detections):
        labels = {c: given[pairs[i]][c] for c in LABEL_COLUMNS} if i in pairs else {}
        found.append(_Found(face.box.tolist(), face.landmarks.tolist(), face.score, labels))
    missed = sorted(set(range(len(given))).difference(pairs.values()))
    return found + [_labelled(given[i], "not_detected") for i in missed]


def match(found: np.ndarray[Any, Any], given: np.ndarray[Any, Any]) -> dict[int, int]:
    """Pairs boxes (N, 4) with boxes (M, 4) one to one, greatest overlap first, IoU >= 0.5."""
    if not len(found) or not len(given):
        return {}
    low = np.maximum(found[:, None, :2], given[None, :, :2])
    high = np.minimum(found[:, None, 2:], given[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=2)
    areas = [np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (found, given)]
    iou = np.nan_to_num(shared / (areas[0][:, None] + areas[1][None] - shared))
    pairs: dict[int, int] = {}
    for flat in np.argsort(-iou, axis=None, kind="stable"):
        i, j = divmod(int(flat), len(given))
        if iou[i, j] < MATCH_IOU:
            break
        if i not in pairs and j not in pairs.values():
            pairs[i] = j
    return pairs


def _earlier_faces(task: PartTask) -> dict[str, list[_Found]]:
    """The faces of the pool that is read: a second crop is made without detecting again."""
    found: dict[str, list[_Found]] = {}
    for row in Pool(task.source).table(task.name, FACE_SCHEMA).to_pylist():
        labels = {c: row[c] for c in LABEL_COLUMNS}
        reason = row["reason"] if row["reason"] == "not_detected" else None
        face = _Found(row["box"], row["landmarks"], row["score"], labels, reason)
        found.setdefault(row["photo_id"], []).append(face)
    return found


# -- one face --------------------------------------------------------------------------------


def _cropped(
    found: _Found,
    photo_id: str,
    index: int,
    pixels: images.Pixels,
    size: tuple[int, int],
    settings: Mapping[str, Any],
    tar: tars.TarWriter,
) -> Face:
    """The row of one face; its crop goes into the tar unless the face is dropped."""
    face = Face(face_key(photo_id, index), photo_id, index, score=found.score, **found.labels)
    if found.box is None:
        return dataclasses.replace(face, status="dropped", reason=found.reason or "not_detected")
    x0, y0, x1, y1 = found.box
    landmarks = found.landmarks or [math.nan] * 10
    yaw, pitch, roll = pose_from_points(landmarks)
    longer = max(x1 - x0, y1 - y0)
    face = dataclasses.replace(
        face, box=found.box, landmarks=landmarks, size=longer, yaw=yaw, pitch=pitch, roll=roll
    )
    reason = found.reason
    if reason is None and not 0 < longer < math.inf:
        reason = "bad_box"  # of no size at all, whatever the smallest size asked for
    elif reason is None and longer < settings["min_face"]:
        reason = "face_too_small"
    if reason is None:
        try:
            return _drawn(face, pixels, size, settings, tar)
        except NoPointsError:
            reason = "no_points"
        except FacecurateError:  # no area, or none in the photo; only given boxes can be so
            reason = "bad_box"
    return dataclasses.replace(face, status="dropped", reason=reason)


def _drawn(
    face: Face,
    pixels: images.Pixels,
    size: tuple[int, int],
    settings: Mapping[str, Any],
    tar: tars.TarWriter,
) -> Face:
    assert face.box is not None and face.landmarks is not None
    placed = place(
        settings["crop"],
        box=face.box,
        landmarks=face.landmarks,
        crop_size=settings["crop_size"],
        width=size[0],
        height=size[1],
    )
    if placed.outside >= 1:
        raise FacecurateError("the box lies outside the photo")
    picture = crop(pixels, placed.matrix, placed.size)
    tar.add(f"{face.key}.jpg", images.encode_jpeg(picture))
    return dataclasses.replace(
        face,
        crop=settings["crop"],
        crop_size=placed.size,
        matrix=placed.matrix.tolist(),
        outside=placed.outside,
        sharpness=sharpness(picture),
        brightness=brightness(picture),
    )


def _photo_reason(faces: Sequence[Face]) -> str | None:
    """Why a photo gave no face; None if it gave one."""
    if any(face.reason is None for face in faces):
        return None
    return "face_too_small" if any(f.reason == "face_too_small" for f in faces) else "no_face"
