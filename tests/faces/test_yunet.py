import numpy as np
import pytest
from PIL import Image

from facecurate.faces import load_detector


@pytest.fixture
def yunet(test_data):
    return load_detector("yunet", weights=str(test_data / "weights" / "yunet_n_dynamic.onnx"))


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def test_making_it_writes_nothing(test_data, capfd):
    load_detector("yunet", weights=str(test_data / "weights" / "yunet_n_dynamic.onnx"))
    assert capfd.readouterr() == ("", "")


def test_one_face_with_eyes_on_the_marked_pupils(yunet, test_data):
    for photo in sorted((test_data / "photos/london/inst/neutral_front").glob("*.jpg"))[:3]:
        (face,) = yunet.detect([pixels(photo)])[0]
        lines = photo.with_suffix(".tem").read_text().splitlines()[1:3]
        pupils = np.array([float(v) for line in lines for v in line.split()])
        size = max(face.box[2] - face.box[0], face.box[3] - face.box[1])
        assert np.abs(face.landmarks[:4] - pupils).max() < 0.03 * size, photo.name


def test_no_face_where_nobody_is(yunet, test_data):
    photos = sorted((test_data / "photos/london/inst/rainbow").glob("*.jpg"))[::6]
    assert yunet.detect([pixels(p) for p in photos]) == [[], [], []]


def test_pictures_of_different_sizes_do_not_disturb_each_other(yunet, test_data):
    photos = [pixels(p) for p in sorted((test_data / "photos/congress/images").glob("*.jpg"))[4:7]]
    together = yunet.detect(photos)
    for photo, faces in zip(photos, together, strict=True):
        alone = yunet.detect([photo])[0]
        assert [f.box.tolist() for f in alone] == [f.box.tolist() for f in faces]


def test_the_settings_hold_the_digest(yunet):
    assert yunet.settings["weights"].startswith("104ee26c71d5c270")
