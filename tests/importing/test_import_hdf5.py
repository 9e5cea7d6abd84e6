"""The FRL authors' HDF5: encoded pictures as runs of bytes, and nothing that is not in the file."""

import hashlib

import numpy as np
import pytest
from loopback import picture

from facecurate import pool, storage
from facecurate.errors import DamagedError, FacecurateError
from facecurate.importing import import_hdf5, photo_id
from facecurate.inspect import verify
from facecurate.pool import Pool
from facecurate.records import GIVEN_SCHEMA, PHOTO_SCHEMA, TOMBSTONE_SCHEMA, to_parquet, to_table
from facecurate.tars import read_members
from facecurate.workspace import Workspace

h5py = pytest.importorskip("h5py", reason="not installed: run 'make test'")
BYTES = h5py.vlen_dtype(np.uint8)


@pytest.fixture
def mine(tmp_path):
    return Workspace(str(tmp_path / "data")).dataset("mine")


def written(path, datas, **more):
    with h5py.File(path, "w") as file:
        images = file.create_dataset("images", (len(datas),), BYTES)
        for i, data in enumerate(datas):
            images[i] = np.frombuffer(data, np.uint8)
        for name, values in more.items():
            file[name] = values
    return str(path)


def pictures(count):
    return [picture("PNG" if i % 2 else "JPEG", seed=i) for i in range(count)]


def rows(dataset, schema=PHOTO_SCHEMA, suffix="parquet"):
    return Pool(dataset.path("photos")).tables(schema, suffix).to_pylist()


def content(dataset):
    names = storage.list(dataset.path("photos"))
    return {name: storage.read(dataset.path("photos", name)) for name in names}


def test_every_element_is_a_photo_in_the_file_s_order(tmp_path, mine):
    datas = [*pictures(20), b"no picture", b""]
    stats = import_hdf5(mine, written(tmp_path / "flickr_train.h5", datas), license="CC-BY-4.0")
    found = rows(mine)
    sources = [f"flickr_train.h5#{i:07d}" for i in range(22)]
    assert [row["source"] for row in found] == sources
    assert [row["photo_id"] for row in found] == [photo_id("mine", s) for s in sources]
    assert [row["reason"] for row in found] == [None] * 20 + ["not_an_image", "empty"]
    kept = [data for _, data in read_members(mine.path("photos", "00000.tar"))]
    assert kept == datas[:20] and found[1]["license"] == "CC-BY-4.0"
    assert stats.counts["photos"].kept == 20 and verify(mine)[1] == []
    assert not mine.has("photos", "00000.given.parquet")


@pytest.mark.parametrize("lost", [(0,), (2,), (0, 1, 3)])
def test_an_interrupted_import_ends_with_the_same_bytes(tmp_path, mine, memory, monkeypatch, lost):
    monkeypatch.setattr(pool, "PART_SIZE", 3)
    source = written(tmp_path / "a.h5", pictures(10))
    import_hdf5(mine, source, workers=2)
    whole = content(mine)
    assert len(whole) == 12
    for number in lost:
        storage.delete(mine.path("photos", f"{number:05d}.json"))
    import_hdf5(mine, source)
    assert content(mine) == whole
    storage.write_atomic(f"{memory}/a.h5", storage.read(source))
    other = Workspace(memory).dataset("mine")
    import_hdf5(other, f"{memory}/a.h5")
    assert content(other) == whole
    assert import_hdf5(other, f"{memory}/a.h5").notes == ("10 were here already",)


FOLDERS = ["n000001", "n000009", "n000001"]


@pytest.mark.parametrize(
    "labels",
    [{"foldernames": FOLDERS}, {"foldernames": np.array(FOLDERS, "S7")},
     {"foldernames": np.array([1, 0, 1]), "unique_foldernames": ["n000009", "n000001"]}],
    ids=["text", "fixed", "index"],
)  # fmt: skip
def test_folder_names_are_given_labels(tmp_path, mine, labels):
    import_hdf5(mine, written(tmp_path / "v.h5", pictures(3), **labels))
    assert [row["subject"] for row in rows(mine)] == FOLDERS
    given = rows(mine, GIVEN_SCHEMA, "given.parquet")
    assert [face["label_identity"] for face in given] == FOLDERS
    assert [face["photo_id"] for face in given] == [row["photo_id"] for row in rows(mine)]
    assert {face["box"] for face in given} == {None}


