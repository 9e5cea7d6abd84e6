"""Effective sample sizes and time constants of labels, and of whatever else is seen in time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from facecurate.diversity.correlation import Correlation, correlation
from facecurate.diversity.stretches import stretches
from facecurate.diversity.structure import UNKNOWN, Structure

Floats = NDArray[np.float64]


class Timing(NamedTuple):
    """What time does to one variable.

    sequence: None for all sequences together; ``inside``: each sequence's own mean taken away, the
    time constant of what changes; ``across``: the mean of all taken away, the effective sample
    size of that mean, to which a lasting difference between people counts as correlation.
    frame: seconds from one frame to the next, NaN where unknown or where sequences differ.
    """

    variable: str
    sequence: str | None
    inside: Correlation
    across: Correlation
    frame: float


@dataclass(frozen=True, slots=True)
class Timings:
    """pooled: each variable over all sequences; single: each variable in each sequence."""

    pooled: tuple[Timing, ...]
    single: tuple[Timing, ...]

    @property
    def interval(self) -> float:
        """Frames between which no variable is correlated any more; 1 where none ever changes."""
        return max([one.inside.interval for one in self.pooled if one.inside.time > 0], default=1.0)

    def to_arrow(self) -> pa.Table:
        """One row a variable and sequence, ``sequence`` null where all are pooled."""
        rows = [_line(timing) for timing in (*self.pooled, *self.single)]
        return pa.Table.from_pylist(rows, schema=_SCHEMA)


_SCHEMA = pa.schema(
    [
        ("variable", pa.string()),
        ("sequence", pa.string()),
        ("frames", pa.int64()),
        ("effective", pa.float64()),  # frames / tau
        ("tau_frames", pa.float64()),  # integrated time; null where the variable never changes
        ("tau_seconds", pa.float64()),
        ("interval_frames", pa.float64()),  # sampling interval that makes frames independent
        ("interval_seconds", pa.float64()),
        ("relative_error", pa.float64()),  # standard error of tau and of effective
        ("reliable", pa.bool_()),  # within 15 %: tau is at most a fiftieth of a sequence
        ("effective_of_mean", pa.float64()),  # with the mean of all taken away
    ]
)


def timings(structure: Structure, names: Sequence[str], values: ArrayLike) -> Timings:
    """Of every column of ``values``, (N, V), NaN = missing: labels, or principal components.

    A missing value and a gap in the frame numbers end a piece of a series (see ``stretches``);
    the pieces of one person in one sequence are one series. Only frames with a time are used, and
    series are pooled where their frames are equally far apart.
    """
    table = np.asarray(values, np.float64)
    if table.shape != (len(structure.frame), len(names)):
        raise ValueError(
            f"{len(structure.frame)} frames and {len(names)} names, values {table.shape}"
        )
    films = list(_films(structure))
    single, pooled = [], []
    for column, name in enumerate(names):
        series = [
            (film, [part for rows in film.pieces for part in _parts(table[rows, column])])
            for film in films
        ]
        series = [(film, pieces) for film, pieces in series if pieces]
        single += [
            Timing(name, film.sequence, *_both([pieces]), film.frame) for film, pieces in series
        ]
        pooled.append(_pooled(name, series))
    return Timings(tuple(pooled), tuple(single))


class _Film(NamedTuple):
    """One person in one sequence: the rows of each stretch, and how far frames are apart."""

    sequence: str
    frame: float  # seconds
    pieces: list[NDArray[np.int64]]


def _films(structure: Structure) -> Iterator[_Film]:
    lines = stretches(structure)
    each = np.split(lines.rows, lines.bounds[1:-1]) if len(lines.step) else []
    lasting = lines.step / lines.rate

    def who(k: int) -> tuple[int, int, float]:
        row = each[k][0]
        apart = float(np.nan_to_num(lasting[k], nan=-1.0))
        return int(structure.sequence[row]), int(structure.subject[row]), apart

    for (sequence, subject, apart), group in groupby(range(len(each)), key=who):
        name = structure.sequence_names[sequence]
        alone = subject == UNKNOWN or structure.subject_names[subject] == name
        label = name if alone else f"{name} ({structure.subject_names[subject]})"
        yield _Film(label, apart if apart > 0 else np.nan, [each[k] for k in group])


def _parts(values: Floats) -> list[Floats]:
    """The values between missing ones."""
    seen = ~np.isnan(values)
    cuts = np.flatnonzero(np.diff(seen.astype(np.int8))) + 1
    return [part for part in np.split(values, cuts) if len(part) and not np.isnan(part[0])]


def _both(series: Sequence[Sequence[Floats]]) -> tuple[Correlation, Correlation]:
    return correlation(series), correlation(series, common_mean=True)


def _pooled(name: str, series: Sequence[tuple[_Film, list[Floats]]]) -> Timing:
    """All series, one correlation for each distance between frames; effective sizes are added."""
    apart = {film.frame if film.frame > 0 else -1.0 for film, _ in series}
    classes = [
        [pieces for film, pieces in series if film.frame == one or (one < 0 and not film.frame > 0)]
        for one in sorted(apart)
    ]
    both = [_both(one) for one in classes] or [_both([])]
    frame = next(iter(apart)) if len(apart) == 1 else np.nan
    inside, across = (_added([pair[k] for pair in both]) for k in (0, 1))
    return Timing(name, None, inside, across, frame if frame > 0 else np.nan)


def _added(found: Sequence[Correlation]) -> Correlation:
    found = [one for one in found if one.time > 0] or found[:1]  # those that change at all
    if len(found) == 1:
        return found[0]
    frames = sum(one.frames for one in found)
    effective = sum(one.effective for one in found)
    length = sum(one.length * one.frames for one in found) / frames
    return Correlation(frames, frames / effective, length)


def _line(timing: Timing) -> dict[str, object]:
    inside = timing.inside
    told = {
        "effective": inside.effective,
        "tau_frames": inside.time,
        "tau_seconds": inside.time * timing.frame,
        "interval_frames": inside.interval,
        "interval_seconds": inside.interval * timing.frame,
        "relative_error": inside.error,
        "effective_of_mean": timing.across.effective,
    }
    known = {name: None if np.isnan(value) else value for name, value in told.items()}
    return {
        "variable": timing.variable,
        "sequence": timing.sequence,
        "frames": inside.frames,
        "reliable": inside.reliable,
        **known,
    }
