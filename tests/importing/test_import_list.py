"""A list of addresses into photos and reasons, asked for politely and exactly once."""

import csv
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from loopback import FakeClock, closing, picture, reply, serving

from facecurate import importing, pool, storage
from facecurate.errors import DamagedError, FacecurateError, SettingsError, StoppedError, UsageError
from facecurate.importing import Politeness, import_list, photo_id, politeness
from facecurate.importing import window as windows
from facecurate.importing.lists import AddressList, columns
from facecurate.inspect import verify, why
from facecurate.pool import Pool
from facecurate.records import PHOTO_SCHEMA, TOMBSTONE_SCHEMA, to_parquet, to_table
from facecurate.tars import read_members
from facecurate.workspace import Workspace

CONTACT = "me@example.org"


@pytest.fixture
def mine(tmp_path):
    return Workspace(str(tmp_path / "data")).dataset("mine")


@pytest.fixture
def small_parts(monkeypatch):
    """Parts of four photos."""
    monkeypatch.setattr(pool, "PART_SIZE", 4)


def listed(folder, rows, name="list.csv", head=("url",)):
    path = folder / name
    with path.open("w", newline="") as file:
        writer = csv.writer(file, delimiter="\t" if name.endswith("tsv") else ",")
        writer.writerows([head, *rows])
    return str(path)


def polite(server, **more):
    quick = {"rate": 5000.0, "pauses": (0.01, 0.02), "local": server.host}
    return Politeness(contact=CONTACT, **{**quick, **more})


def rows(dataset):
    return Pool(dataset.path("photos")).tables(PHOTO_SCHEMA).to_pylist()


def members(dataset):
    photos = Pool(dataset.path("photos"))
    return {k: v for stem in photos.stems() for k, v in read_members(photos.file(stem, "tar"))}


def pictures(count):
    return {f"p{i}": reply(picture(seed=i)) for i in range(count)}


def test_each_address_is_a_row_in_the_order_of_the_list(tmp_path, mine):
    with serving(a=reply(picture()), b=reply(picture("PNG", seed=1)), c=reply(b"<html>")) as server:
        urls = [server.url(path) for path in ("/b", "/gone", "/a", "/c")]
        urls += ["http://127.0.0.1:9/x", "ftp://example.org/a.jpg", "no address"]
        stats = import_list(mine, listed(tmp_path, [[u] for u in urls]), polite(server))
        agents = {one.headers["User-Agent"] for one in server.seen}
    found = rows(mine)
    assert [row["source"] for row in found] == urls
    assert [row["reason"] for row in found] == [
        None, "gone", None, "not_an_image", "refused_address", "refused_address", "refused_address",
    ]  # fmt: skip
    assert [row["photo_id"] for row in found] == [photo_id("mine", u) for u in urls]
    assert stats.counts["photos"].kept == 2
    assert len(agents) == 1 and "(+me@example.org)" in agents.pop()
    assert verify(mine)[1] == []


def test_a_row_says_what_the_list_says_of_the_picture(tmp_path, mine):
    head = ("URL", "TEXT", "license", "author", "owner", "page_url")
    said = ["a cat", "https://creativecommons.org/licenses/by/4.0/", "An", "o1", "https://x.org/1"]
    with serving(a=reply(picture()), b=reply(picture(seed=2))) as server:
        url = server.url("/a")
        source = listed(tmp_path, [[url, *said], [server.url("/b")]], head=head)
        before = int(time.time())
        import_list(mine, source, polite(server), license="CC0-1.0")
    first, second = rows(mine)
    known = {
        "photo_id": photo_id("mine", url), "source": url, "url": url, "title": "a cat",
        "license": "CC-BY-4.0", "author": "An", "owner": "o1", "page_url": "https://x.org/1",
        "sha256": hashlib.sha256(picture()).digest(), "bytes": len(picture()), "width": 64,
        "height": 48, "exif_orientation": 1, "origin": "collected", "status": "ok",
        "fetched_at": first["fetched_at"],
    }  # fmt: skip
    assert first == {name: known.get(name) for name in PHOTO_SCHEMA.names}
    assert before <= first["fetched_at"].timestamp() <= time.time()
    assert second["license"] == "CC0-1.0" and second["title"] is None
    assert members(mine)[f"{first['photo_id']}.jpg"] == picture()
    assert why(mine, first["photo_id"])[0]["title"] == "a cat"


