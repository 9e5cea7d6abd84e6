"""Every so many frames: the baseline that costs nothing and is hard to beat in video."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facecurate.choose.candidates import Candidates, Chosen, Rows
from facecurate.shares import hash_place

RADICES = (2, 5, 2, 5, 2, 5)
"""From the widest interval: 1000, then 500, 100, 50, 10, 5 and 1 frames. These divide each other,
so that 0.1, 0.2, 1, 2, 10 and 20 % are exact strides and each holds the one before."""

PERIOD = int(np.prod(RADICES))


def stride(candidates: Candidates, size: int, seed: int) -> Chosen:
    """Frames at equal intervals in each sequence, from a seeded first one on.

    A share between two of the exact strides has all frames of the wider and some of the narrower.
    The position in a sequence counts, by frame number, else by key.
    """
    at = positions(candidates)
    level = turned((at + _phases(candidates, seed)) % PERIOD)
    return Chosen(np.lexsort((candidates.places("stride", seed), level))[:size])


def positions(candidates: Candidates) -> Rows:
    """(N,) which frame of its sequence each is, from 0, in the order of time."""
    sequence, frame = candidates.structure.sequence, candidates.structure.frame
    order = np.lexsort((np.arange(len(frame)), frame, sequence))
    _, first, count = np.unique(sequence[order], return_index=True, return_counts=True)
    at = np.empty(len(order), np.int64)
    at[order] = np.arange(len(order)) - np.repeat(first, count)
    return at


def turned(residues: Rows) -> Rows:
    """Residues of ``PERIOD`` to when they are taken: digits in the opposite order.

    The multiples of 500 come first, then those of 100 and so on; within one interval as far from
    each other as the digits allow.
    """
    rest, level, weight = residues.copy(), np.zeros_like(residues), PERIOD
    for radix in reversed(RADICES):
        weight //= radix
        level += rest % radix * weight
        rest //= radix
    return level


def _phases(candidates: Candidates, seed: int) -> NDArray[np.int64]:
    """(N,) a seeded shift of each frame's sequence, 0 to ``PERIOD`` - 1."""
    sequence, names = candidates.structure.sequence, candidates.structure.sequence_names
    codes, inverse = np.unique(sequence, return_inverse=True)
    shift = [
        hash_place(names[c] if c >= 0 else "", dataset="choose", unit="phase", seed=seed)
        for c in codes.tolist()
    ]
    phase = np.array([int.from_bytes(place[:8], "big") % PERIOD for place in shift], np.int64)
    return np.asarray(phase[inverse])
