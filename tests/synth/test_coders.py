import numpy as np
import pytest

from facecurate.metrics import icc31
from facecurate.synth import dynamics
from facecurate.synth.coders import code, thresholds
from facecurate.synth.facs import ACTION_UNITS, REST

DISFA = [ACTION_UNITS.index(n) for n in (1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26)]
SMILE, LIDS = ACTION_UNITS.index(12), ACTION_UNITS.index(43)


def one_event(unit: int, first: int, last: int, total: int, strength: float = 4.0) -> np.ndarray:
    units = np.zeros((total, len(ACTION_UNITS)))
    units[first:last, unit] = strength
    return units


def test_stills_are_judged_by_the_thresholds_alone() -> None:
    limits = thresholds(3, 0)
    assert limits.shape == (18, 5) and (np.diff(limits, axis=1) >= 0).all()
    just = np.stack([limits[:, k] for k in range(5)])  # on the threshold it is seen
    assert (code(just, None, 3) == np.arange(1, 6)[:, None]).all()
    below = code(np.maximum(just - 1e-9, 0), None, 3)
    assert (below <= np.arange(5)[:, None]).all()
    assert (code(np.zeros((2, 18)), None, 3) == 0).all()


def test_a_still_s_code_does_not_depend_on_the_others() -> None:
    units = np.random.default_rng(0).uniform(0, 5, (20, 18))
    whole = code(units, None, 1)
    assert (whole[::-1] == code(units[::-1], None, 1)).all()


def test_coders_differ_and_each_repeats_itself() -> None:
    units = np.random.default_rng(0).uniform(0, 5, (50, 18))
    first, second = (code(units, None, 7, coder) for coder in (0, 1))
    assert (first != second).any() and (first == code(units, None, 7, 0)).all()
    assert np.abs(first - second).mean() < 0.5
    assert (thresholds(1, 0) != thresholds(2, 0)).all()


def test_an_event_is_written_late_at_both_ends() -> None:
    units = one_event(SMILE, 40, 100, 200)
    starts, ends = [], []
    for seed in range(40):
        written = np.flatnonzero(code(units, 20.0, seed)[:, SMILE])
        assert (np.diff(written) == 1).all()
        starts.append(written[0])
        ends.append(written[-1] + 1)
    assert min(starts) >= 41 and min(ends) >= 101
    assert 42 < np.mean(starts) < 48  # 1 frame and 0.18 s more on average
    assert len(set(starts)) > 4


def test_a_delay_is_a_matter_of_seconds() -> None:
    coarse, fine = one_event(SMILE, 40, 100, 200), one_event(SMILE, 400, 1000, 2000)
    begun = [
        np.mean([np.argmax(code(u, fps, s)[:, SMILE] > 0) / fps for s in range(40)])
        for u, fps in ((coarse, 20.0), (fine, 200.0))
    ]
    assert begun[0] == pytest.approx(begun[1] + 0.045, abs=0.03)


def test_the_judgement_of_an_event_does_not_flicker() -> None:
    for seed in range(30):
        codes = code(one_event(SMILE, 30, 130, 160, 2.5), 20.0, seed)[:, SMILE]
        assert len(set(codes[codes > 0])) <= 1


def test_an_event_at_the_start_or_the_end_stays_there() -> None:
    codes = code(one_event(SMILE, 0, 50, 50), 20.0, 1)[:, SMILE]
    assert (codes > 0).all()


def test_what_is_not_shown_is_not_written() -> None:
    codes = code(one_event(SMILE, 40, 100, 200), 20.0, 0)
    codes[:, SMILE] = 0
    assert (codes == 0).all()


def test_a_blink_is_not_closed_eyes() -> None:
    blink, asleep = one_event(LIDS, 40, 46, 200, 5.0), one_event(LIDS, 40, 80, 200, 5.0)
    assert (code(blink, 20.0, 0)[:, LIDS] == 0).all()
    assert (code(asleep, 20.0, 0)[:, LIDS] > 0).sum() > 30
    assert (code(blink, 8.0, 0)[:, LIDS] > 0).any()  # the same frames are 0.75 s there
    short = one_event(SMILE, 40, 46, 200, 5.0)
    assert (code(short, 20.0, 0)[:, SMILE] > 0).any()


def test_other_numbers_of_columns_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(T, 18\), not \(4, 12\)"):
        code(np.zeros((4, 12)), 20.0, 0)
    assert code([REST], None, 0).shape == (1, 18)


def agreement(panel: int, people: int = 27, frames: int = 1600) -> np.ndarray:
    """(18,) ICC(3,1) of two coders over the pooled frames of ``people``."""
    times = np.arange(frames) / 20
    rows: tuple[list[np.ndarray], list[np.ndarray]] = [], []
    for k in range(people):
        seed = 1000 * panel + k
        exact, _ = dynamics.units_at(10_000_000 + seed, seed, times)
        for coder in (0, 1):
            rows[coder].append(code(exact, 20.0, seed, coder, panel=panel))
    a, b = np.concatenate(rows[0]), np.concatenate(rows[1])
    return np.array([icc31(a[:, k], b[:, k]) for k in range(18)])


def test_two_coders_agree_as_those_of_disfa_do() -> None:
    found = np.stack([agreement(panel) for panel in range(12)])[:, DISFA]
    assert found.mean() == pytest.approx(0.85, abs=0.01)
    pairs, units = found.mean(axis=1), found.mean(axis=0)
    assert 0.81 < pairs.min() < pairs.max() < 0.88
    assert 0.79 < units.min() < units.max() < 0.90
    assert (found > 0.70).mean() > 0.95 and found.max() < 0.95  # one unit of one pair