@pytest.mark.parametrize("name", ["list.csv", "list.tsv", "list.parquet"])
def test_every_kind_of_list_is_read_alike(tmp_path, mine, memory, name):
    urls = [f"https://example.org/{i}" for i in range(5)]
    titles = ["a, b", 'say "x"', "two\nlines", "tab\there", None]
    if name.endswith("parquet"):
        table = pa.table({"address": urls, "TITLE": titles, "other": list(range(5))})
        pq.write_table(table, tmp_path / name, row_group_size=2)
    else:
        listed(tmp_path, zip(urls, titles, strict=True), name, ("address", "TITLE"))
    storage.write_atomic(f"{memory}/{name}", (tmp_path / name).read_bytes())
    for source in (str(tmp_path / name), f"{memory}/{name}"):
        found = list(AddressList(source, columns("address", [])).lines())
        assert [line.url for line in found] == urls
        assert [line.title for line in found] == titles


def test_an_address_that_stands_twice_is_one_row_and_is_asked_for_once(tmp_path, mine):
    with serving(**pictures(2)) as server:
        a, b = server.url("/p0"), server.url("/p1")
        source = listed(tmp_path, [[a], [" " + b], [a], [""], [b]])
        stats = import_list(mine, source, polite(server))
        assert sorted(server.paths()) == ["/p0", "/p1"]
    assert [row["source"] for row in rows(mine)] == [a, b]
    assert stats.notes == ("2 rows with an address of another row", "1 row without an address")


def test_the_same_list_twice_asks_for_nothing(tmp_path, mine, small_parts):
    with serving(**pictures(6)) as server:
        source = listed(tmp_path, [[server.url(f"/p{i}")] for i in range(7)])
        import_list(mine, source, polite(server))
        before, asked = rows(mine), len(server.seen)
        stats = import_list(mine, source, polite(server))
        assert len(server.seen) == asked and rows(mine) == before
        assert stats.notes == ("7 were here already",)
        listed(tmp_path, [[server.url(f"/p{i}")] for i in range(9)])
        import_list(mine, source, polite(server))
    assert [row["source"] for row in rows(mine)[:7]] == [row["source"] for row in before]
    assert len(rows(mine)) == 9 and not mine.has("photos", ".urls")


def test_parts_do_not_depend_on_who_answers_first(tmp_path, mine, small_parts):
    def late(data):
        def behave(connection):
            time.sleep(0.3)
            connection.sendall(data)

        return behave

    answers = pictures(10)
    answers["p1"] = late(answers["p1"])
    with serving(**answers) as server:
        source = listed(tmp_path, [[server.url(f"/p{i}")] for i in range(10)])
        import_list(mine, source, polite(server))
    photos = Pool(mine.path("photos"))
    assert [len(photos.table(stem, PHOTO_SCHEMA)) for stem in photos.stems()] == [4, 4, 2]
    assert [row["url"][-2:] for row in rows(mine)] == [f"p{i}" for i in range(10)]


def test_only_so_many_parts_are_open_at_once(tmp_path, mine, small_parts, monkeypatch):
    monkeypatch.setattr(windows, "OPEN", 2)
    most = []
    write = storage.append
    monkeypatch.setattr(storage, "append", lambda *a: (most.append(len(storage.list(
        mine.path("photos", ".urls")))), write(*a)))  # fmt: skip
    with serving(**pictures(40)) as server:
        source = listed(tmp_path, [[server.url(f"/p{i}")] for i in range(40)])
        import_list(mine, source, polite(server))
    assert len(rows(mine)) == 40 and max(most) <= 2 * (4 + 1)


