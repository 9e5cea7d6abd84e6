"""Fewer candidates before a costly choice: one frame a correlation time, good ones first."""

from __future__ import annotations

import numpy as np

from facecurate.choose.candidates import Candidates, Rows
from facecurate.choose.stride import positions
from facecurate.diversity.structure import UNKNOWN


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
