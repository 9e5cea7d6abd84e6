"""Parts: what is finished, what is current, what is made again, and with which bytes."""

import errno
import hashlib
import json
import os
import re
import signal
from pathlib import Path

import pytest

from facecurate import FORMAT, __version__, pool, storage
from facecurate.errors import (
    DamagedError,
    FacecurateError,
    NoSpaceError,
    PartError,
    SettingsError,
    UsageError,
)
from facecurate.pool import (
    Pool,
    check_settings,
    json_bytes,
    plan_step,
    read_info,
    run_step,
    write_part,
)
from facecurate.records import SUBSET_SCHEMA, to_table
from facecurate.stats import Stats

SETTINGS = {"suffix": "x", "sizes": (1, 2), "threshold": None}


@pytest.fixture(params=["local", "memory"])
def place(request, tmp_path, memory):
    return str(tmp_path / "set") if request.param == "local" else f"{memory}/set"


def source_part(place, number, keys=("a", "b")):
    """A part of photos: a table, bytes beside it, one photo dropped."""
    photos = storage.join(place, "photos")
    with write_part(photos, f"{number:05d}", tool="import", settings={}, inputs={}) as part:
        part.write("tar", b"bytes of " + " ".join(keys).encode())
        part.write_table(to_table([{"key": f"{k}{number}"} for k in keys], SUBSET_SCHEMA))
        part.stats = Stats.of("photos", [None] * len(keys) + ["truncated"])
    return Pool(photos)


@pytest.fixture
def photos(place):
    for number in range(3):
        made = source_part(place, number)
    return made


@pytest.fixture
def faces(place):
    return Pool(storage.join(place, "faces"))


def derive(task, tick):
    """The part function of these tests: every key with a suffix."""
    rows = Pool(task.source).table(task.name, SUBSET_SCHEMA).to_pylist()
    with task.writer() as part:
        keys = [{"key": row["key"] + task.settings["suffix"]} for row in rows]
        for _ in keys:
            tick(1)
        part.write("tar", repr(keys).encode())
        part.write_table(to_table(keys, SUBSET_SCHEMA))
        part.stats = Stats.of("photos", [None] * len(keys))
    return None


def derive_or_die(task, tick):
    """Dies half-way through part 00001 while the marker lies there."""
    marker = Path(task.target).parent / "die"
    if task.name == "00001" and marker.exists():
        marker.unlink()
        with task.writer() as part:
            part.write("tar", b"half")
            os.kill(os.getpid(), signal.SIGKILL)
    derive(task, tick)


def refuse(task, tick):
    raise UsageError(f"{task.name} has the wrong words")


def never(task, tick):
    raise AssertionError(f"{task.name} was current")


def run(source, target, make=derive, **options):
    options = {"tool": "detect", "settings": SETTINGS, "workers": 0, **options}
    return run_step(source, target, make, **options)


def content(made):
    """Every byte of a pool."""
    names = storage.list(made.url)
    return {name: storage.read(storage.join(made.url, name)) for name in names}


# -- a part -----------------------------------------------------


def test_the_json_says_this_and_nothing_else(photos, faces):
    run(photos, faces)
    told = json.loads(storage.read(faces.file("00001", "json")))

    def sha256(made, name):
        return hashlib.sha256(storage.read(storage.join(made.url, name))).hexdigest()

    assert told.pop("sha256") == hashlib.sha256(json_bytes(told)).hexdigest()  # of all the rest
    assert told == {
        "format": FORMAT,
        "tool": f"facecurate {__version__} detect",
        "settings": {"suffix": "x", "sizes": [1, 2], "threshold": None},
        "inputs": {f"photos/00001.{s}": sha256(photos, f"00001.{s}") for s in ("parquet", "tar")},
        "outputs": {f"00001.{s}": sha256(faces, f"00001.{s}") for s in ("parquet", "tar")},
        "stats": {"photos": {"taken": 2, "kept": 2, "dropped": {}}},
    }


