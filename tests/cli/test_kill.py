"""Kill -9 at random moments of every command, run it again: the same bytes as an unbroken run."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pytest

# Small parts, so that a killed run has finished some of them and not others.
START = (
    "import facecurate.pool as p; from facecurate.synthesise import photos, w300;"
    "p.PART_SIZE = photos.PART_SIZE = w300.PART_SIZE = 8;"
    "from facecurate.cli import main; main()"
)

CHAIN: dict[str, list[str]] = {
    "synth": ["synth", "practice", "--count", "28", "--seed", "3"],
    "synth-300w": ["synth", "rendered-300w", "--layout", "300w", "--count", "24"],
    "import": ["import", "{folder}/photos", "--name", "mine"],
    "import-tars": ["import", "{folder}/in/t-{{0..2}}.tar", "--name", "tars"],
    "import-hdf5": ["import", "{folder}/in/train.h5", "--name", "hdf5"],
    "import-videos": ["import", "{folder}/in", "--name", "films"],
    "detect": ["detect", "practice", "--detector", "given"],
    "embed": ["embed", "practice"],
    "dedupe": ["dedupe", "practice"],
    "redundancy-report": ["redundancy-report", "practice"],
    "shard": ["shard", "practice", "--shard-size", "100KB"],
    "pretrain": [
        "pretrain", "--shards", "practice", "--steps", "6", "--batch-size", "8", "--name", "r",
    ],
    "finetune": [
        "finetune", "--dataset", "300w", "--fraction", "50%", "--steps", "4", "--rendered",
    ],
    "evaluate": [
        "evaluate", "--weights", "scratch,run:r", "--fractions", "100%", "--seeds", "1",
        "--steps", "3", "--rendered", "--workers", "0",
    ],
}  # fmt: skip


@dataclass(frozen=True)
class Run:
    """An unbroken run of one command: the workspace before and after it, and its seconds."""

    before: Path
    after: dict[str, str]
    seconds: float


def start(workspace: Path, words: list[str], folder: Path) -> subprocess.Popen[bytes]:
    words = [word.format(folder=folder) for word in words]
    command = [sys.executable, "-c", START, "--workspace", str(workspace), "-q", *words]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )


def finish(workspace: Path, words: list[str], folder: Path) -> None:
    process = start(workspace, words, folder)
    output, _ = process.communicate()
    assert process.returncode == 0, output.decode()


def digests(workspace: Path) -> dict[str, str]:
    """Every file but logs (they tell the time) and locks."""
    found = {}
    for path in sorted(workspace.rglob("*")):
        if path.is_file() and path.name != "log.jsonl" and not path.name.startswith(".lock"):
            found[str(path.relative_to(workspace))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``photos``: pictures and one file that is none; ``in``: the same as tars, HDF5, videos."""
    from facecurate import images, videos
    from facecurate.synth.corpora import photos_corpus

    where = tmp_path_factory.mktemp("sources")
    (where / "photos").mkdir()
    pictures = {p.file.replace("/", "-"): p.make()[0] for p in photos_corpus(12, 5)}
    for name, data in pictures.items():
        (where / "photos" / name).write_bytes(data)
    (where / "photos" / "notes.txt").write_text("no picture")
    (where / "in").mkdir()
    for i in range(3):
        with tarfile.open(where / "in" / f"t-{i}.tar", "w") as tar:
            for name in pictures:
                tar.add(where / "photos" / name, name)
    with h5py.File(where / "in" / "train.h5", "w") as file:
        runs = [np.frombuffer(data, np.uint8) for data in pictures.values()] * 3
        stored = file.create_dataset("images", (len(runs),), h5py.vlen_dtype(np.uint8))
        for i, run in enumerate(runs):
            stored[i] = run
    frame = images.resize(images.decode(next(iter(pictures.values()))).pixels, 160, 120)
    for i in range(3):
        shown = (np.roll(frame, 3 * k, axis=1) for k in range(13))
        videos.write_avi(str(where / "in" / f"v-{i}.avi"), shown)
    return where


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Iterator[dict[str, Run]]:
    root = tmp_path_factory.mktemp("chain")
    runs = {}
    workspace = root / "work"
    workspace.mkdir()
    for name, words in CHAIN.items():
        before = root / f"before-{name}"
        shutil.copytree(workspace, before)
        began = time.monotonic()
        finish(workspace, words, folder)
        runs[name] = Run(before, digests(workspace), time.monotonic() - began)
    yield runs
    shutil.rmtree(root)


def killed_and_finished(run: Run, words: list[str], folder: Path, at: float, where: Path) -> None:
    shutil.copytree(run.before, where)
    process = start(where, words, folder)
    try:
        process.wait(at)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    finish(where, words, folder)


def check(name: str, moments: int, run: Run, folder: Path, tmp_path: Path) -> None:
    seed = int(os.environ.get("FACECURATE_TEST_SEED", random.randrange(10**6)))
    print(f"{name}: seed {seed} (FACECURATE_TEST_SEED)")
    draw = random.Random(seed)

    def attempt(moment: int, at: float) -> None:
        where = tmp_path / str(moment)
        killed_and_finished(run, CHAIN[name], folder, at, where)
        left = digests(where)
        shutil.rmtree(where)
        wrong = {f for f in {*left, *run.after} if left.get(f) != run.after.get(f)}
        assert not wrong, f"seed {seed}, killed after {at:.2f} s of {run.seconds:.2f}: {wrong}"

    times = [draw.uniform(0.1, 1.0) * run.seconds for _ in range(moments)]
    with ThreadPoolExecutor(2) as pool:  # each waits for a process
        list(pool.map(attempt, range(moments), times))


@pytest.mark.parametrize("name", CHAIN)
def test_a_killed_command_run_again_leaves_the_same_bytes(
    name: str, unbroken: dict[str, Run], folder: Path, tmp_path: Path
) -> None:
    check(name, 3, unbroken[name], folder, tmp_path)


@pytest.mark.soak
@pytest.mark.parametrize("name", CHAIN)
def test_fifty_kills(name: str, unbroken: dict[str, Run], folder: Path, tmp_path: Path) -> None:
    check(name, 50, unbroken[name], folder, tmp_path)
