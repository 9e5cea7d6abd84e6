"""Bytes to pixels: limits, turns, modes, reasons."""

import io
import os
import re
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from facecurate import images
from facecurate.images import ImageRejectedError, Limits, decode, inspect
from facecurate.records import REASONS

ROOT = Path(__file__).resolve().parents[1]
BLOCKS = np.random.default_rng(0).integers(0, 256, (3, 5, 3))
PIXELS = np.kron(BLOCKS, np.ones((8, 8, 1))).astype(np.uint8)  # 24 x 40, no symmetry


def encoded(image=PIXELS, format="PNG", **options):
    file = io.BytesIO()
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(file, format, **options)
    return file.getvalue()


def reason_of(data, limits=images.DEFAULT_LIMITS):
    with pytest.raises(ImageRejectedError) as rejected:
        decode(data, limits)
    return rejected.value.reason


# -- turns -------------------------------------------------------------------------------------


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_the_exif_turn_is_pillows(format, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    lossless = {"lossless": True} if format == "WEBP" else {}
    data = encoded(format=format, exif=exif, **lossless)
    with Image.open(io.BytesIO(data)) as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    picture = decode(data)
    assert np.array_equal(picture.pixels, expected)
    assert picture.header.orientation == orientation
    assert (picture.header.height, picture.header.width) == expected.shape[:2]
    assert inspect(data) == picture.header
    assert picture.pixels.flags.c_contiguous


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_a_senseless_orientation_is_none(value):
    exif = Image.Exif()
    exif[0x0112] = value
    picture = decode(encoded(exif=exif))
    assert picture.header.orientation == 1 and np.array_equal(picture.pixels, PIXELS)


def test_a_turned_portrait_is_its_upright_twin(test_data):
    faces = test_data / "photos" / "exif_and_formats" / "metadata" / "faces"
    upright = decode((faces / "portrait.jpg").read_bytes())
    turned = decode((faces / "portrait-orientation-6.jpg").read_bytes())
    assert (upright.header.orientation, turned.header.orientation) == (1, 6)
    assert turned.pixels.shape == upright.pixels.shape
    assert np.abs(turned.pixels.astype(int) - upright.pixels).mean() < 3


# -- modes -------------------------------------------------------------------------------------


def grey(values, mode):
    return Image.fromarray(np.asarray(values, {"I;16": "u2", "I": "i4", "F": "f4"}[mode]))


def test_cmyk_is_converted_as_pillow_does():
    image = Image.fromarray(PIXELS).convert("CMYK")
    for format in ("JPEG", "TIFF"):
        data = encoded(image, format)
        with Image.open(io.BytesIO(data)) as read:
            assert np.array_equal(decode(data).pixels, np.asarray(read.convert("RGB")))


def test_a_palette_gives_its_colours():
    image = Image.fromarray(PIXELS).quantize(16)
    assert np.array_equal(decode(encoded(image)).pixels, np.asarray(image.convert("RGB")))


def test_sixteen_bits_are_divided_by_257():
    values = np.array([[0, 128, 129, 257, 32896, 65535]])
    pixels = decode(encoded(grey(values, "I;16"))).pixels
    assert pixels[0, :, 0].tolist() == [0, 0, 1, 1, 128, 255]
    assert (pixels == pixels[..., :1]).all()


def test_other_ranges_fill_theirs():
    signed = encoded(grey([[-100, 20, 100]], "I"), "TIFF")
    assert decode(signed).pixels[0, :, 0].tolist() == [0, 153, 255]
    real = encoded(grey([[0.0, 0.25, 1.0, np.nan]], "F"), "TIFF")
    assert decode(real).pixels[0, :, 0].tolist() == [0, 64, 255, 0]
    flat = encoded(grey([[7.0, 7.0]], "F"), "TIFF")
    assert decode(flat).pixels[0, :, 0].tolist() == [0, 0]


def test_a_tall_deep_picture_has_one_scale():
    values = np.linspace(-1, 1, 1000, dtype="f4")[:, None]
    pixels = decode(encoded(Image.fromarray(values), "TIFF")).pixels[:, 0, 0]
    assert np.array_equal(pixels, np.rint((values[:, 0].astype(float) + 1) * 127.5))


def test_transparency_lies_over_black():
    for mode, colour in (("RGBA", (200, 100, 50, 128)), ("LA", (200, 128))):
        pixels = decode(encoded(Image.new(mode, (300, 300), colour))).pixels
        assert pixels.shape == (300, 300, 3) and abs(int(pixels[299, 0, 0]) - 100) <= 1
    clear = encoded(Image.new("RGB", (2, 2), (9, 9, 9)), transparency=(9, 9, 9))
    assert decode(clear).pixels.max() == 0


@pytest.mark.parametrize("mode", ["1", "L"])
def test_grey_is_three_equal_channels(mode):
    image = Image.fromarray(PIXELS).convert(mode)
    assert np.array_equal(decode(encoded(image)).pixels, np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
def test_the_first_frame_of_an_animation(format):
    frames = [Image.new("RGB", (20, 20), c) for c in ("red", "blue")]
    lossless = {"lossless": True} if format == "WEBP" else {}
    data = encoded(frames[0], format, save_all=True, append_images=frames[1:], **lossless)
    pixels = decode(data).pixels.astype(int)
    assert np.abs(pixels - [255, 0, 0]).max() < 4


# -- JPEG --------------------------------------------------------------------------------------


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_is_decoded_as_pillow_does(subsampling, progressive):
    """Measured with simplejpeg 1.9 and Pillow 13: no pixel differs; other versions may by one."""
    noise = np.random.default_rng(1).integers(0, 256, (61, 83, 3)).astype(np.uint8)
    data = encoded(noise, "JPEG", subsampling=subsampling, progressive=progressive, quality=90)
    with Image.open(io.BytesIO(data)) as image:
        assert np.abs(decode(data).pixels.astype(int) - np.asarray(image)).max() <= 1


def test_bytes_behind_a_jpeg_do_not_matter():
    data = encoded(format="JPEG")
    assert np.array_equal(decode(data + b"\0" * 1000).pixels, decode(data).pixels)
    assert np.array_equal(decode(data + os.urandom(500)).pixels, decode(data).pixels)


def test_odd_markers_in_a_jpeg_do_not_matter():
    data = encoded(format="JPEG")
    odd = data[:2] + b"\xff\xff\xe5\x00\x06junk" + data[2:]
    assert np.array_equal(decode(odd).pixels, decode(data).pixels)


def test_a_jpeg_with_junk_before_its_end_still_decodes(test_data):
    file = test_data / "odd" / "pillow" / "Tests" / "images" / "junk_jpeg_header.jpg"
    assert decode(file.read_bytes()).pixels.shape == (768, 1024, 3)


def test_what_is_encoded_is_420_and_bare():
    data = images.encode_jpeg(PIXELS)
    with Image.open(io.BytesIO(data)) as image:
        assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (40, 24))
        assert [c[1:3] for c in image.layer] == [(2, 2), (1, 1), (1, 1)]  # 4:2:0
        assert not image.getexif() and "comment" not in image.info
        with Image.open(io.BytesIO(encoded(format="JPEG", quality=95))) as pillows:
            assert image.quantization == pillows.quantization
    assert images.encode_jpeg(PIXELS) == data
    assert images.encode_jpeg(np.asfortranarray(PIXELS[:, ::-1])[:, ::-1]) == data


def test_a_jpeg_survives_its_own_codec():
    assert np.abs(decode(images.encode_jpeg(PIXELS[:, :, [0, 0, 0]])).pixels[..., 0].astype(int) -
                  PIXELS[..., 0]).mean() < 3  # fmt: skip


# -- limits and reasons ------------------------------------------------------------------------


def test_no_bytes_are_empty():
    assert reason_of(b"") == "empty"


@pytest.mark.parametrize(
    "data",
    [b"hello, world\n" * 20, b"\0" * 500, b"\x00\x05\x16\x07" + b"\0" * 213, b"P", b"%PDF-1.7",
     b"PK\x03\x04" + b"\0" * 100, b"<svg xmlns='http://www.w3.org/2000/svg'/>"],
)  # fmt: skip
def test_other_files_are_not_images(data):
    assert reason_of(data) == "not_an_image"


def test_the_stubs_of_a_mac_are_not_images(test_data):
    stubs = sorted((test_data / "photos" / "london" / "appledouble_stubs").rglob("._*"))
    assert len(stubs) == 2
    assert {reason_of(stub.read_bytes()) for stub in stubs} == {"not_an_image"}


@pytest.mark.parametrize("format", ["JPEG", "PNG", "BMP", "TIFF", "GIF", "PPM"])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_a_picture_that_ends_early_is_truncated(format, share):
    noise = np.random.default_rng(2).integers(0, 256, (200, 200, 3)).astype(np.uint8)
    data = encoded(noise, format)
    assert reason_of(data[: int(len(data) * share)]) in ("truncated", "broken")
    if format in ("JPEG", "PNG", "BMP", "PPM"):
        assert reason_of(data[: int(len(data) * share)]) == "truncated"


@pytest.mark.parametrize("cut", [12, 20, 100])
def test_a_head_alone_is_no_picture(cut):
    for format in ("JPEG", "PNG", "WEBP", "AVIF"):
        assert reason_of(encoded(format=format)[:cut]) in ("broken", "truncated")


def test_what_telephones_write_is_unsupported(test_data):
    heic = test_data / "odd" / "pillow" / "Tests" / "images" / "avif" / "hopper.heif"
    assert reason_of(heic.read_bytes()) == "unsupported"
    assert reason_of(b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic" + b"\0" * 200) == "unsupported"
    assert reason_of(b"8BPS\0\x01" + b"\0" * 200) == "unsupported"


def test_more_bytes_than_the_limit_are_not_looked_at():
    assert reason_of(encoded(), Limits(max_bytes=10)) == "too_many_bytes"


def test_the_smallest_side_counts_after_the_turn():
    assert reason_of(encoded(), Limits(min_side=25)) == "too_small"
    assert decode(encoded(), Limits(min_side=24)).pixels.shape == (24, 40, 3)


def test_the_limit_of_pixels_is_the_last_that_is_read():
    assert decode(encoded(), Limits(max_pixels=960)).header.width == 40
    for format in ("PNG", "JPEG"):
        assert reason_of(encoded(format=format), Limits(max_pixels=959)) == "too_many_pixels"


def bomb(width, height):
    """A PNG that says it is large; its few bytes would unpack to much."""

    def chunk(kind, data):
        body = kind + data
        return len(data).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")

    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x02\0\0\0"
    pixels = zlib.compress(bytes(1 << 20))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("side", [9_000, 20_000, 2**31 - 1])
def test_a_bomb_is_rejected_by_its_header(side):
    assert reason_of(bomb(side, side)) in ("too_many_pixels", "broken")
    assert reason_of(bomb(9_000, 9_000)) == "too_many_pixels"


ALL_ODD = """
import sys
from pathlib import Path
from facecurate import images
from facecurate.records import REASONS
for file in sorted(Path(sys.argv[1]).rglob("*")):
    if file.is_file():
        try:
            picture = images.decode(file.read_bytes())
            assert picture.pixels.shape == (picture.header.height, picture.header.width, 3), file
            result = "picture"
        except images.ImageRejectedError as error:
            assert error.reason in REASONS, file
            result = error.reason
        print(result, file.name)
"""

DEEP = """
import sys
from facecurate import images
print(images.decode(open(sys.argv[1], "rb").read()).pixels.shape)
"""


def outcome(script, *arguments):
    """The lines of a script and its peak memory in MiB."""
    script += "print(open('/proc/self/status').read())"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", script, *map(str, arguments)]
    run = subprocess.run(command, capture_output=True, text=True, env=env, timeout=120)
    assert run.returncode == 0, run.stderr
    lines, status = run.stdout.split("Name:")
    return lines.splitlines(), int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) // 1024


def test_every_odd_file_is_a_picture_or_has_a_reason(test_data):
    lines, peak = outcome(ALL_ODD, test_data / "odd")
    assert len(lines) >= 223
    assert peak < 200  # MiB
    found = dict(reversed(line.split(" ", 1)) for line in lines)
    for name in (
        "Bad_width.bmp",
        "Bad_height.bmp",
        "Bad_reallybig.bmp",
        "decompression_bomb.gif",
        "decompression_bomb.ico",
    ):
        assert found[name] == "too_many_pixels"
    for name in ("truncated_jpeg.jpg", "truncated_image.png", "Bad_shortfile.bmp"):
        assert found[name] == "truncated"
    assert found["truncated_end_chunk.png"] == "truncated"
    assert found["broken_data_stream.png"] == "broken"
    for name in ("hopper_orientation_6.jpg", "pil_sample_cmyk.jpg", "hopper.avif", "star.gif"):
        assert found[name] == "picture"
    assert sum(line.startswith("picture ") for line in lines) > 195


def test_the_memory_of_a_large_deep_picture_is_bounded(tmp_path):
    """40 MP of 16 bits, 80 MB: what is held beside it is the RGB result and little else."""
    Image.new("I;16", (8_000, 5_000)).save(tmp_path / "deep.png", compress_level=1)
    lines, peak = outcome(DEEP, tmp_path / "deep.png")
    assert lines == ["(5000, 8000, 3)"]
    assert peak < 400


# -- anything ----------------------------------------------------------------------------------

VALID = [encoded(format=f) for f in ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "AVIF", "PPM")]


