from __future__ import annotations

import numpy as np
import pytest

from facecurate.synth import template as head
from facecurate.synth.facs import ACTION_UNITS, NAMES, REST, checked, select, strengths
from facecurate.synth.measures import DEFINING, MEASURES, chart, measures
from facecurate.synth.motion import motion_basis, moved, reach

NAMED = list(MEASURES)


@pytest.mark.parametrize("number", ACTION_UNITS)
def test_each_unit_moves_what_its_definition_says_the_more_the_stronger(number: int) -> None:
    name, sign = DEFINING[number]
    at = NAMED.index(name)
    mean = head.template().mean
    values = [
        sign * measures(mean + moved(strengths(**{f"au{number}": k}), 3, 0.0))[at]
        for k in np.linspace(0, 5, 11)
    ]
    assert (np.diff(values) > 0).all()
    assert values[-1] - values[0] > 1.4  # per cent of the eyes' distance: to be seen


def test_no_other_unit_moves_a_defining_measure_as_far_unless_both_define_it() -> None:
    table = chart()
    allowed = {
        "brows together": {9},
        "upper lip up": {9, 12, 17},  # a raised chin pushes both lips up
        "corner up": {12, 15},
        "corner out": {12, 14, 20, 23, 26},
        "upper lid up": {43, 5},
        "lower lid up": {6},
        "lips apart": {26},  # a dropped jaw opens the mouth
        "lips thin": {17, 23, 25},
        "corner in": {12},
    }
    for at, number in enumerate(ACTION_UNITS):
        name, sign = DEFINING[number]
        column = table[:, NAMED.index(name)] * sign
        others = [
            other
            for k, other in enumerate(ACTION_UNITS)
            if k != at and column[k] > 0.5 * column[at] and other not in allowed.get(name, set())
        ]
        assert not others, (number, NAMES[number], name, others)


def test_a_unit_moves_nothing_far_from_it() -> None:
    y = head.template().frontal[:, 1]
    for number, field in zip(ACTION_UNITS, motion_basis(), strict=True):
        size = np.linalg.norm(field, axis=1)
        upper = number in (1, 2, 4, 5, 6, 7, 43)
        far = y > 0.9 if upper else y < -0.55
        assert size[far].max() < 0.06 * size.max(), number


def test_lopsided_units_move_one_side_further_and_their_sum_stays() -> None:
    units = strengths(au12=4, au1=3)
    even, odd = moved(units, 9, 0.0), moved(units, 9, 0.6)
    t = head.template()
    right, left = t.frontal[:, 0] > 0.1, t.frontal[:, 0] < -0.1
    assert np.linalg.norm(odd[right]) > 1.15 * np.linalg.norm(even[right])
    assert np.linalg.norm(odd[left]) < 0.85 * np.linalg.norm(even[left])
    lids = strengths(au43=5)
    assert np.array_equal(moved(lids, 9, 0.6), moved(lids, 9, 0.0))


def test_rest_moves_nothing_and_reach_belongs_to_the_person() -> None:
    assert not moved(REST, 1, 0.3).any()
    assert np.array_equal(reach(4), reach(4)) and not np.array_equal(reach(4), reach(5))


def test_intensities_are_checked() -> None:
    assert select(strengths(au12=3, au43=1), (43, 12, 1)) == [1.0, 3.0, 0.0]
    with pytest.raises(ValueError, match="no action unit au3: there are au1, au2"):
        strengths(au3=1)
    with pytest.raises(ValueError, match="between 0 and 5"):
        strengths(au1=5.5)
    with pytest.raises(ValueError, match="17 intensities instead of 18"):
        checked(REST[1:])