# -- failures --------------------------------------------------------------------------------------


def test_a_failure_that_may_pass_is_tried_three_times(tmp_path, mine):
    broken = closing(b"")
    with serving(a=[broken, broken, reply(picture())], b=broken, c=reply(b"<p>")) as server:
        source = listed(tmp_path, [[server.url(f"/{n}")] for n in "abcd"])
        import_list(mine, source, polite(server))
        asked = {n: server.paths().count(f"/{n}") for n in "abcd"}
    assert asked == {"a": 3, "b": 3, "c": 2, "d": 1}
    reasons = [row["reason"] for row in rows(mine)]
    assert reasons == [None, "unreachable", "not_an_image", "gone"]


def test_a_closed_host_stops_the_run_and_not_what_others_have_brought(
    tmp_path, mine, small_parts, monkeypatch
):
    busy = reply(b"", "429 Too Many Requests", "Retry-After: 7200")
    settings = Politeness.settings
    with serving(**pictures(3)) as server, serving(x=busy) as other:
        monkeypatch.setattr(
            Politeness,
            "settings",
            lambda who, folder: replace(settings(who, folder), local=(server.host, other.host)),
        )
        urls = [other.url("/x") if i == 1 else server.url(f"/p{i // 2}") for i in (0, 1, 2, 4)]
        source = listed(tmp_path, [[u] for u in urls])
        clock = FakeClock()
        patient = polite(server, clock=clock)
        for later in (0, 0, 0, 7300):  # a run while the host is paused does not count
            clock.now += later
            with pytest.raises(StoppedError, match=r"1 address could not.*asks for a pause.*hours"):
                import_list(mine, source, patient)
            assert rows(mine) == []
        clock.now += 7300
        import_list(mine, source, patient)
        assert sorted(server.paths()) == ["/p0", "/p1", "/p2"] and other.paths() == ["/x"] * 3
    assert [row["reason"] for row in rows(mine)] == [None, "unreachable", None, None]


def test_a_run_without_a_network_gives_no_address_up(tmp_path, mine, monkeypatch):
    monkeypatch.setattr(windows, "_NOBODY", 3)
    with serving() as server:
        dead = server.host
    source = listed(tmp_path, [[f"http://{dead}/{i}"] for i in range(3)])
    alone = Politeness(contact=CONTACT, rate=5000.0, pauses=(0.01,), local=dead, clock=FakeClock())
    for _ in range(2):
        with pytest.raises(StoppedError, match=r"3 addresses.*nobody answers.*check the network"):
            import_list(mine, source, alone)
        assert rows(mine) == []
    import_list(mine, source, alone)
    assert {row["reason"] for row in rows(mine)} == {"unreachable"}


def test_robots_and_opt_outs_are_obeyed(tmp_path, mine):
    noai = reply(picture(), "200 OK", "X-Robots-Tag: noai")
    rules = reply(b"User-agent: *\nDisallow: /private")
    with serving(a=noai, **{"robots.txt": rules, "private": reply(picture())}) as server:
        source = listed(tmp_path, [[server.url("/a")], [server.url("/private")]])
        import_list(mine, source, polite(server))
        assert "/private" not in server.paths()
    assert [row["reason"] for row in rows(mine)] == ["noai", "robots"]


def test_a_private_address_is_never_asked(tmp_path, mine):
    with serving(a=reply(picture())) as server:
        source = listed(tmp_path, [[server.url("/a")], ["https://127.0.0.1/a"], ["https://[::1]/"]])
        import_list(mine, source, polite(server, local=None))
        assert server.seen == []
    assert {row["reason"] for row in rows(mine)} == {"refused_address"}


