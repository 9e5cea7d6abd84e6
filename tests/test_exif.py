"""Places and names leave a picture's metadata; its pixels, its turn and its author stay."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from facecurate import images
from facecurate.images import strip_gps

PIXELS = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)
GPS = {1: "N", 2: (51.0, 30.0, 26.0), 3: "W", 4: (0.0, 7.0, 39.0), 29: "2024:05:06"}
XMP = b"http://ns.adobe.com/xap/1.0/\0"


def exif(*, turn=6, gps=True, order=None, maker=b""):
    made = Image.Exif()
    made.endian = order or "<"
    made[0x0112], made[0x010F], made[0x8298] = turn, "Maker", "(c) A. Uthor"
    made.get_ifd(0x8769)[0x9003] = "2024:05:06 07:08:09"
    if maker:
        made.get_ifd(0x8769)[0x927C] = maker
    if gps:
        made.get_ifd(0x8825).update(GPS)
    return made


def saved(kind="JPEG", image=None, **more):
    with io.BytesIO() as file:
        (image or Image.fromarray(PIXELS)).save(file, kind, **more)
        return file.getvalue()


def opened(data):
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        return image


def segment(payload, marker=0xE1):
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(payload) + 2) + payload


def behind_start(data, *segments):
    return data[:2] + b"".join(segments) + data[2:]


def assert_same_picture(before, after):
    old, new = images.decode(before), images.decode(after)
    assert np.array_equal(old.pixels, new.pixels)
    assert old.header.orientation == new.header.orientation


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("turn", range(1, 9))
def test_the_place_goes_and_the_rest_stays(kind, order, turn):
    data = saved(kind, exif=exif(turn=turn, order=order).tobytes())
    assert opened(data).getexif().get_ifd(0x8825)[2] == (51.0, 30.0, 26.0)
    stripped = strip_gps(data)
    left = opened(stripped).getexif()
    assert 0x8825 not in left and not left.get_ifd(0x8825)
    assert b"2024:05:06\0" not in stripped  # the date of the fix: the values are gone too
    assert left[0x0112] == turn and left[0x8298] == "(c) A. Uthor"
    assert left.get_ifd(0x8769)[0x9003] == "2024:05:06 07:08:09"
    assert_same_picture(data, stripped)
    assert strip_gps(stripped) == stripped


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_a_picture_without_a_place_comes_back_bit_for_bit(kind):
    data = saved(kind, exif=exif(gps=False).tobytes()) if kind != "BMP" else saved(kind)
    assert strip_gps(data) == data


def test_maker_notes_go():
    data = saved(exif=exif(gps=False, maker=b"LocationInfo: 51.5 N").tobytes())
    stripped = strip_gps(data)
    assert b"LocationInfo" in data and b"LocationInfo" not in stripped
    assert opened(stripped).getexif()[0x8298] == "(c) A. Uthor"


@pytest.mark.parametrize(
    ("packet", "kept"),
    [
        (b"<x exif:GPSLatitude='51,30N'/>", False),
        (b"<Iptc4xmpCore:Location>Home</Iptc4xmpCore:Location>", False),
        (b"<photoshop:City>London</photoshop:City>", False),
        (b"<x photoshop:Country='UK'/>", False),
        (b"<mwg-rs:Regions><mwg-rs:Name>A. Person</mwg-rs:Name></mwg-rs:Regions>", False),
        (b"<Iptc4xmpExt:PersonInImage>A</Iptc4xmpExt:PersonInImage>", False),
        (b"<dc:rights>CC BY</dc:rights><dc:creator>A. Uthor</dc:creator>", True),
        (b"<x crs:Velocity='1'/>", True),
    ],
)
def test_xmp_stays_unless_it_tells(packet, kept):
    data = behind_start(saved(), segment(XMP + packet))
    stripped = strip_gps(data)
    assert (packet in stripped) == kept
    assert_same_picture(data, stripped)


def test_a_turn_that_stands_in_xmp_alone_survives():
    packet = b'<x:xmpmeta><a tiff:Orientation="6" exif:GPSLatitude="51,30N"/></x:xmpmeta>'
    data = behind_start(saved(), segment(XMP + packet))
    assert images.inspect(data).orientation == 6
    stripped = strip_gps(data)
    assert b"GPS" not in stripped
    assert_same_picture(data, stripped)


def iptc(number, text):
    return struct.pack(">BBBH", 0x1C, 2, number, len(text)) + text


def resource(number, body):
    return b"8BIM" + struct.pack(">HBBI", number, 0, 0, len(body)) + body + bytes(len(body) % 2)


def test_iptc_loses_its_places_and_keeps_its_author():
    records = iptc(80, b"A. Uthor") + iptc(90, b"London") + iptc(116, b"CC BY") + iptc(101, b"UK")
    album = resource(0x03ED, b"odd") + resource(0x0404, records) + resource(0x0425, bytes(16))
    data = behind_start(saved(), segment(b"Photoshop 3.0\0" + album, 0xED))
    stripped = strip_gps(data)
    assert b"London" not in stripped and b"UK" not in stripped
    kept = iptc(80, b"A. Uthor") + iptc(116, b"CC BY")
    expected = resource(0x03ED, b"odd") + resource(0x0404, kept)
    assert segment(b"Photoshop 3.0\0" + expected, 0xED) in stripped
    assert_same_picture(data, stripped)


def test_resources_over_two_segments_are_read_as_one():
    album = resource(0x0404, iptc(80, b"A. Uthor") + iptc(90, b"London"))
    parts = [segment(b"Photoshop 3.0\0" + p, 0xED) for p in (album[:20], album[20:])]
    stripped = strip_gps(behind_start(saved(), *parts))
    assert b"London" not in stripped and b"A. Uthor" in stripped


def with_thumbnail(thumbnail):
    """An Exif segment by hand: one entry, then a directory with a thumbnail."""
    first = struct.pack(">H", 1) + struct.pack(">HHIHH", 0x0112, 3, 1, 6, 0)
    at = 8 + len(first) + 4
    start = at + 2 + 24 + 4
    second = struct.pack(">H", 2) + struct.pack(">HHII", 0x0201, 4, 1, start)
    second += struct.pack(">HHII", 0x0202, 4, 1, len(thumbnail)) + bytes(4)
    tiff = b"MM\0*\0\0\0\x08" + first + struct.pack(">I", at) + second + thumbnail
    return behind_start(saved(), segment(b"Exif\0\0" + tiff))


def test_a_thumbnail_with_a_place_of_its_own_goes():
    small = saved(exif=exif().tobytes())
    data = with_thumbnail(small)
    stripped = strip_gps(data)
    assert b"Uthor" in data and b"Uthor" not in stripped
    assert_same_picture(data, stripped)


def test_a_plain_thumbnail_stays():
    data = with_thumbnail(saved())
    assert strip_gps(data) == data


def test_second_pictures_behind_the_first_are_cut_off():
    second = Image.fromarray(PIXELS[::-1])
    data = saved("MPO", save_all=True, append_images=[second], exif=exif(turn=3).tobytes())
    assert images.inspect(data).format == "MPO"
    stripped = strip_gps(data)
    assert images.inspect(stripped).format == "JPEG" and len(stripped) < len(data) * 0.7
    assert_same_picture(data, stripped)
    assert strip_gps(saved() + b"\0\0\0\x18ftypmp42 location +51.5") == saved()


@pytest.mark.parametrize("cut", [9, 20, 40, 60])
def test_unreadable_exif_with_a_place_goes_but_for_the_turn(cut):
    whole = exif().tobytes()
    broken = whole[: len(whole) - cut]
    data = behind_start(saved(), segment(broken))
    stripped = strip_gps(data)
    assert b"51" not in stripped[:60] and not opened(stripped).getexif().get_ifd(0x8825)
    assert_same_picture(data, stripped)


def test_directories_in_a_circle_end():
    tiff = b"MM\0*\0\0\0\x08" + struct.pack(">HHHIII", 1, 0x8769, 4, 1, 8, 8)
    data = behind_start(saved(), segment(b"Exif\0\0" + tiff))
    assert_same_picture(data, strip_gps(data))


def test_texts_in_png_that_tell_go():
    raw = zlib.compress(b"\nexif\n 4\n45786966\n")
    packet = b"XML:com.adobe.xmp\0\0\0\0\0<a exif:GPSLatitude='1'/>"
    told = [b"Raw profile type exif\0\0" + raw, packet]
    kept = b"Author\0A. Uthor"
    data = saved("PNG")
    for name, body in ((b"zTXt", told[0]), (b"iTXt", told[1]), (b"tEXt", kept)):
        chunk = struct.pack(">I", len(body)) + name + body
        data = data[:33] + chunk + struct.pack(">I", zlib.crc32(name + body)) + data[33:]
    stripped = strip_gps(data)
    assert b"Raw profile" not in stripped and b"GPS" not in stripped and kept in stripped
    assert_same_picture(data, stripped)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_file_that_ends_early_is_an_error(kind):
    data = saved(kind, exif=exif().tobytes())
    for missing in (1, 3, len(data) // 2, len(data) - 12):
        with pytest.raises(ValueError):
            strip_gps(data[:-missing])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_no_byte_crashes_it(kind):
    """Metadata is a stranger's: whatever stands there, a picture or a ValueError comes out."""
    rng = np.random.default_rng(7)
    data = saved(kind, exif=exif(maker=b"notes" * 9).tobytes())
    for _ in range(400):
        bad = bytearray(data)
        for at in rng.integers(0, min(len(bad), 700), 4):
            bad[at] = rng.integers(0, 256)
        try:
            once = strip_gps(bytes(bad))
        except ValueError:
            continue
        assert isinstance(once, bytes)


