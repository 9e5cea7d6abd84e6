"""Frames of videos by their place in the decoder's order, and what is wrong with a video."""

import struct

import cv2
import numpy as np
import pytest

from facecurate import images, storage, videos
from facecurate.datasets.annotated import Annotated
from facecurate.errors import FacecurateError
from facecurate.images import ImageRejectedError, Limits
from facecurate.importing import import_annotated, import_folder
from facecurate.pool import Pool
from facecurate.records import PHOTO_SCHEMA
from facecurate.tars import read_members
from facecurate.workspace import Workspace


def picture(k, size=(48, 32)):
    """Frame k: a bar k steps from the left, on a colour whose red says k."""
    pixels = np.full((size[1], size[0], 3), [20 + 8 * (k % 25), 120, 40], np.uint8)
    pixels[:, 2 * (k % 20) : 2 * (k % 20) + 8] = [250, 250, 90]
    return pixels


def far(a, b):
    """Mean absolute difference, grey levels."""
    return float(np.abs(a.astype(int) - b).mean())


@pytest.fixture
def video(tmp_path):
    """Twelve frames of 48 x 32."""
    url = str(tmp_path / "v.avi")
    assert videos.write_avi(url, map(picture, range(12))) == 12
    return url


def chunks(data):
    """(place, size) of each frame of an AVI that we wrote."""
    at = data.index(b"movi") + 4
    while data[at : at + 4] == b"00dc":
        (size,) = struct.unpack("<I", data[at + 4 : at + 8])
        yield at + 8, size
        at += 8 + size + size % 2


def reason(call, *arguments, **options):
    with pytest.raises(ImageRejectedError) as told:
        list(call(*arguments, **options))
    assert "\n" not in str(told.value)
    return told.value.reason


# -- names ---------------------------------------------------------------------------------------


def test_a_frame_s_name_is_the_video_and_a_number_from_0():
    assert videos.frame_name("a/b c.avi", 16) == "a/b c.avi#0000016"
    assert videos.split_name("a/b c.avi#0000016") == ("a/b c.avi", 16)
    assert videos.split_name(videos.frame_name("x#1.MP4", 12_345_678)) == ("x#1.MP4", 12_345_678)


@pytest.mark.parametrize(
    "name", ["a.avi", "a.jpg#0000001", "a.avi#12", ".avi#0000001", "a#0000001"]
)
def test_other_names_are_no_frames(name):
    assert videos.split_name(name) is None


# -- what is written is read -----------------------------------------------------------------------


def test_frames_come_back_in_their_order_and_colours(video):
    read = list(videos.frames(video))
    assert len(read) == 12 and all(f.shape == (32, 48, 3) and f.dtype == np.uint8 for f in read)
    for k, frame in enumerate(read):
        # What differs from our own decoder is how FFmpeg rounds and spreads colours.
        own = images.decode(images.encode_jpeg(picture(k))).pixels
        assert far(frame, own) < 3
        assert far(frame, picture((k + 1) % 12)) > 5


def test_the_bytes_of_a_video_depend_on_its_pictures_alone(video, tmp_path):
    other = str(tmp_path / "elsewhere" / "w.avi")
    videos.write_avi(other, map(picture, range(12)))
    assert storage.read(other) == storage.read(video)


def test_every_frame_of_the_file_is_one_of_our_jpegs(video):
    data = storage.read(video)
    inside = [data[at : at + size] for at, size in chunks(data)]
    assert inside == [images.encode_jpeg(picture(k)) for k in range(12)]
    assert struct.unpack("<I", data[4:8])[0] == len(data) - 8


def test_the_rate_and_the_number_of_frames_stand_in_the_header(video):
    capture = cv2.VideoCapture(video)
    assert capture.get(cv2.CAP_PROP_FPS) == 20 and capture.get(cv2.CAP_PROP_FRAME_COUNT) == 12
    assert (capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT)) == (
        48,
        32,
    )


@pytest.mark.parametrize("first, last", [(0, 3), (5, 6), (9, None), (10, 40), (12, 15), (4, 4)])
def test_a_range_of_frames_is_the_same_as_a_slice_of_all(video, first, last):
    every = list(videos.frames(video))
    some = list(videos.frames(video, first, last))
    assert len(some) == len(every[first:last])
    assert all((a == b).all() for a, b in zip(some, every[first:last], strict=True))


