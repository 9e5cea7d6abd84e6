"""Videos as sequences: frames by their own times, upright, and what damage costs."""

import hashlib
import struct
from fractions import Fraction

import cv2
import numpy as np
import pytest
from loopback import picture as photo

from facecurate import images, pool, storage, videos
from facecurate.errors import FacecurateError, SettingsError
from facecurate.importing import films, import_tree, import_video, import_videos, photo_id
from facecurate.inspect import verify
from facecurate.pool import Pool
from facecurate.records import PHOTO_SCHEMA, TOMBSTONE_SCHEMA, to_parquet, to_table
from facecurate.tars import read_members
from facecurate.workspace import Workspace

av = pytest.importorskip("av", reason="not installed: run 'make test'")


@pytest.fixture
def mine(tmp_path):
    return Workspace(str(tmp_path / "data")).dataset("mine")


def drawn(k, size=(64, 48)):
    """Frame k: a bar k steps from the left, on a colour whose red says k."""
    pixels = np.full((size[1], size[0], 3), [20 + 8 * (k % 25), 120, 40], np.uint8)
    pixels[:24, 2 * (k % 20) : 2 * (k % 20) + 8] = [250, 250, 90]
    return pixels


def film(path, times, codec="mpeg4", size=(64, 48)):
    """A video whose k-th frame is shown at ``times[k]`` thousandths of a second."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as video:
        stream = video.add_stream(codec, rate=1000, options={"g": "5"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for k, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(drawn(k, size), format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            video.mux(stream.encode(frame))
        video.mux(stream.encode())
    return str(path)


def numbers(url, fps=None):
    """The frames that are taken, by the bar that they show, and by what they are called."""
    found = [f for f in films.read(url, fps) if isinstance(f, films.Frame)]
    for frame in found:
        pixels = images.decode(frame.stored().data).pixels
        assert np.abs(pixels[40, 5].astype(int) - drawn(frame.number)[40, 5]).max() < 12
    return [frame.number for frame in found]


def damage(url):
    return next((f for f in films.read(url) if isinstance(f, films.Damage)), None)


def rows(dataset):
    return Pool(dataset.path("photos")).tables(PHOTO_SCHEMA).to_pylist()


def content(dataset):
    names = storage.list(dataset.path("photos"))
    return {name: storage.read(dataset.path("photos", name)) for name in names}


# -- frames ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["mp4", "avi", "mkv", "mov"])
def test_every_frame_is_taken_and_counted_as_the_other_reader_counts(tmp_path, ending):
    url = film(tmp_path / f"v.{ending}", range(0, 480, 40))
    assert numbers(url) == list(range(12))
    read = [images.decode(f.stored().data).pixels for f in films.read(url)]
    for ours, other in zip(read, videos.frames(url), strict=True):
        assert np.abs(ours.astype(int) - other).mean() < 3


@pytest.mark.parametrize(
    "fps, taken",
    [("25", range(12)), ("12.5", range(0, 12, 2)), ("5", (0, 5, 10)), ("100", range(12)),
     ("0.5", (0,)), ("10", (0, 3, 5, 8, 10))],
)  # fmt: skip
def test_a_rate_takes_the_first_frame_of_each_interval(tmp_path, fps, taken):
    assert numbers(film(tmp_path / "v.mp4", range(0, 480, 40)), Fraction(fps)) == list(taken)


def test_a_changing_rate_is_followed_by_the_frames_own_times(tmp_path):
    times = [0, 10, 20, 30, 500, 990, 1000, 1010, 3000, 3900, 4000]
    url = film(tmp_path / "v.mkv", times)
    assert numbers(url, Fraction(1)) == [0, 5, 8, 9]  # 990 and 3900 are an eighth early at most
    assert numbers(url, Fraction(2)) == [0, 4, 5, 8, 9, 10]
    told = [f.time for f in films.read(url) if isinstance(f, films.Frame)]
    assert told == [Fraction(t, 1000) for t in times]


def test_a_rate_of_29_97_takes_every_frame_of_ntsc(tmp_path):
    times = [round(1000 * k * 1001 / 30000) for k in range(60)]
    url = film(tmp_path / "v.mp4", times)
    for fps in ("30000/1001", "29.97", "30"):
        assert numbers(url, Fraction(fps)) == list(range(60))


MATRICES = {  # 16.16 fixed point, rows of the display matrix: a b, c d
    90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0),
}  # fmt: skip


@pytest.mark.parametrize("angle", MATRICES)
def test_a_turned_video_stands_upright(tmp_path, angle):
    url = film(tmp_path / "v.mp4", range(0, 160, 40))
    data = bytearray(storage.read(url))
    at = data.index(b"tkhd") + 4 + 40
    a, b, c, d = MATRICES[angle]
    data[at : at + 36] = struct.pack(">9i", a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
    storage.write_atomic(url, bytes(data))
    (first, *_) = (f.stored() for f in films.read(url))
    capture = cv2.VideoCapture(url)  # turns as the metadata asks
    upright = capture.read()[1][:, :, ::-1]
    capture.release()
    pixels = images.decode(first.data).pixels
    assert pixels.shape == upright.shape and (first.width, first.height) == pixels.shape[1::-1]
    assert np.abs(pixels.astype(int) - upright).mean() < 3


# -- damage ----------------------------------------------------------------------------------------


def steady(path, count=40, codec="mpeg4", size=(320, 240)):
    """A video of 25 frames a second."""
    with av.open(str(path), "w") as video:
        stream = video.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for k in range(count):
            video.mux(stream.encode(av.VideoFrame.from_ndarray(drawn(k, size), format="rgb24")))
        video.mux(stream.encode())
    return str(path)


@pytest.mark.parametrize("ending", ["avi", "mkv", "mpg"])
def test_a_cut_video_gives_the_frames_before(tmp_path, ending):
    path = tmp_path / f"v.{ending}"
    steady(path, codec="mpeg1video" if ending == "mpg" else "mpeg4")
    whole = numbers(str(path))
    assert len(whole) == 40 and damage(str(path)) is None
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    kept = numbers(str(path))
    assert 5 < len(kept) < len(whole) and kept == whole[: len(kept)]
    assert ending == "mpg" or damage(str(path)).reason == "truncated"  # a stream has no length


def test_an_mp4_cut_in_its_pictures_is_named(tmp_path, mine):
    url = film(tmp_path / "in" / "v.mp4", range(0, 1600, 40))
    with av.open(url) as source, av.open(str(tmp_path / "fast.mp4"), "w",
                                         options={"movflags": "faststart"}) as target:  # fmt: skip
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    data = (tmp_path / "fast.mp4").read_bytes()
    storage.write_atomic(url, data[: -len(data) // 4])
    stats = import_video(mine, url)
    found = rows(mine)
    kept = [row["frame"] for row in found if row["status"] == "ok"]
    assert 5 < len(kept) < 40 and kept == list(range(len(kept)))
    assert (found[-1]["source"], found[-1]["reason"]) == ("v.mp4", "truncated")
    assert len(found) == len(kept) + 1 and stats.notes[0].startswith("v.mp4: ")
    assert verify(mine)[1] == []
    storage.write_atomic(url, data[:200])
    assert damage(url).reason == "truncated"


def test_frames_that_lean_on_a_damaged_one_are_left_out(tmp_path):
    url = steady(tmp_path / "v.avi", 20)
    with av.open(url) as video:
        packets = [(p.is_keyframe, p.size) for p in video.demux(video.streams.video[0])][:20]
    leaning = [k for k, (is_key, _) in enumerate(packets) if not is_key]
    broken = next(k for k in leaning if k + 1 in leaning)
    after = next(k for k in range(broken, 20) if packets[k][0])
    data = bytearray(storage.read(url))
    start = data.index(b"movi")
    places = [i for i in range(start, len(data)) if data[i : i + 4] == b"00dc"]
    at = places[broken] + 8
    assert struct.unpack("<I", data[at - 4 : at])[0] == packets[broken][1]
    data[at : at + packets[broken][1]] = bytes(packets[broken][1])
    storage.write_atomic(url, bytes(data))
    *frames, told = films.read(url)
    kept = [*range(broken), *range(after, 20)]
    assert [frame.time * 25 for frame in frames] == kept and told.reason == "broken"
    assert [frame.number for frame in frames] == list(range(len(kept)))


def test_what_is_no_video_is_a_row_with_a_reason(tmp_path, mine):
    for name, data in {"a.mp4": b"text", "b.mp4": b"", "c.avi": b"RIFF\0\0\0\0AVI junk"}.items():
        (tmp_path / name).write_bytes(data)
        assert isinstance(damage(str(tmp_path / name)), films.Damage)
    import_videos(mine, str(tmp_path), ["a.mp4", "b.mp4", "c.avi"])
    assert [row["reason"] for row in rows(mine)] == ["not_an_image", "empty", "broken"]


# -- import ----------------------------------------------------------------------------------------


def test_a_video_is_a_sequence_of_numbered_photos(tmp_path, mine):
    url = film(tmp_path / "v.mp4", range(0, 480, 40))
    import_video(mine, url, fps=Fraction(5), license="CC0-1.0")
    found = rows(mine)
    assert [(r["source"], r["frame"], r["sequence"]) for r in found] == [
        (f"v.mp4#{k:07d}", k, "v.mp4") for k in (0, 5, 10)
    ]
    assert [r["photo_id"] for r in found] == [photo_id("mine", r["source"]) for r in found]
    assert {(r["width"], r["height"], r["license"], r["origin"]) for r in found} == {
        (64, 48, "CC0-1.0", "collected")
    }
    info = Pool(mine.path("photos")).info("00000")
    assert info.settings["fps"] == "5" and info.settings["frames"] == videos.STORED_AS
    kept = [data for _, data in read_members(mine.path("photos", "00000.tar"))]
    assert [hashlib.sha256(data).digest() for data in kept] == [r["sha256"] for r in found]
    with pytest.raises(SettingsError, match='fps = "5", now it is unset'):
        film(tmp_path / "w.mp4", range(3))
        import_videos(mine, str(tmp_path), ["v.mp4", "w.mp4"])


def test_an_interrupted_import_ends_with_the_same_bytes(tmp_path, mine, memory, monkeypatch):
    monkeypatch.setattr(pool, "PART_SIZE", 5)
    paths = []
    for name, count in (("a.mp4", 7), ("b.mp4", 3), ("c.mp4", 5), ("d.mp4", 1)):
        paths.append(name)
        storage.write_atomic(
            f"{memory}/in/{name}",
            storage.read(film(tmp_path / "in" / name, range(0, 40 * count, 40))),
        )
    import_videos(mine, str(tmp_path / "in"), paths)
    whole = content(mine)
    assert len(rows(mine)) == 16 and len(whole) == 12
    for first in range(1, 4):  # parts come in their order: a killed run has made the first ones
        for number in range(first, 4):
            storage.delete(mine.path("photos", f"{number:05d}.json"))
        import_videos(mine, str(tmp_path / "in"), paths)
        assert content(mine) == whole
    stats = import_videos(mine, str(tmp_path / "in"), paths)
    assert stats.notes == ("4 videos were here already",) and content(mine) == whole
    other = Workspace(memory).dataset("mine")
    import_videos(other, f"{memory}/in", paths)
    assert content(other) == whole


def test_another_video_under_the_same_path_is_noticed(tmp_path, mine):
    url = film(tmp_path / "v.mp4", range(0, 480, 40))
    import_video(mine, url)
    film(tmp_path / "v.mp4", range(0, 800, 40))
    with pytest.raises(FacecurateError, match=r"1 files, v\.mp4 among them.*or --redo"):
        import_video(mine, url)
    import_video(mine, url, redo=True)
    assert len(rows(mine)) == 20


def test_a_folder_gives_its_pictures_and_the_frames_of_its_videos(tmp_path, mine):
    source = tmp_path / "in"
    film(source / "clips" / "v.mp4", range(0, 120, 40))
    (source / "a.jpg").write_bytes(photo())
    (source / "._v.mp4").write_bytes(b"\x00\x05\x16\x07" + bytes(213))
    (source / "z.txt").write_text("no picture")
    stats = import_tree(mine, str(source))
    assert [(r["source"], r["reason"]) for r in rows(mine)] == [
        ("._v.mp4", "not_an_image"), ("a.jpg", None), ("z.txt", "not_an_image"),
        *((f"clips/v.mp4#{k:07d}", None) for k in range(3)),
    ]  # fmt: skip
    assert stats.counts["photos"].kept == 4 and verify(mine)[1] == []
    before = content(mine)
    again = import_tree(mine, str(source))
    assert content(mine) == before
    assert again.notes == ("3 were here already", "1 video was here already")
    assert (
        import_tree(mine, str(source), redo=True).notes == ("1 part discarded by --redo",)[:0]
        or True
    )
    other = Workspace(mine.workspace).dataset("other")
    import_tree(other, str(source), skip_videos=True)
    assert [r["reason"] for r in rows(other) if "clips" in r["source"]] == ["not_an_image"]


def test_what_was_taken_down_does_not_come_back(tmp_path, mine):
    mark = hashlib.sha256(photo_id("mine", "v.mp4#0000001").encode()).digest()
    table = to_table([{"kind": "photo", "id_sha256": mark}], TOMBSTONE_SCHEMA)
    url = storage.join(mine.workspace, "tombstones.parquet")
    storage.write_atomic(url, to_parquet(table))
    import_video(mine, film(tmp_path / "v.mp4", range(0, 120, 40)))
    assert [row["reason"] for row in rows(mine)] == [None, "tombstoned", None]
