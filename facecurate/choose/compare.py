"""Strategies against each other: the same people, the same size, the same draws.

Each draw deals the people out anew. A strategy chooses inside the people trained on; a ridge probe
learns the labels of what it chose, and is tested on all frames of the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facecurate.choose import scores
from facecurate.choose.candidates import Candidates, Rows
from facecurate.choose.strategies import STRATEGIES
from facecurate.diversity.events import Events, events
from facecurate.errors import FacecurateError
from facecurate.metrics import student_quantile
from facecurate.probes.folds import splits
from facecurate.probes.moments import NUMBERS, mean_of_defined
from facecurate.probes.ridge import Linear, choose_penalties, fit, gather
from facecurate.shares import Fraction
from facecurate.workers import Progress, silent

Floats = NDArray[np.float64]

RARE = 3
"""Levels from which a frame of an action unit is rare."""


@dataclass(frozen=True, slots=True)
class Arm:
    """A strategy at a size, such as stride at 1 %."""

    strategy: str
    fraction: Fraction

    def __str__(self) -> str:
        return f"{self.strategy} {self.fraction}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A arms by D draws, tested on G people and T action units.

    sums: (A, D, G, T, 6) ``moments`` of the tests; rare: (A, D, G, T, 2) of the test frames of a
    rare level how many the probe found, and how many there are: it marks as many frames as there
    are, those with the largest predictions; kept, kept_rare: (A, D) share of the events in the
    training videos, and of those that reach a rare level, with a chosen frame, mean over units.
    """

    arms: tuple[Arm, ...]
    sums: Floats
    rare: Floats
    kept: Floats
    kept_rare: Floats

    @property
    def draws(self) -> int:
        """How many."""
        return int(self.sums.shape[1])

    def values(self, weights: Floats | None = None) -> dict[str, Floats]:
        """(A, D) ICC and recall of rare levels, means over units; (B, A, D) for (B, G) weights."""
        if weights is None:
            sums, rare = self.sums.sum(axis=2), self.rare.sum(axis=2)
        else:
            sums, rare = (np.tensordot(weights, x, axes=(1, 2)) for x in (self.sums, self.rare))
        recall = np.full(rare.shape[:-1], np.nan)
        np.divide(rare[..., 0], rare[..., 1], out=recall, where=rare[..., 1] > 0)
        return {"icc": scores.value("icc", sums), "recall": mean_of_defined(recall)}

    def means(self) -> dict[str, Floats]:
        """(A,) means over draws of every measure."""
        told = self.values() | {"kept": self.kept, "kept_rare": self.kept_rare}
        return {name: values.mean(axis=-1) for name, values in told.items()}

    def difference(
        self, arm: Arm, other: Arm, *, level: float = 0.95, resamples: int = 1000, seed: int = 0
    ) -> dict[str, Difference]:
        """``arm`` minus ``other`` for every measure, paired by draw and by person tested."""
        at = [self.arms.index(arm), self.arms.index(other)]
        plain = self.values() | {"kept": self.kept, "kept_rare": self.kept_rare}
        weights = scores.resampled(self.sums.shape[2], resamples, seed)
        two = Comparison(
            (arm, other), self.sums[at], self.rare[at], self.kept[at], self.kept_rare[at]
        )
        spread = two.values(weights)
        return {
            name: _difference(
                values[at[0]] - values[at[1]],
                (spread[name][:, 0] - spread[name][:, 1]).mean(axis=1) if name in spread else None,
                level,
            )
            for name, values in plain.items()
        }


@dataclass(frozen=True, slots=True)
class Difference:
    """mean over draws; low, high: over draws (t), NaN below two of them; people_low, people_high:
    over resampled test people, NaN for measures of the training videos.
    """  # noqa: D205

    mean: float
    low: float
    high: float
    people_low: float
    people_high: float

    @property
    def clear(self) -> bool:
        """All intervals that there are leave 0 out on the same side."""
        ends = [(self.low, self.high), (self.people_low, self.people_high)]
        known = [pair for pair in ends if not np.isnan(pair).any()]
        return bool(known) and (
            all(low > 0 for low, _ in known) or all(high < 0 for _, high in known)
        )


def _difference(values: Floats, spread: Floats | None, level: float) -> Difference:
    mean, half = float(values.mean()), float("nan")
    if len(values) > 1:
        error = float(values.std(ddof=1)) / len(values) ** 0.5
        half = student_quantile(level, len(values) - 1) * error
    low = high = float("nan")
    if spread is not None and not np.isnan(spread).any():
        beyond = 50 * (1 - level)
        low, high = (float(v) for v in np.percentile(spread, [beyond, 100 - beyond]))
    return Difference(mean, mean - half, mean + half, low, high)


