import numpy as np
import pytest

from facecurate.diversity.design import design_effects, to_arrow


def one(groups, values):
    (effect,) = design_effects(np.array(groups), ["x"], np.array(values, float)[:, None])
    return effect


def test_equal_groups_by_hand():
    # Means 1 and 5 about 3: between = 2 * (4 + 4) / 1 = 16; within = (1 + 1 + 1 + 1) / 2 = 2.
    found = one([0, 0, 1, 1], [0, 2, 4, 6])
    assert found.icc == pytest.approx((16 - 2) / (16 + 2))
    assert found.size == 2
    assert found.effect == pytest.approx(1 + 14 / 18)
    assert found.effective == pytest.approx(4 / (1 + 14 / 18))


def test_unequal_groups_by_hand():
    # Groups (0, 2, 4) and (8): mean 3.5, means 2 and 8; between = 3 * 2.25 + 20.25 = 27;
    # within = 8 / 2 = 4; n_0 = (4 - 10 / 4) / 1 = 1.5; m = (9 + 1) / 4 = 2.5.
    found = one([5, 5, 5, 9], [0, 2, 4, 8])
    assert found.icc == pytest.approx((27 - 4) / (27 + 0.5 * 4))
    assert found.size == 2.5
    assert found.effect == pytest.approx(1 + 1.5 * 23 / 29)


def test_frames_of_27_people_who_differ_as_much_as_each_varies_are_worth_54():
    rng = np.random.default_rng(0)
    people = np.repeat(np.arange(27), 2000)
    effects = []
    for _ in range(40):
        effects.append(one(people, rng.standard_normal(27)[people] + rng.standard_normal(54_000)))
    assert np.mean([effect.icc for effect in effects]) == pytest.approx(0.5, abs=0.05)
    assert np.median([effect.effective for effect in effects]) == pytest.approx(54, rel=0.1)


def test_people_who_do_not_differ_cost_nothing():
    rng = np.random.default_rng(1)
    found = one(np.repeat(np.arange(20), 500), rng.standard_normal(10_000))
    assert found.effective > 0.5 * 10_000
    worse = one([0, 0, 1, 1], [-1, 1, -1, 1])  # the estimate is below 0, the effect is not below 1
    assert worse.icc == pytest.approx(-1) and worse.effective == 4


def test_missing_values_and_unknown_people_are_left_out():
    nan = float("nan")
    whole = one([0, 0, 1, 1], [0, 2, 4, 6])
    assert one([0, 0, 1, 1, -1, 1], [0, 2, 4, 6, 50, nan]) == whole


@pytest.mark.parametrize(
    "groups, values", [([0, 0], [1, 2]), ([0, 1], [1, 2]), ([0, 0, 1], [1] * 3), ([], [])]
)
def test_there_is_no_estimate_without_two_people_of_whom_one_comes_twice_and_something_that_varies(
    groups, values
):
    (row,) = to_arrow([one(groups, values)]).to_pylist()
    assert (row["icc"], row["design_effect"], row["effective"]) == (None, None, None)
    assert row["frames"] == len(groups)
