from dataclasses import replace

import numpy as np
import pytest

from facecurate.synth import glasses, modes
from facecurate.synth import template as head
from facecurate.synth.person import RIMS, Eyewear, Person, person

CLEAR = Eyewear("round", np.array([30.0, 30, 30]), False, 0.31, 0.28, 0.03)
PLAIN = replace(person(1), glasses=CLEAR)
EYES = slice(36, 48)


def head_of(who: Person) -> np.ndarray:
    return head.template().mean + np.tensordot(who.shape, modes.identity_basis(), 1)


def wearing(shape: str, *, dark: bool = False, identity: int = 1) -> Person:
    return replace(person(identity), glasses=replace(CLEAR, shape=shape, dark=dark))


def spots(bare: np.ndarray) -> np.ndarray:
    return head.on_grid(bare, head.POINTS_UV)


def test_who_wears_none_has_no_parts() -> None:
    who = replace(PLAIN, glasses=None)
    assert glasses.pieces(who, head_of(who)) == []
    assert glasses.lenses(who, head_of(who)).shape == (0, glasses.ROUND, 3)


def test_only_dark_glasses_have_lenses_that_hide() -> None:
    for dark in (False, True):
        parts = glasses.pieces(wearing("oval", dark=dark), head_of(PLAIN))
        assert sum(p.lens for p in parts) == (2 if dark else 0)
        assert sum(not p.lens for p in parts) == 5  # rims, bridge, temples


@pytest.mark.parametrize("shape", RIMS)
@pytest.mark.parametrize("identity", [1, 8, 40])
def test_lenses_lie_before_the_eyes_and_round_them(shape: str, identity: int) -> None:
    who = wearing(shape, identity=identity)
    bare = head_of(who)
    points = spots(bare)
    left, right = glasses.lenses(who, bare)
    for rim, own in ((left, points[36:42]), (right, points[42:48])):
        low, high = rim.min(axis=0), rim.max(axis=0)
        middle = own.mean(axis=0)
        assert (low[:2] < middle[:2]).all() and (middle[:2] < high[:2]).all()
        assert rim[:, 2].min() > own[:, 2].max() - 0.05
        assert rim[:, 2].max() < own[:, 2].max() + 0.45  # not far before the face
    assert left[:, 0].max() < right[:, 0].min()  # the nose is between them


def test_lenses_follow_the_eyes_of_the_head() -> None:
    at = list(modes.IDENTITY_MODES).index("eye distance")
    middles = []
    for deviation in (-2.0, 2.0):
        shape = PLAIN.shape.copy()
        shape[at] = deviation
        who = replace(PLAIN, shape=shape)
        left, right = glasses.lenses(who, head_of(who))
        middles.append(float(right[:, 0].mean() - left[:, 0].mean()))
    assert middles[1] > middles[0] + 0.05


@pytest.mark.parametrize("shape", RIMS)
def test_the_surfaces_of_bars_point_outwards_and_lenses_to_the_viewer(shape: str) -> None:
    for part in glasses.pieces(wearing(shape, dark=True), head_of(PLAIN)):
        grid = part.points
        across = grid[:-1, 1:] - grid[:-1, :-1]
        down = grid[1:, :-1] - grid[:-1, :-1]
        normal = np.cross(across, down)
        if part.lens:
            assert (normal[1:-1, 2:-2, 2] > 0).all()
        else:
            axis = grid[:, :-1].mean(axis=1)
            face = (grid[:-1, 1:] + grid[:-1, :-1] + grid[1:, 1:] + grid[1:, :-1]) / 4
            off = face - ((axis[:-1] + axis[1:]) / 2)[:, None]
            assert ((normal * off).sum(axis=2) > -1e-6).mean() > 0.95


def test_temples_end_beside_the_ears() -> None:
    bare = head_of(PLAIN)
    _, _, _, left, right = glasses.pieces(PLAIN, bare)
    wide = np.abs(bare[np.abs(bare[:, 1]) < 0.1, 0]).max()
    for temple, side in ((left, -1), (right, 1)):
        back = temple.points[temple.points[:, :, 2].mean(axis=1).argmin()].mean(axis=0)
        assert wide < side * back[0] < wide + 0.1 and back[2] < -0.2


def test_glare_stays_inside_the_lenses_and_needs_a_figure_behind_them() -> None:
    layer = np.full((60, 80, 4), 0.25, np.float32)
    layer[:, :, 3] = 1.0
    turn = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    ring = np.stack([np.cos(turn), np.sin(turn)], axis=1) * 12
    before = layer.copy()
    glasses.glare(layer, ring + np.array([[[22, 30]], [[58, 30]]]), 1.0, 0.0)
    changed = np.abs(layer - before).max(axis=2) > 1e-6
    rows, columns = np.indices(changed.shape)
    near = np.minimum(np.hypot(columns - 22, rows - 30), np.hypot(columns - 58, rows - 30))
    assert changed[near < 10].all() and not changed[near > 14].any()
    assert layer[30, 22, 0] > 0.35 and np.array_equal(layer[:, :, 3], before[:, :, 3])


def test_lenses_seen_from_the_side_or_outside_have_no_glare() -> None:
    layer = np.full((60, 80, 4), 0.25, np.float32)
    before = layer.copy()
    turn = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    ring = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    glasses.glare(layer, np.stack([ring * [2, 12] + 30, ring * 12 + [300, 30]]), 1.0, 0.0)
    assert np.array_equal(layer, before)