def test_the_json_is_written_last(place):
    folder = storage.join(place, "photos")
    with write_part(folder, "00000", tool="t", settings={}, inputs={}) as part:
        part.write("tar", b"x")
        assert storage.list(folder) == ["00000.tar"] and Pool(folder).stems() == []
    assert Pool(folder).stems() == ["00000"]


def test_a_part_that_is_made_again_is_unfinished_meanwhile(place):
    made = source_part(place, 0)
    with pytest.raises(ZeroDivisionError):  # noqa: SIM117
        with write_part(made.url, "00000", tool="t", settings={}, inputs={}):
            assert made.stems() == []
            raise ZeroDivisionError
    assert made.stems() == []


def test_counts_that_do_not_balance_cannot_be_read(photos):
    url = photos.file("00000", "json")
    told = json.loads(storage.read(url))
    assert told["stats"]["photos"] == {"taken": 3, "kept": 2, "dropped": {"truncated": 1}}
    told["stats"]["photos"]["kept"] = 3
    storage.write_atomic(url, json.dumps(told).encode())
    with pytest.raises(DamagedError, match=r"photos/00000\.json is damaged"):
        photos.info("00000")


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b"{}", b"\xff\xfe", b'{"format": null}', b'{"format": [1]}',
     b'{"format": 1, "stats": 3}'],
)  # fmt: skip
def test_a_damaged_json_is_named(place, data):
    url = storage.join(place, "photos", "00000.json")
    storage.write_atomic(url, data)
    with pytest.raises(DamagedError, match=re.escape(url)):
        read_info(url)


def test_a_json_of_a_newer_format_asks_for_an_update(photos):
    url = photos.file("00000", "json")
    told = {**json.loads(storage.read(url)), "format": FORMAT + 1}
    storage.write_atomic(url, json.dumps(told).encode())
    with pytest.raises(DamagedError, match=f"has format {FORMAT + 1}.*update facecurate"):
        photos.info("00000")


def test_a_missing_table_is_named(photos):
    storage.delete(photos.file("00001", "parquet"))
    with pytest.raises(DamagedError, match=r"photos/00001\.parquet is missing"):
        photos.table("00001", SUBSET_SCHEMA)


def test_a_pool_is_the_sum_of_its_parts(photos, place):
    keys = photos.tables(SUBSET_SCHEMA)["key"].to_pylist()
    assert keys == ["a0", "b0", "a1", "b1", "a2", "b2"]
    assert photos.stats() == Stats.of("photos", [None] * 6 + ["truncated"] * 3)
    assert Pool(storage.join(place, "none")).tables(SUBSET_SCHEMA).num_rows == 0


def test_the_digest_of_a_pool_is_that_of_its_files(photos, place):
    before = photos.digest()
    source_part(place, 1)
    assert photos.digest() == before
    source_part(place, 1, "ac")
    assert photos.digest() != before


# -- what is current --------------------------------------------


def test_what_is_current_is_not_made_again(photos, faces):
    first = run(photos, faces)
    before = content(faces)
    again = run(photos, faces, never)
    assert content(faces) == before
    assert first.counts == again.counts == faces.stats().counts
    assert first.notes == () and again.notes == ("up to date already: 3 parts",)


def test_a_changed_input_makes_its_own_part_again(photos, faces, place):
    run(photos, faces)
    before = content(faces)
    source_part(place, 1, "cd")
    stats = run(photos, faces)
    changed = {name for name, data in content(faces).items() if before[name] != data}
    assert changed == {"00001.json", "00001.parquet", "00001.tar"}
    assert stats.notes[0] == "1 part made again because the input had changed"
    assert faces.table("00001", SUBSET_SCHEMA)["key"].to_pylist() == ["c1x", "d1x"]


def test_a_new_input_part_makes_one_part(photos, faces, place):
    run(photos, faces)
    source_part(place, 3)
    plan = plan_step(photos, faces, tool="detect", settings=SETTINGS)
    assert [task.name for task in plan.missing] == ["00003"] and plan.changed == 0
    assert plan.missing[0].items == 3  # photos to go through, dropped ones too
    assert set(plan.missing[0].inputs) == {"photos/00003.parquet", "photos/00003.tar"}


