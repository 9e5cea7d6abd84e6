"""Pairs of frames of one person, by how alike they are and whether their labels agree.

Only pairs further apart in time than the correlation time: neighbouring frames agree in both
because nothing has happened yet. A sample of each person's frames, drawn evenly over its frames in
the order of time, is compared with all others of the person; nothing is drawn by chance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facecurate.diversity import kernels
from facecurate.diversity.blocks import BLOCK
from facecurate.diversity.cosines import Exact, usable
from facecurate.diversity.places import Grouping, Index, grouping, places
from facecurate.diversity.structure import Labels, Structure
from facecurate.errors import FacecurateError
from facecurate.similar.products import Vectors

ASKED = 400
"""Frames of each group that are compared with all others of it."""

EDGES = np.concatenate([[0.0], np.geomspace(1e-6, 2.0, 2500)])
"""Distances 1 - cosine between which pairs are told apart, 0.6 % from one to the next."""

LEVEL = 1.0
"""Labels that differ by this much differ: one level of an action unit."""


@dataclass(frozen=True, slots=True)
class LabelPairs:
    """How many pairs there are at each distance, and how many of them differ in a label.

    groups: within what; equal, different: (G, B) counts between EDGES[b] and EDGES[b + 1], of the
    pairs whose labels differ nowhere, and of those that differ by ``LEVEL`` in any label; asked:
    frames compared with all others; unlabelled: frames left out because a label is missing.
    """

    groups: Grouping
    equal: NDArray[np.int64]
    different: NDArray[np.int64]
    asked: int
    unlabelled: int


def label_pairs(
    vectors: Vectors,
    structure: Structure,
    labels: Labels,
    apart: ArrayLike,
    *,
    asked: int = ASKED,
) -> LabelPairs:
    """Counts pairs of one group whose frames lie further apart than ``apart`` frames.

    apart: one number, or (N,) one a frame (its sequence's correlation time in frames): the greater
    of the two holds. Frames of different sequences, or of no sequence, are always apart; frames of
    one sequence without numbers never are. Labels must have levels.
    """
    if not labels.levels:
        raise FacecurateError(f"labels without levels: {', '.join(labels.names)} do not agree")
    rows, groups = usable(vectors), grouping(structure)
    at = places(structure, groups)
    values = labels.values[:, ~np.isnan(labels.values).all(axis=0)]
    labelled = ~np.isnan(values).any(axis=1) & (values.shape[1] > 0)
    order = at.row[labelled[at.row]]
    reach = np.broadcast_to(np.asarray(apart, np.float64), len(vectors))
    equal = np.zeros((len(groups.names), len(EDGES) - 1), np.int64)
    found = LabelPairs(groups, equal, equal.copy(), 0, int((~labelled).sum()))
    codes, taken, cosines = groups.codes[order], 0, Exact(rows, BLOCK)
    for members in np.split(order, np.flatnonzero(np.diff(codes)) + 1):  # groups stand together
        chosen = np.unique(np.linspace(0, len(members) - 1, min(asked, len(members))).astype(int))
        taken += len(chosen)
        if len(members) > 1:
            code = int(groups.codes[members[0]])
            _count(cosines, structure, values, reach, members, chosen, found, code)
    return LabelPairs(groups, found.equal, found.different, taken, found.unlabelled)


def _count(
    cosines: Exact, structure: Structure, values: NDArray[np.float32], reach: NDArray[np.float64],
    members: Index, chosen: Index, found: LabelPairs, code: int,
) -> None:  # fmt: skip
    """Enters the pairs of one group: places ``chosen`` in its ``members`` with all of these."""
    asked = np.full(len(members), False)
    asked[chosen] = True
    first = cosines.prepared(members[chosen])
    about = (structure.sequence[members], structure.frame[members], reach[members])
    coded = np.ascontiguousarray(values[members])
    for left in range(0, len(members), BLOCK):
        others = cosines.prepared(members[left : left + BLOCK])
        kernels.agreeing(
            cosines.of(first, others), chosen, left, asked, *about, coded, LEVEL, EDGES,
            found.equal[code], found.different[code],
        )  # fmt: skip
