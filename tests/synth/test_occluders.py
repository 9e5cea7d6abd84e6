import numpy as np
import pytest

from facecurate.synth import occluders
from facecurate.synth import template as head
from facecurate.synth.spec import OCCLUDERS

SIZE = (200, 180)
BOX = (50.0, 30.0, 150.0, 150.0)
SKIN = np.array([200.0, 150, 120])
POINTS = (head.POINTS - [-1.05, -1.0]) / [2.1, 2.5] * [100, 120] + [50, 30]


def hidden(kind: str, seed: int, points: np.ndarray = POINTS) -> np.ndarray:
    """(68,) which points are covered by more than a half."""
    layer, where = occluders.draw(kind, BOX, seed, SKIN, SIZE, points)
    whole = np.zeros(SIZE[::-1])
    whole[where] = layer[:, :, 3]
    x, y = np.rint(points).astype(int).T
    return np.asarray(whole[y, x] > 0.5)


def turned(points: np.ndarray, degrees: float) -> np.ndarray:
    a, middle = np.deg2rad(degrees), points.mean(axis=0)
    spin = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    return np.asarray((points - middle) @ spin.T + middle)


def test_every_occluder_of_a_spec_can_be_drawn() -> None:
    assert set(OCCLUDERS) == {"none", *occluders.KINDS}


def test_none_is_an_empty_layer() -> None:
    layer, where = occluders.draw("none", BOX, 1, SKIN, SIZE)
    assert layer.shape == (0, 0, 4) and where == (slice(0, 0), slice(0, 0))


@pytest.mark.parametrize("kind", list(occluders.KINDS))
def test_every_kind_hides_some_points_and_never_all(kind: str) -> None:
    for seed in range(25):
        count = int(hidden(kind, seed).sum())
        assert 4 <= count <= 60, (kind, seed, count)


@pytest.mark.parametrize("kind", list(occluders.KINDS))
def test_layers_are_light_times_coverage_of_the_same_bytes_each_time(kind: str) -> None:
    layer, where = occluders.draw(kind, BOX, 7, SKIN, SIZE, POINTS)
    again, _ = occluders.draw(kind, BOX, 7, SKIN, SIZE, POINTS)
    other, _ = occluders.draw(kind, BOX, 8, SKIN, SIZE, POINTS)
    assert layer.dtype == np.float32 and layer.tobytes() == again.tobytes() != other.tobytes()
    assert layer.shape[:2] == tuple(s.stop - s.start for s in where)
    assert layer.min() >= 0 and layer[:, :, 3].max() <= 1
    assert (layer[:, :, :3].max(axis=2) <= 3 * layer[:, :, 3] + 1e-6).all()


@pytest.mark.parametrize("kind", list(occluders.KINDS))
@pytest.mark.parametrize("shift", [-90.0, 70.0, 4000.0])
def test_a_layer_never_leaves_the_picture(kind: str, shift: float) -> None:
    box = (BOX[0] + shift, BOX[1], BOX[2] + shift, BOX[3])
    points = POINTS + np.array([shift, 0])
    layer, (rows, columns) = occluders.draw(kind, box, 3, SKIN, SIZE, points)
    assert 0 <= rows.start <= rows.stop <= SIZE[1]
    assert 0 <= columns.start <= columns.stop <= SIZE[0]
    assert layer.shape == (rows.stop - rows.start, columns.stop - columns.start, 4)


@pytest.mark.parametrize("degrees", [-30.0, 0.0, 30.0])
def test_a_mask_covers_mouth_and_chin_and_not_the_eyes_however_the_head_leans(
    degrees: float,
) -> None:
    for seed in range(8):
        covered = hidden("mask", seed, turned(POINTS, degrees))
        assert covered[48:68].all() and covered[[7, 8, 9, 33]].all()
        assert not covered[17:27].any() and not covered[36:48].any()


def test_a_scarf_and_a_cup_cover_the_mouth_and_leave_the_brows() -> None:
    for kind in ("scarf", "cup"):
        for seed in range(8):
            covered = hidden(kind, seed)
            assert covered[56:59].all() and not covered[17:27].any()


def test_without_points_an_upright_frontal_face_is_assumed() -> None:
    with_points, _ = occluders.draw("mask", BOX, 3, SKIN, SIZE, POINTS)
    without, _ = occluders.draw("mask", BOX, 3, SKIN, SIZE)
    assert without == pytest.approx(with_points, abs=1e-4)


def test_a_hand_has_the_skin_of_its_face_and_takes_the_light() -> None:
    sky = np.full((2, 3), 0.2, np.float32)
    tones = []
    for tone in (SKIN, SKIN * 0.4):
        layer, _ = occluders.draw("hand", BOX, 2, tone, SIZE, POINTS, sky=sky)
        solid = layer[:, :, 3] > 0.99
        tones.append(float(np.median(layer[solid][:, 0])))
    assert tones[1] < 0.3 * tones[0]
    sides = []
    for x in (-0.8, 0.8):
        lamps = np.array([[x, 0.0, 0.6, 1, 1, 1]], np.float32)
        layer, _ = occluders.draw("mask", BOX, 2, SKIN, SIZE, POINTS, lamps, sky)
        half = layer.shape[1] // 2
        sides.append(float(layer[:, :half, :3].sum() / layer[:, half:, :3].sum()))
    assert sides[0] > sides[1] * 1.2


def test_the_further_cheek_of_a_turned_face_is_not_chosen() -> None:
    away = POINTS.copy()
    away[:, 0] = 100 + np.where(away[:, 0] > 100, 0.25, 1.2) * (away[:, 0] - 100)
    for kind in ("hand", "phone"):
        for seed in range(10):
            assert hidden(kind, seed, away).sum() >= 4, (kind, seed)


def test_an_unknown_kind_is_an_error() -> None:
    with pytest.raises(KeyError):
        occluders.draw("face", BOX, 1, SKIN, SIZE)
