"""Names, locks, the log and links."""

import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facecurate import __version__, storage, workspace
from facecurate.errors import FacecurateError, LockedError, UsageError
from facecurate.records import TOMBSTONE_SCHEMA, to_parquet, to_table
from facecurate.workspace import Workspace, add_link, check_name, links, suggest_name

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(params=["local", "memory"])
def place(request, tmp_path, memory):
    return str(tmp_path / "data") if request.param == "local" else memory


# -- names -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a", "0", "flickr-face", "x" * 64, "a-", "00d7"])
def test_a_name_of_the_contract_is_taken(name):
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", "-a", "A", "a_b", "a.b", "a/b", "..", "x" * 65, "a\n", "é", "a b", "a\0", "[red]",
     "runs", "cache", "tombstones"],
)  # fmt: skip
def test_another_name_is_refused_with_one_that_would_do(name):
    with pytest.raises(UsageError) as told:
        check_name(name)
    check_name(re.search(r"try --name (\S+)$", str(told.value))[1])
    assert str(told.value).isprintable()


@given(st.text(st.characters()))
def test_what_is_suggested_is_valid(text):
    check_name(suggest_name(text))


def test_a_suggestion_resembles_the_folder():
    assert suggest_name("My Photos (2024)") == "my-photos-2024"
    assert suggest_name("runs") == "runs-data" and suggest_name("写真") == "photos"


def dataset(place, name="mine", photos=True):
    if photos:
        storage.write_atomic(storage.join(place, name, "photos", "00000.json"), b"{}")
    return Workspace(place).dataset(name)


def test_the_datasets_of_a_workspace_are_those_with_photos(place):
    for name in ("b", "a", "runs", "Not-One"):
        storage.write_atomic(storage.join(place, name, "photos", "00000.json"), b"{}")
    storage.write_atomic(storage.join(place, "empty", "log.jsonl"), b"")
    assert Workspace(place).names() == ["a", "b"]
    assert Workspace(storage.join(place, "none")).names() == []


def test_the_only_dataset_needs_no_name(place):
    with pytest.raises(FacecurateError, match=r"facecurate demo.*facecurate import FOLDER") as none:
        Workspace(place).only()
    dataset(place, "a")
    assert Workspace(place).only() == "a"
    dataset(place, "b")
    with pytest.raises(UsageError, match=r"facecurate detect a; facecurate detect b$") as two:
        Workspace(place).only("detect {}")
    assert (none.value.exit_code, two.value.exit_code) == (1, 2)


def test_runs_that_are_finished(place):
    for run, file in (("a", "weights.safetensors"), ("b", "config.json")):
        storage.write_atomic(storage.join(place, "runs", run, file), b"")
    assert Workspace(place).runs() == ["a"]


# -- the lock ------------------------------------------------------------------------------------

