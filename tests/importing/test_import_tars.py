"""Foreign WebDataset tars: what has one key, what is said of it, and what damage costs."""

import hashlib
import io
import json
import tarfile

import pytest
from loopback import picture

from facecurate import pool, storage
from facecurate.errors import FacecurateError, UsageError
from facecurate.importing import earlier, import_tars, photo_id
from facecurate.importing.samples import members, said
from facecurate.importing.tarsource import _Plan, matched, root_of
from facecurate.inspect import verify
from facecurate.pool import Pool
from facecurate.records import PHOTO_SCHEMA, TOMBSTONE_SCHEMA, to_parquet, to_table
from facecurate.tars import read_members
from facecurate.workspace import Workspace


@pytest.fixture
def mine(tmp_path):
    return Workspace(str(tmp_path / "data")).dataset("mine")


def tarred(path, files, kind=tarfile.USTAR_FORMAT):
    """A tar of (name, bytes), at a path or as bytes."""
    with io.BytesIO() as file:
        with tarfile.open(fileobj=file, mode="w", format=kind) as tar:
            for name, data in files:
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.getvalue())
    return str(path)


def samples(count, first=0):
    """(name, bytes) of samples with a picture, a JSON and a text."""
    for i in range(first, first + count):
        yield f"{i:04d}.jpg", picture(seed=i)
        yield f"{i:04d}.json", json.dumps({"url": f"https://x.org/{i}", "caption": "c"}).encode()
        yield f"{i:04d}.txt", b"text"


def rows(dataset):
    return Pool(dataset.path("photos")).tables(PHOTO_SCHEMA).to_pylist()


def content(dataset):
    names = storage.list(dataset.path("photos"))
    return {name: storage.read(dataset.path("photos", name)) for name in names}


def stored(dataset):
    photos = Pool(dataset.path("photos"))
    return [m for stem in photos.stems() for m in read_members(photos.file(stem, "tar"))]


def test_a_sample_is_a_photo_with_what_is_said_of_it(tmp_path, mine):
    told = {
        "url": "https://x.org/a.jpg", "license": "https://creativecommons.org/licenses/by-sa/4.0/",
        "AUTHOR": "An", "owner": 7, "page_url": "https://x.org/a", "caption": "a cat", "width": 9,
    }  # fmt: skip
    files = [("a.jpg", picture()), ("a.json", json.dumps(told).encode()), ("a.cls", b"3")]
    files += [("b.png", picture("PNG")), ("b.txt", b" words \n"), ("c.txt", b"no picture")]
    import_tars(mine, tarred(tmp_path / "t-0.tar", files), license="CC0-1.0")
    a, b, c = rows(mine)
    known = {
        "photo_id": photo_id("mine", "t-0.tar/a"), "source": "t-0.tar/a.jpg",
        "url": "https://x.org/a.jpg", "page_url": "https://x.org/a", "owner": "7", "author": "An",
        "title": "a cat", "license": "CC-BY-SA-4.0", "sha256": hashlib.sha256(picture()).digest(),
        "bytes": len(picture()), "width": 64, "height": 48, "exif_orientation": 1,
        "origin": "collected", "status": "ok",
    }  # fmt: skip
    assert a == {name: known.get(name) for name in PHOTO_SCHEMA.names}
    assert (b["title"], b["license"], b["reason"]) == ("words", "CC0-1.0", None)
    assert (c["source"], c["reason"]) == ("t-0.tar/c", "not_an_image")
    assert stored(mine)[0] == (f"{a['photo_id']}.jpg", picture())
    assert verify(mine)[1] == []


def test_each_picture_of_a_sample_is_a_photo(tmp_path, mine):
    files = [("a.mask.png", picture("PNG")), ("a.JPG", picture()), ("a.seg.jpg", picture(seed=3))]
    import_tars(mine, tarred(tmp_path / "t.tar", files))
    assert [(row["source"], row["photo_id"]) for row in rows(mine)] == [
        ("t.tar/a.mask.png", photo_id("mine", "t.tar/a")),
        ("t.tar/a.jpg", photo_id("mine", "t.tar/a.jpg")),
        ("t.tar/a.seg.jpg", photo_id("mine", "t.tar/a.seg.jpg")),
    ]


