import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facecurate.errors import FacecurateError, UsageError
from facecurate.faces import align

UNKNOWN = [np.nan] * 10


def placed(spec, box=(10, 20, 50, 60), landmarks=UNKNOWN, crop_size=256, width=100, height=100):
    return align.place(
        spec, box=box, landmarks=landmarks, crop_size=crop_size, width=width, height=height
    )


def blob(x, y, sigma, width=160, height=120):
    """A soft white dot whose centre lies at (x, y)."""
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    grey = 255 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2))
    return np.repeat(np.rint(grey).astype(np.uint8)[:, :, None], 3, axis=2)


def centroid(picture):
    grey = picture[:, :, 0].astype(float)
    rows, columns = np.indices(grey.shape)
    return np.array([(columns * grey).sum(), (rows * grey).sum()]) / grey.sum()


def test_box_crop_has_1_4_times_the_longer_side_and_keeps_its_size():
    found = placed("box")  # side 56 about (30, 40): from 2, 12
    assert found.size == 56
    np.testing.assert_allclose(found.matrix, [1, 0, -2.5, 0, 1, -12.5], atol=1e-6)
    assert found.outside == 0


def test_box_crop_is_made_no_larger_than_crop_size():
    found = placed("box", crop_size=28)
    assert found.size == 28
    np.testing.assert_allclose(found.matrix, [0.5, 0, -1.5, 0, 0.5, -6.5], atol=1e-6)


def test_box_crop_follows_the_longer_side():
    assert placed("box", box=(0, 0, 10, 50)).size == 70


def test_outside_is_the_share_of_the_crop_beyond_the_photo():
    found = placed("box", box=(-0.5, -0.5, 9.5, 9.5))  # side 14 from -2.5: 12 x 12 inside
    assert found.outside == pytest.approx(1 - 144 / 196, abs=1e-6)


def test_outside_of_a_turned_crop_counts_area():
    # A 10 px square turned by 45 degrees about the photo's corner: a quarter lies inside.
    turn = np.sqrt(0.5)
    matrix = [turn, turn, 4.5 + turn, -turn, turn, 4.5]
    assert align.map_points(matrix, [-0.5, -0.5]) == pytest.approx([4.5, 4.5])
    assert align.outside_share(matrix, 10, 100, 100) == pytest.approx(0.75)


def test_a_crop_beyond_the_photo_is_all_outside_and_black():
    found = placed("box", box=(500, 500, 540, 540))
    assert found.outside == 1
    picture = align.crop(np.full((100, 100, 3), 200, np.uint8), found.matrix, found.size)
    assert picture.shape == (56, 56, 3)
    assert picture.max() == 0


@pytest.mark.parametrize("box", [(5, 5, 5, 5), (0, 0, np.nan, 4), (0, 0, 1e9, 1), (9, 9, 2, 2)])
def test_a_box_of_no_size_is_an_error(box):
    with pytest.raises(FacecurateError, match="no box of a face"):
        placed("box", box=box)


def test_points_on_the_template_need_no_change():
    found = placed("arcface112", landmarks=align.ARCFACE.reshape(10))
    assert found.size == 112
    np.testing.assert_allclose(found.matrix, [1, 0, 0, 0, 1, 0], atol=1e-5)


def test_arcface224_is_arcface112_resized():
    found = placed("arcface224", landmarks=align.ARCFACE.reshape(10))
    assert found.size == 224
    np.testing.assert_allclose(found.matrix, [2, 0, 0.5, 0, 2, 0.5], atol=1e-5)


def test_two_known_points_fix_a_crop():
    eyes = align.ARCFACE[:2] * 3 + [100, 50]
    landmarks = [*eyes.reshape(4), *[np.nan] * 6]
    third = [1 / 3, 0, -100 / 3, 0, 1 / 3, -50 / 3]
    np.testing.assert_allclose(placed("arcface112", landmarks=landmarks).matrix, third, atol=1e-4)


@pytest.mark.parametrize("landmarks", [UNKNOWN, [30, 40, *[np.nan] * 8], [30, 40] * 5])
def test_fewer_than_two_points_are_not_enough(landmarks):
    with pytest.raises(align.NoPointsError, match="at least two known points"):
        placed("arcface112", landmarks=landmarks)


@pytest.mark.parametrize("word", ["arcface113", "arcface", "boxes", "arcface0112"])
def test_unknown_crops_are_named(word):
    with pytest.raises(UsageError, match="give box, arcface112"):
        placed(word)


