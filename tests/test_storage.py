"""Files that are finished or not there at all, on this machine and on fsspec."""

import errno
import hashlib
import os
import signal
import socket
import subprocess
import sys
from collections import namedtuple
from pathlib import Path
from typing import ClassVar

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.registry import known_implementations

from facecurate import storage
from facecurate.errors import DamagedError, FacecurateError, NoSpaceError, UsageError

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(params=["local", "memory"])
def place(request, tmp_path, memory):
    return str(tmp_path / "place") if request.param == "local" else f"{memory}/place"


# -- the same on both --------------------------------------------------------------------------


def test_what_is_written_is_read(place):
    url = storage.join(place, "deep", "er", "a.bin")
    storage.write_atomic(url, b"first")
    storage.write_atomic(url, b"0123456789")
    assert storage.read(url) == b"0123456789"
    assert storage.size(url) == 10 and storage.name(url) == "a.bin"
    assert storage.digest(url) == hashlib.sha256(b"0123456789").hexdigest()


@pytest.mark.parametrize(
    "offset, size, expected",
    [(0, None, b"0123456789"), (3, None, b"3456789"), (3, 4, b"3456"), (8, 5, b"89"),
     (10, 3, b""), (20, 3, b""), (0, 0, b""), (4, 0, b"")],
)  # fmt: skip
def test_a_piece_of_a_file(place, offset, size, expected):
    url = storage.join(place, "a")
    storage.write_atomic(url, b"0123456789")
    assert storage.read(url, offset, size) == expected


def test_reading_is_seekable(place):
    url = storage.join(place, "a")
    storage.write_atomic(url, b"0123456789")
    with storage.reading(url) as file:
        file.seek(7)
        assert file.read() == b"789" and file.tell() == 10


@pytest.mark.parametrize("before", [None, b"old"])
def test_a_block_that_raises_leaves_what_was_there(place, before):
    url = storage.join(place, "a")
    if before:
        storage.write_atomic(url, before)
    with pytest.raises(ZeroDivisionError), storage.writing(url) as file:
        file.write(b"x" * 100_000)
        raise ZeroDivisionError
    assert storage.exists(url) == bool(before)
    assert storage.list(place) == (["a"] if before else [])
    if before:
        assert storage.read(url) == before
    if storage.is_local(url):
        assert os.listdir(place) == (["a"] if before else [])


def test_nothing_is_there_until_the_block_ends(place):
    url = storage.join(place, "a")
    with storage.writing(url) as file:
        file.write(b"x")
        assert not storage.exists(url) and storage.list(place) == []
    assert storage.list(place) == ["a"]


def test_what_is_not_there(place):
    url = storage.join(place, "none")
    with pytest.raises(FileNotFoundError):
        storage.read(url)
    with pytest.raises(DamagedError, match="none is missing"):
        storage.digest(url)
    assert storage.list(url) == [] and not storage.exists(url)
    assert not storage.is_file(url) and not storage.is_folder(url)
    storage.delete(url)


def test_list_names_what_is_directly_under(place):
    for name in ("b", "a", "c/d/e"):
        storage.write_atomic(storage.join(place, *name.split("/")), b"x")
    assert storage.list(place) == ["a", "b", "c"]
    assert storage.is_folder(storage.join(place, "c")) and storage.is_file(storage.join(place, "a"))


def test_walk_names_every_file_in_the_order_of_the_bytes(place):
    names = ["b", "a/z", "a-1", "Z", "é", "a/b/c"]
    for name in names:
        storage.write_atomic(storage.join(place, *name.split("/")), b"x")
    assert list(storage.walk(place)) == sorted(names, key=str.encode)


def test_a_pattern_gives_urls_that_can_be_read(place):
    for name in ("a/1.tar", "a/b c.tar", "b/2.tar", "b/x.txt"):
        storage.write_atomic(f"{place}/{name}", name.encode())
    found = storage.glob(f"{place}/*/*.tar")
    assert found == [f"{place}/{name}" for name in ("a/1.tar", "a/b c.tar", "b/2.tar")]
    assert [storage.read(url) for url in found] == [b"a/1.tar", b"a/b c.tar", b"b/2.tar"]
    assert storage.glob(f"{place}/**/x.txt") == [f"{place}/b/x.txt"]
    assert storage.glob(f"{place}/none/*") == []