@pytest.mark.parametrize("lost", ["00001.json", "00001.tar", "00001.parquet"])
def test_a_lost_file_is_made_again(photos, faces, lost):
    run(photos, faces)
    before = content(faces)
    storage.delete(storage.join(faces.url, lost))
    run(photos, faces)
    assert content(faces) == before


@pytest.mark.parametrize(
    "settings, told",
    [({**SETTINGS, "suffix": "y"}, 'suffix = "x", now it is "y"'),
     ({**SETTINGS, "threshold": 0.5}, "threshold = unset, now it is 0.5"),
     ({"suffix": "x", "threshold": None}, r"sizes = \[1, 2\], now it is unset")],
)  # fmt: skip
def test_other_settings_are_refused_with_both_values(photos, faces, settings, told):
    run(photos, faces)
    before = content(faces)
    with pytest.raises(SettingsError, match=f"^faces/00000 was made with {told}.*--redo") as error:
        run(photos, faces, settings=settings)
    assert error.value.exit_code == 1 and content(faces) == before


def test_redo_takes_other_settings_and_says_what_it_discards(photos, faces):
    run(photos, faces)
    stats = run(photos, faces, settings={**SETTINGS, "suffix": "y"}, redo=True)
    assert stats.notes == ("3 parts discarded by --redo",)
    assert faces.table("00000", SUBSET_SCHEMA)["key"].to_pylist() == ["a0y", "b0y"]


def test_the_words_of_a_setting_cannot_break_the_line():
    with pytest.raises(SettingsError) as told:
        check_settings({"a": "\x1b[31m\n"}, {"a": "x" * 10_000}, "faces/00000")
    assert len(str(told.value)) < 300 and str(told.value).isprintable()


def test_a_setting_inside_a_setting_is_named_alone():
    before = {"finder": {"detector": "dlib", "threshold": 0.0, "more": {}}, "crop": "box"}
    now = {"finder": {"detector": "dlib", "threshold": 0.5, "more": {}}, "crop": "box"}
    with pytest.raises(SettingsError, match=r"made with finder\.threshold = 0\.0, now it is 0\.5:"):
        check_settings(before, now, "faces/00000")
    check_settings(before, before, "faces/00000")
    with pytest.raises(SettingsError, match=r"finder\.large = unset, now it is 400"):
        check_settings(before, {**before, "finder": {**before["finder"], "large": 400}}, "x")


def test_a_part_without_its_input_is_removed_and_told(photos, faces):
    run(photos, faces)
    photos.remove("00001")
    assert photos.stems() == ["00000", "00002"]
    stats = run(photos, faces)
    assert storage.list(faces.url) == [
        f"{stem}.{suffix}" for stem in ("00000", "00002") for suffix in ("json", "parquet", "tar")
    ]
    assert "1 part removed because the input is gone" in stats.notes


def test_a_pool_beside_is_an_input_where_it_has_the_part(photos, faces, place):
    beside = Pool(storage.join(place, "beside"))
    run(photos, beside)
    beside.remove("00002")
    run(photos, faces, beside=[beside])
    assert "beside/00001.tar" in faces.info("00001").inputs
    assert set(faces.info("00002").inputs) == {"photos/00002.parquet", "photos/00002.tar"}
    run(photos, beside)
    plan = plan_step(photos, faces, tool="detect", settings=SETTINGS, beside=[beside])
    assert [task.name for task in plan.missing] == ["00002"] and plan.changed == 1


def test_an_error_for_the_user_comes_through(photos, faces):
    with pytest.raises(UsageError, match="00000 has the wrong words"):
        run(photos, faces, refuse)


# -- the same bytes ---------------------------------------------


def test_the_bytes_do_not_depend_on_place_or_workers(tmp_path, memory):
    made = []
    for number, place in enumerate([*(str(tmp_path / n) for n in "abc"), memory]):
        for part in range(3):
            photos = source_part(place, part)
        faces = Pool(storage.join(place, "faces"))
        run(photos, faces, workers=number)
        made.append({**content(photos), **{f"faces/{n}": d for n, d in content(faces).items()}})
    assert made[0] == made[1] == made[2] == made[3]
    assert len(made[0]) == 18


