"""Rendered layout ``photos``: a pool as a crawl brings it, with planted copies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np

from facecurate import storage
from facecurate.synth.coders import code
from facecurate.synth.corpora import PlannedPhoto, plan_photo
from facecurate.synth.facs import ACTION_UNITS
from facecurate.synthesise import rows

DATASET: str | None = None
PART_SIZE = 100


@dataclass(frozen=True, slots=True)
class Photos(Sequence[PlannedPhoto]):
    """The plan of a corpus; each item is made when it is asked for."""

    total: int
    seed: int

    def __len__(self) -> int:
        return self.total

    @overload
    def __getitem__(self, at: int) -> PlannedPhoto: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[PlannedPhoto]: ...
    def __getitem__(self, at: int | slice) -> PlannedPhoto | Sequence[PlannedPhoto]:
        if isinstance(at, slice):
            return [plan_photo(self.seed, i) for i in range(*at.indices(self.total))]
        return plan_photo(self.seed, range(self.total)[at])


def items(count: int, seed: int) -> Photos:
    """The plan of ``count`` photos; more photos keep those that were there."""
    return Photos(count, seed)


def render(files: str, item: PlannedPhoto) -> Iterator[dict[str, Any]]:
    """Writes one photo; its truth."""
    data, known = item.make()
    storage.write_atomic(storage.join(files, *known.file.split("/")), data)
    original = item.index if item.original is None else item.original
    units = np.array([face.units for face in known.labels]).reshape(-1, len(ACTION_UNITS))
    coded = code(units, None, original, panel=item.seed)  # a copy is labelled as its original is
    yield rows.row(
        known.file, known.labels, kind=known.kind, copy_of=known.copy_of, coded=coded.tolist()
    )


def complete(files: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Photos need no lists."""
