"""What a model is worth on people it never saw, as sums that add up over these people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from facecurate import metrics
from facecurate.probes.moments import ccc_of, icc_of, mean_of_defined
from facecurate.probes.ridge import Linear, Sums

Floats = NDArray[np.float64]


class Examination(Protocol):
    """Sums of every person from which ``score`` gives the value for any set of them."""

    def sums(self, model: Linear, people: NDArray[np.int64]) -> Floats:
        """(P, T, m) of these people."""
        ...


@dataclass(frozen=True, slots=True)
class Agreement:
    """ICC or CCC of the T targets, from the sums of all frames of everybody."""

    whole: Sums

    def sums(self, model: Linear, people: NDArray[np.int64]) -> Floats:
        """(P, T, 6) ``moments``; no frame is looked at."""
        names = ("count", "x", "y", "xx", "xy", "yy")
        return model.moments(Sums(*(getattr(self.whole, name)[people] for name in names)))


@dataclass(frozen=True, slots=True)
class Points:
    """NME of P points: features (N, d), points (N, 2 P) x y x y ... with NaN where not annotated,
    normaliser (N,), and whose frame each is (N,).
    """  # noqa: D205

    features: NDArray[np.float32]
    points: NDArray[np.float64]
    normaliser: NDArray[np.float64]
    person: NDArray[np.int64]

    def sums(self, model: Linear, people: NDArray[np.int64]) -> Floats:
        """(P, 1, 2) the sum of NMEs in percent, and of how many frames."""
        found = np.zeros((len(people), 1, 2))
        for at, who in enumerate(people):
            rows = np.flatnonzero(self.person == who)
            shape = (len(rows), -1, 2)
            guess, truth = model.predict(self.features[rows]), self.points[rows]
            error = metrics.nme(guess.reshape(shape), truth.reshape(shape), self.normaliser[rows])
            known = ~np.isnan(error)
            found[at, 0] = error[known].sum(), known.sum()
        return found


def each(score: str, sums: Floats) -> Floats:
    """(..., T, m) -> (..., T) the score of every target; NaN where it is undefined."""
    if score == "nme":
        return np.asarray(sums[..., 0] / np.maximum(sums[..., 1], 1))
    return icc_of(sums) if score == "icc" else ccc_of(sums)


def value(score: str, sums: Floats) -> Floats:
    """(..., T, m) -> (...) the unweighted mean over the targets that are defined."""
    return mean_of_defined(each(score, sums))


def loss(score: str, one: Floats, reference: Floats) -> Floats:
    """How much worse ``one`` is: ICC and CCC the difference, NME the share that is added."""
    return one / reference - 1 if score == "nme" else reference - one


def retention(score: str, one: Floats, reference: Floats) -> Floats:
    """What ``one`` keeps of the reference, 1 = all; NaN where the reference is not positive."""
    upper, lower = (reference, one) if score == "nme" else (one, reference)
    kept = np.full(np.broadcast_shapes(upper.shape, lower.shape), np.nan)
    return np.asarray(
        np.divide(upper, lower, out=kept, where=np.broadcast_to(lower > 0, kept.shape))
    )


def resampled(people: int, resamples: int, seed: int) -> Floats:
    """(B, G) how often each person is in each resample of as many people."""
    rng = np.random.default_rng([0xB007, seed])
    return rng.multinomial(people, np.full(people, 1 / people), size=resamples).astype(np.float64)
