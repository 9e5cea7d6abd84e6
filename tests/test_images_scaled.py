"""Pictures scaled while they are decoded: the same places, the same verdicts."""

import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from facecurate import images
from facecurate.images import ImageRejectedError, Limits, decode
from facecurate.records import REASONS

SPOTS = np.array([(203.4, 150.2), (430.7, 148.9), (318.1, 253.3), (215.5, 370.6), (424, 371)])


def photo(width, height):
    """Soft spots at SPOTS: their centre of mass survives any average over areas."""
    y, x = np.mgrid[:height, :width]
    grey = np.zeros((height, width))
    for px, py in SPOTS:
        grey += 250 * np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * 12.0**2))
    return grey.clip(0, 255).astype(np.uint8)[..., None].repeat(3, axis=2)


def stored_so(pixels, orientation):
    """The stored pixels that this EXIF orientation turns into ``pixels``."""
    back = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}[orientation]
    turned = Image.fromarray(pixels)
    method = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }.get(back)
    return turned if method is None else turned.transpose(method)


def jpeg(pixels, orientation=1, **options):
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    stored_so(pixels, orientation).save(file, "JPEG", quality=95, exif=exif, **options)
    return file.getvalue()


def centre(grey, near, reach):
    rows, columns = np.mgrid[: grey.shape[0], : grey.shape[1]]
    weight = grey * (np.hypot(columns - near[0], rows - near[1]) < reach)
    return np.array([(weight * columns).sum(), (weight * rows).sum()]) / weight.sum()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("by", [1, 2, 4, 8])
