"""A folder of anything, into photos and reasons."""

import hashlib
import io
import json
import os
import re
import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from facecurate import pool, storage
from facecurate.datasets.annotated import Annotated, GivenFace
from facecurate.errors import FacecurateError, NoSpaceError
from facecurate.importing import import_annotated, import_folder, license_id, photo_id
from facecurate.importing.rows import limits
from facecurate.pool import Pool
from facecurate.records import (
    GIVEN_SCHEMA,
    PHOTO_SCHEMA,
    REASONS,
    TOMBSTONE_SCHEMA,
    to_parquet,
    to_table,
)
from facecurate.tars import read_members
from facecurate.workspace import Workspace


def jpeg(seed=0, size=(12, 8), orientation=None):
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3)).astype(np.uint8)
    exif = Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", exif=exif)
    return file.getvalue()


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    return folder


def fill(folder, count, first=0):
    for i in range(first, first + count):
        (folder / f"{i:03d}.jpg").write_bytes(jpeg(i))


@pytest.fixture
def mine(tmp_path):
    return Workspace(str(tmp_path / "data")).dataset("mine")


def rows(dataset):
    table = Pool(dataset.path("photos")).tables(PHOTO_SCHEMA)
    return {row["source"]: row for row in table.to_pylist()}


def content(dataset):
    return {
        name: storage.read(dataset.path("photos", name))
        for name in storage.list(dataset.path("photos"))
    }


# -- ids -----------------------------------------------------------------------------------------


def test_an_id_is_the_name_and_a_hash_of_the_path():
    digest = hashlib.sha256(b"a/b c.jpg").hexdigest()
    assert photo_id("mine", "a/b c.jpg") == f"mine-{digest[:16]}"


def test_an_id_is_a_hash_of_the_bytes_of_a_name_that_is_no_text():
    digest = hashlib.sha256(b"\xff.jpg").hexdigest()
    assert photo_id("mine", os.fsdecode(b"\xff.jpg")) == f"mine-{digest[:16]}"


@given(st.from_regex(r"[a-z0-9][a-z0-9-]{0,63}", fullmatch=True), st.text())
def test_an_id_has_no_dot_and_no_slash(name, path):
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]{0,63}-[0-9a-f]{16}", photo_id(name, path))


@pytest.mark.parametrize(
    "said, stored",
    [(None, None), ("CC-BY-4.0", "CC-BY-4.0"), ("LicenseRef-us-gov", "LicenseRef-us-gov"),
     ("our own terms!", "LicenseRef-our-own-terms"), ("<script>", "LicenseRef-script"),
     ("", "LicenseRef-unnamed"), ("\u202e", "LicenseRef-unnamed")],
)  # fmt: skip
def test_a_license_is_spdx_or_a_reference(said, stored):
    assert license_id(said) == stored


# -- a folder --------------------------------------------------------------------------------------


@pytest.mark.timeout(60)
def test_every_file_is_a_photo_or_has_a_reason(source, mine):
    (source / "a" / "b").mkdir(parents=True)
    (source / "a" / "b" / "deep.jpg").write_bytes(jpeg(1))
    (source / "turned.jpg").write_bytes(jpeg(2, orientation=6))
    (source / "no_suffix").write_bytes(jpeg(3))
    (source / "._stub.jpg").write_bytes(b"\x00\x05\x16\x07" + bytes(213))
    (source / "notes.txt").write_text("not a picture")
    (source / "empty.jpg").touch()
    (source / "cut.jpg").write_bytes(jpeg(4, (64, 64))[:-300])
    os.mkfifo(source / "pipe.jpg")
    (source / "link.jpg").symlink_to("turned.jpg")
    (source / "gone.jpg").symlink_to("nowhere")
    (source / "loop").symlink_to(source)
    stats = import_folder(mine, str(source), license="CC-BY-4.0")
    found = rows(mine)
    assert {s: r["reason"] for s, r in found.items()} == {
        "a/b/deep.jpg": None,
        "turned.jpg": None,
        "no_suffix": None,
        "link.jpg": None,
        "._stub.jpg": "not_an_image",
        "notes.txt": "not_an_image",
        "empty.jpg": "empty",
        "cut.jpg": "truncated",
        "pipe.jpg": "unreadable",
        "gone.jpg": "unreadable",
    }
    assert all((r["status"] == "ok") == (r["reason"] is None) for r in found.values())
    count = stats.counts["photos"]
    assert (count.taken, count.kept, count.dropped["not_an_image"]) == (10, 4, 2)