@pytest.mark.parametrize(
    "more, told",
    [({"foldernames": ["a"]}, "foldernames fits the pictures in no known way"),
     ({"foldernames": np.arange(3)}, "foldernames fits the pictures in no known way"),
     ({"foldernames": np.eye(3)}, "foldernames fits the pictures in no known way"),
     ({"boxes": np.ones((3, 4)), "x": 1}, "boxes, x is not read")],
    ids=["short", "no names", "numbers", "boxes"],
)  # fmt: skip
def test_what_does_not_fit_is_left_with_a_line(tmp_path, mine, more, told):
    stats = import_hdf5(mine, written(tmp_path / "v.h5", pictures(3), **more))
    assert stats.notes == (told,) and stats.counts["photos"].kept == 3
    assert {row["subject"] for row in rows(mine)} == {None}


def test_another_layout_says_what_is_asked_for(tmp_path, mine):
    layouts = {
        "none.h5": {"data": [1]},
        "pixels.h5": {"images": np.zeros((2, 4, 4, 3), np.uint8)},
        "words.h5": {"images": ["a", "b"]},
        "group.h5": {"images/a": [1]},
    }
    for name, values in layouts.items():
        with h5py.File(tmp_path / name, "w") as file:
            for key, value in values.items():
                file[key] = value
        with pytest.raises(FacecurateError, match="no list 'images' of encoded pictures"):
            import_hdf5(mine, str(tmp_path / name))
    with pytest.raises(FacecurateError, match="no list 'images'"):
        import_hdf5(mine, written(tmp_path / "empty.h5", []))
    (tmp_path / "cut.h5").write_bytes(storage.read(written(tmp_path / "v.h5", pictures(3)))[:900])
    (tmp_path / "text.h5").write_text("no HDF5")
    for name in ("cut.h5", "text.h5"):
        with pytest.raises(DamagedError, match="is no whole HDF5 file"):
            import_hdf5(mine, str(tmp_path / name))
    assert not mine.has("photos")


def test_a_link_to_bytes_outside_the_file_is_not_followed(tmp_path, mine):
    written(tmp_path / "secret.h5", pictures(1))
    (tmp_path / "secret.bin").write_bytes(b"secret" * 100)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["images"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "images")
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["kept"] = [1]
        file["images"] = h5py.SoftLink("/kept")
    for name in ("a.h5", "b.h5"):
        with pytest.raises(FacecurateError, match="no list 'images'"):
            import_hdf5(mine, str(tmp_path / name))
    source = written(tmp_path / "c.h5", pictures(2))
    with h5py.File(source, "a") as file:
        file.create_dataset(
            "foldernames", (2,), "S100", external=[(str(tmp_path / "secret.bin"), 0, 200)]
        )
    stats = import_hdf5(mine, source)
    assert "no known way" in stats.notes[0]
    assert {row["subject"] for row in rows(mine)} == {None}


def test_another_file_of_the_same_name_is_noticed(tmp_path, mine):
    source = written(tmp_path / "a.h5", pictures(2))
    import_hdf5(mine, source)
    written(tmp_path / "a.h5", pictures(5))
    with pytest.raises(FacecurateError, match=r"1 files, a\.h5 among them.*or --redo"):
        import_hdf5(mine, source)
    import_hdf5(mine, source, redo=True)
    assert len(rows(mine)) == 5


def test_what_was_taken_down_does_not_come_back(tmp_path, mine):
    datas = pictures(3)
    names = [("photo", photo_id("mine", "a.h5#0000000")),
             ("sha256", hashlib.sha256(datas[1]).hexdigest())]  # fmt: skip
    marks = [{"kind": k, "id_sha256": hashlib.sha256(n.encode()).digest()} for k, n in names]
    url = storage.join(mine.workspace, "tombstones.parquet")
    storage.write_atomic(url, to_parquet(to_table(marks, TOMBSTONE_SCHEMA)))
    import_hdf5(mine, written(tmp_path / "a.h5", datas))
    assert [row["reason"] for row in rows(mine)] == ["tombstoned", "tombstoned", None]