def test_a_killed_worker_is_a_named_part_and_the_rest_is_kept(tmp_path):
    for part in range(4):
        photos = source_part(str(tmp_path), part)
    unbroken = Pool(str(tmp_path / "unbroken"))
    run(photos, unbroken)
    faces = Pool(str(tmp_path / "faces"))
    (tmp_path / "die").touch()
    with pytest.raises(PartError, match="part 00001 failed: its worker was killed by SIGKILL"):
        run(photos, faces, derive_or_die, workers=2)
    assert faces.stems() == ["00000", "00002", "00003"]
    (tmp_path / "faces" / ".tmp-half").touch()
    stats = run(photos, faces, derive_or_die, workers=1)
    assert stats.notes == ("up to date already: 3 parts",)
    assert content(faces) == content(unbroken)
    assert not (tmp_path / "faces" / ".tmp-half").exists()


def test_an_error_for_the_user_comes_through_a_worker(tmp_path):
    photos = source_part(str(tmp_path), 0)
    with pytest.raises(FacecurateError, match=r"^00000 has the wrong words$") as told:
        run(photos, Pool(str(tmp_path / "faces")), refuse, workers=1)
    assert told.value.exit_code == 2


# -- space ------------------------------------------------------


def test_a_step_stops_before_the_disk_is_full(photos, faces, monkeypatch):
    free = [10**9, 50, 10]
    monkeypatch.setattr(storage, "free_space", lambda url: free.pop(0))
    with pytest.raises(NoSpaceError, match=r"^50 bytes are free .* free [\d,]+ more") as told:
        run(photos, faces)
    assert told.value.exit_code == 75
    assert faces.stems() == ["00000", "00001"]
    assert run(photos, faces).notes == (
        "up to date already: 2 parts",
    )  # nothing comes after the last
    assert faces.stems() == ["00000", "00001", "00002"]


def test_the_estimate_is_twice_the_first_part(photos, faces, monkeypatch):
    run(photos, faces)
    size = sum(len(d) for n, d in content(faces).items() if n in ("00000.tar", "00000.parquet"))
    room = pool.Room(faces.url, parts=9)
    monkeypatch.setattr(storage, "free_space", lambda url: 2 * size)
    room.check(faces, "00000")
    monkeypatch.setattr(storage, "free_space", lambda url: 2 * size - 1)
    with pytest.raises(NoSpaceError, match="free 1 more"):
        room.check(faces, "00001")


def disk_full(task, tick):
    with task.writer() as part:
        part.write("tar", b"finished")
        with part.file("parquet"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_leaves_nothing_of_the_part(photos, faces):
    with pytest.raises(NoSpaceError, match="the disk is full"):
        run(photos, faces, disk_full)
    assert storage.list(faces.url) == []


# -- tables -----------------------------------------------------


def test_a_table_is_current_for_its_inputs_and_settings(place):
    def current(inputs, settings, redo=False):
        return pool.table_is_current(place, "clusters", settings=settings, inputs=inputs, redo=redo)

    assert not current({"hashes": "1"}, {"keep": ("a",)})
    with write_part(
        place, "clusters", tool="dedupe", settings={"keep": ("a",)}, inputs={"hashes": "1"}
    ) as part:
        part.write_table(to_table([], SUBSET_SCHEMA))
    assert current({"hashes": "1"}, {"keep": ("a",)})
    assert not current({"hashes": "2"}, {"keep": ("a",)})
    assert not current({"hashes": "1"}, {"keep": ("b",)}, redo=True)
    with pytest.raises(SettingsError, match=r"^clusters was made with keep"):
        current({"hashes": "1"}, {"keep": ("b",)})
    storage.delete(storage.join(place, "clusters.parquet"))
    assert not current({"hashes": "1"}, {"keep": ("a",)})


def test_parts_have_at_most_a_thousand_photos():
    assert pool.PART_SIZE == 1000
    assert [len(c) for c in pool.chunks(range(2001))] == [1000, 1000, 1]
    assert pool.stem_of(7) == "00007"
