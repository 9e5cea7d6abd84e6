"""Splits of people into folds, repeated: nobody is trained and tested on at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from facecurate.errors import FacecurateError
from facecurate.shares import hash_order


def splits(
    names: Sequence[str], *, folds: int = 3, repeats: int = 5, seed: int = 0
) -> NDArray[np.int64]:
    """(repeats, G) the fold of each of G people (their distinct names) in each split.

    A split deals the people out in a hash order of their names, so that it depends on nothing else
    and the folds differ by one person at most. Raises FacecurateError for fewer people than folds.
    """
    if len(names) < folds:
        raise FacecurateError(
            f"{len(names)} people cannot be dealt out to {folds} folds: take fewer folds"
        )
    dealt = np.empty((repeats, len(names)), np.int64)
    at = {name: g for g, name in enumerate(names)}
    for repeat in range(repeats):
        order = hash_order(names, dataset="folds", unit=f"repeat {repeat}", seed=seed)
        dealt[repeat, [at[name] for name in order]] = np.arange(len(names)) % folds
    return dealt
