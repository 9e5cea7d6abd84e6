"""The order in which frames are compared, and which of two frames is the earlier one.

Frames are put in the order of (group, subject, sequence, frame number), names by their letters;
frames of which the source says no more keep the order of their keys. So neither the order of
files nor the numbers that names happen to have as codes changes any result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facecurate.diversity.structure import UNKNOWN, Codes, Structure

Index = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Grouping:
    """Within what frames are compared: the people where every frame has one.

    unit: ``subject``, else ``sequence``, else ``dataset``; codes: (N,) int32; names: of G groups.
    """

    unit: str
    codes: Codes
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Places:
    """N frames in the order of comparison.

    row: (N,) the row that stands at each place; group: (N,) which group of the order it is, never
    falling; sequence: (N,) int32 and split: (N,) int16, the codes of the frame at each place,
    ``UNKNOWN`` where the source is silent.
    """

    row: Index
    group: Index
    sequence: Codes
    split: NDArray[np.int16]


def grouping(structure: Structure) -> Grouping:
    """People if every frame has one, else sequences, else the whole dataset as one group."""
    for unit, codes, names in (
        ("subject", structure.subject, structure.subject_names),
        ("sequence", structure.sequence, structure.sequence_names),
    ):
        if len(codes) and (codes != UNKNOWN).all():
            return Grouping(unit, codes, names)
    return Grouping("dataset", np.zeros(len(structure.subject), np.int32), ("all",))


def places(structure: Structure, groups: Grouping) -> Places:
    """Where each frame stands."""
    group = _ranks(groups.codes, groups.names)
    keys = (
        np.arange(len(group)),
        structure.frame,
        _ranks(structure.sequence, structure.sequence_names),
        _ranks(structure.subject, structure.subject_names),
        group,
    )
    row = np.lexsort(keys)
    split = structure.split[row].astype(np.int16)
    return Places(row, group[row], structure.sequence[row], split)


def bare(groups: Codes, names: Sequence[str]) -> Structure:
    """A structure that says of N frames nothing but who they are of: codes of ``names``."""
    unknown = np.full(len(groups), UNKNOWN, np.int32)
    frame, rate = np.full(len(groups), -1, np.int64), np.full(len(groups), np.nan, np.float32)
    return Structure(
        groups, unknown, unknown, unknown, frame, rate, tuple(names), (), (), ()
    )  # fmt: skip


def _ranks(codes: Codes, names: Sequence[str]) -> NDArray[np.int64]:
    """(N,) the place of each frame's name among all names, -1 where it has none."""
    rank = np.empty(len(names) + 1, np.int64)
    rank[np.argsort(np.array(names, dtype=object), kind="stable")] = np.arange(len(names))
    rank[-1] = -1  # the place of UNKNOWN
    return rank[codes]
