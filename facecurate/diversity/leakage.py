"""What a split leaks: people in more than one part of it, and frames near to another part's.

By person first: a network that has seen a person is not tested on unseen people, however different
the frames. Near-duplicate pairs come second; all of them are found, whatever the order of files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from facecurate.diversity.crossings import Crossings
from facecurate.diversity.pairs import Pairs
from facecurate.diversity.structure import UNKNOWN, Structure
from facecurate.diversity.tables import Tabular

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SharedSubject:
    """A subject with frames in more than one split: how many in each, by the split's name."""

    subject: str
    frames: dict[str, int]


@dataclass(frozen=True, slots=True)
class Leakage(Tabular):
    """What K splits share.

    splits: their names; frames: (K,); subjects: those in more than one split, None where the
    source names none. near: (T, K) the share of a split's frames within each of ``taus`` of a
    frame of another split; crossings: the pairs at one tolerance.
    """

    splits: tuple[str, ...]
    frames: NDArray[np.int64]
    subjects: tuple[SharedSubject, ...] | None
    taus: Floats
    near: Floats
    crossings: Crossings | None

    def to_arrow(self) -> pa.Table:
        """One row a tolerance and split: tau, split, frames, near."""
        times, size = len(self.taus), len(self.splits)
        return pa.table(
            {
                "tau": np.repeat(self.taus, size),
                "split": list(self.splits) * times,
                "frames": np.tile(self.frames, times),
                "near": self.near.ravel(),
            }
        )


def leakage(pairs: Pairs, structure: Structure) -> Leakage | None:
    """Leakage from one pass with ``across``; None where fewer than two splits have frames."""
    if not pairs.across:
        raise ValueError("leakage needs a pass over frames of different groups: across=True")
    present = np.unique(structure.split[structure.split != UNKNOWN])
    if len(present) < 2:
        return None
    codes, weights = structure.split[pairs.rows], pairs.weights
    near = np.empty((len(pairs.taus), len(present)))
    for t, tau in enumerate(pairs.taus):
        reached = pairs.reached(pairs.crossing, float(tau)) * weights
        for k, code in enumerate(present):
            inside = codes == code
            near[t, k] = reached[inside].sum() / max(weights[inside].sum(), 1.0)
    return Leakage(
        tuple(structure.split_names[code] for code in present),
        np.array([(structure.split == code).sum() for code in present], np.int64),
        shared_subjects(structure),
        pairs.taus,
        near,
        pairs.crossings,
    )


def shared_subjects(structure: Structure) -> tuple[SharedSubject, ...] | None:
    """The subjects in more than one split, by name; None where no frame has a subject."""
    known = structure.subject != UNKNOWN
    if not known.any():
        return None
    both = known & (structure.split != UNKNOWN)
    size = len(structure.subject_names), len(structure.split_names)
    place = structure.subject[both].astype(np.int64) * size[1] + structure.split[both]
    table = np.bincount(place, minlength=size[0] * size[1]).reshape(size)
    shared = np.flatnonzero((table > 0).sum(axis=1) > 1)
    told = [
        SharedSubject(
            structure.subject_names[who],
            {
                name: int(count)
                for name, count in zip(structure.split_names, table[who], strict=True)
                if count
            },
        )
        for who in shared
    ]
    return tuple(sorted(told, key=lambda one: one.subject))


def listed(crossings: Crossings, structure: Structure, keys: Sequence[str]) -> pa.Table:
    """The listed pairs, nearest first: two keys, their splits and subjects, the cosine."""

    def names(codes: NDArray[np.int32], known: tuple[str, ...]) -> list[str | None]:
        return [None if code == UNKNOWN else known[code] for code in codes]

    columns: dict[str, object] = {}
    for side, rows in (("a", crossings.i), ("b", crossings.j)):
        columns[f"key_{side}"] = [keys[row] for row in rows]
        columns[f"split_{side}"] = names(structure.split[rows], structure.split_names)
        columns[f"subject_{side}"] = pa.array(
            names(structure.subject[rows], structure.subject_names), pa.string()
        )
    return pa.table({**columns, "cosine": crossings.cosine})