@pytest.mark.parametrize("codec", ["XVID", "FFV1"])
def test_a_codec_that_looks_back_gives_the_same_frames_from_any_start(tmp_path, codec):
    url = str(tmp_path / "v.avi")
    code = cv2.VideoWriter_fourcc(*codec)
    writer = cv2.VideoWriter(url, cv2.CAP_FFMPEG, code, 20.0, (48, 32))
    for k in range(30):
        writer.write(picture(k)[:, :, ::-1])
    writer.release()
    every = list(videos.frames(url))
    assert len(every) == videos.count(url) == 30
    picked = list(videos.picked(url, [3, 4, 17, 29]))
    assert all((a == every[k]).all() for a, k in zip(picked, [3, 4, 17, 29], strict=True))


def test_frames_are_asked_for_in_rising_order(video):
    with pytest.raises(ValueError, match="frame 2 is asked for after frame 5"):
        list(videos.picked(video, [5, 2]))


def test_a_video_elsewhere_is_read_through_a_copy(video, memory):
    url = f"{memory}/v.avi"
    storage.write_atomic(url, storage.read(video))
    assert videos.count(url) == 12
    far_away = list(videos.frames(url, 3, 5))
    assert all((a == b).all() for a, b in zip(far_away, videos.frames(video, 3, 5), strict=True))


def test_a_video_is_written_elsewhere_too(video, memory):
    videos.write_avi(f"{memory}/w.avi", map(picture, range(12)))
    assert storage.read(f"{memory}/w.avi") == storage.read(video)


def test_a_video_of_nothing_or_of_two_sizes_is_not_written(tmp_path):
    url = str(tmp_path / "v.avi")
    with pytest.raises(ValueError, match="no pictures"):
        videos.write_avi(url, [])
    with pytest.raises(ValueError, match="after one of"):
        videos.write_avi(url, [picture(0), picture(1, (20, 20))])
    assert storage.list(str(tmp_path)) == []


# -- what is wrong with a video --------------------------------------------------------------------


def test_what_is_no_video_has_a_reason(tmp_path, video):
    for name, data in {
        "empty.avi": b"",
        "text.avi": b"no video at all",
        "list.avi": b"#EXTM3U\n#EXTINF:1,\nfile:///v.avi\n",
        "ffconcat.avi": b"ffconcat version 1.0\nfile 'v.avi'\n",
        "head.avi": storage.read(video)[:100],
        "noise.avi": b"RIFF\xff\xff\xff\x7fAVI " + np.random.default_rng(0).bytes(3000),
    }.items():
        (tmp_path / name).write_bytes(data)
    found = {
        name: reason(videos.frames, str(tmp_path / name))
        for name in [
            *sorted(p.name for p in tmp_path.glob("*.avi") if p.name != "v.avi"),
            "none.avi",
        ]
    }
    assert found == {
        "empty.avi": "empty",
        "ffconcat.avi": "not_an_image",
        "head.avi": "broken",
        "list.avi": "not_an_image",
        "noise.avi": "broken",
        "none.avi": "unreadable",
        "text.avi": "not_an_image",
    }
    with pytest.raises(ImageRejectedError, match="unreadable"):
        videos.count(str(tmp_path / "none.avi"))


def test_a_frame_above_the_limits_is_not_given(video):
    assert reason(videos.frames, video, limits=Limits(max_pixels=48 * 32 - 1)) == "too_many_pixels"
    assert reason(videos.frames, video, limits=Limits(min_side=33)) == "too_small"


@pytest.mark.parametrize("cut", ["between frames", "inside a frame"])
def test_a_video_cut_short_ends_early(video, cut, capfd):
    data = storage.read(video)
    at, _ = list(chunks(data))[7]
    storage.write_atomic(video, data[: at - 8 if cut == "between frames" else at + 10])
    whole = [picture(k) for k in range(7)]
    read = list(videos.frames(video))
    assert [far(a, b) < 12 for a, b in zip(read, whole, strict=True)] == [True] * 7
    kept = list(videos.stored(video, [5, 6, 7, 8]))
    assert [type(one) is bytes for one in kept] == [True, True, False, False]
    assert {one.reason for one in kept[2:]} == {"truncated"}
    assert capfd.readouterr() == ("", "")


# -- import ----------------------------------------------------------------------------------------


