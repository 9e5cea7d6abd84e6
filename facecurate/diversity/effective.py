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
    weights, codes = pairs.weights, pairs.groups.codes[pairs.rows]
    total0, total1, total2 = _orders(pairs.counts, weights)
    present = sorted(np.unique(codes).tolist(), key=lambda code: pairs.groups.names[code])
    parts = [codes == code for code in present]
    each = [_orders(pairs.counts[:, part], weights[part]) for part in parts]
    d0, d1, d2 = np.stack(each, axis=-1) if each else np.zeros((3, len(pairs.taus), 0))
    strata = [np.full(len(codes), True)] if pairs.pooled else parts
    spread = [_error(pairs.counts[:, part], weights[part]) for part in strata]
    frames = np.bincount(pairs.groups.codes, minlength=len(pairs.groups.names))[present]
    names = tuple(pairs.groups.names[code] for code in present)
    error0 = np.sqrt(sum((one**2 for one in spread), np.zeros(len(pairs.taus))))
    return EffectiveNumber(
        pairs.taus, names, frames.astype(np.int64), d0, d1, d2, total0, total1, total2, error0
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


def _orders(counts: NDArray[np.int32], weights: Floats) -> Floats:
    """(3, T) the orders 0, 1 and 2 of (T, M) counts of frames that weigh (M,)."""
    if not len(weights):
        return np.zeros((3, len(counts)))
    frames = weights.sum()
    zero = (1.0 / counts) @ weights
    one = np.exp(-(np.log(counts / frames) @ weights) / frames)
    two = frames**2 / (counts @ weights)
    return np.stack([zero, one, two])


def _error(counts: NDArray[np.int32], weights: Floats) -> Floats:
    """(T,) the standard error of the sum of w / c over frames drawn from one group, Cochran's."""
    drawn = counts.shape[1]
    frames = weights.sum()
    left = max(0.0, 1 - drawn / frames)
    if drawn < 2 or not left:
        return np.zeros(len(counts))
    error: Floats = frames * (1.0 / counts).std(axis=1, ddof=1) * np.sqrt(left / drawn)
    return error
