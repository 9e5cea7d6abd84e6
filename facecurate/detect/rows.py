"""One face: its row, its crop, and why it is dropped."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from facecurate import images
from facecurate.detect.found import Found
from facecurate.errors import FacecurateError
from facecurate.faces import gates, hints, quality
from facecurate.faces.align import NoPointsError, Placement, box_matrix, crop, place
from facecurate.faces.pose import pose_from_points
from facecurate.records import Face, face_key


def cropped(
    found: Found,
    photo_id: str,
    index: int,
    picture: images.Picture,
    settings: Mapping[str, Any],
    crops: list[tuple[str, bytes]],
) -> Face:
    """The row of one face; its crop is added to ``crops`` by name unless the face is dropped.

    Reasons in this order: the one it was found with, ``bad_box``, ``face_too_small``,
    ``no_points``, then the gates in theirs. A dropped face keeps what could be measured.
    """
    face = Face(face_key(photo_id, index), photo_id, index, score=found.score, **found.labels)
    if found.box is None:
        return dataclasses.replace(face, status="dropped", reason=found.reason or "not_detected")
    face = _measured(face, found.box, found.landmarks or [math.nan] * 10, picture.pixels)
    placed, reason = _placed(face, picture.header, settings)
    if placed is not None:
        face = dataclasses.replace(face, outside=placed.outside)
    reason = found.reason or reason or gates.failing(_values(face), settings)
    if reason is not None:
        return dataclasses.replace(face, status="dropped", reason=reason)
    assert placed is not None
    drawn = crop(picture.pixels, placed.matrix, placed.size)
    crops.append((f"{face.key}.jpg", images.encode_jpeg(drawn)))
    return dataclasses.replace(
        face, crop=settings["crop"], crop_size=placed.size, matrix=placed.matrix.tolist()
    )


def _measured(
    face: Face, box: Sequence[float], landmarks: Sequence[float], pixels: images.Pixels
) -> Face:
    """The face with its geometry and, where the box is one, with what its pixels say."""
    yaw, pitch, roll = pose_from_points(landmarks)
    longer = max(box[2] - box[0], box[3] - box[1])
    face = dataclasses.replace(
        face, box=box, landmarks=landmarks, size=longer, yaw=yaw, pitch=pitch, roll=roll
    )
    if not _is_box(box):
        return face
    looks, told = quality.looks(pixels, box), hints.occlusion_hints(pixels, landmarks)
    return dataclasses.replace(
        face,
        sharpness=looks.sharpness,
        brightness=looks.brightness,
        contrast=looks.contrast,
        other_colour=told.other_colour,
        asymmetry=told.asymmetry,
    )


def _is_box(box: Sequence[float]) -> bool:
    try:
        box_matrix(box, 1)
    except FacecurateError:
        return False
    return box[2] > box[0] and box[3] > box[1]


def _placed(
    face: Face, photo: images.Header, settings: Mapping[str, Any]
) -> tuple[Placement | None, str | None]:
    """Where the crop lies, or why there is none."""
    assert face.box is not None and face.landmarks is not None and face.size is not None
    if not 0 < face.size < math.inf:
        return None, "bad_box"  # of no size at all, whatever the smallest size asked for
    small = "face_too_small" if face.size < settings["min_face"] else None
    try:
        placed = place(
            settings["crop"],
            box=face.box,
            landmarks=face.landmarks,
            crop_size=settings["crop_size"],
            width=photo.width,
            height=photo.height,
        )
    except NoPointsError:
        return None, small or "no_points"
    except FacecurateError:  # no area; only given boxes can be so
        return None, small or "bad_box"
    return placed, small or ("bad_box" if placed.outside >= 1 else None)


def _values(face: Face) -> dict[str, Any]:
    """What the gates look at: the numbers as the table will have them."""
    found = {gate.column: getattr(face, gate.column) for gate in gates.GATES}
    return {name: None if v is None else float(np.float32(v)) for name, v in found.items()}