def listed(numbers, video="clips/v.avi"):
    return [
        Annotated(videos.frame_name(video, k), "all", subject="s", sequence="s", frame=k + 1)
        for k in numbers
    ]


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "source"
    videos.write_avi(str(folder / "clips" / "v.avi"), map(picture, range(12)))
    return folder


@pytest.fixture
def mine(tmp_path):
    return Workspace(str(tmp_path / "data")).dataset("mine")


def take(dataset, source, photos, **options):
    options = {"source_id": "x", "rendered": True, **options}
    return import_annotated(dataset, str(source), photos, **options)


def rows(dataset):
    return Pool(dataset.path("photos")).tables(PHOTO_SCHEMA).to_pylist()


def pictures(dataset):
    pool = Pool(dataset.path("photos"))
    return {k: v for stem in pool.stems() for k, v in read_members(pool.file(stem, "tar"))}


def test_frames_are_imported_as_pictures_of_their_own(source, mine):
    stats = take(mine, source, listed([0, 1, 5, 11]))
    assert stats.counts["photos"].kept == 4
    found = rows(mine)
    assert [(r["source"], r["frame"], r["sequence"]) for r in found] == [
        (f"clips/v.avi#{k:07d}", k + 1, "s") for k in (0, 1, 5, 11)
    ]
    exact = [list(videos.frames(str(source / "clips" / "v.avi")))[k] for k in (0, 1, 5, 11)]
    kept = pictures(mine)
    for row, pixels in zip(found, exact, strict=True):
        data = kept[f"{row['photo_id']}.jpg"]
        assert data == images.encode_jpeg(pixels) and row["bytes"] == len(data)
        assert (row["width"], row["height"]) == (48, 32)
    info = Pool(mine.path("photos")).info("00000")
    assert info.settings["frames"] == videos.STORED_AS == "JPEG, quality 95, 4:2:0"


@pytest.mark.parametrize("size, workers", [(1000, 0), (5, 0), (1, 0), (5, 2)])
def test_a_frame_s_bytes_do_not_depend_on_parts_or_workers(
    source, mine, tmp_path, size, workers, monkeypatch
):
    whole = Workspace(str(tmp_path / "whole")).dataset("mine")
    take(whole, source, listed(range(12)))
    monkeypatch.setattr("facecurate.pool.PART_SIZE", size)
    take(mine, source, listed(range(12)), workers=workers)
    assert rows(mine) == rows(whole) and pictures(mine) == pictures(whole)


def test_frames_and_files_may_take_turns(source, mine):
    videos.write_avi(str(source / "w.avi"), [picture(3)])
    (source / "a.jpg").write_bytes(images.encode_jpeg(picture(4)))
    photos = [Annotated("a.jpg", "all"), *listed([2, 3]), *listed([0], "w.avi")]
    photos += [Annotated("gone.jpg", "all"), *listed([0], "gone.avi"), *listed([0], "../w.avi")]
    take(mine, source, photos)
    assert [row["reason"] for row in rows(mine)] == [None] * 4 + ["unreadable"] * 3


def test_frames_that_a_video_does_not_have_are_dropped_with_a_reason(source, mine):
    stats = take(mine, source, listed(range(9, 15)))
    assert [row["reason"] for row in rows(mine)] == [None] * 3 + ["truncated"] * 3
    assert stats.counts["photos"].dropped == {"truncated": 3}


def test_another_video_under_the_same_path_is_noticed(source, mine):
    take(mine, source, listed(range(4)))
    assert "4 were here already" in take(mine, source, listed(range(4))).notes
    videos.write_avi(str(source / "clips" / "v.avi"), map(picture, range(2, 14)))
    with pytest.raises(FacecurateError, match=r"1 files, clips/v\.avi among them.*or --redo"):
        take(mine, source, listed(range(12)))
    take(mine, source, listed(range(12)), redo=True)
    assert len(rows(mine)) == 12


def test_in_a_plain_folder_a_number_sign_is_part_of_a_name(source, mine):
    (source / "clips" / "v.avi").unlink()
    (source / "v.avi#0000001").write_bytes(images.encode_jpeg(picture(4)))
    import_folder(mine, str(source))
    assert [(r["source"], r["reason"]) for r in rows(mine)] == [("v.avi#0000001", None)]
    assert "frames" not in Pool(mine.path("photos")).info("00000").settings
