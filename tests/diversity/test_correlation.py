import numpy as np
import pytest
from arviz_stats.base import array_stats
from scipy.signal import lfilter
from statsmodels.tsa.stattools import acf

from facecurate.diversity.correlation import autocovariance, correlation, integrated_time


def walks(phi: float, series: int, frames: int, seed: int) -> np.ndarray:
    """(series, frames) AR(1) processes of variance 1, begun in their stationary state."""
    rng = np.random.default_rng(seed)
    steps = rng.standard_normal((series, frames)) * np.sqrt(1 - phi**2)
    steps[:, 0] = rng.standard_normal(series)
    return lfilter([1], [1, -phi], steps, axis=1)


def single(x: np.ndarray) -> list[list[np.ndarray]]:
    return [[row] for row in x]


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9, 0.97])
def test_the_effective_size_of_27_ar1_series_is_within_15_percent_where_it_is_reliable(phi):
    truth = 27 * 4845 * (1 - phi) / (1 + phi)
    found = [correlation(single(walks(phi, 27, 4845, seed))) for seed in range(4)]
    assert all(one.reliable for one in found)
    assert [one.effective for one in found] == pytest.approx([truth] * 4, rel=0.15)


@pytest.mark.parametrize("phi", [0.99, 0.999])
def test_a_correlation_that_lasts_too_long_for_its_series_is_flagged(phi):
    assert not correlation(single(walks(phi, 27, 4845, 0))).reliable


def test_a_series_that_is_too_short_to_be_sure_of_is_flagged_too():
    few, many = (correlation(single(walks(0.9, count, 4845, 0))) for count in (1, 27))
    assert few.time < few.length / 50 and few.error > 0.1 and not few.reliable
    assert many.error < 0.05 and many.reliable


def test_what_is_put_back_repairs_what_each_series_own_mean_took_away():
    truth, plain, restored = 27 * 4845 * 0.01 / 1.99, [], []
    for seed in range(4):
        x = walks(0.99, 27, 4845, seed)
        centred = list(x - x.mean(axis=1, keepdims=True))
        plain.append(x.size / integrated_time(autocovariance(centred)))
        restored.append(correlation(single(x)).effective)
    assert np.mean(plain) > 1.05 * truth
    assert np.mean(restored) == pytest.approx(truth, rel=0.08)


def test_lasting_differences_between_people_stay_out_of_the_time_but_not_of_the_common_mean():
    x = walks(0.9, 27, 2000, 1)
    moved = x + np.random.default_rng(2).standard_normal((27, 1))
    alone = correlation(single(moved))
    assert alone.effective == pytest.approx(correlation(single(x)).effective, rel=1e-9)
    # For the mean of all, 27 people with as much variance between as within are worth about 27.
    assert correlation(single(moved), common_mean=True).effective < 60


def test_autocovariance_is_that_of_statsmodels():
    x = walks(0.8, 1, 500, 3)[0]
    ours = autocovariance([x - x.mean()])
    theirs = acf(x, nlags=499, adjusted=True, fft=False)
    assert ours / ours[0] == pytest.approx(theirs, abs=1e-9)


def test_autocovariance_of_pieces_is_that_of_all_their_pairs():
    pieces = [np.array([1.0, -2.0, 3.0]), np.array([]), np.array([0.5, 4.0])]
    assert autocovariance(pieces) == pytest.approx(
        [(1 + 4 + 9 + 0.25 + 16) / 5, (-2 - 6 + 2) / 3, 3.0 / 1]
    )


def test_the_effective_size_is_near_arviz_s_for_one_long_chain():
    x = walks(0.9, 1, 20_000, 4)[0]
    theirs = float(array_stats.ess(x[None], chain_axis=0, draw_axis=1, method="mean"))
    assert correlation([[x]]).effective == pytest.approx(theirs, rel=0.05)


def test_geyers_sequence_by_hand():
    # Pairs: 1 + .5, .2 + .4 (taken as it is), .5 + .3 (no more than .6), -.1 + 0: the end.
    assert integrated_time(np.array([2, 1, 0.4, 0.8, 1, 0.6, -0.2, 0])) == pytest.approx(
        2 * (1.5 + 0.6 + 0.6) - 1
    )


def test_the_error_is_what_repetition_shows():
    times = [correlation(single(walks(0.9, 1, 4845, seed))).time for seed in range(60)]
    told = correlation(single(walks(0.9, 1, 4845, 0))).error
    assert np.std(times) / np.mean(times) == pytest.approx(told, rel=0.35)


def test_a_series_that_never_changes_has_no_time():
    still = correlation([[np.full(50, 2.0)]])
    assert np.isnan([still.time, still.effective, still.interval]).all() and not still.reliable
    assert correlation([]).frames == 0 and not correlation([]).reliable


def test_a_series_that_swings_has_a_bounded_size():
    swing = correlation([[np.tile([1.0, -1.0], 50)]])
    assert swing.effective == pytest.approx(100 * np.log10(100))
