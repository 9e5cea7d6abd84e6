"""One face: its row, its crop, and why it is dropped."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from facecurate import images
from facecurate.detect.found import Found
from facecurate.errors import FacecurateError
from facecurate.faces.align import NoPointsError, crop, place
from facecurate.faces.quality import brightness, pose_from_points, sharpness
from facecurate.records import Face, face_key


def cropped(
    found: Found,
    photo_id: str,
    index: int,
    picture: images.Picture,
    settings: Mapping[str, Any],
    crops: list[tuple[str, bytes]],
) -> Face:
    """The row of one face; its crop is added to ``crops`` by name unless the face is dropped."""
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
            return _drawn(face, picture, settings, crops)
        except NoPointsError:
            reason = "no_points"
        except FacecurateError:  # no area, or none in the photo; only given boxes can be so
            reason = "bad_box"
    return dataclasses.replace(face, status="dropped", reason=reason)


def _drawn(
    face: Face,
    picture: images.Picture,
    settings: Mapping[str, Any],
    crops: list[tuple[str, bytes]],
) -> Face:
    assert face.box is not None and face.landmarks is not None
    placed = place(
        settings["crop"],
        box=face.box,
        landmarks=face.landmarks,
        crop_size=settings["crop_size"],
        width=picture.header.width,
        height=picture.header.height,
    )
    if placed.outside >= 1:
        raise FacecurateError("the box lies outside the photo")
    drawn = crop(picture.pixels, placed.matrix, placed.size)
    crops.append((f"{face.key}.jpg", images.encode_jpeg(drawn)))
    return dataclasses.replace(
        face,
        crop=settings["crop"],
        crop_size=placed.size,
        matrix=placed.matrix.tolist(),
        outside=placed.outside,
        sharpness=sharpness(drawn),
        brightness=brightness(drawn),
    )


def photo_reason(faces: Sequence[Face]) -> str | None:
    """Why a photo gave no face; None if it gave one."""
    if any(face.reason is None for face in faces):
        return None
    return "face_too_small" if any(f.reason == "face_too_small" for f in faces) else "no_face"
