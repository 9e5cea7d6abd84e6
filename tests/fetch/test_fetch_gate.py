"""The byte gate agrees with the decoder that reads the photos later, and is stricter on damage."""

from __future__ import annotations

import io
from email.message import Message

import numpy as np
import pytest
from loopback import picture
from PIL import Image

from facecurate import images
from facecurate.fetch import Failure, FetchSettings, Wanted
from facecurate.fetch.client import Answer
from facecurate.fetch.gate import verify

SETTINGS = FetchSettings()


def passed(data, *, confirmed=True, wanted=None, settings=SETTINGS, **headers):
    """The stored bytes, or the reason against."""
    message = Message()
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    try:
        answer = Answer("https://example.org/a", message, data, confirmed)
        return verify(answer, wanted or Wanted("a", ""), settings).data
    except Failure as failure:
        return failure.reason


def in_mode(mode, **more):
    with io.BytesIO() as file, Image.open(io.BytesIO(picture())) as image:
        image.convert(mode).save(file, "JPEG", **more)
        return file.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        picture(), picture(progressive=True), picture(subsampling=0), picture(quality=5),
        picture(restart_marker_rows=1), picture(keep_rgb=True), picture(size=(1, 1)),
        picture(size=(3, 700)), in_mode("L"), in_mode("CMYK"), picture("PNG"), picture("GIF"),
        picture("WEBP"), picture("WEBP", lossless=True),
    ],
)  # fmt: skip
def test_whole_pictures_pass_unchanged(data):
    assert passed(data) == data
    images.decode(data)


def damaged(data, rng):
    """The picture cut, with a hole, with zeros, and cut with an end marker put back."""
    at = int(rng.integers(700, len(data) - 100))
    yield data[:at]
    yield data[:at] + b"\xff\xd9"
    yield data[:at] + data[at + 64 :]
    yield data[:at] + bytes(64) + data[at + 64 :]


@pytest.mark.parametrize("more", [{}, {"progressive": True}, {"restart_marker_rows": 2}])
def test_the_quick_decode_finds_what_a_full_strict_decode_finds(more):
    import simplejpeg

    rng = np.random.default_rng(4)
    noise = Image.fromarray(rng.integers(0, 256, (200, 300, 3), np.uint8))
    with io.BytesIO() as file:
        noise.save(file, "JPEG", quality=80, **more)
        data = file.getvalue()
    found = 0
    for bad in [bad for _ in range(15) for bad in damaged(data, rng)]:
        try:
            simplejpeg.decode_jpeg(bad)
            whole = b"\xff\xd9" in bad
        except ValueError:
            whole = False
        assert (not isinstance(passed(bad), str)) == whole
        found += not whole
    assert found > 50


@pytest.mark.parametrize("kind", ["PNG", "GIF", "WEBP"])
def test_other_formats_that_end_early_are_noticed(kind):
    data = picture(kind)
    for missing in (1, 5, len(data) // 2):
        assert passed(data[:-missing]) == "broken"
        assert passed(data[:-missing], confirmed=False) == "damaged"


def test_bytes_behind_the_picture_are_not_stored():
    assert passed(picture() + b"PK\3\4" + bytes(1000)) == picture()


def test_a_length_in_a_header_confirms_or_convicts():
    cut = picture()[:-300]
    assert passed(cut, confirmed=False, x_ttdb_l=str(len(cut))) == "broken"
    assert passed(cut, confirmed=False, x_ttdb_l=str(len(picture()))) == "truncated"
    assert passed(picture(), x_ttdb_l="junk") == picture()


def test_a_jpeg_of_countless_scans_is_refused():
    data = picture(progressive=True)
    at = data.rindex(b"\xff\xda")
    scan = data[at:-2]
    assert passed(data[:at] + scan * 300 + b"\xff\xd9") == "broken"


def test_the_size_may_be_told_before_or_after_the_turn():
    exif = Image.Exif()
    exif[0x0112] = 8
    data = picture(exif=exif)
    for width, height, verdict in ((48, 64, data), (64, 48, data), (64, 64, "wrong_size")):
        assert passed(data, wanted=Wanted("a", "", width, height)) == verdict


def test_the_placeholder_of_before_2009_is_known():
    with io.BytesIO() as file:
        Image.new("P", (500, 375)).save(file, "GIF")
        data = file.getvalue()
    assert passed(data.ljust(2900, b"\0")) == "placeholder"


def test_only_the_formats_asked_for():
    only = FetchSettings(formats=("JPEG",))
    assert passed(picture("PNG"), settings=only) == "unsupported"
    assert passed(picture(), settings=only) == picture()


def test_what_passes_can_be_read_later(test_data):
    """Of all odd and real pictures: what is stored decodes to the same pixels as what was sent."""
    count = 0
    for file in sorted((test_data / "odd").rglob("*")):
        if not file.is_file() or file.stat().st_size > 2_000_000:
            continue
        data = file.read_bytes()
        stored = passed(data)
        if isinstance(stored, str):
            continue
        count += 1
        before, after = images.decode(data), images.decode(stored)
        assert np.array_equal(before.pixels, after.pixels), file.name
        assert before.header.orientation == after.header.orientation, file.name
    assert count > 50


def test_real_photos_pass(test_data):
    files = sorted((test_data / "photos" / "street").rglob("*.jpg"))
    assert files and not [f.name for f in files if isinstance(passed(f.read_bytes()), str)]