def test_a_row_says_what_is_known_of_a_photo(source, mine):
    data = jpeg(2, orientation=6)
    (source / "turned.jpg").write_bytes(data)
    import_folder(mine, str(source), license="CC-BY-4.0")
    (row,) = rows(mine).values()
    known = {
        "photo_id": photo_id("mine", "turned.jpg"),
        "source": "turned.jpg",
        "license": "CC-BY-4.0",
        "sha256": hashlib.sha256(data).digest(),
        "bytes": len(data),
        "width": 8,
        "height": 12,
        "exif_orientation": 6,
        "origin": "collected",
        "status": "ok",
    }
    assert row == {name: known.get(name) for name in PHOTO_SCHEMA.names}


def test_the_bytes_are_stored_as_they_are_in_row_order(source, mine):
    file = io.BytesIO()
    Image.new("RGB", (4, 4), "red").save(file, "PNG")
    (source / "b.jpg").write_bytes(file.getvalue())  # the name lies
    (source / "a.jpg").write_bytes(jpeg())
    (source / "c.txt").write_text("dropped")
    import_folder(mine, str(source))
    stored = list(read_members(mine.path("photos", "00000.tar")))
    assert stored == [
        (f"{photo_id('mine', 'a.jpg')}.jpg", jpeg()),
        (f"{photo_id('mine', 'b.jpg')}.png", file.getvalue()),
    ]