@pytest.mark.parametrize("width, height", [(640, 480), (637, 475)])
def test_a_point_lies_where_it_lies_in_the_photo_at_every_scale_and_turn(
    width, height, by, orientation
):
    data = jpeg(photo(width, height), orientation)
    for grey in (False, True):
        picture = decode(data, longest=max(width, height) // by, grey=grey)
        assert picture.scale == 1 / by
        assert (picture.header.width, picture.header.height) == (width, height)
        flat = picture.pixels if grey else picture.pixels[..., 1]
        for spot in SPOTS:
            near = (spot - np.array(picture.shift) + 0.5) * picture.scale - 0.5
            found = picture.to_photo(centre(flat.astype(float), near, 40 / by))
            assert found == pytest.approx(spot, abs=0.25)


@pytest.mark.parametrize(
    "options, size",
    [
        ({}, (480, 640)),
        ({"longest": 640}, (480, 640)),
        ({"longest": 639}, (480, 640)),
        ({"longest": 320}, (240, 320)),
        ({"longest": 1}, (60, 80)),
        ({"shortest": 60}, (60, 80)),
        ({"shortest": 61}, (120, 160)),
        ({"longest": 1, "shortest": 240}, (240, 320)),
        ({"shortest": 5000}, (480, 640)),
    ],
)
def test_a_scale_is_the_smallest_that_keeps_the_sides_asked_for(options, size):
    assert decode(jpeg(photo(640, 480)), **options).pixels.shape == (*size, 3)


def test_an_eighth_is_the_mean_of_its_blocks():
    blocks = np.random.default_rng(0).integers(0, 256, (6, 7)).astype(np.uint8)
    whole = np.kron(blocks, np.ones((8, 8), np.uint8))
    file = io.BytesIO()
    Image.fromarray(whole).save(file, "JPEG", quality=100)
    small = decode(file.getvalue(), longest=7, grey=True).pixels
    assert np.abs(small.astype(int) - blocks).max() <= 1


def test_the_grey_of_a_jpeg_is_the_luminance_of_its_colours_but_for_rounding():
    coarse = np.random.default_rng(1).integers(40, 215, (12, 16, 3)).astype(np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize((320, 240), Image.Resampling.BICUBIC))
    data = jpeg(smooth, subsampling=0)
    grey, colours = decode(data, grey=True).pixels, decode(data).pixels
    assert np.abs(grey.astype(int) - images.luma(colours)).max() <= 2


@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF", "BMP", "GIF"])
def test_other_formats_come_at_full_size(format):
    file = io.BytesIO()
    Image.fromarray(photo(640, 480)).save(file, format)
    picture = decode(file.getvalue(), longest=64)
    assert (picture.pixels.shape, picture.scale) == ((480, 640, 3), 1.0)
    grey = decode(file.getvalue(), longest=64, grey=True).pixels
    assert np.array_equal(grey, images.luma(picture.pixels))


def test_a_jpeg_that_only_pillow_reads_comes_at_full_size():
    file = io.BytesIO()
    Image.fromarray(photo(640, 480)).convert("CMYK").save(file, "JPEG")
    assert decode(file.getvalue(), longest=64).scale == 1.0


@pytest.mark.parametrize("size", [(1, 1), (9, 1), (1, 17), (4000, 2), (3, 4000)])
def test_thin_pictures_are_scaled_exactly_or_not_at_all(size):
    width, height = size
    tone = np.linspace(0, 255, width * height).reshape(height, width).astype(np.uint8)
    picture = decode(jpeg(tone[..., None].repeat(3, axis=2)), longest=1)
    by = round(1 / picture.scale)
    assert picture.pixels.shape[:2] == (-(-height // by), -(-width // by))


# -- verdicts ----------------------------------------------------------------------------------


def verdict(data, **options):
    """The reason for which bytes are rejected, or None; anything else that is raised is a bug."""
    try:
        picture = decode(data, Limits(max_pixels=1_000_000), **options)
    except ImageRejectedError as error:
        assert error.reason in REASONS
        return error.reason
    assert picture.pixels.dtype == np.uint8
    assert picture.pixels.flags.c_contiguous
    return None


def test_the_verdict_on_every_odd_file_is_the_same_at_every_scale(test_data):
    files = [path for path in sorted((test_data / "odd").rglob("*")) if path.is_file()]
    assert len(files) > 200
    for path in files:
        data = path.read_bytes()
        assert verdict(data, longest=16, grey=True) == verdict(data), path.name


WHOLE = jpeg(np.random.default_rng(2).integers(0, 256, (40, 56, 3)).astype(np.uint8), 6)


def damaged(data, draw):
    cut = bytearray(data)
    for _ in range(draw.draw(st.integers(0, 5))):
        cut[draw.draw(st.integers(0, len(cut) - 1))] = draw.draw(st.integers(0, 255))
    return bytes(cut[: draw.draw(st.integers(1, len(cut)))])


def check_damaged(draw):
    data = damaged(WHOLE, draw)
    assert verdict(data, longest=4) == verdict(data, longest=4, grey=True)


def with_exif(block):
    """A sound JPEG with ``block`` as the TIFF structure of its EXIF segment."""
    segment = b"\xff\xe1" + struct.pack(">H", len(block) + 8) + b"Exif\0\0" + block
    file = io.BytesIO()
    Image.fromarray(photo(64, 48)).save(file, "JPEG")
    return file.getvalue()[:2] + segment + file.getvalue()[2:]


EXIF = Image.Exif()
EXIF[0x0112] = 3
EXIF[0x8825] = {1: "N", 2: (1.0, 2.0, 3.0)}


def check_exif(draw):
    """Damaged metadata never costs the pixels, and a turn keeps them all."""
    block = damaged(EXIF.tobytes()[6:], draw)
    picture = decode(with_exif(block))
    assert sorted(picture.pixels.shape[:2]) == [48, 64]
    assert verdict(images.strip_gps(with_exif(block))) is None


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_damaged_jpeg_is_judged_alike_at_every_scale(draw):
    check_damaged(draw)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damaged_exif_costs_no_pixels(draw):
    check_exif(draw)


@pytest.mark.soak
@settings(max_examples=20_000, deadline=None)
@given(st.data())
def test_twenty_thousand_damaged_jpegs_are_judged_alike_at_every_scale(draw):
    check_damaged(draw)


@pytest.mark.soak
@settings(max_examples=20_000, deadline=None)
@given(st.data())
def test_twenty_thousand_damaged_exif_blocks_cost_no_pixels(draw):
    check_exif(draw)
