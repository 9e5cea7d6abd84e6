"""The validations of the effective number on planted truth, and their full grid (soak)."""

import numpy as np
import pytest
from planted import NOISE, calibrated, seen, states, structure

from facecurate.diversity.effective import effective
from facecurate.diversity.intervals import interval
from facecurate.diversity.pairs import compare

PEOPLE = 27


def counted(x: np.ndarray, people: np.ndarray, tau: float) -> float:
    pairs = compare(x, structure(people), [tau], across=False, exact_up_to=len(x))
    return float(effective(pairs).total0[0])


@pytest.mark.soak
@pytest.mark.parametrize("count", [50, 500, 5000])
@pytest.mark.parametrize("repeats", [1, 10, 100])
@pytest.mark.parametrize("d", [64, 512])
@pytest.mark.parametrize("mean_cosine", [0.0, 0.4, 0.9])
def test_planted_states_are_counted(count: int, repeats: int, d: int, mean_cosine: float) -> None:
    rng = np.random.default_rng([count, repeats, d])
    planted = states(count, d, mean_cosine, rng)
    which = np.repeat(np.arange(count), repeats)
    people = which // 200  # 25 people where there are 5,000 states
    found = counted(seen(planted, which, rng), people, calibrated(planted, rng))
    assert found == pytest.approx(count, rel=0.02 if repeats == 1 else 0.03)


@pytest.mark.parametrize("repeats", [1, 10, 100])
def test_states_are_counted_whatever_their_repetitions_and_people_add_up(repeats: int) -> None:
    rng = np.random.default_rng(repeats)
    planted = states(60, 64, 0.9, rng)
    which = np.repeat(np.arange(60), repeats)
    found = counted(seen(planted, which, rng), which % 4, calibrated(planted, rng))
    assert found == pytest.approx(60, rel=0.02 if repeats == 1 else 0.03)


def sets(sigma: float) -> tuple[float, int]:
    """The states of 27 people to be expected, and how many of 200 intervals hold them."""
    rng = np.random.default_rng(int(100 * sigma))
    planted = states(5000, 32, 0.4, rng)
    tau = 1 - 4 * NOISE**2
    many = np.maximum(1, np.rint(rng.lognormal(2.5, sigma, 1_000_000)))
    truth, held = PEOPLE * float(many.mean()), 0
    for _ in range(200):
        sizes = np.maximum(1, np.rint(rng.lognormal(2.5, sigma, PEOPLE))).astype(int)
        people = np.repeat(np.arange(PEOPLE), sizes)
        own = np.concatenate([rng.choice(5000, size, replace=False) for size in sizes])
        times = rng.integers(1, 5, len(own))
        x = seen(planted, np.repeat(own, times), rng)
        pairs = compare(x, structure(np.repeat(people, times)), [tau], across=False)
        found = interval(effective(pairs).d0[0])
        held += found is not None and found.low <= truth <= found.high
    return truth, held


def test_the_interval_of_200_sets_of_27_people_covers_the_truth() -> None:
    truth, held = sets(0.5)
    assert truth == pytest.approx(27 * np.exp(2.5 + 0.125), rel=0.01)
    assert held >= 0.92 * 200


@pytest.mark.soak
@pytest.mark.parametrize(("sigma", "least"), [(0.25, 0.92), (0.75, 0.92), (1.0, 0.9)])
def test_the_interval_covers_whatever_the_spread_between_people(sigma: float, least: float) -> None:
    assert sets(sigma)[1] >= least * 200


def test_another_encoder_with_a_tolerance_of_its_own_counts_nearly_the_same() -> None:
    rng = np.random.default_rng(3)
    latent = rng.normal(size=(300, 12))
    which = np.repeat(np.arange(300), rng.integers(1, 9, 300))
    shown = latent[which] + rng.normal(scale=0.002, size=(len(which), 12))
    again = latent[which] + rng.normal(scale=0.002, size=(len(which), 12))
    found = []
    for d, gain in ((64, 0.3), (512, 2.0)):
        layer = rng.normal(scale=gain, size=(12, d))
        first, second = np.tanh(shown @ layer), np.tanh(again @ layer)
        lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
        tau = float(np.quantile((first * second).sum(axis=1) / lengths, 0.005))
        found.append(counted(first.astype(np.float32), which % 3, tau))
    assert found[0] == pytest.approx(300, rel=0.1) and 1 / 1.5 < found[0] / found[1] < 1.5
