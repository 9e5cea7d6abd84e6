import math

import numpy as np
import pytest

from facecurate.faces import quality


def turned(yaw, pitch, roll, scale=2.0):
    """The model face seen from far away: nods (up), then turns (image right), then leans."""
    y, p, r = (math.radians(v) for v in (-yaw, -pitch, roll))
    nod = [[1, 0, 0], [0, math.cos(p), -math.sin(p)], [0, math.sin(p), math.cos(p)]]
    turn = [[math.cos(y), 0, math.sin(y)], [0, 1, 0], [-math.sin(y), 0, math.cos(y)]]
    lean = [[math.cos(r), -math.sin(r), 0], [math.sin(r), math.cos(r), 0], [0, 0, 1]]
    seen = quality.FACE @ (np.array(lean) @ turn @ nod).T
    return (scale * seen[:, :2] + [300, 200]).reshape(10)


@pytest.mark.parametrize(
    "pose", [(0, 0, 0), (30, 0, 0), (-30, 0, 0), (0, 20, 0), (0, -20, 0), (0, 0, 25), (25, -15, 40)]
)
def test_the_pose_of_the_model_face_is_recovered(pose):
    assert quality.pose_from_points(turned(*pose)) == pytest.approx(pose, abs=1e-6)


def test_signs_are_those_of_the_image():
    frontal = turned(0, 0, 0).reshape(5, 2)
    right, up = frontal.copy(), frontal.copy()
    right[2, 0] += 10  # the nose moves to the image's right
    up[2, 1] -= 10
    assert quality.pose_from_points(right.reshape(10))[0] > 5
    assert quality.pose_from_points(up.reshape(10))[1] > 5


def test_a_mirrored_face_has_the_opposite_yaw_and_roll():
    points = (turned(20, 10, 15).reshape(5, 2) * [-1, 1])[[1, 0, 2, 4, 3]]
    assert quality.pose_from_points(points.reshape(10)) == pytest.approx((-20, 10, -15), abs=1e-6)


def test_without_a_mouth_only_the_roll_is_known():
    yaw, pitch, roll = quality.pose_from_points([10, 20, 30, 40, 20, 45, *[math.nan] * 4])
    assert math.isnan(yaw)
    assert math.isnan(pitch)
    assert roll == pytest.approx(45)


def test_without_points_nothing_is_known():
    assert all(math.isnan(v) for v in quality.pose_from_points([math.nan] * 10))


def test_points_on_one_line_have_no_pose():
    yaw, pitch, _ = quality.pose_from_points([0, 0, 10, 0, 5, 0, 2, 0, 8, 0])
    assert math.isnan(yaw)
    assert math.isnan(pitch)


def test_brightness_is_mean_luma():
    red = np.zeros((8, 8, 3), np.uint8)
    red[:4, :, 0] = 200
    assert quality.brightness(red) == pytest.approx(0.299 * 200 / 2)


def test_a_flat_crop_has_no_sharpness():
    assert quality.sharpness(np.full((50, 70, 3), 90, np.uint8)) == pytest.approx(0, abs=1e-9)


def test_the_sharpness_of_a_chequerboard_by_hand():
    # Every neighbour differs by 10: the Laplacian is +40 or -40 inside, so its variance is 1600.
    board = (np.indices((112, 112)).sum(axis=0) % 2 * 10 + 100).astype(np.uint8)
    assert quality.sharpness(board) == pytest.approx(1600, rel=1e-6)


def test_blur_lowers_sharpness():
    noise = np.random.default_rng(0).integers(0, 256, (112, 112, 3)).astype(np.uint8)
    soft = ((noise.astype(int) + np.roll(noise, 1, 0) + np.roll(noise, 1, 1)) // 3).astype(np.uint8)
    assert quality.sharpness(soft) < quality.sharpness(noise) / 2
