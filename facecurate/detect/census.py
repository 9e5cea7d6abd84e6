"""All faces of a pool counted by quality, in memory that does not grow with their number."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facecurate.detect.columns import COLUMNS, Column, Floats
from facecurate.pool import Pool
from facecurate.records import FACE_SCHEMA

BINS = 20_000  # of a column's range: percentiles are good to such a part of it
SHOWN = 10  # faces in a row of pictures


@dataclass(frozen=True, slots=True)
class Faces:
    """One part: ``values`` by column with NaN for unknown, ``ties`` (N,) from the keys' hashes."""

    stem: str
    keys: Sequence[str]
    kept: NDArray[np.bool_]
    values: Mapping[str, Floats]
    ties: NDArray[np.uint64]


def read_parts(pool: Pool) -> Iterator[Faces]:
    """The parts of a pool of faces, one at a time."""
    for stem in pool.stems():
        table = pool.table(stem, FACE_SCHEMA)
        keys = table["key"].to_pylist()
        values = {
            c.name: table[c.name].to_numpy(zero_copy_only=False).astype(np.float64) for c in COLUMNS
        }
        kept = np.array([status == "ok" for status in table["status"].to_pylist()], bool)
        digests = b"".join(hashlib.sha256(key.encode()).digest()[:8] for key in keys)
        yield Faces(stem, keys, kept, values, np.frombuffer(digests, ">u8").astype(np.uint64))


@dataclass(slots=True)
class Census:
    """How often each value of a column occurs, among faces that were kept and dropped."""

    column: Column
    kept: NDArray[np.int64] = field(default_factory=lambda: np.zeros(BINS, np.int64))
    dropped: NDArray[np.int64] = field(default_factory=lambda: np.zeros(BINS, np.int64))
    unknown: int = 0
    least: float = np.inf
    most: float = -np.inf

    def add(self, faces: Faces) -> None:
        """Counts one part."""
        values = faces.values[self.column.name]
        known = np.isfinite(values)
        self.unknown += int((~known).sum())
        if not known.any():
            return
        self.least = min(self.least, float(values[known].min()))
        self.most = max(self.most, float(values[known].max()))
        for counts, chosen in ((self.kept, faces.kept), (self.dropped, ~faces.kept)):
            counts += np.bincount(self.bins(values[known & chosen]), minlength=BINS)

    def bins(self, values: Floats) -> NDArray[np.int64]:
        """(N,) the bins of known values."""
        low, high = self._way(np.array([self.column.low, self.column.high]))
        place = (self._way(values) - low) / (high - low) * BINS
        return np.asarray(np.clip(place, 0, BINS - 1), np.int64)

    def edges(self, bins: NDArray[Any]) -> Floats:
        """The values at which bins begin; ``BINS`` is where the last one ends."""
        low, high = self._way(np.array([self.column.low, self.column.high]))
        way = low + (high - low) * np.asarray(bins, np.float64) / BINS
        return np.asarray(10**way if self.column.log else way)

    def _way(self, values: Floats) -> Floats:
        if not self.column.log:
            return np.asarray(values, np.float64)
        return np.asarray(np.log10(np.maximum(values, self.column.low)))

    def percentile(self, percent: float) -> float:
        """Of the kept faces, by ``Column.ranked``; NaN if there are none."""
        counts = self.kept
        if self.column.magnitude:  # fold the range about zero
            counts = counts[BINS // 2 :] + counts[: BINS // 2][::-1]
        total = int(counts.sum())
        if total == 0:
            return float("nan")
        at = int(np.searchsorted(np.cumsum(counts), percent / 100 * total))
        at += BINS // 2 if self.column.magnitude else 0
        most = max(abs(self.least), abs(self.most)) if self.column.magnitude else self.most
        least = 0.0 if self.column.magnitude else self.least
        middle = float(self.edges(np.array([at, at + 1])).mean())
        return min(max(middle, least), most)


@dataclass(frozen=True, slots=True)
class Pick:
    """A face to be shown."""

    key: str
    stem: str
    value: float


@dataclass(slots=True)
class Picks:
    """The ``SHOWN`` kept faces of least cost, ties by the hash of the key: the same in any order.

    ``targets``: the cost is how far a value is from the nearest of them; else the value itself,
    or with ``downwards`` its negative.
    """

    column: Column
    downwards: bool = False
    targets: Sequence[float] = ()
    _best: list[tuple[float, int, Pick]] = field(default_factory=list)

    def add(self, faces: Faces) -> None:
        """Looks at one part."""
        values = faces.values[self.column.name]
        rows = np.flatnonzero(faces.kept & np.isfinite(values))
        cost = self._cost(self.column.ranked(values[rows]))
        for at in np.lexsort((faces.ties[rows], cost))[:SHOWN]:
            row = int(rows[at])
            pick = Pick(faces.keys[row], faces.stem, float(values[row]))
            self._best.append((float(cost[at]), int(faces.ties[row]), pick))
        self._best = sorted(self._best, key=lambda one: one[:2])[:SHOWN]

    def _cost(self, ranked: Floats) -> Floats:
        if self.targets:
            apart = np.abs(ranked[:, None] - np.array(self.targets)[None])
            return np.asarray(apart.min(axis=1))
        return -ranked if self.downwards else ranked

    def found(self) -> list[Pick]:
        """The picked faces, from the lowest value to the highest (``downwards``: the reverse)."""
        picks = [pick for _, _, pick in self._best]
        if self.targets:
            picks.sort(key=lambda p: float(self.column.ranked(np.array([p.value]))[0]))
        return picks
