import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from facecurate.faces.hints import occlusion_hints
from facecurate.synth.render import render_photo
from facecurate.synth.spec import OCCLUDERS, PhotoSpec, random_spec

FACES = 16
HELD = [kind for kind in OCCLUDERS if kind != "none"]


def photo_of(seed, kind="none", size=140.0, centre=(128.0, 128.0)):
    face = random_spec(seed, size_px=size, centre=centre, max_yaw=20)
    face = replace(face, occluder=kind, glasses=False)
    image, (known,) = render_photo(PhotoSpec(256, 256, seed, (face,)))
    return image, known.landmarks


@cache
def hints(kind):
    return [occlusion_hints(*photo_of(seed, kind)) for seed in range(FACES)]


def auc(kind, name):
    """How often a face behind something has more of it than a bare one."""
    held = np.array([getattr(h, name) for h in hints(kind)])
    bare = np.array([getattr(h, name) for h in hints("none")])
    return float((held[:, None] > bare[None]).mean())


@pytest.mark.parametrize("kind", ["mask", "cup", "phone", "scarf"])
def test_things_of_another_colour_are_told_from_bare_faces(kind):
    assert auc(kind, "other_colour") > 0.75


@pytest.mark.parametrize("kind", ["hand", "mask"])
def test_things_over_the_mouth_break_its_symmetry(kind):
    assert auc(kind, "asymmetry") > 0.75


def test_a_hand_has_the_skin_s_colour():
    """The hint is blind to it, as its description says."""
    assert auc("hand", "other_colour") < 0.5


@pytest.mark.parametrize("kind", ["none", *HELD])
def test_both_are_shares(kind):
    for found in hints(kind):
        assert 0 <= found.other_colour <= 1 and 0 <= found.asymmetry <= 1


def test_a_mirrored_photo_gives_the_same_hints():
    image, landmarks = photo_of(3, "cup")
    turned = (np.array([255, 0]) + landmarks.reshape(5, 2) * [-1, 1])[[1, 0, 2, 4, 3]].ravel()
    one, two = occlusion_hints(image, landmarks), occlusion_hints(image[:, ::-1], turned)
    assert two.asymmetry == pytest.approx(one.asymmetry, abs=0.03)
    assert two.other_colour == pytest.approx(one.other_colour, abs=0.05)


def test_a_face_that_is_its_own_mirror_image_has_no_asymmetry():
    columns = np.abs(np.arange(201) - 100)
    rows = np.arange(200)[:, None]
    grey = (128 + 60 * np.sin(columns / 3.0) * np.sin(rows / 4.0)).astype(np.uint8)
    image = np.repeat(grey[:, :, None], 3, axis=2)
    landmarks = [75, 80, 125, 80, 100, 108, 79, 137, 121, 137]
    assert occlusion_hints(image, landmarks).asymmetry == pytest.approx(0, abs=0.01)


def test_a_picture_without_colours_has_no_other_colour():
    image, landmarks = photo_of(4, "mask")
    grey = np.repeat(image.mean(axis=2).astype(np.uint8)[:, :, None], 3, axis=2)
    assert occlusion_hints(grey, landmarks).other_colour == 0


def test_without_five_points_nothing_is_told():
    image, landmarks = photo_of(1)
    for known in (6, 9, 0):
        part = [*landmarks[:known], *[math.nan] * (10 - known)]
        found = occlusion_hints(image, part)
        assert math.isnan(found.other_colour) and math.isnan(found.asymmetry)
    assert math.isnan(occlusion_hints(image, [30.0, 40.0] * 5).asymmetry)


def test_a_face_cut_by_the_photo_s_edge_is_not_compared_with_black():
    image, landmarks = photo_of(2)
    mouth = landmarks.reshape(5, 2)[3:].mean(axis=0)
    cut = image[: int(mouth[1])]
    found = occlusion_hints(cut, landmarks)
    assert math.isnan(found.asymmetry)
    side = occlusion_hints(image[:, : int(mouth[0]) + 10], landmarks)
    whole = occlusion_hints(image, landmarks)
    assert side.other_colour == pytest.approx(whole.other_colour, abs=0.1)


def test_a_flat_picture_has_nothing_to_compare():
    flat = np.full((200, 200, 3), 120, np.uint8)
    found = occlusion_hints(flat, [75, 80, 125, 80, 100, 108, 79, 137, 121, 137])
    assert found.other_colour == 0 and math.isnan(found.asymmetry)