def test_delete_takes_a_folder_with_all_it_holds(place):
    storage.write_atomic(storage.join(place, "a", "b", "c"), b"x")
    storage.write_atomic(storage.join(place, "d"), b"x")
    storage.delete(storage.join(place, "a"))
    assert list(storage.walk(place)) == ["d"]


def test_append_adds_lines(place):
    url = storage.join(place, "log", "l.jsonl")
    storage.append(url, "one")
    storage.append(url, "two é")
    assert storage.read(url) == "one\ntwo é\n".encode()


def test_text_lines_survive_other_encodings(place):
    storage.write_atomic(storage.join(place, "t"), b"a\r\nb\xff\n\nlast")
    assert list(storage.text_lines(storage.join(place, "t"))) == ["a", "b�", "", "last"]


# -- remote ------------------------------------------------------------------------------------


class Listing(MemoryFileSystem):
    """Keeps its listings, as object stores do."""

    protocol = "listing"
    store: ClassVar = {}
    pseudo_dirs: ClassVar = [""]

    def ls(self, path, detail=True, **options):
        path = self._strip_protocol(path)
        found = self._ls_from_cache(path)
        if found is None:
            found = super().ls(path, detail=True, **options)
            self.dircache[path] = found
        return found if detail else [f["name"] for f in found]


def test_a_listing_shows_what_another_process_wrote():
    fsspec.register_implementation("listing", Listing, clobber=True)
    Listing.store.clear()
    storage.write_atomic("listing://w/a", b"")
    assert storage.list("listing://w") == ["a"]
    (path,) = Listing.store
    Listing.store[path[:-1] + "b"] = Listing.store[path]  # behind this file system's back
    assert storage.list("listing://w") == ["a", "b"]


def test_urls_are_joined_and_known():
    assert storage.join("s3://b/", "x", "y") == "s3://b/x/y"
    assert storage.absolute("s3://b/x") == "s3://b/x"
    assert not storage.is_local("s3://b") and storage.is_shared("s3://b")
    assert not storage.is_shared("memory://b") and storage.free_space("memory://b") is None


# -- local -------------------------------------------------------------------------------------

WRITER = """
import sys, time
from facecurate import storage
with storage.writing(sys.argv[1]) as file:
    file.write(b"n" * 200_000)
    file.flush()
    print("half", flush=True)
    time.sleep(60)
"""


def test_a_killed_writer_leaves_the_old_file_and_something_to_sweep(tmp_path):
    target = tmp_path / "a"
    target.write_bytes(b"old")
    command = [sys.executable, "-c", WRITER, str(target)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=env) as writer:
        assert writer.stdout.readline() == b"half\n"
        writer.send_signal(signal.SIGKILL)
    assert target.read_bytes() == b"old"
    assert storage.list(str(tmp_path)) == ["a"]
    assert len(os.listdir(tmp_path)) == 2
    assert storage.sweep(str(tmp_path)) == 1
    assert os.listdir(tmp_path) == ["a"]


def test_a_written_file_has_usual_permissions(tmp_path):
    storage.write_atomic(str(tmp_path / "a"), b"")
    (tmp_path / "b").touch()
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_sweeping_takes_unfinished_files_only(tmp_path):
    (tmp_path / ".tmp-x").touch()
    (tmp_path / ".tmpx").touch()
    (tmp_path / "x.tmp-").touch()
    assert storage.sweep(str(tmp_path)) == 1
    assert sorted(os.listdir(tmp_path)) == [".tmpx", "x.tmp-"]
    assert storage.sweep(str(tmp_path / "none")) == 0


def test_sweeping_goes_deep_where_it_is_asked_to(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    for folder in (tmp_path, tmp_path / "a", tmp_path / "a" / "b"):
        (folder / ".tmp-x").touch()
        (folder / "kept").touch()
    assert storage.sweep(str(tmp_path)) == 1
    assert storage.sweep(str(tmp_path), deep=True) == 2
    assert len(list(storage.walk(str(tmp_path)))) == 3


def test_walk_enters_a_linked_folder_once_and_leaves_a_loop(tmp_path):
    (tmp_path / "real" / "sub").mkdir(parents=True)
    (tmp_path / "real" / "a").touch()
    (tmp_path / "real" / "sub" / "b").touch()
    (tmp_path / "real" / "sub" / "up").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "self").symlink_to(".")
    other = tmp_path / "elsewhere"
    other.mkdir()
    (other / "c").touch()
    (tmp_path / "real" / "link").symlink_to(other)
    (tmp_path / "real" / "twin").symlink_to(other)
    assert list(storage.walk(str(tmp_path / "real"))) == ["a", "link/c", "sub/b"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_a_folder_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "closed").mkdir(mode=0o000)
    (tmp_path / "a").touch()
    assert list(storage.walk(str(tmp_path))) == ["a", "closed"]


