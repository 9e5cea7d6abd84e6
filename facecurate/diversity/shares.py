"""The share of near duplicates: frames with an earlier frame within the tolerance.

A count that depends on the frame rate and has no bound but 1, unlike the effective number; it
stands beside it because readers ask for it. Which frame is the earlier one is said in ``places``,
so the order of files does not matter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from facecurate.diversity import kernels
from facecurate.diversity.pairs import Pairs
from facecurate.diversity.structure import UNKNOWN, Codes, Structure
from facecurate.diversity.tables import Tabular

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Shares(Tabular):
    """The share of frames with an earlier frame within each of T tolerances.

    sequence, subject, split: (T,) an earlier frame of the same one; other: (T,) of another
    subject, whatever its sequence or split. Shares are of all frames; None where the source does
    not say it of a single frame (subject and other: of every frame). frames: how many were
    compared with all others; where that is a sample, shares have the error of one.
    """

    taus: Floats
    sequence: Floats | None
    subject: Floats | None
    split: Floats | None
    other: Floats | None
    frames: int

    def to_arrow(self) -> pa.Table:
        """One row a tolerance; a column is null where it is None."""
        nothing = pa.nulls(len(self.taus), pa.float64())
        columns = ("sequence", "subject", "split", "other")
        shares = {
            name: nothing if (found := getattr(self, name)) is None else pa.array(found)
            for name in columns
        }
        return pa.table({"tau": self.taus, **shares})


def shares(pairs: Pairs, structure: Structure) -> Shares:
    """The four columns from one pass over the pairs; ``other`` needs its ``across``."""
    people = pairs.groups.unit == "subject"

    def column(which: int, told: bool) -> Floats | None:
        levels = pairs.earlier[which]
        return _share(pairs, levels) if told else None

    return Shares(
        pairs.taus,
        column(kernels.SEQUENCE, _any(structure.sequence)),
        column(kernels.GROUP, people),
        column(kernels.SPLIT, _any(structure.split) and pairs.across),
        column(kernels.OTHER, people and pairs.across),
        len(pairs.rows),
    )


def share_by_group(pairs: Pairs, tau: float) -> Floats:
    """(G,) the share of each group's frames with an earlier one of the group, for an interval.

    NaN for a group without frames.
    """
    near = pairs.reached(pairs.earlier[kernels.GROUP], tau)
    codes, size = pairs.groups.codes[pairs.rows], len(pairs.groups.names)
    frames = np.bincount(codes, minlength=size)
    with np.errstate(invalid="ignore"):
        share: Floats = np.bincount(codes, near, minlength=size) / frames
    return share


def _share(pairs: Pairs, levels: NDArray[np.int16]) -> Floats:
    """(T,) the weighed share of frames whose level reaches each tau."""
    weights = pairs.weights
    near = np.stack([pairs.reached(levels, tau) for tau in pairs.taus])
    share: Floats = near @ weights / max(weights.sum(), 1.0)
    return share


def _any(codes: Codes) -> bool:
    return bool((codes != UNKNOWN).any())
