"""How a learning curve over people and frames is laid out."""

from __future__ import annotations

from dataclasses import dataclass

from facecurate.errors import UsageError

SCORES = ("icc", "ccc", "nme")
MARGINS = {"icc": 0.02, "ccc": 0.02, "nme": 0.02}
"""What may be lost without calling it a loss: ICC and CCC absolute, NME relative."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """Percentages of frames within each person and of people, both nested, rising and up to 100.

    draws: of frames and people; repeats: splits into ``folds`` of people, the same for every cell;
    margin: None takes ``MARGINS``; level: of the two-sided interval whose worse end must stay
    within the margin; resamples: of the people tested on.
    """

    frames: tuple[float, ...] = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
    people: tuple[float, ...] = (25.0, 50.0, 100.0)
    draws: int = 10
    repeats: int = 5
    folds: int = 3
    margin: float | None = None
    level: float = 0.90
    resamples: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        for name, percents in (("frames", self.frames), ("people", self.people)):
            rising = list(percents) == sorted(set(percents))
            if not (rising and percents and percents[0] > 0 and percents[-1] == 100):
                raise UsageError(f"{name}: percentages that rise to 100, not {percents}")
        if min(self.draws, self.repeats) < 1 or self.folds < 2 or self.resamples < 100:
            raise UsageError(
                "a learning curve needs a draw, a repeat, two folds and 100 resamples at least"
            )
        if not 0 < self.level < 1 or not (self.margin is None or self.margin > 0):
            raise UsageError("the level lies between 0 and 1, and the margin is more than 0")
