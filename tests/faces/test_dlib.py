import numpy as np
import pytest
from PIL import Image

pytest.importorskip("dlib", reason="not installed: run 'make test'")

from facecurate.errors import UsageError
from facecurate.faces import dlib_, load_detector


@pytest.fixture(scope="module")
def detector():
    return load_detector("dlib")


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def test_a_rectangle_of_whole_pixels_spans_them_all():
    import dlib

    assert dlib_._corners(dlib.rectangle(3, 4, 3, 9)) == [3, 4, 4, 10]


def test_eyes_are_the_middles_of_their_corners_and_the_mouth_is_unknown():
    marks = np.array([(90, 40), (70, 42), (20, 38), (44, 40), (57, 80)], float)
    np.testing.assert_array_equal(dlib_.five_points(marks), [32, 39, 80, 41, 57, 80] + [np.nan] * 4)


def test_its_own_weights_are_the_only_ones():
    with pytest.raises(UsageError, match="leave out --weights"):
        load_detector("dlib", weights="x.dat")


def test_nothing_on_an_empty_picture(detector):
    assert detector.detect([np.full((60, 80, 3), 128, np.uint8)]) == [[]]


def test_one_face_with_eyes_near_the_marked_pupils(detector, test_data):
    photo = sorted((test_data / "photos/london/inst/neutral_front").glob("*.jpg"))[0]
    (face,) = detector.detect([pixels(photo)])[0]
    lines = photo.with_suffix(".tem").read_text().splitlines()[1:3]
    pupils = np.array([float(v) for line in lines for v in line.split()])
    size = face.box[2] - face.box[0]
    assert np.abs(face.landmarks[:4] - pupils).max() < 0.04 * size
    assert np.isnan(face.landmarks[6:]).all()


def test_mirrored_photos_give_mirrored_points_without_a_shift(detector, test_data):
    shifts = []
    for path in sorted((test_data / "photos/congress/images").glob("*.jpg"))[:5]:
        photo = pixels(path)
        (face,), (other,) = detector.detect([photo, photo[:, ::-1]])
        x, mirrored = face.landmarks[:6:2], other.landmarks[:6:2]
        assert x[0] < x[2] < x[1]
        shifts += [*(x + mirrored[[1, 0, 2]] - (photo.shape[1] - 1))]
    # Half a working pixel lost at the edge would shift the mean by 0.5 photo pixels.
    assert abs(np.mean(shifts)) < 0.25


def test_a_face_of_forty_pixels_is_found_in_a_photo_of_512(detector, test_data):
    photo = Image.open(sorted((test_data / "photos/congress/images").glob("*.jpg"))[0])
    (face,) = detector.detect([np.asarray(photo.convert("RGB"))])[0]
    scale = 40 / (face.box[2] - face.box[0])
    small = photo.convert("RGB").resize(
        (round(photo.width * scale), round(photo.height * scale)), Image.Resampling.BOX
    )
    scene = np.full((512, 512, 3), 128, np.uint8)
    scene[200 : 200 + small.height, 300 : 300 + small.width] = np.asarray(small)
    (found,) = detector.detect([scene])[0]
    assert found.box[2] - found.box[0] == pytest.approx(40, abs=8)
    assert found.box[0] == pytest.approx(300 + face.box[0] * scale, abs=5)
