"""A choice that reads the labels of every frame: for pruning, not for saving annotation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facecurate.choose.candidates import Candidates, Chosen
from facecurate.errors import FacecurateError


def label_aware(candidates: Candidates, size: int, seed: int) -> Chosen:
    """Rare levels first: greedy for the sum over (person, unit, level) of the root of their count.

    Roots make every further frame of a level worth less, so that levels that few frames show are
    taken from everybody before common ones are taken again. Labels that are not levels are cut
    into six equal parts of their range. Raises FacecurateError without labels.
    """
    if candidates.labels is None:
        raise FacecurateError("the label-aware choice needs labels: leave it out, or import them")
    levels = _levels(candidates.labels.values, levels=candidates.labels.levels)
    combined = np.column_stack([candidates.people, levels])
    kinds, kind = np.unique(combined, axis=0, return_inverse=True)
    queues = _queues(kind.ravel(), candidates.places("aware", seed), len(kinds))
    cells = _cells(kinds)
    count = np.zeros(int(cells.max(initial=0)) + 1)
    left = np.array([len(queue) for queue in queues])
    rows: list[int] = []
    for _ in range(min(size, len(candidates))):
        step = np.sqrt(count + 1) - np.sqrt(count)
        worth = np.where(left > 0, step[cells].sum(axis=1), -1.0)
        at = int(worth.argmax())
        left[at] -= 1
        rows.append(int(queues[at][left[at]]))
        count[cells[at]] += 1
    return Chosen(np.array(rows, np.int64))


def _levels(values: NDArray[np.float32], *, levels: bool) -> NDArray[np.int64]:
    """(N, A) whole levels; -1 where a label is missing."""
    known = np.nan_to_num(values, nan=-1.0)
    if levels:
        return np.rint(known).astype(np.int64)
    low, high = np.nanmin(values, axis=0), np.nanmax(values, axis=0)
    part = np.floor(6 * (known - low) / np.maximum(high - low, 1e-12))
    return np.where(np.isnan(values), -1, np.clip(part, 0, 5)).astype(np.int64)


def _cells(kinds: NDArray[np.int64]) -> NDArray[np.int64]:
    """(K, A) numbers of the cells (person, unit, level) that each kind of frame fills."""
    units = kinds.shape[1] - 1
    cells = np.empty((len(kinds), units), np.int64)
    start = 0
    for unit in range(units):
        _, number = np.unique(kinds[:, [0, unit + 1]], axis=0, return_inverse=True)
        cells[:, unit] = start + number.ravel()
        start = int(cells[:, unit].max(initial=start - 1)) + 1
    return cells


def _queues(
    kind: NDArray[np.int64], places: NDArray[np.int64], total: int
) -> list[NDArray[np.int64]]:
    """The rows of each kind, the one with the smallest place last."""
    order = np.lexsort((-places, kind))
    ends = np.searchsorted(kind[order], np.arange(total + 1))
    return [order[ends[k] : ends[k + 1]] for k in range(total)]