def test_odd_files_keep_pixels_and_turn(test_data):
    changed = 0
    for file in sorted(test_data.rglob("*")):
        if not file.is_file() or file.stat().st_size > 1_000_000:
            continue
        data = file.read_bytes()
        try:
            before = images.decode(data)
            stripped = strip_gps(data)
        except (images.ImageRejectedError, ValueError):
            continue
        if stripped != data:
            changed += 1
            after = images.decode(stripped)
            assert np.array_equal(before.pixels, after.pixels), file.name
            assert before.header.orientation == after.header.orientation, file.name
            assert strip_gps(stripped) == stripped, file.name
    assert changed > 20


@pytest.mark.parametrize(
    "head", [b"EXIF\0\0", b"Exif\0\xff", b"exif\0\0", b"HTTP://NS.adobe.com/", b"?"]
)
def test_a_first_application_segment_under_another_header_goes(head):
    data = saved()
    told = head + exif().tobytes()[6:]
    assert strip_gps(behind_start(data, segment(told))) == data


@pytest.mark.parametrize(
    "words",
    [b"GPS 52.5163N 13.3777E", b"52.5163, 13.3777", b"lat=52.5", b"52\xc2\xb030'58 N",
     b"<exif:GPSLatitude>", b"City: Berlin"],
)  # fmt: skip
def test_a_comment_that_tells_a_place_goes(words):
    data = saved()
    assert strip_gps(behind_start(data, segment(words, 0xFE))) == data