@pytest.mark.parametrize("size, workers", [(1000, 0), (3, 2), (1, 0)])
def test_rows_and_bytes_do_not_depend_on_parts_or_workers(
    tmp_path, mine, memory, monkeypatch, size, workers
):
    for i in range(3):
        path = tarred(tmp_path / "in" / f"t-{i}.tar", samples(4, 4 * i))
        storage.write_atomic(f"{memory}/in/t-{i}.tar", storage.read(path))
    whole = Workspace(str(tmp_path / "whole")).dataset("mine")
    import_tars(whole, str(tmp_path / "in" / "t-*.tar"))
    monkeypatch.setattr(pool, "PART_SIZE", size)
    import_tars(mine, str(tmp_path / "in" / "t-{0..2}.tar"), workers=workers)
    assert rows(mine) == rows(whole) and stored(mine) == stored(whole)
    assert len(Pool(mine.path("photos")).stems()) == -(-12 // size)
    other = Workspace(memory).dataset("mine")
    import_tars(other, f"{memory}/in/*.tar")
    assert rows(other) == rows(mine) and content(other) == content(mine)


@pytest.mark.parametrize("lost", [(0,), (1,), (0, 2), (3,), (0, 1, 2, 3)])
def test_an_interrupted_import_ends_with_the_same_bytes(tmp_path, mine, monkeypatch, lost):
    monkeypatch.setattr(pool, "PART_SIZE", 3)
    more = [("pair.jpg", picture()), ("pair.b.jpg", picture(seed=8))]  # they stay in one part
    tarred(tmp_path / "in" / "t-0.tar", [*samples(5), *more])
    tarred(tmp_path / "in" / "t-1.tar", samples(4))
    pattern = str(tmp_path / "in" / "*.tar")
    import_tars(mine, pattern)
    whole = content(mine)
    assert len(whole) == 4 * 3
    for number in lost:
        storage.delete(mine.path("photos", f"{number:05d}.json"))
    import_tars(mine, pattern)
    assert content(mine) == whole


def test_a_part_is_planned_as_few_stretches_whatever_lies_between(tmp_path, mine):
    extra = [("x/", b""), ("README", b"text"), ("__meta__", b"x")]
    files = [f for i in range(50) for f in (*samples(1, i), *extra)]
    plan = _Plan(mine, earlier.none())
    (part,) = plan.parts({"t.tar": tarred(tmp_path / "t.tar", files)})
    assert [(span.photos, span.continued) for span in part] == [(50, False)]


def test_tars_that_are_new_become_new_parts(tmp_path, mine):
    tarred(tmp_path / "in" / "t-0.tar", samples(2))
    pattern = str(tmp_path / "in" / "*.tar")
    import_tars(mine, pattern)
    before = content(mine)
    tarred(tmp_path / "in" / "t-1.tar", samples(2))
    stats = import_tars(mine, pattern)
    assert before.items() <= content(mine).items() and len(rows(mine)) == 4
    assert stats.notes == ("2 samples were here already",)
    tarred(tmp_path / "in" / "t-1.tar", samples(9))
    with pytest.raises(FacecurateError, match=r"1 files, t-1\.tar among them.*or --redo"):
        import_tars(mine, pattern)


def test_starting_over_with_a_tar_of_no_use_discards_nothing(tmp_path, mine):
    path = tarred(tmp_path / "t.tar", samples(2))
    import_tars(mine, path)
    (tmp_path / "t.tar").write_bytes(picture())
    with pytest.raises(FacecurateError, match="no sample"):
        import_tars(mine, path, redo=True)
    assert len(rows(mine)) == 2
    tarred(tmp_path / "t.tar", samples(3))
    assert import_tars(mine, path, redo=True).notes == ("1 part discarded by --redo",)
    assert len(rows(mine)) == 3


def test_a_sample_with_more_pictures_than_a_part_may_hold_is_cut(tmp_path, mine, monkeypatch):
    monkeypatch.setattr(pool, "PART_SIZE", 2)
    files = [(f"clip.{i:03d}.jpg", picture(seed=i)) for i in range(5)] + [("clip.txt", b"t")]
    import_tars(mine, tarred(tmp_path / "t.tar", files))
    found = rows(mine)
    assert [row["source"] for row in found] == [f"t.tar/clip.{i:03d}.jpg" for i in range(5)]
    ids = ["t.tar/clip", *(f"t.tar/clip.{i:03d}.jpg" for i in range(1, 5))]
    assert [row["photo_id"] for row in found] == [photo_id("mine", one) for one in ids]
    assert len(Pool(mine.path("photos")).stems()) == 3
    assert import_tars(mine, str(tmp_path / "t.tar")).counts["photos"].taken == 5


# -- damage ----------------------------------------------------------------------------------------


def good(dataset):
    return [row["source"] for row in rows(dataset) if row["status"] == "ok"]


def test_a_cut_tar_gives_what_came_before_and_is_named(tmp_path, mine):
    path = tarred(tmp_path / "in" / "t-0.tar", samples(4))
    tarred(tmp_path / "in" / "t-1.tar", samples(1))
    places = [m for m in members(path, []) if m.is_picture]
    data = storage.read(path)
    storage.write_atomic(path, data[: places[2].offset + 100])
    stats = import_tars(mine, str(tmp_path / "in" / "*.tar"))
    assert good(mine) == ["t-0.tar/0000.jpg", "t-0.tar/0001.jpg", "t-1.tar/0000.jpg"]
    assert rows(mine)[2]["reason"] == "truncated" and rows(mine)[2]["source"] == "t-0.tar/0002.jpg"
    assert stats.notes == ("t-0.tar: it stops inside 0002.jpg",)


@pytest.mark.parametrize("cut", [0, 512, 700])
def test_a_tar_without_its_end_is_named(tmp_path, mine, cut):
    path = tarred(tmp_path / "t.tar", samples(2))
    end = list(members(path, []))[-1].end
    storage.write_atomic(path, storage.read(path)[:end] + b"\1" * cut)
    stats = import_tars(mine, path)
    assert len(good(mine)) == 2
    assert stats.notes == (f"t.tar: it stops or breaks at byte {end:,}",)


def test_samples_behind_a_broken_header_are_found_again(tmp_path, mine):
    path = tarred(tmp_path / "t.tar", samples(4))
    data = bytearray(storage.read(path))
    broken = next(m for m in members(path, []) if m.key == "0001")
    data[broken.begin : broken.begin + 512] = b"\xaa" * 512
    storage.write_atomic(path, bytes(data))
    stats = import_tars(mine, path)
    assert good(mine) == [f"t.tar/{i:04d}.jpg" for i in (0, 2, 3)]
    assert f"cannot be read from byte {broken.begin:,} to {broken.end:,}" in stats.notes[0]
    assert rows(mine)[1]["reason"] == "not_an_image"  # what is left of 0001: its text


def test_what_is_no_tar_is_named_beside_the_others(tmp_path, mine):
    tarred(tmp_path / "t-0.tar", samples(1))
    (tmp_path / "t-1.tar").write_bytes(picture())
    (tmp_path / "t-2.tar").write_bytes(b"\x1f\x8b" + bytes(600))
    (tmp_path / "t-3.tar").write_bytes(b"")
    stats = import_tars(mine, str(tmp_path / "t-*.tar"))
    assert len(good(mine)) == 1
    assert [note.split(":")[0] for note in stats.notes] == ["t-1.tar", "t-2.tar", "t-3.tar"]
    assert "it is compressed: unpack it" in stats.notes[1]
    with pytest.raises(FacecurateError, match="no sample in .*t-1.tar: t-1.tar: it is no tar"):
        import_tars(Workspace(mine.workspace).dataset("other"), str(tmp_path / "t-1.tar"))


# -- hostile ---------------------------------------------------------------------------------------

NAMES = ["../../evil", "/etc/passwd", "a\x1b[31mb", "\u202egpj", "-rf", "x" * 90, "\udcff\udcfe"]


def test_names_are_only_names_and_nothing_is_written_elsewhere(tmp_path, mine):
    files = [(f"{name}.jpg", picture(seed=i)) for i, name in enumerate(NAMES)]
    path = tarred(tmp_path / "t.tar", files, tarfile.GNU_FORMAT)
    before = {p for p in tmp_path.rglob("*")}
    import_tars(mine, path)
    assert len(good(mine)) == len(NAMES)
    assert all(p.is_relative_to(tmp_path / "data") for p in set(tmp_path.rglob("*")) - before)
    assert good(mine)[0] == "t.tar/../../evil.jpg" and good(mine)[-1] == r"t.tar/\xff\xfe.jpg"


def test_links_devices_notes_and_repeats_are_no_samples(tmp_path, mine):
    with tarfile.open(tmp_path / "t.tar", "w", format=tarfile.PAX_FORMAT,
                      pax_headers={"comment": "for all"}) as tar:  # fmt: skip
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE):
            info = tarfile.TarInfo(f"k{kind.decode()}.jpg")
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
        for name in ("a.jpg", "a.jpg", "README", "__info__", "b.jpg", "a.jpg", "l" * 150 + ".jpg"):
            info = tarfile.TarInfo(name)
            info.size = len(picture())
            tar.addfile(info, io.BytesIO(picture()))
    stats = import_tars(mine, str(tmp_path / "t.tar"))
    assert good(mine) == ["t.tar/a.jpg", "t.tar/b.jpg", f"t.tar/{'l' * 150}.jpg"]
    assert stats.notes == (
        "1 sample with the key of another left out",
        "1 member with the name of another left out",
        "1 member without an ending left out",
    )