def check(data):
    try:
        picture = decode(data, Limits(max_pixels=1_000_000))
    except ImageRejectedError as error:
        assert error.reason in REASONS
    else:
        assert picture.pixels.dtype == np.uint8
        assert picture.pixels.shape == (picture.header.height, picture.header.width, 3)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300))
def test_random_bytes_are_a_picture_or_rejected(data):
    check(data)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(VALID), st.data())
def test_a_damaged_picture_is_a_picture_or_rejected(whole, draw):
    data = bytearray(whole)
    for _ in range(draw.draw(st.integers(1, 6))):
        data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    check(bytes(data[: draw.draw(st.integers(1, len(data)))]))


# -- the rest ----------------------------------------------------------------------------------


def test_stored_bytes_keep_their_extension():
    for format, extension in (("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp"), ("TIFF", "tif")):
        assert images.extension(inspect(encoded(format=format))) == extension


def test_smaller_is_the_mean_of_the_area():
    tile = np.arange(16, dtype=np.uint8).reshape(4, 4)[..., None].repeat(3, axis=2) * 8
    expected = tile.reshape(2, 2, 2, 2, 3).mean(axis=(1, 3))
    assert np.array_equal(images.resize(tile, 2, 2), expected)
    assert images.resize(tile, 9, 5).shape == (5, 9, 3)


def test_luma_is_pillows():
    expected = np.asarray(Image.fromarray(PIXELS).convert("L"))
    assert np.array_equal(images.luma(PIXELS), expected)