def compare(
    candidates: Candidates,
    features: NDArray[np.float32],
    arms: Sequence[Arm],
    *,
    draws: int = 10,
    folds: int = 3,
    seed: int = 0,
    progress: Progress = silent,
) -> Comparison:
    """Every arm on every draw; ``features`` (N, d) are what the probe reads, mean near 0.

    candidates: the frames of everybody; frames of nobody's, or with a label missing, are left out.
    Raises FacecurateError without levels of action units or for fewer people than folds.
    """
    if candidates.labels is None or not candidates.labels.levels:
        raise FacecurateError("strategies are compared on levels of action units: none are here")
    told = (candidates.structure.subject >= 0) & ~np.isnan(candidates.labels.values).any(axis=1)
    rows = np.flatnonzero(told)
    trial = _Trial.of(candidates.of(rows), features[rows])
    units = len(candidates.labels.names)
    shape = len(arms), draws, len(trial.people)
    found = Comparison(
        tuple(arms), np.zeros((*shape, units, NUMBERS)), np.zeros((*shape, units, 2)),
        np.zeros(shape[:2]), np.zeros(shape[:2]),
    )  # fmt: skip
    dealt = splits(trial.people, folds=folds, repeats=draws, seed=seed)
    for draw, fold in np.ndindex(draws, folds):
        trial.run(found, draw, dealt[draw] == fold, folds)
        progress(draw * folds + fold + 1, draws * folds)
    return found


@dataclass(frozen=True, slots=True)
class _Trial:
    candidates: Candidates
    features: NDArray[np.float32]
    levels: NDArray[np.float64]
    person: Rows
    people: tuple[str, ...]
    examination: scores.Agreement

    @staticmethod
    def of(candidates: Candidates, features: NDArray[np.float32]) -> _Trial:
        """Everybody's sums, gathered once."""
        assert candidates.labels is not None
        codes, person = np.unique(candidates.structure.subject, return_inverse=True)
        people = tuple(candidates.structure.subject_names[c] for c in codes.tolist())
        levels = candidates.labels.values.astype(np.float64)
        whole = gather(features, levels, person, len(people))
        return _Trial(candidates, features, levels, person, people, scores.Agreement(whole))

    def run(self, found: Comparison, draw: int, tested: NDArray[np.bool_], folds: int) -> None:
        """One fold of one draw for all arms; a strategy chooses once, for its largest size."""
        test, at = np.flatnonzero(tested), np.flatnonzero(~tested[self.person])
        pool = self.candidates.of(at)
        assert pool.labels is not None
        happened = events(pool.structure, pool.labels)
        size = {arm: arm.fraction.size(len(at)) for arm in found.arms}
        for name in dict.fromkeys(arm.strategy for arm in found.arms):
            mine = [a for a in found.arms if a.strategy == name]
            most = max(size[arm] for arm in mine)
            order = STRATEGIES[name].choose(pool, most, draw).rows
            for arm in mine:
                a, chosen = found.arms.index(arm), order[: size[arm]]
                model = self._learn(at[chosen], np.flatnonzero(~tested))
                found.sums[a, draw, test] = self.examination.sums(model, test)
                self._mark(model, tested, found.rare[a, draw])
                kept = _share_kept(happened, chosen)
                found.kept[a, draw] += kept[0] / folds
                found.kept_rare[a, draw] += kept[1] / folds

    def _learn(self, rows: Rows, train: Rows) -> Linear:
        people = len(self.people)
        part = gather(self.features[rows], self.levels[rows], self.person[rows], people)
        return fit(part, train.tolist(), choose_penalties(part, train.tolist()))

    def _mark(self, model: Linear, tested: NDArray[np.bool_], rare: Floats) -> None:
        rows = np.flatnonzero(tested[self.person])
        guess, truth = model.predict(self.features[rows]), self.levels[rows] >= RARE
        for unit in range(truth.shape[1]):
            count = int(truth[:, unit].sum())
            order = np.argsort(-guess[:, unit], kind="stable")
            marked = np.zeros(len(rows), bool)
            marked[order[:count]] = True
            hit = marked & truth[:, unit]
            for k, what in enumerate((hit, truth[:, unit])):
                np.add.at(rare[:, unit, k], self.person[rows], what.astype(np.float64))


def _share_kept(happened: Events, chosen: Rows) -> tuple[float, float]:
    """Shares of the events from level 1 and from ``RARE`` that have a chosen frame."""
    kept = happened.kept(chosen)
    shares = []
    for level in (1, RARE):
        mine = happened.level == level
        units = np.unique(happened.unit[mine])
        several = [kept[mine & (happened.unit == unit)].mean() for unit in units]
        shares.append(float(np.mean(several)) if several else float("nan"))
    return shares[0], shares[1]
