import math

import numpy as np
import pytest
from scipy import stats

from facecurate.metrics import student_quantile
from facecurate.tasks.intervals import over_draws, paired_ratio


def test_t_quantiles_agree_with_scipy():
    for freedom in (1, 3, 9, 30, 31, 60, 200):
        assert student_quantile(0.95, freedom) == pytest.approx(
            stats.t.ppf(0.975, freedom), abs=1e-9
        )


def errors(means, images=200, seed=0):
    noise = np.random.default_rng(seed).gamma(5, 0.2, (1, images))
    return np.asarray(means)[:, None] * noise / noise.mean()


def test_the_interval_is_a_t_interval_of_the_log_ratios():
    ours, theirs = [5.0, 5.2, 4.9, 5.3, 5.1], [6.0, 6.1, 6.2, 6.0, 6.3]
    found = paired_ratio(errors(ours), errors(theirs))
    logs = np.log(np.array(ours) / theirs)
    low, high = stats.t.interval(0.95, 4, logs.mean(), stats.sem(logs))
    assert (found.low, found.high) == pytest.approx((math.exp(low), math.exp(high)), rel=1e-3)
    assert found.ratio == pytest.approx(math.exp(logs.mean()))
    assert found.clear


def test_four_draws_have_a_range_and_no_interval():
    found = paired_ratio(errors([5, 6, 7, 8.0]), errors([6, 6, 8, 8.0]))
    assert found.low is None and not found.clear
    assert (found.least, found.most) == pytest.approx((5 / 6, 1.0))


def test_a_difference_that_a_few_images_carry_is_not_clear():
    base = errors([6.0] * 6, images=60)
    ours = base * 1.01
    ours[:, 0] = 0.01
    base[:, 0] = 40.0
    found = paired_ratio(ours, base)
    assert found.high < 1 < found.items_high
    assert not found.clear


def test_tables_show_a_range_below_five_draws():
    assert over_draws([5.0]) == "5.00 (1 draw)"
    assert over_draws([5.0, 6.0]) == "5.50 [5.00 to 6.00, 2 draws]"
    assert over_draws([5.0] * 5) == "5.00 ± 0.00 (5 draws)"
