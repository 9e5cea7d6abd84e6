import itertools
import math

import numpy as np
import pytest

from facecurate import images
from facecurate.faces import quality
from facecurate.synth.render import render_photo
from facecurate.synth.spec import PhotoSpec, random_spec


def rendered(seed, *, size=112.0, blur=0.0):
    """A photo with one face of ``size`` px, blurred by ``blur`` percent of it, and its box."""
    side = int(1.7 * size)
    face = random_spec(seed, size_px=size, centre=(side / 2, side / 2))
    photo = PhotoSpec(side, side, seed, (face,), noise=2.0, blur=blur / 100 * size, quality=90)
    image, (known,) = render_photo(photo)
    return image, known.box


def sharpness(seed, **changes):
    return quality.looks(*rendered(seed, **changes)).sharpness


# -- brightness and contrast -------------------------------------------------------------------


def test_brightness_is_mean_luma_and_contrast_its_standard_deviation():
    photo = np.zeros((60, 60, 3), np.uint8)
    photo[:, ::2, 0] = 200
    found = quality.looks(photo, (-0.5, -0.5, 59.5, 59.5))
    assert found.brightness == pytest.approx(0.299 * 100, abs=0.5)
    flat = quality.looks(np.full((60, 60, 3), 90, np.uint8), (5, 5, 50, 50))
    assert (flat.brightness, flat.contrast, flat.sharpness) == (pytest.approx(90), 0, 0)


def test_contrast_of_two_halves_by_hand():
    photo = np.full((112, 112), 60, np.uint8)
    photo[:56] = 140
    found = quality.looks(photo, (-0.5, -0.5, 111.5, 111.5))
    assert found.brightness == pytest.approx(100, abs=0.8)  # a border of a pixel is left out
    assert found.contrast == pytest.approx(40, abs=0.2)


def test_only_the_box_counts():
    photo = np.full((200, 200, 3), 255, np.uint8)
    photo[50:150, 60:140] = 80
    found = quality.looks(photo, (60, 50, 139, 149))
    assert (found.brightness, found.contrast) == (pytest.approx(80, abs=2), pytest.approx(0, abs=9))


# -- edges of the photo --------------------------------------------------------------------------


@pytest.mark.parametrize("box", [(-40, 10, 40, 90), (60, 60, 140, 140), (-9, -9, 300, 300)])
@pytest.mark.parametrize("scale", [1, 3])
def test_nothing_from_outside_the_photo_is_measured(box, scale):
    photo = np.full((100 * scale, 100 * scale, 3), 200, np.uint8)
    found = quality.looks(photo, np.array(box) * scale)
    assert (found.brightness, found.contrast) == (pytest.approx(200), 0)


def test_a_face_over_the_edge_looks_like_its_part_inside():
    image, (x0, y0, x1, y1) = rendered(3, size=150)
    cut = int((x0 + x1) / 2) + 20
    whole, part = quality.looks(image, (x0, y0, cut, y1)), image[:, :cut]
    found = quality.looks(part, (x0, y0, 2 * cut - x0, y1))
    for name in ("brightness", "contrast"):
        assert getattr(found, name) == pytest.approx(getattr(whole, name), rel=0.05)


def test_a_face_outside_the_photo_has_no_looks():
    found = quality.looks(np.zeros((50, 50, 3), np.uint8), (45, 45, 145, 145))
    assert all(math.isnan(v) for v in (found.sharpness, found.brightness, found.contrast))


def test_a_face_of_a_few_pixels_is_measured():
    image, _ = rendered(2, size=150)
    found = quality.looks(image, (100, 100, 105, 106))
    assert all(math.isfinite(v) for v in (found.sharpness, found.brightness, found.contrast))


# -- sharpness -------------------------------------------------------------------------------------


def test_the_sharpness_of_a_wave_by_hand():
    """cos(wx): a Gaussian of 1 weakens it by exp(-w^2 / 2), the Laplacian by 2 - 2 cos w."""
    w = 2 * math.pi / 8
    wave = 100 + 50 * np.cos(w * np.arange(160))
    grey = np.repeat(wave[None], 160, axis=0)
    expected = 100 * math.exp(-(w**2) / 2) * (2 - 2 * math.cos(w))
    assert quality.sharpness(grey) == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("seed", range(8))
def test_known_blur_lowers_the_sharpness_at_every_step(seed):
    found = [sharpness(seed, blur=blur) for blur in (0, 0.5, 1, 2, 3, 4, 6)]
    assert all(a > b for a, b in itertools.pairwise(found)), found


@pytest.mark.parametrize("seed", range(4))
def test_one_face_at_other_sizes_is_as_sharp(seed):
    """Blurred by the same share of its size, from 100 px on; below the photo has not the detail."""
    found = [sharpness(seed, size=size, blur=1) for size in (100, 150, 250, 400)]
    assert max(found) < 1.25 * min(found)
    assert sharpness(seed, size=40, blur=0) < sharpness(seed, size=112, blur=0)


@pytest.mark.parametrize("gain", [0.4, 0.7])
def test_dim_light_does_not_blur(gain):
    image, box = rendered(5)
    dim = np.rint(image * gain).astype(np.uint8)
    one, two = quality.looks(image, box), quality.looks(dim, box)
    assert two.sharpness == pytest.approx(one.sharpness, rel=0.05)
    assert two.contrast == pytest.approx(gain * one.contrast, rel=0.05)


def test_a_smaller_copy_that_keeps_the_detail_is_as_sharp():
    image, box = rendered(6, size=448, blur=1)
    small = images.resize(image, image.shape[1] // 4, image.shape[0] // 4)
    moved = [(v + 0.5) / 4 - 0.5 for v in box]
    one, two = quality.looks(image, box), quality.looks(small, moved)
    assert two.sharpness == pytest.approx(one.sharpness, rel=0.12)
    assert two.brightness == pytest.approx(one.brightness, rel=0.02)
