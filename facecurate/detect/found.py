"""What was found in a photo before it is cropped: detections, and the annotated faces they meet."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from facecurate.faces import gates
from facecurate.faces.base import Detection
from facecurate.pool import PartTask, Pool
from facecurate.records import FACE_SCHEMA, LABEL_COLUMNS

MATCH_IOU = 0.5  # a detection takes the labels of the given face that it overlaps at least so much


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """One face and the labels that go with it; ``reason``: why it will be dropped."""

    box: Sequence[float] | None
    landmarks: Sequence[float] | None
    score: float | None
    labels: Mapping[str, Any]
    reason: str | None = None


def labelled(row: Mapping[str, Any], reason: str | None) -> Found:
    """A given row as a face, or as a face that was not detected."""
    labels = {c: row[c] for c in LABEL_COLUMNS}
    return Found(row["box"], row["landmarks"], None, labels, reason)


def with_labels(detections: Sequence[Detection], given: Sequence[Mapping[str, Any]]) -> list[Found]:
    """Detections with the labels of the given rows they overlap most, then the rows not found."""
    pairs = match(
        np.array([d.box for d in detections]).reshape(-1, 4),
        np.array([row["box"] or [math.nan] * 4 for row in given]).reshape(-1, 4),
    )
    found = []
    for i, face in enumerate(detections):
        labels = {c: given[pairs[i]][c] for c in LABEL_COLUMNS} if i in pairs else {}
        found.append(Found(face.box.tolist(), face.landmarks.tolist(), face.score, labels))
    missed = sorted(set(range(len(given))).difference(pairs.values()))
    return found + [labelled(given[i], "not_detected") for i in missed]


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


def earlier_faces(task: PartTask) -> dict[str, list[Found]]:
    """The faces of the pool that is read: a second crop is made without detecting again.

    A face that failed a gate there is dropped here too, whatever its other crop looks like. Whether
    it is too small or has the points that this crop needs is asked again.
    """
    stays = gates.REASONS | {"not_detected"}
    found: dict[str, list[Found]] = {}
    for row in Pool(task.source).table(task.name, FACE_SCHEMA).to_pylist():
        labels = {c: row[c] for c in LABEL_COLUMNS}
        reason = row["reason"] if row["reason"] in stays else None
        face = Found(row["box"], row["landmarks"], row["score"], labels, reason)
        found.setdefault(row["photo_id"], []).append(face)
    return found
