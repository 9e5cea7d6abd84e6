"""How many different frames a set of frames holds: the effective number, exact and linear.

N_eff(tau) = sum over frames of 1 / c_i, where c_i counts the frames of the same group within the
tolerance, the frame itself included. It is the similarity-sensitive diversity of Leinster and
Cobbold (Ecology, 2012) of order 0 with the similarity "at least tau", every frame weighing the
same. M separated states give M whatever their repetitions, and a second group adds its own
number: the sum splits over people, sequences and labels without remainder.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facecurate.errors import FacecurateError

Vectors = NDArray[np.float32]

BLOCK = 2048
"""Rows and columns of one block of similarities: 16 MB of float32."""

ROUNDING = 1e-6
"""Similarities this little below tau count as tau: a float32 product is not exact, and whether
a frame equals its copy must not hang on the last bit."""


@dataclass(frozen=True, slots=True)
class EffectiveNumber:
    """Effective numbers for T tolerances and G groups.

    taus: (T,) cosine similarities; groups: the G labels, sorted; frames: (G,). d0, d1, d2:
    (T, G), the orders 0, 1 and 2 inside each group: d0 counts states, d2 states weighed by how
    often they come, d1 lies between. total0, total1, total2: (T,) the same of all frames, only
    frames of one group being similar; total0 is the sum of d0, and the N_eff to report.
    """

    taus: NDArray[np.float64]
    groups: tuple[str, ...]
    frames: NDArray[np.int64]
    d0: NDArray[np.float64]
    d1: NDArray[np.float64]
    d2: NDArray[np.float64]
    total0: NDArray[np.float64]
    total1: NDArray[np.float64]
    total2: NDArray[np.float64]


def effective_number(
    vectors: ArrayLike, groups: Sequence[str] | None, taus: Sequence[float]
) -> EffectiveNumber:
    """The effective number of frames at each tolerance, within groups and in total.

    vectors: (N, d), any length but 0, compared by cosine; groups: N labels (the person, else the
    sequence), None for one group; taus: cosine similarities. Independent of the order of frames.
    """
    return summarise(neighbour_counts(vectors, groups, taus), groups, taus)


def neighbour_counts(
    vectors: ArrayLike, groups: Sequence[str] | None, taus: Sequence[float]
) -> NDArray[np.int64]:
    """(T, N) c_i at each tau: the frames of its group within tau of frame i, itself included.

    Exact: every pair of a group is compared, in blocks of ``BLOCK``; memory is the vectors twice
    and a few blocks. 1 / c_i is frame i's share in N_eff, for sums over labels or sequences.
    """
    unit = _unit(np.asarray(vectors, dtype=np.float32))
    limits = [np.float32(tau - ROUNDING) for tau in taus]
    counts = np.ones((len(limits), len(unit)), dtype=np.int64)
    for rows in _members(groups, len(unit)).values():
        counts[:, rows] += _others(unit[rows], limits)
    return counts


def summarise(
    counts: NDArray[np.int64], groups: Sequence[str] | None, taus: Sequence[float]
) -> EffectiveNumber:
    """The orders 0, 1 and 2 from neighbour counts (T, N), per group and in total."""
    members = _members(groups, counts.shape[1])
    each = [_orders(counts[:, rows]) for rows in members.values()]
    d0, d1, d2 = np.stack(each, axis=-1) if each else np.zeros((3, len(counts), 0))
    total1, total2 = _orders(counts)[1:]
    return EffectiveNumber(
        taus=np.asarray(taus, dtype=np.float64),
        groups=tuple(members),
        frames=np.array([len(rows) for rows in members.values()], dtype=np.int64),
        d0=d0,
        d1=d1,
        d2=d2,
        total0=d0.sum(axis=1),
        total1=total1,
        total2=total2,
    )


def _unit(vectors: Vectors) -> Vectors:
    if vectors.ndim != 2:
        raise ValueError(f"expected (N, d) vectors, got {vectors.shape}")
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    bad = int((~(np.isfinite(length) & (length > 0))).sum())
    if bad:
        raise FacecurateError(
            f"{bad} of {len(vectors)} vectors have no direction (zero or not finite): "
            "leave those frames out, or take another encoder"
        )
    unit: Vectors = vectors / length
    return unit


def _members(groups: Sequence[str] | None, count: int) -> dict[str, NDArray[np.int64]]:
    """The rows of each group, groups sorted by label."""
    if groups is None:
        return {"": np.arange(count)} if count else {}
    if len(groups) != count:
        raise ValueError(f"{count} vectors but {len(groups)} group labels")
    labels = sorted(set(groups))  # an array of strings would make every row as long as the longest
    number = {label: i for i, label in enumerate(labels)}
    inverse = np.fromiter((number[label] for label in groups), np.int64, count)
    order = np.argsort(inverse, kind="stable")
    ends = np.cumsum(np.bincount(inverse, minlength=len(labels)))
    rows = np.split(order, ends[:-1]) if len(labels) else []
    return dict(zip(labels, rows, strict=True))


def _others(unit: Vectors, limits: Sequence[np.float32]) -> NDArray[np.int64]:
    """(T, M) how many other rows of (M, d) unit vectors lie within each limit of each row."""
    counts = np.zeros((len(limits), len(unit)), dtype=np.int64)
    starts = range(0, len(unit), BLOCK)
    for top in starts:
        upper = unit[top : top + BLOCK]
        for left in starts[top // BLOCK :]:
            similarity = upper @ unit[left : left + BLOCK].T  # (B, d) @ (d, B) -> (B, B)
            if left == top:
                np.fill_diagonal(similarity, -np.inf)
            for t, limit in enumerate(limits):
                within = similarity >= limit
                counts[t, top : top + BLOCK] += np.count_nonzero(within, axis=1)
                if left > top:  # each pair is computed once, so that i sees j when j sees i
                    counts[t, left : left + BLOCK] += np.count_nonzero(within, axis=0)
    return counts


def _orders(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """(3, T) the orders 0, 1 and 2 of (T, M) counts; 0 where there are no frames."""
    frames = counts.shape[1]
    if not frames:
        return np.zeros((3, len(counts)))
    zero = (1.0 / counts).sum(axis=1)
    one = np.exp(-np.log(counts / frames).mean(axis=1))
    two = frames**2 / counts.sum(axis=1)
    return np.stack([zero, one, two])
