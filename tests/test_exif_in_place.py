"""TIFF and AVIF lose their places where they stand: same length, same pixels, never an error."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from facecurate import images
from facecurate.images import strip_gps

PIXELS = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)
DAY = b"2024:05:06\0"  # of the fix
TOLD = b"<x exif:GPSLatitude='51,30N' dc:creator='A. Uthor'/>"
FORMS = [("<", False), (">", False), ("<", True)]  # byte order, BigTIFF


def entry(form, tag, kind, count, value):
    """One entry of a directory; ``value``: an offset, or bytes that fit into its place."""
    order, big = form
    word, size = ("Q", 8) if big else ("I", 4)
    raw = value.ljust(size, b"\0") if isinstance(value, bytes) else struct.pack(order + word, value)
    return struct.pack(f"{order}HH{word}", tag, kind, count) + raw


def folder(form, entries, following=0):
    order, big = form
    head = struct.pack(order + ("Q" if big else "H"), len(entries))
    return head + b"".join(entries) + struct.pack(order + ("Q" if big else "I"), following)


def tiff_file(form=("<", False), *, gps=True, xmp=TOLD, turn=6, fix_at=None):
    """An RGB picture in one strip with a place in its GPS directory and one in its XMP."""
    order, big = form
    start = {("<", False): b"II*\0", (">", False): b"MM\0*"}.get(form)
    start = start or (b"II+\0\x08\0\0\0" if order == "<" else b"MM\0+\0\x08\0\0")
    short = struct.Struct(order + "H").pack
    first = len(start) + (8 if big else 4)
    data = bytearray(start + struct.pack(order + ("Q" if big else "I"), first))
    length = len(folder(form, [b""])) + 13 * (20 if big else 12)
    at = {}
    tail = bytearray()
    for name, block in (
        ("pixels", PIXELS.tobytes()), ("bits", short(8) * 3), ("author", b"A. Uthor\0"),
        ("xmp", xmp), ("fix", DAY), ("rest", bytes(1)),
    ):  # fmt: skip
        at[name] = first + length + len(tail)
        tail += block + bytes(len(block) % 2)
    at["gps"] = first + length + len(tail)
    tail += folder(
        form, [entry(form, 1, 2, 2, b"N\0"), entry(form, 29, 2, 11, fix_at or at["fix"])]
    )
    entries = [
        entry(form, 0x0100, 3, 1, short(32)), entry(form, 0x0101, 3, 1, short(24)),
        entry(form, 0x0102, 3, 3, short(8) * 3 if big else at["bits"]),
        entry(form, 0x0103, 3, 1, short(1)), entry(form, 0x0106, 3, 1, short(2)),
        entry(form, 0x0111, 4, 1, struct.pack(order + "I", at["pixels"])),
        entry(form, 0x0112, 3, 1, short(turn)), entry(form, 0x0115, 3, 1, short(3)),
        entry(form, 0x0116, 3, 1, short(24)),
        entry(form, 0x0117, 4, 1, struct.pack(order + "I", PIXELS.size)),
        entry(form, 0x02BC, 1, len(xmp), at["xmp"]), entry(form, 0x8298, 2, 9, at["author"]),
        *([entry(form, 0x8825, 4, 1, struct.pack(order + "I", at["gps"]))] if gps else []),
    ]  # fmt: skip
    return bytes(data + folder(form, entries).ljust(length, b"\0") + tail)


def avif(**more):
    exif = Image.Exif()
    exif[0x0112], exif[0x8298] = 6, "A. Uthor"
    exif.get_ifd(0x8825).update({1: "N", 2: (51.0, 30.0, 26.0), 29: "2024:05:06"})
    with io.BytesIO() as file:
        Image.fromarray(PIXELS).save(file, "AVIF", **({"exif": exif.tobytes(), "xmp": TOLD} | more))
        return file.getvalue()


def opened(data):
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        return image


def assert_same_picture(before, after):
    old, new = images.decode(before), images.decode(after)
    assert np.array_equal(old.pixels, new.pixels) and old.header == new.header
    assert len(before) == len(after)


@pytest.mark.parametrize("form", FORMS)
def test_a_tiff_loses_its_place_and_nothing_else(form):
    data = tiff_file(form)
    with Image.open(io.BytesIO(data)) as image:
        assert image.getexif().get_ifd(0x8825)[29] == "2024:05:06"
    stripped = strip_gps(data)
    assert DAY not in stripped and b"GPS" not in stripped
    assert_same_picture(data, stripped)
    with Image.open(io.BytesIO(stripped)) as image:
        left = image.getexif()
        assert 0x8825 not in left and left[0x8298] == "A. Uthor"
    assert strip_gps(stripped) == stripped


def test_a_bigtiff_that_pillow_cannot_read_loses_its_place_too():
    data = tiff_file((">", True))
    stripped = strip_gps(data)
    assert DAY in data and DAY not in stripped and len(stripped) == len(data)
    assert PIXELS.tobytes() in stripped and b"A. Uthor" in stripped and b"GPS" not in stripped


def test_an_avif_loses_its_place_and_nothing_else():
    data = avif()
    assert opened(data).getexif().get_ifd(0x8825)[2] == (51.0, 30.0, 26.0)
    stripped = strip_gps(data)
    assert DAY not in stripped and b"GPS" not in stripped
    left = opened(stripped).getexif()
    assert not left.get_ifd(0x8825) and left[0x8298] == "A. Uthor" and left[0x0112] == 6
    assert_same_picture(data, stripped)
    assert strip_gps(stripped) == stripped


@pytest.mark.parametrize(
    "data",
    [
        tiff_file(gps=False, xmp=b"<x dc:creator='A'/>"),
        tiff_file(("<", True), gps=False, xmp=b"<x/>"),
        avif(exif=b"", xmp=b"<x dc:creator='A'/>"),
        avif(exif=b"", xmp=b""),
    ],
)
def test_a_file_without_a_place_comes_back_bit_for_bit(data):
    assert strip_gps(data) == data


@pytest.mark.parametrize(
    "make", [lambda xmp: tiff_file(xmp=xmp), lambda xmp: avif(xmp=xmp, exif=b"")]
)
def test_a_turn_that_stands_in_xmp_alone_survives(make):
    data = make(b'<x:xmpmeta><a tiff:Orientation="6" exif:GPSLatitude="51,30N"/></x:xmpmeta>')
    assert images.inspect(data).orientation == 6
    stripped = strip_gps(data)
    assert b"GPSLatitude" not in stripped
    assert_same_picture(data, stripped)


def test_a_place_that_points_into_the_pixels_leaves_the_file_alone():
    data = tiff_file(fix_at=300)
    assert_same_picture(data, strip_gps(data))
    assert strip_gps(data) == data


def test_metadata_that_shares_bytes_with_an_avifs_pixels_leaves_the_file_alone():
    data = avif()
    iloc = data.index(b"iloc")
    items = [
        bytearray(data[iloc + 12 + 14 * i :][:14]) for i in range(3)
    ]  # number ... offset, size
    items[0][6:] = items[1][6:]  # the pixels, too, now lie where Exif does
    bad = data[: iloc + 12] + b"".join(items) + data[iloc + 12 + 42 :]
    assert strip_gps(bad) == bad


def test_directories_that_overlap_without_end_end():
    """One directory of 65,535 entries at every second byte: gigabytes to look at, if one would."""
    body = b"II*\0\x08\0\0\0" + b"\xff\xff" + b"\x4a\x01\x04\0\0\0\x01\0\x0a\0\0\0" * 70_000
    assert strip_gps(body) == body
    items = b"\0\0\0\x10iloc\0\0\0\0\0\0\xff\xff" + bytes(6) * 65_535
    items = struct.pack(">I", len(items)) + items[4:]
    infe = b"\0\0\0\x15infe\2\0\0\0\0\1\0\0Exif\0"
    iinf = struct.pack(">I", 14 + len(infe)) + b"iinf\0\0\0\0\0\1" + infe
    meta = struct.pack(">I", 12 + len(iinf + items)) + b"meta\0\0\0\0" + iinf + items
    file = b"\0\0\0\x10ftypavif\0\0\0\0" + meta
    assert strip_gps(file) == file


WHOLE = [*map(tiff_file, FORMS), avif()]


def said_where(whole):
    """Positions of the bytes that say where a TIFF's pixels lie: its start, and two entries."""
    size, head = (20, 24) if whole[2:4] in (b"+\0", b"\0+") else (12, 10)
    entries = {at for i in (5, 9) for at in range(head + i * size, head + (i + 1) * size)}
    return entries | set(range(head))


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_damaged_files_never_raise_and_keep_length_and_pixels(data):
    whole = data.draw(st.sampled_from(WHOLE))
    bad = bytearray(whole)
    numbers = st.integers(0, len(bad) - 1)
    changes = data.draw(st.dictionaries(numbers, st.integers(0, 255), max_size=5))
    for at, value in changes.items():
        bad[at] = value
    file = bytes(bad[: data.draw(st.none() | numbers)])
    try:
        stripped = strip_gps(file)
    except ValueError:
        assert min(changes) < 8, "only as a file of another format it may be refused"
        return
    at = whole.find(PIXELS.tobytes())
    if at >= 0 and not said_where(whole) & set(changes):
        assert len(stripped) == len(file)
        assert stripped[at : at + PIXELS.size] == file[at : at + PIXELS.size]
    elif at < 0 and stripped != file:
        try:
            before = images.decode(file).pixels
        except images.ImageRejectedError:
            return
        assert np.array_equal(before, images.decode(stripped).pixels)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_what_only_begins_like_one_comes_back_as_it_is(rest):
    for start in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"\0\0\0\x18ftypavif"):
        assert len(strip_gps(start + rest)) == len(start + rest)
