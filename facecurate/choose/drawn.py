"""Frames by chance: from all of them, or as many from each person as the person's share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facecurate.choose.candidates import Candidates, Chosen, Rows


def random(candidates: Candidates, size: int, seed: int) -> Chosen:
    """Uniform over frames: who shows more often is drawn more often."""
    return Chosen(np.argsort(candidates.places("random", seed))[:size])


def stratified(candidates: Candidates, size: int, seed: int) -> Chosen:
    """Uniform within each person, and everybody's share of every prefix is that of all frames."""
    places = candidates.places("stratified", seed)
    return Chosen(evenly(candidates.people, places)[:size])


def evenly(groups: NDArray[np.int32], places: Rows) -> Rows:
    """All rows, each group's in the order of its places and spread evenly over the whole list.

    The r-th of a group's n rows is due at (r + 1/2) / n of the list; of rows that are due at once
    the one with the smaller place comes first.
    """
    order = np.lexsort((places, groups))
    _, first, count = np.unique(groups[order], return_index=True, return_counts=True)
    rank = np.arange(len(order)) - np.repeat(first, count)
    due = (rank + 0.5) / np.repeat(count, count)
    return np.asarray(order[np.lexsort((places[order], due))])
