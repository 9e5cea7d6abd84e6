"""Face crops laid on each other: copies agree however they were made, another moment does not."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from facecurate import images
from facecurate.faces.align import crop, map_points, place
from facecurate.similar import register
from facecurate.similar.register import (
    SIDE,
    View,
    agreement,
    mirrored,
    registered,
    view,
    without_rim,
)
from facecurate.synth.facs import ACTION_UNITS
from facecurate.synth.render import render_photo
from facecurate.synth.spec import PhotoSpec, random_spec

SIZE = 300


def drawn(seed, **changes):
    spec = replace(random_spec(seed, size_px=150.0, centre=(150.0, 150.0)), **changes)
    pixels, (labels,) = render_photo(PhotoSpec(SIZE, SIZE, 7, (spec,), noise=1.5))
    return pixels, np.array(labels.box), np.asarray(labels.landmarks).reshape(5, 2)


def face(**strengths):
    """Intensities of all action units by number: ``face(au12=4)``."""
    return tuple(float(strengths.get(f"au{unit}", 0.0)) for unit in ACTION_UNITS)


def seen(pixels, box, points, shift=(0.0, 0.0)):
    """The view of the ``box`` crop that a detector would give that is off by ``shift`` pixels."""
    height, width = pixels.shape[:2]
    placed = place(
        "box",
        box=np.array(box) + np.tile(shift, 2),
        landmarks=points.reshape(10),
        crop_size=256,
        width=width,
        height=height,
    )
    grey = images.luma(crop(pixels, placed.matrix, placed.size))
    found = map_points(placed.matrix, points + np.array(shift)).reshape(5, 2)
    return view(grey, found, placed.matrix, width, height)


def reencoded(pixels, quality):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(io.BytesIO(file.getvalue())).convert("RGB"))


def cut(pixels, box, points, left, top):
    moved = box - np.array([left, top, left, top])
    return np.ascontiguousarray(pixels[top:, left:]), moved, points - (left, top)


def rescaled(pixels, box, points, factor):
    side = round(SIZE * factor)
    small = np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.LANCZOS))
    return small, (box + 0.5) * factor - 0.5, (points + 0.5) * factor - 0.5


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_photo_agrees_with_its_copies(seed):
    photo = drawn(seed)
    original = seen(*photo)
    pixels, box, points = photo
    darker = np.clip(pixels.astype(float) * 0.8 + 5, 0, 255).astype(np.uint8)
    copies = {
        "the detector is off": seen(*photo, shift=(2.0, -1.5)),
        "quality 40": seen(reencoded(pixels, 40), box, points),
        "darker": seen(darker, box, points),
        "cut through the face's margin": seen(*cut(*photo, 60, 50)),
    }
    values = {name: agreement(original, copy) for name, copy in copies.items()}
    assert min(values.values()) >= register.SAME, values


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_mirrored_copy_agrees_once_it_is_mirrored_back(seed):
    pixels, box, points = drawn(seed)
    flipped = np.ascontiguousarray(pixels[:, ::-1])
    x0, y0, x1, y1 = box
    there = np.column_stack([SIZE - 1 - points[:, 0], points[:, 1]])[[1, 0, 2, 4, 3]]
    copy = seen(flipped, [SIZE - 1 - x1, y0, SIZE - 1 - x0, y1], there)
    original = seen(pixels, box, points)
    assert agreement(original, mirrored(copy)) >= register.SAME
    assert not agreement(original, copy) >= register.SAME


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_another_moment_of_the_same_face_does_not_agree(seed):
    """The next pictures of a burst: a head is never quite still."""
    yaw = random_spec(seed).yaw
    original = seen(*drawn(seed, units=face()))
    moments = {
        "smiling": drawn(seed, units=face(au12=4, au6=2, au25=2), yaw=yaw + 2.0),
        "blinking": drawn(seed, units=face(au43=5), yaw=yaw + 2.0),
        "turned": drawn(seed, units=face(), yaw=yaw + 4.0),
    }
    values = {name: agreement(original, seen(*photo)) for name, photo in moments.items()}
    assert agreement(original, seen(*drawn(seed, units=face()))) >= 0.999
    assert not [value for value in values.values() if value >= register.SAME], values


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_is_written_at_the_rim_does_not_count_without_it(seed):
    pixels, box, points = drawn(seed)
    written = pixels.copy()
    top, foot = round(box[1]), round(box[3])
    edge = foot + round(0.14 * (foot - top))
    written[edge : edge + 8] = np.random.default_rng(seed).integers(0, 256, (8, SIZE, 1))
    one, other = seen(pixels, box, points), seen(written, box, points, shift=(1.0, 1.0))
    assert not agreement(one, other) >= register.SAME
    assert agreement(without_rim(one), without_rim(other)) >= register.SAME


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_another_moment_does_not_agree_without_the_rim_either(seed):
    yaw = random_spec(seed).yaw
    original = without_rim(seen(*drawn(seed, units=face())))
    moments = {
        "smiling": drawn(seed, units=face(au12=4, au6=2, au25=2), yaw=yaw + 2.0),
        "blinking": drawn(seed, units=face(au43=5), yaw=yaw + 2.0),
        "turned": drawn(seed, units=face(), yaw=yaw + 4.0),
    }
    values = {n: agreement(original, without_rim(seen(*photo))) for n, photo in moments.items()}
    assert not [value for value in values.values() if value >= register.SAME], values


def test_different_people_do_not_agree():
    views = [seen(*drawn(seed)) for seed in range(10, 16)]
    pairs = [agreement(a, b) for i, a in enumerate(views) for b in views[:i]]
    assert not [value for value in pairs if value >= 0.9]


def test_the_order_of_the_pair_does_not_matter():
    a, b = seen(*drawn(4)), seen(*rescaled(*drawn(4), 0.6))
    assert agreement(a, b) == agreement(b, a)


def test_a_known_shift_is_found():
    """A hundredth of the crop's side is a pixel: found to a twentieth of it."""
    original = seen(*drawn(5))
    other = seen(*drawn(5), shift=(3.0, -2.0))
    found = registered(original, other, np.array([[1.0, 0, 0], [0, 1.0, 0]]))
    scale = SIDE / (1.4 * np.ptp(drawn(5)[1][1::2]))  # the box crop of the longer side
    assert found[:, :2] == pytest.approx(np.eye(2), abs=0.003)
    assert found @ (56, 56, 1) - (56, 56) == pytest.approx([-3 * scale, 2 * scale], abs=0.05)


@pytest.mark.filterwarnings("error")
def test_nothing_to_compare_is_no_agreement():
    one = seen(*drawn(6))
    flat = View(np.zeros_like(one.grey), one.shown, one.points)
    hidden = View(one.grey, np.zeros_like(one.shown), one.points)
    pointless = View(one.grey, one.shown, np.full((5, 2), np.nan))
    for other in (flat, hidden, pointless):
        assert np.isnan(agreement(one, other))
        assert np.isnan(agreement(other, one))


def test_what_is_given_up_early_would_have_stayed_below():
    views = [seen(*drawn(seed)) for seed in range(20, 24)]
    views += [seen(*rescaled(*drawn(20), 0.6)), seen(*drawn(21), shift=(2.0, 1.0))]
    pairs = [(a, b) for i, a in enumerate(views) for b in views[:i]]
    exact = np.array([agreement(a, b) for a, b in pairs])
    early = np.array([agreement(a, b, register.SAME) for a, b in pairs])
    same = exact >= register.SAME
    assert 1 < same.sum() < len(pairs)
    assert (early[same] == exact[same]).all() and not (early[~same] >= register.SAME).any()