def test_a_member_above_the_limit_is_not_read(tmp_path, mine):
    with (tmp_path / "t.tar").open("wb") as file:
        info = tarfile.TarInfo("big.jpg")
        info.size = 8 << 40
        file.write(info.tobuf(tarfile.GNU_FORMAT) + bytes(600))
    import_tars(mine, str(tmp_path / "t.tar"))
    assert [row["reason"] for row in rows(mine)] == ["too_many_bytes"]


@pytest.mark.parametrize(
    "data",
    [
        b"[1, 2]",
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"url": {"a": 1}, "title": null}',
        b"NaN",
        b"",
    ],
    ids=["list", "cut", "bytes", "deep", "other types", "number", "empty"],
)
def test_a_json_of_no_use_says_nothing(data):
    assert said(data, None) == {}


def test_texts_are_cut_and_stay_texts():
    found = said(json.dumps({"title": "\ud800" + "<b>" * 9999, "license": 4}).encode(), b"x")
    assert found["license"] == "4" and len(found["title"]) < 2100
    assert found["title"].startswith(r"\ud800<b>") and said(b"{}", b"\xff" * 9000)["title"]


def test_what_was_taken_down_does_not_come_back(tmp_path, mine):
    names = [("photo", photo_id("mine", "t.tar/0000")), ("url", "https://x.org/1"),
             ("sha256", hashlib.sha256(picture(seed=2)).hexdigest())]  # fmt: skip
    marks = [{"kind": k, "id_sha256": hashlib.sha256(n.encode()).digest()} for k, n in names]
    url = storage.join(mine.workspace, "tombstones.parquet")
    storage.write_atomic(url, to_parquet(to_table(marks, TOMBSTONE_SCHEMA)))
    import_tars(mine, tarred(tmp_path / "t.tar", samples(4)))
    assert [row["reason"] for row in rows(mine)] == ["tombstoned"] * 3 + [None]


