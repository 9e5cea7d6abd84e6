"""Worker processes that crash, die, refuse or lose their parent."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from facecurate.errors import FacecurateError, MissingExtraError, PartError, UsageError
from facecurate.workers import Task, limit_threads, map_tasks, single_thread

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Job(Task):
    folder: str
    action: str = "write"


def work(job, tick):
    """What a worker does; in a process of its own, so it may do anything."""
    if job.action == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    elif job.action == "exit":
        os._exit(3)
    elif job.action == "crash":
        raise ValueError("[red]\x1b nobody expected this")
    elif job.action == "refuse":
        raise UsageError("the word is off")
    elif job.action == "extra":
        raise MissingExtraError("the detector", "dlib")
    elif job.action == "linger":
        threading.Timer(0.1, os._exit, [0]).start()
    threads = {n: os.environ.get(n) for n in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS")}
    Path(job.folder, job.name).write_text(json.dumps({"pid": os.getpid(), **threads}))
    if job.action == "sleep":
        time.sleep(60)
    tick(1)
    tick(2)


def jobs(folder, *actions):
    return [Job(f"{i:05d}", str(folder), action) for i, action in enumerate(actions)]


def done(folder):
    return sorted(os.listdir(folder))


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_every_task_is_done_once_whatever_the_number_of_workers(tmp_path, workers):
    ticks, finished = [], []
    map_tasks(
        work,
        jobs(tmp_path, *["write"] * 5),
        workers=workers,
        total=15,
        progress=lambda done, total: ticks.append((done, total)),
        finished=lambda job: finished.append(job.name),
    )
    names = [f"{i:05d}" for i in range(5)]
    assert done(tmp_path) == names and sorted(finished) == names
    assert ticks[0] == (0, 15) and ticks[-1] == (15, 15) and ticks == sorted(ticks)
    pids = {json.loads((tmp_path / n).read_text())["pid"] for n in names}
    assert pids == {os.getpid()} if workers == 0 else 1 <= len(pids - {os.getpid()}) <= workers


def test_nothing_to_do_starts_nothing(tmp_path):
    map_tasks(work, [], workers=2, total=0, progress=lambda *a: pytest.fail("told"))


def test_a_worker_has_one_thread_and_the_parent_keeps_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("NUMBA_NUM_THREADS", raising=False)
    map_tasks(work, jobs(tmp_path, "write"), workers=1, total=3)
    told = json.loads((tmp_path / "00000").read_text())
    assert (told["OMP_NUM_THREADS"], told["NUMBA_NUM_THREADS"]) == ("1", "1")
    assert os.environ["OMP_NUM_THREADS"] == "7" and "NUMBA_NUM_THREADS" not in os.environ


def test_a_lost_task_is_named_and_costs_no_other(tmp_path):
    actions = ["write", "killed", "write", "exit", "crash", "write"]
    with pytest.raises(PartError) as told:
        map_tasks(work, jobs(tmp_path, *actions), workers=2, total=18)
    assert done(tmp_path) == ["00000", "00002", "00005"]
    assert "(and 2 more); 3 parts were finished: run the command again" in str(told.value)


@pytest.mark.parametrize(
    "action, cause",
    [("killed", "its worker was killed by SIGKILL"), ("exit", "its worker ended with code 3"),
     ("crash", "ValueError: [red]� nobody expected this")],
)  # fmt: skip
def test_the_cause_of_a_loss_is_told(tmp_path, action, cause, capfd):
    with pytest.raises(PartError) as told:
        map_tasks(work, jobs(tmp_path, action), workers=1, total=3)
    assert str(told.value).startswith(f"part 00000 failed: {cause}")
    assert told.value.exit_code == 1
    if action == "crash":
        assert "in work" in str(told.value.__cause__)  # for -v, and nowhere else
    assert capfd.readouterr().err == ""


def test_a_crash_in_this_process_costs_its_own_task_too(tmp_path):
    with pytest.raises(PartError, match=r"part 00001 failed: ValueError.*2 parts were finished"):
        map_tasks(work, jobs(tmp_path, "write", "crash", "write"), workers=0, total=9)
    assert done(tmp_path) == ["00000", "00002"]


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize(
    "action, code, message",
    [("refuse", 2, "the word is off"), ("extra", 1, "the detector needs: pip install.*dlib")],
)
def test_an_error_for_the_user_ends_the_run(tmp_path, workers, action, code, message):
    with pytest.raises(FacecurateError, match=f"^{message}") as told:
        map_tasks(work, jobs(tmp_path, "write", action, "write"), workers=workers, total=9)
    assert told.value.exit_code == code
    assert done(tmp_path) == ["00000"]


def test_a_worker_that_dies_between_tasks_is_noticed(tmp_path):
    def finished(job):
        if job.action == "linger":
            time.sleep(0.5)  # until the worker is gone

    with pytest.raises(
        PartError, match=r"part 00001 failed: its worker ended with code 0; 2 parts"
    ):
        map_tasks(
            work, jobs(tmp_path, "linger", "write", "write"), workers=1, total=9, finished=finished
        )
    assert done(tmp_path) == ["00000", "00002"]


def test_an_error_of_the_parent_ends_the_workers(tmp_path):
    def finished(job):
        raise UsageError("stop")

    with pytest.raises(UsageError, match="stop"):
        map_tasks(work, jobs(tmp_path, "write", "sleep"), workers=2, total=6, finished=finished)
    for name in done(tmp_path):
        assert ended(json.loads((tmp_path / name).read_text())["pid"])


@pytest.mark.timeout(90)
def test_workers_start_after_torch_and_faiss_had_threads(tmp_path):
    torch, faiss = (
        pytest.importorskip("torch", reason="not installed: run 'make test'"),
        pytest.importorskip("faiss", reason="not installed: run 'make test'"),
    )
    vectors = torch.rand(2000, 64)
    assert (vectors @ vectors.T).shape == (2000, 2000)
    index = faiss.IndexFlatL2(64)
    index.add(vectors.numpy())
    assert index.search(vectors.numpy(), 3)[1].shape == (2000, 3)
    map_tasks(work, jobs(tmp_path, "write", "write"), workers=2, total=6)
    assert done(tmp_path) == ["00000", "00001"]


def test_threads_come_back_when_work_in_this_process_ends(monkeypatch):
    cv2, pyarrow = (
        pytest.importorskip("cv2", reason="not installed: run 'make test'"),
        pytest.importorskip("pyarrow", reason="not installed: run 'make test'"),
    )
    before = cv2.getNumThreads(), pyarrow.cpu_count()
    cv2.setNumThreads(3)
    pyarrow.set_cpu_count(5)
    try:
        with single_thread():
            assert (cv2.getNumThreads(), pyarrow.cpu_count()) == (1, 1)
            with single_thread():
                pass
            assert (cv2.getNumThreads(), pyarrow.cpu_count()) == (1, 1)
            limit_threads()
            assert (cv2.getNumThreads(), pyarrow.cpu_count()) == (1, 1)
        assert (cv2.getNumThreads(), pyarrow.cpu_count()) == (3, 5)
    finally:
        cv2.setNumThreads(before[0])
        pyarrow.set_cpu_count(before[1])


# -- a parent that ends ------------------------------------------------------------------------

PARENT = """
import signal, sys
from facecurate.workers import map_tasks
from test_workers import jobs, work

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs ignore it
    map_tasks(work, jobs(sys.argv[1], "sleep", "sleep"), workers=2, total=6)