def test_a_dropped_row_is_null_where_nothing_is_known(source, mine):
    (source / "gone.jpg").symlink_to("nowhere")
    (source / "t.txt").write_text("text")
    import_folder(mine, str(source))
    found = rows(mine)
    empty = {"photo_id", "source", "origin", "status", "reason"}
    assert {n for n, v in found["gone.jpg"].items() if v is not None} == empty
    assert {n for n, v in found["t.txt"].items() if v is not None} == {*empty, "sha256", "bytes"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_file_that_may_not_be_read_has_a_reason(source, mine):
    (source / "a.jpg").write_bytes(jpeg())
    (source / "a.jpg").chmod(0)
    import_folder(mine, str(source))
    assert rows(mine)["a.jpg"]["reason"] == "unreadable"


HOSTILE = [
    "<script>alert(1)<.jpg", "[red]x[bold].jpg", "esc\x1b[31m.jpg", "rtl\u202egpj.jpg",
    "new\nline.jpg", "-rf", "--redo", "a.b.c.jpg", "spa ce'\".jpg", "é.jpg", "写真📷.jpg",
    "x" * 251 + ".jpg", "%2e%2e", "back\\slash.jpg", "..jpg",
]  # fmt: skip


def test_hostile_names_are_only_names(source, mine):
    for i, name in enumerate(HOSTILE):
        (source / name).write_bytes(jpeg(i))
    stats = import_folder(mine, str(source))
    assert set(rows(mine)) == set(HOSTILE)
    assert stats.counts["photos"].kept == len(HOSTILE)
    keys = [name for name, _ in read_members(mine.path("photos", "00000.tar"))]
    assert all(re.fullmatch(r"mine-[0-9a-f]{16}\.jpg", key) for key in keys)
    assert len(set(keys)) == len(HOSTILE)


def test_a_name_that_is_no_text_is_kept_readable(source, mine):
    name = b"caf\xe9\xff.jpg"
    with open(os.path.join(os.fsencode(source), name), "wb") as file:
        file.write(jpeg())
    for _ in range(2):
        import_folder(mine, str(source))
    (row,) = rows(mine).values()
    assert row["source"] == r"caf\xe9\xff.jpg"
    assert row["photo_id"] == f"mine-{hashlib.sha256(name).hexdigest()[:16]}"


def test_a_folder_that_is_none_or_empty_says_what_to_give(source, mine):
    with pytest.raises(FacecurateError, match="is no folder: give"):
        import_folder(mine, str(source / "none"))
    with pytest.raises(FacecurateError, match="holds no files: give"):
        import_folder(mine, str(source))
    assert not mine.has("photos")


def test_a_workspace_inside_the_source_is_not_imported(source):
    fill(source, 1)
    inside = Workspace(str(source / "data")).dataset("mine")
    for _ in range(2):
        import_folder(inside, str(source))
    assert set(rows(inside)) == {"000.jpg"}


def test_what_was_taken_down_does_not_come_back(source, mine):
    fill(source, 3)
    marks = [
        {"kind": "photo", "id_sha256": hashlib.sha256(photo_id("mine", "000.jpg").encode())},
        {
            "kind": "sha256",
            "id_sha256": hashlib.sha256(hashlib.sha256(jpeg(1)).hexdigest().encode()),
        },
    ]
    table = to_table([{**m, "id_sha256": m["id_sha256"].digest()} for m in marks], TOMBSTONE_SCHEMA)
    url = storage.join(mine.workspace, "tombstones.parquet")
    storage.write_atomic(url, to_parquet(table))
    import_folder(mine, str(source))
    told = sorted(
        Pool(mine.path("photos")).tables(PHOTO_SCHEMA).to_pylist(),
        key=lambda r: r["reason"] is None,
    )
    reasons = {r["photo_id"]: r["reason"] for r in told}
    names = [photo_id("mine", f"{i:03}.jpg") for i in range(3)]
    assert reasons == dict(zip(names, ["tombstoned", "tombstoned", None], strict=True))
    kept = {name for r in told[:2] for name, value in r.items() if value is not None}
    assert kept == {"photo_id", "source", "origin", "status", "reason"}
    assert {r["source"] for r in told[:2]} == {""}, "a path may name somebody"
    assert len(list(read_members(mine.path("photos", "00000.tar")))) == 1


# -- again -----------------------------------------------------------------------------------------


def test_the_same_folder_twice_adds_nothing(source, mine):
    fill(source, 3)
    import_folder(mine, str(source))
    before = content(mine)
    stats = import_folder(mine, str(source))
    assert content(mine) == before
    assert stats.notes == ("3 were here already",) and stats.counts["photos"].kept == 3


def test_new_files_become_new_parts(source, mine):
    fill(source, 3)
    import_folder(mine, str(source))
    before = content(mine)
    fill(source, 2, first=3)
    (source / "000-earlier.jpg").write_bytes(jpeg(9))
    import_folder(mine, str(source))
    after = content(mine)
    assert before.items() <= after.items()
    assert Pool(mine.path("photos")).stems() == ["00000", "00001"]
    assert len(rows(mine)) == 6


def test_other_bytes_under_a_known_path_are_refused(source, mine):
    fill(source, 2)
    import_folder(mine, str(source))
    before = content(mine)
    (source / "001.jpg").write_bytes(jpeg(5, (20, 20)))
    with pytest.raises(FacecurateError, match=r"1 files, 001\.jpg among them.*--name, or --redo"):
        import_folder(mine, str(source))
    assert content(mine) == before
    stats = import_folder(mine, str(source), redo=True)
    assert stats.notes == ("1 part discarded by --redo",)
    assert rows(mine)["001.jpg"]["width"] == 20


def test_a_deleted_file_stays_imported(source, mine):
    fill(source, 2)
    import_folder(mine, str(source))
    (source / "000.jpg").unlink()
    import_folder(mine, str(source))
    assert set(rows(mine)) == {"000.jpg", "001.jpg"}


def test_only_the_first_files_by_path(source, mine):
    fill(source, 4)
    import_folder(mine, str(source), limit=2)
    assert set(rows(mine)) == {"000.jpg", "001.jpg"}


# -- the same bytes --------------------------------------------------------------------------------


@pytest.fixture
def small_parts(monkeypatch):
    """Parts of two photos."""
    monkeypatch.setattr(pool, "PART_SIZE", 2)


@pytest.mark.parametrize("lost", [(0,), (1,), (0, 1), (1, 2), (0, 1, 2)])
def test_an_interrupted_import_ends_with_the_same_bytes(source, mine, small_parts, lost):
    fill(source, 5)
    (source / "003.jpg").write_text("no image")
    import_folder(mine, str(source))
    whole = content(mine)
    assert len(whole) == 9
    for number in lost:
        os.unlink(mine.path("photos", f"{number:05d}.json"))
    shutil.copy(mine.path("photos", "00000.tar"), mine.path("photos", ".tmp-00000.tar-x"))
    import_folder(mine, str(source))
    assert content(mine) == whole
    assert not mine.has("photos", ".tmp-00000.tar-x")


def test_the_bytes_do_not_depend_on_place_or_workers(source, tmp_path, memory, small_parts):
    fill(source, 5)
    (source / "999.jpg").write_text("no image")
    made = []
    for workers, place in enumerate([tmp_path / "x", tmp_path / "y" / "z", tmp_path / "w", memory]):
        dataset = Workspace(str(place)).dataset("mine")
        import_folder(dataset, str(source), workers=workers)
        made.append(content(dataset))
    assert made[0] == made[1] == made[2] == made[3] and len(made[0]) == 9


def test_a_source_in_memory_gives_the_same_bytes(source, mine, memory):
    fill(source, 2)
    for file in source.iterdir():
        storage.write_atomic(f"{memory}/source/{file.name}", file.read_bytes())
    import_folder(mine, str(source))
    other = Workspace(memory).dataset("mine")
    import_folder(other, f"{memory}/source")
    assert content(other) == content(mine)


def test_no_path_of_this_machine_is_stored(source, mine):
    fill(source, 1)
    import_folder(mine, str(source))
    told = json.loads(content(mine)["00000.json"])
    assert told["settings"] == {
        "origin": "collected", "license": None, "max_bytes": 256 << 20, "max_pixels": 80_000_000,
        "min_side": 1,
    }  # fmt: skip
    assert told["inputs"] == {}
    assert not any(str(source.parent).encode() in data for data in content(mine).values())


def test_an_import_stops_before_the_disk_is_full(source, mine, small_parts, monkeypatch):
    fill(source, 4)
    monkeypatch.setattr(storage, "free_space", lambda url: 1)
    with pytest.raises(NoSpaceError, match="1 bytes are free"):
        import_folder(mine, str(source))
    assert Pool(mine.path("photos")).stems() == ["00000"]


# -- annotated -------------------------------------------------------------------------------------


def annotated():
    return [
        Annotated("b.jpg", "train", subject="s1", sequence="q", frame=3, faces=(
            GivenFace(box=[0, 1, 2, 3], label_identity="s1", label_au=[0.0, float("nan")]),
            GivenFace(points=[1.0, 2.0, 3.0, 4.0], points_visible=[True, False]),
        )),
        Annotated("a.jpg", "test"),
        Annotated("missing.jpg", "test", faces=(GivenFace(label_valence=0.5),)),
    ]  # fmt: skip


def test_labels_are_copied_beside_their_photos(source, mine):
    for name in "ab":
        (source / f"{name}.jpg").write_bytes(jpeg(ord(name)))
    import_annotated(mine, str(source), annotated(), source_id="300w", rendered=True)
    found = rows(mine)
    assert list(found) == ["b.jpg", "a.jpg", "missing.jpg"]  # the owner's order
    b = found["b.jpg"]
    assert (b["origin"], b["split"], b["subject"], b["sequence"], b["frame"]) == (
        "rendered", "train", "s1", "q", 3,
    )  # fmt: skip
    assert found["missing.jpg"]["reason"] == "unreadable"
    given = Pool(mine.path("photos")).tables(GIVEN_SCHEMA, "given.parquet").to_pylist()
    ids = [photo_id("mine", name) for name in ("b.jpg", "b.jpg", "missing.jpg")]
    assert [(g["photo_id"], g["face_index"]) for g in given] == list(
        zip(ids, (0, 1, 0), strict=True)
    )
    assert given[0]["box"] == [0, 1, 2, 3] and given[0]["label_identity"] == "s1"
    assert given[0]["label_au"][0] == 0 and np.isnan(given[0]["label_au"][1])
    assert given[1]["points"] == [1, 2, 3, 4] and given[1]["points_visible"] == [True, False]
    assert given[1]["box"] is None and given[2]["label_valence"] == 0.5


def test_an_origin_is_the_owners_or_rendered(source, mine):
    (source / "a.jpg").write_bytes(jpeg())
    import_annotated(mine, str(source), annotated()[1:2], source_id="300w", rendered=False)
    assert rows(mine)["a.jpg"]["origin"] == "dataset"
    assert "00000.given.parquet" in Pool(mine.path("photos")).info("00000").outputs


def test_names_that_are_no_utf8_are_stored_with_escapes(source, mine):
    odd = os.fsdecode(b"J\xf8rn")
    faces = (GivenFace(label_identity=odd),)
    photo = Annotated("c.jpg", "train", subject=odd, session=odd, sequence=odd, faces=faces)
    import_annotated(mine, str(source), [photo], source_id="lfw", rendered=False)
    row = rows(mine)["c.jpg"]
    assert [row[name] for name in ("subject", "session", "sequence")] == [r"J\xf8rn"] * 3
    (face,) = Pool(mine.path("photos")).tables(GIVEN_SCHEMA, "given.parquet").to_pylist()
    assert face["label_identity"] == r"J\xf8rn"


def test_an_adapters_faces_have_the_columns_of_given():
    names = set(GivenFace.__slots__)
    assert names | {"photo_id", "face_index", "label_mesh"} == set(GIVEN_SCHEMA.names)


# -- real photos -----------------------------------------------------------------------------------


def test_odd_files_are_rows(test_data, mine):
    folder = test_data / "odd" / "image-rs"
    import_folder(mine, str(folder))
    found = rows(mine)
    assert len(found) == sum(f.is_file() for f in folder.rglob("*"))
    assert {r["reason"] for r in found.values()} <= {None, *REASONS}
    assert found["tests/bad/bmp/Bad_width.bmp"]["reason"] == "too_many_pixels"


def test_limits_are_those_of_the_settings():
    assert limits() == {"max_bytes": 256 << 20, "max_pixels": 80_000_000, "min_side": 1}