def test_what_was_taken_down_is_not_asked_for(tmp_path, mine):
    with serving(**pictures(5)) as server:
        urls = [server.url(f"/p{i}") for i in range(5)]
        names = [("photo", photo_id("mine", urls[0])), ("url", urls[1]), ("owner", "o"),
                 ("sha256", hashlib.sha256(picture(seed=3)).hexdigest())]  # fmt: skip
        marks = [{"kind": k, "id_sha256": hashlib.sha256(n.encode()).digest()} for k, n in names]
        url = storage.join(mine.workspace, "tombstones.parquet")
        storage.write_atomic(url, to_parquet(to_table(marks, TOMBSTONE_SCHEMA)))
        owners = ["", "", "o", "", ""]
        source = listed(tmp_path, zip(urls, owners, strict=True), head=("url", "owner"))
        import_list(mine, source, polite(server))
        assert sorted(server.paths()) == ["/p3", "/p4"]
    assert [row["reason"] for row in rows(mine)] == ["tombstoned"] * 4 + [None]


# -- killed ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["disk", "memory"])
def test_what_arrived_before_a_failure_is_not_fetched_again(
    tmp_path, memory, small_parts, monkeypatch, place
):
    workspace = memory if place == "memory" else str(tmp_path / "data")
    dataset = Workspace(workspace).dataset("mine")
    with serving(**pictures(11)) as server:
        source = listed(tmp_path, [[server.url(f"/p{i}")] for i in range(12)])
        write, left = importing.rows.write_part, [2]

        def failing(*args, **options):
            left[0] -= 1
            if left[0] < 0:
                raise OSError("the machine goes down")
            return write(*args, **options)

        monkeypatch.setattr(importing.rows, "write_part", failing)
        with pytest.raises(OSError, match="goes down"):
            import_list(dataset, source, polite(server))
        first = server.paths()
        monkeypatch.setattr(importing.rows, "write_part", write)
        import_list(dataset, source, polite(server))
        again = set(server.paths()[len(first) :])
    assert len(Pool(dataset.path("photos")).stems()) == 3
    assert not again & set(first[:-16])  # what was on its way at that moment may be
    assert [row["status"] for row in rows(dataset)] == ["ok"] * 11 + ["dropped"]


START = "import facecurate.pool as p; p.PART_SIZE = 8; from facecurate.cli import main; main()"


def command(workspace, source, server):
    env = os.environ | {
        "FACECURATE_LOCAL_HOST": server.host, "FACECURATE_CONTACT": CONTACT,
        "FACECURATE_STATE": str(workspace / "state"),
    }  # fmt: skip
    words = [sys.executable, "-c", START, "--workspace", str(workspace / "data"), "-q", "import",
             source, "--name", "mine", "--max-image-rate", "60"]  # fmt: skip
    return subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def test_kill_9_anywhere_costs_what_was_on_its_way(tmp_path):
    """Rows and pictures are those of an unbroken run; only the time of arrival is another."""
    count = 60
    with serving(**pictures(count)) as server:
        source = listed(tmp_path, [[server.url(f"/p{i}")] for i in range(count + 3)])
        for seen in (5, 26, 47):
            with command(tmp_path, source, server) as process:
                while len(server.paths()) < seen and process.poll() is None:
                    time.sleep(0.005)
                process.kill()
            assert process.returncode == -signal.SIGKILL
        with command(tmp_path, source, server) as process:
            out = process.communicate()[0]
        assert process.returncode == 0, out
        asked = server.paths()
    dataset = Workspace(str(tmp_path / "data")).dataset("mine")
    assert len(rows(dataset)) == count + 3 and b"63 photos: 60 kept, 3 dropped (3 gone)" in out
    assert [row["url"] for row in rows(dataset)] == [server.url(f"/p{i}") for i in range(count + 3)]
    assert len(asked) - len(set(asked)) <= 3 * 16
    assert verify(dataset)[1] == [] and not dataset.has("photos", ".urls")


# -- words ---------------------------------------------------------------------------------------


