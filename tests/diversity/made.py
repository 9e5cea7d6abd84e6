"""Structures and labels in a few words."""

from collections.abc import Sequence

import numpy as np

from facecurate.diversity.structure import UNKNOWN, Labels, Structure


def codes(names: Sequence[str | None]) -> tuple[np.ndarray, tuple[str, ...]]:
    known = tuple(sorted({name for name in names if name is not None}))
    return np.array([UNKNOWN if n is None else known.index(n) for n in names], np.int32), known


def structure(
    frame: Sequence[int],
    sequence: Sequence[str | None] | None = None,
    subject: Sequence[str | None] | None = None,
    rate: float = 20.0,
) -> Structure:
    """Frames of one sequence and person if nothing else is said."""
    count = len(frame)
    films, film_names = codes(["film"] * count if sequence is None else sequence)
    people, people_names = codes(["ann"] * count if subject is None else subject)
    nothing = np.full(count, UNKNOWN, np.int32)
    return Structure(
        subject=people,
        session=nothing,
        sequence=films,
        split=nothing,
        frame=np.array(frame, np.int64),
        rate=np.full(count, rate, np.float32),
        subject_names=people_names,
        session_names=(),
        sequence_names=film_names,
        split_names=(),
    )


def labels(*columns: Sequence[float]) -> Labels:
    """One column a unit: AU1, AU2, ..."""
    names = tuple(f"AU{k + 1}" for k in range(len(columns)))
    return Labels(names, np.array(columns, np.float32).T, levels=True)
