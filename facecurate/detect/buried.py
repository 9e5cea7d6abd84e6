"""Single faces that were taken down: found again in a photo that stayed, they are refused."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from facecurate.detect.found import Found, match
from facecurate.records import face_key
from facecurate.stones import stone

Buried = Mapping[bytes, Sequence[float] | None]  # as ``workspace.buried_faces`` reads them

REASON = "tombstoned"
_MOST = 256  # faces of one photo whose keys are looked for


def without_buried(photo_id: str, faces: list[Found], buried: Buried) -> list[Found]:
    """The faces of a photo, those that were taken down with that reason and nothing else.

    Where the place of a buried face is known, it is the one that overlaps it (IoU >= 0.5), whoever
    found it in whatever order; else the one that has its key.
    """
    if not buried:
        return faces
    gone: set[int] = set()
    for index in range(max(_MOST, len(faces))):
        digest = stone("face", face_key(photo_id, index))[1]
        if digest in buried:
            gone |= _places(faces, index, buried[digest])
    return [_refused(one) if i in gone else one for i, one in enumerate(faces)]


def _places(faces: Sequence[Found], index: int, box: Sequence[float] | None) -> set[int]:
    if box is None:
        return {index}
    boxes = np.array([one.box or [np.nan] * 4 for one in faces], np.float64).reshape(-1, 4)
    return set(match(boxes, np.array([box], np.float64)))


def _refused(one: Found) -> Found:
    return dataclasses.replace(one, box=None, landmarks=None, score=None, labels={}, reason=REASON)
