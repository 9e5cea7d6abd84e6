from dataclasses import replace

import numpy as np
import pytest

from facecurate.synth import folds, paint
from facecurate.synth.canvas import SIDE, to_texels
from facecurate.synth.facs import ACTION_UNITS, REST, strengths
from facecurate.synth.person import Person, person

WHO = replace(person(3), folding=1.0, age=0.5, beard=0.0)


def only(number: int, value: float) -> tuple[float, ...]:
    return strengths(**{f"au{number}": value})


def change(who: Person, units: tuple[float, ...], lopsided: float = 0.0) -> np.ndarray:
    """(SIDE, SIDE) signed change of brightness on the head's map."""
    atlas = paint.atlas(3)
    after = folds.fold(atlas, who, units, lopsided)
    return (after[:SIDE, :, :3].astype(float) - atlas[:SIDE, :, :3]).mean(axis=2)


def around(x: float, y: float, reach: int = 3) -> tuple[slice, slice]:
    column, row = np.rint(to_texels(np.array([[x, y]]))[0]).astype(int)
    return slice(row - reach, row + reach + 1), slice(column - reach, column + reach + 1)


def test_a_face_at_rest_keeps_its_atlas() -> None:
    atlas = paint.atlas(3)
    assert folds.fold(atlas, WHO, REST) is atlas


def test_the_cached_atlas_and_the_eyes_are_left_alone() -> None:
    atlas = paint.atlas(3)
    before = atlas.tobytes()
    after = folds.fold(atlas, WHO, tuple(5.0 for _ in ACTION_UNITS))
    assert atlas.tobytes() == before and not np.array_equal(after, atlas)
    assert np.array_equal(after[:, :, 3], atlas[:, :, 3])
    assert np.array_equal(after[SIDE:], atlas[SIDE:])


@pytest.mark.parametrize("number", ACTION_UNITS)
def test_skin_folds_more_the_stronger_the_unit(number: int) -> None:
    steps = [np.abs(change(WHO, only(number, v))).sum() for v in (0.5, 1.0, 2.0, 3.0, 4.0, 5.0)]
    assert steps[0] > 0 and (np.diff(steps) > 0).all()
    depths = [folds.depths(WHO, only(number, v)) for v in np.linspace(0.05, 5, 60)]
    for name in depths[-1]:
        line = np.array([d[name] for d in depths])
        assert (np.diff(line) > 0).all() and np.diff(line).max() < 0.05 and line[-1] < 1


def test_a_trace_is_a_small_share_of_the_strongest() -> None:
    for number in ACTION_UNITS:
        trace, most = (np.abs(change(WHO, only(number, v))).sum() for v in (0.5, 5.0))
        assert 0.02 < trace / most < 0.35, number


def test_more_liable_and_older_skin_folds_more() -> None:
    units = strengths(au4=3, au12=3)
    sizes = [
        np.abs(change(replace(WHO, folding=f, age=a), units)).sum()
        for f, a in ((0.4, 0.2), (1.0, 0.2), (1.0, 0.9), (1.6, 0.9))
    ]
    assert (np.diff(sizes) > 0).all()


@pytest.mark.parametrize("number", ACTION_UNITS)
def test_no_unit_is_a_patch_of_its_own(number: int) -> None:
    assert len(folds.CREASES[number]) >= 2
    mine = np.abs(change(WHO, only(number, 5.0))) > 2
    others = np.zeros_like(mine)
    for other in ACTION_UNITS:
        if other != number:
            others |= np.abs(change(WHO, only(other, 5.0))) > 2
    assert (mine & others).sum() > 0.2 * mine.sum()


def test_creases_are_dark_and_lie_where_people_have_them() -> None:
    assert change(WHO, only(4, 5.0))[around(0.07, -0.27)].min() < -12
    assert change(WHO, only(12, 5.0))[around(0.44, 0.86)].min() < -12
    assert change(WHO, only(6, 5.0))[around(0.75, 0.0, 6)].min() < -8
    assert change(WHO, only(17, 5.0))[around(0.0, 1.28, 12)].min() < -8
    assert change(WHO, only(1, 5.0))[around(0.0, -0.6, 10)].min() < -8
    for number in (4, 6, 9, 12):
        assert change(WHO, only(number, 5.0)).max() > 3, "no lit ridge"


def test_raised_and_drawn_brows_fold_together_only() -> None:
    assert "grief" not in folds.depths(WHO, only(1, 5.0))
    assert "grief" not in folds.depths(WHO, only(4, 5.0))
    assert folds.depths(WHO, strengths(au1=3, au4=3))["grief"] > 0.2


def test_a_lopsided_smile_folds_the_side_that_moves_more() -> None:
    one = np.abs(change(WHO, only(12, 4.0), 0.8))
    left, right = one[:, : SIDE // 2].sum(), one[:, SIDE // 2 :].sum()
    assert right > 1.7 * left
    other = np.abs(change(WHO, only(12, 4.0), -0.8))
    assert other[:, : SIDE // 2].sum() > 1.7 * other[:, SIDE // 2 :].sum()


def test_teeth_come_in_sight_as_lips_part_and_lips_narrow_when_pressed() -> None:
    teeth = around(0.0, 0.948, 1)
    assert change(WHO, only(26, 5.0))[teeth].min() > 60
    assert abs(change(WHO, only(24, 5.0))[teeth]).max() < 60
    atlas = paint.atlas(3)
    pressed = folds.fold(atlas, WHO, only(24, 5.0))
    lip, skin = (atlas[around(0.0, y, 0)][0, 0, :3].astype(float) for y in (0.882, 0.76))
    edge = pressed[around(0.0, 0.882, 0)][0, 0, :3].astype(float)
    redder = [c[0] / c[1] for c in (lip, edge, skin)]
    assert redder[1] < redder[0]


def test_people_fold_in_different_ways() -> None:
    units = strengths(au1=4, au2=4)
    ways = [change(replace(WHO, texture=t), units) for t in range(folds.VARIANTS)]
    assert np.abs(ways[0] - ways[1]).max() > 8 and np.abs(ways[1] - ways[2]).max() > 8
