"""How often the labels change: runs of a constant label vector, and how many vectors there are.

The floor that needs no encoder. It depends on the coder alone: on how fine the levels are, and on
labels that flicker, each flicker being a run of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from facecurate.diversity.stretches import Rows, Stretches, stretches
from facecurate.diversity.structure import UNKNOWN, Labels, Structure

NOTHING = -1
"""The vector of a frame of which nothing was coded."""


@dataclass(frozen=True, slots=True)
class LabelRuns:
    """R maximal runs, in the order of sequences, people and time.

    sequence, subject: (R,) names, None where unknown; first: (R,) frame number of the first frame;
    frames, seconds: (R,) how long, NaN seconds where the rate is unknown; vector: (R,) numbers the
    label vectors. distinct: label vectors of all labelled frames, also of those without a time;
    labelled, untimed: frames with a label, and those of them that lie in no sequence.
    """

    sequence: tuple[str | None, ...]
    subject: tuple[str | None, ...]
    first: Rows
    frames: Rows
    seconds: NDArray[np.float64]
    vector: Rows
    distinct: int
    labelled: int
    untimed: int

    @property
    def count(self) -> int:
        """Runs in all."""
        return len(self.first)

    def to_arrow(self) -> pa.Table:
        """One row a run."""
        return pa.table(
            {
                "sequence": pa.array(self.sequence, pa.string()),
                "subject": pa.array(self.subject, pa.string()),
                "first_frame": self.first,
                "frames": self.frames,
                "seconds": self.seconds,
                "vector": self.vector,
            }
        )

    def by_subject(self) -> pa.Table:
        """One row a person: labelled frames in sequences, runs, distinct vectors, longest run."""
        wanted = {
            "frames": ("frames", "sum"),
            "runs": ("frames", "count"),
            "distinct": ("vector", "count_distinct"),
            "longest_frames": ("frames", "max"),
            "longest_seconds": ("seconds", "max"),
        }
        groups = self.to_arrow().group_by("subject", use_threads=False)
        table = groups.aggregate(list(wanted.values())).sort_by("subject")
        made = {name: table[f"{column}_{how}"] for name, (column, how) in wanted.items()}
        return pa.table({"subject": table["subject"], **made})


def label_runs(structure: Structure, labels: Labels) -> LabelRuns:
    """The runs of the whole label vector, per sequence and person.

    A gap in the frame numbers ends a run (see ``stretches``). So does a frame of which nothing was
    coded, which belongs to none; a label that is missing beside others is a value of its own, so
    that a unit that was never coded changes nothing. Frames without a sequence have no runs.
    """
    vectors = numbered(labels.values)
    lines = stretches(structure)
    first, frames = _runs(lines, vectors[lines.rows])
    rows, seconds = lines.rows[first], lines.seconds(lines.of(first), frames)
    labelled = int((vectors != NOTHING).sum())
    return LabelRuns(
        sequence=_named(structure.sequence[rows], structure.sequence_names),
        subject=_named(structure.subject[rows], structure.subject_names),
        first=structure.frame[rows],
        frames=frames,
        seconds=seconds,
        vector=vectors[rows],
        distinct=int(vectors.max(initial=NOTHING)) + 1,
        labelled=labelled,
        untimed=labelled - int(frames.sum()),
    )


def numbered(values: NDArray[np.float32]) -> Rows:
    """(N,) a number for each different row of (N, A), from 0; ``NOTHING`` where all is missing."""
    out = np.full(len(values), NOTHING, np.int64)
    some = ~np.isnan(values).all(axis=1) if values.shape[1] else np.zeros(len(values), bool)
    plain = np.where(np.isnan(values[some]), np.float32(np.nan), values[some] + np.float32(0))
    rows = np.ascontiguousarray(plain).view(np.dtype((np.void, 4 * max(1, values.shape[1]))))
    out[some] = np.unique(rows.ravel(), return_inverse=True)[1]
    return out


def _runs(lines: Stretches, vectors: Rows) -> tuple[Rows, Rows]:
    same = np.zeros(len(vectors), bool)
    same[1:] = np.diff(vectors) == 0
    first, frames = lines.runs(same)
    told = vectors[first] != NOTHING
    return first[told], frames[told]


def _named(codes: NDArray[np.int32], names: tuple[str, ...]) -> tuple[str | None, ...]:
    return tuple(None if code == UNKNOWN else names[code] for code in codes.tolist())
