"""Features made ready for a probe, without a look at any label."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

WIDE = 1024
"""Features up to this width are taken as they are: a fit costs width^3."""

_SAMPLE = 4096


def narrow(
    features: NDArray[np.float32], *, width: int = WIDE, seed: int = 0
) -> NDArray[np.float32]:
    """(N, d) -> (N, at most width): centred, and turned to the principal axes of some frames.

    4 x 4 spatially pooled features of a network have thousands of numbers. The axes see frames of
    all people without their labels, as the encoder might have. Memory: the result and one block.
    """
    mean = features.mean(axis=0, dtype=np.float64).astype(np.float32)
    if features.shape[1] <= width:
        return np.asarray(features - mean, np.float32)
    rng = np.random.default_rng([seed, 0xA7E5])
    rows = np.sort(rng.choice(len(features), min(_SAMPLE, len(features)), replace=False))
    _, _, axes = np.linalg.svd(features[rows] - mean, full_matrices=False)
    turn = np.ascontiguousarray(axes[:width].T)
    starts = range(0, len(features), _SAMPLE)
    return np.concatenate([(features[s : s + _SAMPLE] - mean) @ turn for s in starts])


def impersonal(features: NDArray[np.float32], person: NDArray[np.int64]) -> NDArray[np.float32]:
    """(N, d) less the mean of each person's frames: what a face does, not what it is like.

    Person-specific normalisation, as Baltrušaitis, Mahmoud and Robinson (FG 2015) use it for action
    units. It needs who is in a frame, of the people tested on too, and no label.
    """
    made = np.array(features, np.float32)
    for who in np.unique(person):
        mine = person == who
        made[mine] -= made[mine].mean(axis=0, dtype=np.float64).astype(np.float32)
    return made