@pytest.mark.parametrize("words", [b"(c) A. Uthor", b"CREATOR: gd-jpeg v1.0 (IJG JPEG v62), 90"])
def test_another_comment_stays(words):
    data = behind_start(saved(), segment(words, 0xFE))
    assert strip_gps(data) == data


def _animation():
    frames = [Image.fromarray(np.roll(PIXELS, n, 1)) for n in (0, 5)]
    return saved("GIF", frames[0], save_all=True, append_images=frames[1:], loop=3, duration=70)


def test_comments_and_xmp_leave_a_gif_and_its_frames_and_looping_stay():
    plain = _animation()
    at = plain.index(b"!\xff\x0bNETSCAPE")
    xmp = b"!\xff\x0bXMP DataXMP<exif:GPSLatitude>52,30.97N</exif:GPSLatitude>\x01"
    xmp += bytes(range(255, -1, -1)) + b"\0"
    comment = b"!\xfe\x0552.51\0"
    assert strip_gps(plain[:at] + xmp + comment + plain[at:] + b"GPS behind it") == plain
    left = opened(strip_gps(plain))
    assert (left.n_frames, left.info["loop"], left.info["duration"]) == (2, 3, 70)


def test_a_gif_that_ends_early_or_has_strange_blocks_is_refused():
    plain = _animation()
    for broken in (plain[:-1], plain[:40], plain[:8], plain[:-1] + b"\x77;"):
        with pytest.raises(ValueError, match="GIF"):
            strip_gps(broken)
