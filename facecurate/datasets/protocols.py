"""What a verification benchmark asks: which faces form a template, and which templates to compare.

Plain arrays, so that 15.6 million pairs fit. Nothing here knows a model or a metric.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

UNKNOWN = -1  # a subject that the copy's files do not tell

Ids32 = NDArray[np.int32]
Ids64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """F faces, gathered into media (a photo, the frames of a video) and media into templates.

    ``sources``: F POSIX paths of pictures relative to the dataset's root, as ``Annotated.source``;
    one picture may hold several of the faces. ``template``: (F,). ``medium``: (F,), counted within
    a template only: group by (template, medium). ``subject``: (F,), the owners' own number, or
    ``UNKNOWN``. ``score``: (F,) float32, of the detector that the owners of the packaging ran, NaN
    where none is told. ``boxes``: (F, 4) float32 x0 y0 x1 y1 in the picture's pixels, NaN where
    empty, or None where the files tell none.
    """

    sources: tuple[str, ...]
    template: Ids32
    medium: Ids64
    subject: Ids64
    score: NDArray[np.float32]
    boxes: NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Verification:
    """P comparisons 1:1: ``first`` and ``second`` are template ids, ``same`` the truth, all (P,).

    ``fold``: (P,) int8 counted from 0, where accuracy is a mean over folds; else None.
    """

    faces: Faces
    first: Ids32
    second: Ids32
    same: NDArray[np.bool_]
    fold: NDArray[np.int8] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Enrolled:
    """(T,) templates in ascending order of their ids, and whose they are."""

    template: Ids32
    subject: Ids64


@dataclass(frozen=True, slots=True, eq=False)
class Identification:
    """1:N: each probe is searched in one gallery at a time.

    A probe whose subject is in another gallery only has no mate in this one (open set). Published
    scripts differ: some put the galleries together instead.
    """

    galleries: Mapping[str, Enrolled]
    probes: Enrolled


def look_up(keys: Ids32, values: Ids64, wanted: Ids32) -> Ids64:
    """For each of ``wanted`` the value beside its key, ``UNKNOWN`` without one; keys ascending."""
    if len(keys) == 0:
        return np.full(len(wanted), UNKNOWN, np.int64)
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, values[at], UNKNOWN)
