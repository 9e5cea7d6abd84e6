import numpy as np
import pytest
from scipy import stats

from facecurate.diversity.intervals import interval


def test_the_t_interval_is_that_of_the_mean_times_the_groups() -> None:
    x = np.array([3.0, 5.0, 9.0, 4.0])
    found = interval(x, method="t")
    assert found is not None and found.total == 21.0
    low, high = stats.t.interval(0.95, 3, loc=x.mean(), scale=stats.sem(x))
    assert (found.low, found.high) == pytest.approx((4 * low, 4 * high))
    assert (found.jackknife_low, found.jackknife_high) == pytest.approx((found.low, found.high))


def test_the_log_interval_is_positive_and_symmetric_as_a_factor() -> None:
    found = interval([1.0, 1.0, 2.0, 60.0])
    assert found is not None and 0 < found.low < found.total < found.high
    assert found.total / found.low == pytest.approx(found.high / found.total)
    assert found.jackknife_low > 0


def test_equal_values_have_no_width() -> None:
    found = interval([7.0] * 5)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((35.0, 35.0))


def test_one_group_has_no_interval() -> None:
    assert interval([5.0]) is None
    assert interval([]) is None


def test_values_without_logarithm_and_unknown_methods_are_refused() -> None:
    with pytest.raises(ValueError, match="take 't'"):
        interval([0.0, 1.0])
    with pytest.raises(ValueError, match="log-t, t"):
        interval([1.0, 2.0], method="bootstrap")


def test_the_interval_covers_the_truth_of_27_people() -> None:
    rng = np.random.default_rng(7)
    truth = 27 * np.exp(5 + 0.5**2 / 2)
    sets = [interval(np.exp(rng.normal(5, 0.5, 27))) for _ in range(2000)]
    assert np.mean([s.low <= truth <= s.high for s in sets if s]) >= 0.93
    assert np.mean([s.jackknife_low <= truth <= s.jackknife_high for s in sets if s]) >= 0.93