def test_similarity_by_hand():
    # A quarter turn (x, y) -> (-y, x), doubled, moved by (5, -3).
    found = align.similarity([(0, 0), (1, 0), (0, 1)], [(5, -3), (5, -1), (3, -3)])
    np.testing.assert_allclose(found, [0, -2, 5, 2, 0, -3], atol=1e-12)


def test_similarity_never_reflects():
    points = np.array([(0.0, 0.0), (4, 0), (0, 2), (3, 5)])
    matrix = align.similarity(points, points * [-1, 1]).reshape(2, 3)
    assert np.linalg.det(matrix[:, :2]) > 0


def test_similarity_is_the_least_squares_one():
    rng = np.random.default_rng(7)
    source, target = rng.normal(size=(2, 5, 2)) * 20
    best = align.similarity(source, target)

    def error(matrix):
        return ((align.map_points(matrix, source) - target) ** 2).sum()

    for step in rng.normal(size=(50, 4)) * [0.01, 0.01, 0.1, 0.1]:
        a, b, x, y = step
        assert error(best) < error(best + np.array([a, -b, x, b, a, y]))


numbers = st.floats(-200, 200)


@given(st.floats(0.05, 20), st.floats(-np.pi, np.pi), numbers, numbers, st.integers(2, 5))
def test_a_known_similarity_is_recovered(scale, angle, x, y, count):
    a, b = scale * np.cos(angle), scale * np.sin(angle)
    matrix = [a, -b, x, b, a, y]
    source = align.ARCFACE[:count]
    found = align.similarity(source, align.map_points(matrix, source))
    np.testing.assert_allclose(found, matrix, atol=1e-9 * max(1, scale) * 1000)


@given(st.floats(0.05, 20), st.floats(-np.pi, np.pi), numbers, numbers)
def test_there_and_back_is_identity(scale, angle, x, y):
    a, b = scale * np.cos(angle), scale * np.sin(angle)
    matrix = [a, -b, x, b, a, y]
    back = align.map_points(align.invert(matrix), align.map_points(matrix, align.ARCFACE))
    np.testing.assert_allclose(back, align.ARCFACE, atol=1e-6)


@given(st.tuples(*[st.floats(-150, 250)] * 4))
def test_outside_is_a_share(box):
    x0, x1 = sorted(box[:2])
    y0, y1 = sorted(box[2:])
    if max(x1 - x0, y1 - y0) > 1:
        assert 0 <= placed("box", box=(x0, y0, x1, y1)).outside <= 1


def test_unknown_points_stay_unknown_and_shapes_stay():
    flat = align.map_points([2, 0, 1, 0, 2, 1], [1, 2, np.nan, np.nan])
    np.testing.assert_array_equal(flat, [3, 5, np.nan, np.nan])


@pytest.mark.parametrize("scale", [2.0, 1.0, 0.7, 0.5, 0.4, 0.25, 0.1])
@pytest.mark.parametrize("angle", [0.0, 0.3])
def test_a_dot_lands_where_the_matrix_says(scale, angle):
    x, y = 81.3, 57.8
    a, b = scale * np.cos(angle), scale * np.sin(angle)
    size = int(150 * scale)
    middle = np.array([size / 2 + 0.37, size / 2 - 0.21])
    shift = middle - np.array([[a, -b], [b, a]]) @ [x, y]
    matrix = [a, -b, shift[0], b, a, shift[1]]
    picture = align.crop(blob(x, y, sigma=max(2.0, 1.2 / scale)), matrix, size)
    assert np.abs(centroid(picture) - middle).max() < 0.25


def test_shrinking_skips_no_pixel():
    fine = np.indices((240, 240)).sum(axis=0) % 2 * 255
    picture = align.crop(fine.astype(np.uint8), [1 / 7, 0, -3, 0, 1 / 7, -3], 24)
    assert picture.min() >= 120
    assert picture.max() <= 135


def test_a_crop_of_the_whole_photo_is_the_photo():
    photo = np.random.default_rng(1).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    np.testing.assert_array_equal(align.crop(photo, [1, 0, 0, 0, 1, 0], 40), photo)


def test_outside_the_photo_is_black():
    picture = align.crop(np.full((20, 20, 3), 255, np.uint8), [1, 0, 10, 0, 1, 0], 30)
    assert picture[:20, 10:].min() == 255
    assert picture[:, :10].max() == 0
    assert picture[20:].max() == 0


def test_a_box_far_larger_than_the_photo_costs_no_memory():
    found = placed("box", box=(-3e6, -3e6, 3e6, 3e6))
    assert align.crop(np.full((100, 100, 3), 255, np.uint8), found.matrix, found.size).max() < 255