HOLDER = """
import sys
from facecurate.workspace import Workspace
with Workspace(sys.argv[1]).dataset("mine").lock("detect") as left:
    print(left, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """A process that holds the lock until its input ends."""
    running = []

    def start(place):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, place],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return process, process.stdout.readline().strip()

    yield start
    for process in running:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("place", ["local"], indirect=True)
def test_a_second_writer_is_told_who_holds_the_dataset(place, holder):
    process, left = holder(place)
    assert left == "None"
    expected = (
        f"mine is being written by 'detect' (process {process.pid} on {socket.gethostname()})"
    )
    with pytest.raises(LockedError) as told, dataset(place).lock("dedupe"):
        pytest.fail("two at once")
    assert str(told.value).startswith(expected) and told.value.exit_code == 75
    process.communicate("")
    with dataset(place).lock("dedupe") as left:
        assert left is None


@pytest.mark.parametrize("place", ["local"], indirect=True)
def test_a_dead_holder_is_taken_over_with_a_line(place, holder):
    process, _ = holder(place)
    process.send_signal(signal.SIGKILL)
    process.wait()
    with dataset(place).lock("dedupe") as left:
        assert left == (
            f"'detect' (process {process.pid} on {socket.gethostname()}) ended without finishing; "
            "going on from there"
        )
    with dataset(place).lock("dedupe") as left:
        assert left is None


def test_another_dataset_is_not_locked(place):
    with dataset(place, "a").lock("x"), dataset(place, "b").lock("x") as left:
        assert left is None


def test_an_error_is_an_orderly_end_and_an_interruption_is_not(place):
    for error, left_expected in ((FacecurateError("x"), False), (KeyboardInterrupt(), True)):
        with pytest.raises(type(error)), dataset(place).lock("import"):
            raise error
        with dataset(place).lock("import") as left:
            assert bool(left) == left_expected


def test_the_same_process_does_not_hold_it_twice(place):
    with (
        dataset(place).lock("import"),
        pytest.raises(LockedError, match="'import'"),
        dataset(place).lock("detect"),
    ):
        pytest.fail("two at once")


@pytest.mark.parametrize("place", ["local"], indirect=True)
def test_the_lock_lies_in_the_dataset_and_sweeps_it(place):
    mine = dataset(place)
    left_over = Path(mine.path(".tmp-clusters.parquet-abc"))
    left_over.touch()
    with mine.lock("dedupe"):
        assert Path(mine.path(".lock")).exists() and not left_over.exists()
        told = json.loads(Path(mine.path(".lock.json")).read_text())
        assert told == {"pid": os.getpid(), "host": socket.gethostname(), "command": "dedupe"}
    assert not Path(mine.path(".lock.json")).exists()


# -- the log ---------------------------------------------------------------------------------------


def test_a_line_of_the_log(place):
    arguments = ["crawl", "--query", "faces\n[red]", "--api-key", "SECRET", "--token=SECRET"]
    mine = dataset(place)
    counts = {"photos": {"taken": 1, "kept": 1, "dropped": {}}}
    for began in (0.0, 60.0):
        workspace.log(mine, arguments=arguments, began=began, exit_code=75, counts=counts)
    lines = storage.read(mine.path("log.jsonl")).decode().splitlines()
    first, second = map(json.loads, lines)
    assert list(first) == [
        "time", "command", "version", "seconds", "peak_memory_bytes", "counts", "exit_code",
    ]  # fmt: skip
    assert first["time"] == "1970-01-01T00:00:00Z" and second["time"] == "1970-01-01T00:01:00Z"
    assert first["command"] == [
        "crawl", "--query", "faces\n[red]", "--api-key", "***", "--token=***",
    ]  # fmt: skip
    assert (first["version"], first["exit_code"], first["counts"]) == (__version__, 75, counts)
    assert first["seconds"] > 0 and first["peak_memory_bytes"] > 1 << 20


@pytest.mark.parametrize(
    "arguments, shown",
    [(["--flickr-secret", "S", "--name", "a"], ["--flickr-secret", "***", "--name", "a"]),
     (["--API_KEY=S"], ["--API_KEY=***"]),
     (["--password", "S"], ["--password", "***"]),
     (["why", "a-key_000"], ["why", "a-key_000"]),
     (["--keep", "first"], ["--keep", "first"]),
     (["--workspace=s3://id:S@bucket/a"], ["--workspace=s3://***@bucket/a"]),
     (["ftp://u:S@host/p@q"], ["ftp://***@host/p@q"])],
)  # fmt: skip
def test_secrets_are_not_logged(arguments, shown):
    assert workspace.public_arguments(arguments) == shown


# -- tombstones ------------------------------------------------------------------------------------


def test_tombstones_are_read_from_the_workspace(place):
    assert workspace.tombstones(place) == frozenset()
    digest = hashlib.sha256(b"mine-1").digest()
    table = to_table([{"kind": "photo", "id_sha256": digest}], TOMBSTONE_SCHEMA)
    storage.write_atomic(storage.join(place, "tombstones.parquet"), to_parquet(table))
    assert workspace.tombstones(place) == {("photo", digest)}


# -- links -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "root",
    ["/data/300w", '/a "quoted" [name]', "/back\\slash", "/tab\tnew\nline\x7f\x01", "/é/写真/📷",
     "/\u202ertl", "memory://x/y"],
)  # fmt: skip
def test_a_link_comes_back_as_it_was_written(place, root):
    add_link(workspace.user_config(), "300w", root=root)
    add_link(workspace.user_config(), "disfa", root="/d", rendered=True)
    found = links(place)
    assert found["300w"] == [workspace.Link("300w", root)]
    assert found["disfa"] == [workspace.Link("disfa", "/d", rendered=True)]


def test_the_users_own_link_comes_before_the_rendered_one(place):
    config = storage.join(place, workspace.CONFIG)
    add_link(config, "300w", name="rendered-300w", rendered=True)
    stand_in = storage.join(place, "rendered-300w", "files")
    expected = workspace.Link("300w", stand_in, rendered=True, name="rendered-300w")
    assert links(place) == {"300w": [expected]}
    add_link(workspace.user_config(), "300w", root="/own")
    assert [link.rendered for link in links(place)["300w"]] == [False, True]


def test_a_link_is_replaced_not_doubled(place):
    for root in ("/a", "/b"):
        add_link(workspace.user_config(), "300w", root=root)
    assert [link.root for link in links(place)["300w"]] == ["/b"]


@pytest.mark.parametrize(
    "text", ["links = 3", "[links", "[links.300w]", "links.a = 'b'", "\xff\xfe\0"]
)
def test_damaged_links_are_named(place, text):
    storage.write_atomic(workspace.user_config(), text.encode("latin-1"))
    with pytest.raises(FacecurateError, match="cannot be read as links") as told:
        links(place)
    assert workspace.user_config() in str(told.value)


OWN = """# mine
[[rules]]
list = [
    ["a"],
]
text = '''
[links.no]
'''