def test_names_that_are_no_utf8_are_walked_and_read(tmp_path):
    name = os.fsdecode(b"\xff\xe9.jpg")
    (tmp_path / name).write_bytes(b"x")
    assert list(storage.walk(str(tmp_path))) == [name]
    assert storage.read(storage.join(str(tmp_path), name)) == b"x"


def test_only_regular_files_are_files(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "a").touch()
    (tmp_path / "to_a").symlink_to("a")
    (tmp_path / "to_pipe").symlink_to("pipe")
    (tmp_path / "to_nothing").symlink_to("gone")
    with socket.socket(socket.AF_UNIX) as server:
        monkeypatch.chdir(tmp_path)  # socket paths are short
        server.bind("socket")
    names = storage.walk(str(tmp_path))
    assert [n for n in names if storage.is_file(str(tmp_path / n))] == ["a", "to_a"]


def test_deleting_a_link_leaves_what_it_points_to(tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "a").touch()
    (tmp_path / "link").symlink_to("kept")
    storage.delete(str(tmp_path / "link"))
    assert not (tmp_path / "link").exists() and (tmp_path / "kept" / "a").exists()


# -- a full disk -------------------------------------------------------------------------------


@pytest.fixture
def full(tmp_path, monkeypatch):
    """A folder on a disk of 64 KiB, or a file system that says so where none can be mounted."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        monkeypatch.setattr(os, "fsync", _disk_is_full)
    yield str(folder)
    if mounted:
        subprocess.run(["umount", str(folder)], check=True)


def _disk_is_full(handle):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_is_told_and_left_as_it_was(full):
    with pytest.raises(NoSpaceError, match=r"^the disk is full \([\d,]+ bytes") as told:
        storage.write_atomic(storage.join(full, "a"), os.urandom(1 << 20))
    assert told.value.exit_code == 75 and "small/a" in str(told.value)
    assert os.listdir(full) == []


def test_free_space_is_that_of_the_nearest_folder(tmp_path, monkeypatch):
    asked = []
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda p: asked.append(p) or usage(3, 1, 2))
    assert storage.free_space(str(tmp_path / "none" / "yet")) == 2
    assert asked == [tmp_path]


def test_parallel_appends_do_not_mix(tmp_path):
    script = (
        "import sys\nfrom facecurate import storage\n"
        "for i in range(200): storage.append(sys.argv[1], sys.argv[2] * 500)"
    )
    log = tmp_path / "log"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    writers = [subprocess.Popen([sys.executable, "-c", script, str(log), c], env=env) for c in "ab"]
    assert [w.wait() for w in writers] == [0, 0]
    assert sorted(log.read_text().split()) == ["a" * 500] * 200 + ["b" * 500] * 200


# -- places that are not there ------------------------------------------------------------------


def test_a_protocol_that_nobody_knows_is_told():
    with pytest.raises(UsageError, match="foo:// is no place for files.*give a folder or a URL"):
        storage.exists("foo://x/y")


def test_a_protocol_whose_package_is_missing_says_which(monkeypatch):
    known = {"class": "no_such_package.Files", "err": "Install no-such-package to read far://"}
    monkeypatch.setitem(known_implementations, "far", known)
    with pytest.raises(FacecurateError, match="far:// needs a package.*Install no-such-package"):
        storage.read("far://x/y")


def test_reads_keep_the_last_files_open_and_give_the_same_bytes(tmp_path, memory):
    urls = [*(str(tmp_path / f"{n}") for n in range(5)), f"{memory}/x"]
    for n, url in enumerate(urls):
        storage.write_atomic(url, bytes([n]) * 100 + b"end")
    before = len(os.listdir("/proc/self/fd"))
    with storage.Files(2) as reads:
        for url in [*urls, *reversed(urls), urls[0]]:
            assert reads.read(url, 98, 10) == storage.read(url, 98, 10) and len(url)
        assert len(os.listdir("/proc/self/fd")) <= before + 2
        with pytest.raises(FileNotFoundError):
            reads.read(str(tmp_path / "none"), 0, 1)
    assert len(os.listdir("/proc/self/fd")) == before
