"""Crops of rendered faces, whose landmarks are known: where they land, and how they come back."""

import math

import numpy as np
import pytest

from facecurate.faces import CROPS, align
from facecurate.synth.render import render_photo
from facecurate.synth.spec import FaceSpec, Light, PhotoSpec

SIDE = 320
USUAL, EVEN = Light(), Light(key=0.0, fill=0.9)
POSES = [(0, 0, 0), (20, 0, 0), (-20, 0, 0), (0, 12, 0), (0, -12, 0), (0, 0, 35), (15, 8, -25)]


def rendered(pose=(0, 0, 0), *, size=140.0, centre=(160.0, 150.0), light=USUAL):
    yaw, pitch, roll = pose
    face = FaceSpec(11, yaw=yaw, pitch=pitch, roll=roll, size_px=size, centre=centre, light=light)
    image, (known,) = render_photo(PhotoSpec(SIDE, SIDE, 3, (face,), noise=0.0))
    return image, known


def placed(spec, known, crop_size=256):
    return align.place(
        spec, box=known.box, landmarks=known.landmarks, crop_size=crop_size, width=SIDE, height=SIDE
    )


def umeyama(source, target):
    """Umeyama's (1991) own way, by singular values: equations 40 to 42."""
    mean_s, mean_t = source.mean(axis=0), target.mean(axis=0)
    u, d, vt = np.linalg.svd((target - mean_t).T @ (source - mean_s) / len(source))
    sign = np.diag([1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    turn = u @ sign @ vt
    scale = np.trace(np.diag(d) @ sign) / ((source - mean_s) ** 2).sum(axis=1).mean()
    return np.column_stack([scale * turn, mean_t - scale * turn @ mean_s]).reshape(6)


# -- golden numbers ------------------------------------------------------------------------------

BOX = (61.5, 40.25, 141.5, 148.75)
LANDMARKS = (83.0, 84.5, 120.5, 82.0, 103.25, 106.0, 88.5, 125.75, 119.0, 123.5)
GOLDEN = {
    "box": (112, [0.7373272, 0, -19.33871, 0, 0.7373272, -14.17742]),
    "arcface112": (112, [0.9641328, -0.04931342, -37.98904, 0.04931342, 0.9641328, -33.77836]),
    "arcface224": (224, [1.928266, -0.09862684, -75.47808, 0.09862684, 1.928266, -67.05672]),
}


@pytest.mark.parametrize("spec", CROPS)
def test_each_crop_has_the_matrix_that_it_always_had(spec):
    size, matrix = GOLDEN[spec]
    found = align.place(spec, box=BOX, landmarks=LANDMARKS, crop_size=112, width=300, height=300)
    assert (found.size, found.outside) == (size, 0)
    np.testing.assert_allclose(found.matrix, matrix, rtol=1e-6)


def test_the_golden_numbers_are_umeyama_s():
    expected = umeyama(np.reshape(LANDMARKS, (5, 2)), align.ARCFACE)
    np.testing.assert_allclose(GOLDEN["arcface112"][1], expected, rtol=2e-5)


@pytest.mark.parametrize("pose", POSES)
def test_the_transform_is_umeyama_s(pose):
    _, known = rendered(pose)
    points = known.landmarks.reshape(5, 2)
    np.testing.assert_allclose(
        align.arcface_matrix(points, 112), umeyama(points, align.ARCFACE), rtol=1e-9, atol=1e-9
    )


# -- where landmarks land ------------------------------------------------------------------------


@pytest.mark.parametrize("factor", [1, 2])
@pytest.mark.parametrize("pose", POSES)
def test_known_landmarks_land_on_the_template(pose, factor):
    """Within 9 of 112 pixels, the mean within 4.5: heads differ from the template's, and turn."""
    _, known = rendered(pose)
    found = placed(f"arcface{112 * factor}", known)
    laid = align.map_points(found.matrix, known.landmarks).reshape(5, 2)
    off = np.hypot(*(laid - ((align.ARCFACE + 0.5) * factor - 0.5)).T) / factor
    assert off.max() < 9 and off.mean() < 4.5


@pytest.mark.parametrize("pose", POSES)
def test_known_landmarks_land_where_they_lie_in_the_box(pose):
    """A box crop keeps the face's own place: 1 / 1.4 of its side is the box's longer one."""
    _, known = rendered(pose)
    found = placed("box", known, crop_size=140)
    laid = align.map_points(found.matrix, known.landmarks).reshape(5, 2)
    x0, y0, x1, y1 = known.box
    scale = found.size / (1.4 * max(x1 - x0, y1 - y0))
    middle = [(x0 + x1) / 2, (y0 + y1) / 2]
    expected = (known.landmarks.reshape(5, 2) - middle) * scale + (found.size - 1) / 2
    np.testing.assert_allclose(laid, expected, atol=0.01)


@pytest.mark.parametrize("spec", CROPS)
@pytest.mark.parametrize("pose", POSES)
def test_points_go_there_and_back(spec, pose):
    _, known = rendered(pose)
    found = placed(spec, known)
    points = known.points68
    there = align.map_points(found.matrix, points)
    np.testing.assert_allclose(
        align.map_points(align.invert(found.matrix), there), points, atol=1e-4
    )


def test_a_face_that_leans_is_upright_in_an_aligned_crop():
    _, known = rendered((0, 0, 35))
    laid = align.map_points(placed("arcface112", known).matrix, known.landmarks).reshape(5, 2)
    dx, dy = laid[1] - laid[0]
    assert abs(math.degrees(math.atan2(dy, dx))) < 3


def test_one_face_at_two_places_sizes_and_leans_gives_one_aligned_crop():
    """In light from everywhere the pixels are the same too, up to interpolation."""
    crops = []
    for roll, size, centre in ((0, 140, (160, 160)), (30, 180, (150, 165))):
        image, known = rendered((0, 0, roll), size=size, centre=centre, light=EVEN)
        found = placed("arcface112", known)
        crops.append(align.crop(image, found.matrix, found.size).astype(float))
    inner = slice(30, 90), slice(30, 82)
    one, two = (crop[inner].mean(axis=2) for crop in crops)
    assert np.corrcoef(one.ravel(), two.ravel())[0, 1] > 0.97


# -- tiny faces and faces over the edge ----------------------------------------------------------


@pytest.mark.parametrize("longer", [0.5, 1.0, 3.0, 8.0])
def test_a_tiny_face_keeps_its_pixels_in_a_box_crop(longer):
    found = align.place(
        "box", box=(50, 50, 50 + longer, 50 + longer / 2), landmarks=[math.nan] * 10,
        crop_size=256, width=100, height=100,
    )  # fmt: skip
    assert found.size == max(1, math.floor(1.4 * longer + 0.5))


def test_a_tiny_face_is_enlarged_in_an_aligned_crop():
    image, known = rendered(size=24.0)
    found = placed("arcface112", known)
    assert math.hypot(*found.matrix[:2]) > 3  # crop pixels for one of the photo
    assert align.crop(image, found.matrix, found.size).shape == (112, 112, 3)


@pytest.mark.parametrize("spec", CROPS)
@pytest.mark.parametrize("centre", [(20, 150), (300, 150), (160, 10), (160, 310), (5, 5)])
def test_over_the_edge_a_crop_is_black_and_outside_says_how_much(spec, centre):
    _, known = rendered(centre=(float(centre[0]), float(centre[1])))
    found = placed(spec, known)
    white = np.full((SIDE, SIDE, 3), 255, np.uint8)
    black = (align.crop(white, found.matrix, found.size)[..., 0] < 128).mean()
    assert 0.05 < found.outside < 0.9
    assert black == pytest.approx(found.outside, abs=0.01)
