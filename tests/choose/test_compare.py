import numpy as np
import pytest
from crowds import candidates, structure

from facecurate import metrics
from facecurate.choose.candidates import Candidates
from facecurate.choose.compare import Arm, Comparison, compare
from facecurate.diversity.structure import Labels
from facecurate.errors import FacecurateError
from facecurate.shares import Fraction

FEW, MANY = Fraction(percent=10.0), Fraction(percent=100.0)


def coded(people=6, each=60, seed=0):
    """Levels 0 to 5 of two units that the features tell, and long stretches of rest."""
    rng = np.random.default_rng(seed)
    shown = np.maximum(0, rng.normal(-0.5, 2, (people * each, 2))).round().clip(0, 5)
    x = shown @ rng.normal(size=(2, 6)) + rng.normal(0, 0.4, (len(shown), 6))
    of = candidates([each] * people, labels=shown)
    return of, (x - x.mean(axis=0)).astype(np.float32)


def test_all_frames_of_any_order_are_worth_the_same():
    of, x = coded()
    arms = [Arm(name, MANY) for name in ("stride", "random", "stratified")]
    found = compare(of, x, arms, draws=2)
    assert np.ptp(found.means()["icc"]) < 1e-5
    assert found.kept.tolist() == pytest.approx(np.ones((3, 2)))
    none = found.difference(arms[0], arms[1])
    assert abs(none["icc"].mean) < 1e-5 and none["kept"].mean == 0
    assert none["recall"].mean == 0 and not none["recall"].clear


def test_the_tests_are_on_people_that_were_not_chosen_from():
    of, x = coded(people=3)
    found = compare(of, x, [Arm("random", FEW)], draws=1)
    assert (found.sums[0, 0, :, :, 0] == 60).all()  # everybody tested once, on all frames
    assert found.rare[0, 0, :, :, 1].tolist() == [
        (of.labels.values[of.people == g] >= 3).sum(axis=0).tolist() for g in range(3)
    ]


def test_a_good_choice_beats_a_bad_one_clearly():
    of, x = coded(people=9, each=80)
    arms = [Arm("label-aware", FEW), Arm("random", Fraction(labels=6))]
    gained = compare(of, x, arms, draws=10).difference(*arms)
    assert gained["icc"].clear and gained["icc"].mean > 0
    assert gained["icc"].people_low < gained["icc"].mean < gained["icc"].people_high
    assert gained["kept"].clear and np.isnan(gained["kept"].people_low)


def by_hand(first, second):
    """Two arms whose pooled ICCs over draws are given, for two people who are alike."""
    icc = np.array([first, second])  # (A, D)
    sums = np.zeros((*icc.shape, 2, 1, 6))
    sums[...] = [10, 0, 0, 10, 10, 0]
    sums[..., 5] = 10 * icc[..., None, None]
    rare = np.zeros((*icc.shape, 2, 1, 2))
    rare[..., 1] = 4
    rare[0, ..., 0] = 3
    arms = Arm("stride", FEW), Arm("random", FEW)
    return Comparison(arms, sums, rare, icc * 0 + [[0.5], [0.25]], icc * 0)


def test_differences_by_hand():
    found = by_hand([0.5, 0.6, 0.7], [0.4, 0.5, 0.3])
    gained = found.difference(*found.arms)
    half = metrics.student_quantile(0.95, 2) * np.std([0.1, 0.1, 0.4], ddof=1) / 3**0.5
    assert gained["icc"].mean == pytest.approx(0.2)
    assert [gained["icc"].low, gained["icc"].high] == pytest.approx([0.2 - half, 0.2 + half])
    assert gained["icc"].people_low == pytest.approx(0.2)  # the two people are alike
    assert gained["recall"].mean == 0.75
    assert gained["kept"].mean == 0.25
    assert not gained["icc"].clear and gained["recall"].clear
    assert [str(arm) for arm in found.arms] == ["stride 10%", "random 10%"]


def test_events_with_a_chosen_frame_are_kept():
    levels = np.zeros((200, 1))
    levels[5:15], levels[30:33], levels[31] = 1, 2, 4  # an event of ten frames, and one of three
    levels[100:] = levels[:100]
    rows = np.arange(200)
    of = Candidates(
        tuple(f"k{i:03d}" for i in rows), np.ones((200, 1), np.float32),
        structure(rows // 100, rows // 100, rows % 100),
        labels=Labels(("AU4",), levels, levels=True),
    )  # fmt: skip
    x = np.random.default_rng(0).normal(size=(200, 2)).astype(np.float32)
    found = compare(of, x, [Arm("stride", FEW)], draws=6, folds=2)
    # every tenth frame meets the long event always, the short one in 3 of 10 phases, its peak in 1
    assert set(found.kept.ravel()) <= {0.5, 0.75, 1.0}
    assert set(found.kept_rare.ravel()) <= {0.0, 0.5, 1.0}
    assert (found.kept_rare <= found.kept).all()


def test_frames_with_a_label_missing_are_left_out():
    of, x = coded()
    of.labels.values[::2, 1] = np.nan
    found = compare(of, x, [Arm("random", FEW)], draws=1)
    assert (found.sums[0, 0, :, :, 0] == 30).all()


def test_strategies_are_compared_on_levels_alone():
    with pytest.raises(FacecurateError, match="levels of action units"):
        compare(candidates([9, 9, 9]), np.ones((27, 2), np.float32), [Arm("random", FEW)])
