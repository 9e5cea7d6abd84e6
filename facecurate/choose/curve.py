"""The learning curve: a probe on some of the people and some of their frames, tested on others.

Cells of a two-way design share draws and folds, so that their differences are paired. Everybody's
second moments are gathered once a draw and share of frames; then no cell looks at a frame.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from facecurate.choose.design import SCORES, Design
from facecurate.choose.scores import Agreement, Examination, Points
from facecurate.probes.folds import splits
from facecurate.probes.moments import NUMBERS
from facecurate.probes.ridge import Linear, Sums, choose_penalties, fit, gather
from facecurate.shares import hash_order, hash_place
from facecurate.workers import Progress, silent

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Labelled:
    """N frames with features and labels, in any order.

    keys; features (N, d) float32 with a mean near 0 (``probes.narrow``); targets (N, T), NaN =
    missing, points as x y x y ...; person (N,) 0...G-1; people: the G names; names: of the targets;
    score: icc, ccc or nme; normaliser: (N,) for nme.
    """

    keys: tuple[str, ...]
    features: NDArray[np.float32]
    targets: NDArray[np.float32]
    person: Rows
    people: tuple[str, ...]
    names: tuple[str, ...]
    score: str = "icc"
    normaliser: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        if self.score not in SCORES or (self.score == "nme") != (self.normaliser is not None):
            raise ValueError(f"score {self.score!r}: one of {SCORES}; nme alone has a normaliser")

    def examined(self, rows: Rows, columns: Rows) -> Labelled:
        """These frames with these targets."""
        return Labelled(
            tuple(self.keys[i] for i in rows.tolist()),
            self.features[rows],
            self.targets[np.ix_(rows, columns)],
            self.person[rows],
            self.people,
            tuple(self.names[c] for c in columns.tolist()) if self.score != "nme" else self.names,
            self.score,
            None if self.normaliser is None else self.normaliser[rows],
        )


@dataclass(frozen=True, slots=True)
class Curve:
    """P shares of people by F shares of frames.

    start: what the features come from; sums: (P, F, draws, repeats, G, T, m), see ``scores``;
    trained: (P, F) frames trained on, their mean over draws, repeats and folds.
    """

    start: str
    score: str
    design: Design
    people: tuple[str, ...]
    names: tuple[str, ...]
    sums: Floats
    trained: Floats


def learning_curve(
    data: Labelled, design: Design, *, start: str, progress: Progress = silent
) -> Curve:
    """Every cell of the design, on ridge probes whose penalty people left out have chosen.

    Of every cell's penalties those of the first draw serve for all. Targets with the same missing
    frames are fitted together. Raises FacecurateError for fewer people than folds.
    """
    parts = list(_patterns(data))
    shape = len(design.people), len(design.frames), design.draws, design.repeats, len(data.people)
    sums = np.zeros((*shape, 1, 2) if data.score == "nme" else (*shape, len(data.names), NUMBERS))
    trained = np.zeros(shape[:2])
    total = len(parts) * design.draws * len(design.frames)
    done = 0
    for rows, columns in parts:
        part = data.examined(rows, columns)
        put = slice(None) if data.score == "nme" else columns
        for _ in _cells(part, design, sums, put, trained):
            done += 1
            progress(done, total)
    trained /= len(parts) * design.draws * design.repeats * design.folds
    return Curve(start, data.score, design, data.people, data.names, sums, trained)


def _patterns(data: Labelled) -> Iterator[tuple[Rows, Rows]]:
    """(rows, columns): the targets that are known on the same frames, and these frames."""
    known = ~np.isnan(data.targets)
    if data.score == "nme":  # a frame is trained on if it has all points
        yield np.flatnonzero(known.all(axis=1)), np.arange(known.shape[1])
        return
    if known.all():
        yield np.arange(len(known)), np.arange(known.shape[1])
        return
    patterns, which = np.unique(known.T, axis=0, return_inverse=True)
    for at, pattern in enumerate(patterns):
        if pattern.any():
            yield np.flatnonzero(pattern), np.flatnonzero(which.ravel() == at)


class _Draw(NamedTuple):
    """rank: (N,) of each frame within its person; order: the people."""

    rank: Rows
    order: list[int]


def _draw(data: Labelled, seed: int, draw: int) -> _Draw:
    places = [hash_place(k, dataset="curve", unit=f"frames {draw}", seed=seed) for k in data.keys]
    by_place = np.array(sorted(range(len(places)), key=places.__getitem__), np.int64)
    order = by_place[np.argsort(data.person[by_place], kind="stable")]
    count = np.bincount(data.person, minlength=len(data.people))
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order)) - np.repeat(np.cumsum(count) - count, count)
    at = {name: g for g, name in enumerate(data.people)}
    names = hash_order(data.people, dataset="curve", unit=f"people {draw}", seed=seed)
    return _Draw(rank, [at[name] for name in names])


def first(percent: float, of: int | Rows) -> Rows:
    """How many of ``of`` a share is: rounded, and at least one."""
    return np.maximum(1, np.rint(percent * np.asarray(of) / 100)).astype(np.int64)


def _cells(
    data: Labelled, design: Design, sums: Floats, put: slice | Rows, trained: Floats
) -> Iterator[None]:
    """Fills ``sums[..., put, :]`` and adds to ``trained``; yields after every gathering."""
    dealt = splits(data.people, folds=design.folds, repeats=design.repeats, seed=design.seed)
    count = np.bincount(data.person, minlength=len(data.people))
    whole = gather(data.features, data.targets, data.person, len(data.people))
    examination = _examination(data, whole)
    penalties: _Penalties = {}
    for draw in range(design.draws):
        rank, order = _draw(data, design.seed, draw)
        for f, share in enumerate(design.frames):
            rows = np.flatnonzero(rank < first(share, count)[data.person])
            part = whole if share == 100 else _gathered(data, rows)
            for repeat, fold in np.ndindex(design.repeats, design.folds):
                test = np.flatnonzero(dealt[repeat] == fold)
                train = [g for g in order if dealt[repeat, g] != fold and count[g]]
                for p, percent in enumerate(design.people):
                    few = train[: int(first(percent, len(train)))]
                    trained[p, f] += part.count[few].sum()
                    here = sums[p, f, :, repeat]
                    if share == percent == 100 and draw:  # the same in every draw
                        here[draw, test] = here[0, test]
                        continue
                    model = _fitted(part, few, penalties, (p, f, repeat, fold))
                    found = here[draw, test]
                    found[:, put] = examination.sums(model, test)
                    here[draw, test] = found
            yield


_Penalties = dict[tuple[int, ...], NDArray[np.int64]]


def _fitted(part: Sums, few: list[int], penalties: _Penalties, cell: tuple[int, ...]) -> Linear:
    """The ridge of these people, with the penalties that this cell had before if it had any."""
    if cell not in penalties:
        penalties[cell] = choose_penalties(part, few)
    return fit(part, few, penalties[cell])


def _gathered(data: Labelled, rows: Rows) -> Sums:
    mine = data.features[rows], data.targets[rows], data.person[rows]
    return gather(*mine, len(data.people))


def _examination(data: Labelled, whole: Sums) -> Examination:
    if data.normaliser is None:
        return Agreement(whole)
    return Points(data.features, data.targets.astype(np.float64), data.normaliser, data.person)
