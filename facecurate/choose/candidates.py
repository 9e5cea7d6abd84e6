"""What a strategy chooses from, and what it hands back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from facecurate.diversity.structure import UNKNOWN, Labels, Structure
from facecurate.probes.narrow import impersonal
from facecurate.shares import hash_place

Rows = NDArray[np.int64]

GATE = 5.0
"""Percent of the frames, the worst by quality, that are below the gate."""

FEW = 20
"""Frames from which a mean tells what a person is like."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """N frames of the people that are trained on, in the order of their keys.

    vectors: (N, d) float32, of any length; structure: of the same frames; spacing: frames within
    which two frames of a sequence are alike (the correlation time), 1 to keep every frame;
    quality: (N,) more is better, NaN where unknown; labels: for strategies that read them.
    """

    keys: tuple[str, ...]
    vectors: NDArray[np.float32]
    structure: Structure
    spacing: float = 1.0
    quality: NDArray[np.float32] | None = None
    labels: Labels | None = None

    def __post_init__(self) -> None:
        if list(self.keys) != sorted(set(self.keys)):
            raise ValueError("candidates stand in the order of their keys, each once")
        if not self.spacing >= 1:
            raise ValueError(f"spacing ({self.spacing}) is 1 frame or more")

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def people(self) -> NDArray[np.int32]:
        """(N,) whose frame each is: the subject, else the sequence, else one for all."""
        for codes in (self.structure.subject, self.structure.sequence):
            if len(codes) and (codes != UNKNOWN).all():
                return codes
        return np.zeros(len(self), np.int32)

    @property
    def good(self) -> NDArray[np.bool_]:
        """(N,) at or above the gate; unknown quality passes."""
        if self.quality is None or not np.isfinite(self.quality).any():
            return np.ones(len(self), bool)
        least = np.nanpercentile(self.quality, GATE)
        return np.asarray(~(self.quality < least))

    def expressions(self) -> NDArray[np.float32]:
        """(N, d) of length 1: the vectors less what each person is like, so what a face does.

        People of whom there are fewer than ``FEW`` frames are taken together.
        """
        _, group, count = np.unique(self.people, return_inverse=True, return_counts=True)
        group = np.where(count[group] < FEW, -1, group)
        made = impersonal(self.vectors, group.astype(np.int64))
        made /= np.maximum(np.linalg.norm(made, axis=1, keepdims=True), np.float32(1e-12))
        return made

    def places(self, unit: str, seed: int) -> Rows:
        """(N,) the place of each frame in a seeded order of their keys."""
        told = [hash_place(key, dataset="choose", unit=unit, seed=seed) for key in self.keys]
        order = sorted(range(len(told)), key=told.__getitem__)
        places = np.empty(len(told), np.int64)
        places[order] = np.arange(len(told))
        return places

    def of(self, rows: Rows) -> Candidates:
        """These frames alone; ``rows`` rising."""
        return replace(
            self,
            keys=tuple(self.keys[i] for i in rows.tolist()),
            vectors=self.vectors[rows],
            structure=structure_of(self.structure, rows),
            quality=None if self.quality is None else self.quality[rows],
            labels=None if self.labels is None else replace(
                self.labels, values=self.labels.values[rows]
            ),
        )  # fmt: skip


def structure_of(structure: Structure, rows: Rows) -> Structure:
    """What is said of these frames; the codes keep their names."""
    columns = ("subject", "session", "sequence", "split", "frame", "rate")
    return replace(structure, **{name: getattr(structure, name)[rows] for name in columns})


def to_train_on(structure: Structure) -> Rows:
    """The rows of the split ``train``; all rows of a source that has no such split."""
    if "train" not in structure.split_names:
        return np.arange(len(structure.split))
    return np.flatnonzero(structure.split == structure.split_names.index("train"))


@dataclass(frozen=True, slots=True)
class Chosen:
    """Rows of the candidates in the order in which they were chosen: a smaller set is a prefix.

    told: what the strategy says of its choice, such as ``radius``.
    """

    rows: Rows
    told: Mapping[str, float] = field(default_factory=dict)
