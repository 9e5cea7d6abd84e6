"""What a source says of its frames: who, which sequence, when, which split, which labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

UNKNOWN = -1
"""The code of a frame of which the source says nothing."""

Codes = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Structure:
    """N frames in the order of their keys, as codes that index the names; only ever copied.

    subject, session, sequence, split: (N,) int32, ``UNKNOWN`` where the source is silent; frame:
    (N,) int64, the number within its sequence, in the order of time, -1 where unknown; rate: (N,)
    float32, frames a second of the frame's sequence, NaN where unknown; *_names: what a code means.
    """

    subject: Codes
    session: Codes
    sequence: Codes
    split: Codes
    frame: NDArray[np.int64]
    rate: NDArray[np.float32]
    subject_names: tuple[str, ...]
    session_names: tuple[str, ...]
    sequence_names: tuple[str, ...]
    split_names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Labels:
    """What was coded: values (N, A) float32, NaN = missing; names: the A labels, such as AU4.

    levels: True for action units, whose values are the ordered levels 0 to 5.
    """

    names: tuple[str, ...]
    values: NDArray[np.float32]
    levels: bool