# -- patterns --------------------------------------------------------------------------------------


def test_a_pattern_names_tars_below_its_plain_beginning(tmp_path, memory):
    for name in ("a/0.tar", "a/1.tar", "b/0.tar", "b/x.txt", "c/0.tar"):
        tarred(tmp_path / name, [])
        storage.write_atomic(f"{memory}/{name}", b"")
    for root in (str(tmp_path), memory):
        assert list(matched(f"{root}/{{b,a}}/*.tar")) == ["b/0.tar", "a/0.tar", "a/1.tar"]
        assert list(matched(f"{root}/**/*.tar")) == ["a/0.tar", "a/1.tar", "b/0.tar", "c/0.tar"]
        assert matched(f"{root}/a/{{0..1}}.tar") == {
            f"{i}.tar": f"{root}/a/{i}.tar" for i in (0, 1)
        }
        assert list(matched(f"{root}/a/0.tar")) == ["0.tar"]
    assert root_of("s3://b/x/{0..9}.tar") == "s3://b/x/" and root_of("*.tar") == ""


@pytest.mark.parametrize(
    "pattern, told",
    [("none-*.tar", "matches nothing"), ("t-{0..3}.tar", r"t-1\.tar is not there \(and 2 more\)"),
     ("t-{0..9999999}.tar", "more than 1,000,000"), ("{0.tar", "cannot be read|is not there")],
)  # fmt: skip
def test_a_pattern_of_no_use_says_what_is_wrong(tmp_path, pattern, told):
    tarred(tmp_path / "t-0.tar", [])
    with pytest.raises(UsageError, match=told) as caught:
        matched(str(tmp_path / pattern))
    assert "quote it" in str(caught.value) or "pieces" in str(caught.value) or "read" in told
