import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from facecurate import metrics

points = hnp.arrays(np.float64, (3, 5, 2), elements=st.floats(-50, 50, width=32))


def test_nme_is_the_mean_distance_over_the_normaliser_in_percent():
    truth = np.array([[[0, 0], [10, 0], [5, 5]]])
    prediction = truth + np.array([[[3, 4], [0, 0], [0, 1]]])
    eyes = metrics.inter_ocular(truth, 0, 1)
    assert eyes.tolist() == [10.0]
    assert metrics.nme(prediction, truth, eyes).tolist() == [pytest.approx(100 * 2.0 / 10)]


def test_several_indices_stand_for_their_mean():
    truth = [[[0, 0], [2, 0], [10, 3], [12, 5]]]
    assert metrics.inter_ocular(truth, (0, 1), (2, 3)).tolist() == [pytest.approx(np.hypot(10, 4))]


def test_points_without_annotation_are_left_out_of_the_mean():
    truth = np.array([[[0, 0], [np.nan, np.nan]], [[np.nan, 1], [np.nan, 1]]])
    found = metrics.nme(np.ones((2, 2, 2)), truth, [10.0, 10.0])
    assert found[0] == pytest.approx(10 * np.sqrt(2))
    assert np.isnan(found[1])


def test_auc_is_the_exact_area_and_failures_are_strictly_greater():
    nmes = [2.0, 4.0, 8.0, 12.0]
    assert metrics.auc(nmes, 8) == pytest.approx(100 * (0.75 + 0.5 + 0 + 0) / 4)
    assert metrics.failure_rate(nmes, 8) == 25.0


def test_auc_agrees_with_the_integral_of_the_cumulative_curve():
    nmes = np.random.default_rng(0).gamma(4, 1.0, 200)
    grid = np.linspace(0, 8, 80_001)
    curve = np.searchsorted(np.sort(nmes), grid, side="right") / len(nmes)
    area = 100 * np.trapezoid(curve, grid) / 8
    assert metrics.auc(nmes, 8) == pytest.approx(area, abs=0.05)


@settings(max_examples=60, deadline=None)
@given(points, points, st.floats(-3, 3), st.floats(0.1, 10), st.floats(-100, 100))
def test_nme_does_not_change_under_joint_similarity_transforms(a, b, angle, scale, shift):
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    a[:, 0], a[:, 1] = [0, 0], [20, 1]
    moved = [x @ turn.T + shift for x in (b, a)]
    before = metrics.nme(b, a, metrics.inter_ocular(a, 0, 1))
    after = metrics.nme(*moved, metrics.inter_ocular(moved[1], 0, 1))
    np.testing.assert_allclose(after, before, rtol=1e-9, atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(np.float64, 6, elements=st.floats(0, 20)),
    st.integers(0, 5),
    st.floats(0, 5),
)
def test_auc_never_rises_and_failures_never_fall_with_any_error(nmes, which, more):
    worse = nmes.copy()
    worse[which] += more
    assert metrics.auc(worse, 8) <= metrics.auc(nmes, 8)
    assert metrics.failure_rate(worse, 8) >= metrics.failure_rate(nmes, 8)


def test_icc_is_that_of_a_worked_example():
    a, b = [0, 2, 4], [1, 2, 3]  # means 0.5 2 3.5: BMS 4.5; differences -1 0 1: EMS 0.5
    assert metrics.icc31(a, b) == pytest.approx((4.5 - 0.5) / (4.5 + 0.5))


def test_icc_ignores_a_shift_of_one_rater_but_not_a_scale():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 6, 200).astype(float)
    guess = truth + rng.normal(0, 1, 200)
    before = metrics.icc31(guess, truth)
    assert metrics.icc31(guess + 3, truth) == pytest.approx(before)
    assert metrics.icc31(2 * guess, 2 * truth) == pytest.approx(before)
    assert metrics.icc31(2 * guess, truth) < before - 0.05
    assert metrics.icc31(truth, truth) == 1.0
    assert metrics.icc31(np.full(200, 2.0), truth) == pytest.approx(0.0)


def test_icc_is_undefined_where_the_truth_never_varies():
    assert np.isnan(metrics.icc31([0, 1, 2], [0, 0, 0]))
    assert np.isnan(metrics.icc31([1], [1]))


def test_wilson_s_interval_is_that_of_the_books() -> None:
    # Newcombe, Statistics in Medicine 17 (1998), table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
    for found, of, low, high in (
        (81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718),
    ):  # fmt: skip
        assert metrics.wilson(found, of) == pytest.approx((low, high), abs=5e-5)
    assert metrics.wilson(0, 0) == (0.0, 1.0) and metrics.wilson(7, 7)[1] == 1.0
