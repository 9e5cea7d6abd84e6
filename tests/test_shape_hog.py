from __future__ import annotations

import numpy as np
import pytest

from facecurate import images
from facecurate.encoders import ENCODERS
from facecurate.encoders.shape_hog import CELLS, TURNS, WEIGHT, ShapeHogEncoder
from facecurate.faces.align import box_matrix, crop, map_points
from facecurate.synth.render import render_photo
from facecurate.synth.spec import FaceSpec, PhotoSpec

ENCODER = ShapeHogEncoder()
GRADIENTS = CELLS * CELLS * TURNS


def face(roll: float = 0.0, size: float = 150.0, **units: float) -> tuple[np.ndarray, np.ndarray]:
    """A crop and its points; ``units``: intensities of action units."""
    from facecurate.synth.facs import ACTION_UNITS

    told = tuple(units.get(f"au{number}", 0.0) for number in ACTION_UNITS)
    spec = FaceSpec(identity=3, size_px=size, centre=(150, 150), roll=roll, units=told)
    pixels, (known,) = render_photo(PhotoSpec(300, 300, 1, (spec,)))
    matrix, side = box_matrix(known.box, 256)
    told_points = np.concatenate([known.landmarks.ravel(), known.points68.ravel()])
    return crop(pixels, matrix, side), map_points(matrix, told_points).astype(np.float32)


def encoded(*faces: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    return ENCODER.encode([pixels for pixels, _ in faces], [points for _, points in faces])


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_it_is_offered_by_its_name_and_recognises_nobody() -> None:
    encoder = ENCODERS["shape+hog"]()
    assert (encoder.name, encoder.identity, encoder.dimension) == ("shape+hog", False, 708)


def test_gradients_have_length_one_and_the_shape_its_weight() -> None:
    (vector,) = encoded(face())
    assert vector.shape == (708,) and vector.dtype == np.float32
    assert np.linalg.norm(vector[:GRADIENTS]) == pytest.approx(1, abs=1e-5)
    assert np.linalg.norm(vector[GRADIENTS:]) == pytest.approx(WEIGHT, abs=1e-4)


def test_a_batch_gives_what_single_faces_give() -> None:
    faces = [face(), face(au26=4.0)]
    assert np.allclose(encoded(*faces), np.concatenate([encoded(one) for one in faces]), atol=1e-6)


def test_an_open_mouth_is_further_away_than_another_size_or_turn() -> None:
    plain, opened, larger, turned = encoded(
        face(), face(au26=4.0), face(size=165.0), face(roll=8.0)
    )
    assert cosine(plain, opened) < cosine(plain, larger)
    assert cosine(plain, opened) < cosine(plain, turned)


def test_size_place_and_turn_of_the_points_do_not_count() -> None:
    pixels, points = face(au12=3.0)
    angle = 0.3
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = points.copy()
    moved[10:] = (points[10:].reshape(-1, 2) @ turn.T * 1.7 + [5, -3]).ravel()
    a, b = encoded((pixels, points), (pixels, moved))
    assert np.allclose(a, b, atol=1e-4)


def test_66_points_are_the_68_without_the_inner_corners_of_the_lips() -> None:
    pixels, points = face()
    fewer = np.concatenate(
        [points[:10], np.delete(points[10:].reshape(-1, 2), [60, 64], 0).ravel()]
    )
    assert np.array_equal(*encoded((pixels, points), (pixels, fewer)))


def test_without_points_the_shape_is_zero_and_the_crop_is_taken_as_it_is() -> None:
    pixels, points = face()
    unknown = np.full(10, np.nan, np.float32)
    bare, blind = ENCODER.encode([pixels]), ENCODER.encode([pixels], [unknown])
    assert np.array_equal(bare, blind) and not bare[0, GRADIENTS:].any()
    assert not encoded((pixels, points[:10]))[0, GRADIENTS:].any()  # five landmarks are no shape


def test_flat_pictures_are_one_vector_and_no_crop_gives_none() -> None:
    flat = [np.full((40, 40, 3), grey, np.uint8) for grey in (0, 90)]
    a, b = ENCODER.encode(flat)
    assert np.array_equal(a, b) and np.linalg.norm(a) == 1
    assert ENCODER.encode([]).shape == (0, 708)


def test_large_crops_are_averaged_before_they_are_levelled() -> None:
    pixels, points = face()
    height, width = pixels.shape[:2]
    larger = images.resize(pixels, 4 * width, 4 * height)
    scaled = ((points + 0.5) * 4 - 0.5).astype(np.float32)
    a, b = encoded((pixels, points), (larger, scaled))
    assert cosine(a[:GRADIENTS], b[:GRADIENTS]) > 0.98