def test_a_list_of_no_use_says_what_to_change(tmp_path, mine):
    who = Politeness(contact=CONTACT)
    bad = {
        "no-column.csv": ("link,title\nhttps://x.org/a,b\n", UsageError, "--url-column NAME"),
        "empty.csv": ("", UsageError, "is empty: its first line must name its columns"),
        "head.csv": ("url\n", FacecurateError, "holds no address"),
        "blank.csv": ("url,x\n,1\n ,2\n", FacecurateError, "holds no address"),
        "cut.parquet": ("PAR1 and no more", DamagedError, "no whole Parquet file"),
        "wide.csv": ("url\n" + "x" * 200_000, DamagedError, "line 2: field larger"),
    }
    for name, (text, error, told) in bad.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(error, match=told) as caught:
            import_list(mine, str(tmp_path / name), who, redo=True)
        assert "\n" not in str(caught.value)
    with pytest.raises(UsageError, match=r"no column nothing.*link, title.*--column title=NAME"):
        import_list(mine, str(tmp_path / "no-column.csv"), who,
                    columns=columns("link", ["title=nothing"]))  # fmt: skip
    with pytest.raises(UsageError, match="write OURS=THEIRS"):
        columns("link", ["sha256=x"])
    assert not mine.has("photos")


def test_somebody_must_be_reachable_and_only_this_machine_may_be_excepted():
    with pytest.raises(FacecurateError, match="FACECURATE_CONTACT"):
        politeness({})
    with pytest.raises(UsageError, match="is no contact"):
        politeness({"FACECURATE_CONTACT": "nobody"})
    with pytest.raises(FacecurateError, match="on this machine"):
        politeness({"FACECURATE_LOCAL_HOST": "10.0.0.1:80"}, CONTACT)
    with pytest.raises(UsageError, match="above 0"):
        politeness({}, CONTACT, 0)
    assert politeness({"FACECURATE_LOCAL_HOST": "localhost:8000"}, CONTACT).local


def test_hostile_text_in_a_list_is_only_text(tmp_path, mine):
    text = "\x1b[31m<script>\u202e\0" + "x" * 9000
    with serving(a=reply(picture())) as server:
        source = listed(tmp_path, [[server.url("/a"), text, text], ["https://" + text, text, text]],
                        head=("url", "title", "license"))  # fmt: skip
        import_list(mine, source, polite(server))
    first, second = rows(mine)
    assert first["title"].startswith("\x1b[31m<script>") and len(first["title"]) == 2000
    assert first["license"].startswith("LicenseRef-31m-script") and len(first["license"]) < 100
    assert second["reason"] == "refused_address" and len(second["source"]) == 4096
    assert (
        json.loads(storage.read(mine.path("photos", "00000.json")))["settings"]["source"] == "urls"
    )


def test_starting_over_with_a_list_of_no_use_discards_nothing(tmp_path, mine):
    with serving(a=reply(picture())) as server:
        import_list(mine, listed(tmp_path, [[server.url("/a")]]), polite(server))
        for text in ("link\n", "url\n", "url\n \n"):
            (tmp_path / "bad.csv").write_text(text)
            with pytest.raises(FacecurateError):
                import_list(mine, str(tmp_path / "bad.csv"), polite(server), redo=True)
        assert len(rows(mine)) == 1
        stats = import_list(mine, str(tmp_path / "list.csv"), polite(server), redo=True)
        assert stats.notes == ("1 part discarded by --redo",) and len(server.paths()) == 2


def test_one_dataset_has_one_kind_of_source(tmp_path, mine):
    with serving(a=reply(picture())) as server:
        source = listed(tmp_path, [[server.url("/a")]])
        import_list(mine, source, polite(server))
        (tmp_path / "pictures").mkdir()
        (tmp_path / "pictures" / "a.jpg").write_bytes(picture())
        with pytest.raises(SettingsError, match='source = "urls"'):
            importing.import_folder(mine, str(tmp_path / "pictures"))
