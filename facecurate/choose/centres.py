"""k-centre: the next frame is the one farthest from all that are chosen.

Farthest-first traversal (Gonzalez, 1985; for data selection Sener and Savarese, ICLR 2018) covers
with at most twice the best possible radius. It covers space and not density, and takes outliers
first: so it chooses among one frame a correlation time that passes a quality gate. Distances are
those of ``Candidates.expressions``, else it would choose people and not what they do.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facecurate.choose.candidates import Candidates, Chosen, Rows
from facecurate.choose.thinning import tiers


def k_centre(candidates: Candidates, size: int, seed: int) -> Chosen:
    """The farthest frame of a tier, again and again, from a seeded first one on.

    Tells ``radius``: the largest distance (1 - cosine) of a frame of the last tier used to its
    nearest chosen one, ``radius_all``: of any frame, and ``below_gate``: the share of picks there.
    """
    vectors, places = candidates.expressions(), candidates.places("start", seed)
    nearest = np.full(len(candidates), -np.inf, np.float32)  # cosine of the nearest chosen frame
    chosen: list[int] = []
    radius = 0.0
    for rows in tiers(candidates, seed):
        if len(chosen) == size:
            break
        first = int(rows[places[rows].argmin()])
        picks = traverse(vectors, rows, nearest[rows], size - len(chosen), first)
        chosen += picks.tolist()
        for start in range(0, len(picks), 256):
            cosine = vectors @ vectors[picks[start : start + 256]].T
            np.maximum(nearest, cosine.max(axis=1), out=nearest)
        radius = float(np.maximum(0, 1 - nearest[rows]).max())
    at = np.array(chosen, np.int64)
    told = {
        "radius": radius,
        "radius_all": float(np.maximum(0, 1 - nearest).max(initial=0)),
        "below_gate": float((~candidates.good[at]).mean()) if len(at) else 0.0,
    }
    return Chosen(at, told)


def traverse(
    vectors: NDArray[np.float32], rows: Rows, nearest: NDArray[np.float32], size: int, first: int
) -> Rows:
    """At most ``size`` of ``rows``, farthest first; ``first`` if nothing is chosen yet.

    nearest: for each of ``rows`` the cosine of the nearest frame chosen before, -inf without any.
    Of frames equally far the first one is taken. One matrix-vector product a centre.
    """
    pool, closest = vectors[rows], nearest.copy()
    taken = np.zeros(len(rows), bool)
    picks = np.empty(min(size, len(rows)), np.int64)
    for k in range(len(picks)):
        if k == 0 and np.isneginf(closest).all():
            at = int(np.searchsorted(rows, first))
        else:
            at = int(np.where(taken, np.inf, closest).argmin())
        picks[k], taken[at] = at, True
        np.maximum(closest, pool @ pool[at], out=closest)
    return np.asarray(rows[picks])
