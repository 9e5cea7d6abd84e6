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
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from facecurate.diversity.pairs import Pairs, compare
from facecurate.diversity.places import bare
from facecurate.diversity.tables import Tabular

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class EffectiveNumber(Tabular):
    """Effective numbers for T tolerances and G groups.

    taus: (T,) cosine similarities; groups: the G labels, sorted; frames: (G,). d0, d1, d2:
    (T, G), the orders 0, 1 and 2 inside each group: d0 counts states, d2 states weighed by how
    often they come, d1 lies between. total0, total1, total2: (T,) the same of all frames, only
    frames of one group being similar; total0 is the sum of d0, and the N_eff to report. error0:
    (T,) the standard error of total0 where a sample was compared with all frames, else 0.
    """

    taus: Floats
    groups: tuple[str, ...]
    frames: NDArray[np.int64]
    d0: Floats
    d1: Floats
    d2: Floats
    total0: Floats
    total1: Floats
    total2: Floats
    error0: Floats

    def to_arrow(self) -> pa.Table:
        """One row for each tolerance and group: tau, group, frames, d0, d1, d2."""
        times, size = len(self.taus), len(self.groups)
        return pa.table(
            {
                "tau": np.repeat(self.taus, size),
                "group": list(self.groups) * times,
                "frames": np.tile(self.frames, times),
                "d0": self.d0.ravel(),
                "d1": self.d1.ravel(),
                "d2": self.d2.ravel(),
            }
        )


def effective_number(
    vectors: ArrayLike, groups: Sequence[str] | None, taus: Sequence[float]
) -> EffectiveNumber:
    """The effective number of frames at each tolerance, within groups and in total.

    vectors: (N, d), any length but 0, compared by cosine; groups: N labels (the person, else the
    sequence), None for one group; taus: cosine similarities. Independent of the order of frames.
    """
    return effective(_inside(vectors, groups, taus))


def neighbour_counts(
    vectors: ArrayLike, groups: Sequence[str] | None, taus: Sequence[float]
) -> NDArray[np.int32]:
    """(T, N) c_i at each tau: the frames of its group within tau of frame i, itself included.

    Exact: every pair of a group is compared. 1 / c_i is frame i's share in N_eff.
    """
    return _inside(vectors, groups, taus).counts


def effective(pairs: Pairs) -> EffectiveNumber:
    """The orders 0, 1 and 2 from one pass over the pairs, per group and in total."""
    present, group = np.unique(pairs.groups.codes[pairs.rows], return_inverse=True)
    in_order = sorted(range(len(present)), key=lambda g: pairs.groups.names[present[g]])
    by_name = np.array(in_order, np.int64)
    place = np.empty(len(present), np.int64)
    place[by_name] = np.arange(len(present))
    group, weights = place[group], pairs.weights
    one = np.zeros(len(group), np.int64)
    each = [_orders(counts, weights, group, len(present)) for counts in pairs.counts]
    total = [_orders(counts, weights, one, min(1, len(present))) for counts in pairs.counts]
    d0, d1, d2 = np.stack(each, axis=1)
    strata = one if pairs.pooled else group
    error0 = np.array([_error(counts, weights, strata) for counts in pairs.counts])
    sizes = np.bincount(pairs.groups.codes, minlength=len(pairs.groups.names))[present]
    names = tuple(pairs.groups.names[code] for code in present[by_name])
    total0, total1, total2 = np.stack(total, axis=1).sum(axis=2)
    return EffectiveNumber(
        pairs.taus, names, sizes[by_name], d0, d1, d2, total0, total1, total2, error0
    )  # fmt: skip


def effective_frames(pairs: Pairs, tau: float, chosen: NDArray[np.bool_]) -> float:
    """What the chosen frames weigh in N_eff at one of the taus: the sum of their 1 / c_i.

    chosen: (N,), such as the frames with AU4 at 3 or more; c_i still counts all frames of the
    group. The weights of a label's levels therefore add up to N_eff.
    """
    counted = chosen[pairs.rows]
    return float((pairs.weights[counted] / pairs.within(tau)[counted]).sum())


def _inside(vectors: ArrayLike, groups: Sequence[str] | None, taus: Sequence[float]) -> Pairs:
    x = np.asarray(vectors)
    if x.ndim != 2:
        raise ValueError(f"expected (N, d) vectors, got {x.shape}")
    labels = [""] * len(x) if groups is None else groups
    if len(labels) != len(x):
        raise ValueError(f"{len(x)} vectors but {len(labels)} group labels")
    names = tuple(sorted(set(labels)))
    number = {name: code for code, name in enumerate(names)}
    codes = np.fromiter((number[label] for label in labels), np.int32, len(labels))
    if x.dtype != np.float16:
        x = np.asarray(x, np.float32)
    return compare(x, bare(codes, names), taus, across=False, exact_up_to=len(x))


def _orders(
    counts: NDArray[np.int32], weights: Floats, group: NDArray[np.int64], groups: int
) -> Floats:
    """(3, G) the orders 0, 1 and 2 inside each group; (M,) counts of frames that weigh (M,)."""

    def summed(values: Floats) -> Floats:
        return np.bincount(group, values, minlength=groups).astype(np.float64)

    frames = summed(weights)
    one = frames * np.exp(-summed(weights * np.log(counts)) / frames)
    return np.stack([summed(weights / counts), one, frames**2 / summed(weights * counts)])


def _error(counts: NDArray[np.int32], weights: Floats, stratum: NDArray[np.int64]) -> float:
    """The standard error of the sum of w / c over frames drawn from each stratum (Cochran)."""
    drawn, frames = np.bincount(stratum), np.bincount(stratum, weights)
    share = 1.0 / counts
    rest = share - (np.bincount(stratum, share) / np.maximum(drawn, 1))[stratum]
    variance = np.bincount(stratum, rest**2) / np.maximum(drawn - 1, 1)
    left = np.maximum(0.0, 1 - drawn / np.maximum(frames, 1))
    return float(np.sqrt((frames**2 * variance * left / np.maximum(drawn, 1)).sum()))