["links" . a]  # told by hand
root = "/a"

[links_of_mine]
root = "/not one of ours"
"""


def test_what_else_is_in_the_file_stays(place):
    config = storage.join(place, workspace.CONFIG)
    storage.write_atomic(config, OWN.replace("[links.no]", "links.no").encode())
    for _ in range(2):
        add_link(config, "b", root="/b")
    text = storage.read(config).decode()
    assert text.startswith("# mine\n[[rules]]\nlist = [\n") and text.count("/b") == 1
    assert "[links_of_mine]" in text
    assert {name: link.root for name, (link,) in links(place).items()} == {"a": "/a", "b": "/b"}


@pytest.mark.parametrize("text", [OWN, 'links.a.root = "/a"\n', 'links = {a = {root = "/a"}}\n'])
def test_what_cannot_be_rewritten_is_left_and_the_lines_are_told(place, text):
    config = storage.join(place, workspace.CONFIG)
    storage.write_atomic(config, text.encode())
    with pytest.raises(FacecurateError) as told:
        add_link(config, "b", root="/b")
    assert str(told.value).endswith('add these lines to it yourself: [links."b"]; root = "/b"')
    assert storage.read(config).decode() == text


@pytest.mark.parametrize("text", ["links = 3", "[links", "\xff\xfe\0"])
def test_a_link_into_a_damaged_file_is_refused_and_the_file_left(text):
    storage.write_atomic(workspace.user_config(), text.encode("latin-1"))
    with pytest.raises(FacecurateError, match="cannot be read as links"):
        add_link(workspace.user_config(), "300w", root="/a")
    assert storage.read(workspace.user_config()) == text.encode("latin-1")


def test_links_written_at_once_are_all_kept(tmp_path):
    config = str(tmp_path / workspace.CONFIG)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: add_link(config, f"d{i}", root="/x"), range(40)))
    assert len(links(str(tmp_path))) == 40