"""


def ended(pid):
    """True for a process that is gone, or is only waiting to be noticed by its parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] in "ZX"
    except FileNotFoundError:
        return True


def within(seconds, condition):
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.02)
    return condition()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc")
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_workers_end_with_their_parent(tmp_path, end):
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    folder = tmp_path / "done"
    folder.mkdir()
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
    with open(tmp_path / "told", "w") as told:
        parent = subprocess.Popen(
            [sys.executable, str(script), str(folder)],
            env=env, start_new_session=True, stderr=told,
        )  # fmt: skip
    try:
        files = [folder / "00000", folder / "00001"]
        assert within(30, lambda: all(f.exists() and f.read_text() for f in files))
        pids = [json.loads(f.read_text())["pid"] for f in files]
        if end == signal.SIGINT:
            os.killpg(parent.pid, end)  # as a terminal does
        else:
            parent.send_signal(end)
        assert parent.wait(20) == -end
        assert within(10, lambda: all(map(ended, pids)))
        told = (tmp_path / "told").read_text()
        assert told.count("Traceback") == (end == signal.SIGINT)  # the parent's own alone
    finally:
        parent.kill()
        parent.wait()


def test_one_thread_is_one_thread_whichever_library_starts_first():
    """Numba sets OpenMP's number of threads as it starts its own: torch's must be set after it."""
    code = (
        "import numba, torch\n"
        "from facecurate.workers import single_thread\n"
        "with single_thread():\n"
        "    print(torch.get_num_threads(), numba.get_num_threads())\n"
    )
    more = {**os.environ, "OMP_NUM_THREADS": "3", "NUMBA_NUM_THREADS": "3"}
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], env=more, capture_output=True, text=True
    )
    assert ran.stdout == "1 1\n", ran.stderr
