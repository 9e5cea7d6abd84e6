import numpy as np
import pytest
from scipy import stats

from facecurate.diversity.intervals import interval, mean_interval


def test_the_t_interval_is_that_of_the_mean_times_the_groups() -> None:
    x = np.array([3.0, 5.0, 9.0, 4.0])
    found = interval(x, method="t")
    assert found is not None and found.total == 21.0
    low, high = stats.t.interval(0.95, 3, loc=x.mean(), scale=stats.sem(x))
    assert (found.low, found.high) == pytest.approx((4 * low, 4 * high))
    assert (found.jackknife_low, found.jackknife_high) == pytest.approx((found.low, found.high))


def test_the_log_interval_is_positive_and_symmetric_as_a_factor() -> None:
    found = interval([1.0, 1.0, 2.0, 60.0], method="log-t")
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
        interval([0.0, 1.0], method="log-t")
    with pytest.raises(ValueError, match="log-t, bootstrap-t, t"):
        interval([1.0, 2.0], method="bootstrap")


@pytest.mark.parametrize("method", ["auto", "log-t"])
def test_the_interval_covers_the_truth_of_27_people(method: str) -> None:
    rng = np.random.default_rng(7)
    truth = 27 * np.exp(5 + 0.5**2 / 2)
    sets = [interval(np.exp(rng.normal(5, 0.5, 27)), method=method) for _ in range(1000)]
    assert np.mean([s.low <= truth <= s.high for s in sets if s]) >= 0.93
    assert np.mean([s.jackknife_low <= truth <= s.jackknife_high for s in sets if s]) >= 0.93


def test_8_to_39_people_take_bootstrap_t_and_other_numbers_log_t() -> None:
    methods = [interval(np.arange(1.0, 1 + n)) for n in (7, 8, 39, 40)]
    assert [one.method for one in methods if one] == [
        "log-t",
        "bootstrap-t",
        "bootstrap-t",
        "log-t",
    ]
    zero = interval([0.0, 1.0, 2.0])
    assert zero is not None and zero.method == "t"


def test_the_order_of_people_does_not_matter() -> None:
    x = np.random.default_rng(8).lognormal(size=20)
    assert interval(x) == interval(x[::-1])


def test_bootstrap_t_reaches_further_on_the_side_of_the_long_tail() -> None:
    found = interval(np.random.default_rng(9).lognormal(3, 1, 27))
    assert found is not None and found.method == "bootstrap-t"
    assert 0 < found.total - found.low < found.high - found.total


def test_the_interval_of_a_mean_is_that_of_the_sum_divided() -> None:
    x = np.array([0.7, 0.8, 0.65, 0.9])
    found = mean_interval(x)
    assert found is not None and found.total == pytest.approx(x.mean())
    expected = stats.t.interval(0.95, 3, loc=x.mean(), scale=stats.sem(x))
    assert (found.low, found.high) == pytest.approx(expected)
