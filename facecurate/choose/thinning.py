"""Fewer candidates before a costly choice: one frame a correlation time, good ones first."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facecurate.choose.candidates import Candidates, Rows
from facecurate.choose.stride import positions
from facecurate.diversity.spectral import principal_components
from facecurate.diversity.structure import UNKNOWN, Structure
from facecurate.diversity.timing import timings


def tiers(candidates: Candidates, seed: int) -> tuple[Rows, ...]:
    """The rows of all candidates in up to three tiers, each rising: a choice exhausts one first.

    First the best frame of every window of ``spacing`` frames if it passes the gate (the first in
    a seeded order where quality does not tell; a frame without a sequence is a window of its own),
    then the other frames that pass, then those below the gate. The tiers do not depend on how many
    are to be chosen, so that smaller choices are prefixes of larger ones.
    """
    good, places = candidates.good, candidates.places("window", seed)
    window = np.floor(positions(candidates) / candidates.spacing).astype(np.int64)
    quality = candidates.quality
    worth = np.zeros(len(candidates)) if quality is None else np.nan_to_num(quality, nan=-np.inf)
    order = np.lexsort((places, -worth, window, candidates.structure.sequence))
    same = np.zeros(len(order), bool)
    sequence = candidates.structure.sequence[order]
    same[1:] = (np.diff(window[order]) == 0) & (np.diff(sequence) == 0) & (sequence[1:] != UNKNOWN)
    best = np.zeros(len(order), bool)
    best[order] = ~same
    several = (np.flatnonzero(best & good), np.flatnonzero(~best & good), np.flatnonzero(~good))
    return tuple(rows for rows in several if len(rows))


COMPONENTS = 8
"""Principal components whose correlation in time is looked at."""


def usual_spacing(vectors: NDArray[np.float32], structure: Structure) -> float:
    """Frames within which two frames of a sequence are alike, read off the vectors alone.

    The shortest integrated time among the first components: some change slowly (the head turns)
    while others, which carry expressions, are already new. One second at most, so that no event of
    a second falls between two windows; without a rate 20 frames at most.
    """
    places = principal_components(vectors, COMPONENTS)
    names = [f"component {k + 1}" for k in range(places.shape[1])]
    found = [one.inside.interval for one in timings(structure, names, places).pooled]
    rate = structure.rate[np.isfinite(structure.rate)]
    second = float(np.median(rate)) if len(rate) else 20.0
    return max(1.0, min([second, *(frames for frames in found if frames > 0)]))
